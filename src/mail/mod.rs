//! Moving messages and what clients know of them: every message of a store appears in its mailbox
//! with the same bytes, date and flags, under the numbers that clients know, and nothing
//! half-written is ever seen there.

mod archive;
mod convert;
mod folder;
mod keywords;
mod maildir;
mod name;
mod numbers;

pub use archive::copy_post;
pub use convert::Converted;
pub use name::base;

use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{self, Result};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::memory::Pop3;
use crate::model::store::{Folder, Store, StoreKind};
use bstr::BString;
use std::collections::BTreeMap;

/// What became of the messages of a mailbox.
#[derive(Debug, Default)]
pub struct Moved {
    /// Messages written.
    pub copied: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Messages whose name followed a change of flags or folder part.
    pub renamed: u64,
    /// Messages that were there already.
    pub present: u64,
    /// Folders created.
    pub folders: u64,
    /// Files written that tell what clients know of a folder.
    pub remembered: u64,
    /// Messages whose number of the old server is another one in Dovecot's own list.
    pub numbered_anew: usize,
    /// What could not be done; the next run tries again.
    pub failures: Vec<fsys::Error>,
}

impl Moved {
    /// Adds another count to this one.
    pub fn add(&mut self, mut other: Self) {
        self.copied += other.copied;
        self.bytes += other.bytes;
        self.renamed += other.renamed;
        self.present += other.present;
        self.folders += other.folders;
        self.remembered += other.remembered;
        self.numbered_anew += other.numbered_anew;
        self.failures.append(&mut other.failures);
    }

    /// Whether anything on the target changed.
    pub fn changed(&self) -> bool {
        self.copied + self.renamed + self.folders + self.remembered > 0
    }
}

/// Hears of messages as they are done; called from many threads.
pub trait Progress: Sync {
    /// So many messages of so many bytes are done.
    fn done(&self, messages: u64, bytes: u64);
    /// Whether to stop at the next message, because somebody asked for it.
    fn stopped(&self) -> bool {
        false
    }
}

/// A folder of a store that goes into a folder of a mailbox.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    copy: &'a MailCopy,
    store: &'a Store,
    folder: &'a Folder,
}

impl Part<'_> {
    fn is_maildir(&self) -> bool {
        self.store.kind == StoreKind::Maildir
    }
}

/// Brings a mailbox up to date with its stores, one folder after the other. Never deletes a
/// message, and never touches the stores. The stores are those of one mailbox; of several the first
/// gives a folder its numbers.
pub fn copy(
    root: &Root,
    tree: &Tree,
    stores: &[(&MailCopy, &Store)],
    ids: (u32, u32),
    pop3: Pop3,
    progress: &dyn Progress,
) -> Moved {
    let mut moved = Moved::default();
    let Some((first, _)) = stores.first() else { return moved };
    let mailbox = Mailbox { tree, home: first.home.join("Maildir"), ids };
    let mut folders: BTreeMap<&BString, Vec<Part<'_>>> = BTreeMap::new();
    for (copy, store) in stores {
        for folder in &store.folders {
            let parts = folders.entry(copy.folder(&folder.name)).or_default();
            parts.push(Part { copy, store, folder });
        }
    }
    for (name, parts) in &folders {
        if progress.stopped() {
            return moved;
        }
        let copied = folder::copy(root, &mailbox, name, parts, pop3, progress, &mut moved);
        moved.failures.extend(copied.err());
        if name.is_empty() {
            let subscribed = folder::subscribe(root, &mailbox, parts, &mut moved);
            moved.failures.extend(subscribed.err());
        }
    }
    moved
}

/// A Maildir on the new server.
struct Mailbox<'a> {
    tree: &'a Tree,
    home: RelPath,
    ids: (u32, u32),
}

impl Mailbox<'_> {
    /// Where a folder lies; INBOX has no name.
    fn folder(&self, name: &BString) -> RelPath {
        if name.is_empty() { self.home.clone() } else { self.home.join(name) }
    }

    /// Writes a file for Dovecot, unless it says the same already.
    fn write(&self, path: &RelPath, text: &[u8], moved: &mut Moved) -> Result<()> {
        let limit = u64::try_from(text.len()).unwrap_or(u64::MAX);
        // A longer one is another one.
        if self
            .tree
            .root()
            .read_if_there(path, limit)
            .is_ok_and(|there| there.as_deref() == Some(text))
        {
            return Ok(());
        }
        self.tree.place(self.tree.prepare(path, text, self.file_access())?)?;
        moved.remembered += 1;
        Ok(())
    }

    /// Folders are the mail user's alone.
    fn folder_access(&self) -> Access {
        Access { mode: 0o700, owner: Some(self.ids) }
    }

    fn file_access(&self) -> Access {
        Access { mode: 0o600, owner: Some(self.ids) }
    }
}
