//! One folder of a Maildir: known again from an earlier pass, or listed and counted.

use super::aside;
use super::look::{KEYWORDS, Looked, Place};
use super::messages::{Half, Messages};
use super::tally::Tally;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::Entry;
use crate::fsys::root::Root;
use crate::fsys::{Error, Kind};
use crate::model::memory::unique;
use crate::model::seen::{Near, Prints, Seen};
use crate::model::store::{Folder, Store};
use crate::model::{Origin, RelPath};
use crate::source::unlistable;
use bstr::BString;
use std::sync::Arc;

/// What the folders of a Maildir are read with.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Root,
    /// Stamps are not to be trusted.
    pub(super) by_names: bool,
    pub(super) near: Near<'a>,
    pub(super) store: &'a mut Store,
    pub(super) findings: &'a mut Findings,
}

impl Reader<'_> {
    /// Reads one folder, unless it is as an earlier pass saw it; it may have been looked at already.
    pub(super) fn read(
        &mut self,
        name: BString,
        path: RelPath,
        place: Option<Place<'_>>,
        looked: Option<Looked<'_>>,
    ) {
        // Both have one path in memory then.
        let (path, known) = match self.near.get(&path) {
            Some((path, known)) => (path.clone(), Some(known)),
            None => (path, None),
        };
        if self.by_names
            && let Some(known) = known.filter(|known| self.has_names(place, known))
        {
            return self.add_known(name, path, known, known.source);
        }
        let is_same = |prints: &Prints| known.is_some_and(|known| prints.is(&known.source));
        let mut looked = looked.unwrap_or_else(|| Looked::new(place));
        if !self.by_names
            && let Some(known) = known.filter(|_| is_same(&looked.prints()))
        {
            return self.add_known(name, path, known, looked.prints());
        }
        let Self { root, store, findings, .. } = self;
        looked.begin_names();
        let parts = Half::BOTH.map(Half::name).map(|name| {
            let opened = match place {
                Some(place) => {
                    Messages::open_in(root, &store.path, place.maildir, &place.within(name))
                }
                None => Messages::open(root, &store.path, &path.join(name)),
            };
            (opened, path.join(name))
        });
        let parts = parts.map(|(opened, part)| {
            let listed = opened.and_then(|open| {
                open.map(|open| Ok((looked.list(open.folder())?, open))).transpose()
            });
            looked.end_part();
            (part, listed)
        });
        let source = looked.all_prints();
        let by_names = Prints { stamps: None, ..source };
        if let Some(known) = known.filter(|_| is_same(&by_names)) {
            return self.add_known(name, path, known, source);
        }
        let told = findings.len();
        findings.extend(name_twice(&parts));
        let latest = known.and_then(|known| known.latest);
        let Some((mut tally, has_cur)) = count(&name, parts, latest, findings) else { return };
        let Tally { counts, common, .. } = tally;
        let wrong_size = tally.wrong_size.take();
        let seen = Seen { source, counts, latest: looked.latest(), ..Seen::default() };
        let folder = Folder::seen(name, path, Arc::new(seen));
        let touched = tally.touched().map(Box::new);
        let mut folder = Folder { is_seen: false, common, touched, ..folder };
        if !has_cur && folder.messages > 0 {
            findings.push(unseen(&folder));
        }
        if !folder.name.is_empty() {
            aside::in_folder(root, &folder.path, looked.links, findings);
        }
        if findings.len() > told || wrong_size.is_some() {
            folder.seen = None;
        }
        store.wrong_size = store.wrong_size.take().or(wrong_size);
        store.add(folder, &counts);
    }

    /// Whether a folder has the names that an earlier pass saw, which need neither memory nor order to
    /// tell. What cannot be looked at is told when it is read.
    fn has_names(&self, place: Option<Place<'_>>, known: &Seen) -> bool {
        let has = |place: Place<'_>| -> Option<bool> {
            // Noted, so that what Courier puts into them meanwhile is seen; INBOX is noted already, and
            // so is a folder of keywords that comes.
            if !place.folder.is_empty() {
                self.root.stat_in(place.maildir, place.folder).ok()?;
            }
            let keywords = place.within(KEYWORDS);
            if place.maildir.stat(&keywords).ok()?.is_some() {
                self.root.stat_in(place.maildir, &keywords).ok()?;
            }
            let mut look = place.kept()?;
            for half in Half::BOTH {
                let name = place.within(half.name());
                let part = Messages::open_in(self.root, &self.store.path, place.maildir, &name);
                look.names(part.ok()?.as_ref().map(Messages::folder)).ok()?;
            }
            let names = look.settled();
            Some(Prints { stamps: None, names }.is(&known.source))
        };
        place.and_then(has).unwrap_or(false)
    }
}

