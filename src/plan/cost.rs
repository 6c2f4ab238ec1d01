//! What the passes will cost, predicted from counts alone; each pass measures what it really took.

use super::Plan;

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

impl Plan {
    /// Predicts what the first pass and the last one will cost.
    pub fn cost(&self) -> Cost {
        let totals = self.totals();
        let stores = self.design.copies.iter().filter_map(|copy| self.site.stores.get(&copy.from));
        let folders: usize = stores.map(|store| store.folders.len()).sum();
        // Each folder has `new`, `cur` and `tmp`.
        let folders = u64::try_from(folders).unwrap_or(u64::MAX).saturating_mul(4);
        let files = totals.messages + folders;
        let reading = totals.messages / NAMED;
        Cost {
            first_seconds: 1 + reading + totals.messages / COPIED + totals.bytes / BYTES,
            last_seconds: 1 + 2 * reading + self.quiet_seconds(),
            files,
            free: totals.bytes + files.saturating_mul(BLOCK),
        }
    }
}
