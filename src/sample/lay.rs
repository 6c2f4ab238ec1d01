//! Writes what a manifest says.

use super::Error;
use super::compile::members;
use super::manifest::{Entry, What, parse};
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{self};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Writes everything a manifest asks for beneath a folder; owners only where this runs as root.
///
/// # Errors
/// Where the manifest is not understood or something cannot be written.
pub fn lay_out(manifest: &str, tree: &Tree) -> Result<(), Error> {
    let entries = parse(manifest)?;
    let mut texts: BTreeMap<&RelPath, &BString> = BTreeMap::new();
    for entry in &entries {
        if let What::File(text) = &entry.what {
            texts.insert(&entry.path, text);
        }
        make(entry, &texts, tree)?;
    }
    Ok(())
}

fn make(
    entry: &Entry,
    texts: &BTreeMap<&RelPath, &BString>,
    tree: &Tree,
) -> Result<(), fsys::Error> {
    let path = &entry.path;
    match &entry.what {
        What::Folder => {
            make_above(entry, path, tree)?;
            let access = Access { mode: entry.mode, owner: Some(entry.owner) };
            tree.make_folder(path, access)?;
            make_beside(entry, path, tree)
        }
        What::File(text) => write(entry, path, text, tree),
        What::Message(subject) => write(entry, path, &message(subject, entry.date), tree),
        What::Database(kind, text) => {
            let none = BString::default();
            let text = match text {
                Ok(own) => own,
                Err(from) => texts.get(from).copied().unwrap_or(&none),
            };
            write(entry, path, &kind.compile(text), tree)
        }
        What::Members(text) => members(text)
            .iter()
            .try_for_each(|(name, records)| write(entry, &path.join([*name]), records, tree)),
        What::Link(target) => {
            make_above(entry, path, tree)?;
            let access = Access { mode: entry.mode, owner: Some(entry.owner) };
            let parent = tree.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
            let link = tree.prepare_link(&parent, path, &target.to_str_lossy(), access)?;
            tree.place_in(&parent, link)
        }
        What::Fifo => {
            make_above(entry, path, tree)?;
            tree.make_fifo(path, entry.mode)
        }
    }
}

/// Folders above an entry that no line names are its owner's.
fn make_above(entry: &Entry, path: &RelPath, tree: &Tree) -> Result<(), fsys::Error> {
    let parent = path.parent();
    if !parent.as_bstr().is_empty() && tree.stat(&parent)?.is_none() {
        make_above(entry, &parent, tree)?;
        tree.make_folder(&parent, Access { mode: 0o755, owner: Some(entry.owner) })?;
        make_beside(entry, &parent, tree)?;
    }
    Ok(())
}

/// A Maildir's `new` is of no use without `tmp`, in which every message is written first.
fn make_beside(entry: &Entry, folder: &RelPath, tree: &Tree) -> Result<(), fsys::Error> {
    let beside = folder.parent().join("tmp");
    if folder.file_name() == "new" && tree.stat(&beside)?.is_none() {
        tree.make_folder(&beside, Access { mode: 0o755, owner: Some(entry.owner) })?;
    }
    Ok(())
}

fn write(entry: &Entry, path: &RelPath, bytes: &[u8], tree: &Tree) -> Result<(), fsys::Error> {
    make_above(entry, path, tree)?;
    let access = Access { mode: entry.mode, owner: Some(entry.owner) };
    let folder = tree.make_folder(&path.parent(), Access { mode: 0o755, owner: None })?;
    tree.copy_in(&mut &*bytes, &folder, &folder, path.file_name(), access, (entry.date, 0))
        .map_err(|error| fsys::Error::new("write", path, error))
}

/// A message as short as a message can be.
fn message(subject: &BString, date: i64) -> Vec<u8> {
    let time = jiff::Timestamp::from_second(date).unwrap_or_default();
    let time = time.strftime("%a, %d %b %Y %H:%M:%S +0000");
    format!(
        "Return-Path: <ann@example.net>\nFrom: Ann <ann@example.net>\nSubject: {subject}\n\
         Date: {time}\nMessage-ID: <{date}.larch@example.net>\n\n{subject}.\n"
    )
    .into_bytes()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at what was written")]
mod tests {
    use super::lay_out;
    use crate::fsys::tree::Tree;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn what_git_cannot_keep_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        let manifest = "date 1970-01-01T00:01:00Z\nfile a/b 640\n| text\nlink c a/b\nfifo d\n\
                        dir e 700\nmessage m/new/1 Hello\n";
        lay_out(manifest, &tree).unwrap();
        let file = std::fs::metadata(dir.path().join("c")).unwrap();
        assert_eq!((file.mode() & 0o777, file.mtime(), file.size()), (0o640, 60, 5));
        assert_eq!(std::fs::metadata(dir.path().join("e")).unwrap().mode() & 0o777, 0o700);
        let message = std::fs::read_to_string(dir.path().join("m/new/1")).unwrap();
        assert!(message.contains("Subject: Hello\nDate: Thu, 01 Jan 1970 00:01:00 +0000\n"));
    }
}
