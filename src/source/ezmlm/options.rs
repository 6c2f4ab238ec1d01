//! Options of a list that stand for themselves: filters, limits, digests, what moderators may do.
//!
//! From version 5 on a program's own options count before the files (`getconfopt.c`); before that
//! there are options only.

use super::rules::{Editor, Rejects};
use super::settings::Settings;
use super::software::Software;
use crate::finding::Findings;
use crate::model::list::{Filters, Powers, Subjects};
use crate::model::quota::leading_number;
use crate::model::{Origin, Sourced};
use bstr::{BString, ByteSlice as _};

/// Settings that nothing on a new server is like, and what each does.
const UNMAPPED: &[(&str, &str)] = &[
    ("nowarn", "sends no warnings to members whose mail comes back"),
    ("sequence", "adds a header with the number of the message"),
];

/// What a list looks for in posts. Sizes and types are `ezmlm-reject`'s business, and only where it
/// is told the list's folder; removing parts is `ezmlm-send`'s.
pub(super) fn filters(
    settings: &Settings<'_>,
    rejects: Rejects,
    findings: &mut Findings,
) -> Filters {
    let mut lines = |name: &str, counts: bool| {
        if counts { settings.lines(name, findings) } else { Vec::new() }
    };
    let kept_types = lines("mimekeep", true);
    Filters {
        refused_fields: lines("headerreject", rejects.fields),
        kept_fields: lines("headerkeep", true),
        refused_types: lines("mimereject", rejects.parts),
        removed_types: lines("mimeremove", kept_types.is_empty()),
        refuses_removed: rejects.parts,
        kept_types,
    }
}

pub(super) fn subjects(rejects: Rejects) -> Subjects {
    Subjects { required: rejects.without_subject, no_commands: rejects.commands }
}

/// The largest and the smallest body: `msgsize` holds `MAX:MIN`, 0 for no limit (`ezmlm-reject.c`).
pub(super) fn sizes(
    settings: &Settings<'_>,
    rejects: Rejects,
    findings: &mut Findings,
) -> [Option<Sourced<u64>>; 2] {
    let line = settings.value("msgsize", findings).filter(|_| rejects.parts);
    let Some(line) = line else { return [None, None] };
    let (largest, smallest) = line.value.split_once_str(":").unwrap_or((&line.value, b""));
    [largest, smallest].map(|digits| {
        let bytes = leading_number(digits);
        (bytes > 0).then(|| Sourced::new(bytes, line.origin.clone()))
    })
}

/// How many posts, seconds and bytes make a digest: options of `ezmlm-tstdig`, else files.
pub(super) fn digests(
    settings: &Settings<'_>,
    editor: &Editor,
    editor_at: &Origin,
    findings: &mut Findings,
) -> [Option<Sourced<u64>>; 3] {
    [('m', "digcount", 1), ('t', "digtime", 3600), ('k', "digsize", 1024)].map(
        |(letter, name, unit)| {
            let told = editor.number("ezmlm-tstdig", letter);
            let told = told.map(|(number, line)| Sourced::new(number, editor_at.at(line)));
            let number = told.or_else(|| settings.number(name, findings))?;
            Some(Sourced::new(number.value.saturating_mul(unit), number.origin))
        },
    )
}

/// Whether digests are sent: `editor` calls `ezmlm-get` for it, from version 5 on where the list has
/// `digested`.
pub(super) fn sends_digests(
    settings: &Settings<'_>,
    editor: &Editor,
    editor_at: &Origin,
) -> Sourced<bool> {
    let sends = editor.runs("ezmlm-get");
    let place = if sends || !settings.software.is_modern() {
        editor_at.at(editor.line_of("ezmlm-get"))
    } else {
        settings.origin("digested")
    };
    Sourced::new(sends, place)
}

/// For how many seconds a post waits: a day to ten (`ezmlm-clean.c`).
pub(super) fn held(settings: &Settings<'_>, findings: &mut Findings) -> Option<Sourced<u64>> {
    let hours = ["modtime", "mod/modtime"].into_iter().find_map(|it| settings.number(it, findings));
    hours.map(|hours| Sourced::new(hours.value.clamp(24, 240) * 3600, hours.origin))
}

/// Whether `ezmlm-clean` gives posts back that nobody has decided about.
pub(super) fn returns_held(
    settings: &Settings<'_>,
    editor: &Editor,
    editor_at: &Origin,
) -> Sourced<bool> {
    let line = editor_at.at(editor.line_of("ezmlm-clean"));
    match (editor.switch("ezmlm-clean", 'r', 'R'), settings.there("noreturnposts")) {
        (Some(told), _) => Sourced::new(told, line),
        (None, Some(file)) => Sourced::new(false, file),
        (None, None) => Sourced::new(true, line),
    }
}

