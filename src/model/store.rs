//! Mail stores: where messages lie, and how many.

use super::RelPath;
use super::quota::{Quota, Usage};
use super::seen::{Counts, Seen};
use bstr::BString;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a store keeps its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKind {
    /// A Maildir, perhaps with Maildir++ folders in it.
    Maildir,
    /// One mbox file.
    Mbox,
}

/// A Maildir or mbox of the old server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The Maildir or file, links in its path followed.
    pub path: RelPath,
    /// Which of the two it is.
    pub kind: StoreKind,
    /// INBOX first, then the others by name; one for an mbox.
    pub folders: Vec<Folder>,
    /// What quotas count: all messages but those in Trash or marked as deleted.
    pub counted: Usage,
    /// Messages marked as deleted outside Trash, which `counted` leaves out.
    pub deleted: Usage,
    /// The first message whose size is not what `,S=` in its name says.
    pub wrong_size: Option<RelPath>,
    /// Some folder gives rights to others, or takes some from its owner.
    pub has_grants: bool,
    /// The limits that its own `maildirsize` names; they hold for deliveries by its path, and are read
    /// only where a line names that.
    pub limits: Quota,
}

/// A folder of a Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name on the disk with the leading dot; empty for INBOX.
    pub name: BString,
    /// Where it lies, links followed.
    pub path: RelPath,
    /// Messages in `new` and `cur`.
    pub messages: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// What the next pass shall know of it; its own part only, and only where there is nothing to
    /// tell about the folder that a person would want to hear again.
    pub seen: Option<Arc<Seen>>,
    /// It is as an earlier pass saw it.
    pub is_seen: bool,
    /// That pass left word of it that needs no change.
    pub is_noted: bool,
    /// What the messages have in common that were looked at.
    pub common: Common,
    /// Where an earlier pass saw another state of it: the names of the messages that have changed
    /// since, by ctime. `None` where any may have.
    pub touched: Option<Box<BTreeSet<BString>>>,
}

/// What stat(2) says of a message besides its size and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Owner and group.
    pub ids: (u32, u32),
    /// Permission bits.
    pub mode: u32,
    /// The file system.
    pub device: u64,
}

/// Whether messages are held alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Common {
    /// None was looked at.
    #[default]
    Unknown,
    /// All of them are held like this.
    All(Held),
    /// Some are held otherwise than others.
    Various,
}

impl Common {
    /// Adds a message.
    pub fn add(&mut self, held: Held) {
        *self = match *self {
            Self::Unknown => Self::All(held),
            Self::All(known) if known == held => return,
            _ => Self::Various,
        };
    }
}

impl Folder {
    /// A folder that is as an earlier pass saw it.
    pub fn seen(name: BString, path: RelPath, seen: Arc<Seen>) -> Self {
        let Usage { messages, bytes } = seen.counts.all;
        Self {
            name,
            path,
            messages,
            bytes,
            seen: Some(seen),
            is_seen: true,
            is_noted: false,
            common: Common::Unknown,
            touched: None,
        }
    }
}

impl Store {
    /// Adds a folder and what it holds.
    pub fn add(&mut self, folder: Folder, counts: &Counts) {
        for (usage, more) in
            [(&mut self.counted, counts.counted), (&mut self.deleted, counts.deleted)]
        {
            usage.messages += more.messages;
            usage.bytes += more.bytes;
        }
        self.folders.push(folder);
    }

    /// Messages in all folders.
    pub fn messages(&self) -> u64 {
        self.folders.iter().map(|folder| folder.messages).sum()
    }

    /// Bytes in all folders.
    pub fn bytes(&self) -> u64 {
        self.folders.iter().map(|folder| folder.bytes).sum()
    }
}
