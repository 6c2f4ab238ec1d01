//! Writes the programs' files. A file that somebody else wrote or changed is never overwritten:
//! ours goes beside it.

use super::Applied;
use super::journal::Journal;
use crate::finding::{Disposition, Finding, code};
use crate::fsys::folder::Folder;
use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Prepared, Tree};
use crate::fsys::{self, Kind};
use crate::model::design::Ids;
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use crate::target::{Artifact, Audience, Content};
use bstr::ByteSlice as _;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Configuration files are no larger than this: 256 MiB.
const LARGEST: u64 = 256 << 20;

/// What to do about one file.
enum Decision {
    /// It is right already.
    Unchanged,
    /// Write it there.
    Write(RelPath),
    /// Somebody else's file is there: ours goes beside it.
    Beside(RelPath, Besides),
    /// Somebody changed ours, and there is nothing new to say.
    LeaveEdited,
    /// Somebody changed ours, there is something new, and nothing may be put beside it.
    LeaveStale,
}

/// What there is where ours goes beside another file.
enum Besides {
    /// Nothing, or what an earlier run put there.
    Missing,
    /// Ours, as it shall be.
    There,
    /// Somebody else's file again.
    Foreign,
}

/// A file that waits for its name, and the digest of its bytes.
struct Waiting {
    prepared: Prepared,
    path: RelPath,
    digest: String,
}

pub(super) fn write(
    plan: &Plan,
    tree: &Tree,
    journal: &mut Journal,
    applied: &mut Applied,
) -> fsys::Result<()> {
    let writer = Writer { tree, journal, owners: Owners::new(plan, tree) };
    // The files of a folder follow each other. Most of the time is the kernel's: each folder is opened
    // once, and several are worked on at a time.
    let folders = plan.artifacts.chunk_by(|one, next| one.path.parent() == next.path.parent());
    let folders: Vec<&[Artifact]> = folders.collect();
    // First those that shall be there, so that each has its owner before anything is in it.
    let (made, told_of): (Vec<_>, Vec<_>) =
        writer.make_all_folders(&plan.artifacts).into_iter().unzip();
    let prepared: Vec<_> = folders.par_iter().map(|files| writer.prepare(files)).collect();
    let (waiting, told): (Vec<Vec<Waiting>>, Vec<Applied>) = prepared.into_iter().unzip();
    told_of.into_iter().chain(told).for_each(|told| applied.absorb(told));
    remove_stale(plan, tree, journal, applied);
    let folders = made.into_iter().flatten().map(|path| (path.clone(), String::new()));
    let files = waiting.iter().flatten().map(|file| (file.path.clone(), file.digest.clone()));
    let record: Vec<(RelPath, String)> = folders.chain(files).collect();
    if record.is_empty() {
        return Ok(());
    }
    // Their bytes are safe before a name points to them, and the record before both: whatever a
    // crash leaves is known as ours.
    tree.sync()?;
    journal.record(&record)?;
    let placed: Vec<Applied> = waiting.into_par_iter().map(|files| place(tree, files)).collect();
    for told in placed {
        applied.absorb(told);
    }
    Ok(())
}

/// Gives the files of one folder their names.
fn place(tree: &Tree, files: Vec<Waiting>) -> Applied {
    let mut applied = Applied::default();
    let Some(parent) = files.first().map(|file| file.path.parent()) else { return applied };
    match tree.root().folder(&parent).map(Folder::into_fd) {
        Ok(parent) => {
            for file in files {
                match tree.place_in(&parent, file.prepared) {
                    Ok(()) => applied.written += 1,
                    Err(error) => applied.failures.push(error),
                }
            }
        }
        Err(error) => applied.failures.push(error),
    }
    applied
}

/// Writes what one folder holds.
struct Writer<'a> {
    tree: &'a Tree,
    journal: &'a Journal,
    owners: Owners,
}

