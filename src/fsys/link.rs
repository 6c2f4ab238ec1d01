//! Messages that share their bytes with the old server's: another name for the same file, or a clone
//! where the file system has those.

use super::folder::Folder;
use super::tree::{Access, Tree};
use super::{Kind, Stat};
use crate::model::store::{Common, Held};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

impl Access {
    /// Whether a file has this mode and owner already.
    pub fn is_of(&self, stat: &Stat) -> bool {
        stat.mode == self.mode && self.owner.is_none_or(|owner| owner == (stat.uid, stat.gid))
    }

    /// Whether all messages of a folder have this mode and owner already, as they were found.
    pub fn is_of_all(&self, common: &Common) -> bool {
        match common {
            Common::All(Held { ids, mode, .. }) => {
                *mode == self.mode && self.owner.is_none_or(|owner| owner == *ids)
            }
            Common::Unknown | Common::Various => false,
        }
    }
}

impl Tree {
    /// Gives an open file one more name, in a folder of the same file system. What had the name
    /// goes. Only root may: the name that the file was opened by is not looked up again, so that
    /// nobody puts another file there meanwhile.
    pub fn link_message(&self, from: &File, to: &OwnedFd, name: &[u8]) -> io::Result<()> {
        let link = || rustix::fs::linkat(from, "", to, name, AtFlags::EMPTY_PATH);
        match link() {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(to, name, AtFlags::empty()).and_then(|()| link())
            }
            result => result,
        }?;
        Ok(())
    }

    /// Gives a file of a folder one more name without opening it, and tells what got that; `None`
    /// where the new name is taken, or where it is not a file of this access: then it has gone again.
    ///
    /// For folders in which all files were found to be of this access. Whoever puts another one there
    /// meanwhile gets it a second name for a moment, in a folder that nobody reads yet.
    pub fn link_in(
        &self,
        from: &Folder,
        old: &[u8],
        to: &OwnedFd,
        name: &[u8],
        access: Access,
    ) -> io::Result<Option<Stat>> {
        match rustix::fs::linkat(from, old, to, name, AtFlags::empty()) {
            Err(Errno::EXIST) => return Ok(None),
            result => result?,
        }
        let stat = Stat::from(rustix::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW)?);
        if stat.kind == Kind::File && access.is_of(&stat) {
            return Ok(Some(stat));
        }
        rustix::fs::unlinkat(to, name, AtFlags::empty())?;
        Ok(None)
    }

    /// Makes a file that shares the bytes of an open one, with its date, as [`Tree::copy_message`]
    /// makes one that has bytes of its own.
    ///
    /// Fails with `InvalidData` where the message changed meanwhile.
    pub fn clone_message(
        &self,
        from: &File,
        stat: &Stat,
        tmp: Option<&OwnedFd>,
        to: &OwnedFd,
        name: &[u8],
        access: Access,
    ) -> io::Result<()> {
        self.write_message(stat, tmp, to, name, access, |fd| {
            rustix::fs::ioctl_ficlone(fd, from)?;
            Ok((Stat::from(rustix::fs::fstat(fd)?).size, ()))
        })
    }
}

/// Whether the file system of a folder makes clones of an open file; nothing of the trial stays.
pub fn makes_clones(folder: &Folder, from: &File) -> bool {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let trial = rustix::fs::openat(folder, ".", flags, Mode::from_raw_mode(0o600));
    trial.is_ok_and(|trial| rustix::fs::ioctl_ficlone(&trial, from).is_ok())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;
    use crate::fsys::root::Root;
    use crate::model::RelPath;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn what_does_not_fit_gets_no_second_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["old", "new"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for (name, mode) in [("fits", 0o600), ("wide", 0o644), ("taken", 0o600)] {
            std::fs::write(at("old").join(name), name).unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(at("old").join(name), mode).unwrap();
        }
        symlink("fits", at("old/link")).unwrap();
        std::fs::write(at("new/taken"), "another").unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let folder = |name: &str| tree.root().folder(&RelPath::new(name)).unwrap();
        let (old, new) = (folder("old"), folder("new").into_fd());
        let access = Access { mode: 0o600, owner: None };
        let link = |name: &str| {
            let linked = tree.link_in(&old, name.as_bytes(), &new, name.as_bytes(), access);
            linked.unwrap().map(|stat| stat.size)
        };
        assert_eq!(["fits", "wide", "link", "taken"].map(link), [Some(4), None, None, None]);
        let mut names: Vec<_> = Root::open(&at("new")).unwrap().list(&RelPath::default()).unwrap();
        names.retain(|entry| entry.name != "taken");
        assert_eq!(names.len(), 1);
        assert_eq!(std::fs::read(at("new/taken")).unwrap(), b"another");
    }
}
