//! Messages of mailboxes that the old server has no more: where another account has them now, because
//! it got another name or its mail was moved there, they are moved here too.

use super::compare::listed;
use super::maildir::Left;
use super::name::base;
use crate::fsys::Result;
use crate::fsys::folder::Folder;
use crate::fsys::tree::Tree;
use crate::model::RelPath;
use bstr::{BStr, BString};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The messages of such mailboxes by unique name; each is taken once.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Usually there are none, and nobody waits for the others.
    are_some: bool,
    all: Mutex<BTreeMap<BString, Vec<Left>>>,
}

impl Orphans {
    /// Lists the mailboxes with these homes.
    ///
    /// # Errors
    /// Where one cannot be listed.
    pub fn find<'a>(tree: &Tree, homes: impl Iterator<Item = &'a RelPath>) -> Result<Self> {
        let mut all: BTreeMap<BString, Vec<Left>> = BTreeMap::new();
        for home in homes {
            let root = tree.root();
            let maildir = match root.folder(&home.join("Maildir")) {
                Ok(maildir) => maildir,
                Err(error) if error.is_missing() => continue,
                Err(error) => return Err(error),
            };
            let names = root.list_open(&maildir)?.into_iter().map(|entry| entry.name);
            let mut look = |folder: &Folder| -> Result<()> {
                for there in listed(root, Some(folder))?.0 {
                    let left = Left::of_another(folder.path.join(there.half.name()), there.name);
                    all.entry(base(&left.name).to_owned()).or_default().push(left);
                }
                Ok(())
            };
            look(&maildir)?;
            for name in names.filter(|name| name.starts_with(b".")) {
                root.enter(&maildir, &name)?.iter().try_for_each(&mut look)?;
            }
        }
        Ok(Self { are_some: !all.is_empty(), all: Mutex::new(all) })
    }

    /// Whether there may be a message of this name.
    pub(super) fn has(&self, unique: &BStr) -> bool {
        self.are_some && self.lock().contains_key(unique)
    }

    /// Takes a message; it is the taker's to move.
    pub(super) fn take(&self, unique: &BStr) -> Option<Left> {
        if self.are_some { self.lock().get_mut(unique)?.pop() } else { None }
    }

    /// Gives one back that was another message.
    pub(super) fn give_back(&self, left: Left) {
        self.lock().entry(base(&left.name).to_owned()).or_default().push(left);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BString, Vec<Left>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
