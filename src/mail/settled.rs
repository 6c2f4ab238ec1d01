//! Folders about which nothing is left to do, told from how they look on both sides.

use super::{Job, Pass};
use crate::fsys::Result;
use crate::fsys::print::Look;
use crate::fsys::root::{Folder as Open, Root};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::seen::{Print, Prints, Seen};
use crate::model::store::{Folder, Store};
use bstr::{BString, ByteSlice as _};

/// The parts of a copy that are looked at: a pass that was killed may have left something in `tmp`.
const LOOKED_AT: [&str; 3] = ["new", "cur", "tmp"];

/// The folders of a mailbox by their path on the old server, with what the next pass shall know.
pub type Remembered = Vec<(RelPath, Option<Seen>)>;

/// Looks at which folders a pass would find nothing to do; those have something to remember. The
/// last pass before the switch believes no stamps of folders and compares names; after the switch
/// the copies are their reader's, and only the old server's side counts.
pub(super) fn look(job: &Job<'_>, home: &RelPath, stores: &[(&MailCopy, &Store)]) -> Remembered {
    let context = context(job, stores);
    let maildir = job.tree.root().folder(&home.join("Maildir")).ok();
    let look = |copy: &MailCopy, folder: &Folder| -> Option<Seen> {
        let mut seen = folder.seen.filter(|_| folder.is_seen)?;
        let known = seen.target;
        if job.pass == Pass::Late {
            // Without a print nobody knows whether the pass that saw it completed it.
            return known.names.map(|_| seen);
        }
        if job.pass == Pass::Final && seen.is_for_final {
            return None;
        }
        let name = copy.folder(&folder.name);
        let stamps = stamps(&context, maildir.as_ref()?, name).ok()?;
        let by_stamps = Prints { stamps, names: None };
        if job.pass == Pass::Update && by_stamps.is(&known) {
            seen.target = Prints { stamps, ..known };
            return Some(seen);
        }
        let names = names(&context, job.tree.root(), home, name).ok()?;
        seen.target = Prints { stamps, names: Some(names) };
        Prints { stamps: None, ..seen.target }.is(&known).then_some(seen)
    };
    let mut looked = Remembered::new();
    for (copy, store) in stores {
        let folders = store.folders.iter();
        looked.extend(folders.map(|folder| (folder.path.clone(), look(copy, folder))));
    }
    looked
}

/// What the next pass shall know after one that went through those folders of the mailbox about
/// which something was left to do.
pub(super) fn remember(
    job: &Job<'_>,
    home: &RelPath,
    stores: &[(&MailCopy, &Store)],
    looked: Remembered,
    is_complete: bool,
    is_for_final: bool,
) -> Remembered {
    let context = context(job, stores);
    let maildir = job.tree.root().folder(&home.join("Maildir")).ok().filter(|_| is_complete);
    let prints = |name: &BString| -> Option<Prints> {
        let names = names(&context, job.tree.root(), home, name).ok()?;
        let stamps = stamps(&context, maildir.as_ref()?, name).ok()?;
        Some(Prints { stamps, names: Some(names) })
    };
    // What an earlier pass left for the final one is left still.
    let is_for_final =
        is_for_final || looked.iter().flat_map(|(_, seen)| seen).any(|s| s.is_for_final);
    let folders = stores.iter().flat_map(|(copy, store)| {
        store.folders.iter().map(move |folder| (copy.folder(&folder.name), folder))
    });
    let remembered = looked.into_iter().zip(folders).map(|((path, settled), (name, folder))| {
        let seen = settled.or_else(|| {
            let looked = maildir.as_ref().and_then(|_| prints(name));
            Some(Seen { target: looked.unwrap_or_default(), ..folder.seen? })
        });
        (path, seen.map(|seen| Seen { is_for_final, ..seen }))
    });
    remembered.collect()
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

fn stamps(context: &[u8], maildir: &Open, name: &BString) -> Result<Option<Print>> {
    let mut look = Look::new(context);
    let folder = if name.is_empty() { b"." } else { name.as_slice() };
    for part in LOOKED_AT {
        look.stat(maildir, &[folder, b"/", part.as_bytes()].concat())?;
    }
    Ok(look.settled())
}

fn names(context: &[u8], target: &Root, home: &RelPath, name: &BString) -> Result<Print> {
    let mut look = Look::new(context);
    let folder = home.join("Maildir");
    let folder = if name.is_empty() { folder } else { folder.join(name) };
    for part in LOOKED_AT {
        look.names(Some(&target.folder(&folder.join(part))?))?;
    }
    Ok(look.print())
}
