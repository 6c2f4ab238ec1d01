//! Folders that appear with all they hold.

use super::folder::Folder;
use super::tree::{Access, Tree};
use super::{Error, Result};
use bstr::{BStr, ByteSlice as _};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// How the name of a folder begins that is being made. A Maildir++ folder begins with a dot, so none
/// of somebody's has such a name.
pub const BEING_MADE: &str = "unqmail-";

impl Tree {
    /// Makes a folder in one that is there, with folders and an empty file in it, and opens those
    /// folders. It gets its name once all that is in it: where it is, nothing of it is missing.
    /// `None` where something has the name already.
    pub fn make_filled<const N: usize>(
        &self,
        parent: &Folder,
        name: &BStr,
        folders: [&str; N],
        file: Option<(&str, Access)>,
        access: Access,
    ) -> Result<Option<[OwnedFd; N]>> {
        let (path, parent) = (parent.path.join(name), &parent.dir);
        let mut first = [BEING_MADE.as_bytes(), name].concat();
        first.truncate(255);
        let fill = || -> io::Result<[OwnedFd; N]> {
            let made = self.folder_in(parent, &first, access)?;
            let mut opened = Vec::with_capacity(N);
            for folder in folders {
                opened.push(self.folder_in(&made, folder.as_bytes(), access)?);
            }
            if let Some((file, access)) = file {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&made, file, flags, Mode::from_raw_mode(0o600))?;
                self.give(&file, access)?;
            }
            let flags = RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(parent, &*first, parent, name.as_bytes(), flags)?;
            opened.try_into().map_err(|_| io::Error::other("a folder is missing"))
        };
        match fill() {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::EXIST) => {
                // Whoever serves the target was faster. What cannot go is made use of another time.
                let at = |name: &str| [&*first, b"/", name.as_bytes()].concat();
                for folder in folders {
                    let _ = rustix::fs::unlinkat(parent, at(folder), AtFlags::REMOVEDIR).is_ok();
                }
                if let Some((file, _)) = file {
                    let _ = rustix::fs::unlinkat(parent, at(file), AtFlags::empty()).is_ok();
                }
                let _ = rustix::fs::unlinkat(parent, &*first, AtFlags::REMOVEDIR).is_ok();
                Ok(None)
            }
            Err(error) => Err(Error::new("create folder", &path, error)),
        }
    }

    /// Makes a folder, unless a run that was killed left it behind, and opens it.
    pub(super) fn folder_in(
        &self,
        parent: &OwnedFd,
        name: &[u8],
        access: Access,
    ) -> io::Result<OwnedFd> {
        match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        self.set_access(&made, access)?;
        Ok(made)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{Access, Tree};
    use crate::model::RelPath;

    #[test]
    fn a_folder_appears_whole_and_what_a_killed_run_left_becomes_it() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let access = Access { mode: 0o700, owner: None };
        let make = |name: &str| {
            let parent = tree.root().folder(&RelPath::default()).unwrap();
            let marker = Some(("marker", access));
            tree.make_filled(&parent, name.into(), ["new", "tmp"], marker, access)
        };
        std::fs::create_dir_all(dir.path().join("unqmail-a/new")).unwrap();
        std::fs::write(dir.path().join("unqmail-a/marker"), "").unwrap();
        for name in ["a", "b"] {
            assert!(make(name).unwrap().is_some());
            let at = |part: &str| dir.path().join(name).join(part);
            assert!(at("new").is_dir() && at("tmp").is_dir() && at("marker").is_file());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        std::fs::write(dir.path().join("c"), "").unwrap();
        assert!(make("c").unwrap().is_none() && make("a").unwrap().is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
