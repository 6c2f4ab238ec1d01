//! Writes the programs' files. A file that somebody else wrote or changed is never overwritten:
//! ours goes beside it.

use super::Applied;
use super::journal::Journal;
use crate::finding::{Disposition, Finding, code};
use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Prepared, Tree};
use crate::fsys::{self, Kind};
use crate::model::design::Ids;
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use crate::target::{Artifact, Audience, Content};
use bstr::ByteSlice as _;
use std::collections::BTreeSet;
use std::path::Path;

/// Configuration files are no larger than this: 256 MiB.
const LARGEST: u64 = 256 << 20;

/// What to do about one file.
enum Decision {
    /// It is right already.
    Unchanged,
    /// Write it there.
    Write(RelPath),
    /// Somebody else's file is there: ours goes beside it, unless it is there already.
    Beside(RelPath, bool),
    /// Somebody changed ours, and there is nothing new to say.
    LeaveEdited,
    /// Somebody changed ours, there is something new, and nothing may be put beside it.
    LeaveStale,
}

pub(super) fn write(
    plan: &Plan,
    tree: &Tree,
    journal: &mut Journal,
    applied: &mut Applied,
) -> fsys::Result<()> {
    let owners = Owners::new(plan, tree);
    let mut prepared: Vec<(Prepared, RelPath, String)> = Vec::new();
    // The files of a folder follow each other: what leads to it is made once.
    let mut made = None;
    for file in &plan.artifacts {
        match &file.content {
            Content::Folder => make_folder(tree, file, &owners, applied),
            Content::Link(target) => make_link(tree, file, target, &owners, applied),
            Content::File(bytes) => {
                let digest = blake3::hash(bytes).to_hex().to_string();
                let path = match decide(tree, journal, file, bytes, &digest) {
                    Ok(decision) => settle(decision, file, applied),
                    Err(error) => {
                        applied.failures.push(error);
                        continue;
                    }
                };
                let Some(path) = path else { continue };
                let parent = Some(path.parent());
                if made != parent {
                    make_parents(tree, file, &owners, applied);
                    made = parent;
                }
                match tree.prepare(&path, bytes, owners.access(file.audience)) {
                    Ok(ready) => prepared.push((ready, path, digest)),
                    Err(error) => applied.failures.push(error),
                }
            }
        }
    }
    remove_stale(plan, tree, journal, applied);
    if prepared.is_empty() {
        return Ok(());
    }
    // Their bytes are safe before a name points to them, and the record before both: whatever a
    // crash leaves is known as ours.
    tree.sync()?;
    let record: Vec<(RelPath, String)> =
        prepared.iter().map(|(_, path, digest)| (path.clone(), digest.clone())).collect();
    journal.record(&record)?;
    for (ready, _, _) in prepared {
        match tree.place(ready) {
            Ok(()) => applied.written += 1,
            Err(error) => applied.failures.push(error),
        }
    }
    Ok(())
}

