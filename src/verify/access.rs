//! Owners and modes: mail that its own server cannot read is lost to its reader, and mail that
//! others can read is lost to secrecy.

use super::Verified;
use crate::fsys::root::Root;
use crate::fsys::{Kind, Result, Stat};
use crate::model::RelPath;
use crate::model::design::HOMES;
use crate::plan::Plan;
use crate::target::{Artifact, Content};
use std::collections::BTreeSet;

/// No file that was written may be open to more people than it is for; one that is a link now leads to
/// what is looked at.
pub(super) fn check_file(file: &Artifact, there: Stat, target: &Root, verified: &mut Verified) {
    let meant = match file.content {
        Content::File(_) => file.audience.mode(),
        Content::Folder => 0o755,
        Content::Link(_) => return,
    };
    let led = (there.kind == Kind::Link).then(|| target.stat(&file.path).ok().flatten());
    let Some(stat) = led.unwrap_or(Some(there)) else { return };
    verified.count("owners and modes", 1);
    if stat.mode & !meant & 0o777 != 0 {
        let mode = format!("{:o}", stat.mode);
        verified.differ("mode", file.path.as_bstr(), format!("at most {meant:o}"), mode);
    }
}

/// What owners and modes in the mail users' homes are held against.
#[derive(Debug)]
pub(super) struct Access<'a> {
    target: &'a Root,
    ids: (u32, u32),
    /// Somebody has a mailbox.
    has_homes: bool,
    /// Only root can have set owners; for others only the modes count.
    sets_owners: bool,
}

impl<'a> Access<'a> {
    pub(super) fn new(plan: &Plan, target: &'a Root) -> Self {
        let sets_owners = rustix::process::geteuid().is_root();
        let has_homes = !plan.design.mailboxes.is_empty();
        Self { target, ids: plan.design.ids.mail, has_homes, sets_owners }
    }

    /// Looks at what lies above the homes and at these themselves, and tells which there are.
    pub(super) fn homes(&self, verified: &mut Verified) -> BTreeSet<RelPath> {
        let homes = RelPath::new(HOMES);
        match self.target.stat(&homes) {
            Ok(None) if !self.has_homes => return BTreeSet::new(),
            Ok(Some(stat)) => self.look_at_owner(&stat, || homes.clone(), verified),
            // Told by the look into it.
            Ok(None) | Err(_) => {}
        }
        let domains = self.look_in(&homes, verified);
        domains.iter().flat_map(|domain| self.look_in(domain, verified)).collect()
    }

    /// Looks at all that is in a folder and beneath it, but not into those that are done.
    pub(super) fn look_beneath(
        &self,
        folder: RelPath,
        done: &BTreeSet<RelPath>,
        verified: &mut Verified,
    ) {
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let found = self.look_in(&folder, verified).into_iter();
            folders.extend(found.filter(|folder| !done.contains(folder)));
        }
    }

    /// Looks at all that is in a folder, links not followed; tells which folders there are.
    fn look_in(&self, path: &RelPath, verified: &mut Verified) -> Vec<RelPath> {
        let mut folders = Vec::new();
        let looked = self.target.folder(path).and_then(|open| {
            open.each(|name, kind| {
                // What is gone meanwhile is nobody's.
                let Some(stat) = open.stat(name)? else { return Ok(()) };
                self.look(&stat, || path.join(name), verified);
                if kind == Kind::Folder {
                    folders.push(path.join(name));
                }
                Ok(())
            })
        });
        readable(looked, path, verified);
        folders
    }

    /// Holds the owner and mode of one thing against what they shall be.
    pub(super) fn look(&self, stat: &Stat, path: impl Fn() -> RelPath, verified: &mut Verified) {
        self.look_at_owner(stat, &path, verified);
        if stat.kind != Kind::Link && stat.mode & 0o077 != 0 {
            let mode = format!("{:o}", stat.mode);
            verified.differ("mode", path().as_bstr(), "nothing for others", mode);
        }
    }

    /// Whether the mail user has a thing, and may do with it what a mail server does.
    fn look_at_owner(&self, stat: &Stat, path: impl Fn() -> RelPath, verified: &mut Verified) {
        verified.count("owners and modes", 1);
        let ids = (stat.uid, stat.gid);
        if self.sets_owners && ids != self.ids {
            let (old, new) = (format!("{:?}", self.ids), format!("{ids:?}"));
            verified.differ("owner", path().as_bstr(), old, new);
        }
        let own = if stat.kind == Kind::Folder { 0o700 } else { 0o600 };
        if stat.kind != Kind::Link && stat.mode & own != own {
            let mode = format!("{:o}", stat.mode);
            verified.differ("mode", path().as_bstr(), format!("at least {own:o}"), mode);
        }
    }
}

/// Tells what cannot be looked at.
pub(super) fn readable<T: Default>(
    looked: Result<T>,
    path: &RelPath,
    verified: &mut Verified,
) -> T {
    looked.unwrap_or_else(|error| {
        verified.differ("access", path.as_bstr(), "readable", error.to_string());
        T::default()
    })
}
