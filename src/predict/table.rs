//! Reads the source of an indexed table as postmap(1) does.

use super::Error;
use crate::model::{RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key as it stands, or the pattern.
    pub key: BString,
    /// The value.
    pub value: BString,
    /// The line, from 1.
    pub line: u32,
}

/// An indexed table: keys in lower case.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: RelPath,
    rows: BTreeMap<BString, Row>,
}

impl Table {
    /// Reads rows `key value`. What postmap would warn of is an error here: a duplicate, a key
    /// without a value, an unbalanced quote, bytes that are not UTF-8.
    pub(super) fn parse(path: &RelPath, text: &[u8]) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for (line, text) in logical_lines(text) {
            let malformed =
                |what: &str| Error::Malformed { path: path.clone(), line, what: what.to_owned() };
            if text.to_str().is_err() {
                return Err(malformed(&format!("bytes that are not UTF-8 in {}", shown(&text))));
            }
            let end = key_end(text.as_bstr()).ok_or_else(|| malformed("a quote is not closed"))?;
            let (key, value) = text.split_at_checked(end).unwrap_or_default();
            let value = value.trim_ascii();
            if value.is_empty() {
                return Err(malformed("a key without a value"));
            }
            let row = Row { key: key.into(), value: value.into(), line };
            if rows.insert(BString::from(key.to_ascii_lowercase()), row).is_some() {
                return Err(malformed("the key stands here for the second time"));
            }
        }
        Ok(Self { path: path.clone(), rows })
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Row> {
        self.rows.get(key.to_ascii_lowercase().as_bstr())
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }
}

/// Where the key ends: at the first blank outside a quoted local part.
fn key_end(text: &BStr) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = text.iter().enumerate();
    let begins_quoted = text.starts_with(b"\"");
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' if begins_quoted => quoted = !quoted,
            b'\\' if quoted => drop(bytes.next()),
            b' ' | b'\t' if !quoted => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(text.len())
}

/// Lines without comments and empty ones; a line that begins with a blank goes on with the one
/// before it.
pub(super) fn logical_lines(text: &[u8]) -> Vec<(u32, BString)> {
    let mut lines: Vec<(u32, BString)> = Vec::new();
    for (number, line) in (1..).zip(text.split_str("\n")) {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"#") {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                last.push(b' ');
                last.extend_from_slice(trimmed);
            }
            _ => lines.push((number, line.into())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::model::RelPath;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Table, super::Error> {
        Table::parse(&RelPath::new("t"), text.as_bytes())
    }

    #[test]
    fn keys_are_folded_and_quotes_hold_blanks() {
        let table = parse("# c\nA@x  b@y, c@z\n\"a \\\" b\"@x d\n  e\n").unwrap();
        assert_eq!(table.get(b"a@X").unwrap().value, "b@y, c@z");
        assert_eq!(table.get(b"\"a \\\" b\"@x").unwrap().value, "d e");
        assert_eq!(table.get(b"a@x").unwrap().line, 2);
    }

    #[test]
    fn what_postmap_warns_of_is_refused() {
        for bad in ["a", "a 1\nA 2", "\"a b@x c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(Table::parse(&RelPath::new("t"), &text));
        }
    }
}
