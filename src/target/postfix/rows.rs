//! Rows of lookup tables, unique and sorted.

use crate::target::Artifact;
use bstr::BString;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A table that is compiled: one value for each key.
///
/// It may have a row for each of a million accounts: the rows lie one behind the other in one text.
#[derive(Debug, Default)]
pub(super) struct Table {
    text: Vec<u8>,
    rows: Vec<At>,
}

/// Where in the text a row's key begins and ends, and its value ends.
#[derive(Clone, Copy, Debug)]
struct At {
    start: usize,
    middle: usize,
    end: usize,
}

impl Table {
    /// Adds a row unless the key has one. Keys are folded as postmap(1) folds them.
    pub(super) fn add(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let start = self.text.len();
        self.text.extend(key.as_ref().iter().map(u8::to_ascii_lowercase));
        let middle = self.text.len();
        self.text.extend_from_slice(value.as_ref());
        self.rows.push(At { start, middle, end: self.text.len() });
    }

    fn part(&self, from: usize, to: usize) -> &[u8] {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn artifact(mut self, name: &str, about: &str) -> Artifact {
        let mut rows = std::mem::take(&mut self.rows);
        let key = |row: &At| self.part(row.start, row.middle);
        // Stable: of equal keys the first row stays.
        rows.sort_by(|a, b| key(a).cmp(key(b)));
        rows.dedup_by(|a, b| key(a) == key(b));
        let mut text = head(name, about);
        text.reserve_exact(self.text.len() + 2 * rows.len());
        for row in &rows {
            text.extend_from_slice(key(row));
            text.push(b' ');
            text.extend_from_slice(self.part(row.middle, row.end));
            text.push(b'\n');
        }
        Artifact::text(&format!("etc/postfix/unqmail/{name}"), text)
    }
}

/// A table of regular expressions, in blocks by domain: only the block of the address's own domain
/// is searched. In a block the longest prefix comes first.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    blocks: BTreeMap<Block, Vec<Row>>,
}

/// What stands after the `@`, as a regular expression, and which domains it does not mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) domain: BString,
    pub(super) except: Vec<BString>,
}

/// Where a row stands in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    rank: u8,
    /// Longer fronts first.
    front: Reverse<usize>,
    order: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    place: Place,
    pattern: BString,
    value: BString,
}

impl Block {
    /// The block of one domain, given as a regular expression.
    pub(super) fn new(domain: impl Into<BString>) -> Self {
        Self { domain: domain.into(), except: Vec::new() }
    }
}

impl Place {
    /// For one local part.
    pub(super) fn exact() -> Self {
        Self { rank: 0, front: Reverse(0), order: 0 }
    }

    /// For everything behind a front of this length; of equal fronts the lower order first.
    pub(super) fn behind(front: usize, order: usize) -> Self {
        Self { rank: 1, front: Reverse(front), order }
    }

    /// For what no account's name can be.
    pub(super) fn odd() -> Self {
        Self { rank: 2, front: Reverse(0), order: 0 }
    }

    /// For whatever is left.
    pub(super) fn last() -> Self {
        Self { rank: 3, front: Reverse(0), order: 0 }
    }
}

impl Patterns {
    /// Adds a row for local parts that match a regular expression.
    pub(super) fn add(
        &mut self,
        block: &Block,
        place: Place,
        local: &[u8],
        value: impl AsRef<[u8]>,
    ) {
        let pattern = [b"/^", local, b"@", &block.domain, b"$/"].concat();
        self.push(block, place, pattern, value.as_ref());
    }

    /// Adds a row that leaves an address as it is, so that no later row takes it.
    pub(super) fn keep(&mut self, block: &Block, place: Place, local: &[u8]) {
        let pattern = [b"/^(", local, b"@", &block.domain, b")$/"].concat();
        self.push(block, place, pattern, b"$1");
    }

    fn push(&mut self, block: &Block, place: Place, pattern: Vec<u8>, value: &[u8]) {
        let row = Row { place, pattern: pattern.into(), value: value.into() };
        self.blocks.entry(block.clone()).or_default().push(row);
    }

    pub(super) fn artifact(self, name: &str, about: &str) -> Artifact {
        let mut text = head(name, about);
        for (block, rows) in &self.blocks {
            let mut rows: Vec<&Row> = rows.iter().collect();
            rows.sort();
            rows.dedup_by(|a, b| a.pattern == b.pattern);
            let guards =
                block.except.iter().map(|name| [b"if !/@", name.as_slice(), b"$/"].concat());
            let opening: Vec<Vec<u8>> =
                std::iter::once([b"if /@", block.domain.as_slice(), b"$/"].concat())
                    .chain(guards)
                    .collect();
            for line in &opening {
                text.extend_from_slice(&[line.as_slice(), b"\n"].concat());
            }
            for row in rows {
                text.extend_from_slice(&[row.pattern.as_slice(), b" ", &row.value, b"\n"].concat());
            }
            for _ in &opening {
                text.extend_from_slice(b"endif\n");
            }
        }
        Artifact::text(&format!("etc/postfix/unqmail/{name}"), text)
    }
}

/// The comment at the top of a table.
pub(super) fn head(name: &str, about: &str) -> Vec<u8> {
    format!("# {name}: {about}\n# Written by unqmail.\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Block, Patterns, Place, Table};

    #[test]
    fn rows_are_sorted_and_the_first_of_equal_keys_stays() {
        let mut table = Table::default();
        table.add("b@x", "1");
        table.add("a@x", "2");
        table.add("B@x", "3");
        let text = String::from_utf8(table.artifact("t", "about").bytes().to_vec()).unwrap();
        assert!(text.ends_with("unqmail.\na@x 2\nb@x 1\n"), "{text}");
    }

    #[test]
    fn the_longest_prefix_is_asked_first() {
        let mut patterns = Patterns::default();
        let mut block = Block::new("x\\.example");
        block.except.push("y\\.x\\.example".into());
        patterns.add(&block, Place::behind(2, 0), b"a-[^@]*", "short");
        patterns.keep(&block, Place::behind(4, 0), b"a-b-[^@]*");
        patterns.add(&block, Place::exact(), b"stop", "exact");
        let text = String::from_utf8(patterns.artifact("p", "about").bytes().to_vec()).unwrap();
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "if /@x\\.example$/",
                "if !/@y\\.x\\.example$/",
                "/^stop@x\\.example$/ exact",
                "/^(a-b-[^@]*@x\\.example)$/ $1",
                "/^a-[^@]*@x\\.example$/ short",
                "endif",
                "endif"
            ]
        );
    }
}
