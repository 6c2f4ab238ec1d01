//! BLAKE3 of every message as it was read while it was copied, with its date in seconds since 1970, so
//! that a copy can be checked without the old server: `digests`, beside the record of the mailbox,
//! grows with every pass.
//!
//! ```text
//! /.Sent
//! 2f1e6cd0a3b5978841c0e5d2f6a7b890 1700000009 1700000009.M1P2.mx
//! ```
//!
//! Of two lines about one message the later counts. The first 16 bytes of a digest are kept: enough
//! to tell what was damaged, by chance or on purpose.

use super::record::{folder_line, folder_of, line_of};
use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{Error, Result};
use crate::model::RelPath;
use bstr::io::BufReadExt as _;
use bstr::{BStr, BString, ByteSlice as _};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};

/// Digests of the messages of a mailbox while they are copied.
#[derive(Debug)]
pub(super) struct Digests<'a> {
    tree: &'a Tree,
    path: RelPath,
    /// The open file, and the folder that its last lines are about.
    open: RefCell<Option<(BufWriter<File>, BString)>>,
}

impl<'a> Digests<'a> {
    /// Those of the mailbox with this home; no file is touched before there is something to tell.
    pub(super) fn new(tree: &'a Tree, home: &RelPath) -> Self {
        Self { tree, path: folder_of(home).join("digests"), open: RefCell::default() }
    }

    /// Tells the digest and the date of one message; INBOX has no name.
    pub(super) fn tell(
        &self,
        folder: &BStr,
        unique: &BStr,
        digest: &blake3::Hash,
        date: i64,
    ) -> Result<()> {
        let mut open = self.open.borrow_mut();
        let mut text = Vec::new();
        if open.as_ref().is_none_or(|(_, last)| last != folder) {
            // What follows a torn line must begin on its own.
            text.push(b'\n');
            text.extend_from_slice(&line_of(&folder.to_owned()));
        }
        text.extend_from_slice(digest.to_hex().as_bytes().get(..32).unwrap_or_default());
        text.extend_from_slice(format!(" {date} ").as_bytes());
        text.extend_from_slice(unique);
        text.push(b'\n');
        let mut file = if let Some((file, _)) = open.take() {
            file
        } else {
            let file = self.tree.append(&self.path, Access { mode: 0o600, owner: None })?;
            BufWriter::with_capacity(32 << 10, file)
        };
        file.write_all(&text).map_err(|e| Error::new("write", &self.path, e))?;
        *open = Some((file, folder.to_owned()));
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<()> {
        match self.open.into_inner() {
            Some((mut file, _)) => file.flush().map_err(|e| Error::new("write", &self.path, e)),
            None => Ok(()),
        }
    }
}

/// The first half of a digest.
pub(super) type Short = [u8; 16];

/// What was told of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The first half of the digest of its bytes.
    pub digest: [u8; 16],
    /// When it came, in seconds since 1970.
    pub date: i64,
}

/// What was told of the messages of a mailbox: by folder, with digests of unique names on the target.
/// There may be millions, so names are not kept as such.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<BString, Vec<(Short, Kept)>>);

impl Told {
    /// Reads the digests of the mailbox with this home; nothing where there are none.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(target: &Root, home: &RelPath) -> Result<Self> {
        let path = folder_of(home).join("digests");
        let opened = target.folder(&path.parent()).and_then(|open| open.open(path.file_name()));
        let file = match opened {
            Ok((file, _)) => file,
            Err(error) if error.is_missing() => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut told: BTreeMap<BString, Vec<(Short, Kept)>> = BTreeMap::new();
        let mut folder = BString::default();
        for line in BufReader::with_capacity(64 << 10, file).byte_lines() {
            let line = line.map_err(|e| Error::new("read", &path, e))?;
            if let Some(name) = folder_line(&line) {
                folder = name;
            } else if let Some((name, kept)) = kept(&line) {
                told.entry(folder.clone()).or_default().push((short(name), kept));
            }
        }
        for own in told.values_mut() {
            // A stable sort: the later of two stays behind the earlier.
            own.sort_by_key(|(name, _)| *name);
        }
        Ok(Self(told))
    }

    /// What was told of a message; INBOX has no name.
    pub fn get(&self, folder: &BStr, unique: &BStr) -> Option<Kept> {
        let (own, unique) = (self.0.get(folder)?, short(unique));
        let end = own.partition_point(|(name, _)| *name <= unique);
        own.get(end.checked_sub(1)?).filter(|(name, _)| *name == unique).map(|(_, kept)| *kept)
    }
}

/// A line about a message, with its name.
fn kept(line: &[u8]) -> Option<(&[u8], Kept)> {
    let (digest, rest) = line.split_once_str(" ")?;
    let (date, name) = rest.split_once_str(" ")?;
    let digest = u128::from_str_radix(digest.to_str().ok()?, 16).ok()?.to_be_bytes();
    Some((name, Kept { digest, date: date.to_str().ok()?.parse().ok()? }))
}

pub(super) fn short(text: &[u8]) -> Short {
    blake3::hash(text).as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Digests, Kept, Told};
    use crate::fsys::tree::Tree;
    use crate::model::RelPath;

    #[test]
    fn the_later_of_two_digests_counts() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let home = RelPath::new("var/vmail/a.example/joe");
        let hash = |text: &[u8]| blake3::hash(text);
        for (folder, name, text, date) in [
            ("", "1 x", b"one", 1),
            (".a", "1 x", b"two", 2),
            ("", "1 x", b"new", -3),
            ("", "0", b"old", 4),
        ] {
            let digests = Digests::new(&tree, &home);
            digests.tell(folder.into(), name.into(), &hash(text), date).unwrap();
            digests.finish().unwrap();
        }
        let told = Told::read(tree.root(), &home).unwrap();
        let is = |folder: &str, name: &str, text: &[u8], date| {
            let digest = *hash(text).as_bytes().first_chunk().unwrap();
            told.get(folder.into(), name.into()).map(|kept| kept == Kept { digest, date })
        };
        assert_eq!(is("", "1 x", b"new", -3), Some(true));
        assert_eq!(is(".a", "1 x", b"two", 2), Some(true));
        assert_eq!(is("", "2", b"", 0), None);
    }
}
