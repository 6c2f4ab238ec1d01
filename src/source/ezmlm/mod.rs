//! ezmlm and ezmlm-idx: the lists that `.qmail` files lead to, with members, rules and archive.

mod archive;
mod dump;
mod folder;
mod language;
mod log;
mod members;
mod options;
mod orphans;
mod pending;
mod people;
mod programs;
mod rules;
mod senders;
mod settings;
mod software;
mod texts;

use super::{Error, Reading, Source};
use crate::model::command::simple_commands;
use crate::model::list::List;
use crate::model::{Origin, RelPath};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The reader of ezmlm lists.
#[derive(Clone, Copy, Debug)]
pub struct Ezmlm;

impl Source for Ezmlm {
    fn id(&self) -> &'static str {
        "ezmlm"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let root = reading.root;
        let dumps = &reading.layout.dumps;
        let folders = list_folders(reading);
        let orphans = orphans::find(reading, &folders);
        let folders: Vec<(RelPath, Found)> = folders.into_iter().collect();
        let read: Vec<_> = folders
            .into_par_iter()
            .map(|(path, found)| {
                let (list, findings) = folder::read(root, &path, &found.origin, dumps);
                (list.map(|list| List { known_as: found.known_as, ..list }), findings)
            })
            .collect();
        for (list, findings) in read {
            reading.site.lists.extend(list);
            reading.findings.append(findings);
        }
        reading.findings.append(orphans);
        reading.site.lists.sort_by(|a, b| (&a.address, &a.home).cmp(&(&b.address, &b.home)));
        Ok(())
    }
}

/// How a list's folder was found.
struct Found {
    /// A `.qmail` file that runs one of its programs.
    origin: Origin,
    /// Paths that lead to it by a link.
    known_as: Vec<RelPath>,
}

/// Every folder that a `.qmail` file runs a list program on.
fn list_folders(reading: &Reading<'_>) -> BTreeMap<RelPath, Found> {
    let mut folders: BTreeMap<RelPath, Found> = BTreeMap::new();
    let files = reading.site.homes.values().flat_map(|home| home.files.values());
    for file in files {
        for line in file.lines.iter().filter_map(|line| line.strip_prefix(b"|")) {
            let Some(named) = list_folder(line) else {
                continue;
            };
            let real = reading.root.real(&named).unwrap_or_else(|_| named.clone());
            let is_list = |path: &RelPath| {
                reading.root.stat(&path.join("outlocal")).is_ok_and(|stat| stat.is_some())
            };
            // A list's own sub-folders (digest, deny, …) are named by its programs too.
            let is_part = !is_list(&real) && is_list(&real.parent());
            let (real, named) =
                if is_part { (real.parent(), named.parent()) } else { (real, named) };
            let found = Found { origin: file.origin.clone(), known_as: Vec::new() };
            let found = folders.entry(real.clone()).or_insert(found);
            if named != real && !found.known_as.contains(&named) {
                found.known_as.push(named);
            }
        }
    }
    folders
}

/// The list's folder in a command line of `editor`, `manager` and the like: the first absolute path
/// after the name of a list program.
fn list_folder(line: &[u8]) -> Option<RelPath> {
    simple_commands(line).into_iter().find_map(|words| {
        let mut texts = words.iter().map(crate::model::command::Word::text);
        texts.find(|text| RelPath::new(text).file_name().starts_with(b"ezmlm-"))?;
        let folder = texts.find(|text| text.starts_with(b"/"))?;
        let program = RelPath::new(&folder);
        (!program.file_name().starts_with(b"ezmlm-")).then_some(program)
    })
}

#[cfg(test)]
mod tests {
    use super::list_folder;

    #[test]
    fn the_folder_follows_the_program() {
        let folder = |line: &str| list_folder(line.as_bytes()).map(|path| path.to_string());
        let long = "if test -f '/l/a/x'; then /bin/ezmlm/ezmlm-checksub '/l/a' . digest && /bin/ezmlm/ezmlm-store '/l/a'; fi";
        assert_eq!(folder(long), Some("l/a".into()));
        assert_eq!(folder("/usr/bin/ezmlm-return -D '/l/a b'"), Some("l/a b".into()));
        assert_eq!(folder("/usr/bin/ezmlm-reject"), None);
        assert_eq!(folder("/usr/bin/other '/l/a'"), None);
    }
}
