//! SQLite, which is part of the program and needs no server.

use super::{Database, Error, schema};
use crate::model::sheet::{Form, Kind, escape, values};
use rusqlite::types::{Value, ValueRef};
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

    /// Runs a statement for each row.
    fn each(
        &mut self,
        doing: &'static str,
        statement: &str,
        form: &Form,
        order: &[usize],
        lines: &[&str],
    ) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let run = || -> rusqlite::Result<()> {
            let mut statement = self.0.prepare(statement)?;
            for line in lines {
                let fields: Vec<Value> = values(line).zip(form.columns).map(bound).collect();
                let ordered = order.iter().filter_map(|at| fields.get(*at));
                statement.execute(params_from_iter(ordered))?;
            }
            Ok(())
        };
        run().map_err(|error| refused(doing, &error))
    }
}

/// A value as it is stored.
fn bound((value, column): (String, &crate::model::sheet::Column)) -> Value {
    match column.kind {
        Kind::Text(_) => Value::Text(value),
        Kind::Number | Kind::Large | Kind::Flag => Value::Integer(value.parse().unwrap_or(0)),
    }
}

/// The words of the database itself never hold a value.
fn refused(doing: &'static str, error: &rusqlite::Error) -> Error {
    Error::Refused(doing, error.to_string())
}

/// `a = ?1 AND b = ?2` of the key's columns, or of the others with another word between them.
fn equal(form: &Form, columns: std::ops::Range<usize>, between: &str) -> String {
    let named = form.columns.iter().enumerate().skip(columns.start).take(columns.len());
    let each: Vec<String> = named.map(|(at, c)| format!("{} = ?{}", c.name, at + 1)).collect();
    each.join(between)
}

impl Database for Sqlite {
    fn begin(&mut self) -> Result<(), Error> {
        let begun = self.0.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(|error| refused("be written to", &error))?;
        let made = self.0.execute_batch(schema::SQLITE);
        made.map_err(|error| refused("make its tables", &error))?;
        let version = "SELECT value FROM config WHERE name = 'version'";
        let version = self.0.query_row(version, [], |row| row.get::<_, String>(0));
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

    fn insert(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        let order: Vec<usize> = (0..form.columns.len()).collect();
        let places: Vec<String> = order.iter().map(|at| format!("?{}", at + 1)).collect();
        let statement = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            form.table,
            form.names(", "),
            places.join(", ")
        );
        self.each("take rows", &statement, form, &order, lines)
    }

    fn update(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        let order: Vec<usize> = (0..form.columns.len()).collect();
        let set = equal(form, form.keys..form.columns.len(), ", ");
        let key = equal(form, 0..form.keys, " AND ");
        let statement = format!("UPDATE {} SET {set} WHERE {key}", form.table);
        self.each("change rows", &statement, form, &order, lines)
    }

    fn delete(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        let order: Vec<usize> = (0..form.keys).collect();
        let key = equal(form, 0..form.keys, " AND ");
        let statement = format!("DELETE FROM {} WHERE {key}", form.table);
        self.each("remove rows", &statement, form, &order, lines)
    }
}
