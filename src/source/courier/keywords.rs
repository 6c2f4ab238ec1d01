//! `courierimapkeywords/`: the keywords of a folder's messages (`maildirkeywords.C` and
//! `README.imapkeywords.html`, Courier-IMAP 4.14 and 5.0).
//!
//! ```text
//! :list            names, one a line; an empty line; then FILENAME:N N ... with N counted from 0
//! FILENAME         the message's keywords, one a line: newest
//! .T.FILENAME      the same, T is the time divided by 300: the highest counts
//! ```

use super::uids::{fields, strict_number};
use crate::fsys::root::Root;
use crate::fsys::{Kind, Result};
use crate::model::RelPath;
use crate::model::memory::Keywords;
use crate::model::quota::leading_number;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// A list is no larger than this: 64 MiB.
const LARGEST_LIST: u64 = 64 << 20;

/// The keywords of one message are no longer than this: 64 KiB.
const LARGEST_UPDATE: u64 = 64 << 10;

/// A folder with more keywords than this is damaged; nobody has so many.
const MOST_NAMES: usize = 1024;

/// Reads what a folder's keywords are, if it ever had some.
///
/// # Errors
/// Where the folder of the keywords cannot be listed.
pub fn keywords(root: &Root, folder: &RelPath) -> Result<Keywords> {
    let folder = folder.join(super::KEYWORDS);
    let entries = match root.list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(Keywords::default()),
        Err(error) => return Err(error),
    };
    let mut found = Keywords::default();
    let files = entries.iter().filter(|entry| entry.kind == Kind::File);
    if files.clone().any(|entry| entry.name == ":list") {
        match root.read(&folder.join(":list"), LARGEST_LIST) {
            Ok(bytes) => list(&bytes, &mut found),
            Err(_) => found.odd_lines += 1,
        }
    }
    let mut newest: BTreeMap<&[u8], (u64, &BString)> = BTreeMap::new();
    for entry in files {
        let Some((message, time)) = update(&entry.name) else { continue };
        let known = newest.entry(message).or_insert((time, &entry.name));
        if known.0 <= time {
            *known = (time, &entry.name);
        }
    }
    for (message, (_, name)) in newest {
        match root.read(&folder.join(name), LARGEST_UPDATE) {
            Ok(bytes) => set(&mut found, message, bytes.lines()),
            Err(_) => found.odd_lines += 1,
        }
    }
    Ok(found)
}

/// The message that a file is about, and when it was written; what has no dot is the newest.
fn update(name: &[u8]) -> Option<(&[u8], u64)> {
    if name == b":list" || name.starts_with(b".tmp.") {
        return None;
    }
    let Some(rest) = name.strip_prefix(b".") else { return Some((name, u64::MAX)) };
    let (time, message) = rest.split_once_str(".")?;
    let is_time = !time.is_empty() && time.iter().all(u8::is_ascii_digit) && !message.is_empty();
    is_time.then(|| (message, leading_number(time)))
}

/// Reads `:list`.
fn list(bytes: &[u8], found: &mut Keywords) {
    let mut lines = bytes.lines();
    let mut positions = Vec::new();
    for name in lines.by_ref().take_while(|line| !line.is_empty()) {
        if positions.len() == MOST_NAMES {
            found.odd_lines += 1;
            return;
        }
        positions.push(found.position(name));
    }
    for line in lines {
        let Some((message, numbers)) =
            line.rsplit_once_str(":").filter(|(name, _)| !name.is_empty())
        else {
            found.odd_lines += 1;
            continue;
        };
        let mut own: Vec<usize> = Vec::new();
        for number in fields(numbers) {
            let number = strict_number(number).and_then(|n| usize::try_from(n).ok());
            match number.and_then(|number| positions.get(number)) {
                Some(position) => own.push(*position),
                None => found.odd_lines += 1,
            }
        }
        own.sort_unstable();
        own.dedup();
        found.of.insert(message.into(), own);
    }
}

fn set<'a>(found: &mut Keywords, message: &[u8], names: impl Iterator<Item = &'a [u8]>) {
    let mut own = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        if found.names.len() < MOST_NAMES {
            own.push(found.position(name));
        } else {
            found.odd_lines += 1;
        }
    }
    own.sort_unstable();
    own.dedup();
    found.of.insert(message.into(), own);
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{Keywords, keywords, list};
    use crate::fsys::root::Root;
    use crate::model::RelPath;
    use proptest::prelude::*;

    fn read(files: &[(&str, &str)]) -> Keywords {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("f/courierimapkeywords");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        keywords(&Root::open(dir.path()).unwrap(), &RelPath::new("f")).unwrap()
    }

    fn of<'k>(found: &'k Keywords, message: &str) -> Vec<&'k [u8]> {
        let own = &found.of[bstr::BStr::new(message)];
        own.iter().map(|at| found.names[*at].as_slice()).collect()
    }

    #[test]
    fn the_newest_file_about_a_message_counts() {
        let found = read(&[
            (":list", "$Label1\nJunk\n\na,S=9:0 1\nb:1\nc:0\nd:1\n"),
            ("b", "$label1\nNeu\n"),
            (".5666666.b", "Junk\n"),
            (".999.c", "Old\n"),
            (".5666666.c", "junk\n"),
            (".5666666.d", ""),
            (".tmp.x", "No\n"),
            (".odd", "No\n"),
        ]);
        assert_eq!(of(&found, "a,S=9"), [b"$Label1".as_slice(), b"Junk"]);
        assert_eq!(of(&found, "b"), [b"$Label1".as_slice(), b"Neu"]);
        assert_eq!(of(&found, "c"), [b"Junk"]);
        assert!(of(&found, "d").is_empty() && found.odd_lines == 0);
        assert_eq!(found.names, ["$Label1", "Junk", "Neu"]);
    }

    #[test]
    fn numbers_without_a_name_are_counted() {
        let found = read(&[(":list", "A\n\na:0 7 x\nno colon\n")]);
        assert_eq!((of(&found, "a"), found.odd_lines), (vec![b"A".as_slice()], 3));
        assert_eq!(
            keywords(&Root::open("/proc".as_ref()).unwrap(), &RelPath::new("x")).unwrap(),
            Keywords::default()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(prop::sample::select(b"ab\n: 01".to_vec()), 0..80)) {
            let mut found = Keywords::default();
            list(&bytes, &mut found);
            prop_assert!(found.of.values().flatten().all(|at| *at < found.names.len()));
        }
    }
}
