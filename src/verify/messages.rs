//! Messages: each is on the target under its name, with its date and the same BLAKE3 digest.

use super::{Difference, Verified};
use crate::fsys::root::{Folder as Open, Root};
use crate::fsys::tree;
use crate::fsys::{Error, Result};
use crate::mail::{Converted, Progress, Told, base};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::mbox;
use crate::model::message::renamed;
use crate::model::store::{Folder, Store, StoreKind};
use crate::plan::Plan;
use crate::source::mail::Messages;
use bstr::{BStr, BString, ByteSlice as _};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::BufReader;

/// The parts of a folder that hold messages.
const PARTS: [&str; 2] = ["new", "cur"];

/// What the check of one store found.
#[derive(Default)]
struct Found {
    messages: u64,
    bytes: u64,
    differences: Vec<Difference>,
}

impl Found {
    fn differ(&mut self, path: &RelPath, old: impl Into<String>, new: impl Into<String>) {
        let subject = path.as_bstr().to_owned();
        self.differences.push(Difference {
            kind: "message",
            subject,
            old: old.into(),
            new: new.into(),
        });
    }
}

/// What is held against each other.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) site: &'a Root,
    pub(super) target: &'a Root,
    /// Bytes of the old server's messages are not read where their digests were kept.
    pub(super) recorded: bool,
    pub(super) progress: &'a dyn Progress,
}

pub(super) fn check(plan: &Plan, sides: Sides<'_>, verified: &mut Verified) {
    let Sides { site, target, .. } = sides;
    let stores =
        plan.copies().iter().filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)));
    let mut stores: Vec<_> = stores.collect();
    // The largest first and one by one, so that no thread is left alone with one at the end.
    stores.sort_by_key(|(_, store)| Reverse(store.bytes()));
    let stores = stores.par_iter().with_max_len(1);
    let found: Vec<Found> = stores.map(|(copy, store)| check_store(sides, copy, store)).collect();
    for mut one in found {
        *verified.checked.entry("messages").or_insert(0) += one.messages;
        *verified.checked.entry("bytes").or_insert(0) += one.bytes;
        verified.differences.append(&mut one.differences);
    }
    for (_, from, to) in plan.archives() {
        *verified.checked.entry("posts").or_insert(0) += 1;
        let same = digest_at(site, from).and_then(|old| Ok(old == digest_at(target, &to)?));
        match same {
            Ok(true) => {}
            Ok(false) => verified.differ("post", to.as_bstr(), "the archived post", "other bytes"),
            Err(error) => {
                verified.differ("post", to.as_bstr(), "the archived post", error.to_string());
            }
        }
    }
}

fn digest_at(root: &Root, path: &RelPath) -> Result<blake3::Hash> {
    let folder = root.folder(&path.parent())?;
    digest(&folder, path.file_name()).map(|(digest, _)| digest)
}

fn check_store(sides: Sides<'_>, copy: &MailCopy, store: &Store) -> Found {
    let mut found = Found::default();
    let home = copy.home.join("Maildir");
    let told =
        if sides.recorded { Told::read(sides.target, &copy.home) } else { Ok(Told::default()) };
    let result = told.and_then(|told| match store.kind {
        StoreKind::Maildir => store.folders.iter().try_for_each(|folder| {
            let name = copy.folder(&folder.name);
            let kept = |unique: &BStr| told.get(name.as_bstr(), unique).copied();
            check_folder(sides, (store, folder), &home.join(name), &kept, &mut found)
        }),
        StoreKind::Mbox => check_mbox(sides, store, &home, &mut found),
    });
    if let Err(error) = result {
        found.differ(&home, "readable on both sides", error.to_string());
    }
    found
}