/// Counts what the parts of a folder hold; `None` where it has none, and is no folder. Whether it has
/// a `cur`.
fn count(
    name: &BString,
    parts: [Part<'_>; 2],
    latest: Option<i64>,
    findings: &mut Findings,
) -> Option<(Tally, bool)> {
    let mut is_folder = name.is_empty();
    let mut has_cur = is_folder;
    let mut tally = Tally::new(name, latest);
    for (part, listed) in parts {
        match listed {
            Ok(Some((entries, messages))) => tally.add((&messages, &entries), findings),
            Ok(None) => findings.push(not_followed(&part)),
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => findings.push(unlistable(&part, &error)),
        }
        is_folder = true;
        has_cur |= part.file_name() == "cur";
    }
    findings.extend(tally.told());
    is_folder.then_some((tally, has_cur))
}

/// Courier would have read there with the rights of the mailbox's owner only, and from nothing at all.
fn not_followed(part: &RelPath) -> Finding {
    Finding::new(
        &code::FOLDER_LINK,
        Disposition::Dropped,
        Origin::file(part),
        part.as_bstr(),
        "the messages of a folder are a link to nothing or to another owner's folder",
        "nothing is read through it; what an earlier pass brought stays",
    )
}

/// Courier lists a folder only if it has a `cur` (`maildir_list` in `maildirlist.C`).
fn unseen(folder: &Folder) -> Finding {
    Finding::new(
        &code::FOLDER_UNSEEN,
        Disposition::Migrated,
        Origin::file(&folder.path),
        folder.path.as_bstr(),
        format!("Courier did not show this folder; messages in it: {}", folder.messages),
        "the new server shows it",
    )
}

/// A part of a folder with what was found in it, if it could be listed.
type Part<'r> = (RelPath, Result<Option<(Vec<Entry>, Messages<'r>)>, Error>);

/// Looks for messages of one name, whatever their flags and wherever in the folder they lie.
fn name_twice(parts: &[Part<'_>]) -> Option<Finding> {
    let listed = parts.iter().filter_map(|(part, listed)| Some((part, listed.as_ref().ok()?)));
    let entries = listed.flat_map(|(part, listed)| {
        let entries = listed.iter().flat_map(|(entries, _)| entries);
        let messages = entries.filter(|it| it.kind == Kind::File && !it.name.starts_with(b"."));
        messages.map(move |entry| (unique(&entry.name), part, entry))
    });
    let mut names: Vec<_> = entries.collect();
    names.sort_by_key(|(unique, ..)| *unique);
    let mut twice = names.array_windows().filter(|[(a, ..), (b, ..)]| a == b).peekable();
    let [_, (_, part, entry)] = *twice.peek()?;
    let path = part.join(&entry.name);
    Some(Finding::new(
        &code::MESSAGE_NAME_TWICE,
        Disposition::Migrated,
        Origin::file(&path),
        part.parent().as_bstr(),
        format!(
            "messages in this folder with the name of another one: {}, this one first",
            twice.count()
        ),
        "they are copied; Dovecot gives such a message another name, and clients take it for a new one",
    ))
}
