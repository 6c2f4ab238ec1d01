//! Folders about which nothing is left to do, told from how they look on both sides.

use super::record::is_begun;
use super::{Half, Job, Pass};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::print::Look;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::seen::{Made, Print, Prints, Seen, Word};
use crate::model::store::{Folder, Store};
use bstr::{BString, ByteSlice as _};
use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the next pass shall know of the folders of a mailbox, in the order of its stores.
pub type Remembered = Vec<Word>;

/// A mailbox that was looked at before anything is done about it.
#[derive(Debug, Default)]
pub struct Looked {
    /// Of folders about which nothing is left to do there is a word.
    pub(super) folders: Remembered,
    /// Time that one thread needed for it.
    pub(super) spent: Duration,
}

impl Looked {
    /// Whether nothing is left to do about the mailbox at all.
    pub(super) fn is_settled(&self) -> bool {
        !self.folders.is_empty() && self.folders.iter().all(|word| *word != Word::None)
    }
}

/// Looks at which folders a pass would find nothing to do. Of the new server's side only the stamp of
/// the Maildir is asked for, which tells of folders that are gone: nobody but unqmail should have
/// written there. The last pass before the switch believes no stamps and compares names; after the
/// switch the copies are their reader's, and only the old server's side counts.
pub fn look(job: &Job<'_>, home: &RelPath, stores: &[(&MailCopy, &Store)]) -> Looked {
    let begun = Instant::now();
    let context = context(job, stores);
    let (root, path) = (job.tree.root(), home.join("Maildir"));
    let maildir = LazyCell::new(|| root.folder(&path).ok());
    let is_update = job.pass == Pass::Update;
    // What a run that was cut short left half-written is of no message that the old server still has,
    // if all looks the same.
    let is_begun = job.lock.was_cut_short && is_begun(job.tree, home);
    let stamped = if is_update { stamp(&context, root, &path) } else { None };
    let look = |copy: &MailCopy, folder: &Folder| -> Option<Word> {
        let seen = folder.seen.as_ref().filter(|_| folder.is_seen && !is_begun)?;
        let known = seen.made.target;
        if job.pass == Pass::Late {
            // Without a print nobody knows whether the pass that saw it completed it.
            return known.names.map(|_| Word::AsRead);
        }
        if job.pass == Pass::Final && seen.made.is_for_final {
            return None;
        }
        let name = copy.folder(&folder.name);
        let target = if is_update { Prints { stamps: stamped, ..known } } else { known };
        if !is_update || !(Prints { names: None, ..target }).is(&known) {
            let names = names(&context, root, maildir.as_ref()?, name).ok();
            names.filter(|_| Prints { stamps: None, names }.is(&known))?;
        }
        Some(word(Made { target, ..seen.made }, seen))
    };
    let mut folders = Remembered::new();
    for (copy, store) in stores {
        let words = store.folders.iter().map(|folder| look(copy, folder).unwrap_or(Word::None));
        folders.extend(words);
    }
    Looked { folders, spent: begun.elapsed() }
}

/// The word of a folder of which this was read.
fn word(made: Made, seen: &Seen) -> Word {
    if made == seen.made { Word::AsRead } else { Word::Made(Box::new(made)) }
}

/// Folders of a mailbox that were listed for the last time, after all that was done about them.
pub(super) struct Listed {
    /// With what their prints begin.
    context: Look,
    prints: RefCell<BTreeMap<BString, Print>>,
}

impl Listed {
    pub(super) fn new(job: &Job<'_>, stores: &[(&MailCopy, &Store)]) -> Self {
        Self { context: context(job, stores), prints: RefCell::default() }
    }

    /// A print that the names of a folder go into, part by part.
    pub(super) fn begin(&self) -> Look {
        self.context.clone()
    }

    /// Tells the names of a folder.
    pub(super) fn tell(&self, folder: &BString, names: &Look) {
        self.prints.borrow_mut().insert(folder.clone(), names.print());
    }

    fn get(&self, folder: &BString) -> Option<Print> {
        self.prints.borrow().get(folder).copied()
    }
}

