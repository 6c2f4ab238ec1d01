//! PostgreSQL, by its own protocol; rows go in and out by COPY.

use super::statement::{Statement, ValuePlace};
use super::{Database, Error, schema};
use crate::model::connection::Connection;
use crate::model::sheet::{Form, Kind, escape, values};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls};
use std::fmt;
use std::io::{Read as _, Write as _};

/// An open database; a transaction that was not ended is undone when it is dropped.
pub(super) struct Postgres(Client);

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgreSQL")
    }
}

impl Postgres {
    /// Connects.
    pub(super) fn open(connection: &Connection) -> Result<Self, Error> {
        let Connection { host, port, name, user, password, .. } = connection;
        let mut config = Config::new();
        config.host(host).port(*port).dbname(name).user(user).application_name("unqmail");
        if !password.reveal().is_empty() {
            config.password(password.reveal());
        }
        let client = config.connect(NoTls);
        client.map(Self).map_err(|error| refused("be reached", &error))
    }
}

/// The server's own words, without those that hold values.
fn refused(doing: &'static str, error: &postgres::Error) -> Error {
    let told = error.as_db_error().map(|error| error.message().to_owned());
    Error::Refused(doing, told.unwrap_or_else(|| error.to_string()))
}

impl Database for Postgres {
    fn begin(&mut self) -> Result<(), Error> {
        // What it says of tables that are there already is for nobody.
        let begin = "SET client_min_messages TO warning; BEGIN";
        self.0.batch_execute(begin).map_err(|error| refused("be written to", &error))?;
        let made = self.0.batch_execute(&schema::POSTGRES.text());
        made.map_err(|error| refused("make its tables", &error))?;
        let version = self.0.query_one(schema::ASK_VERSION, &[]);
        let version = version.and_then(|row| row.try_get::<_, String>(0));
        schema::check(&version.map_err(|error| refused("tell its version", &error))?)?;
        // Nobody changes a row between the look at it and its writing.
        let lock = "LOCK TABLE domain, alias_domain, mailbox, alias, admin, domain_admins, unqmail_written IN SHARE ROW EXCLUSIVE MODE";
        self.0.batch_execute(lock).map_err(|error| refused("be written to", &error))
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.0.batch_execute("COMMIT").map_err(|error| refused("keep the rows", &error))
    }

    fn lines(&mut self, form: &Form) -> Result<Vec<String>, Error> {
        let query = format!("COPY (SELECT {} FROM {}) TO STDOUT", form.names(", "), form.table);
        let mut text = String::new();
        let mut read = || -> Result<(), Error> {
            let mut rows = self.0.copy_out(&query).map_err(|error| refused("be read", &error))?;
            let read = rows.read_to_string(&mut text);
            read.map(drop).map_err(|error| Error::Refused("be read", error.to_string()))
        };
        read()?;
        let mut lines: Vec<String> = text.lines().map(|line| own_form(form, line)).collect();
        lines.sort_unstable();
        Ok(lines)
    }

    fn insert(&mut self, form: &Form, lines: &[&str]) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let query = format!("COPY {} ({}) FROM STDIN", form.table, form.names(", "));
        let mut run = || -> Result<(), Error> {
            let refused = |error| refused("take rows", &error);
            let mut rows = self.0.copy_in(&query).map_err(refused)?;
            for line in lines {
                let written = rows.write_all(line.as_bytes()).and_then(|()| rows.write_all(b"\n"));
                written.map_err(|error| Error::Refused("take rows", error.to_string()))?;
            }
            rows.finish().map(drop).map_err(refused)
        };
        run()
    }

    /// Every value goes as a text, and the statement makes of it what its column holds.
    fn place(&self) -> ValuePlace {
        |at, kind| {
            let kind = match kind {
                Kind::Text(_) | Kind::Long => "text",
                Kind::Number | Kind::Large => "bigint",
                Kind::Flag => "boolean",
            };
            format!("${at}::text::{kind}")
        }
    }

    fn each(&mut self, statement: &Statement, lines: &[&str]) -> Result<(), Error> {
        let mut run = || -> Result<(), postgres::Error> {
            let prepared = self.0.prepare(&statement.text)?;
            for line in lines {
                let fields = statement.values(line);
                let fields: Vec<&(dyn ToSql + Sync)> =
                    fields.iter().map(|field| field as &(dyn ToSql + Sync)).collect();
                self.0.execute(&prepared, &fields)?;
            }
            Ok(())
        };
        run().map_err(|error| refused(statement.doing, &error))
    }
}

/// A row as COPY writes it, in the form of all databases: it has more escapes, and words for flags.
fn own_form(form: &Form, line: &str) -> String {
    let mut own = String::new();
    for (at, (field, column)) in line.split('\t').zip(form.columns).enumerate() {
        if at > 0 {
            own.push('\t');
        }
        match (column.kind, field) {
            (_, "\\N") => {}
            (Kind::Flag, flag) => own.push(if flag == "t" { '1' } else { '0' }),
            (Kind::Text(_) | Kind::Long, text) => {
                values(text).for_each(|value| escape(&value, &mut own));
            }
            (Kind::Number | Kind::Large, number) => own.push_str(number),
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::own_form;
    use crate::model::sheet::{Column, Form, Kind};

    #[test]
    fn what_copy_writes_is_read_whatever_it_escapes() {
        const COLUMNS: &[Column] = &[
            Column { name: "a", kind: Kind::Text(9) },
            Column { name: "b", kind: Kind::Flag },
            Column { name: "c", kind: Kind::Large },
        ];
        let form = Form { table: "t", keys: 1, columns: COLUMNS };
        assert_eq!(own_form(&form, "x\\\\b\\by\tt\t7"), "x\\\\b\u{8}y\t1\t7");
        assert_eq!(own_form(&form, "\\N\tf\t-1"), "\t0\t-1");
    }
}
