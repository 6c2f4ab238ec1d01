//! Who is let in and who is kept out, from the databases that the list's programs ask.

use super::members::{Databases, Purpose};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::root::Root;
use crate::model::list::Posting;
use crate::model::{Address, Origin, RelPath, Sourced};
use std::collections::BTreeSet;

/// Addresses of a database, each with its place.
pub(super) type Members = Vec<Sourced<Address>>;

/// The databases of one list, as far as they are read already.
pub(super) struct Senders<'a> {
    pub databases: &'a Databases<'a>,
    pub address: &'a Address,
    pub editor: Origin,
    pub members: &'a [(&'a RelPath, &'a Members)],
}

impl Senders<'_> {
    /// Who may post besides the list's members, and which digest members may not. Where the list
    /// itself is not among the databases, only those in them may post.
    pub(super) fn allowed(
        &self,
        posting: Posting,
        databases: &[RelPath],
        findings: &mut Findings,
    ) -> (Posting, Members, Members) {
        if !matches!(posting, Posting::Members | Posting::MembersElseModerated) {
            let allow = self.read(&self.databases.list.join("allow"), findings);
            return (posting, allow, Vec::new());
        }
        let digest = self.databases.list.join("digest");
        let databases: Vec<RelPath> =
            databases.iter().map(|path| real(self.databases.root, path)).collect();
        let has_main = databases.contains(self.databases.list);
        let has_digest = databases.contains(&digest);
        let mut allowed = Members::new();
        for path in databases.iter().filter(|path| *path != self.databases.list) {
            if has_main && *path == digest {
                continue;
            }
            if path.starts_with(self.databases.list) {
                allowed.extend(self.read(path, findings));
            } else {
                findings.push(self.foreign(path, "its addresses may not post to the new list"));
            }
        }
        if !has_main {
            let posting = match posting {
                Posting::Members => Posting::Listed,
                _ => Posting::ListedElseModerated,
            };
            return (posting, allowed, Vec::new());
        }
        if has_digest {
            return (posting, allowed, Vec::new());
        }
        let lower = |member: &Sourced<Address>| member.value.to_lower();
        let members: BTreeSet<Address> =
            self.read(self.databases.list, findings).iter().map(lower).collect();
        let mut held_back = self.read(&digest, findings);
        held_back.retain(|member| !members.contains(&lower(member)));
        (posting, allowed, held_back)
    }

    /// Who may not post.
    pub(super) fn denied(&self, databases: &[RelPath], findings: &mut Findings) -> Members {
        let mut denied = Members::new();
        for path in databases.iter().map(|path| real(self.databases.root, path)) {
            if path.starts_with(self.databases.list) {
                denied.extend(self.read(&path, findings));
            } else {
                findings.push(self.foreign(&path, "its addresses may post to the new list"));
            }
        }
        denied
    }

    fn read(&self, path: &RelPath, findings: &mut Findings) -> Members {
        match self.members.iter().find(|(known, _)| *known == path) {
            Some((_, members)) => (*members).clone(),
            None => self.databases.read(path, Purpose::Senders, findings),
        }
    }

    fn foreign(&self, path: &RelPath, effect: &'static str) -> Finding {
        Finding::new(
            &code::LIST_SETTING_UNMAPPED,
            Disposition::Dropped,
            self.editor.clone(),
            self.address.to_bytes(),
            format!("the list asks for its senders in {path}, which is no part of it"),
            effect,
        )
    }
}

/// The path with its links followed; of one that is not there, the folder's.
pub(super) fn real(root: &Root, path: &RelPath) -> RelPath {
    root.real(path).unwrap_or_else(|_| match root.real(&path.parent()) {
        Ok(parent) => parent.join(path.file_name()),
        Err(_) => path.clone(),
    })
}
