//! Which attribute of a list keeps which setting.

use super::{KIT, posting, settings, texts};
use crate::finding::Findings;
use crate::model::RelPath;
use crate::model::design::MailingList;
use crate::target::lists::told::Told;
use crate::target::lists::{Kept, Run, last_post};
use serde_json::Value;

/// Settings and the attributes that keep them.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    (
        "posting",
        &[
            "default_member_action",
            "default_nonmember_action",
            "accept_these_nonmembers",
            "hold_these_nonmembers",
        ],
    ),
    ("to-or-cc-required", &["require_explicit_destination"]),
    ("subscribing", &["subscription_policy", "advertised"]),
    ("subscribing-confirmed", &["subscription_policy"]),
    ("unsubscribing-confirmed", &["unsubscription_policy"]),
    ("prefix", &["subject_prefix"]),
    ("headers-added", &["reply_goes_to_list", "reply_to_address"]),
    ("headers-removed", &["first_strip_reply_to"]),
    ("parent", &["accept_these_nonmembers"]),
    ("types-removed", &["filter_types"]),
    ("types-kept", &["pass_types"]),
    ("from-rewritten", &["dmarc_mitigate_action"]),
    ("largest-bytes", &["max_message_size"]),
    ("digests", &["digests_enabled"]),
    ("digest-bytes", &["digest_size_threshold"]),
    ("held-seconds", &["max_days_to_hold"]),
    ("language", &["preferred_language"]),
    ("archived", &["archive_policy"]),
    ("archive-readers", &["archive_policy"]),
];

pub(super) fn of(list: &MailingList) -> Vec<Kept> {
    let run = Run { at: &list.list.address, list, aliases: Vec::new(), owners: Vec::new() };
    let (posting, mut findings) = (posting::Posting::of(&list.list), Findings::default());
    let mut told = Told { manager: "Mailman", list: &list.list, findings: &mut findings };
    let config = settings::config(&run, &posting, &mut told);
    let kept = |setting, name: &str, value: &str| {
        let file = RelPath::new(KIT).join("lists.jsonl");
        Kept { setting, file, value: Some(format!("{name}: {value}").into()) }
    };
    let attributes = ATTRIBUTES.iter().flat_map(|(setting, names)| {
        let told = names.iter().filter_map(|name| Some((*name, shown(config.get(*name)?)?)));
        told.map(|(name, value)| kept(*setting, name, &value)).collect::<Vec<_>>()
    });
    let has = |setting: &str| {
        let all = list.list.settings();
        all.iter().any(|known| known.name == setting && !known.value.is_nothing())
    };
    let always_there = ["parent", "digest-bytes", "language"];
    let mut all: Vec<Kept> =
        attributes.filter(|it| !always_there.contains(&it.setting) || has(it.setting)).collect();
    let fields = posting.header_matches.iter().filter(|rule| rule["pattern"] == ".*");
    all.extend(fields.map(|rule| kept("fields-refused", "header_matches", &rule.to_string())));
    let types = posting.header_matches.iter().filter(|rule| rule["header"] == "content-type");
    all.extend(types.map(|rule| kept("types-refused", "header_matches", &rule.to_string())));
    let bulk = posting.header_matches.iter().filter(|rule| rule["action"] == "discard");
    all.extend(bulk.map(|rule| kept("bulk-discarded", "header_matches", &rule.to_string())));
    if list.list.confirm_posts.value {
        all.push(kept("posts-confirmed", "default_member_action", posting::word(posting.members)));
    }
    if list.list.trailer.is_some() {
        let footer = texts::footer(&list.list);
        all.push(kept("trailer", "footer", &footer.lines().collect::<Vec<_>>().join("; ")));
    }
    let next = last_post(&list.list).saturating_add(1);
    all.push(kept("last-post", "post_id", &next.to_string()));
    all
}

/// A value as Mailman shows it; `None` where it says nothing.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    (!text.is_empty() && text != "0" && text != "no_munging" && text != "false").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::list::Posting;
    use crate::target::lists::tests::list;

    #[test]
    fn each_setting_is_told_with_its_attribute() {
        let mut list = list(Posting::Members);
        list.list.discards_bulk = true;
        list.list.confirm_posts.value = true;
        list.list.confirm_unsubscribe.value = false;
        let kept = of(&list);
        let told = |setting: &str| {
            let own = kept.iter().filter(|kept| kept.setting == setting);
            own.map(|kept| kept.value.clone().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(told("posts-confirmed"), ["default_member_action: hold"]);
        assert_eq!(told("unsubscribing-confirmed"), ["unsubscription_policy: open"]);
        assert_eq!(told("bulk-discarded").len(), 1);
        assert_eq!(told("last-post"), ["post_id: 1"]);
        assert!(told("largest-bytes").is_empty() && told("digest-posts").is_empty());
        for one in &kept {
            let is_known = |known: &crate::model::list::Setting<'_>| known.name == one.setting;
            assert!(list.list.settings().iter().any(is_known), "{}", one.setting);
        }
    }
}
