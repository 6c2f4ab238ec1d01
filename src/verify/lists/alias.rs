//! Lists that are aliases: who gets a post, and who may send one.

use super::{Verified, lowered};
use crate::model::design::MailingList;
use crate::model::list::{List, Posting};
use crate::plan::Plan;
use crate::predict::{NewServer, Poster};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

pub(super) fn check(
    plan: &Plan,
    planned: &MailingList,
    found: &NewServer,
    verified: &mut Verified,
) {
    let list = &planned.list;
    let own = plan.design.real(&list.address);
    let subject = |member: &[u8]| [member, b" of ", list.address.to_bytes().as_bytes()].concat();
    let roles = Roles::of(list);
    // The list itself is none of those whom it sends to.
    let itself = [&own, &list.address].map(|own| own.to_bytes().to_ascii_lowercase());
    let there = found.alias_targets(&own);
    let mut recipients = lowered(&list.subscribers);
    recipients.extend(lowered(list.digesters()));
    for member in recipients.iter().filter(|member| !itself.contains(member)) {
        verified.count("members", 1);
        if !there.contains(member) {
            verified.differ("member", subject(member), "member", "missing");
        }
    }
    drop(there);
    for sender in roles.names().filter(|sender| !sender.starts_with(b"@")) {
        let wanted = roles.may_post(list.posting.value, sender);
        let may = !matches!(found.poster(&own, sender), Some(Poster::Refused(_)));
        verified.count("posters", 1);
        let tell = |may: bool| if may { "may post" } else { "may not post" };
        if may != wanted {
            verified.differ("poster", subject(sender), tell(wanted), tell(may));
        }
    }
}

/// Somebody who is in no file.
const STRANGER: &[u8] = b"nobody@unqmail.invalid";

/// The list's files, in lower case.
struct Roles {
    members: BTreeSet<BString>,
    allowed: BTreeSet<BString>,
    held_back: BTreeSet<BString>,
    denied: BTreeSet<BString>,
    moderators: BTreeSet<BString>,
}

impl Roles {
    fn of(list: &List) -> Self {
        let mut members = lowered(&list.subscribers);
        members.extend(lowered(&list.digest));
        Self {
            members,
            allowed: lowered(&list.allowed),
            held_back: lowered(&list.held_back),
            denied: lowered(&list.denied),
            moderators: lowered(&list.moderators),
        }
    }

    /// Everybody whom a rule could mean, and somebody whom none does.
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        let all = [&self.members, &self.allowed, &self.held_back, &self.denied, &self.moderators];
        all.into_iter().flatten().map(|name| name.as_slice()).chain([STRANGER])
    }

    /// Who may post at once: the old list's rule, without what waits for a moderator.
    fn may_post(&self, posting: Posting, sender: &[u8]) -> bool {
        let host = sender.rfind_byte(b'@').and_then(|at| sender.get(at..)).unwrap_or_default();
        let is_in = |names: &BTreeSet<BString>| {
            names.contains(sender.as_bstr()) || names.contains(host.as_bstr())
        };
        let is_allowed = match posting {
            Posting::Anyone => true,
            Posting::Members | Posting::MembersElseModerated => {
                is_in(&self.allowed) || is_in(&self.members) && !is_in(&self.held_back)
            }
            Posting::Listed | Posting::ListedElseModerated => is_in(&self.allowed),
            Posting::Moderated | Posting::ModeratorsOnly => is_in(&self.moderators),
        };
        is_allowed && !is_in(&self.denied)
    }
}
