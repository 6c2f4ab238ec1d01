//! Everything that the old server holds, as found.

use super::access::{Barrier, Guard};
use super::assignment::{Assignments, Compiled};
use super::control::Control;
use super::dot_qmail::DotFiles;
use super::list::List;
use super::responder::{Reply, Responder};
use super::seen::Print;
use super::sorter::{Sorter, Sorting};
use super::store::Store;
use super::unix::UnixUser;
use super::{Address, Domain, DomainName, Origin, RelPath, Sourced};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// The old server as its disk tells it.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The server's settings.
    pub control: Control,
    /// `users/cdb`; `None` where there is none and only Unix users count.
    pub assignments: Option<Assignments>,
    /// `/etc/passwd`, in its order.
    pub unix_users: Vec<UnixUser>,
    /// Folders with `.qmail` files, by the path they are known under.
    pub homes: BTreeMap<RelPath, Home>,
    /// Virtual domains, sorted by name.
    pub domains: Vec<Domain>,
    /// Mailing lists, sorted by address.
    pub lists: Vec<List>,
    /// The alias databases of `fastforward`, by the path that it is given.
    pub alias_tables: BTreeMap<RelPath, AliasTable>,
    /// What lies at each path that a delivery line names.
    pub spots: BTreeMap<RelPath, Spot>,
    /// What lies at the paths that programs test for (`test -f`); nothing where a path is missing.
    pub tested: BTreeMap<RelPath, Tested>,
    /// The answers of autoresponders, by the folder of the line that calls one and how it does.
    pub replies: BTreeMap<(RelPath, Responder), Reply>,
    /// What programs that sort mail do, by the folder that they run in and how they are called.
    pub sorters: BTreeMap<(RelPath, Sorter), Sorting>,
    /// Mail stores by their real path.
    pub stores: BTreeMap<RelPath, Store>,
    /// The real paths of stores that are known by another one.
    pub links: BTreeMap<RelPath, RelPath>,
    /// What keeps deliveries out of homes, `.qmail` files, and the paths that lines deliver to;
    /// most have nothing.
    pub barriers: BTreeMap<RelPath, Barrier>,
    /// Homes of accounts whose Maildir takes no mail: parts of it are missing, or its domain's own
    /// user may not write there.
    pub closed_homes: BTreeSet<RelPath>,
    /// What waits in the queue.
    pub queue: Vec<Waiting>,
    /// Every file belongs to whoever made the copy, so owners and permissions say nothing.
    pub owners_lost: bool,
    /// `user-anything` reaches `user`: `Some` names the file that proves it.
    pub user_extensions: Option<Origin>,
    /// Certificates of its servers.
    pub certificates: Vec<RelPath>,
    /// The file that starts `qmail-pop3d`.
    pub starts_qmail_pop3d: Option<Origin>,
    /// Some INBOX's list of the names that Courier gives messages for POP3.
    pub size_list: Option<RelPath>,
    /// The domain of login names without one.
    pub login_domain: Option<Sourced<DomainName>>,
}

/// A folder that deliveries run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Permission bits, `None` where the folder is missing.
    pub mode: Option<u32>,
    /// Its `.qmail` files.
    pub files: DotFiles,
    /// What else was seen of it.
    pub inside: Inside,
}

/// What was seen of a home when it was listed, so that nobody has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// No link leads to it: its path is its real one.
    pub is_real: bool,
    /// It may hold a `Maildir`.
    pub has_maildir: bool,
    /// It may hold other folders.
    pub has_others: bool,
    /// A spam filter has settings there.
    pub has_spam_settings: bool,
    /// Its own permissions, and those of `tmp` and `new` in its `Maildir`, where all are folders and
    /// no link leads to any of them.
    pub maildir: Option<[Guard; 3]>,
    /// How it looked, where a Maildir was all that anybody asks for in it: while it looks the same,
    /// nothing else is.
    pub look: Option<Print>,
}

