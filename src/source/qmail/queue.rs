//! Messages that wait in the queue (`qmail-queue.c`, INTERNALS): one file each under `queue/mess`. Who
//! is still to get one is told by `local` and `remote`, and before qmail-send has seen it by `todo`:
//! fields that end in NUL, `T` and the recipient, which becomes `D` when that one is done.

use crate::finding::{Disposition, Finding, code};
use crate::fsys::{Kind, root::Root};
use crate::model::site::{Site, Waiting};
use crate::model::{Origin, RelPath};
use crate::source::{Reading, unlistable};
use bstr::{BString, ByteSlice as _};

/// A message has no more recipients than fit in this.
const LARGEST: u64 = 16 << 20;

/// Reports how many messages wait; they are no part of any mailbox yet.
pub(super) fn read(reading: &mut Reading<'_>) {
    let queue = reading.layout.qmail.join("queue");
    let mess = queue.join("mess");
    let parts = match reading.root.list(&mess) {
        Ok(parts) => parts,
        Err(error) if error.is_missing() => return,
        Err(error) => return reading.findings.push(unlistable(&mess, &error)),
    };
    for part in parts.iter().filter(|part| part.kind == Kind::Folder) {
        let path = mess.join(&part.name);
        match reading.root.list(&path) {
            Ok(messages) => {
                let files = messages.iter().filter(|message| message.kind == Kind::File);
                let waiting = files.map(|file| {
                    let recipients = recipients(reading.root, &queue, &part.name, &file.name);
                    let shown = recipients.iter().map(|name| without_prefix(&reading.site, name));
                    Waiting { path: path.join(&file.name), recipients: shown.collect() }
                });
                let waiting: Vec<Waiting> = waiting.collect();
                reading.site.queue.extend(waiting);
            }
            Err(error) => reading.findings.push(unlistable(&path, &error)),
        }
    }
    let waiting = reading.site.queue.len();
    if waiting > 0 {
        reading.findings.push(Finding::new(
            &code::SITE_QUEUE_NOT_EMPTY,
            Disposition::Manual,
            Origin::file(&mess),
            "queue",
            format!("messages in the old server's queue: {waiting}"),
            "they are not carried over; only the old server can deliver them",
        ));
    }
}

/// Who is still to get a message. Its own files are in a folder of the same number, or in none.
fn recipients(root: &Root, queue: &RelPath, part: &BString, id: &BString) -> Vec<BString> {
    let mut found = Vec::new();
    for kind in ["local", "remote", "todo"] {
        let folder = queue.join(kind);
        for path in [folder.join(part).join(id), folder.join(id)] {
            // One that is gone by now has no more to tell.
            let bytes = root.read_if_there(&path, LARGEST).ok().flatten().unwrap_or_default();
            let fields = bytes.split_str("\0").filter_map(|field| field.strip_prefix(b"T"));
            found.extend(fields.map(BString::from));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The address as its sender wrote it: qmail-send puts what `virtualdomains` says in front of it.
fn without_prefix(site: &Site, recipient: &BString) -> BString {
    let plain = recipient.rsplit_once_str("@").and_then(|(local, domain)| {
        let key = BString::from(domain.to_ascii_lowercase());
        let entry = site.control.virtual_domains.get(&key)?;
        let local = local.strip_prefix(entry.prepend.as_slice())?.strip_prefix(b"-")?;
        Some([local, b"@", domain].concat().into())
    });
    plain.unwrap_or_else(|| recipient.clone())
}
