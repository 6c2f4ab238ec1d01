//! Carries a plan out on a target. May be run any number of times: each run brings the target up to
//! date, a run that was killed is completed by the next one, and where nothing has changed nothing
//! is written.

mod files;
mod journal;

use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::lock::Lock;
use crate::fsys::root::Root;
use crate::fsys::tree::Tree;
use crate::fsys::{self};
use crate::mail::{self, Moved, Progress};
use crate::model::design::MailCopy;
use crate::model::store::Store;
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use journal::Journal;
use rayon::prelude::*;

/// What a run did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Files written or replaced.
    pub written: usize,
    /// Files of an earlier run that are in the plan no more, and are removed.
    pub removed: usize,
    /// Files that were right already.
    pub unchanged: usize,
    /// What became of the messages.
    pub moved: Moved,
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
        self.written > 0 || self.removed > 0 || self.posts > 0 || self.moved.changed()
    }

    /// Whether something could not be done.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty() || !self.moved.failures.is_empty()
    }
}

/// Where the run keeps what the next one must know.
pub const STATE: &str = "var/lib/unqmail";

/// Brings the target up to date, on `jobs` threads.
///
/// # Errors
/// Where another run is at work on the target, or its own state cannot be kept there. Everything
/// else that fails is told in [`Applied::failures`], and the rest goes on.
pub fn apply(
    plan: &Plan,
    root: &Root,
    tree: &Tree,
    jobs: usize,
    progress: &dyn Progress,
) -> fsys::Result<Applied> {
    let state = RelPath::new(STATE);
    let _lock = Lock::take(tree, &state.join("lock"))?;
    let mut journal = Journal::open(tree, &state.join("journal.jsonl"))?;
    let mut applied = Applied { without_owners: !tree.may_chown(), ..Applied::default() };
    files::write(plan, tree, &mut journal, &mut applied)?;
    copy_mail(plan, root, tree, jobs, progress, &mut applied);
    copy_posts(plan, root, tree, progress, &mut applied);
    if applied.changed() {
        tree.sync()?;
    }
    applied.stopped = progress.stopped();
    Ok(applied)
}

/// Mailboxes in parallel; the largest first, so that no thread is left alone with it at the end.
fn copy_mail(
    plan: &Plan,
    root: &Root,
    tree: &Tree,
    jobs: usize,
    progress: &dyn Progress,
    applied: &mut Applied,
) {
    let stores: Vec<(&MailCopy, &Store)> = plan
        .copies()
        .iter()
        .filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)))
        .collect();
    let mut mailboxes: Vec<&[(&MailCopy, &Store)]> =
        stores.chunk_by(|(a, _), (b, _)| a.to == b.to).collect();
    let size = |stores: &[(&MailCopy, &Store)]| -> u64 {
        stores.iter().map(|(_, store)| store.messages()).sum()
    };
    mailboxes.sort_by_key(|stores| std::cmp::Reverse(size(stores)));
    let (ids, pop3) = (plan.design.ids.mail, plan.design.pop3);
    let work = || -> Vec<Moved> {
        let one =
            |stores: &&[(&MailCopy, &Store)]| mail::copy(root, tree, stores, ids, pop3, progress);
        mailboxes.par_iter().map(one).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    // Without threads of its own the work is done on the shared ones.
    let moved = pool.map_or_else(|_| work(), |pool| pool.install(work));
    for (stores, one) in mailboxes.iter().zip(moved) {
        if one.numbered_anew > 0
            && let Some((copy, _)) = stores.first()
        {
            applied.findings.push(numbered_anew(copy, one.numbered_anew));
        }
        applied.moved.add(one);
    }
}

fn numbered_anew(copy: &MailCopy, messages: usize) -> Finding {
    Finding::new(
        &code::UID_NUMBERED_ANEW,
        Disposition::Adapted,
        Origin::file(&copy.home.join("Maildir")),
        copy.to.to_bytes(),
        format!("{messages} messages that the old server had numbered have other numbers here"),
        "Dovecot has opened the folder since; clients that knew these messages download them again",
    )
}

fn copy_posts(
    plan: &Plan,
    root: &Root,
    tree: &Tree,
    progress: &dyn Progress,
    applied: &mut Applied,
) {
    for (from, to) in plan.archives() {
        if progress.stopped() {
            return;
        }
        match mail::copy_post(root, tree, from, &to, plan.design.ids.lists) {
            Ok(copied) => applied.posts += u64::from(copied),
            Err(error) => applied.failures.push(error),
        }
    }
}
