//! Owners and modes: mail that its own server cannot read is lost to its reader, and mail that
//! others can read is lost to secrecy.

use super::Verified;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::plan::Plan;
use crate::target::Content;
use rayon::prelude::*;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use walkdir::WalkDir;

/// Looks at every file that was written and at everything in the mail users' homes. Only root can
/// have set owners; for others only the modes count.
pub(super) fn check(plan: &Plan, target: &Root, verified: &mut Verified) {
    check_files(plan, target, verified);
    check_mail(plan, target, verified);
}

/// No file may be open to more people than it is for.
fn check_files(plan: &Plan, target: &Root, verified: &mut Verified) {
    for file in &plan.artifacts {
        // One that is missing is told where its rows are checked.
        let Ok(Some(stat)) = target.stat(&file.path) else { continue };
        verified.count("owners and modes", 1);
        let meant = match file.content {
            Content::File(_) => file.audience.mode(),
            Content::Folder => 0o755,
            Content::Link(_) => continue,
        };
        if stat.mode & !meant & 0o777 != 0 {
            let mode = format!("{:o}", stat.mode);
            verified.differ("mode", file.path.as_bstr(), format!("at most {meant:o}"), mode);
        }
    }
}

/// The folders of domains and the homes in them; then all that is in those, on many threads.
fn check_mail(plan: &Plan, target: &Root, verified: &mut Verified) {
    let root = target.path().join("var/vmail");
    let mail = Mail {
        target,
        ids: plan.design.ids.mail,
        sets_owners: rustix::process::geteuid().is_root(),
    };
    let mut homes = Vec::new();
    for entry in WalkDir::new(&root).min_depth(1).max_depth(2) {
        let home = entry.as_ref().ok().filter(|entry| entry.depth() == 2);
        homes.extend(home.map(|home| home.path().to_owned()));
        mail.look(entry, verified);
    }
    let look = |home: &PathBuf| {
        let mut verified = Verified::default();
        for entry in WalkDir::new(home).min_depth(1) {
            mail.look(entry, &mut verified);
        }
        verified
    };
    let looked: Vec<Verified> = homes.par_iter().with_max_len(1).map(look).collect();
    for one in looked {
        verified.append(one);
    }
}

/// What owners and modes in the homes are held against.
struct Mail<'a> {
    target: &'a Root,
    ids: (u32, u32),
    sets_owners: bool,
}

impl Mail<'_> {
    fn look(&self, entry: walkdir::Result<walkdir::DirEntry>, verified: &mut Verified) {
        let (path, metadata) = match entry.map_err(|e| e.to_string()).and_then(|entry| {
            let metadata = entry.metadata().map_err(|e| e.to_string())?;
            Ok((entry.into_path(), metadata))
        }) {
            Ok(found) => found,
            Err(error) => {
                verified.differ("access", "var/vmail", "readable", error);
                return;
            }
        };
        verified.count("owners and modes", 1);
        let beneath = path.strip_prefix(self.target.path()).unwrap_or(&path);
        let relative = || RelPath::new(beneath.as_os_str().as_bytes());
        let ids = (metadata.uid(), metadata.gid());
        if self.sets_owners && ids != self.ids {
            let (old, new) = (format!("{:?}", self.ids), format!("{ids:?}"));
            verified.differ("owner", relative().as_bstr(), old, new);
        }
        if !metadata.is_symlink() && metadata.mode() & 0o077 != 0 {
            let mode = format!("{:o}", metadata.mode() & 0o7777);
            verified.differ("mode", relative().as_bstr(), "nothing for others", mode);
        }
    }
}
