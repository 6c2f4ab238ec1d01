//! What queries are written in: the words in which databases differ, and where the database is.

use super::Choices;
use crate::model::connection::Connection;
use crate::model::sheet::Texts;
use crate::policy::Backend;

/// The folder of the SQLite database on the new host. Its journal lies beside it.
pub const FOLDER: &str = "var/lib/unqmail-accounts";

/// The SQLite database on the new host.
pub const FILE: &str = "var/lib/unqmail-accounts/accounts.sqlite";

/// The user who runs the web panel, on Debian; the SQLite database is that user's.
pub const PANEL_USER: &str = "www-data";

/// A database in the words of those who ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect<'p> {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgresql(&'p Connection),
    /// MariaDB.
    Mysql(&'p Connection),
}

impl<'p> Dialect<'p> {
    /// That of the chosen database, if one is.
    pub(super) fn of(choices: Choices<'p>) -> Option<Self> {
        match choices.backend {
            Backend::Files => None,
            Backend::Sqlite => Some(Self::Sqlite),
            Backend::Postgresql => choices.server.map(Self::Postgresql),
            Backend::Mysql => choices.server.map(Self::Mysql),
        }
    }

    /// Postfix's and Dovecot's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql(_) => "pgsql",
            Self::Mysql(_) => "mysql",
        }
    }

    /// What texts PostfixAdmin's tables hold.
    pub(super) fn texts(self) -> Texts {
        match self {
            Self::Sqlite | Self::Postgresql(_) => Texts::ANY,
            // They are latin1 there, and a TEXT has 16 bits for its length.
            Self::Mysql(_) => Texts { wide: false, long: 65_535 },
        }
    }

    /// A query in which `YES` and `NO` stand for what a column of flags holds.
    ///
    /// MariaDB is told that what was asked for is latin1, whatever the connection has: compared with a
    /// column of that, any other letters of UTF-8 would be an error, and mail for the address would wait.
    pub(super) fn query(self, query: &str) -> String {
        let (yes, no, front) = match self {
            Self::Sqlite => ("1", "0", ""),
            Self::Postgresql(_) => ("true", "false", ""),
            Self::Mysql(_) => ("1", "0", "_latin1"),
        };
        let query = query.replace("= YES", &format!("= {yes}")).replace("= NO", &format!("= {no}"));
        query.replace("'%", &format!("{front}'%"))
    }

    /// Texts one after the other.
    pub(super) fn joined(self, texts: &[&str]) -> String {
        match self {
            Self::Sqlite | Self::Postgresql(_) => texts.join(" || "),
            Self::Mysql(_) => format!("CONCAT({})", texts.join(", ")),
        }
    }

    /// A text without the slashes at its end.
    pub(super) fn without_slash(self, text: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgresql(_) => format!("rtrim({text}, '/')"),
            Self::Mysql(_) => format!("TRIM(TRAILING '/' FROM {text})"),
        }
    }
}
