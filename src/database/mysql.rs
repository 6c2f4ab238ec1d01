//! MariaDB, by the protocol of MySQL.

use super::statement::{Statement, ValuePlace};
use super::{Database, Error, schema};
use crate::model::connection::Connection;
use crate::model::sheet::{Form, escape};
use mysql::prelude::Queryable as _;
use mysql::{Conn, OptsBuilder, Params, Row, Value};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How long an answer to the first knock is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What holds for this connection, whatever the server is set to: texts are UTF-8, what does not fit
/// is refused and never cut, and nobody changes a row between the look at it and its writing.
const SETTINGS: [&str; 4] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION innodb_lock_wait_timeout = 10",
    "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
];

/// So many rows go with one statement, as long as they have no more bytes than a server takes at
/// once by default.
const ROWS: usize = 500;
const BYTES: usize = 4 << 20;

/// An open database; a transaction that was not ended is undone when it is dropped.
pub(super) struct Mysql(Conn);

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MariaDB")
    }
}

impl Mysql {
    /// Connects.
    pub(super) fn open(connection: &Connection) -> Result<Self, Error> {
        let Connection { host, port, name, user, password, .. } = connection;
        let password = String::from_utf8_lossy(password.reveal()).into_owned();
        let options = OptsBuilder::new()
            .user(Some(user))
            .pass(Some(password).filter(|password| !password.is_empty()))
            .db_name(Some(name))
            // Where a host is named, its port is asked and not some socket of this host.
            .prefer_socket(false)
            .tcp_connect_timeout(Some(PATIENCE))
            .init(SETTINGS.to_vec());
        let options = match connection.socket() {
            Some(path) => options.socket(Some(path)),
            None => options.ip_or_hostname(Some(host)).tcp_port(*port),
        };
        Conn::new(options).map(Self).map_err(|error| refused("be reached", &error))
    }

    /// The first column of all rows that a query finds.
    fn ask(&mut self, doing: &'static str, query: &str) -> Result<Vec<String>, Error> {
        self.0.query(query).map_err(|error| refused(doing, &error))
    }
}

/// The server's own words; they name a key at most.
fn refused(doing: &'static str, error: &mysql::Error) -> Error {
    let told = match error {
        mysql::Error::MySqlError(error) => error.message.clone(),
        error => error.to_string(),
    };
    Error::Refused(doing, told)
}

impl Database for Mysql {
    fn begin(&mut self) -> Result<(), Error> {
        // A table that is made ends a transaction, so all are made before it, and none in a
        // database that is too old.
        let there = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'config'";
        if !self.ask("tell its tables", there)?.is_empty() {
            let version = self.ask("tell its version", schema::ASK_VERSION)?;
            schema::check(&version.concat())?;
        }
        for statement in schema::MYSQL.text().split_terminator(";\n") {
            let made = self.0.query_drop(statement);
            made.map_err(|error| refused("make its tables", &error))?;
        }
        // Rows of another engine could not be taken back.
        let engines = "SELECT CONCAT(table_name, ' has the engine ', engine) FROM information_schema.tables WHERE table_schema = DATABASE() AND engine <> 'InnoDB'";
        if let Some(table) = self.ask("tell its tables", engines)?.pop() {
            return Err(Error::Refused(
                "be written to in one piece",
                format!("{table}, not InnoDB"),
            ));
        }
        let begun = self.0.query_drop("START TRANSACTION");
        begun.map_err(|error| refused("be written to", &error))
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.0.query_drop("COMMIT").map_err(|error| refused("keep the rows", &error))
    }

    fn lines(&mut self, form: &Form) -> Result<Vec<String>, Error> {
        let query = format!("SELECT {} FROM {}", form.names(", "), form.table);
        let read = self.0.query_map(query, |row: Row| {
            let mut line = String::new();
            for (at, value) in Row::unwrap(row).into_iter().enumerate() {
                if at > 0 {
                    line.push('\t');
                }
                // Every value comes as a text.
                if let Value::Bytes(text) = value {
                    escape(&String::from_utf8_lossy(&text), &mut line);
                }
            }
            line
        });
        let mut lines = read.map_err(|error| refused("be read", &error))?;
        lines.sort_unstable();
        Ok(lines)
    }

    /// The tables' collation knows no case and no blanks at the end; we write neither.
    fn folded<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let key = key.trim_end_matches(' ');
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return key.to_ascii_lowercase().into();
        }
        key.into()
    }

    fn place(&self) -> ValuePlace {
        |_, _| "?".to_owned()
    }

    fn each(&mut self, statement: &Statement, lines: &[&str]) -> Result<(), Error> {
        let mut run = || -> mysql::Result<()> {
            let prepared = self.0.prep(&statement.text)?;
            for line in lines {
                self.0.exec_drop(&prepared, positional(statement.values(line)))?;
            }
            self.0.close(prepared)
        };
        run().map_err(|error| refused(statement.doing, &error))
    }

    fn insert(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        let single = Statement::insert(form, 1, self.place());
        let many = Statement::insert(form, ROWS, self.place());
        for batch in lines.chunks(ROWS) {
            let bytes: usize = batch.iter().map(|line| line.len()).sum();
            if batch.len() < ROWS || bytes > BYTES {
                self.each(&single, batch)?;
                continue;
            }
            let values = batch.iter().flat_map(|line| many.values(line)).collect();
            let taken = self.0.exec_drop(&many.text, positional(values));
            taken.map_err(|error| refused(many.doing, &error))?;
        }
        Ok(())
    }
}

fn positional(values: Vec<String>) -> Params {
    Params::Positional(values.into_iter().map(Value::from).collect())
}
