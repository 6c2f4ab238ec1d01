//! The tables: those of PostfixAdmin 3.3.13 (its `upgrade.php`; the columns are in its pages, the
//! words here are our own), and ours beside them.
//!
//! What PostfixAdmin's own upgrade makes differs from database to database in types, defaults and the
//! order of columns, so each has a text; a comparison with it is among the tests. Ours are one text.

use super::Error;

/// The version that PostfixAdmin 3.3.13 gives its tables.
const VERSION: u64 = 1847;

/// Asks for it.
pub(super) const ASK_VERSION: &str = "SELECT value FROM config WHERE name = 'version'";

/// Fails where the tables are older than what is written to them.
pub(super) fn check(version: &str) -> Result<(), Error> {
    let found = version.trim().parse().unwrap_or(0);
    if found < VERSION { Err(Error::Old(found, VERSION)) } else { Ok(()) }
}

/// The tables of a database, and its types for the columns of ours.
pub(super) struct Schema {
    theirs: &'static str,
    name: &'static str,
    targets: &'static str,
    account: &'static str,
    row: &'static str,
    end: &'static str,
}

/// Those of PostgreSQL.
pub(super) const POSTGRES: Schema = Schema {
    theirs: include_str!("postgres.sql"),
    name: "varchar(255)",
    targets: "text",
    account: "varchar(255)",
    row: "varchar(600)",
    end: ");",
};

/// Those of SQLite.
pub(super) const SQLITE: Schema =
    Schema { theirs: include_str!("sqlite.sql"), end: ") WITHOUT ROWID;", ..POSTGRES };

/// Those of MariaDB. A name is bytes: no two of them are one because of a collation. An account is
/// compared with those in PostfixAdmin's tables.
pub(super) const MYSQL: Schema = Schema {
    theirs: include_str!("mysql.sql"),
    name: "varbinary(1020)",
    targets: "mediumblob",
    account: "varchar(255) CHARACTER SET latin1 COLLATE latin1_general_ci",
    row: "varbinary(2400)",
    end: ") ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;",
};

impl Schema {
    /// Statements that make what is missing, each with its end.
    pub(super) fn text(&self) -> String {
        let own = include_str!("own.sql")
            .replace(" NAME ", &format!(" {} ", self.name))
            .replace(" TARGETS ", &format!(" {} ", self.targets))
            .replace(" ACCOUNT ", &format!(" {} ", self.account))
            .replace(" ROW ", &format!(" {} ", self.row))
            .replace("\n);", &format!("\n{}", self.end));
        [self.theirs, &own].concat()
    }
}
