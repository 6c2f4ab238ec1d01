//! A list's `config` (`list_config(5)`), as far as the old list decides it or Sympa's default differs.

use super::members::fits;
use super::{losses, scenario};
use crate::model::list::{ArchiveReaders, List, Subscribing};
use crate::target::lists::Run;
use crate::target::lists::replies::{self, ReplyTo, is_named};
use crate::target::lists::texts;
use crate::target::lists::told::Told;
use bstr::ByteSlice as _;
use std::fmt::Write as _;

/// A setting: its name, `PARAGRAPH.KEY` for one in a paragraph, and its value, which is one line.
pub(super) type Setting = (&'static str, String);

/// ezmlm's limit is for the body, Sympa's for the whole message: room for headers, in bytes.
const HEADER_ROOM: u64 = 16 << 10;

/// Every day at noon, if there is something to send.
const DIGESTS: &str = "0,1,2,3,4,5,6 12:00";

/// In seconds: Sympa throws held posts away after whole days.
pub(super) const DAY: u64 = 86_400;

/// Languages that Sympa has texts in (`supported_lang`), of those that ezmlm has.
const LANGUAGES: &[&str] =
    &["cs", "de", "en", "es", "fr", "hu", "it", "ja", "nl", "pl", "pt_BR", "ru", "sv", "zh_CN"];

/// Header fields that Sympa removes by default (`remove_headers`).
const REMOVED: &[&str] = &[
    "X-Sympa-To",
    "X-Family-To",
    "Return-Receipt-To",
    "Precedence",
    "X-Sequence",
    "Disposition-Notification-To",
    "Sender",
];

/// Header fields that Sympa sets itself, or that are about another program.
const SET_BY_SYMPA: &[&str] = &[
    "errors-to",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "mailing-list",
    "precedence",
    "return-path",
    "sender",
    "x-loop",
    "x-no-archive",
    "x-sequence",
];

/// All settings, in the order of the file.
pub(super) fn of(run: &Run<'_>, told: &mut Told<'_>) -> Vec<Setting> {
    let list = &run.list.list;
    let mut settings: Vec<Setting> = Vec::new();
    let mut set = |name, value: &str| settings.push((name, value.to_owned()));
    let is_closed = list.subscribing.value == Subscribing::Closed;
    set("subject", &list.address.local.to_string());
    set("status", "open");
    set("visibility", if is_closed { "conceal" } else { "noconceal" });
    set("send", scenario::NAME);
    set("subscribe", subscribing(list));
    set("unsubscribe", if list.confirm_unsubscribe.value { "auth" } else { "open" });
    set("review", "owner");
    set("digest", DIGESTS);
    if let Some(tag) = language(list) {
        set("lang", &tag);
    }
    if let Some(held) = &list.held_seconds {
        set("clean_delay_queuemod", &held.value.div_ceil(DAY).to_string());
    }
    if list.rewrites_from.is_some() {
        set("dmarc_protection.mode", "all");
    }
    // Sympa's own limit is 5 MiB; 0 is none.
    let largest = list.largest.as_ref().map_or(0, |it| it.value.saturating_add(HEADER_ROOM));
    set("max_size", &largest.to_string());
    // ezmlm takes the mail of programs.
    set("reject_mail_from_automates_feature", "off");
    if let Some(prefix) = prefix(list, told) {
        set("custom_subject", &prefix);
    }
    let apply = if replies::strips(list) { "forced" } else { "respect" };
    match replies::of(list, fits) {
        ReplyTo::Sender => {}
        ReplyTo::List => {
            set("reply_to_header.value", "list");
            set("reply_to_header.apply", apply);
        }
        ReplyTo::Address(to) => {
            set("reply_to_header.value", "other_email");
            set("reply_to_header.other_email", &super::text(&to));
            set("reply_to_header.apply", apply);
        }
        ReplyTo::Odd(line) => told.odd_reply_to(line),
    }
    set("footer_type", "append");
    for line in added(list, told) {
        set("custom_header", &line);
    }
    set("remove_headers", &removed(list, told).join(","));
    set("process_archive", if list.archive.kept { "on" } else { "off" });
    set("archive.web_access", readers(list));
    set("archive.mail_access", readers(list));
    losses::tell(list, told);
    settings
}

/// The file: settings and paragraphs with an empty line between them.
pub(super) fn render(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut open = "";
    for (name, value) in settings {
        let (paragraph, key) = name.split_once('.').unwrap_or(("", name));
        if paragraph.is_empty() || paragraph != open {
            text.push_str(if text.is_empty() { "" } else { "\n" });
        }
        if paragraph != open && !paragraph.is_empty() {
            let _ = writeln!(text, "{paragraph}");
        }
        let _ = writeln!(text, "{key} {value}");
        open = paragraph;
    }
    text
}

/// The tag of the list's language; `None` where Sympa has no texts in it.
pub(super) fn language(list: &List) -> Option<String> {
    let language = list.language.as_ref()?.value.as_str();
    LANGUAGES.contains(&language).then(|| language.replace('_', "-"))
}

/// The scenario of subscriptions: whether the address is asked, and whether its owners are.
fn subscribing(list: &List) -> &'static str {
    match (list.subscribing.value, list.confirm_subscribe.value) {
        (Subscribing::Open, true) => "auth",
        (Subscribing::Open, false) => "open",
        (Subscribing::Moderated, true) => "auth_owner",
        (Subscribing::Moderated, false) => "owner",
        (Subscribing::Closed, _) => "closed",
    }
}

