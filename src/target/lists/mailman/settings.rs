//! The attributes of a list (`mailman.rest.listconf`), as far as the old list decides them or the
//! style of a new one would differ from it.

use super::posting::{Posting, word};
use super::{text, texts};
use crate::finding::Disposition;
use crate::model::list::{ArchiveReaders, List, Subscribing};
use crate::model::{Address, Sourced};
use crate::target::lists::Run;
use crate::target::lists::lost::{self, Loss};
use crate::target::lists::posting::Action;
use crate::target::lists::replies::{self, ReplyTo, is_named};
use crate::target::lists::told::Told;
use bstr::{BString, ByteSlice as _};
use serde_json::{Map, Value};

/// ezmlm's limit is for the body, Mailman's for the whole message: room for headers, in bytes.
const HEADER_ROOM: u64 = 16 << 10;

/// ezmlm-tstdig sends a digest at so many KiB of posts (`digsize`).
const DIGEST_SIZE: u64 = 64;

/// More KiB than a digest can have: ezmlm's 0 is never, Mailman's is always.
const NEVER: u64 = 1 << 20;

/// Languages that Mailman's core has texts in, of those that ezmlm has (`schema.cfg`).
const LANGUAGES: &[&str] = &[
    "cs", "da", "de", "en", "es", "fr", "hu", "it", "ja", "nl", "pl", "pt", "pt_BR", "ru", "sv",
    "zh_CN",
];

/// Header fields that Mailman sets itself, whatever the old list wrote there.
const SET_BY_MAILMAN: &[&str] = &[
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "mailing-list",
    "precedence",
];

/// Header fields that never leave Mailman (`mailman.handlers.cleanse`), or the MTA writes anew.
const REMOVED_BY_MAILMAN: &[&str] = &[
    "approve",
    "approved",
    "content-length",
    "disposition-notification-to",
    "return-path",
    "return-receipt-to",
    "x-confirm-reading-to",
    "x-pmrqc",
];

/// All attributes that are set.
pub(super) fn config(run: &Run<'_>, posting: &Posting, told: &mut Told<'_>) -> Map<String, Value> {
    let list = &run.list.list;
    let aliases = run.aliases.iter().map(|name| text(&Address::of(&list.address.local, name)));
    let mut config = Map::new();
    let mut set = |name: &str, value: Value| drop(config.insert(name.to_owned(), value));
    set("display_name", list.address.local.to_string().into());
    set("acceptable_aliases", aliases.collect());
    set("default_member_action", word(posting.members).into());
    set("default_nonmember_action", word(posting.others).into());
    set("accept_these_nonmembers", posting.nonmembers(Action::Send).into());
    set("hold_these_nonmembers", posting.nonmembers(Action::Hold).into());
    // ezmlm-reject looks at the recipients and the subject; what it refused waits here.
    set("require_explicit_destination", list.wants_address.into());
    set("administrivia", list.discards_bulk.into());
    // Mailman's own limits, which ezmlm has not.
    set("max_num_recipients", 0.into());
    set("max_message_size", list.largest.as_ref().map_or(0, |it| kib(it.value)).into());
    // ezmlm tells nobody that a post waits.
    set("respond_to_post_requests", false.into());
    set("member_roster_visibility", "moderators".into());
    set("digests_enabled", list.digests.value.into());
    set("digest_size_threshold", digest_kib(list).into());
    for (name, value) in filters(list).into_iter().chain(senders(list)) {
        set(name, value);
    }
    // In days. Core 3.3.8 keeps the number and does not obey it.
    let days = list.held_seconds.as_ref().map(|held| held.value.div_ceil(86_400));
    set("max_days_to_hold", days.unwrap_or(0).into());
    let language = list.language.as_ref().map(|language| language.value.as_str());
    let language = language.filter(|language| LANGUAGES.contains(language));
    set("preferred_language", language.unwrap_or("en").into());
    for (name, value) in subscribing(list) {
        set(name, value);
    }
    set("archive_policy", archive_policy(list).into());
    set("subject_prefix", texts::prefix(list).into());
    for (name, value) in replies(list, told) {
        set(name, value);
    }
    tell_limits(list, told);
    tell_headers(list, told);
    tell_others(list, told);
    config
}

