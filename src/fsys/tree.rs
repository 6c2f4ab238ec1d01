//! Writing beneath a folder: whole files appear at once or not at all.

use super::bytes::pour;
use super::folder::Folder;
use super::root::Root;
use super::{Error, Free, Result, Stat};
use crate::model::RelPath;
use bstr::ByteSlice as _;
use rustix::fs::{
    Advice, AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Timespec,
    Timestamps, Uid,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Permission bits and owner of something that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner and group; `None` leaves the user who runs this.
    pub owner: Option<(u32, u32)>,
}

/// A folder that is written to. Links in it lead nowhere outside, as in [`Root`].
#[derive(Debug)]
pub struct Tree {
    root: Root,
    dir: OwnedFd,
    may_chown: bool,
    /// Permission bits that no new file of this process gets.
    masked: u32,
    /// Held by the thread that makes a folder, by its path.
    making: [Mutex<()>; MAKERS],
}

/// So many folders are made at once at most; more than there are threads.
const MAKERS: usize = 64;

/// What a file may be used for until its owner is set.
const NEW: u32 = 0o600;

/// A file that lies beside its place under another name, to be put in place by [`Tree::place`].
#[derive(Debug)]
pub struct Prepared {
    path: RelPath,
}

impl Tree {
    /// Opens the folder, created with its parents where it is missing.
    pub fn create(path: &Path) -> Result<Self> {
        let shown = RelPath::new(path.as_os_str().as_encoded_bytes());
        #[expect(clippy::disallowed_methods, reason = "the root of the tree, named by the caller")]
        std::fs::create_dir_all(path).map_err(|e| Error::new("create folder", &shown, e))?;
        Self::open(path)
    }

