//! Which setting of a list's folder keeps which old setting.

use super::{KIT, config, scenario};
use crate::finding::Findings;
use crate::model::RelPath;
use crate::model::design::MailingList;
use crate::target::lists::told::Told;
use crate::target::lists::{Kept, Run, last_post, texts};

/// Old settings and a part of the rules of `send` that keep them, which no name in a rule has.
const RULES: &[(&str, &str)] = &[
    ("posting", "search("),
    ("posting", "is_subscriber("),
    ("posting", "true()"),
    ("parent", "search('unqmail-parent.txt'"),
    ("posts-confirmed", "-> request_auth"),
    ("bulk-discarded", "/^(bulk|junk)"),
    ("to-or-cc-required", "[is_bcc]"),
    ("subject-required", "!match("),
    ("subject-commands-refused", "(help|remove"),
    ("fields-refused", "],/./)"),
    ("types-refused", "[header->content-type],/^"),
    ("types-refused", "[msg_part->type]"),
];

/// What keeps them is there without them too.
const ALWAYS_THERE: &[&str] = &["digests", "moderators-list-members", "types-refused"];

/// Old settings and what keeps them in `config`.
const SETTINGS: &[(&str, &[&str])] = &[
    ("subscribing", &["subscribe", "visibility"]),
    ("subscribing-confirmed", &["subscribe"]),
    ("unsubscribing-confirmed", &["unsubscribe"]),
    ("prefix", &["custom_subject"]),
    ("headers-added", &["custom_header", "reply_to_header.value", "reply_to_header.other_email"]),
    ("headers-removed", &["remove_headers", "reply_to_header.apply"]),
    ("moderators-list-members", &["review"]),
    ("from-rewritten", &["dmarc_protection.mode"]),
    ("largest-bytes", &["max_size"]),
    ("held-seconds", &["clean_delay_queuemod"]),
    ("digests", &["digest"]),
    ("language", &["lang"]),
    ("archived", &["process_archive"]),
    ("archive-readers", &["archive.mail_access"]),
];

pub(super) fn of(list: &MailingList) -> Vec<Kept> {
    let run = Run { at: &list.list.address, list, aliases: Vec::new(), owners: Vec::new() };
    let mut findings = Findings::default();
    let mut told = Told { manager: "Sympa", list: &list.list, findings: &mut findings };
    let settings = config::of(&run, &mut told);
    let kept = |setting, name: &str, value: &str| {
        let file = RelPath::new(KIT).join("lists.jsonl");
        Kept { setting, file, value: Some(format!("{name}: {value}").into()) }
    };
    let mut all = Vec::new();
    for (old, names) in SETTINGS {
        let own = settings.iter().filter(|(name, value)| names.contains(name) && value != "0");
        all.extend(own.map(|(name, value)| kept(*old, name, value)));
    }
    let files = scenario::files(&list.list);
    let rules = files.get("scenari/send.unqmail").map(String::as_str).unwrap_or_default();
    for (old, part) in RULES {
        let own = rules.lines().filter(|line| line.contains(part));
        all.extend(own.map(|line| kept(*old, "send", line)));
    }
    let old = list.list.settings();
    let is_off = |name: &str| old.iter().any(|it| it.name == name && it.value.is_nothing());
    all.retain(|kept| !(ALWAYS_THERE.contains(&kept.setting) && is_off(kept.setting)));
    if list.list.trailer.is_some() {
        let footer = texts::trailer(&list.list);
        all.push(kept("trailer", "message_footer", &footer.lines().collect::<Vec<_>>().join("; ")));
    }
    all.push(kept("last-post", "stats", &last_post(&list.list).to_string()));
    all
}
