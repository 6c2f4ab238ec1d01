//! What the passes will cost, predicted from counts alone; each pass measures what it really took.

use super::Plan;
use crate::fsys::Free;
use crate::model::quota::Usage;
use crate::model::store::Folder;
use std::iter::Sum;
use std::ops::Add;

/// Messages that are copied in a second, carefully estimated: an old disk that others use too.
const COPIED: u64 = 2_000;
/// Bytes that are copied in a second.
const BYTES: u64 = 50_000_000;
/// Messages whose names are read in a second.
const NAMED: u64 = 20_000;
/// What a file system gives to a file at least, in bytes.
const BLOCK: u64 = 4096;

/// Time and space that a migration needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Seconds that the first pass takes.
    pub first_seconds: u64,
    /// Seconds for which mail stands still while the last pass runs.
    pub last_seconds: u64,
    /// Files and folders that come into being.
    pub files: u64,
    /// Bytes that have to be free on the file system of the target.
    pub free: u64,
}

/// Room on a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Files and folders.
    pub files: u64,
    /// Bytes, with what a file system gives to each of them at least.
    pub bytes: u64,
}

impl Room {
    /// What the copy of a folder needs.
    pub fn of(folder: &Folder) -> Self {
        Self::held(Usage { messages: folder.messages, bytes: folder.bytes })
    }

    /// What a folder with so many messages takes.
    pub fn held(Usage { messages, bytes }: Usage) -> Self {
        // Itself, `new`, `cur` and `tmp`.
        Self { files: messages.saturating_add(4), bytes }.with_blocks()
    }

    /// Counts the blocks, where only what is in the files was counted.
    #[must_use]
    pub fn with_blocks(self) -> Self {
        let blocks = self.files.saturating_mul(BLOCK);
        Self { bytes: self.bytes.saturating_add(blocks), ..self }
    }

    /// What is left of it when so much is there already.
    #[must_use]
    pub fn without(self, there: Self) -> Self {
        let files = self.files.saturating_sub(there.files);
        Self { files, bytes: self.bytes.saturating_sub(there.bytes) }
    }

    /// Whether a file system has it.
    pub fn fits(self, free: Free) -> bool {
        self.bytes <= free.bytes && free.files.is_none_or(|files| self.files <= files)
    }
}

impl Add for Room {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let files = self.files.saturating_add(other.files);
        Self { files, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Sum for Room {
    fn sum<I: Iterator<Item = Self>>(rooms: I) -> Self {
        rooms.fold(Self::default(), Add::add)
    }
}

impl Plan {
    /// Predicts what the first pass and the last one will cost.
    pub fn cost(&self) -> Cost {
        let totals = self.totals();
        let stores = self.design.copies.iter().filter_map(|copy| self.site.stores.get(&copy.from));
        let room: Room = stores.flat_map(|store| &store.folders).map(Room::of).sum();
        let reading = totals.messages / NAMED;
        Cost {
            first_seconds: 1 + reading + totals.messages / COPIED + totals.bytes / BYTES,
            last_seconds: 1 + 2 * reading + self.quiet_seconds(),
            files: room.files,
            free: room.bytes,
        }
    }
}
