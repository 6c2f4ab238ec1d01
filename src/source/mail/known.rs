//! What is taken from memory of a Maildir that an earlier pass saw, and what the next one may.

use super::aside;
use super::folder::Reader;
use super::look::{Looked, Place};
use super::maildir::may_be_folder;
use crate::fsys::Kind;
use crate::fsys::folder::{Entry, Folder as Open};
use crate::model::RelPath;
use crate::model::seen::{Prints, Seen};
use crate::model::store::Folder;
use bstr::BString;
use std::sync::Arc;

impl Reader<'_> {
    /// Takes the folders of a Maildir from memory, if it looks itself as an earlier pass saw it: then it
    /// has no others.
    pub(super) fn read_known(&mut self, open: &Open, looked: &Looked<'_>) -> bool {
        let prints = looked.prints();
        let known = self.near.get(&open.path).filter(|(_, known)| prints.is(&known.source));
        let Some((path, inbox)) = known else { return false };
        let near = self.near.clone();
        let folders = || {
            near.iter().filter_map(|(path, _)| {
                let name = path.strip_prefix(&open.path)?;
                (may_be_folder(name) && !name.contains(&b'/')).then_some((name, path))
            })
        };
        if inbox.folders != u32::try_from(1 + folders().count()).ok() {
            return false;
        }
        self.add_known(BString::default(), path.clone(), inbox, prints);
        for (name, path) in folders() {
            let place = Place { maildir: open, folder: name };
            self.read(name.to_owned(), path.clone(), Some(place), None);
        }
        true
    }

    /// How many folders the Maildir has, if nothing else in it is asked for and all of them may be known
    /// again.
    pub(super) fn folders(&self, entries: &[Entry]) -> Option<u32> {
        let is_folder = |entry: &Entry| entry.kind == Kind::Folder && may_be_folder(&entry.name);
        let (folders, rest): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| is_folder(entry));
        let is_idle = |entry: &&Entry| entry.kind != Kind::Link && !aside::is_asked(entry);
        let folders = 1 + folders.len();
        let are_known = self.store.folders.len() == folders
            && self.store.folders.iter().all(|folder| folder.seen.is_some());
        let count = u32::try_from(folders).ok();
        count.filter(|_| are_known && rest.iter().all(is_idle))
    }

    /// Notes something of the INBOX that the next pass may know.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut Seen)) {
        let inbox = self.store.folders.first_mut().filter(|inbox| inbox.name.is_empty());
        let Some(Folder { seen: Some(seen), is_noted, .. }) = inbox else { return };
        let mut noted = **seen;
        change(&mut noted);
        if noted != **seen {
            *seen = Arc::new(noted);
            *is_noted = false;
        }
    }

    /// Adds a folder that looks as an earlier pass saw it.
    pub(super) fn add_known(
        &mut self,
        name: BString,
        path: RelPath,
        known: &Arc<Seen>,
        prints: Prints,
    ) {
        let source = Prints { names: prints.names.or(known.source.names), ..prints };
        let is_same = source == known.source;
        let seen = if is_same { Arc::clone(known) } else { Arc::new(Seen { source, ..**known }) };
        let folder = Folder { is_noted: is_same, ..Folder::seen(name, path, seen) };
        self.store.add(folder, &known.counts);
    }
}
