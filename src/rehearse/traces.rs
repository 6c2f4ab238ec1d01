//! What was stored while the servers ran.

use crate::fsys::{self, Kind, root::Root};
use crate::model::RelPath;
use std::path::Path;

/// A message in a mailbox.
#[derive(Debug)]
pub(super) struct Trace {
    /// The mailbox's home, relative to the new server's root.
    pub(super) home: RelPath,
    /// The Maildir or the folder's directory in it.
    pub(super) maildir: RelPath,
    /// The message.
    pub(super) text: Vec<u8>,
}

/// Messages that a rehearsal causes are small; bytes.
const LARGEST: u64 = 16 << 20;

/// Every message beneath `vmail` of what was written to `/var`.
///
/// # Errors
/// Where a folder cannot be listed.
pub(super) fn stored(var: &Path) -> fsys::Result<Vec<Trace>> {
    let written = Root::open(var)?;
    let mut traces = Vec::new();
    let folders = |path: &RelPath| -> fsys::Result<Vec<RelPath>> {
        let entries = if written.stat(path)?.is_some() { written.list(path)? } else { Vec::new() };
        let folders = entries.into_iter().filter(|entry| entry.kind == Kind::Folder);
        Ok(folders.map(|entry| path.join(&entry.name)).collect())
    };
    for domain in folders(&RelPath::new("vmail"))? {
        for home in folders(&domain)? {
            let inbox = home.join("Maildir");
            let mut maildirs = folders(&inbox)?;
            maildirs.push(inbox);
            for maildir in maildirs {
                for part in ["new", "cur"] {
                    let part = maildir.join(part);
                    if written.stat(&part)?.is_none() {
                        continue;
                    }
                    for entry in written.list(&part)? {
                        // What the layer only hides is no file.
                        if entry.kind != Kind::File {
                            continue;
                        }
                        let Some(text) = written.read_if_there(&part.join(&entry.name), LARGEST)?
                        else {
                            continue;
                        };
                        let (home, maildir) = (var_of(&home), var_of(&maildir));
                        traces.push(Trace { home, maildir, text });
                    }
                }
            }
        }
    }
    Ok(traces)
}

fn var_of(path: &RelPath) -> RelPath {
    RelPath::new("var").join(path)
}
