//! Databases of accounts: rows go in, in one transaction, and are read back.
//!
//! What people changed since in the web panel is theirs: a print of each row that was written tells
//! it from what nobody touched.

mod load;
mod mysql;
mod postgres;
mod schema;
mod sqlite;
mod statement;

pub use load::{Kept, Loaded, Why, load};
pub use statement::Statement;

use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{self, Kind};
use crate::model::RelPath;
use crate::model::connection::{Connection, Server};
use crate::model::sheet::{Form, Sheet};
use statement::ValuePlace;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its file or folder cannot be made.
    #[error(transparent)]
    Files(#[from] fsys::Error),
    /// Something else is in its place.
    #[error("{0} is no file that a database could be in")]
    NoFile(RelPath),
    /// The database says no.
    #[error("the database cannot {0}: {1}")]
    Refused(&'static str, String),
    /// It is older than what is written to it.
    #[error(
        "the database has PostfixAdmin's tables of version {0}, and version {1} is needed: run PostfixAdmin's upgrade first"
    )]
    Old(u64, u64),
}

impl From<Error> for fsys::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Files(error) => error,
            error => {
                let source = std::io::Error::other(error.to_string());
                Self { action: "load", path: "the accounts".into(), source }
            }
        }
    }
}

/// What is asked of a database, of whatever kind.
pub trait Database {
    /// Begins a transaction, and makes what tables are missing.
    ///
    /// # Errors
    /// Where the database refuses, or has tables that are too old.
    fn begin(&mut self) -> Result<(), Error>;
    /// Ends it: all of it counts.
    ///
    /// # Errors
    /// Where the database refuses; then none of it counts.
    fn commit(&mut self) -> Result<(), Error>;
    /// Every row of a table, its columns as in the form, sorted.
    ///
    /// # Errors
    /// Where the database refuses.
    fn lines(&mut self, form: &Form) -> Result<Vec<String>, Error>;
    /// What stands for all keys that the database takes for the same one.
    fn folded<'k>(&self, key: &'k str) -> Cow<'k, str> {
        key.into()
    }
    /// How the place of a value is written in a statement.
    fn place(&self) -> ValuePlace;
    /// Runs a statement for each row.
    ///
    /// # Errors
    /// Where the database refuses.
    fn each(&mut self, statement: &Statement, lines: &[&str]) -> Result<(), Error>;

    /// Adds rows.
    ///
    /// # Errors
    /// Where the database refuses.
    fn insert(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        self.each(&Statement::insert(form, 1, self.place()), lines)
    }
    /// Changes the rows that have the keys of these.
    ///
    /// # Errors
    /// Where the database refuses.
    fn update(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        self.each(&Statement::update(form, self.place()), lines)
    }
    /// Removes the rows that have the keys of these.
    ///
    /// # Errors
    /// Where the database refuses.
    fn delete(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        self.each(&Statement::delete(form, self.place()), lines)
    }
}

/// Where a database is.
#[derive(Clone, Copy, Debug)]
pub enum Place<'p> {
    /// In a file of the target.
    File(&'p RelPath),
    /// On a server.
    Server(&'p Connection),
}

/// Opens a database for writing; the file of a target is made where it is missing.
///
/// # Errors
/// Where it cannot be made or opened.
pub fn open(
    tree: &Tree,
    place: Place<'_>,
    owner: Option<(u32, u32)>,
) -> Result<Box<dyn Database>, Error> {
    let path = match place {
        Place::File(path) => path,
        Place::Server(server) => return connect(server),
    };
    let folder = path.parent();
    drop(tree.make_folder(&folder, Access { mode: 0o750, owner })?);
    match tree.root().stat_link(path)? {
        Some(stat) if stat.kind == Kind::File => {}
        Some(_) => return Err(Error::NoFile(path.clone())),
        // It has its owner before it has a row.
        None => tree.place(tree.prepare(path, b"", Access { mode: 0o640, owner })?)?,
    }
    Ok(Box::new(sqlite::Sqlite::open(&on_disk(tree.root(), path)?, true)?))
}

fn connect(server: &Connection) -> Result<Box<dyn Database>, Error> {
    Ok(match server.server {
        Server::Postgresql => Box::new(postgres::Postgres::open(server)?),
        Server::Mysql => Box::new(mysql::Mysql::open(server)?),
    })
}

/// The rows of some tables on a target; nothing where there is no database.
///
/// # Errors
/// Where it cannot be read.
pub fn read(root: &Root, place: Place<'_>, tables: &[Sheet]) -> Result<Option<Vec<Sheet>>, Error> {
    let mut database: Box<dyn Database> = match place {
        Place::Server(server) => connect(server)?,
        Place::File(path) => match root.stat_link(path)? {
            Some(stat) if stat.kind == Kind::File => {
                Box::new(sqlite::Sqlite::open(&on_disk(root, path)?, false)?)
            }
            Some(_) => return Err(Error::NoFile(path.clone())),
            None => return Ok(None),
        },
    };
    let read = |sheet: &Sheet| Ok(Sheet::of(sheet.form, database.lines(sheet.form)?));
    tables.iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// The path by which the database's library opens it: links in it are followed beneath the root
/// before, and none is left.
fn on_disk(root: &Root, path: &RelPath) -> Result<PathBuf, Error> {
    let folder = root.real(&path.parent())?;
    let below = folder.join(path.file_name());
    Ok(root.path().join(OsStr::from_bytes(below.as_ref())))
}
