//! Mailboxes in parallel; the largest first, so that no thread is left alone with it at the end.

use super::commit::{Committed, commit};
use super::{Applied, Options, standing};
use crate::finding::{Code, Disposition, Finding, code};
use crate::fsys;
use crate::fsys::tree::Access;
use crate::mail::{self, Completed, Copied, Job, Looked, Moved, Orphans, Pass, Remembered};
use crate::model::design::{HOMES, MailCopy};
use crate::model::seen::{Line, Lines, Memory, Word};
use crate::model::store::{Folder, Store};
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::mpsc::{self, Sender};

/// A mailbox and what goes into it.
struct Task<'s, 'p> {
    home: RelPath,
    subject: BString,
    stores: &'s [(&'p MailCopy, &'p Store)],
}

/// What became of a mailbox.
struct Brought {
    moved: Moved,
    remembered: Remembered,
    /// The next pass shall know of it what this one knew.
    is_known: bool,
}

/// Brings the mailboxes up to date; at the final pass also those that the old server has no more.
/// Tells what the next pass shall know, if that is not what this one knew, once all is on the disk,
/// and what waits for that too.
pub(super) fn copy<'a>(
    plan: &'a Plan,
    job: &Job<'_>,
    options: &'a Options,
    applied: &mut Applied,
) -> (Option<Lines<'a>>, Committed) {
    let stores: Vec<(&MailCopy, &Store)> = plan
        .copies()
        .iter()
        .filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)))
        .collect();
    let mut tasks = Vec::new();
    let mut homes = BTreeSet::new();
    for stores in stores.chunk_by(|(a, _), (b, _)| a.to == b.to) {
        let Some((first, _)) = stores.first() else { continue };
        homes.insert(&first.home);
        if options.only.covers(&first.to) {
            let subject = first.to.to_bytes();
            tasks.push(Task { home: first.home.clone(), subject, stores });
        }
    }
    if job.pass != Pass::Late
        && let Err(error) = make_homes(plan, job)
    {
        applied.failures.push(error);
    }
    let mut orphans = Orphans::default();
    if job.pass != Pass::Late {
        match gone(plan, job, &homes, options, applied) {
            Ok((gone, found)) => {
                orphans = found;
                let gone = gone.into_iter().filter(|_| job.pass == Pass::Final);
                tasks.extend(gone);
            }
            Err(error) => applied.failures.push(error),
        }
    }
    let job = &Job { orphans: &orphans, ..*job };
    tasks.sort_by_cached_key(|task| (task.stores.is_empty(), std::cmp::Reverse(size(task))));
    // What is gone goes when nobody looks for it any more.
    let (there, gone) = tasks.split_at(tasks.partition_point(|task| !task.stores.is_empty()));
    // To look at them is to wait for the disk, which takes more threads than to copy.
    let look = |task: &Task<'_, '_>| mail::look(job, &task.home, task.stores);
    let looked: Vec<Looked> = there.par_iter().with_max_len(1).map(look).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    let (tree, (done, records)) = (job.tree, mpsc::channel());
    let (copied, committed) = std::thread::scope(|scope| {
        let committed = scope.spawn(move || commit(tree, &records));
        let memory = &options.memory;
        let work = || -> Vec<Brought> {
            let bring =
                |(task, looked): (&Task<'_, '_>, Looked)| bring(job, task, looked, memory, &done);
            // One by one: of those that a thread takes together no other can take any.
            let looked = there.par_iter().zip(looked).with_max_len(1);
            let mut moved: Vec<_> = looked.map(bring).collect();
            let gone = gone.par_iter().map(|task| (task, Looked::default())).with_max_len(1);
            moved.par_extend(gone.map(bring));
            moved
        };
        let copied = match pool {
            Ok(pool) => pool.install(work),
            // Without threads of its own the work is done on the shared ones.
            Err(_) => work(),
        };
        drop(done);
        (copied, committed.join().unwrap_or_default())
    });
    let words = copied.iter().flat_map(|brought| &brought.remembered);
    let known = words.filter(|word| **word != Word::None).count();
    let is_known = known == options.memory.len() && copied.iter().all(|brought| brought.is_known);
    let mut lines = Vec::with_capacity(if is_known { 0 } else { known });
    for (task, Brought { moved, remembered, .. }) in tasks.iter().zip(copied) {
        report(task, &moved, job.pass, applied);
        standing::report(&task.subject, &moved.standing, applied);
        applied.moved.add(moved);
        if !is_known {
            lines.extend(folders(task).zip(remembered).filter_map(|(folder, word)| {
                let made = match word {
                    Word::None => return None,
                    Word::AsRead => None,
                    Word::Made(made) => Some(made),
                };
                Some(Line { path: &folder.path, seen: folder.seen.as_deref()?, made })
            }));
        }
    }
    if is_known {
        return (None, committed);
    }
    for (copy, _) in stores.iter().filter(|(copy, _)| !options.only.covers(&copy.to)) {
        let near = options.memory.near(&copy.from);
        lines.extend(near.iter().map(|(path, seen)| Line { path, seen, made: None }));
    }
    let lines = Lines::new(lines);
    (Some(lines).filter(|lines| !lines.are_known(&options.memory)), committed)
}

/// Makes the folder of all homes: there the mail user makes that of an account which has no mail yet.
fn make_homes(plan: &Plan, job: &Job<'_>) -> fsys::Result<()> {
    if !plan.design.mailboxes.is_empty() {
        let access = Access { mode: 0o755, owner: Some(job.ids) };
        job.tree.make_folder(&RelPath::new(HOMES), access)?;
    }
    Ok(())
}