impl Writer<'_> {
    /// Makes the folders among the files, those that others lie in first; tells those that were not
    /// there.
    fn make_all_folders<'f>(&self, files: &'f [Artifact]) -> Vec<(Vec<&'f RelPath>, Applied)> {
        let mut by_depth: BTreeMap<usize, Vec<&Artifact>> = BTreeMap::new();
        for file in files.iter().filter(|file| file.content == Content::Folder) {
            by_depth.entry(file.path.components().count()).or_default().push(file);
        }
        let level = |folders: &Vec<&'f Artifact>| {
            let apart = folders.chunk_by(|one, next| one.path.parent() == next.path.parent());
            let apart: Vec<&[&Artifact]> = apart.collect();
            apart.par_iter().map(|folders| self.make_folders(folders)).collect::<Vec<_>>()
        };
        by_depth.values().flat_map(level).collect()
    }

    /// Makes folders of one folder.
    fn make_folders<'f>(&self, folders: &[&'f Artifact]) -> (Vec<&'f RelPath>, Applied) {
        let mut applied = Applied::default();
        if let Some(first) = folders.first() {
            make_parents(self.tree, first, &self.owners, &mut applied);
        }
        let make = |file: &&&Artifact| make_folder(self.tree, file, &self.owners, &mut applied);
        let made = folders.iter().filter(make).map(|file| &file.path).collect();
        (made, applied)
    }

    /// Writes the files of one folder under temporary names.
    fn prepare(&self, files: &[Artifact]) -> (Vec<Waiting>, Applied) {
        let (mut waiting, mut applied) = (Vec::new(), Applied::default());
        let mut files = files.iter().filter(|file| file.content != Content::Folder).peekable();
        let Some(parent) = files.peek().map(|file| file.path.parent()) else {
            return (waiting, applied);
        };
        let there = match self.tree.root().folder(&parent) {
            Ok(there) => Some(there),
            Err(error) if error.is_missing() => None,
            Err(error) => {
                applied.failures.push(error);
                return (waiting, applied);
            }
        };
        let mut opened = None;
        for file in files {
            let decided = self.decide(file, there.as_ref());
            let decided = decided.map(|decision| settle(decision, file, &mut applied));
            let prepared = decided.and_then(|path| {
                let Some(path) = path else { return Ok(None) };
                let parent = match opened.take() {
                    Some(parent) => parent,
                    None => self.open(file, &mut applied)?,
                };
                let access = self.owners.access(file.audience);
                let prepared = match &file.content {
                    Content::Link(target) => self.tree.prepare_link(&parent, &path, target, access),
                    _ => self.tree.prepare_in(&parent, &path, file.bytes(), access),
                }?;
                opened = Some(parent);
                Ok(Some(Waiting { prepared, path, digest: digest(said(file)) }))
            });
            match prepared {
                Ok(prepared) => waiting.extend(prepared),
                Err(error) => applied.failures.push(error),
            }
        }
        (waiting, applied)
    }

    /// Opens the folder of a file to write in it, made where it is missing.
    fn open(&self, file: &Artifact, applied: &mut Applied) -> fsys::Result<OwnedFd> {
        make_parents(self.tree, file, &self.owners, applied);
        self.tree.make_folder(&file.path.parent(), Access { mode: 0o755, owner: None })
    }

    /// Looks at what is there now; nothing is where the folder is missing.
    fn decide(&self, file: &Artifact, folder: Option<&Folder>) -> fsys::Result<Decision> {
        let (path, root) = (&file.path, self.tree.root());
        let name = path.file_name();
        let Some(folder) = folder else { return Ok(Decision::Write(path.clone())) };
        let Some(stat) = root.stat_in(folder, name)? else {
            return Ok(Decision::Write(path.clone()));
        };
        let beside = || -> fsys::Result<Decision> {
            match file.content {
                // A file beside a member file would be taken for members.
                _ if file.audience == Audience::Lists => return Ok(Decision::LeaveStale),
                Content::Link(_) => return Ok(Decision::Unchanged),
                Content::File(_) | Content::Folder => {}
            }
            let path = path.parent().join([name.as_bytes(), b".unqmail"].concat());
            let Some(there) = root.read_if_there(&path, LARGEST)? else {
                return Ok(Decision::Beside(path, Besides::Missing));
            };
            let besides = match () {
                () if there == file.bytes() => Besides::There,
                () if self.journal.has(&path, &digest(&there)) => Besides::Missing,
                () => Besides::Foreign,
            };
            Ok(Decision::Beside(path, besides))
        };
        let is_link = matches!(file.content, Content::Link(_));
        let there = match stat.kind {
            Kind::Link if is_link => folder.link(name)?.map(Into::into),
            Kind::File | Kind::Folder if !is_link => Some(root.read_in(folder, name, LARGEST)?.0),
            _ => None,
        };
        let Some(there) = there else { return beside() };
        let wanted = said(file);
        if there == wanted {
            return Ok(Decision::Unchanged);
        }
        if self.journal.has(path, &digest(&there)) {
            return Ok(Decision::Write(path.clone()));
        }
        if self.journal.latest(path) == Some(&digest(wanted)) {
            return Ok(Decision::LeaveEdited);
        }
        beside()
    }
}

/// The bytes of a file, or where a link leads.
fn said(file: &Artifact) -> &[u8] {
    match &file.content {
        Content::Link(target) => target.as_bytes(),
        _ => file.bytes(),
    }
}

fn digest(said: &[u8]) -> String {
    blake3::hash(said).to_hex().to_string()
}

