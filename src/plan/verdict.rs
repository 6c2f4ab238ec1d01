//! Whether the same becomes of mail for an address on both servers.

use crate::model::command_address::Answer;
use crate::model::condition::condition;
use crate::model::outcome::{Outcome, Verdict};
use crate::model::{Address, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// An outcome reduced to what a sender and a reader notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Mailbox(Address),
    File(RelPath),
    Elsewhere(Address),
    List(Address, BString),
    Answer,
    Program(BString),
    Refused,
    Waits,
    Nothing,
}

/// Compares the outcomes of one address.
///
/// `adopted` names the mailboxes that stand for files of the old server which were no account's;
/// `full` are accounts that take no more mail on either server.
pub(super) fn compare(
    old: &[Outcome],
    new: &[Outcome],
    adopted: &BTreeMap<RelPath, Address>,
    full: &BTreeSet<Address>,
) -> Verdict {
    let mut renamed = false;
    let old_effects: BTreeSet<Effect> = old
        .iter()
        .map(|outcome| match (effect(outcome), outcome) {
            (Effect::File(path), _) => match adopted.get(&path) {
                Some(address) => {
                    renamed = true;
                    Effect::Mailbox(address.clone())
                }
                None => Effect::File(path),
            },
            (Effect::List(list, word), _) => Effect::List(list, new_command(word.as_bstr())),
            (effect, _) => effect,
        })
        .collect();
    let new_effect = |outcome: &Outcome| match effect(outcome) {
        Effect::Mailbox(account) if full.contains(&account) => Effect::Refused,
        effect => effect,
    };
    // A list may lead to 200,000 addresses: no more are kept than the old server had.
    let mut met = BTreeSet::new();
    let is_within = new.iter().map(new_effect).all(|effect| {
        let is_old = old_effects.contains(&effect);
        met.insert(effect);
        is_old
    });
    if is_within && met.len() == old_effects.len() {
        return if renamed { Verdict::Adapted } else { Verdict::Same };
    }
    let arrives = |effect: &Effect| match effect {
        Effect::Refused | Effect::Waits => false,
        // It only decides, and keeps nothing.
        Effect::Program(command) => condition(command).is_none(),
        _ => true,
    };
    let arrived = old_effects.iter().any(arrives);
    let would_arrive = || new.iter().map(new_effect).any(|effect| arrives(&effect));
    if arrived && !would_arrive() { Verdict::Lost } else { Verdict::Differs }
}

fn effect(outcome: &Outcome) -> Effect {
    match outcome {
        Outcome::Deliver { account, .. } => Effect::Mailbox(account.to_lower()),
        Outcome::File(path) => Effect::File(path.clone()),
        Outcome::Forward(address) => Effect::Elsewhere(address.to_lower()),
        Outcome::List { address, action, answer } => match answer {
            Answer::Done => Effect::List(address.to_lower(), action.to_ascii_lowercase().into()),
            Answer::Help => Effect::List(address.to_lower(), "help".into()),
            Answer::Refused => Effect::Refused,
            Answer::Ignored => Effect::Nothing,
        },
        Outcome::Reply(_) => Effect::Answer,
        Outcome::Run(command) => Effect::Program(command.clone()),
        Outcome::Reject(_) => Effect::Refused,
        Outcome::Defer(_) => Effect::Waits,
        Outcome::Discard => Effect::Nothing,
    }
}

/// The new list manager's word for a command of the old one. A cookie of the old list is too old for
/// the new one, which asks anew, as the old one did with a cookie that was too old.
fn new_command(word: &BStr) -> BString {
    let (rest, digest) = match word.strip_prefix(b"digest-") {
        Some(rest) => (rest, "-digest"),
        None => (word.as_bytes(), ""),
    };
    let (verb, other) = match rest.split_once_str("-") {
        Some((verb, other)) => (verb, [b"-".as_slice(), other].concat()),
        None => (rest, Vec::new()),
    };
    let verb = match verb {
        b"subscribe" | [b's', b'c', b'.', ..] => "subscribe",
        b"unsubscribe" | [b'u', b'c', b'.', ..] => "unsubscribe",
        _ => match word.strip_prefix(b"get.") {
            Some(number) if !number.is_empty() && number.iter().all(u8::is_ascii_digit) => {
                return [b"get-".as_slice(), number].concat().into();
            }
            _ => return word.to_owned(),
        },
    };
    [verb.as_bytes(), digest.as_bytes(), &other].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(old: &[Outcome], new: &[Outcome]) -> Verdict {
        compare(old, new, &BTreeMap::new(), &BTreeSet::new())
    }

    fn deliver(account: &str) -> Outcome {
        let account = Address::parse(account.as_bytes()).unwrap();
        Outcome::Deliver { account, path: RelPath::new("x") }
    }

    #[test]
    fn texts_and_places_do_not_matter_accounts_do() {
        assert_eq!(
            verdict(&[Outcome::Reject("a".into())], &[Outcome::Reject("b".into())]),
            Verdict::Same
        );
        assert_eq!(verdict(&[deliver("a@x")], &[deliver("A@x")]), Verdict::Same);
        assert_eq!(verdict(&[deliver("a@x")], &[deliver("b@x")]), Verdict::Differs);
        assert_eq!(verdict(&[deliver("a@x")], &[Outcome::Reject("no".into())]), Verdict::Lost);
    }

    #[test]
    fn list_commands_are_compared_by_what_they_do() {
        let list = |action: &str| Outcome::List {
            address: Address::parse(b"l@x").unwrap(),
            action: action.into(),
            answer: Answer::Done,
        };
        assert_eq!(
            verdict(&[list("digest-subscribe")], &[list("subscribe-digest")]),
            Verdict::Same
        );
        assert_eq!(verdict(&[list("get.12")], &[list("get-12")]), Verdict::Same);
        let other = list("digest-sc.1.abc-joe=x.example");
        assert_eq!(verdict(&[other], &[list("subscribe-digest-joe=x.example")]), Verdict::Same);
        assert_eq!(verdict(&[list("index")], &[list("help")]), Verdict::Differs);
    }

    #[test]
    fn a_full_mailbox_refuses_on_both_sides() {
        let full = BTreeSet::from([Address::parse(b"a@x").unwrap()]);
        let old = [Outcome::Reject("user is over quota".into())];
        assert_eq!(compare(&old, &[deliver("a@x")], &BTreeMap::new(), &full), Verdict::Same);
    }
}