/// The folders that go into a mailbox.
fn folders<'p>(task: &Task<'_, 'p>) -> impl Iterator<Item = &'p Folder> {
    task.stores.iter().flat_map(|(_, store)| &store.folders)
}

/// The mailboxes that earlier passes brought and the old server has no more, with their messages.
fn gone<'s, 'p>(
    plan: &Plan,
    job: &Job<'_>,
    homes: &BTreeSet<&RelPath>,
    options: &Options,
    applied: &mut Applied,
) -> fsys::Result<(Vec<Task<'s, 'p>>, Orphans)> {
    let mut left = mail::recorded(job.tree, mail::RECORDS, &RelPath::new(HOMES), homes)?;
    let unread = unread(plan, job, &left);
    if job.pass == Pass::Final {
        applied.findings.extend(unread.iter().map(cannot_be_read));
    }
    left.retain(|home| !unread.contains(home));
    let tasks: Vec<Task<'s, 'p>> =
        left.into_iter().filter_map(|home| gone_mailbox(home, options)).collect();
    let orphans = Orphans::find(job.tree, tasks.iter().map(|task| &task.home))?;
    Ok((tasks, orphans))
}

/// Brings one mailbox up to date.
fn bring(
    job: &Job<'_>,
    task: &Task<'_, '_>,
    looked: Looked,
    memory: &Memory,
    done: &Sender<(Completed, u64)>,
) -> Brought {
    let Copied { mut moved, completed, remembered } =
        mail::copy(job, &task.home, task.stores, looked);
    if !completed.is_nothing()
        && let Err(unsent) = done.send((completed, moved.bytes))
    {
        // Whoever puts records in place is gone: the next pass looks at the mailbox again.
        drop(unsent);
        moved.pending += 1;
    }
    let is_noted = |(folder, word): (&Folder, &Word)| match word {
        Word::None => memory.get(&folder.path).is_none(),
        Word::AsRead => folder.is_noted,
        Word::Made(_) => false,
    };
    // A mailbox of which nothing may be remembered has fewer words than folders.
    let words = remembered.iter().chain(std::iter::repeat(&Word::None));
    let is_known = folders(task).zip(words).all(is_noted);
    Brought { moved, remembered, is_known }
}

fn size(task: &Task<'_, '_>) -> u64 {
    task.stores.iter().map(|(_, store)| store.messages()).sum()
}

/// Those homes whose mailbox is still on the old server and could not be read this time: no proof
/// that its mail is gone.
fn unread(plan: &Plan, job: &Job<'_>, homes: &BTreeSet<RelPath>) -> BTreeSet<RelPath> {
    if homes.is_empty() {
        return BTreeSet::new();
    }
    let accounts = plan.accounts().filter_map(|account| {
        let home = plan.design.mailboxes.get(account.address)?.home();
        let is_there = !matches!(job.root.stat_link(&account.store), Ok(None));
        (homes.contains(&home) && is_there).then_some(home)
    });
    accounts.collect()
}

fn cannot_be_read(home: &RelPath) -> Finding {
    Finding::new(
        &code::MESSAGE_FOREIGN,
        Disposition::Manual,
        Origin::file(&home.join("Maildir")),
        home.as_bstr(),
        "the mailbox cannot be read any more on the old server",
        "what earlier passes brought stays",
    )
}

/// A mailbox that only the record of earlier passes knows. Its home is `DOMAIN/USER`.
fn gone_mailbox<'s, 'p>(home: RelPath, options: &Options) -> Option<Task<'s, 'p>> {
    let subject = subject(&home);
    options.only.covers_text(&subject).then_some(Task { home, subject, stores: &[] })
}

/// The address that has a home `…/DOMAIN/NAME`.
pub(super) fn subject(home: &RelPath) -> BString {
    let (name, domain) = (home.file_name(), home.parent());
    [name.as_bytes(), b"@", domain.file_name().as_bytes()].concat().into()
}

fn report(task: &Task<'_, '_>, moved: &Moved, pass: Pass, applied: &mut Applied) {
    let mut push = |code: &'static Code, disposition, message: String, effect: &'static str| {
        let origin = Origin::file(&task.home.join("Maildir"));
        let subject = &task.subject;
        applied.findings.push(Finding::new(code, disposition, origin, subject, message, effect));
    };
    if moved.numbered_anew > 0 {
        let messages = moved.numbered_anew;
        push(
            &code::UID_NUMBERED_ANEW,
            Disposition::Adapted,
            format!("{messages} messages that the old server had numbered have other numbers here"),
            "Dovecot has opened the folder since; clients that knew these messages download them again",
        );
    }
    if moved.outdated > 0 {
        push(
            &code::MESSAGE_OUTDATED,
            Disposition::Manual,
            format!(
                "messages that changed on the old server after they were brought: {}",
                moved.outdated
            ),
            "they stay as they were: Dovecot has opened the folder since, and a message never changes for it",
        );
    }
    if moved.foreign > 0 && pass == Pass::Final {
        push(
            &code::MESSAGE_FOREIGN,
            Disposition::Manual,
            format!("messages in the mailbox that unqmail did not bring: {}", moved.foreign),
            "they stay where they are",
        );
    }
    if moved.unrecorded > 0 {
        push(
            &code::STORE_UNRECORDED,
            Disposition::Manual,
            format!("messages of an account that no pass has completed: {}", moved.unrecorded),
            "none of them is added: nobody knows what its reader has deleted since",
        );
    }
}
