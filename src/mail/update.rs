//! A pass over a mailbox: compares folder by folder, then carries out what differs.

use super::compare::{Wanted, Work, compare};
use super::maildir::Departed;
use super::record::{Completed, Known, Record};
use super::{Folders, Job, Mailbox, Moved, Part, Pass, folder, gone, maildir};
use crate::fsys::Result;
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::store::Store;
use bstr::BString;
use std::collections::BTreeSet;
use std::time::Instant;

/// Brings a mailbox up to date, and tells its record. A folder about which nothing is left to do is
/// only kept in that. A mailbox that is new is done folder by folder at once, so that no more than one
/// is in memory; a later pass first knows all that left a folder, so that a message which only moved is
/// followed.
pub(super) fn update(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    (home, stores): (&RelPath, &[(&MailCopy, &Store)]),
    folders: &Folders<'_>,
    mut record: Record<'_>,
    moved: &mut Moved,
) -> Result<Completed> {
    gone::remove_unmade(mailbox)?;
    let mut update = Update {
        job,
        mailbox,
        stores,
        folders,
        led_away: None,
        works: Vec::new(),
        departed: Departed::new(),
        seen: BTreeSet::new(),
        moved,
    };
    let mut wanted = folders.keys().peekable();
    loop {
        let next = wanted.peek().map(|name| (**name).clone());
        let Some(name) = record.next().into_iter().chain(next).min() else { break };
        wanted.next_if(|wanted| **wanted == name);
        if job.progress.stopped() {
            return record.finish(false);
        }
        let known = record.take(&name)?;
        update.compare(name, known, &mut record)?;
    }
    update.carry_out()?;
    let is_complete = update.is_complete();
    let completed = record.finish(is_complete)?;
    if is_complete && job.pass == Pass::Final && folders.is_empty() {
        completed.place(job.tree)?;
        Record::forget(job.tree, home)?;
        return Ok(Completed::default());
    }
    Ok(completed)
}

/// A pass over one mailbox.
struct Update<'a, 'u> {
    job: &'u Job<'a>,
    mailbox: &'u Mailbox<'a>,
    stores: &'u [(&'u MailCopy, &'u Store)],
    folders: &'u Folders<'a>,
    /// See [`gone::led_away`], once somebody asked.
    led_away: Option<BTreeSet<BString>>,
    /// What is to be done about folders of a mailbox that is not new.
    works: Vec<Work>,
    departed: Departed,
    /// Folders that were met.
    seen: BTreeSet<BString>,
    moved: &'u mut Moved,
}

impl<'a, 'u> Update<'a, 'u> {
    /// The folders of the old server that go into one.
    fn parts(&self, name: &BString) -> &'u [Part<'a>] {
        self.folders.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Nothing failed so far, and nobody asked to stop.
    fn is_complete(&self) -> bool {
        self.moved.failures.is_empty() && !self.job.progress.stopped()
    }

    /// Compares one folder, and does what is to be done about it if its mailbox is new.
    fn compare(&mut self, name: BString, mut known: Known, record: &mut Record<'_>) -> Result<()> {
        let (job, parts) = (self.job, self.parts(&name));
        let is_settled = !parts.is_empty() && parts.iter().all(|part| part.is_settled);
        if is_settled && record.is_complete() {
            record.keep(&name, Some(&known.brought), true)?;
            let messages = parts.iter().map(|part| part.folder.messages).sum();
            self.moved.present += messages;
            job.progress.done(messages, 0);
            self.seen.insert(name);
            return Ok(());
        }
        if parts.is_empty() && self.is_led_away(&name)? {
            record.keep(&name, Some(&known.brought), true)?;
            self.seen.insert(name);
            return Ok(());
        }
        let compared = compare(job, self.mailbox, &name, parts, &mut known, self.moved);
        let mut work = match compared {
            Ok(compared) => compared,
            Err(error) => {
                self.moved.failures.push(error);
                return Ok(());
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
            self.moved.pending += u64::try_from(work.departed.len()).unwrap_or(u64::MAX);
            self.moved.pending += u64::from(parts.is_empty() && work.is_there);
        }
        maildir::depart(&mut work, &mut self.departed);
        if record.is_new() {
            self.bring(&work);
            // Of a large folder they take as much room as all that follows.
            work.wanted = Vec::new();
            self.remember(&work);
        } else {
            self.works.push(work);
        }
        self.seen.insert(name);
        Ok(())
    }

    fn is_led_away(&mut self, name: &BString) -> Result<bool> {
        let led_away = match &mut self.led_away {
            Some(known) => known,
            none => none.insert(gone::led_away(self.job.root, self.stores)?),
        };
        Ok(led_away.contains(name))
    }

    /// Does what is to be done about all folders; what the old server has no more goes at the final
    /// pass.
    fn carry_out(&mut self) -> Result<()> {
        let works = std::mem::take(&mut self.works);
        for work in &works {
            self.bring(work);
        }
        let is_final = self.job.pass == Pass::Final && self.is_complete();
        if is_final {
            maildir::remove(self.mailbox, &self.departed, self.moved, |_| true);
            self.moved.foreign += gone::foreign(self.mailbox, &self.seen)?;
        } else if self.is_complete() {
            // What a pass that was killed may have left half-written, and nothing will complete.
            maildir::remove(self.mailbox, &self.departed, self.moved, |left| !left.is_sure);
        }
        // Folders within others come last by name: they go first.
        for work in works.iter().rev() {
            if !self.parts(&work.name).is_empty() {
                self.remember(work);
            } else if is_final {
                self.remove(work);
            }
        }
        Ok(())
    }

    fn bring(&mut self, work: &Work) {
        let Self { job, mailbox, departed, moved, .. } = self;
        let parts = self.folders.get(&work.name).map(Vec::as_slice).unwrap_or_default();
        let begun = Instant::now();
        let brought = maildir::bring(job, mailbox, work, parts, departed, moved);
        moved.bringing += begun.elapsed();
        moved.failures.extend(brought.err());
    }

    /// What is not there yet cannot be numbered; the next run does it.
    fn remember(&mut self, work: &Work) {
        if !self.job.progress.stopped() {
            let parts = self.parts(&work.name);
            let remembered = folder::remember(self.job, self.mailbox, work, parts, self.moved);
            self.moved.failures.extend(remembered.err());
        }
    }

    fn remove(&mut self, work: &Work) {
        let removed = if work.name.is_empty() {
            gone::remove_mailbox(self.mailbox)
        } else {
            gone::remove_folder(self.mailbox, &work.path)
        };
        match removed {
            Ok(removed) => self.moved.folders_removed += u64::from(removed && work.is_there),
            Err(error) => self.moved.failures.push(error),
        }
    }
}
