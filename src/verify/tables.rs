//! The programs' files: byte for byte, and where they differ, row by row.

use super::{Verified, access};
use crate::fsys::{self, root::Root};
use crate::model::sheet::Sheet;
use crate::plan::Plan;
use crate::target::sql::FILE;
use crate::target::{Artifact, Audience, Content};
use bstr::ByteSlice as _;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(plan: &Plan, target: &Root, verified: &mut Verified) -> fsys::Result<()> {
    check_rows(plan, target, verified);
    let checked = plan.artifacts.par_iter().try_fold(Verified::default, |mut verified, file| {
        check_file(file, target, &mut verified).map(|()| verified)
    });
    verified.append(checked.try_reduce(Verified::default, |mut all, more| {
        all.append(more);
        Ok(all)
    })?);
    Ok(())
}

fn check_file(file: &Artifact, target: &Root, verified: &mut Verified) -> fsys::Result<()> {
    verified.count("files", 1);
    let subject = file.path.as_bstr();
    let Some(there) = target.stat_link(&file.path)? else {
        verified.differ("file", subject, "there", "missing");
        return Ok(());
    };
    access::check_file(file, there, target, verified);
    // A list manager changes its own files; members are compared as such.
    if let Content::File(bytes) = &file.content
        && file.audience != Audience::Lists
    {
        match target.read(&file.path, 1 << 30) {
            Ok(found) if found == **bytes => {}
            Ok(found) => compare(file, bytes, &found, verified),
            Err(error) => verified.differ("file", subject, "readable", error.to_string()),
        }
    }
    Ok(())
}

/// Tells which lines are missing and which are new; files with hashes are compared account by
/// account instead, without showing them.
fn compare(file: &Artifact, wanted: &[u8], found: &[u8], verified: &mut Verified) {
    if matches!(file.audience, Audience::Group(_) | Audience::Users(_)) {
        if file.path.file_name() != "users" {
            verified.differ("file", file.path.as_bstr(), "as planned", "changed");
        }
        return;
    }
    let rows = |text: &[u8]| -> BTreeSet<Vec<u8>> { text.lines().map(<[u8]>::to_vec).collect() };
    let (wanted, found) = (rows(wanted), rows(found));
    let shown = |row: &Vec<u8>| crate::model::shown(row).to_string();
    let subject = file.path.as_bstr();
    for row in wanted.difference(&found) {
        verified.differ("row", subject, shown(row), "missing");
    }
    for row in found.difference(&wanted) {
        verified.differ("row", subject, "missing", shown(row));
    }
    if wanted == found {
        verified.differ("file", subject, "rows in the planned order", "another order");
    }
}

/// The rows of the database, by their keys: a row that differs is told without what is in it, for it
/// may hold a hash.
fn check_rows(plan: &Plan, target: &Root, verified: &mut Verified) {
    if plan.tables.is_empty() {
        return;
    }
    let found = match plan.read_tables(target) {
        Ok(Some(found)) => found,
        Ok(None) => return verified.differ("file", FILE, "there", "missing"),
        Err(error) => return verified.differ("file", FILE, "readable", error.to_string()),
    };
    for (wanted, found) in plan.tables.iter().zip(&found) {
        let by_key = |sheet: &'_ Sheet| -> BTreeMap<String, String> {
            sheet.lines().map(|line| (sheet.key(line).to_owned(), line.to_owned())).collect()
        };
        let (planned, there) = (by_key(wanted), by_key(found));
        verified.count("rows", planned.len());
        let subject = |key: &str| format!("{}: {key}", wanted.form.table);
        for (key, line) in &planned {
            match there.get(key) {
                Some(found) if found == line => {}
                Some(_) => verified.differ("row", subject(key), "as planned", "changed"),
                None => verified.differ("row", subject(key), "there", "missing"),
            }
        }
        for key in there.keys().filter(|key| !planned.contains_key(*key)) {
            verified.differ("row", subject(key), "missing", "there");
        }
    }
}
