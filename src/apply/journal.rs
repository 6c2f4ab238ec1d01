//! The journal: what this program has written to a target, so that it never overwrites what others
//! have. One JSON object a line; a line cut short by a crash is ignored.

use crate::fsys::root::ANY_SIZE;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{Error, Result};
use crate::model::RelPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

/// A file that is about to be put in place.
#[derive(Debug, Serialize, Deserialize)]
struct Wrote {
    /// Its path; bytes that are not UTF-8 do not occur in paths that are written.
    wrote: String,
    /// BLAKE3 of its bytes, in hexadecimal.
    blake3: String,
}

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: RelPath,
    file: File,
    /// The digests of everything ever put at a path, the latest last.
    written: BTreeMap<String, Vec<String>>,
}

impl Journal {
    /// Opens the journal of a target, made where there is none.
    pub(super) fn open(tree: &Tree, path: &RelPath) -> Result<Self> {
        let bytes = tree.root().read_if_there(path, ANY_SIZE)?.unwrap_or_default();
        let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in bytes.split(|&b| b == b'\n') {
            if let Ok(Wrote { wrote, blake3 }) = serde_json::from_slice(line) {
                written.entry(wrote).or_default().push(blake3);
            }
        }
        let mut file = tree.append(path, Access { mode: 0o600, owner: None })?;
        if bytes.last().is_some_and(|last| *last != b'\n') {
            // What follows a torn line must begin on its own.
            file.write_all(b"\n").map_err(|e| Error::new("write", path, e))?;
        }
        Ok(Self { path: path.clone(), file, written })
    }

    /// Whether bytes with this digest were ever put at the path.
    pub(super) fn has(&self, path: &RelPath, digest: &str) -> bool {
        self.written
            .get(&path.to_string())
            .is_some_and(|digests| digests.iter().any(|known| known == digest))
    }

    /// Every path at which something was ever put.
    pub(super) fn paths(&self) -> impl Iterator<Item = RelPath> {
        self.written.keys().map(RelPath::new)
    }

    /// The digest of what was last put at the path.
    pub(super) fn latest(&self, path: &RelPath) -> Option<&str> {
        self.written.get(&path.to_string())?.last().map(String::as_str)
    }

    /// Records what is about to be put in place, and waits until the record is on the disk.
    pub(super) fn record(&mut self, files: &[(RelPath, String)]) -> Result<()> {
        let failed = |e: std::io::Error| Error::new("write", &self.path, e);
        let mut text = Vec::new();
        for (path, digest) in files {
            let record = Wrote { wrote: path.to_string(), blake3: digest.clone() };
            serde_json::to_writer(&mut text, &record).map_err(|e| failed(e.into()))?;
            text.push(b'\n');
            self.written.entry(record.wrote).or_default().push(record.blake3);
        }
        self.file.write_all(&text).map_err(failed)?;
        self.file.sync_data().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;
    use crate::fsys::tree::Tree;
    use crate::model::RelPath;
    use std::io::Write as _;

    #[test]
    fn a_torn_line_is_ignored_and_the_next_one_whole() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let (path, file) = (RelPath::new("state/journal"), RelPath::new("etc/a"));
        let mut journal = Journal::open(&tree, &path).unwrap();
        journal.record(&[(file.clone(), "11".into())]).unwrap();
        journal.file.write_all(b"{\"wrote\":\"etc/a\",\"bla").unwrap();
        let mut journal = Journal::open(&tree, &path).unwrap();
        assert_eq!(journal.latest(&file), Some("11"));
        journal.record(&[(file.clone(), "22".into())]).unwrap();
        let journal = Journal::open(&tree, &path).unwrap();
        assert_eq!(journal.latest(&file), Some("22"));
        assert!(journal.has(&file, "11") && !journal.has(&file, "33"));
    }
}
