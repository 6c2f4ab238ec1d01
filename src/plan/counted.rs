//! How many people a list has by role: on the old server, and in the files as they are planned.

use super::Plan;
use crate::model::design::{ListManager, MailingList};
use crate::model::list::Posting;
use crate::predict::{GivenList, Spool};
use bstr::BString;

/// The members of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The role, by the name that reports use.
    pub role: &'static str,
    /// How many were read.
    pub old: usize,
    /// How many the new list has, else what became of them there.
    pub new: Result<usize, &'static str>,
}

impl Plan {
    /// The people of a list, role by role; those that it has nobody of, before and after, are left out.
    pub(super) fn count_members(&self, list: &MailingList) -> Vec<Counted> {
        let spool = self.new.spools().get(list.place().as_bstr());
        let given = self.new.given_lists().get(&list.list.address.to_bytes());
        let alias = self.new.alias_targets(&self.design.real(&list.list.address));
        let count = |role| match list.manager {
            ListManager::Mlmmj => spool.and_then(|spool| in_spool(spool, role)),
            ListManager::Mailman | ListManager::Sympa => {
                given.and_then(|given| in_kit(given, role))
            }
            ListManager::Alias => (role == "subscriber").then_some(alias.len()),
        };
        let counted = list.list.roles().map(|(role, members)| {
            let new = match unasked(list, role) {
                Some(why) => Err(why),
                None => count(role).ok_or_else(|| elsewhere(list, role)),
            };
            let old = members.len();
            (old > 0 || new.is_ok_and(|new| new > 0)).then_some(Counted { role, old, new })
        });
        counted.into_iter().flatten().collect()
    }
}

/// Why nobody asks on either server who has the role, where that is so: a list that is open to all has
/// nobody to let in besides.
fn unasked(list: &MailingList, role: &str) -> Option<&'static str> {
    let why = match list.list.posting.value {
        Posting::Anyone => "not asked about, as before: anybody may post",
        Posting::Moderated => "not asked about, as before: every post waits",
        Posting::ModeratorsOnly => "not asked about, as before: only moderators may post",
        _ => return None,
    };
    matches!(role, "allowed" | "held-back").then_some(why)
}

/// Where the new list has those whom it does not keep as members of their own.
fn elsewhere(list: &MailingList, role: &str) -> &'static str {
    match (list.manager, role) {
        (ListManager::Alias, "digest") if list.list.digests.value => "among the subscribers",
        (ListManager::Alias, "digest") => "left out: they got nothing",
        (ListManager::Alias, "allowed" | "held-back" | "denied") => {
            "in Postfix's rules for senders"
        }
        (ListManager::Alias, _) => "left out: an alias has nobody who decides",
        _ => "in the list's rules",
    }
}

/// Members are in files of their own; rules say who else may post, and who may not.
fn in_spool(spool: &Spool, role: &str) -> Option<usize> {
    let lines = |name| spool.control.get(name).map_or(0, Vec::len);
    let rules = |front: &str| {
        let all = spool.control.get("access").into_iter().flatten();
        all.filter(|rule: &&BString| rule.starts_with(front.as_bytes())).count()
    };
    Some(match role {
        "subscriber" => spool.subscribers.len(),
        // Where no digests are sent they are members who get nothing.
        "digest" => spool.digest.len() + spool.nomail.len(),
        "moderator" => lines("moderators"),
        "subscription-moderator" => lines("submod"),
        "allowed" => rules("send ^From:"),
        "held-back" => rules("deny ^From:") + rules("moderate ^From:"),
        "denied" => rules("deny ^(From|Return-Path):"),
        _ => return None,
    })
}

/// Who may post besides is an attribute of the list, and no member.
fn in_kit(list: &GivenList, role: &str) -> Option<usize> {
    match role {
        "subscriber" => Some(list.members.values().filter(|digest| !**digest).count()),
        "digest" => Some(list.members.values().filter(|digest| **digest).count()),
        "moderator" | "subscription-moderator" => {
            let decide = ["moderator", "editor"].map(|role| list.others.get(role).copied());
            Some(decide.into_iter().flatten().sum())
        }
        _ => None,
    }
}
