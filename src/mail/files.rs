//! Files that tell Dovecot of a mailbox. One that somebody else wrote or changed is never overwritten:
//! ours goes beside it. `written`, beside the record of the mailbox, tells which are ours:
//!
//! ```text
//! 2f1e6cd0a3b5978841c0e5d2f6a7b890 var/vmail/a.example/joe/Maildir/subscriptions
//! ```
//!
//! A digest is told before its file is put in place, so that a run which is killed leaves nothing that
//! the next one does not know.

use super::digests::{Short, short};
use super::record::{folder_line, folder_of, line_of};
use super::{Mailbox, Moved};
use crate::fsys::bytes::Holds;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::{ANY_SIZE, Root};
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{Error, Kind, Result};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

/// One that is a few lines long is no larger than this: 16 MiB.
pub(super) const LARGEST: u64 = 16 << 20;

/// What has the name of such a file.
pub(super) enum There {
    Nothing,
    File(Vec<u8>),
    /// A folder, a link, or a file that is too large to be ours.
    Other,
}

/// Looks at a name in a folder of the target; a file of more than so many bytes is not ours.
pub(super) fn look(root: &Root, folder: &Open, name: &str, limit: u64) -> Result<There> {
    Ok(match root.stat_in(folder, name)? {
        None => There::Nothing,
        Some(stat) if stat.kind == Kind::File && stat.size <= limit => {
            There::File(root.read_in(folder, name, limit)?.0)
        }
        Some(_) => There::Other,
    })
}

/// Brings a file up to date with its text, without one to be no more.
pub(super) fn put(
    mailbox: &Mailbox<'_>,
    folder: &Open,
    name: &str,
    (there, text): (&There, Option<&[u8]>),
    moved: &mut Moved,
) -> Result<()> {
    let path = folder.path.join(name);
    match (there, text) {
        (There::Nothing, None) => return Ok(()),
        (There::File(there), Some(text)) if there == text => return Ok(()),
        _ => {}
    }
    let is_ours = is_ours(mailbox, &path, there, text.unwrap_or_default())?;
    match text {
        Some(text) if is_ours => {
            write(mailbox, folder, name, text, moved)?;
            remove_beside(mailbox, folder, name)
        }
        None if is_ours => mailbox.tree.remove(&path),
        // The old server says nothing that it could be in the way of.
        None => Ok(()),
        Some(text) if mailbox.written.said(&path, text)? => {
            moved.standing.edited.push(path);
            Ok(())
        }
        Some(text) => {
            moved.standing.foreign.push(path);
            let beside = beside(name);
            let limit = u64::try_from(text.len()).unwrap_or(u64::MAX);
            match look(mailbox.tree.root(), folder, &beside, limit)? {
                There::File(there) if there == text => Ok(()),
                _ => write(mailbox, folder, &beside, text, moved),
            }
        }
    }
}

/// Whether a file with this text cannot get its name, because somebody else's has it.
pub(super) fn stays(mailbox: &Mailbox<'_>, folder: &Open, name: &str, text: &[u8]) -> Result<bool> {
    let there = look(mailbox.tree.root(), folder, name, LARGEST)?;
    Ok(!is_ours(mailbox, &folder.path.join(name), &there, text)?)
}

/// Whether what is there may go. A loss of power may have left it half-written, and taken away what
/// tells of it.
fn is_ours(mailbox: &Mailbox<'_>, path: &RelPath, there: &There, text: &[u8]) -> Result<bool> {
    match there {
        There::Nothing => Ok(true),
        There::File(there) => {
            // Somebody may have put ours in place by hand.
            let beside = path.parent().join(beside(&path.file_name().to_str_lossy()));
            let written = &mailbox.written;
            Ok(Holds::of(there, text) != Holds::Other
                || written.has(path, there)?
                || written.has(&beside, there)?)
        }
        There::Other => Ok(false),
    }
}

fn write(
    mailbox: &Mailbox<'_>,
    folder: &Open,
    name: &str,
    text: &[u8],
    moved: &mut Moved,
) -> Result<()> {
    mailbox.written.tell(&folder.path.join(name), text)?;
    mailbox.tree.write_in(folder, name, text, mailbox.file_access())?;
    moved.remembered += 1;
    Ok(())
}

