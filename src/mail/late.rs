//! Messages that reached the old server late: they are added beside what the new server's users
//! have done since, and nothing else changes.

use super::compare::{There, Wanted, listed, messages};
use super::digests::short;
use super::keywords::Letters;
use super::maildir::{copy_message, open_target};
use super::name::base;
use super::record::{Completed, Record};
use super::standing::is_in_the_way;
use super::{Folders, Half, Job, Mailbox, Moved, Part, convert, folder, maildir};
use crate::fsys::Result;
use crate::fsys::root::ANY_SIZE;
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// Adds what no pass has brought yet. What one has brought does not come back, wherever its reader
/// has put it since, here or on the old server.
pub(super) fn add(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    folders: &Folders<'_>,
    mut record: Record<'_>,
    moved: &mut Moved,
) -> Result<Completed> {
    if !record.is_complete() {
        // Nobody knows what its reader has deleted.
        moved.unrecorded = folders.values().flatten().map(|part| part.folder.messages).sum();
        return Ok(Completed::default());
    }
    let (mut everywhere, brought) = (None, record.everywhere()?);
    let mut wanted_folders = folders.keys().peekable();
    loop {
        let wanted = wanted_folders.peek().map(|name| (**name).clone());
        let Some(name) = record.next().into_iter().chain(wanted).min() else { break };
        wanted_folders.next_if(|wanted| **wanted == name);
        if job.progress.stopped() {
            return record.finish(false);
        }
        let known = record.take(&name)?;
        let parts = folders.get(&name).map(Vec::as_slice).unwrap_or_default();
        let (tree, open) = (mailbox.tree.root(), mailbox.open(&name)?);
        let is_served = folder::is_served(tree, open.as_ref())?;
        let letters = Letters::of_folder(job.root, mailbox, parts, (open.as_ref(), is_served))?;
        let (mut late, _) = messages(job, parts, &letters, moved);
        late.retain(|wanted| brought.binary_search(&short(wanted.unique())).is_err());
        if late.is_empty() {
            record.keep(&name, Some(&known.brought), true)?;
            continue;
        }
        let fronts = fronts(job, parts, &known.brought, moved);
        let mut names = known.brought.clone();
        names.extend(late.iter().map(|wanted| wanted.unique().to_owned()));
        names.sort_unstable();
        names.dedup();
        if late.iter().any(|wanted| known.begun.contains(wanted.unique())) {
            // A pass that was killed may have brought them, and their reader may have moved them.
            let all = match everywhere.take() {
                Some(all) => all,
                None => all_messages(mailbox)?,
            };
            repair(job, mailbox, parts, &late, &known.begun, &all, moved);
            late.retain(|wanted| {
                !(known.begun.contains(wanted.unique()) && all.contains_key(wanted.unique()))
            });
            everywhere = Some(all);
        }
        let mut there: BTreeMap<BString, Vec<There>> = BTreeMap::new();
        for one in listed(tree, open.as_ref())?.0 {
            there.entry(base(&one.name).to_owned()).or_default().push(one);
        }
        late.retain(|wanted| {
            let Some(theirs) = there.get(wanted.unique().as_bytes()) else { return true };
            if is_in_the_way(job, parts, &[wanted], (open.as_ref(), theirs), moved) {
                names.retain(|name| name != wanted.unique());
            }
            false
        });
        job.lock.begin()?;
        record.begin(&name, late.iter().map(Wanted::unique))?;
        let added = add_to(job, mailbox, &name, parts, &late, moved);
        moved.failures.extend(added.err());
        if !fronts.is_empty() {
            let replaced = replace(mailbox, &fronts);
            moved.failures.extend(replaced.err());
        }
        record.keep(&name, Some(&names), names == known.brought)?;
    }
    // One that vanished between listing and opening has moved; it is late still.
    let is_complete = moved.failures.is_empty() && moved.vanished == 0 && !job.progress.stopped();
    record.finish(is_complete)
}

