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
mod maildir;
mod name;
pub mod numbers;
mod orphans;
mod pass;
mod record;
mod settled;
mod standing;

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
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{self, Result};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::memory::Pop3;
use crate::model::seen::Word;
use crate::model::store::{Folder, Store, StoreKind};
use crate::source::mail::{Messages, PARTS};
use bstr::BString;
use compare::{Wanted, Work, compare};
use digests::Digests;
use files::Written;
use maildir::Departed;
use record::Record;
use settled::Listed;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

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

    /// Its messages in one of [`PARTS`]; `None` where they are somebody else's.
    fn messages(&self, root: &'a Root, sub: &str) -> Result<Option<Messages<'a>>> {
        Messages::open(root, &self.store.path, &self.folder.path.join(sub))
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

/// Compares folder by folder, then carries out what differs; a folder about which nothing is left to
/// do is only kept in the record. A mailbox that is new is done folder by folder at once, so that no
/// more than one is in memory; a later pass first knows all that left a folder, so that a message
/// which only moved is followed.
fn update(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    (home, stores): (&RelPath, &[(&MailCopy, &Store)]),
    folders: &Folders<'_>,
    mut record: Record<'_>,
    moved: &mut Moved,
) -> Result<Completed> {
    let (is_new, was_complete) = (record.is_new(), record.is_complete());
    let parts_of = |name: &BString| folders.get(name).map(Vec::as_slice).unwrap_or_default();
    let (mut works, mut departed) = (Vec::new(), Departed::new());
    let mut seen = BTreeSet::new();
    let mut wanted = folders.keys().peekable();
    let mut led_away = None;
    gone::remove_unmade(mailbox)?;
    loop {
        let next = wanted.peek().map(|name| (**name).clone());
        let Some(name) = record.next().into_iter().chain(next).min() else { break };
        wanted.next_if(|wanted| **wanted == name);
        if job.progress.stopped() {
            return record.finish(false);
        }
        let mut known = record.take(&name)?;
        let parts = parts_of(&name);
        if was_complete && !parts.is_empty() && parts.iter().all(|part| part.is_settled) {
            record.keep(&name, Some(&known.brought), true)?;
            let messages = parts.iter().map(|part| part.folder.messages).sum();
            moved.present += messages;
            job.progress.done(messages, 0);
            seen.insert(name);
            continue;
        }
        if parts.is_empty() && !stores.is_empty() {
            let led_away = match &mut led_away {
                Some(known) => known,
                none => none.insert(gone::led_away(job.root, stores)?),
            };
            if led_away.contains(&name) {
                record.keep(&name, Some(&known.brought), true)?;
                seen.insert(name);
                continue;
            }
        }
        let mut work = match compare(job, mailbox, &name, parts, &mut known, moved) {
            Ok(compared) => compared,
            Err(error) => {
                moved.failures.push(error);
                continue;
            }
        };
        let is_gone = parts.is_empty() && (job.pass == Pass::Final || !work.is_there);
        let held = (!is_gone).then_some(known.brought.as_slice());
        record.keep(&name, held, work.is_as_recorded)?;
        drop(known);
        if !work.wanted.is_empty() {
            job.lock.begin()?;
            record.begin(&name, work.wanted.iter().map(Wanted::unique))?;
        }
        if job.pass != Pass::Final {
            moved.pending += u64::try_from(work.departed.len()).unwrap_or(u64::MAX);
            moved.pending += u64::from(parts.is_empty() && work.is_there);
        }
        maildir::depart(&mut work, &mut departed);
        if is_new {
            bring(job, mailbox, &work, parts, &mut departed, moved);
            // Of a large folder they take as much room as all that follows.
            work.wanted = Vec::new();
            remember(job, mailbox, &work, parts, moved);
        } else {
            works.push(work);
        }
        seen.insert(name);
    }
    for work in &works {
        bring(job, mailbox, work, parts_of(&work.name), &mut departed, moved);
    }
    let is_final = job.pass == Pass::Final && moved.failures.is_empty() && !job.progress.stopped();
    if is_final {
        maildir::remove(mailbox, &departed, moved, |_| true);
        moved.foreign += gone::foreign(mailbox, &seen)?;
    }
    if !is_final && moved.failures.is_empty() && !job.progress.stopped() {
        // What a pass that was killed may have left half-written, and nothing will complete.
        maildir::remove(mailbox, &departed, moved, |left| !left.is_sure);
    }
    // Folders within others come last by name: they go first.
    for work in works.iter().rev() {
        let parts = parts_of(&work.name);
        if !parts.is_empty() {
            remember(job, mailbox, work, parts, moved);
        } else if is_final {
            let removed = if work.name.is_empty() {
                gone::remove_mailbox(mailbox)
            } else {
                gone::remove_folder(mailbox, &work.path)
            };
            match removed {
                Ok(removed) => moved.folders_removed += u64::from(removed && work.is_there),
                Err(error) => moved.failures.push(error),
            }
        }
    }
    let is_complete = moved.failures.is_empty() && !job.progress.stopped();
    let completed = record.finish(is_complete)?;
    if is_complete && is_final && folders.is_empty() {
        completed.place(job.tree)?;
        Record::forget(job.tree, home)?;
        return Ok(Completed::default());
    }
    Ok(completed)
}

fn bring(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    work: &Work,
    parts: &[Part<'_>],
    departed: &mut Departed,
    moved: &mut Moved,
) {
    let begun = Instant::now();
    let brought = maildir::bring(job, mailbox, work, parts, departed, moved);
    moved.bringing += begun.elapsed();
    moved.failures.extend(brought.err());
}

/// What is not there yet cannot be numbered; the next run does it.
fn remember(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    work: &Work,
    parts: &[Part<'_>],
    moved: &mut Moved,
) {
    if job.progress.stopped() {
        return;
    }
    let remembered = folder::remember(job, mailbox, work, parts, moved);
    moved.failures.extend(remembered.err());
}

/// A Maildir on the new server.
struct Mailbox<'a> {
    tree: &'a Tree,
    home: RelPath,
    /// The same, open, once it is there.
    open: OnceCell<Open>,
    ids: (u32, u32),
    shares: bool,
    digests: Digests<'a>,
    written: Written<'a>,
    listed: Listed,
}

impl Mailbox<'_> {
    /// Where a folder lies; INBOX has no name.
    fn folder(&self, name: &BString) -> RelPath {
        if name.is_empty() { self.home.clone() } else { self.home.join(name) }
    }

    /// Opens a folder; INBOX has no name. `None` where it is not there.
    fn open(&self, name: &BString) -> Result<Option<Open>> {
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
    fn folder_access(&self) -> Access {
        Access { mode: 0o700, owner: Some(self.ids) }
    }

    fn file_access(&self) -> Access {
        Access { mode: 0o600, owner: Some(self.ids) }
    }
}
