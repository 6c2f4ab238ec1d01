//! What the programs in `.qmail` files read: the answers of autoresponders.
//!
//! A line can name any file, and this program reads as root: what the owner of the line's folder
//! could not read, the old server's program could not either, and is left alone.

mod charset;
mod reply;

use super::access::Access;
use super::{Error, Reading, Source};
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::access::READ;
use crate::model::responder::{Reply, responder};
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
        lines.filter_map(move |line| named(folder, line))
    });
    let mut named_files: BTreeSet<(RelPath, RelPath)> = of_homes.collect();
    let entries = site.alias_tables.values().flat_map(|table| table.entries.values());
    named_files.extend(entries.flat_map(|entry| {
        let folder = entry.origin.file.parent();
        entry.targets.iter().filter_map(move |line| named(&folder, line))
    }));
    let mut access = Access::new(reading.root);
    let mut may_read = |(folder, file): &(RelPath, RelPath)| {
        let real = reading.root.real(file).ok()?;
        if site.owners_lost {
            return Some(real.starts_with(folder));
        }
        let owner = reading.root.stat(folder).ok().flatten()?;
        // A program never runs as root, whoever owns the folder.
        let uid = if owner.uid == 0 { u32::MAX } else { owner.uid };
        let way = access.way_into(&real.parent());
        Some(way.iter().chain(&access.need(&real, READ)).all(|need| need.is_met(uid, owner.gid)))
    };
    let own = named_files.into_iter().filter(|named| may_read(named) == Some(true));
    let own: Vec<(RelPath, RelPath)> = own.collect();
    let read = own.into_par_iter().filter_map(|named| {
        let reply = read(reading.root, &named.1)?;
        Some((named, reply))
    });
    read.collect()
}

fn named(folder: &RelPath, line: &BString) -> Option<(RelPath, RelPath)> {
    let called = responder(line.strip_prefix(b"|")?)?;
    Some((folder.clone(), folder.join(&called.message)))
}

fn read(root: &Root, path: &RelPath) -> Option<Reply> {
    let bytes = root.read_if_there(path, LARGEST).ok().flatten()?;
    reply::parse(&bytes)
}