/// What `ezmlm-manage` lets moderators do.
pub(super) fn powers(settings: &Settings<'_>, manager: &Editor, manager_at: &Origin) -> Powers {
    let line = manager_at.at(manager.line_of("ezmlm-manage"));
    let asked = |on, off, letter, name| match manager.switch("ezmlm-manage", on, off) {
        Some(is_on) => is_on.then(|| line.clone()),
        None if settings.software == Software::Idx04 => None,
        None => settings.on(letter, name),
    };
    Powers {
        subscribe_others: settings.on(b'r', "remote"),
        list_members: asked('l', 'L', b'l', "modcanlist"),
        edit_texts: asked('e', 'E', b'n', "modcanedit").or_else(|| {
            let has_old_letter = manager.switch("ezmlm-manage", 'd', 'D') == Some(true);
            has_old_letter.then(|| line.clone())
        }),
    }
}

/// Whether subscribing and unsubscribing ask the address for confirmation.
pub(super) fn confirms(
    settings: &Settings<'_>,
    manager: &Editor,
    manager_at: &Origin,
) -> [Sourced<bool>; 2] {
    let line = manager_at.at(manager.line_of("ezmlm-manage"));
    let asked = |on, off, letter, name| match manager.switch("ezmlm-manage", on, off) {
        Some(is_on) => Sourced::new(is_on, line.clone()),
        None if settings.software == Software::Idx04 => Sourced::new(true, line.clone()),
        None => Sourced::new(!settings.is_on(letter, name), settings.place(letter, name)),
    };
    [asked('s', 'S', b'h', "nosubconfirm"), asked('u', 'U', b'j', "nounsubconfirm")]
}

/// Header lines to add and names of header fields to remove. Where the fields to keep are named,
/// `headerremove` is not asked (`ezmlm-send.c`).
pub(super) fn headers(
    settings: &Settings<'_>,
    filters: &Filters,
    findings: &mut Findings,
) -> [Vec<Sourced<BString>>; 2] {
    let mut added = settings.lines("headeradd", findings);
    let mut removed = settings.lines("headerremove", findings);
    if !filters.kept_fields.is_empty() {
        removed.clear();
    }
    if settings.has("replytolist") {
        let (local, host) = settings.address();
        let line = [b"Reply-To: ".as_slice(), local, b"@", host].concat();
        added.push(Sourced::new(line.into(), settings.origin("replytolist")));
        removed.push(Sourced::new("Reply-To".into(), settings.origin("replytolist")));
    }
    [added, removed]
}

/// What `ezmlm-reject` does by options that nothing on a new server is like (`ezmlm-reject.c`).
pub(super) fn rejecting(
    editor: &Editor,
    rejects: Rejects,
    editor_at: &Origin,
) -> Vec<Sourced<&'static str>> {
    let line = editor_at.at(editor.line_of("ezmlm-reject"));
    let asks = |on, off| editor.switch("ezmlm-reject", on, off) == Some(true);
    let told = [
        (
            rejects.without_address && asks('q', 'Q'),
            "drops posts without a word where To: and Cc: do not name the list; their senders are told now",
        ),
        (
            rejects.commands && rejects.parts && asks('f', 'F'),
            "sends posts whose subject is a command on to the list's -request; they are refused now",
        ),
        (
            asks('b', 'B'),
            "refuses posts whose subject or text begins with subscribe or unsubscribe",
        ),
    ];
    let told = told.into_iter().filter(|(is_on, _)| *is_on);
    told.map(|(_, effect)| Sourced::new(effect, line.clone())).collect()
}

/// Settings that nothing on a new server is like.
pub(super) fn unmapped(
    settings: &Settings<'_>,
    added: &[Sourced<BString>],
) -> Vec<Sourced<&'static str>> {
    let there = UNMAPPED.iter().filter(|(name, _)| settings.has(name));
    let told = there.map(|(name, effect)| Sourced::new(*effect, settings.origin(name)));
    // ezmlm-make notes there what it has put into headeradd; nothing else asks for it.
    let sets_from = |line: &Sourced<BString>| line.value.to_ascii_lowercase().starts_with(b"from:");
    let is_idle = settings.has("fromheader") && !added.iter().any(sets_from);
    let effect = "names a From: header that headeradd does not add";
    let idle = is_idle.then(|| Sourced::new(effect, settings.origin("fromheader")));
    told.chain(idle).collect()
}