impl Inside {
    /// Of a folder that could not be listed, or is not there.
    pub const UNKNOWN: Self = Self {
        is_real: false,
        has_maildir: true,
        has_others: true,
        has_spam_settings: false,
        maildir: None,
        look: None,
    };
}

/// An alias database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasTable {
    /// By name in lower case: `user@host`, `@host`, or `user` at any host.
    pub entries: BTreeMap<BString, AliasEntry>,
    /// Where the entries come from the text alone: why they do not count.
    pub compiled: Compiled,
}

/// An entry of an alias database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasEntry {
    /// The targets as they stand: addresses, `|program`, `/file`, `:include:file` resolved.
    pub targets: Vec<BString>,
    /// The line.
    pub origin: Origin,
}

/// What lies at a path that a delivery names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Nothing, and no folder for it either.
    Missing,
    /// A Maildir at this real path.
    Maildir(RelPath),
    /// A file at this real path.
    File(RelPath),
    /// Nothing yet, in a folder that is there; a file would have this real path.
    Room(RelPath),
    /// Something that no delivery can use.
    Unusable,
}

/// A message in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its file.
    pub path: RelPath,
    /// Who is still to get it.
    pub recipients: Vec<BString>,
}

/// What a test of a path finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tested {
    /// A file with something in it.
    File,
    /// A file of 0 bytes.
    EmptyFile,
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

impl Site {
    /// The virtual domain with this real name.
    pub fn domain(&self, name: &DomainName) -> Option<&Domain> {
        let at = self.domains.binary_search_by(|domain| domain.name.cmp(name)).ok()?;
        self.domains.get(at)
    }

    /// The list with this address.
    pub fn list(&self, address: &Address) -> Option<&List> {
        let at = self.lists.partition_point(|list| list.address < *address);
        self.lists.get(at).filter(|list| list.address == *address)
    }

    /// Whether a delivery by this user and group can use a path.
    pub fn may_use(&self, path: &RelPath, uid: u32, gid: u32) -> bool {
        let is_closed = path.file_name() == "Maildir" && self.closed_homes.contains(&path.parent());
        !is_closed && !self.barriers.get(path).is_some_and(|barrier| barrier.stops(uid, gid))
    }

    /// The user and group that deliver to a virtual domain's accounts; `None` for accounts without a
    /// domain, who get their mail as Unix users do.
    pub fn deliverer_of(&self, domain: &Domain) -> Option<(u32, u32)> {
        let key = BString::from([domain.name.as_bstr().as_bytes(), b"-"].concat());
        let record = self.assignments.as_ref()?.wild.get(&key)?;
        Some((record.uid, record.gid))
    }

    /// A store's path with its links followed.
    pub fn real_store<'a>(&'a self, path: &'a RelPath) -> &'a RelPath {
        self.links.get(path).unwrap_or(path)
    }

    /// The domain that Unix users are known under: the host's own name if its users get mail under
    /// it, else the first local domain.
    pub fn unix_domain(&self) -> Option<DomainName> {
        let mut locals = self.control.locals();
        // No mail is ever for a name that no domain can have.
        locals.retain(|local| local.value.is_plain());
        let me = self.control.me().filter(|me| locals.iter().any(|local| local.value == *me));
        me.or_else(|| locals.into_iter().next().map(|local| local.value))
    }

    /// The folders that hold a `domains` folder with a virtual domain's home in it, each once.
    pub fn folders_of_domains(&self) -> BTreeSet<RelPath> {
        let wild = self.assignments.iter().flat_map(|all| all.wild.values());
        wild.filter_map(|assignment| {
            let home = assignment.home.as_bstr();
            let at = home.find(b"/domains/")?;
            home.get(..at).map(RelPath::new)
        })
        .collect()
    }

    /// The Unix user of this name.
    pub fn unix_user(&self, name: &BStr) -> Option<&UnixUser> {
        self.unix_users.iter().find(|user| user.name == name)
    }
}