/// The messages of a target's folder by the part of their name that stays.
struct Known(BTreeMap<BString, Vec<(&'static str, BString)>>);

impl Known {
    /// How many messages a part holds.
    fn count(&self, part: &str) -> usize {
        let all = self.0.values().flatten();
        all.filter(|(there, name)| *there == part && !name.starts_with(b".")).count()
    }

    /// The message under its very name, else one whose name differs in flags or part only. Letters
    /// of keywords are no part of the comparison: what clients know is looked at elsewhere.
    fn get(&self, part: &str, name: &[u8]) -> Option<&(&'static str, BString)> {
        let same = self.0.get(base(name))?;
        let is_it =
            |(there, found): &&(&str, BString)| *there == part && without_keywords(found) == name;
        same.iter().find(is_it).or(same.first())
    }
}

/// A name without letters of keywords.
fn without_keywords(name: &[u8]) -> BString {
    let name = renamed(name, b"");
    // A message that had no flags gets a place for them with its first keyword.
    name.strip_suffix(b":2,").map_or(name.clone(), BString::from)
}

fn messages_of(target: &Root, folder: &RelPath) -> Result<Known> {
    let mut known: BTreeMap<BString, Vec<_>> = BTreeMap::new();
    for part in ["new", "cur"] {
        match target.list(&folder.join(part)) {
            Ok(entries) => {
                for entry in entries {
                    known.entry(base(&entry.name).to_owned()).or_default().push((part, entry.name));
                }
            }
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Known(known))
}

fn check_folder(
    sides: Sides<'_>,
    (store, folder): (&Store, &Folder),
    to: &RelPath,
    kept: &dyn Fn(&BStr) -> Option<[u8; 16]>,
    found: &mut Found,
) -> Result<()> {
    let Sides { site, target, .. } = sides;
    if target.stat(to)?.is_none() {
        found.differ(to, "a folder", "missing");
        return Ok(());
    }
    let known = messages_of(target, to)?;
    second_witness(target, to, &known, found);
    let copies = PARTS.map(|part| target.folder(&to.join(part)));
    for part in PARTS {
        let source = match Messages::open(site, &store.path, &folder.path.join(part)) {
            Ok(Some(source)) => source,
            Ok(None) => continue,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        for old in source.names()? {
            let name = without_keywords(&old);
            let wanted = to.join(part).join(renamed(&old, b""));
            match known.get(part, &name) {
                // What is not its reader's is not copied.
                None if source.read(&old)?.is_none() => continue,
                None => found.differ(&wanted, "there", "missing"),
                Some((there, new)) => {
                    if *there != part || without_keywords(new) != name {
                        let path = to.join(there).join(new);
                        found.differ(&wanted, "its name and flags", format!("there as {path}"));
                    }
                    let copy = PARTS.iter().zip(&copies).find(|(part, _)| *part == there);
                    let Some((_, Ok(copy))) = copy else { continue };
                    let kept = kept(base(new));
                    compare((&source, &old), (copy, new), kept, &wanted, sides.progress, found)?;
                }
            }
            found.messages += 1;
        }
    }
    Ok(())
}

/// Bytes, size and date of one message on both sides; its bytes on the new one alone, where their
/// digest was kept when they were copied.
fn compare(
    (source, old): (&Messages<'_>, &BString),
    (target, new): (&Open, &[u8]),
    kept: Option<[u8; 16]>,
    path: &RelPath,
    progress: &dyn Progress,
    found: &mut Found,
) -> Result<()> {
    let (new_digest, new_stat) = digest(target, new)?;
    found.bytes += new_stat.size;
    progress.done(1, new_stat.size);
    if let Some(kept) = kept {
        if new_digest.as_bytes().first_chunk() != Some(&kept) {
            found.differ(path, "the bytes that were copied", "other bytes");
        }
        return Ok(());
    }
    let Some((file, old_stat)) = source.read(old)? else {
        found.differ(path, "no message", "there");
        return Ok(());
    };
    let (_, old_digest) =
        tree::digest(&file).map_err(|e| Error::new("read", &source.folder().path.join(old), e))?;
    if old_stat.size != new_stat.size {
        found.differ(path, format!("{} bytes", old_stat.size), format!("{} bytes", new_stat.size));
    } else if old_digest != new_digest {
        found.differ(path, "the same bytes", "other bytes");
    }
    if old_stat.mtime != new_stat.mtime {
        found.differ(
            path,
            format!("date {}", old_stat.mtime.0),
            format!("date {}", new_stat.mtime.0),
        );
    }
    Ok(())
}

fn digest(folder: &Open, name: &[u8]) -> Result<(blake3::Hash, crate::fsys::Stat)> {
    let (file, stat) = folder.open(name)?;
    let digest = tree::digest(&file).map_err(|e| Error::new("read", &folder.path.join(name), e));
    Ok((digest?.1, stat))
}

/// The messages of an mbox, divided once more, against the files they became.
fn check_mbox(sides: Sides<'_>, store: &Store, home: &RelPath, found: &mut Found) -> Result<()> {
    let Sides { site, target, progress, .. } = sides;
    let (file, _) = site.folder(&store.path.parent())?.open(store.path.file_name())?;
    let known = messages_of(target, home)?;
    let mut names = Converted::default();
    for message in mbox::Messages::new(BufReader::new(file)) {
        let message = message.map_err(|e| Error::new("read", &store.path, e))?;
        let (name, _) = names.name(&message);
        found.messages += 1;
        found.bytes += u64::try_from(message.bytes.len()).unwrap_or(u64::MAX);
        progress.done(1, u64::try_from(message.bytes.len()).unwrap_or(u64::MAX));
        let wanted = home.join("cur").join(&name);
        match known.get("cur", &without_keywords(&name)) {
            None => found.differ(&wanted, "there", "missing"),
            Some((part, there)) => {
                let (found_digest, _) = digest(&target.folder(&home.join(part))?, there)?;
                if found_digest != blake3::hash(&message.bytes) {
                    found.differ(&wanted, "the same bytes", "other bytes");
                }
            }
        }
    }
    Ok(())
}

/// Another program's reader must find as many messages as this one: the `maildir` crate, which
/// takes a folder that cannot be read for an empty one, so it is asked only after that is known.
fn second_witness(target: &Root, folder: &RelPath, known: &Known, found: &mut Found) {
    use std::os::unix::ffi::OsStrExt as _;
    let path = target.path().join(std::ffi::OsStr::from_bytes(folder.as_ref()));
    let theirs = maildir::Maildir::from(path);
    for (part, counted) in [("new", theirs.count_new()), ("cur", theirs.count_cur())] {
        let ours = known.count(part);
        if ours != counted {
            found.differ(
                &folder.join(part),
                format!("{ours} messages"),
                format!("{counted} for another reader"),
            );
        }
    }
}
