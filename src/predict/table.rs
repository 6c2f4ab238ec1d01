//! Reads the source of an indexed table as postmap(1) does.

use super::Error;
use crate::model::{RelPath, shown};
use bstr::{BStr, ByteSlice as _};
use std::borrow::Cow;

/// An indexed table: keys in lower case.
///
/// It may have millions of rows: they lie one behind the other in one text, and are sorted by key.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: RelPath,
    text: Vec<u8>,
    rows: Vec<At>,
}

/// Where in the text a row's key begins and ends and its value ends, and the line it stood on.
#[derive(Clone, Copy, Debug)]
struct At {
    start: usize,
    middle: usize,
    end: usize,
    line: u32,
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
    pub(super) fn parse(path: &RelPath, text: &[u8]) -> Result<Self, Error> {
        let malformed = |line: u32, what: &str| Error::Malformed {
            path: path.clone(),
            line,
            what: what.to_owned(),
        };
        let mut table =
            Self { path: path.clone(), text: Vec::with_capacity(text.len()), rows: Vec::new() };
        for (line, text) in logical_lines(text) {
            if text.to_str().is_err() {
                let what = format!("bytes that are not UTF-8 in {}", shown(&text));
                return Err(malformed(line, &what));
            }
            let end = key_end(text.as_bstr());
            let end = end.ok_or_else(|| malformed(line, "a quote is not closed"))?;
            let (key, value) = text.split_at_checked(end).unwrap_or_default();
            let value = value.trim_ascii();
            if value.is_empty() {
                return Err(malformed(line, "a key without a value"));
            }
            let start = table.text.len();
            table.text.extend(key.iter().map(u8::to_ascii_lowercase));
            table.text.extend_from_slice(value);
            let (middle, end) = (start + key.len(), table.text.len());
            table.rows.push(At { start, middle, end, line });
        }
        let mut rows = std::mem::take(&mut table.rows);
        rows.sort_by(|a, b| table.key(a).cmp(table.key(b)));
        let is_same = |pair: &&[At]| matches!(pair, [a, b] if table.key(a) == table.key(b));
        let twice = rows.windows(2).filter(is_same).filter_map(|pair| pair.last());
        if let Some(second) = twice.min_by_key(|row| row.line) {
            return Err(malformed(second.line, "the key stands here for the second time"));
        }
        Ok(Self { rows, ..table })
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Row<'_>> {
        let key = key.to_ascii_lowercase();
        let at = self.rows.binary_search_by(|row| self.key(row).cmp(&key)).ok()?;
        let row = self.rows.get(at)?;
        let value = self.part(row.middle, row.end).as_bstr();
        Some(Row { key: self.key(row).as_bstr(), value })
    }

    /// Every value, by key.
    pub(super) fn values(&self) -> impl Iterator<Item = &BStr> {
        self.rows.iter().map(|row| self.part(row.middle, row.end).as_bstr())
    }

    fn key(&self, row: &At) -> &[u8] {
        self.part(row.start, row.middle)
    }

    fn part(&self, from: usize, to: usize) -> &[u8] {
        self.text.get(from..to).unwrap_or_default()
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
pub(super) fn logical_lines(text: &[u8]) -> impl Iterator<Item = (u32, Cow<'_, [u8]>)> {
    let is_said = |(_, line): &(u32, &[u8])| {
        let trimmed = line.trim_ascii();
        !trimmed.is_empty() && !trimmed.starts_with(b"#")
    };
    let mut lines = (1..).zip(text.split_str("\n")).filter(is_said).peekable();
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        let mut whole = Cow::Borrowed(line);
        let goes_on = |(_, next): &(u32, &[u8])| next.starts_with(b" ") || next.starts_with(b"\t");
        while let Some((_, more)) = lines.next_if(goes_on) {
            let text = whole.to_mut();
            text.push(b' ');
            text.extend_from_slice(more.trim_ascii());
        }
        Some((number, whole))
    })
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
            drop(Table::parse(&RelPath::new("t"), &text));
        }
    }
}
