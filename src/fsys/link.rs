//! Messages that share their bytes with the old server's: another name for the same file, or a clone
//! where the file system has those.

use super::Stat;
use super::folder::Folder;
use super::tree::{Access, Tree};
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
