//! A file system in a file: fresh when asked, and out of the cache when asked.
//!
//! A folder of the machine's own disk would do for neither: what `rm` leaves behind slows the next
//! run down, and dropping every cache of the machine disturbs whoever shares it.

use crate::{Failure, run};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A mounted ext4 image with a journal.
pub(crate) struct Volume {
    image: PathBuf,
    pub(crate) at: PathBuf,
    device: String,
}

impl Volume {
    /// Mounts the image, made where it is missing; whether it was made.
    pub(crate) fn open(folder: &Path, name: &str, gib: u64) -> Result<(Self, bool), Failure> {
        let (image, at) = (folder.join(format!("{name}.img")), folder.join(name));
        std::fs::create_dir_all(&at)?;
        let is_new = !image.try_exists()?;
        if is_new {
            File::create(&image)?.set_len(gib << 30)?;
        }
        let mut volume = Self { image, at, device: String::new() };
        volume.attach()?;
        if is_new {
            volume.format()?;
        }
        volume.mount()?;
        Ok((volume, is_new))
    }

    /// An empty file system.
    pub(crate) fn fresh(&mut self) -> Result<(), Failure> {
        self.unmount()?;
        self.format()?;
        self.mount()
    }

    /// Takes everything out of the cache.
    pub(crate) fn cold(&mut self) -> Result<(), Failure> {
        self.unmount()?;
        self.mount()
    }

    /// Looks at every file once.
    pub(crate) fn look(&self) -> Result<(), Failure> {
        run("find", [self.at.as_os_str(), "-size".as_ref(), "+1024G".as_ref()])
    }

    /// Reads every byte once.
    pub(crate) fn warm(&self) -> Result<(), Failure> {
        let all = "find . -type f -print0 | xargs -0 cat > /dev/null";
        run("sh", [OsStr::new("-c"), format!("cd '{}' && {all}", self.at.display()).as_ref()])
    }

    fn attach(&mut self) -> Result<(), Failure> {
        let shown = std::process::Command::new("losetup")
            .args(["--direct-io=on", "-f", "--show"])
            .arg(&self.image)
            .output()?;
        self.device = String::from_utf8(shown.stdout)?.trim().into();
        if self.device.is_empty() { Err("no loop device; is this root?".into()) } else { Ok(()) }
    }

    /// With the journal that disks of 16 GiB and more get: one of a small disk is full so soon that
    /// every tool waits for it.
    fn format(&self) -> Result<(), Failure> {
        let written = "lazy_itable_init=0,lazy_journal_init=0";
        let options = ["-q", "-F", "-E", written, "-i", "8192", "-J", "size=128"];
        let options = options.map(OsStr::new);
        run("mkfs.ext4", options.into_iter().chain([OsStr::new(&self.device)]))
    }

    fn mount(&self) -> Result<(), Failure> {
        run("mount", [OsStr::new(&self.device), self.at.as_os_str()])
    }

    fn unmount(&self) -> Result<(), Failure> {
        run("umount", [self.at.as_os_str()])
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.unmount().is_ok();
        let _ = run("losetup", [OsStr::new("-d"), OsStr::new(&self.device)]).is_ok();
    }
}
