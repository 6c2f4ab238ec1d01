//! What was looked at, and how it was then: to prove later that nothing has changed since.

use crate::model::RelPath;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What changes with a file or a folder: which one it is, its size, and its two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    size: i64,
    mtime: (i64, u64),
    ctime: (i64, u64),
}

impl From<rustix::fs::Stat> for Stamp {
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            inode: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            mtime: (stat.st_mtime, stat.st_mtime_nsec),
            ctime: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// The first look at each path; `None` where nothing was.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<BTreeMap<RelPath, Option<Stamp>>>);

impl Watch {
    /// Notes a look; only the first one at a path counts.
    pub(super) fn note(&self, path: &RelPath, stamp: Option<Stamp>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(path.clone()).or_insert(stamp);
    }

    /// Everything that was looked at.
    pub(super) fn all(&self) -> Vec<(RelPath, Option<Stamp>)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().map(|(path, stamp)| (path.clone(), *stamp)).collect()
    }
}
