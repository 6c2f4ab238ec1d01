//! One run at a time on one target.

use super::tree::{Access, Tree, try_lock};
use super::{Error, Result};
use crate::model::RelPath;
use std::fs::File;
use std::io;

/// Holds a target for this process; dropped with the process, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock file; fails with `WouldBlock` where another run holds it.
    pub fn take(tree: &Tree, path: &RelPath) -> Result<Self> {
        let file = tree.append(path, Access { mode: 0o600, owner: None })?;
        match try_lock(&file) {
            Ok(true) => Ok(Self { _file: file }),
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
}
