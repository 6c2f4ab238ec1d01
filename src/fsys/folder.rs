//! Open folders, for work on many of their names.

use super::{Error, Kind, Result, Stat};
use crate::model::RelPath;
use bstr::BString;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

thread_local! {
    /// Room for what the kernel tells of a folder at a time.
    static LISTED: Cell<Vec<MaybeUninit<u8>>> = const { Cell::new(Vec::new()) };
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its bytes.
    pub name: BString,
    /// What it is; links are not followed.
    pub kind: Kind,
}

/// An open folder, for work on many of its names.
#[derive(Debug)]
pub struct Folder {
    pub(super) dir: OwnedFd,
    /// Where it is, for messages.
    pub path: RelPath,
    /// No link leads to it: its path is its real one.
    pub is_real: bool,
    /// Its names were told once.
    is_listed: AtomicBool,
}

impl Folder {
    pub(super) fn new(dir: OwnedFd, path: RelPath, is_real: bool) -> Self {
        Self { dir, path, is_real, is_listed: AtomicBool::new(false) }
    }

    /// Lists the folder, sorted by name, without `.` and `..`.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each(|name, kind| {
            entries.push(Entry { name: name.into(), kind });
            Ok(())
        })?;
        entries.sort_unstable();
        Ok(entries)
    }

    /// What the folder itself is.
    pub fn itself(&self) -> Result<Stat> {
        let stat = rustix::fs::fstat(&self.dir).map(Stat::from);
        stat.map_err(|e| Error::new("examine", &self.path, e))
    }

    /// Hands each name in the folder over, in the order in which the file system tells them.
    pub fn each(&self, mut take: impl FnMut(&[u8], Kind) -> Result<()>) -> Result<()> {
        let failed = |e: Errno| Error::new("list", &self.path, e);
        // Each thread has one.
        let mut buffer = LISTED.take();
        buffer.resize(64 << 10, MaybeUninit::uninit());
        // A second listing starts at the beginning again.
        if self.is_listed.swap(true, Relaxed) {
            rustix::fs::seek(&self.dir, SeekFrom::Start(0)).map_err(failed)?;
        }
        let mut names = RawDir::new(&self.dir, &mut buffer);
        while let Some(entry) = names.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                rustix::fs::FileType::Unknown => match self.stat(name)? {
                    Some(stat) => stat.kind,
                    None => continue,
                },
                known => known.into(),
            };
            take(name, kind)?;
        }
        LISTED.set(buffer);
        Ok(())
    }

    /// Tells what a name in the folder is, a link not followed; `None` where nothing is.
    pub fn stat<B: AsRef<[u8]>>(&self, name: B) -> Result<Option<Stat>> {
        let name = name.as_ref();
        let found = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW);
        optional(found.map(Stat::from).map_err(io::Error::from))
            .map_err(|e| Error::new("examine", &self.path.join(name), e))
    }

    /// Where a link in the folder leads; `None` where none is.
    pub fn link<B: AsRef<[u8]>>(&self, name: B) -> Result<Option<BString>> {
        let name = name.as_ref();
        match rustix::fs::readlinkat(&self.dir, name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes().into())),
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::new("read the link", &self.path.join(name), error)),
        }
    }

    /// Opens a regular file in the folder; a link, FIFO or device is `InvalidInput`.
    pub fn open<B: AsRef<[u8]>>(&self, name: B) -> Result<(File, Stat)> {
        let name = name.as_ref();
        let open = || {
            let flags = OFlags::RDONLY
                | OFlags::NOFOLLOW
                | OFlags::NONBLOCK
                | OFlags::NOCTTY
                | OFlags::CLOEXEC;
            let fd = with_noatime(flags, |flags| {
                rustix::fs::openat(&self.dir, name, flags, Mode::empty())
            })?;
            let stat = regular(&fd)?;
            Ok((File::from(fd), stat))
        };
        open().map_err(|e: io::Error| Error::new("open", &self.path.join(name), e))
    }

    /// Opens a folder in the folder, a link not followed.
    pub fn folder<B: AsRef<[u8]>>(&self, name: B) -> Result<Self> {
        let name = name.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let dir = rustix::fs::openat(&self.dir, name, flags, Mode::empty())
            .map_err(|e| Error::new("open folder", &path, e))?;
        Ok(Self::new(dir, path, self.is_real))
    }

    /// The same folder once more.
    pub fn again(&self) -> Result<Self> {
        let dir = self.dir.try_clone().map_err(|e| Error::new("open folder", &self.path, e))?;
        // Both have one place in the listing.
        self.is_listed.store(true, Relaxed);
        Ok(Self { dir, path: self.path.clone(), is_real: self.is_real, is_listed: true.into() })
    }

    /// Gives up the name and keeps the descriptor.
    pub fn into_fd(self) -> OwnedFd {
        self.dir
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Opens without touching the access time where that is allowed: nothing on the old server changes.
pub(super) fn with_noatime(
    flags: OFlags,
    open: impl Fn(OFlags) -> Result<OwnedFd, Errno>,
) -> Result<OwnedFd, Errno> {
    if flags.contains(OFlags::PATH) {
        return open(flags);
    }
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        result => result,
    }
}

pub(super) fn regular(fd: &OwnedFd) -> io::Result<Stat> {
    let stat = Stat::from(rustix::fs::fstat(fd)?);
    if stat.kind == Kind::File {
        Ok(stat)
    } else {
        let what = format!("is a {}, not a regular file", stat.kind.name());
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }
}

pub(super) fn optional<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}
