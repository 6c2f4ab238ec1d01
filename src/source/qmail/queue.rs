//! Messages that wait in the queue (`qmail-queue.c`, INTERNALS): one file each under `queue/mess`.

use crate::finding::{Disposition, Finding, code};
use crate::fsys::Kind;
use crate::model::Origin;
use crate::source::{Reading, unlistable};

/// Reports how many messages wait; they are no part of any mailbox yet.
pub(super) fn read(reading: &mut Reading<'_>) {
    let queue = reading.layout.qmail.join("queue/mess");
    let mut waiting = 0_u64;
    let parts = match reading.root.list(&queue) {
        Ok(parts) => parts,
        Err(error) if error.is_missing() => return,
        Err(error) => return reading.findings.push(unlistable(&queue, &error)),
    };
    for part in parts.iter().filter(|part| part.kind == Kind::Folder) {
        let path = queue.join(&part.name);
        match reading.root.list(&path) {
            Ok(messages) => {
                let files = messages.iter().filter(|message| message.kind == Kind::File);
                waiting += u64::try_from(files.count()).unwrap_or(u64::MAX);
            }
            Err(error) => reading.findings.push(unlistable(&path, &error)),
        }
    }
    if waiting > 0 {
        reading.findings.push(Finding::new(
            &code::SITE_QUEUE_NOT_EMPTY,
            Disposition::Manual,
            Origin::file(&queue),
            "queue",
            format!("messages in the old server's queue: {waiting}"),
            "they are not carried over; only the old server can deliver them",
        ));
    }
}
