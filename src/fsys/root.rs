//! Reading beneath a folder: a link, a `..` or a race never leads out of it, and a FIFO or device
//! is never opened.

use super::folder::{Entry, Folder, optional, regular, with_noatime};
use super::watch::{Stamp, Watch};
use super::{Error, Kind, Result, Stat};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// The limit for files of our own, which are read however large they are; a read goes one byte beyond a
/// limit.
pub const ANY_SIZE: u64 = u64::MAX - 1;

/// Links followed before a path is called a loop, as in the kernel.
const MAX_LINKS: usize = 40;

/// A folder that stands for `/`: absolute paths and links start again at it, `..` stops at it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use unqmail::{fsys::root::Root, model::RelPath};
/// let root = Root::open(env!("CARGO_MANIFEST_DIR").as_ref())?;
/// assert!(root.read(&RelPath::new("/../Cargo.toml"), 1 << 20)?.starts_with(b"[package]"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
    /// A folder that is left out of every listing, by name, device and inode.
    hidden: Option<(BString, (u64, u64))>,
    watch: Option<Watch>,
}

/// What becomes of links in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    Followed,
    /// The last name is taken for what it is.
    NotLast,
    Refused,
}

/// Where a path leads.
struct Walked {
    fd: OwnedFd,
    real: RelPath,
    /// Whose the links were that were followed.
    owners: Vec<u32>,
}

