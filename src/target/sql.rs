//! What queries are written in: the words in which databases differ, and where the database is.

use super::Choices;
use crate::model::connection::Connection;
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
}

impl<'p> Dialect<'p> {
    /// That of the chosen database, if one is.
    pub(super) fn of(choices: Choices<'p>) -> Option<Self> {
        match choices.backend {
            Backend::Files => None,
            Backend::Sqlite => Some(Self::Sqlite),
            Backend::Postgresql => choices.server.map(Self::Postgresql),
        }
    }

    /// Postfix's and Dovecot's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql(_) => "pgsql",
        }
    }

    /// A query in which `YES` and `NO` stand for what a column of flags holds.
    pub(super) fn query(self, query: &str) -> String {
        let (yes, no) = match self {
            Self::Sqlite => ("1", "0"),
            Self::Postgresql(_) => ("true", "false"),
        };
        query.replace("= YES", &format!("= {yes}")).replace("= NO", &format!("= {no}"))
    }
}
