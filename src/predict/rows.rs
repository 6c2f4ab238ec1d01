//! A file with a row for each of a million names: the rows are found in it, not copied out of it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// Rows by name.
pub(super) struct Rows {
    /// The bytes of the file.
    whole: Arc<Vec<u8>>,
    /// Rows that are looked up in another form than they stand; they lie behind the file's bytes.
    more: Vec<u8>,
    all: Vec<Row>,
    /// The numbers of rows, from 1, at or behind the place that a name's hash gives; 0 is free.
    places: Vec<u32>,
    hasher: RandomState,
}

/// Where a row begins, how long its name is, where from there the rest begins and how long that is,
/// and the line it stands on.
#[derive(Clone, Copy)]
pub(super) struct Row {
    at: u32,
    name: u16,
    gap: u16,
    rest: u32,
    pub(super) line: u32,
}

/// A row or a file so long that no program would read it.
pub(super) const TOO_LONG: &str = "a name of over 64 KiB, or a file of over 4 GiB";

impl Rows {
    pub(super) fn new(whole: &Arc<Vec<u8>>) -> Self {
        Self {
            whole: Arc::clone(whole),
            more: Vec::new(),
            all: Vec::new(),
            places: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    /// Adds a row that stands in the file as it is looked up: its parts with their first byte.
    /// `None` where it is [`TOO_LONG`].
    pub(super) fn add(
        &mut self,
        line: u32,
        name: (usize, &[u8]),
        rest: (usize, &[u8]),
    ) -> Option<()> {
        let ((at, name), (rest_at, rest)) = (name, rest);
        let Ok(gap) = u16::try_from(rest_at - at) else {
            return self.add_changed(line, name, rest);
        };
        let (at, rest) = (u32::try_from(at).ok()?, u32::try_from(rest.len()).ok()?);
        self.all.push(Row { at, name: u16::try_from(name.len()).ok()?, gap, rest, line });
        Some(())
    }

    /// Adds a row that is looked up in another form.
    pub(super) fn add_changed(&mut self, line: u32, name: &[u8], rest: &[u8]) -> Option<()> {
        let at = self.whole.len() + self.more.len();
        u16::try_from(name.len()).ok()?;
        self.more.extend_from_slice(name);
        self.more.extend_from_slice(rest);
        self.add(line, (at, name), (at + name.len(), rest))
    }

    /// Makes the rows fit to be looked up. Fails with the line of a row whose name another one has.
    pub(super) fn index(mut self) -> Result<Self, u32> {
        self.all.shrink_to_fit();
        // At least every other place stays free, so that a search is short.
        let mut places = vec![0; (self.all.len() * 2 + 1).next_power_of_two()];
        for (number, row) in (1..).zip(&self.all) {
            match self.search(&places, self.name(row)) {
                (_, Some(_)) => return Err(row.line),
                (at, None) => places.iter_mut().skip(at).take(1).for_each(|place| *place = number),
            }
        }
        self.places = places;
        Ok(self)
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<&Row> {
        self.search(&self.places, name).1
    }

    /// The row of a name, and its place or the free one where it would be.
    fn search(&self, places: &[u32], name: &[u8]) -> (usize, Option<&Row>) {
        let last = places.len().saturating_sub(1);
        let mut at = usize::try_from(self.hasher.hash_one(name)).unwrap_or_default() & last;
        loop {
            let number = places.get(at).copied().unwrap_or_default();
            let row = number.checked_sub(1).and_then(|at| self.all.get(usize::try_from(at).ok()?));
            match row {
                Some(row) if self.name(row) != name => at = (at + 1) & last,
                found => return (at, found),
            }
        }
    }

    pub(super) fn all(&self) -> &[Row] {
        &self.all
    }

    pub(super) fn name(&self, row: &Row) -> &[u8] {
        self.part(row.at, 0, row.name.into())
    }

    pub(super) fn rest(&self, row: &Row) -> &[u8] {
        self.part(row.at, row.gap.into(), row.rest)
    }

    fn part(&self, at: u32, gap: usize, length: u32) -> &[u8] {
        let numbers = usize::try_from(at).ok().zip(usize::try_from(length).ok());
        let (at, length) = numbers.unwrap_or_default();
        let (from, at) = match at.checked_sub(self.whole.len()) {
            Some(behind) => (&self.more, behind),
            None => (&*self.whole, at),
        };
        from.get(at + gap..at + gap + length).unwrap_or_default()
    }
}
