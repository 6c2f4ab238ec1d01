//! What stands in a mailbox of the new server and is somebody else's: it stays, and is told.

use super::compare::{There, Wanted};
use super::{Job, Moved, Part, convert};
use crate::fsys::bytes::{Holds, holds};
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::ANY_SIZE;
use crate::fsys::{Error, Result};
use crate::model::RelPath;
use crate::source::mail::Messages;

/// What was in the way of a mailbox.
#[derive(Debug, Default)]
pub struct Standing {
    /// Messages that were not brought, because another one has their name.
    pub messages: u64,
    /// The first of those that stand there.
    pub first: Option<RelPath>,
    /// Files that are somebody else's; ours are beside them.
    pub foreign: Vec<RelPath>,
    /// Files of ours that somebody changed, about which there is nothing new to say.
    pub edited: Vec<RelPath>,
}

impl Standing {
    /// Whether nothing was.
    pub fn is_nothing(&self) -> bool {
        self.messages == 0 && self.foreign.is_empty() && self.edited.is_empty()
    }

    /// Adds another count to this one.
    pub(super) fn add(&mut self, mut other: Self) {
        self.messages += other.messages;
        self.first = self.first.take().or(other.first);
        self.foreign.append(&mut other.foreign);
        self.edited.append(&mut other.edited);
    }
}

/// Whether another message stands under the name of one that no pass tells of, or something that is
/// no message at all. A copy of it that was cut short is none: the record of it may be what was lost.
pub(super) fn is_in_the_way(
    job: &Job<'_>,
    parts: &[Part<'_>],
    mine: &[&Wanted],
    (folder, theirs): (Option<&Open>, &[There]),
    moved: &mut Moved,
) -> bool {
    for there in theirs {
        let path = || {
            let sub = there.half.name();
            folder.map(|folder| folder.path.join(sub).join(&there.name))
        };
        let is_of = |wanted: &Wanted| {
            let part = parts.get(wanted.from);
            folder
                .zip(part)
                .map_or(Ok(true), |(folder, part)| is_of(job, part, wanted, folder, there))
        };
        let found = mine.iter().copied().map(is_of).find(|is_of| !matches!(is_of, Ok(false)));
        match found {
            Some(Ok(_)) => continue,
            Some(Err(error)) => moved.failures.push(error),
            None => {}
        }
        moved.standing.messages += u64::try_from(mine.len()).unwrap_or(u64::MAX);
        moved.standing.first = moved.standing.first.take().or_else(path);
        return true;
    }
    false
}

/// Whether what stands there is the message, or a part of it.
fn is_of(
    job: &Job<'_>,
    part: &Part<'_>,
    wanted: &Wanted,
    folder: &Open,
    there: &There,
) -> Result<bool> {
    let open = folder.folder(there.half.name())?;
    let copy = match open.open(&there.name) {
        Ok((copy, _)) => copy,
        Err(error) if error.is_missing() => return Ok(true),
        // A folder, a link, a FIFO.
        Err(error) if error.is_link() => return Ok(false),
        Err(error) if error.source.kind() == std::io::ErrorKind::InvalidInput => return Ok(false),
        Err(error) => return Err(error),
    };
    if !part.is_maildir() {
        let (bytes, _) = job.tree.root().read_in(&open, &there.name, ANY_SIZE)?;
        return Ok(bytes.is_empty() || convert::is_of(wanted.unique(), bytes));
    }
    let source =
        Messages::open(job.root, &part.store.path, &part.folder.path.join(wanted.half.name()));
    // What is gone or not its reader's is not brought.
    let Some(source) = source? else { return Ok(true) };
    let whole = match source.read(&wanted.names.old) {
        Ok(Some((whole, _))) => whole,
        Ok(None) => return Ok(true),
        Err(error) if error.is_missing() => return Ok(true),
        Err(error) => return Err(error),
    };
    let held = holds(&copy, &whole);
    Ok(held.map_err(|e| Error::new("compare", &open.path.join(&there.name), e))? != Holds::Other)
}
