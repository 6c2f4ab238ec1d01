//! Mailboxes: all that is checked of one is checked at one visit, so that each of its folders and
//! messages is fetched from the disk once.

use super::access::Access;
use super::messages::Check;
use super::{Sides, Verified, clients};
use crate::model::RelPath;
use crate::plan::Plan;
use crate::predict::MailboxFiles;
use rayon::prelude::*;
use std::cmp::Reverse;

/// Checks every mailbox of the plan, and what else lies where homes are.
pub(super) fn check(plan: &Plan, sides: Sides<'_>, verified: &mut Verified) {
    let access = Access::new(plan, sides.target);
    let there = access.homes(verified);
    let mut homes = clients::mailboxes(plan);
    for home in &there {
        homes.entry(home).or_default();
    }
    let mut homes: Vec<_> = homes.into_iter().collect();
    // The largest first and one by one, so that no thread is left alone with one at the end.
    homes.sort_by_key(|(_, stores)| Reverse(stores.iter().map(|(_, s)| s.bytes()).sum::<u64>()));
    let visit = |(home, stores): &(&RelPath, Vec<_>)| {
        let mut verified = Verified::default();
        let done = Check { sides, access: &access, verified: &mut verified }.mailbox(home, stores);
        if there.contains(*home) {
            access.look_beneath((*home).clone(), &done, &mut verified);
        }
        let mut files = MailboxFiles { root: sides.target, maildir: home.join("Maildir") };
        let found = clients::compare(sides.site, stores, plan.design.pop3, &mut files);
        let clients::Found { checked, differences } = found;
        verified.append(Verified { checked, differences, ..Verified::default() });
        verified
    };
    let visited: Vec<Verified> = homes.par_iter().with_max_len(1).map(visit).collect();
    for one in visited {
        verified.append(one);
    }
}
