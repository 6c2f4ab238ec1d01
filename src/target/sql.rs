//! What queries are written in: the words in which databases differ, and where the database is.

use crate::policy::Backend;

/// The folder of the SQLite database on the new host. Its journal lies beside it.
pub const FOLDER: &str = "var/lib/unqmail-accounts";

/// The SQLite database on the new host.
pub const FILE: &str = "var/lib/unqmail-accounts/accounts.sqlite";

/// The user who runs the web panel, on Debian; the database is that user's.
pub const PANEL_USER: &str = "www-data";

/// The dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Postfix's and Dovecot's word for the database.
    pub(super) name: &'static str,
}

impl Dialect {
    /// That of the chosen database, if one is.
    pub(super) fn of(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Files => None,
            Backend::Sqlite => Some(Self { name: "sqlite" }),
        }
    }
}