impl Root {
    /// Opens the folder that all paths will be beneath.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| Error {
            action: "open folder",
            path: path.display().to_string(),
            source: error.into(),
        })?;
        Ok(Self { dir, path: path.to_owned(), hidden: None, watch: None })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves a folder out of every listing from now on, if it lies beneath this one.
    pub fn hide(&mut self, folder: &Path) {
        let stat = rustix::fs::stat(folder).map(Stat::from);
        let own = rustix::fs::fstat(&self.dir).map(Stat::from);
        if let (Ok(stat), Ok(own), Some(name)) =
            (stat, own, folder.canonicalize().ok().as_deref().and_then(Path::file_name))
            && stat.inode != own.inode
        {
            self.hidden = Some((name.as_encoded_bytes().into(), stat.inode));
        }
    }

    /// Remembers from now on how everything was that is looked at.
    pub fn watch(&mut self) {
        self.watch = Some(Watch::new());
    }

    /// What is not any more as it was at every look at it, sorted; nothing where [`Root::watch`] was
    /// not asked for. It ends with this.
    pub fn changed(&self) -> Vec<RelPath> {
        let Some(watch) = &self.watch else { return Vec::new() };
        let is_other = |path: &[u8], then: Option<Stamp>| {
            // One call for most: a link may lead elsewhere than beneath the root, but never to what
            // looks the same and is another.
            let now = self.stat_loosely(path).ok().map(|stat| watch.stamp(&stat));
            if now.is_some() && now == then {
                return false;
            }
            self.led_to(&RelPath::new(path)).map(|stat| watch.stamp(&stat)) != then
        };
        let changed = watch.end().into_par_iter().flat_map_iter(|looks| {
            let mut changed = Vec::new();
            looks.each(|path, then| {
                if is_other(path, then) {
                    changed.push(RelPath::new(path));
                }
            });
            changed
        });
        let mut changed: Vec<RelPath> = changed.collect();
        changed.par_sort_unstable();
        changed.dedup();
        changed
    }

    /// Tells what is at a path, links followed; `None` where nothing is.
    pub fn stat(&self, path: &RelPath) -> Result<Option<Stat>> {
        let found = self
            .open_at(path, OFlags::PATH, Links::Followed)
            .and_then(|fd| rustix::fs::fstat(fd).map_err(Into::into));
        optional(found.map(Stat::from)).map_err(|e| Error::new("examine", path, e))
    }

    /// Tells what is at a path, a link at its end not followed; `None` where nothing is.
    pub fn stat_link(&self, path: &RelPath) -> Result<Option<Stat>> {
        let found = self
            .open_at(path, OFlags::PATH | OFlags::NOFOLLOW, Links::NotLast)
            .and_then(|fd| rustix::fs::fstat(fd).map_err(Into::into));
        optional(found.map(Stat::from)).map_err(|e| Error::new("examine", path, e))
    }

    /// Tells what is at a path by one call, a link at its end not followed; one before that may lead
    /// anywhere, so what is told is good for nothing but to be compared.
    pub(super) fn stat_loosely(&self, path: &[u8]) -> Result<rustix::fs::Stat, Errno> {
        rustix::fs::statat(&self.dir, dot_or(path), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Reads a whole regular file of at most `limit` bytes; links are followed beneath the root.
    ///
    /// Fails with `InvalidInput` where the path is no regular file and with `FileTooLarge` where it
    /// holds more than `limit` bytes.
    pub fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>> {
        let read = || {
            // Looked at first: even opening a FIFO wakes whoever waits at its other end.
            regular(&self.open_at(path, OFlags::PATH, Links::Followed)?)?;
            let fd = self.open_at(
                path,
                OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
                Links::Followed,
            )?;
            let size = regular(&fd)?.size;
            read_sized(fd, size, limit)
        };
        read().map_err(|e| Error::new("read", path, e))
    }

    /// Tells what a path beneath an open folder is, as [`Root::stat_link`] does; the names before the
    /// last one are known to be no links.
    pub fn stat_in<B: AsRef<[u8]>>(&self, folder: &Folder, path: B) -> Result<Option<Stat>> {
        let path = path.as_ref();
        let found = rustix::fs::statat(&folder.dir, path, AtFlags::SYMLINK_NOFOLLOW);
        if let Some(watch) = &self.watch {
            watch.note(&folder.path.join(path), found.as_ref().ok().map(|stat| watch.stamp(stat)));
        }
        optional(found.map(Stat::from).map_err(io::Error::from))
            .map_err(|e| Error::new("examine", &folder.path.join(path), e))
    }

    /// Reads a whole regular file in an open folder, as [`Root::read`] does, and tells what was opened;
    /// a link is an error that [`Error::is_link`] knows.
    pub fn read_in<B: AsRef<[u8]>>(
        &self,
        folder: &Folder,
        name: B,
        limit: u64,
    ) -> Result<(Vec<u8>, Stat)> {
        let path = folder.path.join(name.as_ref());
        let (file, stat) = folder.open(name)?;
        let read = || read_sized(self.watched(&path, Ok(file.into()))?, stat.size, limit);
        read().map(|bytes| (bytes, stat)).map_err(|e| Error::new("read", &path, e))
    }

    /// Reads a file as [`Root::read`] does; `None` where there is none.
    pub fn read_if_there(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.read(path, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a folder; links are followed beneath the root.
    pub fn folder(&self, path: &RelPath) -> Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let failed = |e| Error::new("open folder", path, e);
        // One call for what it is and whether a link leads there, which most have none of.
        let (dir, is_real) = match self.open_real(path, flags) {
            Some(opened) => (self.watched(path, opened).map_err(failed)?, true),
            None => (self.open_at(path, flags, Links::Followed).map_err(failed)?, false),
        };
        Ok(Folder::new(dir, path.clone(), is_real))
    }

    /// Opens a folder by its real path, in which no link is: one that was put there since it was
    /// found is an error that [`Error::is_link`] knows.
    pub fn real_folder(&self, path: &RelPath) -> Result<Folder> {
        let dir = self
            .open_at(path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Refused)
            .map_err(|e| Error::new("open folder", path, e))?;
        Ok(Folder::new(dir, path.clone(), true))
    }

    /// Opens a folder beneath an open one; a link on the way is an error that [`Error::is_link`] knows.
    pub fn folder_in<B: AsRef<[u8]>>(&self, folder: &Folder, path: B) -> Result<Folder> {
        let whole = folder.path.join(path.as_ref());
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let open =
            |flags| rustix::fs::openat2(&folder.dir, path.as_ref(), flags, Mode::empty(), resolve);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match with_noatime(flags, open) {
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => self.real_folder(&whole),
            opened => {
                let dir = self.watched(&whole, opened.map_err(Into::into));
                let dir = dir.map_err(|e| Error::new("open folder", &whole, e))?;
                Ok(Folder::new(dir, whole, folder.is_real))
            }
        }
    }

    /// Opens a folder in an open one, as [`Root::folder`] does: a link leads to where it leads beneath
    /// the root. `None` where there is none.
    pub fn enter<B: AsRef<[u8]>>(&self, folder: &Folder, name: B) -> Result<Option<Folder>> {
        let opened = match self.folder_in(folder, name.as_ref()) {
            Err(error) if error.is_link() => self.folder(&folder.path.join(name.as_ref())),
            opened => opened,
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file in an open folder, as [`Root::read`] does; `None` where there is none.
    pub fn read_within(&self, folder: &Folder, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        // Looked at first: even opening a FIFO wakes whoever waits at its other end.
        match self.stat_in(folder, name)?.map(|stat| stat.kind) {
            None => Ok(None),
            Some(Kind::File) => self.read_in(folder, name, limit).map(|(bytes, _)| Some(bytes)),
            Some(_) => self.read_if_there(&folder.path.join(name), limit),
        }
    }

    /// Lists a folder, sorted by name.
    pub fn list(&self, path: &RelPath) -> Result<Vec<Entry>> {
        self.list_open(&self.folder(path)?)
    }

    /// Lists a folder that is open, as [`Root::list`] does.
    pub fn list_open(&self, folder: &Folder) -> Result<Vec<Entry>> {
        let mut entries = folder.list()?;
        if let Some((name, inode)) = &self.hidden {
            entries.retain(|entry| {
                entry.name != *name
                    || folder
                        .stat(entry.name.as_bstr())
                        .is_ok_and(|stat| stat.is_none_or(|s| s.inode != *inode))
            });
        }
        Ok(entries)
    }

    /// The path with every link in it followed, as the old server would have seen it.
    pub fn real(&self, path: &RelPath) -> Result<RelPath> {
        if self.open_real(path, OFlags::PATH).is_some_and(|opened| opened.is_ok()) {
            return Ok(path.clone());
        }
        self.walk(path, OFlags::PATH, Links::Followed)
            .map(|walked| walked.real)
            .map_err(|e| Error::new("resolve", path, e))
    }

    /// Whether every link in a path belongs to root or to this user. Somebody else could make it
    /// lead to what is not his: the kernel's `protected_symlinks` has the same rule.
    pub fn is_led_by(&self, path: &RelPath, owner: u32) -> Result<bool> {
        if self.open_real(path, OFlags::PATH).is_some_and(|opened| opened.is_ok()) {
            return Ok(true);
        }
        let walked = self.walk(path, OFlags::PATH, Links::Followed);
        let owners = walked.map_err(|e| Error::new("resolve", path, e))?.owners;
        Ok(owners.iter().all(|uid| *uid == 0 || *uid == owner))
    }

    /// Opens a path that holds no link and no `..`; `None` for another one, or where the kernel
    /// cannot tell.
    fn open_real(&self, path: &RelPath, flags: OFlags) -> Option<io::Result<OwnedFd>> {
        if path.components().any(|part| part == b"..") {
            return None;
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let open = |flags| {
            rustix::fs::openat2(&self.dir, dot_or(path.as_ref()), flags, Mode::empty(), resolve)
        };
        match with_noatime(flags | OFlags::CLOEXEC, open) {
            Err(Errno::LOOP | Errno::XDEV | Errno::NOSYS | Errno::PERM | Errno::AGAIN) => None,
            opened => Some(opened.map_err(Into::into)),
        }
    }

    fn open_at(&self, path: &RelPath, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
        let opened = self.open_untold(path, flags, links);
        if links == Links::NotLast { opened } else { self.watched(path, opened) }
    }

    /// Notes what was opened before it is read, so that what changes meanwhile is seen too; of what is
    /// there and cannot be opened so, what it is.
    fn watched(&self, path: &RelPath, opened: io::Result<OwnedFd>) -> io::Result<OwnedFd> {
        if let Some(watch) = &self.watch {
            let there = match &opened {
                Ok(fd) => Some(rustix::fs::fstat(fd)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(_) => self.led_to(path),
            };
            watch.note(path, there.map(|stat| watch.stamp(&stat)));
        }
        opened
    }

    /// What is at a path, links followed, as far as anybody can tell.
    fn led_to(&self, path: &RelPath) -> Option<rustix::fs::Stat> {
        let found = self.open_untold(path, OFlags::PATH, Links::Followed).ok()?;
        rustix::fs::fstat(found).ok()
    }

    /// One system call where the kernel has `openat2` (Linux 5.6), else a walk by hand.
    fn open_untold(&self, path: &RelPath, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
        let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        resolve.set(ResolveFlags::NO_SYMLINKS, links == Links::Refused);
        let open = |flags| {
            rustix::fs::openat2(&self.dir, dot_or(path.as_ref()), flags, Mode::empty(), resolve)
        };
        match with_noatime(flags | OFlags::CLOEXEC, open) {
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {
                self.walk(path, flags, links).map(|walked| walked.fd)
            }
            result => Ok(result?),
        }
    }

    /// Resolves a path component by component, as a process whose `/` is this root would.
    fn walk(&self, path: &RelPath, flags: OFlags, links: Links) -> io::Result<Walked> {
        let mut pending: VecDeque<BString> = path.components().map(BString::from).collect();
        let mut folders: Vec<(OwnedFd, BString)> = Vec::new();
        let most = if links == Links::Refused { 0 } else { MAX_LINKS };
        let mut owners = Vec::new();
        while let Some(name) = pending.pop_front() {
            if name == ".." {
                folders.pop();
                continue;
            }
            let here = folders.last().map_or(self.dir.as_fd(), |(fd, _)| fd.as_fd());
            let last = pending.is_empty();
            let own = |here| rustix::fs::statat(here, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
            match rustix::fs::readlinkat(here, name.as_slice(), Vec::new()) {
                Ok(_) if last && links == Links::NotLast => {}
                Ok(target) => {
                    owners.push(own(here)?.st_uid);
                    if owners.len() > most {
                        return Err(Errno::LOOP.into());
                    }
                    let target = target.to_bytes();
                    if target.starts_with(b"/") {
                        folders.clear();
                    }
                    for part in target.rsplit_str("/").filter(|p| !matches!(*p, b"" | b".")) {
                        pending.push_front(part.into());
                    }
                    continue;
                }
                Err(Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
            let open = |flags| {
                rustix::fs::openat(here, name.as_slice(), flags | OFlags::NOFOLLOW, Mode::empty())
            };
            if last {
                let fd = with_noatime(flags | OFlags::CLOEXEC, open)?;
                return Ok(Walked { fd, real: joined(&folders, &name), owners });
            }
            let fd = open(OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC)?;
            folders.push((fd, name));
        }
        // The path ended in a link to a folder, in `..`, or is the root itself.
        let here = folders.last().map_or(self.dir.as_fd(), |(fd, _)| fd.as_fd());
        let fd = rustix::fs::openat(here, ".", flags | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Walked { fd, real: joined(&folders, &BString::default()), owners })
    }
}

fn dot_or(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

fn joined(folders: &[(OwnedFd, BString)], last: &BString) -> RelPath {
    let names = folders.iter().map(|(_, name)| name).chain(std::iter::once(last));
    RelPath::new(bstr::join("/", names))
}

/// Reads a file of this size; one of more than `limit` bytes is an error.
fn read_sized(fd: OwnedFd, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let what = format!("holds more than {limit} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, what)
    };
    if size > limit {
        return Err(too_large());
    }
    // Room for one byte more: the end of a file that has its size still is known by one call.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    let read = rustix::io::read(&fd, spare_capacity(&mut bytes))?;
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    if read != size {
        File::from(fd).take(limit.saturating_sub(read) + 1).read_to_end(&mut bytes)?;
    }
    // The file may have grown since.
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn site() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("home/joe")).unwrap();
        std::fs::create_dir(at("var")).unwrap();
        std::fs::write(at("home/joe/file"), "inside").unwrap();
        symlink("/home/joe", at("var/absolute")).unwrap();
        symlink("../../../../home/joe/file", at("var/dots")).unwrap();
        symlink("/etc/passwd", at("home/joe/passwd")).unwrap();
        symlink("loop", at("var/loop")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    #[test]
    fn absolute_links_and_dots_stay_beneath_the_root() {
        let (_dir, root) = site();
        for path in ["var/absolute/file", "var/dots", "/../../home/joe/file"] {
            assert_eq!(root.read(&RelPath::new(path), 100).unwrap(), b"inside", "{path}");
        }
        assert!(root.read(&RelPath::new("home/joe/passwd"), 100).unwrap_err().is_missing());
    }

    #[test]
    fn the_walk_by_hand_agrees_with_the_kernel() {
        let (_dir, root) = site();
        let real = RelPath::new("home/joe/file");
        for path in ["var/absolute/file", "var/dots", "home/joe/file", "var/absolute"] {
            let path = RelPath::new(path);
            let by_kernel = root.open_at(&path, OFlags::PATH, Links::Followed).unwrap();
            let by_hand = root.walk(&path, OFlags::PATH, Links::Followed).unwrap().fd;
            let inode = |fd: &OwnedFd| Stat::from(rustix::fs::fstat(fd).unwrap()).inode;
            assert_eq!(inode(&by_kernel), inode(&by_hand), "{path}");
            let by_kernel = root.open_at(&path, OFlags::PATH, Links::Refused).is_ok();
            let by_hand = root.walk(&path, OFlags::PATH, Links::Refused).is_ok();
            assert_eq!((by_kernel, by_hand), (path == real, path == real), "{path}");
        }
    }

    #[test]
    fn real_paths_have_their_links_followed() {
        let (_dir, root) = site();
        let real = |path: &str| root.real(&RelPath::new(path)).unwrap().to_string();
        assert_eq!(real("var/absolute/file"), "home/joe/file");
        assert_eq!(real("var/absolute"), "home/joe");
        assert_eq!(real("home/../var/dots"), "home/joe/file");
    }

    #[test]
    fn a_fifo_a_loop_and_a_giant_are_errors_and_nothing_hangs() {
        let (_dir, root) = site();
        let kind =
            |path: &str, limit| root.read(&RelPath::new(path), limit).unwrap_err().source.kind();
        assert_eq!(kind("fifo", 100), io::ErrorKind::InvalidInput);
        assert_eq!(kind("home", 100), io::ErrorKind::InvalidInput);
        assert_eq!(kind("home/joe/file", 3), io::ErrorKind::FileTooLarge);
        assert!(root.stat(&RelPath::new("var/loop")).is_err());
    }

    #[test]
    fn a_real_path_has_no_link_in_it() {
        let (dir, root) = site();
        std::fs::create_dir(dir.path().join("home/joe/folder")).unwrap();
        let open = |path: &str| root.real_folder(&RelPath::new(path));
        assert!(open("home/joe/folder").is_ok());
        assert!(open("var/absolute").unwrap_err().is_link());
        assert!(open("var/absolute/folder").unwrap_err().is_link());
        assert!(open("home/none").unwrap_err().is_missing());
    }

    #[test]
    fn a_listing_tells_links_from_what_they_lead_to() {
        let (_dir, root) = site();
        let entries = root.list(&RelPath::new("var")).unwrap();
        assert!(entries.iter().all(|entry| entry.kind == Kind::Link));
        assert_eq!(entries.len(), 3);
        let folder = root.folder(&RelPath::new("home/joe")).unwrap();
        assert!(folder.open("passwd").is_err());
    }

    #[test]
    fn what_changes_after_it_was_looked_at_is_told() {
        let (dir, mut root) = site();
        let look = |root: &mut Root| {
            root.watch();
            root.list(&RelPath::new("home/joe")).unwrap();
            root.read(&RelPath::new("home/joe/file"), 100).unwrap();
            assert!(root.read_if_there(&RelPath::new("home/none"), 100).unwrap().is_none());
            root.read(&RelPath::new("var/absolute/file"), 100).unwrap();
            // The link itself.
            let var = root.folder(&RelPath::new("var")).unwrap();
            assert_eq!(root.stat_in(&var, "absolute").unwrap().unwrap().kind, Kind::Link);
        };
        look(&mut root);
        assert!(root.changed().is_empty());
        look(&mut root);
        std::fs::write(dir.path().join("home/joe/file"), "longer than before").unwrap();
        std::fs::write(dir.path().join("home/none"), "").unwrap();
        let changed: Vec<_> = root.changed().iter().map(ToString::to_string).collect();
        assert_eq!(changed, ["home/joe/file", "home/none", "var/absolute/file"]);
        assert!(root.changed().is_empty());
    }

    #[test]
    fn a_target_inside_the_site_is_left_out() {
        let (dir, mut root) = site();
        root.hide(&dir.path().join("home"));
        let names: Vec<_> =
            root.list(&RelPath::default()).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["fifo", "var"]);
    }
}
