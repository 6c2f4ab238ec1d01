//! Whether the file system of the target has room for what a pass brings.

use super::Only;
use crate::finding::{Disposition, Finding, code};
use crate::fsys::root::Root;
use crate::fsys::tree::free;
use crate::fsys::{self, Kind};
use crate::model::design::MailCopy;
use crate::model::seen::Memory;
use crate::model::store::Folder;
use crate::model::{Origin, RelPath};
use crate::plan::{Plan, Room};
use std::path::Path;

/// Where the mail will lie.
const MAIL: &str = "var/vmail";

/// Looks whether the mail that is not there yet has room on the target, which need not exist; what
/// earlier passes brought is there. Nothing is written.
///
/// # Errors
/// Where the file system cannot be asked, or what is there cannot be listed.
pub fn room(
    plan: &Plan,
    target: &Path,
    only: &Only,
    memory: &Memory,
) -> fsys::Result<Option<Finding>> {
    let free = free(target, &RelPath::new(MAIL))?;
    let folders = || {
        let copies = plan.copies().iter().filter(|copy| only.covers(&copy.to));
        let stores = copies.filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)));
        stores.flat_map(|(copy, store)| store.folders.iter().map(move |folder| (copy, folder)))
    };
    let all: Room = folders().map(|(_, folder)| Room::of(folder)).sum();
    if all.fits(free) {
        return Ok(None);
    }
    let there = Root::open(target).ok();
    let mut needed = Room::default();
    for (copy, folder) in folders() {
        let known = folder.seen.as_ref().filter(|_| folder.is_seen);
        let there = match (known.or_else(|| Some(&memory.get(&folder.path)?.1)), &there) {
            (Some(known), _) if known.made.target.names.is_some() => Room::held(known.counts.all),
            (_, Some(there)) => on_target(there, copy, folder)?,
            _ => Room::default(),
        };
        needed = needed + Room::of(folder).without(there);
    }
    if needed.fits(free) {
        return Ok(None);
    }
    let inodes = free.files.map_or(String::new(), |free| {
        format!("; inodes: {free} are free, {} are needed", needed.files)
    });
    Ok(Some(Finding::new(
        &code::TARGET_TOO_SMALL,
        Disposition::Manual,
        Origin::file(&RelPath::new(MAIL)),
        MAIL,
        format!("bytes: {} are free, {} are needed{inodes}", free.bytes, needed.bytes),
        "the pass would fill the file system before its end",
    )))
}

/// What lies in a folder of the target.
fn on_target(target: &Root, copy: &MailCopy, folder: &Folder) -> fsys::Result<Room> {
    let path = copy.home.join("Maildir");
    let name = copy.folder(&folder.name);
    let path = if name.is_empty() { path } else { path.join(name) };
    let mut there = Room::default();
    if target.stat(&path)?.is_none() {
        return Ok(there);
    }
    there.files += 1;
    for part in ["new", "cur", "tmp"] {
        let open = match target.folder(&path.join(part)) {
            Ok(open) => open,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        there.files += 1;
        for entry in open.list()?.iter().filter(|entry| entry.kind == Kind::File) {
            there.files += 1;
            there.bytes += open.stat(&entry.name)?.map_or(0, |stat| stat.size);
        }
    }
    Ok(there.with_blocks())
}
