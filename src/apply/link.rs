//! Whether mail can share its bytes with the old server's, told before anything is written.

use super::Only;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::Folder;
use crate::fsys::root::Root;
use crate::fsys::tree::Access;
use crate::fsys::{self, Kind, Result};
use crate::model::design::MailCopy;
use crate::model::store::{Common, Folder as MailFolder, Store, StoreKind};
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use rayon::prelude::*;
use std::path::Path;

/// Where the mail goes, from the folder that is there already up to the root of the file system.
const HOMES: &str = "var/vmail";

/// Whether every message that is to be brought can share its bytes: one that cannot is an error
/// finding for its account. Where all of a folder were found alike and fit, none is looked at again.
///
/// # Errors
/// Where no folder above TARGET can be opened.
pub fn prove_sharing(plan: &Plan, root: &Root, target: &Path, only: &Only) -> Result<Findings> {
    let target = nearest(&target.join(HOMES))?;
    let device = target.itself()?.inode.0;
    let access = Access { mode: 0o600, owner: Some(plan.design.ids.mail) };
    let stores: Vec<(&MailCopy, &Store)> = plan
        .copies()
        .iter()
        .filter(|copy| only.covers(&copy.to))
        .filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)))
        .filter(|(_, store)| store.kind == StoreKind::Maildir)
        .collect();
    let speaks_against = |(copy, store): &(&MailCopy, &Store)| {
        let found = unshareable(root, store, &target, device, access);
        found.unwrap_or_else(|error| Some((store.path.clone(), error.to_string()))).map(
            |(path, why)| {
                Finding::new(
                    &code::STORE_UNLINKABLE,
                    Disposition::Manual,
                    Origin::file(&path),
                    copy.to.to_bytes(),
                    why,
                    "with --link nothing is written",
                )
            },
        )
    };
    let stores = stores.par_iter().with_max_len(1);
    let found: Vec<Finding> = stores.filter_map(speaks_against).collect();
    let mut findings = Findings::default();
    for finding in found {
        findings.push(finding);
    }
    Ok(findings)
}

/// The first message of a store that can neither be linked nor cloned, and why. Folders that an
/// earlier pass was through with have nothing to bring.
fn unshareable(
    root: &Root,
    store: &Store,
    target: &Folder,
    device: u64,
    access: Access,
) -> Result<Option<(RelPath, String)>> {
    let is_near = |common: &Common| matches!(common, Common::All(held) if held.device == device);
    let fits = |folder: &MailFolder| is_near(&folder.common) && access.is_of_all(&folder.common);
    let folders = store.folders.iter().filter(|folder| !folder.is_seen && folder.messages > 0);
    for folder in folders.filter(|folder| !fits(folder)) {
        for part in ["new", "cur"] {
            let path = folder.path.join(part);
            let open = match root.folder(&path) {
                Ok(open) => open,
                Err(error) if error.is_missing() => continue,
                Err(error) => return Err(error),
            };
            if open.itself()?.inode.0 != device {
                return Ok(Some((path, "the store is on another file system than TARGET".into())));
            }
            let entries = open.list()?.into_iter();
            for entry in entries.filter(|e| e.kind == Kind::File && !e.name.starts_with(b".")) {
                let Some(stat) = open.stat(&entry.name)?.filter(|stat| !access.is_of(stat)) else {
                    continue;
                };
                let file = match open.open(&entry.name) {
                    Ok((file, _)) => file,
                    Err(error) if error.is_missing() => continue,
                    Err(error) => return Err(error),
                };
                if fsys::makes_clones(target, &file) {
                    // Then it makes them of all that lie here.
                    break;
                }
                let (uid, gid) = access.owner.unwrap_or_default();
                let why = format!(
                    "a message has owner {}:{} and mode {:o}, not {uid}:{gid} and {:o}, and the file system makes no clones",
                    stat.uid, stat.gid, stat.mode, access.mode
                );
                return Ok(Some((path.join(&entry.name), why)));
            }
        }
    }
    Ok(None)
}

/// The folder itself or the nearest one above it that is there.
fn nearest(path: &Path) -> Result<Folder> {
    let mut found = Root::open(path);
    for above in path.ancestors().skip(1) {
        if found.as_ref().err().is_none_or(|error| !error.is_missing()) {
            break;
        }
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        found = Root::open(above);
    }
    found?.folder(&RelPath::default())
}
