//! What stands in the way of a delivery: folders that not everybody may pass, files and folders
//! that not everybody may change.

use crate::fsys::{Stat, root::Root};
use crate::model::RelPath;
use crate::model::access::{Guard, Need, PASS};
use std::collections::BTreeMap;

/// Looks permissions up beneath a root, each folder once.
#[derive(Debug)]
pub(super) struct Access<'a> {
    root: &'a Root,
    passed: BTreeMap<RelPath, Vec<Need>>,
}

impl<'a> Access<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, passed: BTreeMap::new() }
    }

    /// What must be passed to get into a folder, itself included. The folders of its real path
    /// count; nothing is asked of one that is not there.
    pub(super) fn way_into(&mut self, folder: &RelPath) -> Vec<Need> {
        // The root of a copy may have any permissions.
        if folder.as_bstr().is_empty() {
            return Vec::new();
        }
        if let Some(known) = self.passed.get(folder) {
            return known.clone();
        }
        let real = self.root.real(folder).unwrap_or_else(|_| folder.clone());
        let mut needs = self.way_into(&real.parent());
        needs.extend(self.need(&real, PASS));
        self.passed.insert(folder.clone(), needs.clone());
        needs
    }

    /// The need for these bits of a path, where not everybody has them.
    pub(super) fn need(&self, path: &RelPath, bits: u32) -> Option<Need> {
        let stat = self.root.stat(path).ok().flatten()?;
        let guard = guard(&stat);
        (!guard.grants_all(bits)).then_some(Need { guard, bits })
    }
}

/// The permissions of something that was looked at.
pub(super) fn guard(stat: &Stat) -> Guard {
    Guard { mode: stat.mode, uid: stat.uid, gid: stat.gid }
}
