//! Moving messages and what clients know of them: every message of a store appears in its mailbox
//! with the same bytes, date and flags, under the numbers that clients know. In a folder that Dovecot
//! serves nothing half-written is ever seen.

mod archive;
mod changed;
mod compare;
mod convert;
mod digests;
mod files;
mod folder;
mod gone;
mod keywords;
mod late;
mod mailbox;
mod maildir;
mod name;
pub mod numbers;
mod orphans;
mod pass;
mod record;
mod settled;
mod standing;
mod update;

pub use archive::{POSTS, Posts, copy_posts};
pub use convert::Converted;
pub use digests::{Kept, Told};
pub use gone::recorded;
pub use name::base;
pub use orphans::Orphans;
pub use pass::Pass;
pub use record::{Completed, RECORDS};
pub use settled::{Looked, Remembered, look};
pub use standing::Standing;

use crate::fsys::folder::Folder as Open;
use crate::fsys::lock::Lock;
use crate::fsys::root::Root;
use crate::fsys::tree::Tree;
use crate::fsys::{self, Result};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::memory::Pop3;
use crate::model::seen::Word;
use crate::model::store::{Folder, Store, StoreKind};
use crate::source::mail::{Half, Messages};
use bstr::BString;
use digests::Digests;
use files::Written;
use mailbox::Mailbox;
use record::Record;
use settled::Listed;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use update::update;

/// What became of the messages of a mailbox.
#[derive(Debug, Default)]
pub struct Moved {
    /// Messages written.
    pub copied: u64,
    /// Those of them that share their bytes with the old server's.
    pub shared: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Messages whose name followed a change of flags or folder part.
    pub renamed: u64,
    /// Messages that followed one which moved to another folder.
    pub followed: u64,
    /// Messages removed, because the old server has them no more.
    pub deleted: u64,
    /// Messages that were there already.
    pub present: u64,
    /// Messages that the old server changed under their names, and that are copied anew.
    pub replaced: u64,
    /// Such messages that stay as they were, because Dovecot may know them already.
    pub outdated: u64,
    /// Messages that were gone between listing and opening; the next pass sees what became of them.
    pub vanished: u64,
    /// Messages on the target that no pass brought.
    pub foreign: u64,
    /// What stands on the target in the way of what was to be written.
    pub standing: Standing,
    /// Messages of a mailbox that no pass has completed, where only late ones were asked for.
    pub unrecorded: u64,
    /// Messages and folders that the old server has no more, and that go at the final pass.
    pub pending: u64,
    /// Folders created.
    pub folders: u64,
    /// Folders removed, because the old server has them no more.
    pub folders_removed: u64,
    /// Files written that tell what clients know of a folder.
    pub remembered: u64,
    /// Messages whose number of the old server is another one in Dovecot's own list.
    pub numbered_anew: usize,
    /// Time that one thread needs for it.
    pub spent: Duration,
    /// The part of it in which messages were brought or removed.
    pub bringing: Duration,
    /// What could not be done; the next run tries again.
    pub failures: Vec<fsys::Error>,
}

impl Moved {
    /// Adds another count to this one.
    pub fn add(&mut self, mut other: Self) {
        self.copied += other.copied;
        self.shared += other.shared;
        self.bytes += other.bytes;
        self.renamed += other.renamed;
        self.followed += other.followed;
        self.deleted += other.deleted;
        self.present += other.present;
        self.replaced += other.replaced;
        self.outdated += other.outdated;
        self.vanished += other.vanished;
        self.foreign += other.foreign;
        self.standing.add(other.standing);
        self.unrecorded += other.unrecorded;
        self.pending += other.pending;
        self.folders += other.folders;
        self.folders_removed += other.folders_removed;
        self.remembered += other.remembered;
        self.numbered_anew += other.numbered_anew;
        self.spent += other.spent;
        self.bringing += other.bringing;
        self.failures.append(&mut other.failures);
    }

    /// Whether anything on the target changed.
    pub fn changed(&self) -> bool {
        let messages = self.copied + self.renamed + self.followed + self.deleted;
        messages + self.folders + self.folders_removed + self.remembered > 0
    }
}

/// Hears of messages as they are done; called from many threads.
pub trait Progress: Sync + std::fmt::Debug {
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
    /// Nothing is left to do about it.
    is_settled: bool,
}

impl Part<'_> {
    fn is_maildir(&self) -> bool {
        self.store.kind == StoreKind::Maildir
    }
}

