//! Lists: the members of each, by role.

use super::Verified;
use crate::model::{Address, Sourced};
use crate::plan::Plan;
use crate::predict::NewServer;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

pub(super) fn check(plan: &Plan, found: &NewServer, verified: &mut Verified) {
    for planned in plan.design.lists.values() {
        verified.count("lists", 1);
        let list = &planned.list;
        let name = planned.folder.strip_prefix(&crate::model::RelPath::new("var/spool/mlmmj"));
        let Some(spool) = name.and_then(|name| found.spools().get(name)) else {
            verified.differ("list", list.address.to_bytes(), "there", "missing");
            continue;
        };
        if spool.addresses.first() != Some(&list.address.to_bytes()) {
            verified.differ("list", list.address.to_bytes(), "its own address", "another address");
        }
        let roles = [
            ("subscriber", &list.subscribers, &spool.subscribers),
            ("digest subscriber", &list.digest, &spool.digest),
            ("moderator", &list.moderators, &spool.moderators),
        ];
        for (role, wanted, there) in roles {
            let wanted = lowered(wanted);
            verified.count("members", wanted.len());
            let subject = |member: &BString| {
                [member.as_slice(), b" of ", list.address.to_bytes().as_bytes()].concat()
            };
            for member in wanted.difference(there) {
                verified.differ("member", subject(member), role, "missing");
            }
            for member in there.difference(&wanted) {
                verified.differ("member", subject(member), "missing", role);
            }
        }
    }
}

fn lowered(members: &[Sourced<Address>]) -> BTreeSet<BString> {
    members.iter().map(|member| member.value.to_bytes().to_ascii_lowercase().into()).collect()
}
