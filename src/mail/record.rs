//! What earlier passes brought into a mailbox: two files for each in `var/lib/unqmail/mail`.
//!
//! ```text
//! brought   unqmail.mail/1        begun   /.Sent
//!           /                             1700000009.M1P2.mx
//!           1700000000.M1P2.mx
//!           /.Sent
//! ```
//!
//! `brought` tells the unique names in each folder after a pass that completed the mailbox, folders
//! and names sorted. It is read and written as a stream: one folder is in memory at a time. `begun`
//! tells what a pass was about to bring, before it did; it goes when the pass completes the mailbox.
//! Of that only its bytes tell that it is there: nobody waited for it to be on the disk, and what a
//! disk could not take looks whole in memory for as long as nobody reads it anew.

use super::digests::{Short, short};
use crate::fsys::root::ANY_SIZE;
use crate::fsys::tree::{Access, Prepared, Tree};
use crate::fsys::{Error, Result};
use crate::model::RelPath;
use bstr::io::BufReadExt as _;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};

/// Where the records of all mailboxes lie.
pub const RECORDS: &str = "var/lib/unqmail/mail";

const HEAD: &[u8] = b"unqmail.mail/1\n";
const OURS: Access = Access { mode: 0o600, owner: None };

/// What is known of one folder.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Unique names that a completed pass left there, sorted.
    pub(super) brought: Vec<BString>,
    /// Unique names that a pass which did not complete was about to bring.
    pub(super) begun: BTreeSet<BString>,
}

impl Known {
    /// Whether an earlier pass brought the message for sure.
    pub(super) fn is_brought(&self, unique: &BStr) -> bool {
        self.brought.binary_search_by(|name| name.as_bstr().cmp(unique)).is_ok()
    }

    /// Whether size and date of what is on the target tell that it is whole. Nobody waited for what a
    /// pass that did not complete wrote, anew perhaps over what another had brought.
    pub(super) fn is_trusted(&self, unique: &BString) -> bool {
        self.is_brought(unique.as_bstr()) && !self.begun.contains(unique)
    }
}

/// What is left to do about a record once all that it tells of is on the disk.
#[derive(Debug, Default)]
pub struct Completed {
    record: Option<Prepared>,
    begun: Option<RelPath>,
}

impl Completed {
    /// Whether nothing is left to do.
    pub fn is_nothing(&self) -> bool {
        self.record.is_none() && self.begun.is_none()
    }

    /// Puts the record in its place.
    ///
    /// # Errors
    /// Where a file cannot be renamed or removed.
    pub fn place(self, tree: &Tree) -> Result<()> {
        self.record.map_or(Ok(()), |record| tree.place(record))?;
        self.begun.map_or(Ok(()), |begun| tree.remove(&begun))
    }
}

/// The record of one mailbox, read folder by folder while the next one is written.
#[derive(Debug)]
pub(super) struct Record<'a> {
    tree: &'a Tree,
    folder: RelPath,
    /// `None` where no pass has completed the mailbox yet.
    old: Option<BufReader<File>>,
    /// The folder that comes next in the old record.
    next: Option<BString>,
    /// Where in the old record the last folder taken begins, and where the one after it does.
    starts: (u64, u64),
    begun: BTreeMap<BString, BTreeSet<BString>>,
    had_begun: bool,
    log: Option<File>,
    new: Option<(BufWriter<File>, Prepared)>,
}

impl<'a> Record<'a> {
    /// Opens the record of the mailbox whose home on the target this is.
    pub(super) fn open(tree: &'a Tree, home: &RelPath) -> Result<Self> {
        let folder = folder_of(home);
        let begun_at = folder.join("begun");
        let text = tree.root().read_if_there(&begun_at, ANY_SIZE)?;
        let had_begun = text.is_some();
        let begun = begun(&text.unwrap_or_default());
        let mut record = Self {
            tree,
            old: open(tree, &folder.join("brought"))?,
            folder,
            next: None,
            starts: (0, 0),
            begun,
            had_begun,
            log: None,
            new: None,
        };
        if record.old.is_some() {
            // The head, and the line of the first folder.
            let (mut line, mut length) = (Vec::new(), 0);
            while record.next.is_none() && record.line(&mut line)? {
                length += width(&line);
                record.next = folder_line(&line);
            }
            record.starts = (0, length - record.next.as_ref().map_or(0, |_| width(&line)));
        }
        Ok(record)
    }

