//! A mailbox on the new server, as a pass goes through it.

use super::digests::Digests;
use super::files::Written;
use super::settled::Listed;
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::tree::{Access, Tree};
use crate::model::RelPath;
use bstr::BString;
use std::cell::OnceCell;

/// A Maildir on the new server.
pub(super) struct Mailbox<'a> {
    pub(super) tree: &'a Tree,
    pub(super) home: RelPath,
    /// The same, open, once it is there.
    pub(super) open: OnceCell<Open>,
    pub(super) ids: (u32, u32),
    pub(super) shares: bool,
    pub(super) digests: Digests<'a>,
    pub(super) written: Written<'a>,
    pub(super) listed: Listed,
}

impl Mailbox<'_> {
    /// Where a folder lies; INBOX has no name.
    pub(super) fn folder(&self, name: &BString) -> RelPath {
        if name.is_empty() { self.home.clone() } else { self.home.join(name) }
    }

    /// Opens a folder; INBOX has no name. `None` where it is not there.
    pub(super) fn open(&self, name: &BString) -> Result<Option<Open>> {
        let maildir = match self.open.get() {
            Some(maildir) => maildir,
            None => match self.tree.root().folder(&self.home) {
                Ok(maildir) => self.open.get_or_init(|| maildir),
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        if name.is_empty() {
            maildir.again().map(Some)
        } else {
            self.tree.root().enter(maildir, name)
        }
    }

    /// Folders are the mail user's alone.
    pub(super) fn folder_access(&self) -> Access {
        Access { mode: 0o700, owner: Some(self.ids) }
    }

    pub(super) fn file_access(&self) -> Access {
        Access { mode: 0o600, owner: Some(self.ids) }
    }
}
