//! One run at a time on one target.

use super::tree::{Access, Tree, try_lock};
use super::{Error, Result};
use crate::model::RelPath;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

/// Holds a target for this process; dropped with the process, however it ends. The file has text in it
/// from [`Lock::begin`] to [`Lock::end`].
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: RelPath,
    has_begun: Mutex<bool>,
    /// An earlier run began, and never came to its end.
    pub was_cut_short: bool,
}

impl Lock {
    /// Takes the lock file; fails with `WouldBlock` where another run holds it.
    pub fn take(tree: &Tree, path: &RelPath) -> Result<Self> {
        let file = tree.append(path, Access { mode: 0o600, owner: None })?;
        match try_lock(&file) {
            Ok(true) => {
                let text = file.metadata().map_err(|error| Error::new("lock", path, error))?;
                let was_cut_short = text.len() > 0;
                let has_begun = Mutex::new(was_cut_short);
                Ok(Self { file, path: path.clone(), has_begun, was_cut_short })
            }
            Ok(false) => {
                let held = io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "another unqmail is at work on this target",
                );
                Err(Error::new("lock", path, held))
            }
            Err(error) => Err(Error::new("lock", path, error)),
        }
    }

    /// Says that something is about to be left half-written, should the run not come to its end.
    pub fn begin(&self) -> Result<()> {
        let mut has_begun = self.has_begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_begun {
            let written = (&self.file).write_all(b"at work\n");
            written.map_err(|error| Error::new("write", &self.path, error))?;
            *has_begun = true;
        }
        Ok(())
    }

    /// Says that nothing is left unfinished; writes nothing where nothing had begun.
    pub fn end(self) -> Result<()> {
        let has_begun = self.has_begun.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ended = if has_begun { self.file.set_len(0) } else { Ok(()) };
        ended.map_err(|error| Error::new("write", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let path = RelPath::new("var/lib/unqmail/lock");
        let first = Lock::take(&tree, &path).unwrap();
        let second = Lock::take(&tree, &path).unwrap_err();
        assert_eq!(second.source.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        Lock::take(&tree, &path).unwrap();
    }

    #[test]
    fn a_run_that_never_ended_is_told_until_one_ends() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let take = || Lock::take(&tree, &RelPath::new("lock")).unwrap();
        let begin = || {
            let lock = take();
            lock.begin().unwrap();
            lock.begin().unwrap();
            lock
        };
        drop(begin());
        assert!(take().was_cut_short);
        drop(begin());
        assert!(take().was_cut_short);
        begin().end().unwrap();
        assert!(!take().was_cut_short);
        take().end().unwrap();
        assert!(!take().was_cut_short);
    }
}
