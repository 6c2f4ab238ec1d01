//! qmail: control files, `users/cdb`, Unix users and their `.qmail` files, clients that may relay.

mod aliases;
mod assign;
mod boot;
mod control;
mod passwd;
mod queue;
mod scripts;
mod tcprules;

use super::{Error, Reading, Source, cdb, home};
use crate::finding::{Disposition, Finding, code};
use crate::model::assignment::Assignment;
use crate::model::{Origin, RelPath};
use bstr::BString;
use std::collections::BTreeSet;

/// The reader of qmail itself.
#[derive(Clone, Copy, Debug)]
pub struct Qmail;

impl Source for Qmail {
    fn id(&self) -> &'static str {
        "qmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let scripts = scripts::all(reading);
        control::read(reading, &scripts)?;
        assign::read(reading);
        passwd::read(reading);
        tcprules::read(reading, &scripts);
        read_homes(reading);
        aliases::read(reading);
        if reading.layout.only.is_none() {
            queue::read(reading);
        }
        Ok(())
    }
}

/// Reads the `.qmail` files of everybody whom a local address can lead to.
fn read_homes(reading: &mut Reading<'_>) {
    let site = &reading.site;
    let is_wanted = |(name, assignment): &(&BString, &Assignment)| {
        // A virtual domain, as vpopmail knows it, has a dot in its name.
        !name.contains(&b'.') || reading.layout.covers(&assignment.home)
    };
    let assigned = site.assignments.iter().flat_map(|all| {
        all.exact.values().chain(all.wild.iter().filter(is_wanted).map(|(_, record)| record))
    });
    let users = site.unix_users.iter().filter(|user| user.gets_mail || user.name == "alias");
    let homes: BTreeSet<RelPath> =
        assigned.map(|a| &a.home).chain(users.map(|user| &user.home)).cloned().collect();
    for path in homes {
        let home = home::read_home(reading.root, None, &path, &mut reading.findings);
        reading.site.homes.insert(path, home);
    }
}

/// The finding for a database whose own offsets contradict its size.
fn damaged(path: &RelPath, damage: cdb::Damaged, effect: &'static str) -> Finding {
    Finding::new(
        &code::FILE_DAMAGED,
        Disposition::Manual,
        Origin::file(path),
        path.as_bstr(),
        damage.to_string(),
        effect,
    )
}