fn add_to(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    name: &BString,
    parts: &[Part<'_>],
    late: &[Wanted],
    moved: &mut Moved,
) -> Result<()> {
    if late.is_empty() {
        return Ok(());
    }
    let target = open_target(mailbox, name, moved)?;
    for (from, part) in parts.iter().enumerate() {
        let own = late.iter().filter(|wanted| wanted.from == from);
        if !part.is_maildir() {
            convert::copy(job, mailbox, part.store, &target, own, moved)?;
            continue;
        }
        let sources = Half::BOTH.map(|half| part.messages(job.root, half));
        for wanted in own {
            if job.progress.stopped() {
                return Ok(());
            }
            let Ok(Some(source)) = wanted.half.of(&sources) else { continue };
            let new = wanted.names.new_name();
            let copied =
                copy_message(mailbox, source, &wanted.names.old, &target, wanted.half, new, moved);
            match copied {
                Ok(_) => job.progress.done(1, 0),
                Err(error) => moved.failures.push(error),
            }
        }
    }
    Ok(())
}

/// Of mboxes in which the last message was being written while an earlier pass read them: what that
/// pass brought of it, by the name of the whole.
fn fronts(
    job: &Job<'_>,
    parts: &[Part<'_>],
    brought: &[BString],
    moved: &mut Moved,
) -> BTreeMap<BString, BString> {
    let mut fronts = BTreeMap::new();
    for part in parts.iter().filter(|part| !part.is_maildir()) {
        match convert::completed(job, part.store, brought) {
            Ok(completed) => fronts.extend(completed),
            Err(error) => moved.failures.push(error),
        }
    }
    fronts
}

/// Where the whole of a message is there, the first part of it goes, wherever its reader has put it.
fn replace(mailbox: &Mailbox<'_>, fronts: &BTreeMap<BString, BString>) -> Result<()> {
    let all = all_messages(mailbox)?;
    let is_whole = |(whole, _): &(&BString, &BString)| all.contains_key(*whole);
    for (_, front) in fronts.iter().filter(is_whole) {
        let Some((name, there)) = all.get(front) else { continue };
        let Some(folder) = mailbox.open(name)? else { continue };
        let part = mailbox.tree.root().enter(&folder, there.half.name())?;
        let Some(part) = part else { continue };
        let (bytes, _) = mailbox.tree.root().read_in(&part, &there.name, ANY_SIZE)?;
        if convert::is_of(front.as_bstr(), bytes) {
            mailbox.tree.remove(&part.path.join(&there.name))?;
        }
    }
    Ok(())
}

/// Writes anew what a loss of power left half-written, wherever its reader has put it, under the name
/// that it has by now.
fn repair(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    parts: &[Part<'_>],
    late: &[Wanted],
    begun: &BTreeSet<BString>,
    all: &Places,
    moved: &mut Moved,
) {
    for wanted in late.iter().filter(|wanted| begun.contains(wanted.unique())) {
        let (Some(part), Some((folder, there))) =
            (parts.get(wanted.from), all.get(wanted.unique()))
        else {
            continue;
        };
        let repaired = maildir::repair(job, mailbox, part, wanted, (folder, there), moved);
        moved.failures.extend(repaired.err());
    }
}

/// Where the messages of a mailbox are, by unique name: the name of the folder, INBOX has none.
type Places = BTreeMap<BString, (BString, There)>;

fn all_messages(mailbox: &Mailbox<'_>) -> Result<Places> {
    let mut all = Places::new();
    let root = mailbox.tree.root();
    let Some(maildir) = mailbox.open(&BString::default())? else { return Ok(all) };
    let named = root
        .list_open(&maildir)?
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name.starts_with(b"."));
    for name in std::iter::once(BString::default()).chain(named) {
        let (messages, _, _) = listed(root, mailbox.open(&name)?.as_ref())?;
        let places = messages.into_iter().map(|m| (base(&m.name).to_owned(), (name.clone(), m)));
        all.extend(places);
    }
    Ok(all)
}
