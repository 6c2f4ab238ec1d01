//! Mailboxes about which nothing is left to do, told from how their folders look on both sides.

use super::{Job, Pass};
use crate::fsys::Result;
use crate::fsys::print::Look;
use crate::fsys::root::{Folder as Open, Root};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::seen::{Prints, Seen};
use crate::model::store::Store;
use bstr::{BString, ByteSlice as _};

/// The parts of a copy that are looked at: a pass that was killed may have left something in `tmp`.
const LOOKED_AT: [&str; 3] = ["new", "cur", "tmp"];

/// The folders of a mailbox by their path on the old server, with what the next pass shall know.
pub type Remembered = Vec<(RelPath, Option<Seen>)>;

/// Looks whether a pass would find nothing to do. The last pass before the switch believes no stamps
/// of folders and compares names; after the switch the copies are their reader's, and only the old
/// server's side counts.
pub fn settled(
    job: &Job<'_>,
    home: &RelPath,
    stores: &[(&MailCopy, &Store)],
) -> Option<Remembered> {
    let folders = || stores.iter().flat_map(|(_, store)| &store.folders);
    if stores.is_empty() || !folders().all(|folder| folder.is_seen && folder.seen.is_some()) {
        return None;
    }
    let context = context(job, stores);
    let maildir = job.tree.root().folder(&home.join("Maildir")).ok()?;
    let mut remembered = Remembered::new();
    for (copy, store) in stores {
        for folder in &store.folders {
            let mut seen = folder.seen?;
            let known = seen.target;
            if job.pass == Pass::Late {
                // Without a print nobody knows whether the pass that saw it completed it.
                known.names?;
            } else {
                let name = copy.folder(&folder.name);
                let stamps = stamps(&context, &maildir, name).ok()?;
                let by_stamps = Prints { stamps, names: None };
                if job.pass == Pass::Update && by_stamps.is(&known) {
                    seen.target = Prints { stamps, ..known };
                } else {
                    let names = names(&context, job.tree.root(), home, name).ok()?;
                    let by_names = Prints { stamps: None, names: Some(names) };
                    if !by_names.is(&known) {
                        return None;
                    }
                    seen.target = Prints { stamps, names: Some(names) };
                }
            }
            remembered.push((folder.path.clone(), Some(seen)));
        }
    }
    Some(remembered)
}

/// What the next pass shall know after one that went through the mailbox.
pub(super) fn remember(
    job: &Job<'_>,
    home: &RelPath,
    stores: &[(&MailCopy, &Store)],
    is_settled: bool,
) -> Remembered {
    let context = context(job, stores);
    let maildir = job.tree.root().folder(&home.join("Maildir")).ok().filter(|_| is_settled);
    let look = |name: &BString| -> Option<Prints> {
        let names = names(&context, job.tree.root(), home, name).ok()?;
        let stamps = stamps(&context, maildir.as_ref()?, name).ok()?;
        Some(Prints { stamps, names: Some(names) })
    };
    let mut remembered = Remembered::new();
    for (copy, store) in stores {
        for folder in &store.folders {
            let seen = folder.seen.map(|seen| {
                let looked = maildir.as_ref().and_then(|_| look(copy.folder(&folder.name)));
                Seen { target: looked.unwrap_or_default(), ..seen }
            });
            remembered.push((folder.path.clone(), seen));
        }
    }
    remembered
}

/// Whatever else decides what a copy looks like: this program, the owner, the program of POP3, and
/// which folders go into the mailbox.
fn context(job: &Job<'_>, stores: &[(&MailCopy, &Store)]) -> Vec<u8> {
    let (version, ids, pop3) = (env!("CARGO_PKG_VERSION"), job.ids, job.pop3.name());
    let mut context = format!("{version} {ids:?} {pop3} ").into_bytes();
    for (copy, store) in stores {
        context.extend_from_slice(store.path.as_bstr().as_bytes());
        for folder in &store.folders {
            context.push(b'\n');
            context.extend_from_slice(folder.path.as_bstr().as_bytes());
            context.push(b'\n');
            context.extend_from_slice(copy.folder(&folder.name));
        }
    }
    context
}

fn stamps(
    context: &[u8],
    maildir: &Open,
    name: &BString,
) -> Result<Option<crate::model::seen::Print>> {
    let mut look = Look::new(context);
    let folder = if name.is_empty() { b"." } else { name.as_slice() };
    for part in LOOKED_AT {
        look.stat(maildir, &[folder, b"/", part.as_bytes()].concat())?;
    }
    Ok(look.settled())
}

fn names(
    context: &[u8],
    target: &Root,
    home: &RelPath,
    name: &BString,
) -> Result<crate::model::seen::Print> {
    let mut look = Look::new(context);
    let folder = home.join("Maildir");
    let folder = if name.is_empty() { folder } else { folder.join(name) };
    for part in LOOKED_AT {
        look.names(Some(&target.folder(&folder.join(part))?))?;
    }
    Ok(look.print())
}