impl<'a> Part<'a> {
    /// Opens the folder itself; `None` for an mbox. What cannot be opened is told when it is listed.
    fn open(&self, root: &Root) -> Option<Open> {
        self.is_maildir().then(|| root.real_folder(&self.folder.path).ok()).flatten()
    }

    /// Its messages in one half; `None` where they are somebody else's.
    fn messages(&self, root: &'a Root, half: Half) -> Result<Option<Messages<'a>>> {
        Messages::open(root, &self.store.path, &self.folder.path.join(half.name()))
    }
}

/// What the mailboxes of a run have in common.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The old server.
    pub root: &'a Root,
    /// The new one.
    pub tree: &'a Tree,
    /// Which pass it is.
    pub pass: Pass,
    /// User and group that own the mail.
    pub ids: (u32, u32),
    /// Messages of mailboxes that the old server has no more.
    pub orphans: &'a Orphans,
    /// The program whose POP3 clients shall find their mail again.
    pub pop3: Pop3,
    /// Messages share their bytes with the old server's wherever they can.
    pub shares: bool,
    /// Knows whether an earlier run left messages half-written, and is told when this one may.
    pub lock: &'a Lock,
    /// Who hears of it.
    pub progress: &'a dyn Progress,
}

/// The folders of a mailbox by their name on the target, with those of the old server that go into
/// each.
type Folders<'a> = BTreeMap<BString, Vec<Part<'a>>>;

/// Brings a mailbox up to date with its stores, and never touches them. Of several stores the first
/// gives a folder its numbers; without any, all that earlier passes brought is gone on the old
/// server.
pub fn copy(
    job: &Job<'_>,
    home: &RelPath,
    stores: &[(&MailCopy, &Store)],
    looked: Looked,
) -> Copied {
    let begun = Instant::now();
    let mut moved = Moved { spent: looked.spent, ..Moved::default() };
    if looked.is_settled() {
        moved.present = stores.iter().map(|(_, store)| store.messages()).sum();
        job.progress.done(moved.present, 0);
        return Copied { moved, completed: Completed::default(), remembered: looked.folders };
    }
    let looked = looked.folders;
    let digests = Digests::new(job.tree, home);
    let home_of_mail = home.join("Maildir");
    let mailbox = Mailbox {
        tree: job.tree,
        home: home_of_mail,
        open: OnceCell::new(),
        ids: job.ids,
        shares: job.shares,
        digests,
        written: Written::new(job.tree, home),
        listed: Listed::new(job, stores),
    };
    let mut folders = Folders::new();
    let mut seen = looked.iter().map(|word| *word != Word::None);
    for (copy, store) in stores {
        for folder in &store.folders {
            let parts = folders.entry(copy.folder(&folder.name).clone()).or_default();
            let is_settled = seen.next().unwrap_or(false);
            parts.push(Part { copy, store, folder, is_settled });
        }
    }
    let copied = Record::open(job.tree, home).and_then(|record| {
        if job.pass == Pass::Late {
            late::add(job, &mailbox, &folders, record, &mut moved)
        } else {
            update(job, &mailbox, (home, stores), &folders, record, &mut moved)
        }
    });
    let completed = copied.unwrap_or_else(|error| {
        moved.failures.push(error);
        Completed::default()
    });
    let Mailbox { digests, listed, .. } = mailbox;
    moved.failures.extend(digests.finish().err());
    moved.spent += begun.elapsed();
    let is_complete = moved.failures.is_empty()
        && moved.vanished + moved.unrecorded == 0
        && !job.progress.stopped();
    let is_for_final = job.pass == Pass::Late || moved.pending + moved.foreign > 0;
    let mut remembered =
        settled::remember(job, home, stores, &looked, &listed, is_complete, is_for_final);
    let is_unnumbered = job.pass == Pass::Late && moved.copied > 0;
    if moved.outdated > 0 || !moved.standing.is_nothing() || is_unnumbered {
        // To be looked at, and told, until somebody has done something about it; late mail in a folder
        // that Dovecot does not serve is numbered by the next pass that is none.
        remembered.clear();
    }
    Copied { moved, completed, remembered }
}

/// A mailbox that a pass went through.
#[derive(Debug)]
pub struct Copied {
    /// What became of its messages.
    pub moved: Moved,
    /// Its record, to be put in place once all of it is on the disk.
    pub completed: Completed,
    /// What the next pass shall know, from then on.
    pub remembered: Remembered,
}
