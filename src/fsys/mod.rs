//! The only place that touches files.
//!
//! [`root::Root`] reads beneath a folder and never leaves it; [`tree::Tree`] writes beneath one.

pub mod bytes;
pub mod filled;
pub mod folder;
mod link;
pub mod lock;
pub mod print;
pub mod root;
pub mod tree;
mod watch;

use crate::model::RelPath;
use rustix::io::Errno;
use std::io;

/// A file operation that failed: what was being done, to what, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct Error {
    /// What was being done, as a verb.
    pub action: &'static str,
    /// To what, made fit for a screen.
    pub path: String,
    /// Why it failed.
    pub source: io::Error,
}

impl Error {
    /// Ties a failure to what was being done.
    pub fn new(action: &'static str, path: &RelPath, source: impl Into<io::Error>) -> Self {
        Self { action, path: path.to_string(), source: source.into() }
    }

    /// Whether the thing was simply not there.
    pub fn is_missing(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }

    /// Whether a link was in the way that is not followed.
    pub fn is_link(&self) -> bool {
        Errno::from_io_error(&self.source) == Some(Errno::LOOP)
    }
}

/// The result of a file operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Special,
}

impl Kind {
    /// The word for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Link => "link",
            Self::Special => "FIFO, socket or device",
        }
    }
}

impl From<rustix::fs::FileType> for Kind {
    fn from(kind: rustix::fs::FileType) -> Self {
        match kind {
            rustix::fs::FileType::RegularFile => Self::File,
            rustix::fs::FileType::Directory => Self::Folder,
            rustix::fs::FileType::Symlink => Self::Link,
            _ => Self::Special,
        }
    }
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names the file has.
    pub names: u64,
    /// Size in bytes.
    pub size: u64,
    /// Time of last modification: seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// Time of the last change of anything about it, its bytes, names and permissions: seconds since
    /// 1970. Only the clock of the host sets it.
    pub ctime: i64,
    /// Device and inode, which tell whether two names are the same file.
    pub inode: (u64, u64),
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            kind: rustix::fs::FileType::from_raw_mode(stat.st_mode).into(),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            names: stat.st_nlink,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            ctime: stat.st_ctime,
            inode: (stat.st_dev, stat.st_ino),
        }
    }
}

pub use link::makes_clones;

/// What is left on a file system for anybody but root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// Files and folders; `None` where the file system does not count them.
    pub files: Option<u64>,
}

/// Reads a text file that the person names, such as `unqmail.toml`.
#[expect(
    clippy::disallowed_methods,
    reason = "a file of the person's own, named on the command line"
)]
pub fn read_text(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error {
        action: "read",
        path: path.display().to_string(),
        source,
    })
}

/// Reads a file that the person names, whatever its bytes.
#[expect(
    clippy::disallowed_methods,
    reason = "a file of the person's own, named on the command line"
)]
pub fn read_bytes(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error {
        action: "read",
        path: path.display().to_string(),
        source,
    })
}

/// Creates a file that the person names, such as a report.
#[expect(
    clippy::disallowed_methods,
    reason = "a file of the person's own, named on the command line"
)]
pub fn create(path: &std::path::Path) -> Result<std::fs::File> {
    std::fs::File::create(path).map_err(|source| Error {
        action: "create",
        path: path.display().to_string(),
        source,
    })
}

/// Removes a folder of ours with all it holds; what cannot be removed stays.
#[expect(clippy::disallowed_methods, reason = "a folder that this process made")]
pub fn remove_folder(path: &std::path::Path) {
    let _ = std::fs::remove_dir_all(path).is_ok();
}