    /// Opens the folder; fails where it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        let root = Root::open(path)?;
        let dir = root.folder(&RelPath::default())?.into_fd();
        let may_chown = rustix::process::geteuid().is_root();
        let making = [const { Mutex::new(()) }; MAKERS];
        Ok(Self { root, dir, may_chown, masked: masked(), making })
    }

    /// The same folder for reading.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Whether owners can be set; only root can.
    pub fn may_chown(&self) -> bool {
        self.may_chown
    }

    /// Creates a folder, with parents of mode 0755 where they are missing, and opens it.
    ///
    /// A folder that is already there keeps its owner and mode.
    pub fn make_folder(&self, path: &RelPath, access: Access) -> Result<OwnedFd> {
        if let Some(found) = self.open_folder(path)? {
            return Ok(found);
        }
        let parent = self.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
        // Two threads that make one folder: killed in between, the slower one would leave its first
        // name behind, which no later run needs.
        let place = path
            .as_ref()
            .iter()
            .fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        let making = self.making.get(place % MAKERS);
        let _guard = making.map(|making| making.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(found) = self.open_folder(path)? {
            return Ok(found);
        }
        self.make_folder_in(&parent, path.file_name(), access)
            .map_err(|e| Error::new("create folder", path, e))
    }

    /// Creates a folder in an open one and opens it.
    ///
    /// It gets its name once its owner and mode are set: one that is there has them.
    fn make_folder_in(&self, parent: &OwnedFd, name: &[u8], access: Access) -> io::Result<OwnedFd> {
        let first = temporary_in(name);
        let made = self.folder_in(parent, &first, access).and_then(|fd| {
            let flags = RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(parent, &*first, parent, name, flags)?;
            Ok(fd)
        });
        made.or_else(|error| match Errno::from_io_error(&error) {
            Some(Errno::EXIST) => {
                // Whoever serves the target was faster.
                let _ = rustix::fs::unlinkat(parent, &*first, AtFlags::REMOVEDIR).is_ok();
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
            }
            _ => Err(error),
        })
    }

    fn open_folder(&self, path: &RelPath) -> Result<Option<OwnedFd>> {
        match self.root.folder(path) {
            Ok(folder) => Ok(Some(folder.into_fd())),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file under a temporary name beside its place.
    pub fn prepare(&self, path: &RelPath, bytes: &[u8], access: Access) -> Result<Prepared> {
        let parent = self.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
        self.prepare_in(&parent, path, bytes, access)
    }

    /// The same in its folder, which is open.
    pub fn prepare_in(
        &self,
        parent: &OwnedFd,
        path: &RelPath,
        bytes: &[u8],
        access: Access,
    ) -> Result<Prepared> {
        let (mut file, prepared) = self.prepare_open_in(parent, path, access)?;
        file.write_all(bytes).map_err(|e| Error::new("write", path, e))?;
        Ok(prepared)
    }

    /// Opens a file under a temporary name beside its place, for writing.
    pub fn prepare_open(&self, path: &RelPath, access: Access) -> Result<(File, Prepared)> {
        let parent = self.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
        self.prepare_open_in(&parent, path, access)
    }

    fn prepare_open_in(
        &self,
        parent: &OwnedFd,
        path: &RelPath,
        access: Access,
    ) -> Result<(File, Prepared)> {
        let fd = create_in(parent, &temporary(path)).map_err(|e| Error::new("create", path, e))?;
        self.give(&fd, access).map_err(|e| Error::new("set the owner of", path, e))?;
        Ok((File::from(fd), Prepared { path: path.clone() }))
    }

    /// Removes a prepared file that shall not be put in place.
    pub fn give_up(&self, prepared: Prepared) -> Result<()> {
        let path = prepared.path;
        let parent = self.root.folder(&path.parent())?.into_fd();
        rustix::fs::unlinkat(&parent, temporary(&path).as_slice(), AtFlags::empty())
            .map_err(|e| Error::new("remove what was to become", &path, e))
    }

    /// Puts a prepared file in its place; what was there before is gone at that moment.
    pub fn place(&self, prepared: Prepared) -> Result<()> {
        let parent = self.root.folder(&prepared.path.parent())?.into_fd();
        self.place_in(&parent, prepared)
    }

    /// The same in its folder, which is open.
    pub fn place_in(&self, parent: &OwnedFd, prepared: Prepared) -> Result<()> {
        let path = prepared.path;
        let name = path.file_name().as_bytes();
        rustix::fs::renameat(parent, temporary(&path).as_slice(), parent, name)
            .map_err(|e| Error::new("put in place", &path, e))
    }

    /// Writes a file in an open folder: it appears whole or not at all. What was there before is gone
    /// at that moment.
    pub fn write_in(
        &self,
        folder: &Folder,
        name: &str,
        bytes: &[u8],
        access: Access,
    ) -> Result<()> {
        let prepared = self.prepare_in(&folder.dir, &folder.path.join(name), bytes, access)?;
        self.place_in(&folder.dir, prepared)
    }

    /// Waits until everything written so far is on the disk.
    ///
    /// # Errors
    /// Where the disk did not take all of it. What it did not take is in the cache still and looks
    /// whole there, and the next wait does not fail again (syncfs(2)).
    pub fn sync(&self) -> Result<()> {
        let failed = |e: Errno| {
            let shown = RelPath::new(self.root.path().as_os_str().as_encoded_bytes());
            let remedy = "unmount and check the file system before the next run";
            let why = io::Error::other(format!("{}; {remedy}", io::Error::from(e)));
            Error::new("wait for the disk to take what was written to", &shown, why)
        };
        rustix::fs::syncfs(&self.dir).map_err(failed)
    }

    /// Opens a file for appending, created where it is missing.
    pub fn append(&self, path: &RelPath, access: Access) -> Result<File> {
        let parent = self.make_folder(&path.parent(), Access { mode: 0o700, owner: None })?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(
            &parent,
            path.file_name().as_bytes(),
            flags,
            Mode::from_raw_mode(access.mode),
        )
        .map(File::from)
        .map_err(|e| Error::new("open", path, e))
    }

    /// Sets mode and owner of something open, owner first: chown(2) clears mode bits.
    pub fn set_access(&self, fd: &OwnedFd, access: Access) -> io::Result<()> {
        self.set_owner(fd, access)?;
        rustix::fs::fchmod(fd, Mode::from_raw_mode(access.mode))?;
        Ok(())
    }

    /// The same of a file that was just made with mode [`NEW`], which most shall have.
    pub(super) fn give(&self, fd: &OwnedFd, access: Access) -> io::Result<()> {
        if access.mode == NEW && NEW & self.masked == 0 {
            self.set_owner(fd, access)
        } else {
            self.set_access(fd, access)
        }
    }

    fn set_owner(&self, fd: &OwnedFd, access: Access) -> io::Result<()> {
        if let Some((uid, gid)) = access.owner.filter(|_| self.may_chown) {
            rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        Ok(())
    }

    /// Writes a file under a temporary name in one folder and moves it to its own in another, its
    /// date set: it appears whole or not at all. A file that was there is replaced.
    pub fn copy_in(
        &self,
        from: &mut dyn Read,
        tmp: &OwnedFd,
        to: &OwnedFd,
        name: &[u8],
        access: Access,
        (seconds, nanoseconds): (i64, u32),
    ) -> io::Result<()> {
        let temporary = temporary_in(name);
        let fd = create_in(tmp, &temporary)?;
        self.give(&fd, access)?;
        let mut file = File::from(fd);
        io::copy(from, &mut file)?;
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
        rustix::fs::renameat(tmp, &*temporary, to, name)?;
        Ok(())
    }

    /// Copies a message that was just opened, with its date, and tells the digest of what was read.
    ///
    /// With a folder for temporary names it appears whole or not at all. Without one it is written
    /// under its own name, which costs a quarter less, and its date is set last: one that was cut
    /// short has another. What was there before is replaced.
    ///
    /// Fails with `InvalidData` where the message changed while it was read; nothing of a copy that
    /// failed stays.
    pub fn copy_message(
        &self,
        from: &File,
        stat: &Stat,
        tmp: Option<&OwnedFd>,
        to: &OwnedFd,
        name: &[u8],
        access: Access,
    ) -> io::Result<blake3::Hash> {
        self.write_message(stat, tmp, to, name, access, |fd| pour(from, Some(fd)))
    }

    /// Makes a message and has it filled; that tells how many bytes it has now, and something else.
    pub(super) fn write_message<T>(
        &self,
        stat: &Stat,
        tmp: Option<&OwnedFd>,
        to: &OwnedFd,
        name: &[u8],
        access: Access,
        fill: impl FnOnce(&OwnedFd) -> io::Result<(u64, T)>,
    ) -> io::Result<T> {
        let temporary = temporary_in(name);
        let (folder, first) = tmp.map_or((to, name), |tmp| (tmp, temporary.as_slice()));
        let fd = create_in(folder, first)?;
        let write = || {
            self.give(&fd, access)?;
            let (size, told) = fill(&fd)?;
            if size != stat.size {
                let what = "it changed while it was read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let (tv_sec, nanoseconds) = stat.mtime;
            let time = Timespec { tv_sec, tv_nsec: nanoseconds.into() };
            let times = Timestamps { last_access: time, last_modification: time };
            rustix::fs::futimens(&fd, &times)?;
            if tmp.is_some() {
                rustix::fs::renameat(folder, first, to, name)?;
            }
            Ok(told)
        };
        let written: io::Result<T> = write();
        if written.is_err() {
            // Where even this fails, the next pass finds what is left.
            let _ = rustix::fs::unlinkat(folder, first, AtFlags::empty()).is_ok();
        }
        written
    }

    /// Renames a file from one open folder into another; fails where the new name is taken.
    pub fn rename(&self, from: &OwnedFd, old: &[u8], to: &OwnedFd, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)?)
    }

    /// Tells what a name in an open folder is, a link not followed; `None` where nothing is.
    pub fn stat_in(&self, folder: &OwnedFd, name: &[u8]) -> Result<Option<Stat>> {
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::new("examine", &RelPath::new(name), error)),
        }
    }

    /// Opens a regular file in an open folder to read what the disk holds of it: what could not be
    /// written is in the cache still, and no later sync(2) tells of it. A link is none.
    pub fn open_on_disk(&self, folder: &OwnedFd, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        Ok(File::from(file))
    }

    /// Makes a symbolic link under a temporary name beside its place, in its folder.
    pub fn prepare_link(
        &self,
        parent: &OwnedFd,
        path: &RelPath,
        target: &str,
        access: Access,
    ) -> Result<Prepared> {
        let name = temporary(path);
        let name = name.as_slice();
        let made = anew(parent, name, || rustix::fs::symlinkat(target, parent, name));
        let given = made.and_then(|()| match access.owner.filter(|_| self.may_chown) {
            Some((uid, gid)) => {
                let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
            None => Ok(()),
        });
        given.map_err(|e| Error::new("link", path, e))?;
        Ok(Prepared { path: path.clone() })
    }

    /// Removes a file of ours.
    pub fn remove(&self, path: &RelPath) -> Result<()> {
        let parent = self.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
        rustix::fs::unlinkat(&parent, path.file_name().as_bytes(), AtFlags::empty())
            .map_err(|e| Error::new("remove", path, e))
    }

    /// Removes a name from an open folder; `false` where it was not there.
    pub fn remove_in(&self, folder: &OwnedFd, name: &[u8]) -> io::Result<bool> {
        match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a folder if it is empty; `false` where it is not, or is not there.
    pub fn remove_empty(&self, path: &RelPath) -> Result<bool> {
        let parent = match self.root.folder(&path.parent()) {
            Ok(parent) => parent.into_fd(),
            Err(error) if error.is_missing() => return Ok(false),
            Err(error) => return Err(error),
        };
        match rustix::fs::unlinkat(&parent, path.file_name().as_bytes(), AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(Error::new("remove folder", path, error)),
        }
    }

    /// Makes a named pipe.
    pub fn make_fifo(&self, path: &RelPath, mode: u32) -> Result<()> {
        let parent = self.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
        let name = path.file_name().as_bytes();
        rustix::fs::mknodat(&parent, name, FileType::Fifo, Mode::from_raw_mode(mode), 0)
            .map_err(|e| Error::new("make a pipe at", path, e))
    }

    /// Tells what is at a path, links followed beneath the root; `None` where nothing is.
    pub fn stat(&self, path: &RelPath) -> Result<Option<Stat>> {
        self.root.stat(path)
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Takes an exclusive lock on an open file; `false` where another process holds it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Tells what is left on the file system on which a path beneath a folder lies or would lie; neither
/// need exist.
pub fn free(folder: &Path, path: &RelPath) -> Result<Free> {
    let whole = folder.join(OsStr::from_bytes(path.as_ref()));
    let mut folders =
        whole.ancestors().map(|at| if at == Path::new("") { Path::new(".") } else { at });
    let told = |error: Errno| Error::new("ask for the room at", path, error);
    loop {
        match rustix::fs::statvfs(folders.next().unwrap_or(Path::new("/"))) {
            Ok(stat) => {
                let files = Some(stat.f_favail).filter(|_| stat.f_files > 0);
                return Ok(Free { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), files });
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(told(error)),
        }
    }
}

/// The permission bits that no new file of this process gets (`Umask` in proc(5)); all of them where
/// nobody tells.
fn masked() -> u32 {
    let status = Root::open("/proc".as_ref())
        .and_then(|proc| proc.read(&RelPath::new("self/status"), 1 << 16))
        .unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix(b"Umask:"));
    let told = told.and_then(|told| u32::from_str_radix(told.trim_ascii().to_str().ok()?, 8).ok());
    told.unwrap_or(0o777)
}

/// The name that something in a folder has until it may have its own.
pub(super) fn temporary_in(name: &[u8]) -> Vec<u8> {
    let mut temporary = [b".unqmail-".as_slice(), name].concat();
    // A name may be as long as the file system allows; then its front must do.
    temporary.truncate(255);
    temporary
}

/// Makes a file for writing.
fn create_in(folder: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let make = || rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(NEW));
    Ok(anew(folder, name, make)?)
}

/// Makes what has a name in a folder; what a run that was killed left under the name goes.
fn anew<T>(
    folder: &OwnedFd,
    name: &[u8],
    make: impl Fn() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    match make() {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(folder, name, AtFlags::empty()).and_then(|()| make())
        }
        made => made,
    }
}

fn temporary(path: &RelPath) -> Vec<u8> {
    [b".".as_slice(), path.file_name().as_bytes(), b".unqmail-new"].concat()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const PLAIN: Access = Access { mode: 0o640, owner: None };

    #[test]
    fn a_file_appears_whole_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(&dir.path().join("new/target")).unwrap();
        let path = RelPath::new("etc/postfix/main.cf");
        let prepared = tree.prepare(&path, b"one", PLAIN).unwrap();
        assert!(tree.stat(&path).unwrap().is_none());
        tree.place(prepared).unwrap();
        assert_eq!(tree.root().read(&path, 10).unwrap(), b"one");
        let file = dir.path().join("new/target/etc/postfix/main.cf");
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_leftover_of_a_killed_run_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let path = RelPath::new("a/b");
        drop(tree.prepare(&path, b"torn", PLAIN).unwrap());
        let again = tree.prepare(&path, b"whole", PLAIN).unwrap();
        tree.place(again).unwrap();
        assert_eq!(tree.root().read(&path, 10).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn room_is_told_of_a_folder_that_is_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        let here = free(dir.path(), &RelPath::default()).unwrap();
        let there = free(&dir.path().join("new"), &RelPath::new("var/vmail")).unwrap();
        assert!(here.bytes > 0 && here.files.is_some() == there.files.is_some());
        assert!(free(Path::new("none"), &RelPath::new("var")).is_ok());
    }

    #[test]
    fn a_folder_that_many_threads_make_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let access = Access { mode: 0o700, owner: None };
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let tree = &tree;
                scope.spawn(move || {
                    for number in 0..50 {
                        let path = RelPath::new(format!("a/{number}/{thread}"));
                        tree.make_folder(&path, access).unwrap();
                    }
                });
            }
        });
        for number in 0..50 {
            let made = std::fs::read_dir(dir.path().join(format!("a/{number}"))).unwrap();
            assert_eq!(made.count(), 8);
        }
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 50);
    }

    #[test]
    fn the_mask_of_new_files_is_known() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("new"), "").unwrap();
        let made = std::fs::metadata(dir.path().join("new")).unwrap().permissions().mode();
        assert_eq!(made & 0o777, 0o666 & !masked());
    }

    #[test]
    fn a_link_in_the_target_cannot_lead_a_write_outside() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("etc")).unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        assert!(tree.prepare(&RelPath::new("etc/passwd"), b"x", PLAIN).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
