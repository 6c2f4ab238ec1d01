//! Who may post, as a scenario of the list's own (`Sympa::Scenario`).
//!
//! A scenario is a list of rules; the first that holds decides. What it says is made of fixed lines
//! only: addresses stand in files beside it, which `search` reads line by line, and the senders that
//! it compares with them are envelope senders (`sender_headers`).

use super::members::fits;
use crate::model::list::{List, Posting};
use crate::model::{Address, Sourced};
use crate::target::lists::posting::{Action, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The name by which the list's `config` calls its scenario.
pub(super) const NAME: &str = "unqmail";

/// However the sender was told: by the envelope, a signature, a key that was sent to him.
const ANY: &str = "smtp,dkim,md5,smime";

const DENIED: &str = "search_filters/unqmail-denied.txt";
const HELD_BACK: &str = "search_filters/unqmail-held-back.txt";
const NAMED: &str = "search_filters/unqmail-named.txt";

/// The scenario and its files, by their path in the list's folder.
pub(super) fn files(list: &List) -> BTreeMap<&'static str, String> {
    let rule = Rule::of(list);
    let mut files = BTreeMap::new();
    let mut rules = String::from("title The rule of the old list\n\n");
    let mut add = |condition: &str, action: &str| {
        // Each sender is asked to confirm his post by the key that he is sent.
        let ways = if action == "do_it" && list.confirm_posts {
            vec![("smtp,dkim", "request_auth"), ("md5,smime", action)]
        } else {
            vec![(ANY, action)]
        };
        for (way, action) in ways {
            let _ = writeln!(rules, "{condition} {way} -> {action}");
        }
    };
    if list.discards_bulk {
        add("match([header->precedence],/^(bulk|junk)/)", "reject,quiet");
    }
    if list.wants_address {
        add("equal([is_bcc],1)", "reject");
    }
    let others = action(rule.others, list.posting.value);
    let mut search = |path: &'static str, entries: &[Sourced<Address>], action: &str| {
        let lines = lines(entries);
        if !lines.is_empty() {
            let name = path.strip_prefix("search_filters/").unwrap_or(path);
            add(&format!("search('{name}',[sender])"), action);
            files.insert(path, lines);
        }
    };
    search(DENIED, &list.denied, "reject");
    search(HELD_BACK, &list.held_back, others);
    search(NAMED, rule.named, action(rule.known, list.posting.value));
    if rule.members != rule.others {
        add("is_subscriber([listname],[sender])", action(rule.members, list.posting.value));
    }
    add("true()", others);
    files.insert("scenari/send.unqmail", rules);
    files
}

/// Sympa's word for what becomes of a post. ezmlm tells nobody that a post waits: `quiet`.
fn action(action: Action, posting: Posting) -> &'static str {
    match (action, posting) {
        (Action::Send, _) => "do_it",
        (Action::Hold, _) => "editorkey,quiet",
        (Action::Refuse, Posting::Members) => "reject(reason='send_subscriber')",
        (Action::Refuse, Posting::ModeratorsOnly) => "reject(reason='send_editor')",
        (Action::Refuse, _) => "reject",
    }
}

/// Lines of a search filter. A blank in front keeps `#` from making a comment; the first `*` stands
/// for anything, so that no address has one. Who has an address that Sympa takes for none cannot
/// post at all.
fn lines(entries: &[Sourced<Address>]) -> String {
    let line = |entry: &Sourced<Address>| {
        let Address { local, domain } = &entry.value;
        if local.as_bstr().is_empty() {
            return crate::target::lists::is_host(domain).then(|| format!(" *@{domain}\n"));
        }
        let is_plain = fits(&entry.value) && !local.as_bstr().contains(&b'*');
        is_plain.then(|| format!(" {}\n", super::text(&entry.value.to_lower())))
    };
    let lines: BTreeSet<String> = entries.iter().filter_map(line).collect();
    lines.into_iter().collect()
}
