//! How a folder of the old server looks, so that one which an earlier pass saw is known again.

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
const KEYWORDS: &str = "courierimapkeywords";

/// So many names a folder has on most file systems that holds three others and no keywords: its own
/// two, and `..` in each of them.
const NAMES_WITHOUT_KEYWORDS: u64 = 5;

/// A folder that is looked at: by its stamps first, and then by its names as they are listed.
pub(super) struct Looked<'o> {
    /// The Maildir it is in, and its name there.
    place: Option<(&'o Open, &'o [u8])>,
    prints: Prints,
    latest: Option<i64>,
    names: Option<Look>,
    /// So many names it has itself; none where nobody told.
    pub(super) links: u64,
}

impl<'o> Looked<'o> {
    /// Looks at the stamps of a folder; nothing is listed or read.
    ///
    /// The folder is named beneath an open one; INBOX is that itself, and has no name.
    pub(super) fn new(open: &'o Open, folder: &'o [u8]) -> Self {
        let mut links = 0;
        let mut look = || -> fsys::Result<Look> {
            let mut look = Look::new(b"");
            let itself = look.stat(open, &within(folder, "."))?;
            links = itself.map_or(0, |itself| itself.names);
            for name in ["new", "cur"] {
                look.stat(open, &within(folder, name))?;
            }
            if links != NAMES_WITHOUT_KEYWORDS {
                look.stat(open, &within(folder, KEYWORDS))?;
            }
            if folder.is_empty() {
                look.stat(open, &within(folder, SUBSCRIBED))?;
            }
            Ok(look)
        };
        // What cannot be looked at is told when it is read.
        let look = look().ok();
        let stamps = look.as_ref().and_then(Look::settled);
        let latest = look.as_ref().and_then(Look::latest);
        let prints = Prints { stamps, names: None };
        Self { place: Some((open, folder)), prints, latest, names: None, links }
    }

    /// Goes on to its names, which begin with what is kept of it.
    pub(super) fn begin_names(&mut self) {
        let Some((open, folder)) = self.place else { return };
        let mut look = Look::new(b"");
        let of_inbox = OF_INBOX.iter().filter(|_| folder.is_empty());
        let mut names = FILES.iter().chain(of_inbox);
        // What cannot be looked at is told when it is read.
        let looked = names.try_for_each(|name| look.stat(open, &within(folder, name)).map(drop));
        self.names = looked.ok().map(|()| look);
    }

    /// A folder that will not be known again: one that is reached by a link, say.
    pub(super) fn strange() -> Self {
        Self { place: None, prints: Prints::default(), latest: None, names: None, links: 0 }
    }

    /// How it looks with the names in its parts, which are only looked at. What cannot be looked at
    /// is told when it is read.
    pub(super) fn with_names<'p>(&self, parts: impl Iterator<Item = Option<&'p Open>>) -> Prints {
        let mut look = self.names.clone();
        for part in parts {
            look = look.and_then(|mut look| look.names(part).ok().map(|()| look));
        }
        Prints { names: look.and_then(|look| look.settled()), ..self.prints }
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

/// A name in a folder as it is beneath its Maildir.
fn within(folder: &[u8], name: &str) -> Vec<u8> {
    let front = if folder.is_empty() { b".".as_slice() } else { folder };
    [front, b"/", name.as_bytes()].concat()
}
