//! Records of mailboxes count only once what they tell of is on the disk. Waiting for that after
//! every mailbox would cost several times the copy itself, so it is done for many at once, while
//! others are being copied.

use crate::fsys::{self, tree::Tree};
use crate::mail::Completed;
use rayon::prelude::*;
use std::sync::mpsc::Receiver;

/// So many bytes are copied between two waits: 128 MiB.
const BATCH: u64 = 128 << 20;

/// What is left of the records when no more come.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Those that wait for the end of the run, when everything is waited for at once.
    pub(super) waiting: Vec<Completed>,
    /// What could not be put in place.
    pub(super) failures: Vec<fsys::Error>,
}

/// Puts records in place until no more come, or until a wait fails: what the disk did not take then may
/// be of any mailbox, those too that are just being copied, and no later wait tells of it.
pub(super) fn commit(tree: &Tree, records: &Receiver<(Completed, u64)>) -> Committed {
    let mut committed = Committed::default();
    let mut bytes = 0;
    while let Ok((next, more)) = records.recv() {
        committed.waiting.push(next);
        bytes += more;
        if bytes >= BATCH {
            bytes = 0;
            match tree.sync() {
                Ok(()) => committed.place(tree),
                Err(error) => {
                    committed.waiting.clear();
                    committed.failures.push(error);
                    return committed;
                }
            }
        }
    }
    committed
}

impl Committed {
    /// Puts the records in place that wait; all that they tell of is on the disk.
    pub(super) fn place(&mut self, tree: &Tree) {
        let waiting = std::mem::take(&mut self.waiting).into_par_iter();
        let failed = waiting.filter_map(|record| record.place(tree).err());
        self.failures.par_extend(failed);
    }
}
