//! Who is in a list, by role and delivery mode.

use super::posting::Posting;
use super::text;
use super::told::Told;
use crate::model::list::{List, Subscribing};
use crate::model::{Address, DomainName, Sourced};
use crate::target::lists::Run;
use bstr::ByteSlice as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The records of a list: members, then owners and moderators.
pub(super) fn of(run: &Run<'_>, posting: &Posting, id: &str, told: &mut Told<'_>) -> Vec<Value> {
    let list = &run.list.list;
    let mut records = Vec::new();
    let mut members: BTreeSet<Address> = BTreeSet::new();
    let mut both = None;
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
        records.push(json!({
            "list_id": id,
            "role": "member",
            "email": text(&member.value),
            "delivery_mode": mode,
            "moderation_action": posting.of_member(&member.value).map(super::posting::Action::name),
        }));
    }
    if let Some(origin) = both {
        told.adapted(
            origin,
            "somebody gets every message and digests too",
            "on the new list everybody gets either; those who had both get every message",
        );
    }
    let mut add = |role: &str, people: &mut dyn Iterator<Item = &Address>| {
        let mut seen = BTreeSet::new();
        let people = people.filter(|person| fits(person) && seen.insert(person.to_lower()));
        records.extend(
            people.map(|person| json!({"list_id": id, "role": role, "email": text(person)})),
        );
    };
    add("owner", &mut run.owners.iter());
    add("moderator", &mut moderators(list, posting, told).into_iter().map(|it| &it.value));
    records
}

/// Those who decide about something. Mailman has one kind of moderator for posts and subscriptions;
/// people in a database that nothing on the old list asked for gain no power here.
fn moderators<'a>(
    list: &'a List,
    posting: &Posting,
    told: &mut Told<'_>,
) -> Vec<&'a Sourced<Address>> {
    let of_posts = if posting.holds() { list.moderators.as_slice() } else { &[] };
    let is_remote = |setting: &Sourced<&str>| setting.origin.file.file_name() == "remote";
    let moderates =
        list.subscribing.value == Subscribing::Moderated || list.unmapped.iter().any(is_remote);
    let of_members = if moderates { list.subscription_moderators.as_slice() } else { &[] };
    let names = |all: &[Sourced<Address>]| -> BTreeSet<Address> {
        all.iter().map(|moderator| moderator.value.to_lower()).collect()
    };
    if posting.holds() && moderates && names(of_posts) != names(of_members) {
        told.adapted(
            &list.subscribing.origin,
            "some moderators decide about posts and others about members",
            "on the new list each of them decides about both",
        );
    }
    if posting.holds() && of_posts.is_empty() {
        told.adapted(
            &list.posting.origin,
            "posts wait for a moderator, and the list has none",
            "on the new list they wait for its owner",
        );
    }
    of_posts.iter().chain(of_members).collect()
}

/// Whether Mailman takes the address (`mailman.email.validate`).
pub(super) fn fits(address: &Address) -> bool {
    let local = address.local.as_bstr();
    let stands = |b: &u8| b.is_ascii_alphanumeric() || b"-!#$%&'*+./=?@_`{}~".contains(b);
    !local.is_empty() && local.iter().all(stands) && is_host(&address.domain)
}

/// Whether Mailman takes a domain's name: two labels at least.
pub(super) fn is_host(name: &DomainName) -> bool {
    let mut labels = name.as_bstr().split_str(".");
    name.as_bstr().contains(&b'.')
        && labels.all(|label| {
            let stands = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
            !label.is_empty() && !label.starts_with(b"-") && label.iter().all(stands)
        })
}
