//! Records of mailboxes count only once what they tell of is on the disk. Waiting for that after
//! every mailbox would cost several times the copy itself, so it is done for many at once, while
//! others are being copied.

use crate::fsys::{self, tree::Tree};
use crate::mail::Completed;
use std::sync::mpsc::Receiver;

/// So many bytes are copied between two waits: 128 MiB.
const BATCH: u64 = 128 << 20;

/// Puts records in place until no more come; tells what failed.
pub(super) fn commit(tree: &Tree, records: &Receiver<(Completed, u64)>) -> Vec<fsys::Error> {
    let mut failures = Vec::new();
    while let Ok((first, mut bytes)) = records.recv() {
        let mut batch = vec![first];
        while bytes < BATCH
            && let Ok((next, more)) = records.recv()
        {
            batch.push(next);
            bytes += more;
        }
        match tree.sync() {
            Ok(()) => failures.extend(batch.into_iter().filter_map(|one| one.place(tree).err())),
            Err(error) => failures.push(error),
        }
    }
    failures
}
