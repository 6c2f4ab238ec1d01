//! Digests of how folders look, to tell whether they changed.

use super::folder::Folder;
use super::root::Root;
use super::{Error, Result, Stat};
use crate::model::RelPath;
use crate::model::seen::Print;
use rustix::fs::{AtFlags, FileType, Stat as RawStat};
use rustix::io::Errno;
use rustix::time::ClockId;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// A change that follows a look within this many seconds may get the very stamp that was seen: old
/// kernels and file systems count in ticks, some in whole seconds.
const YOUNG: i64 = 2;

/// So many bytes are hashed at a time: a hasher is large, and most looks never need one.
const BATCH: usize = 16 << 10;

/// A digest that grows with what is looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// What was looked at and is not hashed yet.
    seen: Vec<u8>,
    /// What went before that.
    hasher: Option<Box<blake3::Hasher>>,
    /// The latest change of anything that was looked at, in seconds since 1970.
    latest: i64,
}

impl Look {
    /// Begins with whatever else decides whether two looks are the same.
    pub fn new(context: &[u8]) -> Self {
        // Room for what most looks add.
        let mut seen = Vec::with_capacity(context.len() + 256);
        seen.extend_from_slice(context);
        Self { seen, hasher: None, latest: i64::MIN }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.seen.extend_from_slice(bytes);
        if self.seen.len() >= BATCH {
            self.hasher.get_or_insert_default().update(&self.seen);
            self.seen.clear();
        }
    }

    /// Looks at what stat(2) says of a name beneath a folder, and hands it over: which file it is, how
    /// large, and when it changed. A link tells nothing of what it leads to, so with one nothing is
    /// ever settled.
    pub fn stat(&mut self, folder: &Folder, name: &[u8]) -> Result<Option<Stat>> {
        let found = rustix::fs::statat(folder, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW);
        self.found(found).map_err(|error| Error::new("examine", &folder.path.join(name), error))
    }

    /// The same of a path beneath a root, where a link that is met before its end is followed
    /// wherever it leads: nothing is done with what is there but to tell whether it looks the same.
    pub fn stat_at(&mut self, root: &Root, path: &RelPath) -> Result<Option<Stat>> {
        let found = root.stat_loosely(path.as_ref());
        self.found(found).map_err(|error| Error::new("examine", path, error))
    }

    fn found(&mut self, found: Result<RawStat, Errno>) -> Result<Option<Stat>, Errno> {
        match found {
            Ok(stat) => {
                let kind = FileType::from_raw_mode(stat.st_mode);
                let size =
                    if kind == FileType::Directory { 0 } else { stat.st_size.cast_unsigned() };
                let numbers = [
                    stat.st_dev,
                    stat.st_ino,
                    u64::from(stat.st_mode),
                    size,
                    stat.st_mtime.cast_unsigned(),
                    stat.st_mtime_nsec,
                    stat.st_ctime.cast_unsigned(),
                    stat.st_ctime_nsec,
                ];
                for number in numbers {
                    self.add(&number.to_le_bytes());
                }
                self.latest = self.latest.max(stat.st_mtime).max(stat.st_ctime);
                if kind == FileType::Symlink {
                    self.latest = i64::MAX;
                }
                Ok(Some(stat.into()))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => {
                self.add(b"-");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at one name of a listing.
    pub fn name(&mut self, name: &[u8]) {
        self.add(name);
        self.add(b"/");
    }

    /// Looks at all names in a folder, in the order in which the file system tells them: while
    /// nothing changes, that is the same. `None` stands for a folder that is not there.
    pub fn names(&mut self, folder: Option<&Folder>) -> Result<()> {
        if let Some(folder) = folder {
            folder.each(|name, _| {
                self.name(name);
                Ok(())
            })?;
        }
        self.end();
        Ok(())
    }

    /// Ends a listing.
    pub fn end(&mut self) {
        self.add(b"//");
    }

    /// The digest.
    pub fn print(&self) -> Print {
        let whole = match &self.hasher {
            Some(hasher) => hasher.as_ref().clone().update(&self.seen).finalize(),
            None => blake3::hash(&self.seen),
        };
        let front = whole.as_bytes().first_chunk().copied().unwrap_or_default();
        Print::new(u128::from_le_bytes(front)).unwrap_or(Print::MAX)
    }

    /// The latest change of anything that was looked at by stat(2), in seconds since 1970; `None`
    /// where a link was, which does not tell.
    pub fn latest(&self) -> Option<i64> {
        Some(self.latest).filter(|latest| *latest != i64::MAX)
    }

    /// The digest, unless something changed so lately that the next change may look the same.
    pub fn settled(&self) -> Option<Print> {
        let now = rustix::time::clock_gettime(ClockId::Realtime).tv_sec;
        (self.latest < now - YOUNG).then(|| self.print())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::Look;
    use crate::fsys::root::Root;
    use crate::model::RelPath;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_change_is_seen_and_a_young_stamp_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "1").unwrap();
        let folder = Root::open(dir.path()).unwrap().folder(&RelPath::default()).unwrap();
        let look = |context: &[u8]| {
            let mut look = Look::new(context);
            look.stat(&folder, b"a").unwrap();
            look
        };
        let before = look(b"").print();
        assert_eq!(before, look(b"").print());
        assert_ne!(before, look(b"x").print());
        let old = SystemTime::now() - Duration::from_mins(1);
        std::fs::File::open(&file).unwrap().set_modified(old).unwrap();
        assert_ne!(before, look(b"").print());
        // Its inode changed just now, whatever its date says.
        assert_eq!(look(b"").settled(), None);
        let names = || {
            let mut look = Look::new(b"");
            look.names(Some(&folder)).unwrap();
            look.print()
        };
        let before = names();
        std::fs::rename(&file, dir.path().join("b")).unwrap();
        assert_ne!(before, names());
    }
}