/// At how many KiB a digest is sent.
fn digest_kib(list: &List) -> u64 {
    match list.digest_bytes.as_ref().map(|bytes| bytes.value) {
        None => DIGEST_SIZE,
        Some(0) => NEVER,
        Some(bytes) => bytes.div_ceil(1024),
    }
}

/// What is taken out of a message. Mailman looks at messages with several parts in the same way as at
/// their parts, so that a list of what to keep must name them.
fn filters(list: &List) -> Vec<(&'static str, Value)> {
    let names = |types: &[Sourced<BString>]| -> Vec<String> {
        types.iter().map(|name| name.value.to_str_lossy().to_lowercase()).collect()
    };
    let removed = names(&list.filters.removed_types);
    let mut kept = names(&list.filters.kept_types);
    if removed.is_empty() && kept.is_empty() {
        return vec![("filter_content", false.into())];
    }
    if !kept.is_empty() {
        kept.extend(["multipart".to_owned()]);
    }
    vec![
        ("filter_content", true.into()),
        ("filter_types", removed.into()),
        ("pass_types", kept.into()),
        ("filter_action", "reject".into()),
        ("collapse_alternatives", false.into()),
    ]
}

/// Whose name a post goes out in.
fn senders(list: &List) -> Vec<(&'static str, Value)> {
    if list.rewrites_from.is_none() {
        return Vec::new();
    }
    vec![
        ("dmarc_mitigate_action", "munge_from".into()),
        ("dmarc_mitigate_unconditionally", true.into()),
    ]
}

/// A limit in whole KiB, never smaller than it was.
fn kib(body: u64) -> u64 {
    body.saturating_add(HEADER_ROOM).div_ceil(1024)
}

fn subscribing(list: &List) -> [(&'static str, Value); 3] {
    let policy = match (list.subscribing.value, list.confirm_subscribe.value) {
        (Subscribing::Open, true) => "confirm",
        (Subscribing::Open, false) => "open",
        (Subscribing::Moderated | Subscribing::Closed, true) => "confirm_then_moderate",
        (Subscribing::Moderated | Subscribing::Closed, false) => "moderate",
    };
    let leaving = if list.confirm_unsubscribe.value { "confirm" } else { "open" };
    [
        ("subscription_policy", policy.into()),
        ("unsubscription_policy", leaving.into()),
        ("advertised", (list.subscribing.value != Subscribing::Closed).into()),
    ]
}

fn archive_policy(list: &List) -> &'static str {
    match (list.archive.kept, list.archive.readers) {
        (false, _) => "never",
        (true, ArchiveReaders::Anyone) => "public",
        (true, _) => "private",
    }
}

/// Where answers go: `Reply-To:` is a setting of Mailman's, and no header to be added.
fn replies(list: &List, told: &mut Told<'_>) -> Vec<(&'static str, Value)> {
    let way = match replies::of(list, super::members::fits) {
        ReplyTo::Sender => ("no_munging", String::new()),
        ReplyTo::List => ("point_to_list", String::new()),
        ReplyTo::Address(to) => ("explicit_header", text(&to)),
        ReplyTo::Odd(line) => {
            told.odd_reply_to(line);
            ("no_munging", String::new())
        }
    };
    vec![
        ("reply_goes_to_list", way.0.into()),
        ("reply_to_address", way.1.into()),
        ("first_strip_reply_to", replies::strips(list).into()),
    ]
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|wanted| is_named(name, wanted))
}