/// The digest of the file or link that is at a path, if one is.
fn digest_at(root: &Root, path: &RelPath) -> fsys::Result<Option<String>> {
    let folder = match root.folder(&path.parent()) {
        Err(error) if error.is_missing() => return Ok(None),
        opened => opened?,
    };
    let name = path.file_name();
    Ok(match root.stat_in(&folder, name)?.map(|stat| stat.kind) {
        Some(Kind::File) => Some(digest(&root.read_in(&folder, name, LARGEST)?.0)),
        Some(Kind::Link) => folder.link(name)?.map(|target| digest(&target)),
        _ => None,
    })
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
        let removed = match digest_at(tree.root(), &path) {
            Ok(Some(there)) if journal.has(&path, &there) => {
                tree.remove(&path).map(|()| applied.removed += 1)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        applied.failures.extend(removed.err());
    }
}

/// Removes the folders of lists that are in the plan no more and in which nothing is left. Tells of the
/// others: somebody else has put something there, or changed it.
pub(super) fn remove_empty(plan: &Plan, tree: &Tree, journal: &Journal, applied: &mut Applied) {
    let planned: BTreeSet<&RelPath> = plan.artifacts.iter().map(|file| &file.path).collect();
    let is_in_use = |folder: &RelPath| {
        let behind = planned.range::<RelPath, _>(folder..);
        let mut behind = behind.take_while(|path| path.as_bstr().starts_with(folder.as_ref()));
        behind.any(|path| path.starts_with(folder))
    };
    for home in crate::target::lists::HOMES.iter().map(RelPath::new) {
        let stale = journal.paths().filter(|path| path.starts_with(&home));
        let stale = stale.filter(|path| !planned.contains(path));
        let above = |path: RelPath| {
            let up = |path: &RelPath| Some(path.parent()).filter(|path| *path != home);
            std::iter::successors(Some(path), up)
        };
        let folders: BTreeSet<RelPath> =
            stale.flat_map(above).filter(|path| !is_in_use(path)).collect();
        for folder in folders.iter().rev() {
            match tree.remove_empty(folder) {
                Ok(removed) => applied.removed += usize::from(removed),
                Err(error) => applied.failures.push(error),
            }
        }
        // What is left of a list: `DOMAIN/LIST`.
        let depth = home.components().count() + 2;
        for folder in folders.iter().filter(|folder| folder.components().count() == depth) {
            if tree.stat(folder).is_ok_and(|there| there.is_some()) {
                applied.findings.push(Finding::new(
                    &code::FILE_EDITED,
                    Disposition::Manual,
                    Origin::file(folder),
                    folder.as_bstr(),
                    "the old server has the list no more, and its folder holds what unqmail did not write, or what was changed since",
                    "that stays as it is",
                ));
            }
        }
    }
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
        Decision::Beside(path, besides) => {
            let effect = match besides {
                Besides::Foreign => {
                    format!("it stays as it is, and so does {path}; ours is nowhere")
                }
                _ => format!("it stays as it is; ours is beside it: {path}"),
            };
            report(
                &code::FILE_FOREIGN,
                Disposition::Manual,
                "a file that unqmail did not write is in the way",
                effect,
            );
            applied.unchanged += usize::from(matches!(besides, Besides::There));
            Some(path).filter(|_| matches!(besides, Besides::Missing))
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

/// Makes a folder; tells whether it was not there.
fn make_folder(tree: &Tree, file: &Artifact, owners: &Owners, applied: &mut Applied) -> bool {
    let made = tree.stat(&file.path).and_then(|there| {
        let is_there = there.is_some_and(|stat| stat.kind == Kind::Folder);
        if !is_there {
            tree.make_folder(&file.path, owners.folder(file.audience))?;
        }
        Ok(!is_there)
    });
    let was_missing = matches!(made, Ok(true));
    match made {
        Ok(true) => applied.written += 1,
        Ok(false) => applied.unchanged += 1,
        Err(error) => applied.failures.push(error),
    }
    was_missing
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
        let group = |name: &str| id_of(tree, "etc/group", name);
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

/// The number of a user (`etc/passwd`) or group (`etc/group`), on the target or else on this host.
pub(super) fn id_of(tree: &Tree, file: &str, name: &str) -> Option<u32> {
    let here = Root::open(Path::new("/")).ok();
    let roots = std::iter::once(tree.root()).chain(here.as_ref());
    roots.into_iter().find_map(|root| id_beneath(root, file, name))
}

fn id_beneath(root: &Root, file: &str, name: &str) -> Option<u32> {
    let bytes = root.read(&RelPath::new(file), LARGEST).ok()?;
    bytes.lines().find_map(|line| {
        let mut fields = line.split(|&b| b == b':');
        if fields.next()? != name.as_bytes() {
            return None;
        }
        fields.nth(1)?.to_str().ok()?.parse().ok()
    })
}
