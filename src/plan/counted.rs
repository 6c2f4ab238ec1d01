//! How many people a list has by role: on the old server, and in the files as they are planned.

use super::Plan;
use crate::model::design::{ListManager, MailingList};
use crate::predict::{GivenList, Spool};
use bstr::BString;

/// The members of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The role, by the name that reports use.
    pub role: &'static str,
    /// How many were read.
    pub old: usize,
    /// How many the new list has; `None` where it has nothing of the kind that could be counted.
    pub new: Option<usize>,
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
            let (old, new) = (members.len(), count(role));
            (old > 0 || new.is_some_and(|new| new > 0)).then_some(Counted { role, old, new })
        });
        counted.into_iter().flatten().collect()
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
        "digest" => spool.digest.len(),
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
