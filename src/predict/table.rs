//! Reads the source of an indexed table as postmap(1) does.

use super::Error;
use super::rows::{Rows, TOO_LONG};
use crate::model::{RelPath, shown};
use bstr::{BStr, ByteSlice as _};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// An indexed table: keys in lower case.
pub(super) struct Table {
    pub(super) path: RelPath,
    rows: Rows,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} rows", self.path, self.rows.all().len())
    }
}

/// A row that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'t> {
    /// The key, in lower case.
    pub(super) key: &'t BStr,
    /// The value.
    pub(super) value: &'t BStr,
}

impl Table {
    /// Reads rows `key value`. What postmap would warn of is an error here: a duplicate, a key
    /// without a value, an unbalanced quote, bytes that are not UTF-8.
    pub(super) fn parse(path: &RelPath, bytes: &Arc<Vec<u8>>) -> Result<Self, Error> {
        let malformed = |line: u32, what: &str| Error::Malformed {
            path: path.clone(),
            line,
            what: what.to_owned(),
        };
        let mut rows = Rows::new(bytes);
        for (line, at, row) in logical_lines(bytes) {
            if row.to_str().is_err() {
                let what = format!("bytes that are not UTF-8 in {}", shown(&row));
                return Err(malformed(line, &what));
            }
            let end = key_end(row.as_bstr());
            let end = end.ok_or_else(|| malformed(line, "a quote is not closed"))?;
            let (key, rest) = row.split_at_checked(end).unwrap_or_default();
            let value = rest.trim_ascii_start();
            let value_at = at + row.len() - value.len();
            let value = value.trim_ascii_end();
            if value.is_empty() {
                return Err(malformed(line, "a key without a value"));
            }
            let stands = matches!(row, Cow::Borrowed(_)) && !key.iter().any(u8::is_ascii_uppercase);
            let added = if stands {
                rows.add(line, (at, key), (value_at, value))
            } else {
                rows.add_changed(line, &key.to_ascii_lowercase(), value)
            };
            added.ok_or_else(|| malformed(line, TOO_LONG))?;
        }
        let twice = |line| malformed(line, "the key stands here for the second time");
        Ok(Self { path: path.clone(), rows: rows.index().map_err(twice)? })
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Row<'_>> {
        let row = self.rows.find(&key.to_ascii_lowercase())?;
        Some(Row { key: self.rows.name(row).as_bstr(), value: self.rows.rest(row).as_bstr() })
    }

    /// Every value, by key.
    pub(super) fn values(&self) -> impl Iterator<Item = &BStr> {
        self.rows.all().iter().map(|row| self.rows.rest(row).as_bstr())
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

/// Lines without comments and empty ones, with their number and where they begin; a line that
/// begins with a blank goes on with the one before it.
pub(super) fn logical_lines(text: &[u8]) -> impl Iterator<Item = (u32, usize, Cow<'_, [u8]>)> {
    type Line<'t> = (u32, usize, &'t [u8]);
    let is_said = |(_, _, line): &Line<'_>| {
        let trimmed = line.trim_ascii();
        !trimmed.is_empty() && !trimmed.starts_with(b"#")
    };
    let placed = (1..).zip(text.split_str("\n")).scan(0, |next, (number, line)| {
        let at = *next;
        *next += line.len() + 1;
        Some((number, at, line))
    });
    let mut lines = placed.filter(is_said).peekable();
    std::iter::from_fn(move || {
        let (number, at, line) = lines.next()?;
        let mut whole = Cow::Borrowed(line);
        let goes_on = |(_, _, next): &Line<'_>| next.starts_with(b" ") || next.starts_with(b"\t");
        while let Some((_, _, more)) = lines.next_if(goes_on) {
            let text = whole.to_mut();
            text.push(b' ');
            text.extend_from_slice(more.trim_ascii());
        }
        Some((number, at, whole))
    })
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::model::RelPath;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Table, super::Error> {
        Table::parse(&RelPath::new("t"), &text.as_bytes().to_vec().into())
    }

    #[test]
    fn keys_are_folded_and_quotes_hold_blanks() {
        let table = parse("# c\nA@x  b@y, c@z\n\"a \\\" b\"@x d\n  e\n").unwrap();
        assert_eq!(table.get(b"a@X").unwrap().value, "b@y, c@z");
        assert_eq!(table.get(b"\"a \\\" b\"@x").unwrap().value, "d e");
        assert_eq!(table.get(b"a@x").unwrap().key, "a@x");
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
            drop(Table::parse(&RelPath::new("t"), &text.into()));
        }
    }
}
