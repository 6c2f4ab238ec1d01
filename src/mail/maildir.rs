//! Maildir to Maildir: carries out what a comparison found.

use super::compare::{There, Wanted, Work};
use super::name::base;
use super::{Half, Job, Mailbox, Moved, Part, convert};
use crate::fsys::folder::Folder as Open;
use crate::fsys::{Error, Result, Stat, bytes, tree};
use crate::model::RelPath;
use crate::source::mail::Messages;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;

/// A folder of the target with its parts open.
pub(super) struct Target {
    pub(super) path: RelPath,
    /// INBOX has none.
    name: BString,
    /// `new` and `cur`.
    pub(super) parts: [OwnedFd; 2],
    pub(super) tmp: OwnedFd,
    /// Dovecot may be reading: a message appears there at once or not at all.
    pub(super) is_served: bool,
    /// Messages share their bytes with the old server's, and all fit as they are.
    links: bool,
}

/// Messages of earlier passes that left their folder on the old server, by unique name. One that is
/// met in another folder only moved.
pub(super) type Departed = BTreeMap<BString, Vec<Left>>;

/// A message on the target that left its folder on the old server.
#[derive(Debug)]
pub(super) struct Left {
    /// The path of `new` or `cur`.
    folder: RelPath,
    pub(super) name: BString,
    /// A pass completed it; else it may be half-written.
    pub(super) is_sure: bool,
    /// Its size and date tell that it is whole.
    is_trusted: bool,
}

impl Left {
    /// A message in another mailbox: only its bytes tell that it is the same.
    pub(super) fn of_another(folder: RelPath, name: BString) -> Self {
        Self { folder, name, is_sure: false, is_trusted: false }
    }
}

/// A message of the old server, if it is its reader's.
type Opened = Result<Option<(File, Stat)>>;