fn beside(name: &str) -> String {
    format!("{name}.unqmail")
}

/// Once ours is in its place nobody needs what an earlier pass put beside it.
fn remove_beside(mailbox: &Mailbox<'_>, folder: &Open, name: &str) -> Result<()> {
    let (beside, root) = (beside(name), mailbox.tree.root());
    let path = folder.path.join(&beside);
    match look(root, folder, &beside, ANY_SIZE)? {
        There::File(there) if mailbox.written.has(&path, &there)? => mailbox.tree.remove(&path),
        _ => Ok(()),
    }
}

/// What earlier passes and this one have written for a mailbox.
#[derive(Debug)]
pub(super) struct Written<'a> {
    tree: &'a Tree,
    path: RelPath,
    /// Digests by path, the latest last; read when somebody asks.
    known: OnceCell<BTreeMap<BString, Vec<Short>>>,
    log: RefCell<Option<File>>,
}

impl<'a> Written<'a> {
    /// That of the mailbox with this home.
    pub(super) fn new(tree: &'a Tree, home: &RelPath) -> Self {
        let path = folder_of(home).join("written");
        Self { tree, path, known: OnceCell::new(), log: RefCell::default() }
    }

    /// Whether these bytes were ever put at the path.
    pub(super) fn has(&self, path: &RelPath, bytes: &[u8]) -> Result<bool> {
        Ok(self.of(path)?.contains(&short(bytes)))
    }

    /// Whether these bytes are what was last put there.
    fn said(&self, path: &RelPath, bytes: &[u8]) -> Result<bool> {
        Ok(self.of(path)?.last() == Some(&short(bytes)))
    }

    fn of(&self, path: &RelPath) -> Result<&[Short]> {
        let known = if let Some(known) = self.known.get() {
            known
        } else {
            let text = self.tree.root().read_if_there(&self.path, ANY_SIZE)?;
            self.known.get_or_init(|| parse(&text.unwrap_or_default()))
        };
        Ok(known.get(path.as_bstr()).map(Vec::as_slice).unwrap_or_default())
    }

    /// Tells what is about to be put at a path.
    fn tell(&self, path: &RelPath, bytes: &[u8]) -> Result<()> {
        let failed = |e| Error::new("write", &self.path, e);
        let mut log = self.log.borrow_mut();
        let mut text = Vec::new();
        if log.is_none() {
            *log = Some(self.tree.append(&self.path, Access { mode: 0o600, owner: None })?);
            // What follows a torn line must begin on its own.
            text.push(b'\n');
        }
        text.extend_from_slice(format!("{:032x} ", u128::from_be_bytes(short(bytes))).as_bytes());
        text.extend_from_slice(line_of(&path.as_bstr().to_owned()).get(1..).unwrap_or_default());
        log.as_mut().map_or(Ok(()), |log| log.write_all(&text)).map_err(failed)
    }
}

fn parse(text: &[u8]) -> BTreeMap<BString, Vec<Short>> {
    let mut known: BTreeMap<BString, Vec<Short>> = BTreeMap::new();
    for line in text.lines() {
        let Some((digest, path)) = line.split_once_str(" ") else { continue };
        let digest = u128::from_str_radix(digest.to_str().unwrap_or_default(), 16);
        let path = folder_line(&[b"/", path].concat());
        if let (Ok(digest), Some(path)) = (digest, path) {
            known.entry(path).or_default().push(digest.to_be_bytes());
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_known_by_path_and_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let home = RelPath::new("var/vmail/a.example/joe");
        let (file, odd) =
            (home.join("Maildir/subscriptions"), home.join("Maildir/.a\nb/dovecot-acl"));
        for text in [&b"one"[..], b"two"] {
            let written = Written::new(&tree, &home);
            written.tell(&file, text).unwrap();
            written.tell(&odd, b"odd").unwrap();
        }
        let written = Written::new(&tree, &home);
        assert!(written.has(&file, b"one").unwrap() && written.has(&odd, b"odd").unwrap());
        assert!(!written.has(&file, b"odd").unwrap() && !written.has(&home, b"one").unwrap());
        assert!(written.said(&file, b"two").unwrap() && !written.said(&file, b"one").unwrap());
    }
}
