//! Carries a plan out on a target. May be run any number of times: each run brings the target up to
//! date, a run that was killed is completed by the next one, and where nothing has changed nothing
//! is written.

mod accounts;
mod commit;
mod files;
mod journal;
mod link;
mod mailboxes;
mod only;
mod posts;
mod quiet;
mod room;
mod standing;

pub use crate::mail::Pass;
pub use link::prove_sharing;
pub use only::Only;
pub use quiet::prove;
pub use room::room;

use crate::finding::Findings;
use crate::fsys::lock::Lock;
use crate::fsys::root::{ANY_SIZE, Root};
use crate::fsys::tree::{Access, Prepared, Tree};
use crate::fsys::{self};
use crate::mail::{Job, Moved, Orphans, Progress};
use crate::model::RelPath;
use crate::model::seen::{Lines, Memory};
use crate::plan::Plan;
use commit::Committed;
use journal::Journal;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a run did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Files written or replaced.
    pub written: usize,
    /// Files of an earlier run that are in the plan no more, and are removed.
    pub removed: usize,
    /// Rows of the database that were written or removed.
    pub rows: usize,
    /// Files that were right already.
    pub unchanged: usize,
    /// What became of the messages.
    pub moved: Moved,
    /// How long the mail took, from the first mailbox to the last.
    pub took: Duration,
    /// Archived posts of lists that were copied.
    pub posts: u64,
    /// What could not be done; the next run tries again.
    pub failures: Vec<fsys::Error>,
    /// What was found on the target.
    pub findings: Findings,
    /// Somebody asked to stop; the next run goes on.
    pub stopped: bool,
    /// Owners could not be set, because only root can.
    pub without_owners: bool,
}

impl Applied {
    /// Whether the target changed.
    pub fn changed(&self) -> bool {
        self.written > 0
            || self.rows > 0
            || self.removed > 0
            || self.posts > 0
            || self.moved.changed()
    }

    /// How long the mail of a pass with nothing new would take: this one without the time in which
    /// something was brought.
    pub fn unchanged_mail(&self) -> Duration {
        let spent = self.moved.spent.as_secs_f64();
        let share = if spent > 0.0 { 1.0 - self.moved.bringing.as_secs_f64() / spent } else { 0.0 };
        self.took.mul_f64(share.clamp(0.0, 1.0))
    }

    /// Adds what was done with other files.
    fn absorb(&mut self, mut files: Self) {
        self.written += files.written;
        self.unchanged += files.unchanged;
        self.failures.append(&mut files.failures);
        self.findings.append(files.findings);
    }

    /// Whether something could not be done.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty() || !self.moved.failures.is_empty()
    }
}

/// Where the run keeps what the next one must know.
pub const STATE: &str = "var/lib/unqmail";

/// Fails at once where another run is at work on the target, before anything is read; writes
/// nothing.
///
/// # Errors
/// `WouldBlock` where one is.
pub fn ensure_free(target: &Path) -> fsys::Result<()> {
    let Ok(tree) = Tree::open(target) else { return Ok(()) };
    let lock = RelPath::new(STATE).join("lock");
    if tree.stat(&lock)?.is_some() {
        drop(Lock::take(&tree, &lock)?);
    }
    Ok(())
}

/// How a run is made.
#[derive(Debug)]
pub struct Options {
    /// Which pass it is.
    pub pass: Pass,
    /// The accounts and lists whose mail is moved.
    pub only: Only,
    /// Messages share their bytes with the old server's wherever they can.
    pub shares: bool,
    /// Threads that copy mail.
    pub jobs: usize,
    /// What earlier passes remember of the folders, see [`memory`].
    pub memory: Memory,
}

/// What earlier passes on a target remember of the old server's folders; nothing where there was
/// none, or where it cannot be read.
pub fn memory(target: &Root) -> Memory {
    let text = target.read_if_there(&RelPath::new(STATE).join(MEMORY), ANY_SIZE);
    Memory::parse(&text.ok().flatten().unwrap_or_default())
}

/// The file in [`STATE`] that keeps them.
const MEMORY: &str = "folders";

/// Waits until all that was written is on the disk; then what tells of it takes its place, the memory
/// last.
fn conclude(
    tree: &Tree,
    lines: Option<&Lines<'_>>,
    mut committed: Committed,
    applied: &mut Applied,
) -> fsys::Result<()> {
    let path = RelPath::new(STATE).join(MEMORY);
    let access = Access { mode: 0o600, owner: None };
    let prepare = |lines: &Lines<'_>| -> fsys::Result<Prepared> {
        let (mut file, prepared) = tree.prepare_open(&path, access)?;
        lines.write(&mut file).map_err(|error| fsys::Error::new("write", &path, error))?;
        Ok(prepared)
    };
    let prepared = lines.map(prepare).transpose()?;
    if prepared.is_some() || !committed.waiting.is_empty() || applied.changed() {
        tree.sync()?;
    }
    committed.place(tree);
    let is_placed = committed.failures.is_empty();
    applied.failures.append(&mut committed.failures);
    prepared.filter(|_| is_placed).map_or(Ok(()), |prepared| tree.place(prepared))
}

/// Brings the target up to date.
///
/// # Errors
/// Where another run is at work on the target, or its own state cannot be kept there. Everything
/// else that fails is told in [`Applied::failures`], and the rest goes on.
pub fn apply(
    plan: &Plan,
    root: &Root,
    tree: &Tree,
    options: &Options,
    progress: &dyn Progress,
) -> fsys::Result<Applied> {
    let state = RelPath::new(STATE);
    let lock = Lock::take(tree, &state.join("lock"))?;
    let mut journal = Journal::open(tree, &state.join("journal.jsonl"))?;
    let mut applied = Applied { without_owners: !tree.may_chown(), ..Applied::default() };
    if options.pass != Pass::Late {
        accounts::load(plan, tree, &mut applied)?;
        files::write(plan, tree, &mut journal, &mut applied)?;
    }
    let job = Job {
        root,
        tree,
        pass: options.pass,
        ids: plan.design.ids.mail,
        orphans: &Orphans::default(),
        pop3: plan.design.pop3,
        shares: options.shares,
        lock: &lock,
        progress,
    };
    let begun = Instant::now();
    let (lines, committed) = mailboxes::copy(plan, &job, options, &mut applied);
    applied.took = begun.elapsed();
    if options.pass != Pass::Late {
        posts::copy(plan, &job, &options.only, &mut applied);
    }
    if options.pass == Pass::Final && options.only.is_all() {
        files::remove_empty(plan, tree, &journal, &mut applied);
    }
    conclude(tree, lines.as_ref(), committed, &mut applied)?;
    applied.stopped = progress.stopped();
    // What an earlier run left unfinished may be in mailboxes that this one was not to touch.
    let is_all = !lock.was_cut_short || options.only.is_all();
    if is_all && !applied.stopped && !applied.failed() {
        lock.end()?;
    }
    Ok(applied)
}
