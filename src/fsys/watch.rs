//! What was looked at, and how it was then: to prove later that nothing has changed since.

use crate::model::RelPath;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

/// A digest of what changes with a file or a folder: which one it is, its size, and its two dates.
/// That it is none takes no room of its own.
pub(super) type Stamp = NonZeroU64;

/// Every look at a path, until it ends. There may be some for each of hundreds of thousands of
/// folders, so that each takes few bytes.
#[derive(Debug)]
pub(super) struct Watch {
    hasher: RandomState,
    /// Of each thread what it looked at; `None` once all has ended.
    looks: Vec<Mutex<Option<Looks>>>,
}

impl Watch {
    /// Begins.
    pub(super) fn new() -> Self {
        let threads = rayon::current_num_threads().max(1);
        let looks = std::iter::repeat_with(|| Mutex::new(Some(Looks::default()))).take(threads);
        Self { hasher: RandomState::new(), looks: looks.collect() }
    }

    /// The digest of what stat(2) tells.
    pub(super) fn stamp(&self, stat: &rustix::fs::Stat) -> Stamp {
        let (mtime, ctime) =
            ((stat.st_mtime, stat.st_mtime_nsec), (stat.st_ctime, stat.st_ctime_nsec));
        let hash = self.hasher.hash_one((stat.st_dev, stat.st_ino, stat.st_size, mtime, ctime));
        Stamp::new(hash).unwrap_or(Stamp::MAX)
    }

    /// Notes a look; without a stamp nothing was there.
    pub(super) fn note(&self, path: &RelPath, stamp: Option<Stamp>) {
        let thread = rayon::current_thread_index().unwrap_or_default() % self.looks.len();
        let mut own =
            self.looks.get(thread).map(|own| own.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(looks) = own.as_deref_mut().and_then(Option::as_mut) {
            looks.add(path.as_ref(), stamp);
        }
    }

    /// Ends, and tells what was looked at.
    pub(super) fn end(&self) -> Vec<Looks> {
        let end =
            |own: &Mutex<Option<Looks>>| own.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.looks.iter().filter_map(end).collect()
    }
}

/// Looks of one thread in their order. One that follows another at a neighbour shares the front of
/// its path.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Of each the bytes that its path shares with the last one, those that it does not, and the stamp.
    each: Vec<(u32, u32, Option<Stamp>)>,
    /// What is not shared of the paths, one behind the other.
    own: Vec<u8>,
    last: Vec<u8>,
}

impl Looks {
    fn add(&mut self, path: &[u8], stamp: Option<Stamp>) {
        let shared = path.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        let own = path.get(shared..).unwrap_or_default();
        // A path of 4 GiB is none that anything lies at.
        let (Ok(front), Ok(rest)) = (u32::try_from(shared), u32::try_from(own.len())) else {
            return;
        };
        self.each.push((front, rest, stamp));
        self.own.extend_from_slice(own);
        self.last.truncate(shared);
        self.last.extend_from_slice(own);
    }

    /// Hands over each path with its stamp.
    pub(super) fn each(self, mut take: impl FnMut(&[u8], Option<Stamp>)) {
        let (mut path, mut own) = (Vec::new(), self.own.as_slice());
        for (shared, rest, stamp) in self.each {
            let size = |size| usize::try_from(size).unwrap_or(usize::MAX);
            path.truncate(size(shared));
            if let Some((front, after)) = own.split_at_checked(size(rest)) {
                path.extend_from_slice(front);
                own = after;
            }
            take(&path, stamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_as_they_were_looked_at() {
        let looked = ["", "home/a/Maildir", "home/a/Maildir/cur", "home/a/Maildir", "home/ab", "x"];
        let mut looks = Looks::default();
        let stamps = || (0..).map(Stamp::new);
        for (stamp, path) in stamps().zip(looked) {
            looks.add(path.as_bytes(), stamp);
        }
        let mut told = Vec::new();
        looks.each(|path, stamp| told.push((String::from_utf8(path.to_vec()).unwrap(), stamp)));
        let wanted = looked.map(str::to_owned).into_iter().zip(stamps());
        assert_eq!(told, wanted.collect::<Vec<_>>());
    }
}
