//! What Sympa has nothing for, or does in another way than the old list.

use super::{config, scenario};
use crate::finding::Disposition;
use crate::model::list::List;
use crate::model::shown;
use crate::target::lists::lost::{self, Loss};
use crate::target::lists::told::Told;

/// What is so for every list that has the setting.
const LOSSES: &[Loss] = {
    use Disposition::{Adapted, Dropped};
    &[
        ("digest-bytes", Adapted, "on the new list one is sent every day at noon"),
        ("fields-kept", Dropped, "on the new list all others are passed on too"),
        ("fields-refused", Adapted, "on the new list an empty one is no reason"),
        ("held-returned", Adapted, "on the new list they are thrown away without a word"),
        ("moderators-edit-texts", Dropped, "the new list's texts are files in Sympa's folders"),
        ("moderators-list-members", Adapted, "on the new list its owners do so, by REVIEW"),
        (
            "moderators-subscribe-others",
            Adapted,
            "on the new list its owners do so, by ADD and DEL",
        ),
        ("parent", Adapted, lost::OWN_SUBLIST),
        ("smallest-bytes", Dropped, "on the new list they are distributed"),
        ("types-kept", Dropped, "on the new list they are passed on"),
        ("types-refused", Adapted, "on the new list a part within another part is no reason"),
        ("types-removed", Dropped, "on the new list they are passed on"),
    ]
};

pub(super) fn tell(list: &List, told: &mut Told<'_>) {
    lost::tell(list, LOSSES, told.findings);
    told.made_list_id();
    if list.language.is_some() && config::language(list).is_none() {
        let effect = "Sympa has no texts in it: on the new list they are in that of sympa.conf";
        lost::tell(list, &[("language", Disposition::Dropped, effect)], told.findings);
    }
    if list.held_seconds.as_ref().is_some_and(|held| !held.value.is_multiple_of(config::DAY)) {
        let effect = "on the new list for whole days, rounded up";
        lost::tell(list, &[("held-seconds", Disposition::Adapted, effect)], told.findings);
    }
    for text in &list.texts {
        told.unsent(text, "Sympa sends its own: to change them, put templates into mail_tt2");
    }
    tell_filters(list, told);
    tell_people(list, told);
    if let Some(set) = list.digest_posts.as_ref().or(list.digest_seconds.as_ref()) {
        told.adapted(
            &set.origin,
            "digests have a number of posts or an age of their own",
            "on the new list one is sent every day at noon",
        );
    }
}

/// What is looked for in posts, and has a name that no rule of a scenario takes.
fn tell_filters(list: &List, told: &mut Told<'_>) {
    let filters = &list.filters;
    let fields = filters.refused_fields.iter().filter(|it| !scenario::takes_field(&it.value));
    let types = filters.refused_types.iter().filter(|it| !scenario::takes_type(&it.value));
    for name in fields.chain(types) {
        let message = format!("posts with {} are refused", shown(&name.value));
        told.dropped(&name.origin, message, "on the new list they are distributed");
    }
    if let Some(parent) = &list.parent
        && scenario::of_parent(&parent.value).is_empty()
    {
        let message = format!("all posts come from {}", shown(&parent.value.to_bytes()));
        told.dropped(&parent.origin, message, "Sympa takes no such sender: nobody may post");
    }
}

fn tell_people(list: &List, told: &mut Told<'_>) {
    for sender in
        list.denied.iter().chain(&list.held_back).filter(|it| scenario::is_wild(&it.value))
    {
        let message = format!("{} may not post", shown(&sender.value.to_bytes()));
        let effect = "a line of Sympa's filters takes the * for anything, so that it has none for him: he may post as others do";
        told.opened(&sender.origin, message, effect);
    }
    if list.holds_posts() && !list.confirm_posts.value && list.moderators.is_empty() {
        told.adapted(
            &list.posting.origin,
            "posts wait for a moderator, and the list has none",
            "on the new list they wait for its owner",
        );
    }
    if list.moderates_members() {
        told.adapted(
            &list.subscribing.origin,
            "moderators decide about members",
            "on the new list those are its owners, who decide about posts too where it has no moderator",
        );
    }
}
