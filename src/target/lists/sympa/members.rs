//! Who is in a list, by role and way of delivery.

use super::super::kit::{add_line, text};
use crate::model::Address;
use crate::model::list::Log;
use crate::target::lists::told::Told;
use crate::target::lists::{Run, is_host, texts};
use serde_json::json;
use std::collections::BTreeSet;

/// Longer names are cut, in characters (`comment_subscriber`).
const LONGEST_NAME: usize = 150;

/// Adds the records of a list: members, then owners and editors, who decide about posts. Sympa
/// knows addresses in lower case.
pub(super) fn add(run: &Run<'_>, records: &mut String, told: &mut Told<'_>) {
    let list = &run.list.list;
    let id = text(&list.address);
    let mut members: BTreeSet<Address> = BTreeSet::new();
    let mut both = None;
    let logs = &list.logs;
    let digest = if list.digests.value { "digest" } else { "nomail" };
    let modes =
        [(&list.subscribers, "mail", &logs.subscribers), (&list.digest, digest, &logs.digest)];
    for (member, mode, log) in modes
        .into_iter()
        .flat_map(|(all, mode, log)| all.iter().map(move |member| (member, mode, log)))
    {
        let address = member.value.to_lower();
        if !fits(&address) || address == list.address {
            told.left_out(&member.origin, &member.value);
            continue;
        }
        if !members.insert(address.clone()) {
            both = both.or(Some(&member.origin));
            continue;
        }
        let record = json!({
            "list": id,
            "role": "member",
            "email": text(&address),
            "reception": mode,
            "name": texts::name(log, &address, LONGEST_NAME),
            "date": date(log, &address),
        });
        add_line(records, &record);
    }
    if let Some(origin) = both {
        told.adapted(
            origin,
            "somebody gets every message and digests too",
            "on the new list everybody gets either; those who had both get every message",
        );
    }
    let mut add = |role: &str, people: &mut dyn Iterator<Item = &Address>, log: &Log| {
        let people: BTreeSet<Address> =
            people.filter(|it| fits(it)).map(Address::to_lower).collect();
        for person in people {
            let record = json!({
                "list": id,
                "role": role,
                "email": text(&person),
                "name": texts::name(log, &person, LONGEST_NAME),
                "date": date(log, &person),
            });
            add_line(records, &record);
        }
    };
    let of_members = list.subscription_moderators.iter().filter(|_| list.moderates_members());
    let owners = run.owners.iter().chain(of_members.map(|it| &it.value));
    add("owner", &mut owners.into_iter(), &logs.subscription_moderators);
    let of_posts = list.moderators.iter().filter(|_| list.holds_posts());
    add("editor", &mut of_posts.map(|it| &it.value), &logs.moderators);
}

/// When somebody joined, in seconds since 1970.
fn date(log: &Log, person: &Address) -> Option<i64> {
    log.get(person).map(|joined| joined.when).filter(|when| *when > 0)
}

/// Whether Sympa takes the address (`Sympa::Regexps::email`), and no line of a file reads it otherwise.
pub(super) fn fits(address: &Address) -> bool {
    let local = address.local.as_bstr();
    let stands = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(b);
    !local.is_empty() && local.iter().all(stands) && is_host(&address.domain)
}
