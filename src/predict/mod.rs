//! The new server, told from its files: what Postfix, Dovecot and the list managers will do with mail for an
//! address.
//!
//! A second witness. It shares no code with the emitters and knows nothing of the old server; it
//! reads what was written as those programs read it, and follows their rules.

mod access;
mod database;
mod dovecot;
mod expand;
mod files;
mod forms;
mod given;
mod mailbox;
mod main_cf;
mod maps;
mod mlmmj;
mod pipes;
mod posters;
mod postfix;
mod regexp;
mod rows;
mod sieve;
mod table;
mod tells;

pub use dovecot::{User, Users};
pub use expand::Foreseen;
pub use files::Files;
pub use given::GivenList;
pub use mailbox::{Message, Told};
pub use mlmmj::Spool;
pub use posters::Poster;
pub use postfix::{Reached, Step, Steps};
pub use tells::{Listed, MailboxFiles, Rights, Tells};

use crate::model::{Address, RelPath};
use bstr::BString;
use std::collections::BTreeMap;

/// The folder of files that stand for tables of a database: the names of the columns, then a row a line,
/// divided by tabs.
pub const TABLES: &str = database::FOLDER;

/// Why the new server's files cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that another one names is not there.
    #[error("{0} is missing")]
    Missing(RelPath),
    /// A file cannot be read.
    #[error(transparent)]
    Files(#[from] crate::fsys::Error),
    /// A line that the program would not take.
    #[error("{path}:{line}: {what}")]
    Malformed {
        /// The file.
        path: RelPath,
        /// Its line, from 1.
        line: u32,
        /// What is wrong with it.
        what: String,
    },
}

/// The new server as its files tell it.
#[derive(Debug)]
pub struct NewServer {
    settings: BTreeMap<String, String>,
    maps: maps::Maps,
    posters: posters::Posters,
    users: Users,
    /// What the scripts of accounts do with an ordinary message; most have none.
    fates: BTreeMap<Address, sieve::Fate>,
    /// Command lines of programs, by their number.
    programs: BTreeMap<BString, BString>,
    spools: BTreeMap<BString, Spool>,
    given: BTreeMap<BString, GivenList>,
}

impl NewServer {
    /// Reads `main.cf` and every table it names, Dovecot's users, and the lists that the tables
    /// hand mail to.
    ///
    /// # Errors
    /// Where a file is missing or holds a line that its program would refuse.
    pub fn read(files: &dyn Files) -> Result<Self, Error> {
        let path = RelPath::new("etc/postfix/main.cf");
        let text = files.read(&path)?.ok_or_else(|| Error::Missing(path.clone()))?;
        let settings = main_cf::parse(&path, &text)?;
        let maps = maps::Maps::read(&settings, files)?;
        let posters = posters::Posters::read(&settings, files)?;
        let stored = RelPath::new(database::DOVECOT);
        let users = if let Some(conf) = files.read(&stored)? {
            Users::read(&stored, &database::users(&conf, files)?)?
        } else {
            let path = RelPath::new("etc/dovecot/unqmail/users");
            let text = files.read(&path)?.ok_or_else(|| Error::Missing(path.clone()))?;
            Users::read(&path, &text)?
        };
        let spools = mlmmj::read_all(&maps.next_hops("mlmmj"), files)?;
        let given = given::read(files)?;
        let programs = pipes::read(&maps, files)?;
        let fates = BTreeMap::new();
        Ok(Self { settings, maps, posters, users, fates, programs, spools, given })
    }

    /// Reads the active scripts of accounts that may have one.
    ///
    /// # Errors
    /// Where Sieve would refuse a script.
    pub fn read_scripts<'a>(
        &mut self,
        accounts: impl Iterator<Item = &'a Address>,
        files: &dyn Files,
    ) -> Result<(), Error> {
        for account in accounts {
            let Some(user) = self.users.get(&account.to_bytes()) else { continue };
            let path = user.home.join(".dovecot.sieve");
            if let Some(text) = files.read(&path)? {
                let fate = sieve::Script::read(&path, &text)?.fate(account);
                self.fates.insert(account.clone(), fate);
            }
        }
        Ok(())
    }

    /// Dovecot's users by login name.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// The lists that managers with a database are given to load, by their addresses.
    pub fn given_lists(&self) -> &BTreeMap<BString, GivenList> {
        &self.given
    }

    /// mlmmj's lists by `DOMAIN/LIST`.
    pub fn spools(&self) -> &BTreeMap<BString, Spool> {
        &self.spools
    }

    fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map(String::as_str).unwrap_or_default()
    }
}
