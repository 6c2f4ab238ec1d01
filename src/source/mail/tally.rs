//! What the messages of a folder come to: how many they are, and what is odd about them.

use super::messages::Messages;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::Entry;
use crate::fsys::{Error, Kind, Stat};
use crate::model::message::is_plain;
use crate::model::seen::Counts;
use crate::model::store::{Common, Held};
use crate::model::{Origin, RelPath, shown};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// The messages of a folder that were counted so far.
#[derive(Debug)]
pub(super) struct Tally {
    in_trash: bool,
    pub(super) counts: Counts,
    /// The first one whose name states another size than it has.
    pub(super) wrong_size: Option<RelPath>,
    /// How many Dovecot would misread the names of, and the first of them.
    odd_names: (u64, Option<RelPath>),
    pub(super) common: Common,
    touched: Touched,
}

impl Tally {
    /// Begins with a folder; see [`crate::model::seen::Seen::latest`].
    pub(super) fn new(folder: &[u8], latest: Option<i64>) -> Self {
        Self {
            in_trash: folder == b".Trash" || folder.starts_with(b".Trash."),
            counts: Counts::default(),
            wrong_size: None,
            odd_names: (0, None),
            common: Common::Unknown,
            touched: Touched::since(latest),
        }
    }

    /// Counts the messages of `new` or `cur`, and tells what is none.
    pub(super) fn add(
        &mut self,
        (messages, entries): (&Messages<'_>, &[Entry]),
        findings: &mut Findings,
    ) {
        let path = |entry: &Entry| messages.folder().path.join(&entry.name);
        for entry in entries.iter().filter(|entry| !entry.name.starts_with(b".")) {
            match examine(messages, entry, &mut self.common, findings) {
                Ok(Some((bytes, ctime))) => self.count(entry, bytes, ctime, || path(entry)),
                Ok(None) => {}
                Err(error) => findings.push(crate::source::unreadable(&path(entry), &error)),
            }
        }
    }

    fn count(&mut self, entry: &Entry, bytes: u64, ctime: i64, path: impl Fn() -> RelPath) {
        self.touched.note(&entry.name, ctime);
        if !is_plain(&entry.name) {
            self.odd_names.0 += 1;
            self.odd_names.1.get_or_insert_with(&path);
        }
        if states_wrong_size(&entry.name, bytes) {
            self.wrong_size.get_or_insert_with(&path);
        }
        self.counts.all.add(bytes);
        if !self.in_trash {
            let is_deleted = is_marked_deleted(&entry.name);
            let Counts { deleted, counted, .. } = &mut self.counts;
            let usage = if is_deleted { deleted } else { counted };
            usage.add(bytes);
        }
    }

    /// What is to be told of all of them.
    pub(super) fn told(&self) -> Option<Finding> {
        let (count, first) = &self.odd_names;
        first.as_ref().map(|first| odd_name(first, *count))
    }

    /// The names of those that have changed since an earlier pass, if that is known.
    pub(super) fn touched(self) -> Option<BTreeSet<BString>> {
        self.touched.names
    }
}

/// Whether a name states another size than the message has: `,S=BYTES` before the flags
/// (`maildirquota.html`).
fn states_wrong_size(name: &[u8], bytes: u64) -> bool {
    let unique = name.split(|byte| *byte == b':').next().unwrap_or_default();
    let stated = unique.split(|byte| *byte == b',').find_map(|field| field.strip_prefix(b"S="));
    let number = stated.map(|stated| stated.to_str().ok().and_then(|text| text.parse().ok()));
    number.is_some_and(|number| number != Some(bytes))
}

/// The names of the messages that have changed since an earlier pass.
#[derive(Debug)]
struct Touched {
    /// See [`Seen::latest`].
    since: i64,
    /// `None` once there are too many of them: then any may have.
    names: Option<BTreeSet<BString>>,
}

impl Touched {
    /// More than these are not kept.
    const MOST: usize = 1000;

    fn since(latest: Option<i64>) -> Self {
        Self { since: latest.unwrap_or_default(), names: latest.map(|_| BTreeSet::new()) }
    }

    fn note(&mut self, name: &BString, ctime: i64) {
        if ctime >= self.since
            && let Some(mut names) = self.names.take().filter(|names| names.len() < Self::MOST)
        {
            names.insert(name.clone());
            self.names = Some(names);
        }
    }
}

/// The size in bytes and the ctime of a message; `None` for what is none, which is told.
fn examine(
    messages: &Messages<'_>,
    entry: &Entry,
    common: &mut Common,
    findings: &mut Findings,
) -> Result<Option<(u64, i64)>, Error> {
    let path = || messages.folder().path.join(&entry.name);
    let mut hold = |stat: &Stat| {
        let (ids, device) = ((stat.uid, stat.gid), stat.inode.0);
        common.add(Held { ids, mode: stat.mode, device });
    };
    match entry.kind {
        Kind::File => {
            // It may have been moved since the listing; the copy looks again.
            let Some(stat) = messages.stat(&entry.name)? else { return Ok(Some((0, i64::MAX))) };
            if !messages.is_strangers(&stat) {
                hold(&stat);
                return Ok(Some((stat.size, stat.ctime)));
            }
            findings.push(no_message(&path(), "second name of somebody else's file"));
        }
        Kind::Link => {
            if let Some(linked) = messages.linked(&entry.name) {
                hold(&linked.stat);
                findings.push(link_message(&path(), &linked.inside));
                // What it leads to may lie anywhere in the store.
                return Ok(Some((linked.stat.size, i64::MAX)));
            }
            findings.push(no_message(&path(), entry.kind.name()));
        }
        Kind::Folder | Kind::Special => findings.push(no_message(&path(), entry.kind.name())),
    }
    Ok(None)
}

fn is_marked_deleted(name: &[u8]) -> bool {
    name.rsplit_once_str(":2,").is_some_and(|(_, flags)| flags.contains(&b'T'))
}

fn odd_name(path: &RelPath, count: u64) -> Finding {
    Finding::new(
        &code::MESSAGE_NAME_ODD,
        Disposition::Adapted,
        Origin::file(path),
        path.parent().parent().as_bstr(),
        format!(
            "Dovecot would misread the names of {count} messages in this folder, this one first"
        ),
        "the copies have other names, with the same flags, dates and numbers",
    )
}

fn link_message(path: &RelPath, to: &RelPath) -> Finding {
    Finding::new(
        &code::MESSAGE_NOT_A_FILE,
        Disposition::Adapted,
        Origin::file(path),
        path.as_bstr(),
        format!("a message is a link to {to} of the same mailbox"),
        "the file is copied as a message of its own, with the date that it has",
    )
}

fn no_message(path: &RelPath, what: &str) -> Finding {
    Finding::new(
        &code::MESSAGE_NOT_A_FILE,
        Disposition::Dropped,
        Origin::file(path),
        path.as_bstr(),
        format!("a {what} lies where messages are: {}", shown(path.file_name())),
        "it is not opened and not carried over",
    )
}
