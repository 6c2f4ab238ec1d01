//! `control/access`: who may post, by header lines (README.access).
//!
//! The first rule that matches a header line counts, and a mail that no rule matches is denied; so
//! the last rule allows. Extended regular expressions, case-blind.

use super::texts;
use crate::model::list::{List, Posting};
use crate::model::{Address, DomainName, Sourced};
use bstr::ByteSlice as _;

/// The rules of a list, one a line, in the order in which `ezmlm-reject` asks: who answers bulk mail
/// answers machines and forged senders.
pub(super) fn rules(list: &List, aliases: &[DomainName]) -> String {
    let mut rules = Vec::new();
    if let Some(parent) = &list.parent {
        rules.push(format!("deny !^Return-Path:[[:blank:]]*<?{}", from_parent(&parent.value)));
    }
    let names = list.filters.refused_fields.iter().filter(|name| texts::is_field_name(&name.value));
    rules.extend(names.map(|name| format!("deny ^{}:", escaped(&name.value))));
    if list.discards_bulk {
        rules.push("discard ^Precedence:[[:blank:]]*(bulk|junk)[[:blank:]]*$".to_owned());
    }
    add_filters(list, &mut rules);
    if list.wants_address {
        let own = &list.address;
        let domains = std::iter::once(&own.domain).chain(aliases);
        let addresses =
            domains.map(|domain| escaped(&[own.local.as_ref(), b"@", domain.as_ref()].concat()));
        let any = addresses.collect::<Vec<_>>().join("|");
        rules.push(format!("deny !^(To|Cc):(.*[^a-z0-9._+=-])?({any})([^a-z0-9.-]|$)"));
    }
    for member in &list.denied {
        let address = sender(&member.value.to_bytes());
        rules.push(format!("deny ^(From|Return-Path):{address}"));
    }
    let mut add = |action: &str, members: &[Sourced<Address>]| {
        let rule = |member: &Sourced<Address>| {
            format!("{action} ^From:{}", sender(&member.value.to_bytes()))
        };
        rules.extend(members.iter().map(rule));
    };
    // `send` passes by the rules for members, and by moderation.
    let last = match list.posting.value {
        Posting::Members => {
            add("send", &list.allowed);
            add("deny", &list.held_back);
            "allow"
        }
        Posting::MembersElseModerated => {
            add("send", &list.allowed);
            add("moderate", &list.held_back);
            "allow"
        }
        Posting::Listed => {
            add("send", &list.allowed);
            "deny"
        }
        Posting::ListedElseModerated => {
            add("send", &list.allowed);
            "moderate"
        }
        Posting::Anyone | Posting::Moderated | Posting::ModeratorsOnly => "allow",
    };
    rules.push(last.to_owned());
    rules.join("\n") + "\n"
}

/// The address that a list's posts come from: `-return-` of ezmlm, `-bounces` of its successors.
fn from_parent(parent: &Address) -> String {
    let (local, host) = (escaped(parent.local.as_ref()), escaped(parent.domain.as_ref()));
    format!("{local}-(return|bounces)[^@]*@{host}>?[[:blank:]]*$")
}

/// What is refused for its type or subject. A type is looked for in the message's own header only.
fn add_filters(list: &List, rules: &mut Vec<String>) {
    let removed = list.filters.removed_types.iter().filter(|_| list.filters.refuses_removed);
    let types = list.filters.refused_types.iter().chain(removed);
    for name in types.filter(|name| texts::is_type(&name.value)) {
        let name = escaped(&name.value);
        rules.push(format!("deny ^Content-Type:[[:blank:]]*\"?{name}\"?[[:blank:]]*(;|$)"));
    }
    if list.subjects.required {
        rules.push("deny !^Subject:.*[^[:blank:]]".to_owned());
        rules.push(subject(r"\((null|none|no subject)\)"));
    }
    if list.subjects.no_commands {
        rules.push(subject("(help|remove|subscribe|unsubscribe)"));
    }
}

/// Refuses a subject that is nothing else than this.
fn subject(whole: &str) -> String {
    format!("deny ^Subject:[[:blank:]]*{whole}[[:blank:]]*$")
}

/// Matches a From: line with exactly this address, in angle brackets or bare. An entry `@host`
/// stands for everybody there.
fn sender(address: &[u8]) -> String {
    let front = match address.strip_prefix(b"@") {
        Some(host) => {
            return format!(
                "(.*<)?[^<>]*@{}[[:blank:]]*>?[[:blank:]]*(\\([^()]*\\))?$",
                escaped(host)
            );
        }
        None => "(.*[<)])?[[:blank:]]*",
    };
    format!("{front}{}[[:blank:]]*>?[[:blank:]]*(\\(.*\\)[[:blank:]]*)?$", escaped(address))
}

/// Exactly these bytes; only what is special in POSIX is escaped, because `\<` and `\w` are not.
fn escaped(text: &[u8]) -> String {
    let text = text.to_str_lossy().to_lowercase();
    text.chars()
        .flat_map(|c| ".[\\()*+?{|^$".contains(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{escaped, rules, sender};
    use crate::model::list::Posting;
    use crate::target::lists::tests::list;

    #[test]
    fn bulk_mail_is_never_answered() {
        let mut list = list(Posting::Anyone).list;
        list.discards_bulk = true;
        list.wants_address = true;
        list.subjects.required = true;
        let rules = rules(&list, &[]);
        assert!(rules.starts_with("discard ^Precedence:") && rules.contains("\ndeny !^(To|Cc):"));
    }

    #[test]
    fn an_address_matches_itself_only() {
        assert_eq!(escaped(b"X.y+z@h.example"), r"x\.y\+z@h\.example");
        assert!(sender(b"a@b").starts_with("(.*[<)])?[[:blank:]]*a@b"));
        assert!(sender(b"@b.example").contains(r"[^<>]*@b\.example"));
    }
}
