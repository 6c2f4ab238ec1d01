//! What was looked at, and how it was then: to prove later that nothing has changed since.

use crate::model::RelPath;
use rayon::prelude::*;
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

/// Every look at a path, in the order of time; `None` where nothing was.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Vec<(RelPath, Option<Stamp>)>>);

impl Watch {
    /// Notes a look.
    pub(super) fn note(&self, path: RelPath, stamp: Option<Stamp>) {
        // Many threads wait for this one: nothing is sorted here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((path, stamp));
    }

    /// The first look at each path, sorted.
    pub(super) fn first(&self) -> Vec<(RelPath, Option<Stamp>)> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        seen.par_sort_by(|(a, _), (b, _)| a.cmp(b));
        seen.dedup_by(|later, first| later.0 == first.0);
        seen
    }
}
