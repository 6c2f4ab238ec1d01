//! What the programs in `.qmail` files read: the answers of autoresponders.

use super::access::Access;
use super::{Error, Reading, Source, owned, reply};
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::responder::{Reply, Responder, SETTINGS, responder};
use bstr::BString;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The reader of what programs read.
#[derive(Clone, Copy, Debug)]
pub struct DotQmail;

impl Source for DotQmail {
    fn id(&self) -> &'static str {
        "dot-qmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        reading.site.replies = replies(reading);
        Ok(())
    }
}

/// The answers that lines of `.qmail` files and alias tables call for, by the folder of the line and
/// the call. One that cannot be read is missing: the finding for its line says that nothing answers.
fn replies(reading: &Reading<'_>) -> BTreeMap<(RelPath, Responder), Reply> {
    let site = &reading.site;
    let of_homes = site.homes.par_iter().flat_map_iter(|(folder, home)| {
        let lines = home.files.values().flat_map(|file| &file.lines);
        lines.filter_map(move |line| called(reading.root, folder, line))
    });
    let mut calls: BTreeSet<(RelPath, Responder)> = of_homes.collect();
    let entries = site.alias_tables.values().flat_map(|table| table.entries.values());
    calls.extend(entries.flat_map(|entry| {
        let folder = entry.origin.file.parent();
        entry.targets.iter().filter_map(move |line| called(reading.root, &folder, line))
    }));
    let mut access = Access::new(reading.root);
    let found = calls.into_iter().filter_map(|call| {
        let file = owned::find(reading, &mut access, &call.0, &call.0.join(&call.1.message))?;
        Some((call, file))
    });
    let found: Vec<_> = found.collect();
    let read = found.into_par_iter().filter_map(|(call, file)| {
        let reply = reply::parse(&file.read(reading.root, reply::LARGEST)?, &call.1)?;
        Some((call, reply))
    });
    read.collect()
}

/// Nothing where files beside the answer say more than is understood: from when to when it counts,
/// what is put before its subject.
fn called(root: &Root, folder: &RelPath, line: &BString) -> Option<(RelPath, Responder)> {
    let called = responder(line.strip_prefix(b"|")?)?;
    let settings = called.settings.as_ref().map(|settings| folder.join(settings));
    let is_there = |path: RelPath| !matches!(root.stat(&path), Ok(None));
    if settings.is_some_and(|at| SETTINGS.iter().any(|name| is_there(at.join(name)))) {
        return None;
    }
    Some((folder.clone(), called))
}
