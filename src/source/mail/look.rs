//! How a folder of the old server looks, so that one which an earlier pass saw is known again.

use crate::fsys::folder::{Entry, Folder as Open};
use crate::fsys::print::Look;
use crate::fsys::{self};
use crate::model::seen::Prints;

/// Files about a folder that may be written in place, which the folder's own stamp would not tell.
const FILES: &[&str] = &["courierimapuiddb", "courierimapacl", "courierimapkeywords"];

/// The same of a mailbox.
const OF_INBOX: &[&str] = &["courierpop3dsizelist", "courierimapsubscribed", "courierimaphieracl"];

/// A folder that is looked at: by its stamps first, and then by its names as they are listed.
pub(super) struct Looked {
    prints: Prints,
    latest: Option<i64>,
    names: Option<Look>,
}

impl Looked {
    /// Looks at the stamps of a folder and of what Courier keeps of it; nothing is listed or read.
    ///
    /// The folder is named beneath an open one; INBOX is that itself, and has no name.
    pub(super) fn new(open: &Open, folder: &[u8]) -> Self {
        let look = || -> fsys::Result<(Look, Look)> {
            let mut files = Look::new(b"");
            let front = if folder.is_empty() { b".".as_slice() } else { folder };
            let at = |name: &str| [front, b"/", name.as_bytes()].concat();
            for name in FILES.iter().chain(OF_INBOX.iter().filter(|_| folder.is_empty())) {
                files.stat(open, &at(name))?;
            }
            let mut stamps = files.clone();
            for name in ["new", "cur"] {
                stamps.stat(open, &at(name))?;
            }
            Ok((files, stamps))
        };
        // What cannot be looked at is told when it is read.
        let (names, look) = look().ok().unzip();
        let stamps = look.as_ref().and_then(Look::settled);
        let latest = look.as_ref().and_then(Look::latest);
        Self { prints: Prints { stamps, names: None }, latest, names }
    }

    /// A folder that will not be known again: one that is reached by a link, say.
    pub(super) fn strange() -> Self {
        Self { prints: Prints::default(), latest: None, names: None }
    }

    /// How it looks with the names in its parts, which are only looked at. What cannot be looked at
    /// is told when it is read.
    pub(super) fn with_names<'o>(&self, parts: impl Iterator<Item = Option<&'o Open>>) -> Prints {
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