/// The scenario of reading the archive.
fn readers(list: &List) -> &'static str {
    match list.archive.readers {
        ArchiveReaders::Anyone => "public",
        ArchiveReaders::Subscribers => "private",
        ArchiveReaders::Moderators => "owner",
        ArchiveReaders::Nobody => "closed",
    }
}

/// The prefix without its brackets, which Sympa sets itself; it fills in numbers by Template Toolkit.
fn prefix(list: &List, told: &mut Told<'_>) -> Option<String> {
    let prefix = texts::prefix(list)?;
    let inner = prefix.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if inner.is_none()
        && let Some(prefix) = &list.prefix
    {
        told.adapted(
            &prefix.origin,
            "the subject's prefix stands in no brackets",
            "on the new list it stands in square brackets",
        );
    }
    let inner = inner.unwrap_or(&prefix).trim();
    (!inner.is_empty()).then(|| inner.replacen('#', "[% list.sequence %]", 1))
}

/// Header lines to add: plain ones, which are told where they are not.
fn added(list: &List, told: &mut Told<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in &list.add_headers {
        let (name, value) = line.value.split_once_str(":").unwrap_or((&line.value, b""));
        if is_one_of(name, SET_BY_SYMPA) || is_named(name, "reply-to") {
            continue;
        }
        let value = value.trim_ascii();
        let is_plain = !value.is_empty() && value.iter().all(|b| matches!(b, b' '..=b'~'));
        if is_field(name) && is_plain {
            lines.push(format!("{}: {}", name.as_bstr(), value.as_bstr()));
        } else {
            let message = format!("the header line {} is added", crate::model::shown(&line.value));
            told.dropped(&line.origin, message, "the new list does not add it");
        }
    }
    lines
}

/// Names of header fields to remove: Sympa's own, and the old list's.
fn removed(list: &List, told: &mut Told<'_>) -> Vec<String> {
    let mut names: Vec<String> = REMOVED.iter().map(ToString::to_string).collect();
    for name in &list.remove_headers {
        let field = name.value.trim_ascii();
        let is_known = names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(field));
        if is_known || is_named(field, "reply-to") || is_one_of(field, SET_BY_SYMPA) {
            continue;
        }
        if is_field(field) {
            names.push(field.as_bstr().to_string());
        } else {
            let message = format!("the header {} is removed", crate::model::shown(&name.value));
            told.dropped(&name.origin, message, "the new list leaves it");
        }
    }
    names
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|wanted| is_named(name, wanted))
}

/// Whether it is a name of a header field of letters, digits and dashes.
pub(super) fn is_field(name: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(fits)
}
