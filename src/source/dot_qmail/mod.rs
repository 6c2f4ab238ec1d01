//! What the programs in `.qmail` files read: the answers of autoresponders.
//!
//! A line can name any file, and this program reads as root: what the owner of the line's folder
//! could not read, the old server's program could not either, and is left alone.

mod charset;
mod reply;

use super::access::{Access, guard};
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
    let mut own = Vec::new();
    for named in named_files {
        let Some(real) = reading.root.real(&named.1).ok() else { continue };
        if site.owners_lost {
            own.extend(real.starts_with(&named.0).then_some((named, real, None)));
            continue;
        }
        let Some(owner) = reading.root.stat(&named.0).ok().flatten() else { continue };
        // A program never runs as root, whoever owns the folder.
        let reader = (if owner.uid == 0 { u32::MAX } else { owner.uid }, owner.gid);
        let is_open =
            access.way_into(&real.parent()).iter().all(|need| need.is_met(reader.0, reader.1));
        own.extend(is_open.then_some((named, real, Some(reader))));
    }
    let read = own.into_par_iter().filter_map(|(named, real, reader)| {
        let reply = read(reading.root, &real, reader)?;
        Some((named, reply))
    });
    read.collect()
}

fn named(folder: &RelPath, line: &BString) -> Option<(RelPath, RelPath)> {
    let called = responder(line.strip_prefix(b"|")?)?;
    Some((folder.clone(), folder.join(&called.message)))
}

/// The answer in a file at its real path, if this user and group may read it. Asked of what was
/// opened, and no link is followed any more: its owner may put another file there at any moment.
fn read(root: &Root, real: &RelPath, reader: Option<(u32, u32)>) -> Option<Reply> {
    let folder = root.real_folder(&real.parent()).ok()?;
    let (bytes, stat) = root.read_in(&folder, real.file_name(), LARGEST).ok()?;
    if reader.is_some_and(|(uid, gid)| !guard(&stat).grants(uid, gid, READ)) {
        return None;
    }
    reply::parse(&bytes)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{RelPath, Root, read};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn a_link_or_a_closed_file_in_the_place_of_an_answer_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("message"), "Away.\n").unwrap();
        fs::write(at("closed"), "Secret.\n").unwrap();
        fs::set_permissions(at("closed"), Permissions::from_mode(0o0)).unwrap();
        symlink("message", at("link")).unwrap();
        let owner = fs::metadata(at("message")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let told = |name: &str| {
            read(&root, &RelPath::new(name), Some((owner.uid().max(1), owner.gid()))).is_some()
        };
        assert_eq!(["message", "closed", "link"].map(told), [true, false, false]);
    }
}
