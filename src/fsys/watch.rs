//! What was looked at, and how it was then: to prove later that nothing has changed since.

use crate::model::RelPath;
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        self.looks().push((path, stamp));
    }

    /// The paths of which this is told, by the first look at each, sorted.
    pub(super) fn told_of(
        &self,
        tell: impl Fn(&RelPath, Option<Stamp>) -> bool + Sync,
    ) -> Vec<RelPath> {
        let mut looks = std::mem::take(&mut *self.looks());
        looks.par_sort_by(|(a, _), (b, _)| a.cmp(b));
        looks.dedup_by(|later, first| later.0 == first.0);
        let told = looks.par_iter().filter(|(path, stamp)| tell(path, *stamp));
        let told = told.map(|(path, _)| path.clone()).collect();
        let mut later = self.looks();
        looks.append(&mut later);
        *later = looks;
        told
    }

    fn looks(&self) -> MutexGuard<'_, Vec<(RelPath, Option<Stamp>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