/// Removes what an earlier run wrote, nobody changed since, and the plan has no more: the setting of
/// a list, say, that is gone on the old server.
fn remove_stale(plan: &Plan, tree: &Tree, journal: &Journal, applied: &mut Applied) {
    let planned: BTreeSet<&RelPath> = plan.artifacts.iter().map(|file| &file.path).collect();
    for path in journal.paths() {
        let name = path.file_name();
        let beside = name.strip_suffix(b".unqmail").map(|name| path.parent().join(name));
        if planned.contains(&path) || beside.is_some_and(|path| planned.contains(&path)) {
            continue;
        }
        let removed = match tree.root().read_if_there(&path, LARGEST) {
            Ok(Some(there)) if journal.has(&path, blake3::hash(&there).to_hex().as_str()) => {
                tree.remove(&path).map(|()| applied.removed += 1)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        applied.failures.extend(removed.err());
    }
}

/// Looks at what is there now.
fn decide(
    tree: &Tree,
    journal: &Journal,
    file: &Artifact,
    bytes: &[u8],
    digest: &str,
) -> fsys::Result<Decision> {
    let path = &file.path;
    let Some(stat) = tree.root().stat_link(path)? else {
        return Ok(Decision::Write(path.clone()));
    };
    let beside = || -> fsys::Result<Decision> {
        let name = [path.file_name().as_bytes(), b".unqmail"].concat();
        let path = path.parent().join(name);
        let is_there =
            tree.root().read_if_there(&path, LARGEST)?.is_some_and(|there| there == bytes);
        Ok(Decision::Beside(path, is_there))
    };
    let is_plain = matches!(stat.kind, Kind::File | Kind::Folder);
    let there = if is_plain { tree.root().read_if_there(path, LARGEST)? } else { None };
    let Some(there) = there else { return beside() };
    if there == bytes {
        return Ok(Decision::Unchanged);
    }
    if journal.has(path, blake3::hash(&there).to_hex().as_str()) {
        return Ok(Decision::Write(path.clone()));
    }
    if journal.latest(path) == Some(digest) {
        return Ok(Decision::LeaveEdited);
    }
    // A file beside a member file would be taken for members.
    if file.audience == Audience::Lists { Ok(Decision::LeaveStale) } else { beside() }
}

/// Counts and reports a decision; returns where to write, if anywhere.
fn settle(decision: Decision, file: &Artifact, applied: &mut Applied) -> Option<RelPath> {
    let mut report = |code, disposition, message: &'static str, effect: String| {
        let origin = Origin::file(&file.path);
        applied.findings.push(Finding::new(
            code,
            disposition,
            origin,
            file.path.as_bstr(),
            message,
            effect,
        ));
    };
    match decision {
        Decision::Write(path) => Some(path),
        Decision::Unchanged => {
            applied.unchanged += 1;
            None
        }
        Decision::Beside(path, is_there) => {
            report(
                &code::FILE_FOREIGN,
                Disposition::Manual,
                "a file that unqmail did not write is in the way",
                format!("it stays as it is; ours is beside it: {path}"),
            );
            applied.unchanged += usize::from(is_there);
            (!is_there).then_some(path)
        }
        Decision::LeaveEdited => {
            applied.unchanged += 1;
            report(
                &code::FILE_EDITED,
                Disposition::Manual,
                "the file was changed after unqmail wrote it",
                "it stays as it is".to_owned(),
            );
            None
        }
        Decision::LeaveStale => {
            report(
                &code::FILE_FOREIGN,
                Disposition::Manual,
                "the list manager has changed the file since unqmail wrote it, and so has the old server",
                "it stays as the list manager has it; what is new on the old server is not in it"
                    .to_owned(),
            );
            None
        }
    }
}

fn make_folder(tree: &Tree, file: &Artifact, owners: &Owners, applied: &mut Applied) {
    match tree.stat(&file.path) {
        Ok(Some(stat)) if stat.kind == Kind::Folder => applied.unchanged += 1,
        Ok(_) => {
            make_parents(tree, file, owners, applied);
            match tree.make_folder(&file.path, owners.folder(file.audience)) {
                Ok(_) => applied.written += 1,
                Err(error) => applied.failures.push(error),
            }
        }
        Err(error) => applied.failures.push(error),
    }
}

/// A list's folder and those above it, up to the list manager's home, belong to the list manager;
/// a mailbox's belong to the user of all mail.
fn make_parents(tree: &Tree, file: &Artifact, owners: &Owners, applied: &mut Applied) {
    if !matches!(file.audience, Audience::Lists | Audience::Mail) {
        return;
    }
    let mut above = Vec::new();
    let mut path = file.path.parent();
    while owners.homes.iter().any(|home| path.starts_with(home)) {
        above.push(path.clone());
        path = path.parent();
    }
    let access = owners.folder(file.audience);
    for path in above.iter().rev() {
        // The folder of all mail is root's way to it too.
        let is_top = file.audience == Audience::Mail && owners.homes.contains(path);
        let access = if is_top { Access { mode: 0o755, ..access } } else { access };
        if let Err(error) = tree.make_folder(path, access) {
            applied.failures.push(error);
            return;
        }
    }
}

fn make_link(tree: &Tree, file: &Artifact, target: &str, owners: &Owners, applied: &mut Applied) {
    make_parents(tree, file, owners, applied);
    match tree.make_link(&file.path, target, owners.access(file.audience)) {
        Ok(true) => applied.written += 1,
        Ok(false) => applied.unchanged += 1,
        Err(error) => applied.failures.push(error),
    }
}

/// Numeric owners of what is written.
struct Owners {
    lists: (u32, u32),
    mail: (u32, u32),
    /// The homes of list managers, and that of all mail.
    homes: Vec<RelPath>,
    dovecot: Option<u32>,
    postfix: Option<u32>,
}

impl Owners {
    /// Groups are looked up on the target, else on this host; where neither knows them, root keeps
    /// the files to itself until `build-tables` gives them away.
    fn new(plan: &Plan, tree: &Tree) -> Self {
        let group = |name: &str| {
            let here = Root::open(Path::new("/")).ok();
            let roots = std::iter::once(tree.root()).chain(here.as_ref());
            roots.into_iter().find_map(|root| group_id(root, name))
        };
        let Ids { mail, lists } = plan.design.ids;
        let homes = plan.owned().into_iter().map(|(home, _)| home).collect();
        Self { lists, mail, homes, dovecot: group("dovecot"), postfix: group("postfix") }
    }

    fn access(&self, audience: Audience) -> Access {
        let owner = match audience {
            Audience::Everybody | Audience::Command | Audience::Root => (0, 0),
            Audience::Group("postfix") => (0, self.postfix.unwrap_or(0)),
            Audience::Group(_) => (0, self.dovecot.unwrap_or(0)),
            Audience::Users(group) => (0, group),
            Audience::Lists => self.lists,
            Audience::Mail => self.mail,
        };
        Access { mode: audience.mode(), owner: Some(owner) }
    }

    fn folder(&self, audience: Audience) -> Access {
        match audience {
            Audience::Lists => Access { mode: 0o700, owner: Some(self.lists) },
            Audience::Mail => Access { mode: 0o700, owner: Some(self.mail) },
            _ => Access { mode: 0o755, owner: Some((0, 0)) },
        }
    }
}

fn group_id(root: &Root, name: &str) -> Option<u32> {
    let bytes = root.read(&RelPath::new("etc/group"), LARGEST).ok()?;
    bytes.lines().find_map(|line| {
        let mut fields = line.split(|&b| b == b':');
        if fields.next()? != name.as_bytes() {
            return None;
        }
        fields.nth(1)?.to_str().ok()?.parse().ok()
    })
}
