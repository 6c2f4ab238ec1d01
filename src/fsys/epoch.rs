//! For how long what was written is known to be there although nobody waited for it to be on the
//! disk: until the host starts again, or the file system is mounted anew.

use super::root::Root;
use crate::model::RelPath;
use bstr::ByteSlice as _;
use rustix::fs::{AtFlags, StatxFlags};
use std::os::fd::AsFd;

/// `STATX_MNT_ID_UNIQUE` (Linux 6.8): the number of a mount, never given out again (statx(2)).
const UNIQUE_MOUNT: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// The name of this time for the file system of a folder; `None` where it cannot be told.
pub(super) fn epoch(folder: impl AsFd) -> Option<String> {
    let path = RelPath::new("sys/kernel/random/boot_id");
    let boot = Root::open("/proc".as_ref()).ok()?.read(&path, 100).ok()?;
    let boot = boot.trim_ascii().to_str().ok().filter(|boot| !boot.is_empty())?;
    let stat = rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, UNIQUE_MOUNT).ok();
    let mount = stat.filter(|stat| stat.stx_mask & UNIQUE_MOUNT.bits() != 0);
    // Older kernels cannot tell one mount from the next: there the start of the host counts alone.
    Some(mount.map_or_else(|| boot.to_owned(), |stat| format!("{boot}.{}", stat.stx_mnt_id)))
}
