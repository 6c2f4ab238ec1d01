//! The messages in `new` or `cur` of a folder. Courier serves whatever has a name there
//! (`imapscanclient.C` looks at names only), with the rights of the mailbox's owner; here everything
//! may be read, so nothing is that would show its reader what is not his.

use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::fsys::{Kind, Result, Stat};
use crate::model::RelPath;
use crate::model::access::READ;
use crate::source::access::guard;
use bstr::BString;
use std::cell::OnceCell;
use std::fs::File;

/// One of the two folders in a folder that hold messages (maildir(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// What no reader has seen.
    New,
    /// The rest.
    Cur,
}

impl Half {
    /// Both. `new` first: a message that moves from there to `cur` meanwhile is then met in `cur`.
    pub const BOTH: [Self; 2] = [Self::New, Self::Cur];

    /// Its name in the folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }

    /// Of things of which each of them has one, as in [`Self::BOTH`], its own.
    pub fn of<T>(self, [new, cur]: &[T; 2]) -> &T {
        match self {
            Self::New => new,
            Self::Cur => cur,
        }
    }
}

/// One of them, open.
#[derive(Debug)]
pub struct Messages<'a> {
    root: &'a Root,
    store: &'a RelPath,
    open: Open,
    /// What the store is, once somebody asked.
    owner: OnceCell<Option<Stat>>,
}

impl<'a> Messages<'a> {
    /// Opens one of the two, of a folder of a store; `None` where it is a link to nothing, or to a
    /// folder of somebody else.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(root: &'a Root, store: &'a RelPath, path: &RelPath) -> Result<Option<Self>> {
        Self::of(root, store, root.real_folder(path), || path.clone())
    }

    /// The same by its path in an open Maildir.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open_in(
        root: &'a Root,
        store: &'a RelPath,
        maildir: &Open,
        path: &[u8],
    ) -> Result<Option<Self>> {
        Self::of(root, store, root.folder_in(maildir, path), || maildir.path.join(path))
    }

    fn of(
        root: &'a Root,
        store: &'a RelPath,
        opened: Result<Open>,
        path: impl FnOnce() -> RelPath,
    ) -> Result<Option<Self>> {
        let open = match opened {
            Err(error) if error.is_link() => {
                let open = match root.folder(&path()) {
                    Err(error) if error.is_missing() => return Ok(None),
                    opened => opened?,
                };
                let owner = root.stat(store)?.map(|stat| stat.uid);
                if owner != Some(open.itself()?.uid) {
                    return Ok(None);
                }
                open
            }
            opened => opened?,
        };
        Ok(Some(Self { root, store, open, owner: OnceCell::new() }))
    }

    /// The names of all messages, sorted.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub fn names(&self) -> Result<Vec<BString>> {
        let mut names = Vec::new();
        self.each(|name| {
            names.push(name);
            Ok(())
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// Hands over the name of each message, in the order in which the file system tells them.
    ///
    /// # Errors
    /// Where they cannot be listed, and those of `take`.
    pub fn each(&self, mut take: impl FnMut(BString) -> Result<()>) -> Result<()> {
        self.open.each(|name, kind| {
            if name.starts_with(b".") || matches!(kind, Kind::Folder | Kind::Special) {
                return Ok(());
            }
            let name = BString::from(name);
            if kind == Kind::Link && self.linked(&name).is_none() {
                return Ok(());
            }
            take(name)
        })
    }

    /// What a message is; `None` where none has the name.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn stat(&self, name: &BString) -> Result<Option<Stat>> {
        let stat = self.open.stat(name)?;
        Ok(match stat.map(|stat| stat.kind) {
            Some(Kind::File) => stat,
            Some(Kind::Link) => self.linked(name).map(|linked| linked.stat),
            _ => None,
        })
    }

    /// Opens a message for reading; `None` where it is not its reader's to see.
    ///
    /// # Errors
    /// Where it is gone or cannot be opened.
    pub fn read(&self, name: &BString) -> Result<Option<(File, Stat)>> {
        let (file, stat) = match self.open.open(name) {
            Err(error) if error.is_link() => match self.linked(name) {
                Some(linked) => linked.folder.open(linked.path.file_name())?,
                None => return Ok(None),
            },
            opened => opened?,
        };
        Ok(Some((file, stat)).filter(|(_, stat)| !self.is_strangers(stat)))
    }

    /// Whether a file, which also has a name elsewhere, is one that the owner of the mailbox cannot
    /// read: anybody could once give a file of others a second name (link(2)).
    pub fn is_strangers(&self, stat: &Stat) -> bool {
        if stat.names < 2 {
            return false;
        }
        // What cannot be looked at is nobody's.
        let owner = self.owner.get_or_init(|| self.root.stat(self.store).ok().flatten());
        let may =
            |owner: &Stat| owner.uid == stat.uid || guard(stat).grants(owner.uid, owner.gid, READ);
        !owner.as_ref().is_some_and(may)
    }

    /// What a link among the messages leads to, if it is a file in the same store and of its owner.
    /// From the store on no link is followed: one that was put there meanwhile leads nowhere.
    pub fn linked(&self, name: &BString) -> Option<Linked> {
        let path = self.root.real(&self.open.path.join(name)).ok()?;
        let inside = path.strip_prefix(self.store)?;
        let folder = self.root.real_folder(&path.parent()).ok()?;
        let stat = folder.stat(path.file_name()).ok()??;
        let owner = self.root.stat(self.store).ok()??.uid;
        let is_own = stat.kind == Kind::File && stat.uid == owner;
        let inside = RelPath::new(inside);
        is_own.then_some(Linked { folder, path, inside, stat })
    }

    /// The folder itself.
    pub fn folder(&self) -> &Open {
        &self.open
    }
}

/// A file that a message leads to.
#[derive(Debug)]
pub struct Linked {
    folder: Open,
    path: RelPath,
    /// Where it is, seen from the store.
    pub inside: RelPath,
    /// What it is.
    pub stat: Stat,
}