/// What the next pass shall know after one that went through those folders of the mailbox about
/// which something was left to do. Where it did not complete them, the next one examines what has
/// changed once more.
pub(super) fn remember(
    job: &Job<'_>,
    home: &RelPath,
    stores: &[(&MailCopy, &Store)],
    looked: &Remembered,
    listed: &Listed,
    is_complete: bool,
    is_for_final: bool,
) -> Remembered {
    let (root, path) = (job.tree.root(), home.join("Maildir"));
    let maildir = root.folder(&path).ok().filter(|_| is_complete);
    let stamps = maildir.as_ref().and_then(|_| stamp(&listed.context, root, &path));
    let prints = |name: &BString| -> Option<Prints> {
        let maildir = maildir.as_ref()?;
        let again = || names(&listed.context, root, maildir, name).ok();
        Some(Prints { stamps, names: Some(listed.get(name).or_else(again)?) })
    };
    let folders = || {
        stores.iter().flat_map(|(copy, store)| {
            store.folders.iter().map(move |folder| (copy.folder(&folder.name), folder))
        })
    };
    let made = |word: &Word, folder: &Folder| match (word, &folder.seen) {
        (Word::AsRead, Some(seen)) => Some(seen.made),
        (Word::Made(made), _) => Some(**made),
        _ => None,
    };
    // What an earlier pass left for the final one is left still.
    let settled: Vec<Option<Made>> =
        looked.iter().zip(folders()).map(|(word, (_, folder))| made(word, folder)).collect();
    let is_for_final = is_for_final || settled.iter().flatten().any(|made| made.is_for_final);
    let remembered = settled.into_iter().zip(folders()).map(|(settled, (name, folder))| {
        let seen = folder.seen.as_ref()?;
        let target = match settled {
            Some(settled) => settled.target,
            None if is_complete || folder.is_seen => {
                prints(name).filter(|_| is_as_read(job.root, folder, seen)).unwrap_or_default()
            }
            None => return None,
        };
        Some(word(Made { target, is_for_final }, seen))
    });
    remembered.map(|word| word.unwrap_or(Word::None)).collect()
}

/// Whether the names in a folder of the old server are those still that were read when the pass was
/// planned. What was copied since may be of another state, to which it may come back before the next
/// pass looks: then the copy would be taken for what it is not.
fn is_as_read(root: &Root, folder: &Folder, seen: &Seen) -> bool {
    let changed = || -> Result<Option<i64>> {
        let open = root.real_folder(&folder.path)?;
        let mut look = Look::new(b"");
        for part in Half::BOTH.map(Half::name) {
            look.stat(&open, part.as_bytes())?;
        }
        Ok(look.latest())
    };
    // It was read more than a tick of the clock after its last change, so any later one is later.
    changed().is_ok_and(|changed| changed.is_some() && changed <= seen.latest)
}

/// Whatever else decides what a copy looks like: this program, the owner, the program of POP3, and
/// which folders go into the mailbox.
fn context(job: &Job<'_>, stores: &[(&MailCopy, &Store)]) -> Look {
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
    Look::new(&context)
}

/// How the Maildir on the new server looks. However young that is, only a stranger's change within
/// the same tick of the clock could look the same, and the final pass would see it.
fn stamp(context: &Look, root: &Root, maildir: &RelPath) -> Option<Print> {
    let mut look = context.clone();
    look.stat_at(root, maildir).ok()??;
    Some(look.print())
}

fn names(context: &Look, target: &Root, maildir: &Open, name: &BString) -> Result<Print> {
    let mut look = context.clone();
    for part in Half::BOTH.map(Half::name) {
        look.names(Some(&target.folder_in(maildir, beneath(name, part))?))?;
    }
    Ok(look.print())
}

/// A part of a folder as it is named in its Maildir; INBOX is that itself.
fn beneath(name: &BString, part: &str) -> Vec<u8> {
    let folder = if name.is_empty() { b"." } else { name.as_slice() };
    [folder, b"/", part.as_bytes()].concat()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_changed_after_it_was_read_is_not_taken_for_settled() {
        let dir = tempfile::tempdir().unwrap();
        for part in Half::BOTH.map(Half::name) {
            std::fs::create_dir_all(dir.path().join(".K").join(part)).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let open = root.real_folder(&RelPath::new(".K")).unwrap();
        let mut look = Look::new(b"");
        look.stat(&open, b"new").unwrap();
        look.stat(&open, b"cur").unwrap();
        let seen = Seen { latest: look.latest(), ..Seen::default() };
        let folder = Folder::seen(".K".into(), RelPath::new(".K"), seen.into());
        assert!(is_as_read(&root, &folder, &seen));
        // A message comes and goes: the names are the same, and what a pass saw may not be.
        let earlier = Seen { latest: seen.latest.map(|latest| latest - 3), ..seen };
        std::fs::write(dir.path().join(".K/cur/1.a"), "x").unwrap();
        std::fs::remove_file(dir.path().join(".K/cur/1.a")).unwrap();
        assert!(!is_as_read(&root, &folder, &earlier));
        assert!(!is_as_read(&root, &folder, &Seen::default()));
    }
}
