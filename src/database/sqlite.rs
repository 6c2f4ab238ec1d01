//! SQLite, which is part of the program and needs no server.

use super::statement::{Statement, ValuePlace};
use super::{Database, Error, schema};
use crate::model::sheet::{Form, escape};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// How long somebody else's change is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open database; a transaction that was not ended is undone when it is dropped.
#[derive(Debug)]
pub(super) struct Sqlite(Connection);

impl Sqlite {
    /// Opens a file that is there.
    pub(super) fn open(path: &Path, for_writing: bool) -> Result<Self, Error> {
        let access = if for_writing {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags);
        let connection = connection.map_err(|error| refused("be opened", &error))?;
        connection.busy_timeout(PATIENCE).map_err(|error| refused("be opened", &error))?;
        Ok(Self(connection))
    }
}

/// The words of the database itself never hold a value.
fn refused(doing: &'static str, error: &rusqlite::Error) -> Error {
    Error::Refused(doing, error.to_string())
}

impl Database for Sqlite {
    fn begin(&mut self) -> Result<(), Error> {
        let begun = self.0.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(|error| refused("be written to", &error))?;
        let made = self.0.execute_batch(&schema::SQLITE.text());
        made.map_err(|error| refused("make its tables", &error))?;
        let version = self.0.query_row(schema::ASK_VERSION, [], |row| row.get::<_, String>(0));
        let version = version.map_err(|error| refused("tell its version", &error))?;
        schema::check(&version)
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.0.execute_batch("COMMIT").map_err(|error| refused("keep the rows", &error))
    }

    fn lines(&mut self, form: &Form) -> Result<Vec<String>, Error> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let query = format!("SELECT {} FROM {}", form.names(", "), form.table);
            let mut statement = self.0.prepare(&query)?;
            let mut rows = statement.query([])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                let mut line = String::new();
                for at in 0..form.columns.len() {
                    if at > 0 {
                        line.push('\t');
                    }
                    match row.get_ref(at)? {
                        ValueRef::Text(text) | ValueRef::Blob(text) => {
                            escape(&String::from_utf8_lossy(text), &mut line);
                        }
                        ValueRef::Integer(number) => line.push_str(&number.to_string()),
                        ValueRef::Real(number) => line.push_str(&number.to_string()),
                        ValueRef::Null => {}
                    }
                }
                lines.push(line);
            }
            lines.sort_unstable();
            Ok(lines)
        };
        read().map_err(|error| refused("be read", &error))
    }

    fn place(&self) -> ValuePlace {
        |at, _| format!("?{at}")
    }

    fn each(&mut self, statement: &Statement, lines: &[&str]) -> Result<(), Error> {
        let run = || -> rusqlite::Result<()> {
            let mut prepared = self.0.prepare(&statement.text)?;
            for line in lines {
                prepared.execute(params_from_iter(statement.values(line)))?;
            }
            Ok(())
        };
        run().map_err(|error| refused(statement.doing, &error))
    }
}
