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

/// A path and how it looked; `None` where nothing was.
type Seen = (RelPath, Option<Stamp>);

/// Every look at a path, in the order of time, until it ends.
#[derive(Debug)]
pub(super) struct Watch(Mutex<Option<Vec<Seen>>>);

impl Watch {
    /// Begins.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    /// Notes a look.
    pub(super) fn note(&self, path: RelPath, stamp: Option<Stamp>) {
        // Many threads wait for this one: nothing is sorted here.
        if let Some(looks) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            looks.push((path, stamp));
        }
    }

    /// Ends, and tells the first look at each path, sorted by that.
    pub(super) fn end(&self) -> Vec<Seen> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut looks = looks.unwrap_or_default();
        looks.par_sort_by(|(a, _), (b, _)| a.cmp(b));
        looks.dedup_by(|later, first| later.0 == first.0);
        looks
    }
}