    /// Whether no earlier pass began to bring anything.
    pub(super) fn is_new(&self) -> bool {
        self.old.is_none() && !self.had_begun
    }

    /// Whether an earlier pass completed the mailbox.
    pub(super) fn is_complete(&self) -> bool {
        self.old.is_some()
    }

    /// The first folder of those that are left; INBOX has no name.
    pub(super) fn next(&self) -> Option<BString> {
        let begun = self.begun.keys().next();
        self.next.iter().chain(begun).min().cloned()
    }

    /// What is known of a folder; those before it are given up. Called in the order of names.
    pub(super) fn take(&mut self, folder: &BString) -> Result<Known> {
        let begun = self.begun.remove(folder).unwrap_or_default();
        let mut brought = Vec::new();
        self.starts.0 = self.starts.1;
        if self.next.as_ref() == Some(folder) {
            let mut length = width(&line_of(folder));
            let mut line = Vec::new();
            self.next = None;
            while self.line(&mut line)? {
                if let Some(next) = folder_line(&line) {
                    self.next = Some(next);
                    break;
                }
                length += width(&line);
                brought.push(BString::from(line.trim_end_with(|c| c == '\n')));
            }
            self.starts.1 += length;
        }
        Ok(Known { brought, begun })
    }

    /// All unique names that a completed pass brought, in whatever folder: their digests, sorted.
    pub(super) fn everywhere(&self) -> Result<Vec<Short>> {
        let path = self.folder.join("brought");
        let Some(old) = open(self.tree, &path)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for line in old.byte_lines() {
            let line = line.map_err(|e| Error::new("read", &path, e))?;
            names.extend((!line.starts_with(b"/")).then(|| short(&line)));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Says what is about to be brought into a folder; the record is written when this returns.
    pub(super) fn begin<N: AsRef<[u8]>>(
        &mut self,
        folder: &BString,
        names: impl Iterator<Item = N>,
    ) -> Result<()> {
        let path = self.folder.join("begun");
        let mut text = line_of(folder);
        for name in names {
            text.extend_from_slice(name.as_ref());
            text.push(b'\n');
        }
        if self.log.is_none() {
            let mut log = self.tree.append(&path, OURS)?;
            if self.had_begun {
                // What follows a torn line must begin on its own.
                log.write_all(b"\n").map_err(|e| Error::new("write", &path, e))?;
            }
            self.log = Some(log);
        }
        match &mut self.log {
            Some(log) => log.write_all(&text).map_err(|e| Error::new("write", &path, e)),
            None => Ok(()),
        }
    }

    /// Says what the folder that was taken last holds when this pass completes the mailbox, and whether
    /// that is what was known of it; `None` where the folder goes. Names are sorted. While nothing
    /// differs nothing is written.
    pub(super) fn keep(
        &mut self,
        folder: &BString,
        names: Option<&[BString]>,
        is_known: bool,
    ) -> Result<()> {
        let is_old = self.starts.0 < self.starts.1;
        let is_same = if is_old { names.is_some() && is_known } else { names.is_none() };
        if is_same && self.new.is_none() {
            return Ok(());
        }
        let failed = |e: io::Error| Error::new("write", &self.folder.join("brought"), e);
        if self.new.is_none() {
            self.new = Some(self.begin_new()?);
        }
        let (Some((new, _)), Some(names)) = (&mut self.new, names) else { return Ok(()) };
        new.write_all(&line_of(folder)).map_err(failed)?;
        for name in names {
            new.write_all(name).and_then(|()| new.write_all(b"\n")).map_err(failed)?;
        }
        Ok(())
    }

    /// The new record with all that the old one says before the folder taken last.
    fn begin_new(&self) -> Result<(BufWriter<File>, Prepared)> {
        let path = self.folder.join("brought");
        let (file, prepared) = self.tree.prepare_open(&path, OURS)?;
        let mut new = BufWriter::with_capacity(64 << 10, file);
        let failed = |e: io::Error| Error::new("write", &path, e);
        match open(self.tree, &path)? {
            Some(old) if self.starts.0 > 0 => {
                io::copy(&mut old.take(self.starts.0), &mut new).map_err(failed)?;
            }
            _ => new.write_all(HEAD).map_err(failed)?,
        }
        Ok((new, prepared))
    }

    /// Ends the pass over a mailbox. Where it is complete, the new record will take the old one's
    /// place; where it is not, the old one stays, with what was begun.
    pub(super) fn finish(mut self, is_complete: bool) -> Result<Completed> {
        let path = self.folder.join("brought");
        let new = match self.new.take() {
            None if is_complete && self.old.is_none() => Some(self.begin_new()?),
            new => new,
        };
        let mut completed = Completed::default();
        if let Some((new, prepared)) = new {
            if !is_complete {
                self.tree.give_up(prepared)?;
                return Ok(completed);
            }
            new.into_inner().map_err(|e| Error::new("write", &path, e.into_error()))?;
            completed.record = Some(prepared);
        }
        if is_complete && (self.had_begun || self.log.is_some()) {
            completed.begun = Some(self.folder.join("begun"));
        }
        Ok(completed)
    }

    /// Removes the record of a mailbox that is gone.
    pub(super) fn forget(tree: &Tree, home: &RelPath) -> Result<()> {
        let folder = folder_of(home);
        for name in ["brought", "begun", "digests", "written"] {
            let path = folder.join(name);
            if tree.stat(&path)?.is_some() {
                tree.remove(&path)?;
            }
        }
        if tree.remove_empty(&folder)? {
            tree.remove_empty(&folder.parent())?;
        }
        Ok(())
    }

    fn line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let Some(old) = &mut self.old else { return Ok(false) };
        let read = old.read_until(b'\n', line);
        Ok(read.map_err(|e| Error::new("read", &self.folder.join("brought"), e))? > 0)
    }
}

/// Whether a pass that did not complete the mailbox was about to bring something; so it may have been
/// where that cannot be told.
pub(super) fn is_begun(tree: &Tree, home: &RelPath) -> bool {
    !matches!(tree.stat(&folder_of(home).join("begun")), Ok(None))
}

/// Where the record of a mailbox lies: `DOMAIN/USER`, as the home on the target.
pub(super) fn folder_of(home: &RelPath) -> RelPath {
    RelPath::new(RECORDS).join(home.parent().file_name()).join(home.file_name())
}

fn open(tree: &Tree, path: &RelPath) -> Result<Option<BufReader<File>>> {
    let opened = tree.root().folder(&path.parent()).and_then(|open| open.open(path.file_name()));
    match opened {
        Ok((file, _)) => Ok(Some(BufReader::with_capacity(64 << 10, file))),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The line that begins a folder. No name of a message begins with a slash; what a line cannot hold
/// is written as %XX.
pub(super) fn line_of(folder: &BString) -> Vec<u8> {
    let mut line = vec![b'/'];
    for byte in folder.iter() {
        if *byte == b'%' || byte.is_ascii_control() {
            line.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            line.push(*byte);
        }
    }
    line.push(b'\n');
    line
}

pub(super) fn folder_line(line: &[u8]) -> Option<BString> {
    let encoded = line.strip_prefix(b"/")?.trim_end_with(|c| c == '\n');
    let mut name = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *byte == b'%');
        let code = code.and_then(|hex| u8::from_str_radix(hex.to_str().ok()?, 16).ok());
        name.push(code.unwrap_or(*byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Some(name.into())
}

/// What passes that were cut short had begun, by folder; a line without its end does not count.
fn begun(text: &[u8]) -> BTreeMap<BString, BTreeSet<BString>> {
    let mut begun: BTreeMap<BString, BTreeSet<BString>> = BTreeMap::new();
    let mut folder = BString::default();
    let whole = text.rfind_byte(b'\n').and_then(|end| text.get(..end)).unwrap_or_default();
    for line in whole.split_str("\n").filter(|line| !line.is_empty()) {
        match folder_line(line) {
            Some(name) => folder = name,
            None => {
                begun.entry(folder.clone()).or_default().insert(line.into());
            }
        }
    }
    begun
}

fn width(line: &[u8]) -> u64 {
    u64::try_from(line.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<BString> {
        names.iter().map(|name| BString::from(*name)).collect()
    }

    fn pass(tree: &Tree, folders: &[(&str, &[&str])], is_complete: bool) {
        let home = RelPath::new("var/vmail/a.example/joe");
        let mut record = Record::open(tree, &home).unwrap();
        let mut wanted: BTreeMap<BString, Vec<BString>> = BTreeMap::new();
        wanted.extend(folders.iter().map(|(folder, own)| (BString::from(*folder), names(own))));
        while let Some(folder) =
            record.next().into_iter().chain(wanted.keys().next().cloned()).min()
        {
            let known = record.take(&folder).unwrap();
            let own = wanted.remove(&folder);
            record.begin(&folder, own.iter().flatten()).unwrap();
            let is_known = own.as_ref() == Some(&known.brought);
            record.keep(&folder, own.as_deref(), is_known).unwrap();
        }
        record.finish(is_complete).unwrap().place(tree).unwrap();
    }

    fn told(tree: &Tree) -> String {
        let path = RelPath::new("var/lib/unqmail/mail/a.example/joe/brought");
        BString::from(tree.root().read(&path, 1 << 20).unwrap()).to_string()
    }

    #[test]
    fn folders_come_and_go_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        pass(&tree, &[("", &["1", "2"]), (".a\n", &["3"]), (".b", &[])], true);
        assert_eq!(told(&tree), "unqmail.mail/1\n/\n1\n2\n/.a%0A\n3\n/.b\n");
        pass(&tree, &[("", &["1", "2"]), (".b", &["4"]), (".c", &["5"])], true);
        assert_eq!(told(&tree), "unqmail.mail/1\n/\n1\n2\n/.b\n4\n/.c\n5\n");
        pass(&tree, &[("", &["1", "2"]), (".b", &["4"])], true);
        assert_eq!(told(&tree), "unqmail.mail/1\n/\n1\n2\n/.b\n4\n");
    }

    #[test]
    fn what_was_begun_is_known_until_a_pass_completes() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::create(dir.path()).unwrap();
        let home = RelPath::new("var/vmail/a.example/joe");
        assert!(Record::open(&tree, &home).unwrap().is_new());
        pass(&tree, &[("", &["1"])], false);
        let mut record = Record::open(&tree, &home).unwrap();
        assert!(!record.is_new() && !record.is_complete());
        let known = record.take(&BString::default()).unwrap();
        assert!(known.begun.contains(&BString::from("1")) && !known.is_brought("1".into()));
        drop(record);
        pass(&tree, &[("", &["1"])], true);
        let mut record = Record::open(&tree, &home).unwrap();
        assert!(record.is_complete() && record.begun.is_empty());
        assert!(record.take(&BString::default()).unwrap().is_brought("1".into()));
    }

    #[test]
    fn a_line_that_was_cut_short_tells_of_nothing() {
        let begun = begun(b"/.a\n1\n\n/.a\n2\n3");
        assert_eq!(begun[&BString::from(".a")].len(), 2);
    }
}
