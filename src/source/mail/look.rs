//! How a folder of the old server looks, so that one which an earlier pass saw is known again.

use super::messages::Half;
use crate::fsys::folder::{Entry, Folder as Open};
use crate::fsys::print::Look;
use crate::fsys::{self};
use crate::model::seen::Prints;

/// What Courier keeps of a folder. It never writes into one of these files: it puts another in its
/// place (rename(2), `savepop3dlist` in `pop3dserver.c` for one), which the folder's own stamp tells.
const FILES: &[&str] = &["courierimapuiddb", "courierimapacl", KEYWORDS];

/// The same of a mailbox.
const OF_INBOX: &[&str] = &["courierpop3dsizelist", SUBSCRIBED, "courierimaphieracl"];

/// Rules of maildrop that make a folder append its name to this one, as it is.
const SUBSCRIBED: &str = "courierimapsubscribed";

/// The folder in which Courier keeps keywords, a file for each change.
pub(super) const KEYWORDS: &str = "courierimapkeywords";

/// So many names a folder has on most file systems that holds three others and no keywords: its own
/// two, and `..` in each of them.
const NAMES_WITHOUT_KEYWORDS: u64 = 5;

/// A folder in its open Maildir, by its name there; INBOX is that itself, and has no name.
#[derive(Clone, Copy)]
pub(super) struct Place<'o> {
    pub(super) maildir: &'o Open,
    pub(super) folder: &'o [u8],
}

impl Place<'_> {
    /// A name in the folder as it is beneath its Maildir.
    pub(super) fn within(self, name: &str) -> Vec<u8> {
        let divider: &[u8] = if self.folder.is_empty() { b"" } else { b"/" };
        [self.folder, divider, name.as_bytes()].concat()
    }

    /// How what is kept of the folder looks, with which its names begin. What cannot be looked at is
    /// told when it is read.
    pub(super) fn kept(self) -> Option<Look> {
        let mut look = Look::new(b"");
        let of_inbox = OF_INBOX.iter().filter(|_| self.folder.is_empty());
        let mut names = FILES.iter().chain(of_inbox);
        let looked =
            names.try_for_each(|name| look.stat(self.maildir, &self.within(name)).map(drop));
        looked.ok().map(|()| look)
    }
}

/// A folder that is looked at: by its stamps first, and then by its names as they are listed.
pub(super) struct Looked<'o> {
    place: Option<Place<'o>>,
    prints: Prints,
    latest: Option<i64>,
    names: Option<Look>,
    /// So many names it has itself; none where nobody told.
    pub(super) links: u64,
}

impl<'o> Looked<'o> {
    /// Looks at the stamps of a folder; nothing is listed or read. One without a place, which a link
    /// leads to, say, will not be known again.
    pub(super) fn new(place: Option<Place<'o>>) -> Self {
        let mut links = 0;
        let mut look = |place: Place<'o>| -> fsys::Result<Look> {
            let mut look = Look::new(b"");
            let itself = look.stat(place.maildir, &place.within("."))?;
            links = itself.map_or(0, |itself| itself.names);
            for half in Half::BOTH {
                look.stat(place.maildir, &place.within(half.name()))?;
            }
            if links != NAMES_WITHOUT_KEYWORDS {
                look.stat(place.maildir, &place.within(KEYWORDS))?;
            }
            if place.folder.is_empty() {
                look.stat(place.maildir, &place.within(SUBSCRIBED))?;
            }
            Ok(look)
        };
        // What cannot be looked at is told when it is read.
        let look = place.and_then(|place| look(place).ok());
        let stamps = look.as_ref().and_then(Look::settled);
        let latest = look.as_ref().and_then(Look::latest);
        let prints = Prints { stamps, names: None };
        Self { place, prints, latest, names: None, links }
    }

    /// Goes on to its names.
    pub(super) fn begin_names(&mut self) {
        self.names = self.place.and_then(Place::kept);
    }

    /// Lists one of its parts, sorted by name.
    pub(super) fn list(&mut self, open: &Open) -> fsys::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        open.each(|name, kind| {
            self.names.iter_mut().for_each(|look| look.name(name));
            entries.push(Entry { name: name.into(), kind });
            Ok(())
        })?;
        entries.sort_unstable();
        Ok(entries)
    }

    /// Ends a part; call it for one that is not there, too.
    pub(super) fn end_part(&mut self) {
        self.names.iter_mut().for_each(Look::end);
    }

    /// When something about it had changed last, see [`crate::model::seen::Seen::latest`].
    pub(super) fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// How it looks so far.
    pub(super) fn prints(&self) -> Prints {
        self.prints
    }

    /// How it looks once both parts are listed.
    pub(super) fn all_prints(&self) -> Prints {
        let names = self.names.as_ref().and_then(Look::settled);
        Prints { names, ..self.prints }
    }
}