/// Brings the messages of one folder that are not there as they should be.
pub(super) fn bring(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    work: &Work,
    parts: &[Part<'_>],
    departed: &mut Departed,
    moved: &mut Moved,
) -> Result<()> {
    if work.is_there && work.wanted.is_empty() && work.stale.is_empty() {
        return Ok(());
    }
    if parts.is_empty() && !work.is_there {
        return Ok(());
    }
    let fits = |part: &Part<'_>| mailbox.file_access().is_of_all(&part.folder.common);
    let links = mailbox.shares && !work.is_served && parts.iter().all(fits);
    let target = open_target(mailbox, &work.name, moved)?;
    let target = Target { is_served: work.is_served, links, ..target };
    for name in &work.stale {
        let removed = mailbox.tree.remove_in(&target.tmp, name);
        removed.map_err(|e| Error::new("remove", &work.path.join("tmp").join(name), e))?;
    }
    for (from, part) in parts.iter().enumerate() {
        let mut own = work.wanted.iter().filter(|wanted| wanted.from == from).peekable();
        if own.peek().is_none() {
            continue;
        }
        if !part.is_maildir() {
            let copied = convert::copy(job, mailbox, part.store, &target, own, moved);
            moved.failures.extend(copied.err());
            continue;
        }
        let sources = Half::BOTH.map(|half| part.messages(job.root, half));
        // A part that is gone since the listing has no messages any more.
        let source = |wanted: &Wanted| wanted.half.of(&sources).as_ref().ok()?.as_ref();
        for some in own.collect::<Vec<_>>().chunks(bytes::AHEAD) {
            let fetched = some.iter().map(|wanted| {
                let is_new = !target.links && is_new(job, wanted, departed);
                let source = source(wanted).filter(|_| is_new)?;
                Some(fetch(source, &wanted.names.old))
            });
            let fetched: Vec<Option<Opened>> = fetched.collect();
            for (wanted, fetched) in some.iter().zip(fetched) {
                if job.progress.stopped() {
                    return Ok(());
                }
                let Some(source) = source(wanted) else { continue };
                let copied = match fetched {
                    Some(opened) => {
                        let name = wanted.names.new_name();
                        write_message(mailbox, opened, &target, wanted.half, name, moved)
                            .map(|size| tell(job, size))
                    }
                    None => bring_message(job, mailbox, source, &target, wanted, departed, moved),
                };
                moved.failures.extend(copied.err());
            }
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
    let path = mailbox.folder(name);
    // Tells Maildir++ programs that this is no account's Maildir.
    let marker = Some(("maildirfolder", mailbox.file_access())).filter(|_| !name.is_empty());
    let made = if mailbox.open(name)?.is_none() {
        moved.folders += 1;
        let above = make_above(mailbox, name)?;
        tree.make_filled(&above, path.file_name(), ["new", "cur", "tmp"], marker, access)?
    } else {
        None
    };
    let [new, cur, tmp] = match made {
        Some(made) => made,
        None => open_parts(mailbox, &path, marker)?,
    };
    Ok(Target { path, name: name.clone(), parts: [new, cur], tmp, is_served: true, links: false })
}

/// Opens the parts of a folder that is there, made where they are missing.
fn open_parts(
    mailbox: &Mailbox<'_>,
    path: &RelPath,
    marker: Option<(&str, tree::Access)>,
) -> Result<[OwnedFd; 3]> {
    let tree = mailbox.tree;
    if let Some((name, access)) = marker {
        let marker = path.join(name);
        if tree.stat(&marker)?.is_none() {
            tree.place(tree.prepare(&marker, b"", access)?)?;
        }
    }
    let open = |part: &str| tree.make_folder(&path.join(part), mailbox.folder_access());
    // `tmp` is the last of all: where it is, the folder is complete.
    Ok([open("new")?, open("cur")?, open("tmp")?])
}

/// Opens what lies above a folder, made where it is missing.
fn make_above(mailbox: &Mailbox<'_>, name: &BString) -> Result<Open> {
    let (tree, home) = (mailbox.tree, mailbox.home.parent());
    if !name.is_empty()
        && let Some(maildir) = mailbox.open(&BString::default())?
    {
        return Ok(maildir);
    }
    let access = mailbox.folder_access();
    tree.make_folder(&home.parent(), access)?;
    tree.make_folder(&home, access)?;
    if name.is_empty() {
        return tree.root().folder(&home);
    }
    tree.make_folder(&mailbox.home, access)?;
    tree.root().folder(&mailbox.home)
}

/// Whether nothing on the target has anything of a message.
fn is_new(job: &Job<'_>, wanted: &Wanted, departed: &Departed) -> bool {
    let unique = wanted.unique();
    let is_there = wanted.is_named || wanted.other.is_some() || wanted.is_ours;
    !is_there && !departed.contains_key(unique.as_bytes()) && !job.orphans.has(unique)
}

/// Opens a message and has its bytes fetched.
fn fetch(source: &Messages<'_>, old: &BString) -> Opened {
    let opened = source.read(old);
    if let Ok(Some((file, stat))) = &opened {
        bytes::fetch(file, stat.size);
    }
    opened
}

/// Tells that a message is there, of this size, unless none was to be brought.
fn tell(job: &Job<'_>, size: Option<u64>) {
    job.progress.done(u64::from(size.is_some()), size.unwrap_or(0));
}

fn bring_message(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    source: &Messages<'_>,
    target: &Target,
    wanted: &Wanted,
    departed: &mut Departed,
    moved: &mut Moved,
) -> Result<()> {
    let (old, name) = (&wanted.names.old, wanted.names.new_name());
    let unique = wanted.unique();
    if is_new(job, wanted, departed) {
        tell(job, copy_message(mailbox, source, old, target, wanted.half, name, moved)?);
        return Ok(());
    }
    let Some(stat) = source.stat(old)? else {
        // Moved or deleted since the listing: the next pass sees what became of it.
        moved.vanished += 1;
        return Ok(());
    };
    let tree = mailbox.tree;
    let to = wanted.half.of(&target.parts);
    let path = target.path.join(wanted.half.name()).join(name);
    let is_same = |folder: &OwnedFd, name: &BString, is_trusted| -> Result<bool> {
        let looks_same = tree.stat_in(folder, name)?.is_some_and(|found| is_same(&found, &stat));
        Ok(looks_same
            && (is_trusted || has_same_bytes(mailbox, (source, old), (folder, name), target)?))
    };
    if is_same(to, name, wanted.is_trusted)? {
        moved.present += 1;
        job.progress.done(1, stat.size);
        return Ok(());
    }
    let other = wanted.other.as_ref();
    let other = other.map(|other| (other.half.of(&target.parts), &other.name));
    let mut is_it = false;
    if let Some((from, known)) = other {
        is_it = is_same(from, known, wanted.is_trusted)?;
        // Dovecot knows it already, and it is the flags that changed.
        moved.outdated += u64::from(!is_it && wanted.is_sure && target.is_served);
        is_it |= wanted.is_sure && target.is_served;
    }
    if let Some((from, known)) = other.filter(|_| is_it) {
        tree.rename(from, known, to, name).map_err(|e| Error::new("rename", &path, e))?;
        moved.renamed += 1;
        job.progress.done(1, stat.size);
        return Ok(());
    }
    let elsewhere = departed.get_mut(unique).and_then(Vec::pop).map(|left| (left, false));
    let elsewhere = elsewhere.or_else(|| Some((job.orphans.take(unique)?, true)));
    if let Some((left, is_another)) = elsewhere {
        let from = tree.root().folder(&left.folder)?.into_fd();
        if is_same(&from, &left.name, left.is_trusted)? {
            tree.rename(&from, &left.name, to, name).map_err(|e| Error::new("move", &path, e))?;
            moved.followed += 1;
            job.progress.done(1, stat.size);
            return Ok(());
        }
        if is_another {
            job.orphans.give_back(left);
        } else {
            departed.entry(unique.to_owned()).or_default().push(left);
        }
    }
    if copy_message(mailbox, source, old, target, wanted.half, name, moved)?.is_some() {
        job.progress.done(1, stat.size);
        if let Some((from, known)) = other.filter(|_| wanted.is_ours) {
            // What a crash left of it under its former name.
            tree.remove_in(from, known).map_err(|e| Error::new("remove", &path, e))?;
        }
    }
    Ok(())
}

/// Writes a message anew, where it is, if it is not whole; an mbox cannot be asked for one.
pub(super) fn repair(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    part: &Part<'_>,
    wanted: &Wanted,
    (name, there): (&BString, &There),
    moved: &mut Moved,
) -> Result<()> {
    let source = if part.is_maildir() { part.messages(job.root, wanted.half)? } else { None };
    let Some(source) = source else { return Ok(()) };
    let target = open_target(mailbox, name, moved)?;
    let folder = there.half.of(&target.parts);
    let old = &wanted.names.old;
    if source.stat(old)?.is_some()
        && !has_same_bytes(mailbox, (&source, old), (folder, &there.name), &target)?
    {
        copy_message(mailbox, &source, old, &target, there.half, &there.name, moved)?;
    }
    Ok(())
}

/// Reads a message on both sides; where they are the same, the digest is told once more, for it may
/// have been lost too.
fn has_same_bytes(
    mailbox: &Mailbox<'_>,
    (source, old): (&Messages<'_>, &BString),
    (folder, name): (&OwnedFd, &BString),
    target: &Target,
) -> Result<bool> {
    let Some((file, stat)) = source.read(old)? else { return Ok(false) };
    let failed = |e| Error::new("compare", &target.path.join(name), e);
    let (_, digest) = bytes::digest(&file).map_err(failed)?;
    let copy = mailbox.tree.open_on_disk(folder, name).map_err(failed)?;
    let is_same = digest == bytes::digest(&copy).map_err(failed)?.1;
    if is_same {
        mailbox.digests.tell(target.name.as_bstr(), base(name), &digest, stat.mtime.0)?;
    }
    Ok(is_same)
}

/// Copies a message and tells its size in bytes; `None` where it is gone or not its reader's.
pub(super) fn copy_message(
    mailbox: &Mailbox<'_>,
    source: &Messages<'_>,
    old: &BString,
    target: &Target,
    half: Half,
    name: &BString,
    moved: &mut Moved,
) -> Result<Option<u64>> {
    let to = half.of(&target.parts);
    if target.links
        && let Some(size) = link_message(mailbox, source, old, to, name)
    {
        moved.copied += 1;
        moved.shared += 1;
        return Ok(Some(size));
    }
    write_message(mailbox, source.read(old), target, half, name, moved)
}

/// Copies a message that was opened.
fn write_message(
    mailbox: &Mailbox<'_>,
    opened: Opened,
    target: &Target,
    half: Half,
    name: &BString,
    moved: &mut Moved,
) -> Result<Option<u64>> {
    let to = half.of(&target.parts);
    let (file, stat) = match opened {
        Ok(Some(open)) => open,
        Ok(None) => return Ok(None),
        Err(error) if error.is_missing() => {
            moved.vanished += 1;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let access = mailbox.file_access();
    let tmp = target.is_served.then_some(&target.tmp);
    if mailbox.shares && is_shared(mailbox, (&file, &stat), tmp, to, name) {
        moved.copied += 1;
        moved.shared += 1;
        return Ok(Some(stat.size));
    }
    let digest = mailbox
        .tree
        .copy_message(&file, &stat, tmp, to, name, access)
        .map_err(|e| Error::new("copy to", &target.path.join(half.name()).join(name), e))?;
    mailbox.digests.tell(target.name.as_bstr(), base(name), &digest, stat.mtime.0)?;
    moved.copied += 1;
    moved.bytes += stat.size;
    Ok(Some(stat.size))
}

/// Gives a message that nobody has to open its second name, and tells its size in bytes. Where that
/// cannot be done, opening it tells why.
fn link_message(
    mailbox: &Mailbox<'_>,
    source: &Messages<'_>,
    old: &BString,
    to: &OwnedFd,
    name: &BString,
) -> Option<u64> {
    let (tree, access) = (mailbox.tree, mailbox.file_access());
    let stat = tree.link_in(source.folder(), old, to, name, access).ok().flatten()?;
    // Before it had one name less.
    let was = Stat { names: stat.names.saturating_sub(1), ..stat };
    if source.is_strangers(&was) {
        // What cannot be removed is met by the copy that follows, and replaced.
        let _ = tree.remove_in(to, name).is_ok();
        return None;
    }
    Some(stat.size)
}

/// Shares the bytes of a message with the old server's, if that can be done: under one more name
/// where owner and mode are what they should be, since those are one for all names of a file, else
/// as a clone.
fn is_shared(
    mailbox: &Mailbox<'_>,
    (file, stat): (&File, &Stat),
    tmp: Option<&OwnedFd>,
    to: &OwnedFd,
    name: &BString,
) -> bool {
    let (tree, access) = (mailbox.tree, mailbox.file_access());
    (access.is_of(stat) && tree.link_message(file, to, name).is_ok())
        || tree.clone_message(file, stat, tmp, to, name, access).is_ok()
}

/// Notes the messages that left a folder.
pub(super) fn depart(work: &mut Work, departed: &mut Departed) {
    for there in work.departed.drain(..) {
        let folder = work.path.join(there.half.name());
        departed.entry(base(&there.name).to_owned()).or_default().push(Left {
            folder,
            name: there.name,
            is_sure: there.is_sure,
            is_trusted: there.is_trusted,
        });
    }
}

/// Removes the messages that are gone from the old server.
pub(super) fn remove(
    mailbox: &Mailbox<'_>,
    departed: &Departed,
    moved: &mut Moved,
    goes: impl Fn(&Left) -> bool,
) {
    for left in departed.values().flatten().filter(|left| goes(left)) {
        let Left { folder, name, .. } = left;
        let removed = mailbox.tree.root().folder(folder).and_then(|open| {
            let removed = mailbox.tree.remove_in(&open.into_fd(), name.as_bytes());
            removed.map_err(|e| Error::new("remove", &folder.join(name), e))
        });
        match removed {
            Ok(removed) => moved.deleted += u64::from(removed),
            Err(error) => moved.failures.push(error),
        }
    }
}

/// Date and size tell a whole message from one that was cut short, as the date is set last; not so
/// where the host itself was cut short.
fn is_same(target: &Stat, source: &Stat) -> bool {
    target.size == source.size && target.mtime == source.mtime
}
