//! Maildir to Maildir, folder by folder.

use super::keywords::Letters;
use super::name::base;
use super::numbers::Former;
use super::{Mailbox, Moved, Progress};
use crate::fsys::root::{Folder as Open, Root};
use crate::fsys::tree::Access;
use crate::fsys::{Error, Kind, Result, Stat};
use crate::model::RelPath;
use crate::model::message::{is_plain, renamed};
use crate::model::store::Folder;
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

/// The parts of a folder that hold messages. `new` first: a message that moves from there to `cur`
/// meanwhile is then met in `cur`.
const PARTS: [&str; 2] = ["new", "cur"];

/// A message's name on the old server and on the new one.
struct Names {
    old: BString,
    /// Where it is another one: because of keywords, or because Dovecot would misread the old one.
    new: Option<BString>,
}

impl Names {
    fn new(old: BString, letters: &Letters) -> Self {
        let new = renamed(&old, letters.of(base(&old)));
        // A name that would be too long for a file goes without its keywords.
        let new = if new.len() > 255 { renamed(&old, b"") } else { new };
        Self { new: Some(new).filter(|new| *new != old), old }
    }

    fn new_name(&self) -> &BString {
        self.new.as_ref().unwrap_or(&self.old)
    }
}

/// A folder of the target with its parts open.
pub(super) struct Target {
    pub(super) path: RelPath,
    /// `new` and `cur`.
    pub(super) parts: [OwnedFd; 2],
    pub(super) tmp: OwnedFd,
    /// Messages by the part of their name that stays: which part of the folder, and the whole name.
    pub(super) known: BTreeMap<BString, Vec<(usize, BString)>>,
}

/// Copies the messages of one folder into another; INBOX has no name.
pub(super) fn copy(
    root: &Root,
    mailbox: &Mailbox<'_>,
    (folder, name): (&Folder, &BString),
    letters: &Letters,
    formers: &mut Former,
    progress: &dyn Progress,
    moved: &mut Moved,
) -> Result<()> {
    let mut target = open_target(mailbox, name, moved)?;
    let mut sources = Vec::new();
    let mut messages: Vec<(usize, Names)> = Vec::new();
    for (part, name) in PARTS.iter().enumerate() {
        let listed = root.folder(&folder.path.join(name)).and_then(|open| Ok((open.list()?, open)));
        match listed {
            Ok((entries, open)) => {
                let files = entries
                    .into_iter()
                    .filter(|entry| entry.kind == Kind::File && !entry.name.starts_with(b"."));
                messages.extend(files.map(|entry| (part, Names::new(entry.name, letters))));
                sources.push(Some(open));
            }
            Err(error) => {
                if !error.is_missing() {
                    moved.failures.push(error);
                }
                sources.push(None);
            }
        }
    }
    for (_, names) in messages.iter().filter(|(_, names)| !is_plain(&names.old)) {
        formers.insert(base(names.new_name()).to_owned(), base(&names.old).to_owned());
    }
    // What the source still has under its name is not another message renamed.
    let current: BTreeSet<(usize, &BString)> =
        messages.iter().map(|(part, names)| (*part, names.new_name())).collect();
    for named in target.known.values_mut() {
        named.retain(|(part, name)| !current.contains(&(*part, name)));
    }
    for (part, names) in &messages {
        if progress.stopped() {
            break;
        }
        let Some(Some(source)) = sources.get(*part) else { continue };
        if let Err(error) =
            copy_message(mailbox, source, &mut target, *part, names, progress, moved)
        {
            moved.failures.push(error);
        }
    }
    Ok(())
}

/// Opens a folder of the mailbox, made where it is missing; INBOX has no name.
pub(super) fn open_target(
    mailbox: &Mailbox<'_>,
    name: &BString,
    moved: &mut Moved,
) -> Result<Target> {
    let tree = mailbox.tree;
    let access = mailbox.folder_access();
    make_above(mailbox)?;
    let path = mailbox.folder(name);
    if tree.stat(&path)?.is_none() {
        moved.folders += 1;
    }
    tree.make_folder(&path, access)?;
    let open = |part: &str| tree.make_folder(&path.join(part), access);
    let parts = [open("new")?, open("cur")?];
    let tmp = open("tmp")?;
    if !name.is_empty() {
        // Tells Maildir++ programs that this is no account's Maildir.
        let marker = path.join("maildirfolder");
        if tree.stat(&marker)?.is_none() {
            tree.place(tree.prepare(&marker, b"", mailbox.file_access())?)?;
        }
    }
    let mut known = BTreeMap::new();
    for (part, folder) in PARTS.iter().enumerate() {
        for entry in tree.root().list(&path.join(folder))? {
            let names: &mut Vec<_> = known.entry(base(&entry.name).to_owned()).or_default();
            names.push((part, entry.name));
        }
    }
    Ok(Target { path, parts, tmp, known })
}

/// The domain's folder and the home belong to the mail user, the folder above them to root.
fn make_above(mailbox: &Mailbox<'_>) -> Result<()> {
    let home = mailbox.home.parent();
    let access = mailbox.folder_access();
    let above = Access { mode: 0o755, owner: access.owner };
    mailbox.tree.make_folder(&home.parent().parent(), above)?;
    mailbox.tree.make_folder(&home.parent(), access)?;
    mailbox.tree.make_folder(&home, access)?;
    Ok(())
}

fn copy_message(
    mailbox: &Mailbox<'_>,
    source: &Open,
    target: &mut Target,
    part: usize,
    names: &Names,
    progress: &dyn Progress,
    moved: &mut Moved,
) -> Result<()> {
    let (old, name) = (&names.old, names.new_name());
    let Some(stat) = source.stat(old)?.filter(|stat| stat.kind == Kind::File) else {
        // Moved or deleted since the listing: the next pass sees what became of it.
        return Ok(());
    };
    let tree = mailbox.tree;
    let Some(to) = target.parts.get(part) else { return Ok(()) };
    let path = target.path.join(PARTS.get(part).copied().unwrap_or_default()).join(name);
    if tree.stat_in(to, name)?.is_some_and(|found| is_same(&found, &stat)) {
        moved.present += 1;
        progress.done(1, stat.size);
        return Ok(());
    }
    let others = target.known.get_mut(base(name));
    for (at, (there, known)) in others.iter().flat_map(|others| others.iter()).enumerate() {
        let Some(from) = target.parts.get(*there) else { continue };
        if tree.stat_in(from, known)?.is_some_and(|found| is_same(&found, &stat)) {
            tree.rename(from, known, to, name).map_err(|e| Error::new("rename", &path, e))?;
            moved.renamed += 1;
            progress.done(1, stat.size);
            others.map(|others| others.swap_remove(at));
            return Ok(());
        }
    }
    let (mut file, stat) = match source.open(old) {
        Ok(open) => open,
        Err(error) if error.is_missing() => return Ok(()),
        Err(error) => return Err(error),
    };
    tree.copy_in(&mut file, &target.tmp, to, name, mailbox.file_access(), stat.mtime)
        .map_err(|e| Error::new("copy to", &path, e))?;
    moved.copied += 1;
    moved.bytes += stat.size;
    progress.done(1, stat.size);
    Ok(())
}

/// Date and size tell a whole message from one that was cut short: the date is set last.
fn is_same(target: &Stat, source: &Stat) -> bool {
    target.size == source.size && target.mtime == source.mtime
}
