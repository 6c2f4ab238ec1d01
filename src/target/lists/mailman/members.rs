//! Who is in a list, by role and delivery mode.

use super::super::kit::{add_line, text};
use super::posting::Posting;
use crate::model::list::List;
use crate::model::{Address, Sourced};
use crate::target::lists::told::Told;
use crate::target::lists::{Run, is_host, texts};
use serde_json::json;
use std::collections::BTreeSet;

/// Longer names are cut, in characters: the table of Mailman's database has no room for any.
const LONGEST_NAME: usize = 200;

/// Adds the records of a list: members, then owners and moderators.
pub(super) fn add(
    run: &Run<'_>,
    posting: &Posting,
    id: &str,
    records: &mut String,
    told: &mut Told<'_>,
) {
    let list = &run.list.list;
    let mut members: BTreeSet<Address> = BTreeSet::new();
    let mut both = None;
    let log = |mode| if mode == "regular" { &list.logs.subscribers } else { &list.logs.digest };
    let modes = [(&list.subscribers, "regular"), (&list.digest, "mime_digests")];
    for (mode, member) in
        modes.into_iter().flat_map(|(all, mode)| all.iter().map(move |member| (mode, member)))
    {
        if !fits(&member.value) || member.value.to_lower() == list.address {
            told.left_out(&member.origin, &member.value);
            continue;
        }
        if !members.insert(member.value.to_lower()) {
            both = both.or(Some(&member.origin));
            continue;
        }
        let record = json!({
            "list_id": id,
            "role": "member",
            "email": text(&member.value),
            "display_name": texts::name(log(mode), &member.value, LONGEST_NAME),
            "delivery_mode": mode,
            "moderation_action": posting.of_member(&member.value).map(super::posting::word),
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
    let names = [&list.logs.moderators, &list.logs.subscription_moderators];
    let mut add = |role: &str, people: &mut dyn Iterator<Item = &Address>| {
        let mut seen = BTreeSet::new();
        let people = people.filter(|person| fits(person) && seen.insert(person.to_lower()));
        for person in people {
            let name = names.iter().find_map(|log| texts::name(log, person, LONGEST_NAME));
            let record =
                json!({"list_id": id, "role": role, "email": text(person), "display_name": name});
            add_line(records, &record);
        }
    };
    add("owner", &mut run.owners.iter());
    add("moderator", &mut list.deciders().into_iter().map(|it| &it.value));
    tell_moderators(list, told);
}

/// Mailman has one kind of moderator for posts and members.
fn tell_moderators(list: &List, told: &mut Told<'_>) {
    let names = |all: &[Sourced<Address>]| -> BTreeSet<Address> {
        all.iter().map(|moderator| moderator.value.to_lower()).collect()
    };
    let (posts, members) = (list.holds_posts(), list.moderates_members());
    if posts && members && names(&list.moderators) != names(&list.subscription_moderators) {
        told.adapted(
            &list.subscribing.origin,
            "some moderators decide about posts and others about members",
            "on the new list each of them decides about both",
        );
    }
    if posts && list.moderators.is_empty() {
        told.adapted(
            &list.posting.origin,
            "posts wait for a moderator, and the list has none",
            "on the new list they wait for its owner",
        );
    }
}

/// Whether Mailman takes the address (`mailman.email.validate`).
pub(super) fn fits(address: &Address) -> bool {
    let local = address.local.as_bstr();
    let stands = |b: &u8| b.is_ascii_alphanumeric() || b"-!#$%&'*+./=?@_`{}~".contains(b);
    !local.is_empty() && local.iter().all(stands) && is_host(&address.domain)
}
