//! What lies at the paths that delivery lines name.

use crate::fsys::{Kind, root::Root};
use crate::model::RelPath;
use crate::model::command::{Word, simple_commands};
use crate::model::dot_qmail::{DotQmail, Instruction};
use crate::model::site::{Spot, Tested};
use crate::source::Reading;
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// Looks at every path that a line of a `.qmail` file delivers to.
pub(super) fn find(reading: &Reading<'_>) -> BTreeMap<RelPath, Spot> {
    let paths = named_paths(reading).into_iter();
    paths.map(|path| (path.clone(), look(reading.root, &path))).collect()
}

fn named_paths(reading: &Reading<'_>) -> BTreeSet<RelPath> {
    let site = &reading.site;
    let mut paths = BTreeSet::new();
    let mut add = |home: &RelPath, line: &BString| match Instruction::qmail_local(line) {
        Instruction::Maildir(name) | Instruction::Mbox(name) => {
            paths.insert(home.join(name));
        }
        _ => {}
    };
    for (path, home) in &site.homes {
        let lines = home.files.values().flat_map(|file| &file.lines);
        lines.for_each(|line| add(path, line));
        // Of a folder for all other names the Maildir counts, of anything else the path itself.
        for action in home.files.values().flat_map(DotQmail::catch_alls) {
            match action.first() {
                Some(b'/') => add(&RelPath::new(&action), &"./Maildir/".into()),
                Some(b'.') => add(path, &action),
                _ => {}
            }
        }
    }
    let users = site.unix_users.iter().filter(|user| user.gets_mail || user.name == "alias");
    let assigned =
        site.assignments.iter().flat_map(|all| all.exact.values().chain(all.wild.values()));
    for home in users.map(|user| &user.home).chain(assigned.map(|assignment| &assignment.home)) {
        site.control.default_delivery.iter().for_each(|line| add(home, &line.value));
    }
    let entries = site.alias_tables.values().flat_map(|table| table.entries.values());
    let targets = entries.flat_map(|entry| &entry.targets);
    targets
        .filter(|target| target.starts_with(b"/"))
        .for_each(|target| add(&RelPath::default(), target));
    paths
}

/// Looks at every path that a program line tests for.
pub(super) fn tested(reading: &Reading<'_>) -> BTreeMap<RelPath, Tested> {
    let mut found = BTreeMap::new();
    for (folder, home) in &reading.site.homes {
        let lines = home.files.values().flat_map(|file| &file.lines);
        let default = reading.site.control.default_delivery.iter().map(|line| &line.value);
        for line in lines.chain(default).filter_map(|line| line.strip_prefix(b"|")) {
            for path in tested_by(line) {
                let path = folder.join(path);
                let what = match reading.root.stat(&path).ok().flatten() {
                    Some(stat) if stat.kind == Kind::File && stat.size == 0 => Tested::EmptyFile,
                    Some(stat) if stat.kind == Kind::File => Tested::File,
                    Some(stat) if stat.kind == Kind::Folder => Tested::Folder,
                    Some(_) => Tested::Other,
                    None => continue,
                };
                found.insert(path, what);
            }
        }
    }
    found
}

/// The operands of `-f` and its kin; a nested command line is looked at as well.
fn tested_by(line: &[u8]) -> Vec<BString> {
    let mut paths = Vec::new();
    for command in simple_commands(line) {
        let words: Vec<BString> = command.iter().map(Word::text).collect();
        for pair in words.windows(2) {
            match pair {
                [option, path] if TESTS.iter().any(|test| option == *test) => {
                    paths.push(path.clone());
                }
                [program, file] if program.rsplit_str("/").next() == Some(b"dot-forward") => {
                    paths.push(file.clone());
                }
                [option, text] if option == "-c" && text.len() < line.len() => {
                    paths.extend(tested_by(text));
                }
                _ => {}
            }
        }
    }
    paths
}

/// Options of `test` that ask for a path.
const TESTS: &[&str] = &["-d", "-e", "-f", "-r", "-s", "-w", "-x"];

fn look(root: &Root, path: &RelPath) -> Spot {
    let real = |path: &RelPath| root.real(path).unwrap_or_else(|_| path.clone());
    let is_folder = |path: &RelPath| {
        root.stat(path).is_ok_and(|stat| stat.is_some_and(|stat| stat.kind == Kind::Folder))
    };
    match root.stat(path) {
        Ok(Some(stat)) if stat.kind == Kind::File => Spot::File(real(path)),
        // The message is written in `tmp` and linked into `new`; nobody looks for `cur`.
        Ok(Some(stat))
            if stat.kind == Kind::Folder
                && is_folder(&path.join("new"))
                && is_folder(&path.join("tmp")) =>
        {
            Spot::Maildir(real(path))
        }
        // qmail-local creates an mbox, but never the folder around it.
        Ok(None) if is_folder(&path.parent()) => {
            Spot::Room(real(&path.parent()).join(path.file_name()))
        }
        Ok(None) => Spot::Missing,
        _ => Spot::Unusable,
    }
}