fn tell_limits(list: &List, told: &mut Told<'_>) {
    if let Some(largest) = &list.largest {
        told.adapted(
            &largest.origin,
            "posts that are too large are refused",
            "on the new list they wait for a moderator",
        );
    }
    if list.confirm_posts.value {
        told.adapted(
            &list.confirm_posts.origin,
            "each post is confirmed by its sender",
            "on the new list it waits for a moderator",
        );
    }
    if let Some(trailer) = list.trailer.as_ref().filter(|trailer| !trailer.value.is_ascii()) {
        told.adapted(
            &trailer.origin,
            "the trailer is not plain ASCII",
            "below messages with several parts its accents become question marks",
        );
    }
    if list.wants_address {
        told.adapted(
            &list.looks,
            "posts that do not name the list in To: or Cc: are refused",
            "on the new list they wait for a moderator",
        );
    }
    if let Some(set) = list.digest_posts.as_ref().or(list.digest_seconds.as_ref()) {
        told.adapted(
            &set.origin,
            "digests have a number of posts or an age of their own",
            "on the new list one is sent at noon, or earlier once it has 64 KiB",
        );
    }
    if list.subscribing.value == Subscribing::Closed {
        told.adapted(
            &list.subscribing.origin,
            "nobody may subscribe by mail",
            "on the new list a moderator has to agree",
        );
    }
    if list.archive.kept
        && matches!(list.archive.readers, ArchiveReaders::Moderators | ArchiveReaders::Nobody)
    {
        told.adapted(
            list.archive.readers_at.as_ref().unwrap_or(&list.looks),
            "members may not read the archive",
            "Mailman core lets nobody; HyperKitty beside it would let members",
        );
    }
}

/// What Mailman has nothing for, or does in another way.
const LOSSES: &[Loss] = {
    use Disposition::{Adapted, Dropped};
    &[
        ("fields-kept", Dropped, "on the new list all others are passed on too"),
        ("held-returned", Adapted, "on the new list they wait until somebody decides"),
        ("held-seconds", Adapted, "on the new list they wait until somebody decides"),
        (
            "moderators-edit-texts",
            Dropped,
            "the new list's texts are files that Mailman is told of",
        ),
        (
            "moderators-list-members",
            Adapted,
            "on the new list they do so in Mailman's web interface",
        ),
        (
            "moderators-subscribe-others",
            Adapted,
            "on the new list they do so in Mailman's web interface",
        ),
        ("parent", Adapted, lost::OWN_SUBLIST),
        ("smallest-bytes", Dropped, "on the new list they are distributed"),
        ("subject-required", Adapted, "on the new list they wait for a moderator"),
        ("types-refused", Adapted, lost::WHOLE_TYPES),
        ("types-kept", Adapted, "on the new list those within other parts too"),
        ("types-removed", Adapted, "on the new list those within other parts too"),
    ]
};

fn tell_others(list: &List, told: &mut Told<'_>) {
    lost::tell(list, LOSSES, told.findings);
    told.made_list_id();
    if list.language.as_ref().is_some_and(|own| !LANGUAGES.contains(&own.value.as_str())) {
        let effect = "Mailman has no texts in it: on the new list they are English";
        lost::tell(list, &[("language", Disposition::Dropped, effect)], told.findings);
    }
}

fn tell_headers(list: &List, told: &mut Told<'_>) {
    for line in &list.add_headers {
        let name = line.value.split_str(":").next().unwrap_or_default();
        if !is_one_of(name, SET_BY_MAILMAN) && !is_named(name, "reply-to") {
            let message = format!("the header line {} is added", crate::model::shown(&line.value));
            told.dropped(&line.origin, message, "the new list does not add it");
        }
    }
    for name in &list.remove_headers {
        let known = [SET_BY_MAILMAN, REMOVED_BY_MAILMAN].concat();
        if !is_one_of(&name.value, &known) && !is_named(&name.value, "reply-to") {
            let message = format!("the header {} is removed", crate::model::shown(&name.value));
            told.dropped(&name.origin, message, "the new list leaves it");
        }
    }
}
