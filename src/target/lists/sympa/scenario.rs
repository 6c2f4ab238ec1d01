//! Who may post, as a scenario of the list's own (`Sympa::Scenario`).
//!
//! A scenario is a list of rules; the first that holds decides. What it says is made of fixed lines
//! only: addresses stand in files beside it, which `search` reads line by line, and the senders that
//! it compares with them are envelope senders (`sender_headers`).

use super::config::is_field;
use super::members::fits;
use crate::model::list::{List, Posting};
use crate::model::{Address, Sourced};
use crate::target::lists::posting::{Action, Rule};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The name by which the list's `config` calls its scenario.
pub(super) const NAME: &str = "unqmail";

/// However the sender was told: by the envelope, a signature, a key that was sent to him.
const ANY: &str = "smtp,dkim,md5,smime";

const DENIED: &str = "search_filters/unqmail-denied.txt";
const HELD_BACK: &str = "search_filters/unqmail-held-back.txt";
const NAMED: &str = "search_filters/unqmail-named.txt";
const PARENT: &str = "search_filters/unqmail-parent.txt";

/// A subject that stands for none, and one that is a command (`ezmlm-reject`).
const NO_SUBJECT: &str = r"match([header->subject],/^\s*\((null|none|no subject)\)\s*$/)";
const COMMAND: &str = r"match([header->subject],/^\s*(help|remove|subscribe|unsubscribe)\s*$/)";

/// The scenario and its files, by their path in the list's folder.
pub(super) fn files(list: &List) -> BTreeMap<&'static str, String> {
    let rule = Rule::of(list);
    let mut files = BTreeMap::new();
    let mut rules = String::from("title The rule of the old list\n\n");
    let mut add = |condition: &str, action: &str| {
        // Each sender is asked to confirm his post by the key that he is sent.
        let ways = if action == "do_it" && list.confirm_posts.value {
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
    for condition in refusing(list) {
        add(&condition, "reject");
    }
    let others = action(rule.others, list.posting.value);
    let mut search = |path: &'static str, lines: String, action: &str| {
        if !lines.is_empty() {
            let name = path.strip_prefix("search_filters/").unwrap_or(path);
            add(&format!("search('{name}',[sender])"), action);
            files.insert(path, lines);
        }
    };
    search(DENIED, lines(&list.denied), "reject");
    search(HELD_BACK, lines(&list.held_back), others);
    match &list.parent {
        Some(parent) => search(PARENT, of_parent(&parent.value), "do_it"),
        None => search(NAMED, lines(rule.named), action(rule.known, list.posting.value)),
    }
    if rule.members != rule.others {
        add("is_subscriber([listname],[sender])", action(rule.members, list.posting.value));
    }
    add("true()", others);
    files.insert("scenari/send.unqmail", rules);
    files
}

/// What in a post itself has it refused. A header field that is not there is an empty one to Sympa,
/// and the parts of a message are those of its first level.
fn refusing(list: &List) -> Vec<String> {
    let filters = &list.filters;
    let text = |name: &Sourced<BString>| name.value.to_str_lossy().into_owned();
    let mut conditions = Vec::new();
    for name in filters.refused_fields.iter().filter(|it| takes_field(&it.value)).map(text) {
        conditions.push(format!("match([header->{name}],/./)"));
    }
    let refused = filters.refused_types.iter().filter(|it| takes_type(&it.value));
    let removed = filters.removed_types.iter().filter(|it| takes_type(&it.value));
    for name in refused.clone().chain(removed.filter(|_| filters.refuses_removed)).map(text) {
        let name = escaped(&name);
        conditions.push(format!("match([header->content-type],/^\\s*\"?{name}\"?\\s*(;|$)/)"));
    }
    for name in refused.map(text) {
        conditions.push(format!("equal([msg_part->type],'{name}')"));
    }
    if list.subjects.required {
        conditions.extend([r"!match([header->subject],/\S/)".to_owned(), NO_SUBJECT.to_owned()]);
    }
    conditions.extend(list.subjects.no_commands.then(|| COMMAND.to_owned()));
    conditions
}

/// Whether a rule can name the header field: a line with `include` is no rule, wherever it stands.
pub(super) fn takes_field(name: &[u8]) -> bool {
    is_field(name) && !name.to_ascii_lowercase().contains_str("include")
}

/// The same of a MIME type.
pub(super) fn takes_type(name: &[u8]) -> bool {
    let stands = |b: &u8| b.is_ascii_alphanumeric() || b"+-._/".contains(b);
    name.iter().all(stands)
        && name.contains(&b'/')
        && !name.to_ascii_lowercase().contains_str("include")
}

/// Exactly these letters in an expression.
fn escaped(name: &str) -> String {
    let special = |c: char| !c.is_ascii_alphanumeric();
    name.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Lines of a search filter for the senders that a parent list has: `-return-` of ezmlm, `-bounces`
/// of its successors; empty where Sympa takes no such sender.
pub(super) fn of_parent(parent: &Address) -> String {
    if !is_plain(parent) {
        return String::new();
    }
    let Address { local, domain } = parent.to_lower();
    format!(" {local}-bounces*@{domain}\n {local}-return*@{domain}\n")
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
        is_plain(&entry.value).then(|| format!(" {}\n", super::text(&entry.value.to_lower())))
    };
    let lines: BTreeSet<String> = entries.iter().filter_map(line).collect();
    lines.into_iter().collect()
}

fn is_plain(address: &Address) -> bool {
    fits(address) && !is_wild(address)
}

/// Whether a line of a filter would take the address for others too.
pub(super) fn is_wild(address: &Address) -> bool {
    fits(address) && address.local.as_bstr().contains(&b'*')
}
