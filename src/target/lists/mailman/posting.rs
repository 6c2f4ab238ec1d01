//! Who may post, as Mailman's actions (`mailman.rules.moderation`, `mailman.chains.headers`).
//!
//! Mailman asks in this order: what it does with this member; the header rules; what it does with
//! this nonmember. `defer` goes on to the next question. A nonmember without an action of his own is
//! looked up in `accept_these_nonmembers` and `hold_these_nonmembers`, which take regular
//! expressions, so that everybody at a host is one entry.

use crate::model::list::List;
use crate::model::{Address, DomainName, Sourced};
use crate::target::lists::posting::{Action, Rule};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Mailman's word for what becomes of a post: `defer` has the next rule decide, in the end that it
/// is sent.
pub(super) fn word(action: Action) -> &'static str {
    match action {
        Action::Send => "defer",
        Action::Hold => "hold",
        Action::Refuse => "reject",
    }
}

/// The rules of one list.
pub(super) struct Posting {
    /// Of members without an action of their own.
    pub(super) members: Action,
    /// Of others.
    pub(super) others: Action,
    /// Of others that the list knows.
    known: Action,
    known_senders: Senders,
    /// The addresses that posts of a parent list come from, which alone may post then.
    parent: Option<String>,
    /// The list's own word for those who are known counts for members too.
    knows_members: bool,
    held_back: Senders,
    denied: Senders,
    /// Rules for header lines, asked before anything about nonmembers.
    pub(super) header_matches: Vec<Value>,
}

impl Posting {
    pub(super) fn of(list: &List) -> Self {
        let Rule { members, others, known, named, knows_members } = Rule::of(list);
        // The sender of each post was asked; nobody here asks, so a moderator looks at it.
        let asked = |action| {
            if list.confirm_posts.value && action == Action::Send { Action::Hold } else { action }
        };
        Self {
            members: asked(members),
            others: asked(others),
            known: asked(known),
            known_senders: Senders::of(named),
            parent: list.parent.as_ref().map(|parent| from_parent(&parent.value)),
            knows_members,
            held_back: Senders::of(&list.held_back),
            denied: Senders::of(&list.denied),
            header_matches: header_matches(list),
        }
    }

    /// A member's own action; `None` where the list's counts.
    pub(super) fn of_member(&self, member: &Address) -> Option<Action> {
        let action = match () {
            () if self.denied.contain(member) => Action::Refuse,
            () if self.held_back.contain(member) => self.others,
            () if self.knows_members && self.known_senders.contain(member) => self.known,
            () => self.members,
        };
        (action != self.members).then_some(action)
    }

    /// Nonmembers whose posts take this way, as Mailman's lists have them.
    pub(super) fn nonmembers(&self, action: Action) -> Vec<String> {
        match &self.parent {
            Some(parent) if action == Action::Send => vec![parent.clone()],
            None if self.known == action => self.known_senders.entries(),
            _ => Vec::new(),
        }
    }
}

/// Addresses, and hosts that stand for everybody there; in lower case.
struct Senders {
    addresses: BTreeSet<Address>,
    hosts: BTreeSet<DomainName>,
}

impl Senders {
    fn of(entries: &[Sourced<Address>]) -> Self {
        let (hosts, addresses): (Vec<_>, Vec<_>) =
            entries.iter().map(|entry| &entry.value).partition(|it| it.local.as_bstr().is_empty());
        Self {
            addresses: addresses.into_iter().map(Address::to_lower).collect(),
            hosts: hosts.into_iter().map(|host| host.domain.clone()).collect(),
        }
    }

    fn contain(&self, address: &Address) -> bool {
        self.hosts.contains(&address.domain) || self.addresses.contains(&address.to_lower())
    }

    /// An address as it is, a host as a regular expression, which begins with `^`.
    fn entries(&self) -> Vec<String> {
        let hosts = self.hosts.iter().map(|host| format!("^[^@]*@{}$", escaped(host.as_ref())));
        // One that Mailman refuses as an address it takes as an expression.
        let addresses = self.addresses.iter().map(|address| {
            if super::members::fits(address) {
                super::text(address)
            } else {
                format!("^{}$", escaped(&address.to_bytes()))
            }
        });
        addresses.chain(hosts).collect()
    }
}

/// `-return-` of ezmlm, `-bounces` of its successors.
fn from_parent(parent: &Address) -> String {
    let (local, host) = (escaped(parent.local.as_ref()), escaped(parent.domain.as_ref()));
    format!("^{local}\\-(return|bounces)[^@]*@{host}$")
}

/// Posts are judged by the envelope sender, which Mailman's LMTP server notes in `X-MailFrom`.
fn header_matches(list: &List) -> Vec<Value> {
    let mut rules = Vec::new();
    let mut add = |header: &str, pattern: String, action: &str| {
        rules.push(json!({"header": header, "pattern": pattern, "action": action}));
    };
    if list.discards_bulk {
        add("precedence", r"^\s*(bulk|junk)\s*$".into(), "discard");
    }
    for name in &list.filters.refused_fields {
        let name = String::from_utf8_lossy(&name.value).to_lowercase();
        add(&name, ".*".into(), "reject");
    }
    for name in &list.filters.refused_types {
        add("content-type", format!("^\\s*\"?{}\"?\\s*(;|$)", escaped(&name.value)), "reject");
    }
    let denied = Senders::of(&list.denied);
    for address in &denied.addresses {
        add("x-mailfrom", format!("^{}$", escaped(&address.to_bytes())), "reject");
    }
    for host in &denied.hosts {
        add("x-mailfrom", format!("@{}$", escaped(host.as_ref())), "reject");
    }
    rules
}

/// Exactly these bytes in a regular expression of Python's.
fn escaped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let special = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric();
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn an_expression_matches_itself_only() {
        assert_eq!(escaped(b"x.y+z_@h-1"), r"x\.y\+z\_\@h\-1");
    }
}
