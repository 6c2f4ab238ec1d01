//! Which file of a spool keeps which setting.

use super::{folder, spool};
use crate::finding::Findings;
use crate::model::design::MailingList;
use crate::target::lists::Kept;
use bstr::BString;

/// Settings and the files of `control/` that keep them; what is not there is off.
const FILES: &[(&str, &[&str])] = &[
    (
        "posting",
        &["modonlypost", "moderated", "modnonsubposts", "subonlypost", "ifmodsendonlymodmoderate"],
    ),
    ("subscribing", &["closedlist", "submod"]),
    ("subscribing-confirmed", &["nosubconfirm"]),
    ("unsubscribing-confirmed", &["nosubconfirm"]),
    ("prefix", &["prefix"]),
    ("trailer", &["footer"]),
    ("headers-added", &["customheaders"]),
    ("headers-removed", &["delheaders"]),
    ("largest-bytes", &["maxmailsize"]),
    ("digest-posts", &["digestmaxmails"]),
    ("digest-seconds", &["digestinterval"]),
    ("held-seconds", &["modreqlife"]),
    ("archived", &["noarchive"]),
    ("archive-readers", &["noget", "subonlyget"]),
];

/// Settings that rules of `access` keep, and what each rule begins with.
const RULES: &[(&str, &str)] = &[
    ("parent", "deny !^Return-Path:"),
    ("to-or-cc-required", "deny !^(To|Cc):"),
    ("subject-required", "deny !^Subject:"),
    ("subject-commands-refused", "deny ^Subject:[[:blank:]]*(help"),
    ("types-refused", "deny ^Content-Type:"),
    ("bulk-discarded", "discard ^Precedence:"),
];

pub(super) fn of(list: &MailingList) -> Vec<Kept> {
    let control = spool::control(list, &[], &mut Findings::default());
    let file = |name: &str| folder(list).join("control").join(name);
    let mut kept = Vec::new();
    for (setting, names) in FILES {
        let there: Vec<&&str> = names.iter().filter(|name| control.contains_key(**name)).collect();
        for name in &there {
            let value = control.get(**name).map(|text| joined(text));
            kept.push(Kept { setting, file: file(name), value });
        }
        let first = names.first().filter(|_| there.is_empty());
        kept.extend(first.map(|name| Kept { setting, file: file(name), value: None }));
    }
    let rules = control.get("access").map(String::as_str).unwrap_or_default();
    let rule = |setting, value: &str| {
        let value = Some(value.into());
        Kept { setting, file: file("access"), value }
    };
    kept.extend(rules.lines().last().map(|last| rule("posting", last)));
    for (setting, front) in RULES {
        let own = rules.lines().find(|line| line.starts_with(front));
        kept.extend(own.map(|line| rule(setting, line)));
    }
    let refused = list.list.filters.refused_fields.first();
    let fields = refused.and_then(|_| rules.lines().find(|line| line.starts_with("deny ^")));
    kept.extend(fields.map(|line| rule("fields-refused", line)));
    let headers = control.get("customheaders").filter(|_| list.list.list_id.is_some());
    kept.extend(headers.map(|text| {
        let (file, value) = (file("customheaders"), Some(joined(text)));
        Kept { setting: "list-id", file, value }
    }));
    let interval = control.get("digestinterval").filter(|_| list.list.digests.value);
    kept.extend(interval.map(|text| {
        let (file, value) = (file("digestinterval"), Some(joined(text)));
        Kept { setting: "digests", file, value }
    }));
    let last = BString::from(spool::last_post(&list.list).to_string());
    kept.push(Kept { setting: "last-post", file: folder(list).join("index"), value: Some(last) });
    kept
}

/// The lines of a text as one.
fn joined(text: &str) -> BString {
    text.lines().collect::<Vec<_>>().join("; ").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::list::Posting;
    use crate::target::lists::tests::list;

    #[test]
    fn each_setting_is_told_with_its_file() {
        let mut list = list(Posting::Members);
        list.list.wants_address = true;
        let kept = of(&list);
        let told = |setting: &str| {
            let own = kept.iter().filter(|kept| kept.setting == setting);
            own.map(|kept| format!("{} {:?}", kept.file.file_name(), kept.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(told("posting"), ["subonlypost Some(\"\")", "access Some(\"allow\")"]);
        assert_eq!(told("archived"), ["noarchive None"]);
        assert_eq!(told("digest-posts"), ["digestmaxmails Some(\"30\")"]);
        assert!(told("to-or-cc-required")[0].starts_with("access Some(\"deny !^(To|Cc):"));
        assert!(told("bulk-discarded").is_empty());
        let rules = RULES.iter().map(|(setting, _)| *setting);
        for setting in FILES.iter().map(|(setting, _)| *setting).chain(rules) {
            assert!(list.list.settings().iter().any(|known| known.name == setting), "{setting}");
        }
    }
}
