//! Moving messages: every message of a store appears in its mailbox with the same bytes, name,
//! flags and date, and nothing half-written is ever seen there.

mod archive;
mod convert;
mod maildir;
mod name;

pub use archive::copy_post;
pub use convert::Converted;
pub use name::base;

use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{self};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::store::{Store, StoreKind};

/// What became of the messages of a store.
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
        self.failures.append(&mut other.failures);
    }

    /// Whether anything on the target changed.
    pub fn changed(&self) -> bool {
        self.copied + self.renamed + self.folders > 0
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

/// Brings a mailbox up to date with its store. Never deletes, and never touches the store.
pub fn copy(
    root: &Root,
    tree: &Tree,
    store: &Store,
    copy: &MailCopy,
    ids: (u32, u32),
    progress: &dyn Progress,
) -> Moved {
    let mailbox = Mailbox { tree, home: copy.home.join("Maildir"), ids };
    match store.kind {
        StoreKind::Maildir => maildir::copy(root, &mailbox, store, copy, progress),
        StoreKind::Mbox => convert::copy(root, &mailbox, store, progress),
    }
}

/// A Maildir on the new server.
struct Mailbox<'a> {
    tree: &'a Tree,
    home: RelPath,
    ids: (u32, u32),
}

impl Mailbox<'_> {
    /// Folders are the mail user's alone.
    fn folder_access(&self) -> Access {
        Access { mode: 0o700, owner: Some(self.ids) }
    }

    fn file_access(&self) -> Access {
        Access { mode: 0o600, owner: Some(self.ids) }
    }
}
