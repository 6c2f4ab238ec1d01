//! What the programs in `.qmail` files read: the answers of autoresponders.

mod charset;
mod reply;

use super::access::Access;
use super::{Error, Reading, Source, owned};
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::responder::{Reply, SETTINGS, responder};
use bstr::BString;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The reader of what programs read.
#[derive(Clone, Copy, Debug)]
pub struct DotQmail;

/// No answer is larger: 64 KiB.
const LARGEST: u64 = 64 << 10;

impl Source for DotQmail {
    fn id(&self) -> &'static str {
        "dot-qmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        reading.site.replies = replies(reading);
        Ok(())
    }
}

/// The answers that lines of `.qmail` files and alias tables name, by the folder of the line and the
/// file. One that cannot be read is missing: the finding for its line says that nothing answers.
fn replies(reading: &Reading<'_>) -> BTreeMap<(RelPath, RelPath), Reply> {
    let site = &reading.site;
    let of_homes = site.homes.par_iter().flat_map_iter(|(folder, home)| {
        let lines = home.files.values().flat_map(|file| &file.lines);
        lines.filter_map(move |line| named(reading.root, folder, line))
    });
    let mut named_files: BTreeSet<(RelPath, RelPath)> = of_homes.collect();
    let entries = site.alias_tables.values().flat_map(|table| table.entries.values());
    named_files.extend(entries.flat_map(|entry| {
        let folder = entry.origin.file.parent();
        entry.targets.iter().filter_map(move |line| named(reading.root, &folder, line))
    }));
    let mut access = Access::new(reading.root);
    let found = named_files.into_iter().filter_map(|named| {
        let file = owned::find(reading, &mut access, &named.0, &named.1)?;
        Some((named, file))
    });
    let found: Vec<_> = found.collect();
    let read = found.into_par_iter().filter_map(|(named, file)| {
        let reply = reply::parse(&file.read(reading.root, LARGEST)?)?;
        Some((named, reply))
    });
    read.collect()
}

/// Nothing where files beside the answer say more than is understood: from when to when it counts,
/// what is put before its subject.
fn named(root: &Root, folder: &RelPath, line: &BString) -> Option<(RelPath, RelPath)> {
    let called = responder(line.strip_prefix(b"|")?)?;
    let settings = called.settings.map(|settings| folder.join(&settings));
    let is_there = |path: RelPath| !matches!(root.stat(&path), Ok(None));
    if settings.is_some_and(|at| SETTINGS.iter().any(|name| is_there(at.join(name)))) {
        return None;
    }
    Some((folder.clone(), folder.join(&called.message)))
}
