//! The tables: those of PostfixAdmin 3.3.13 (its `upgrade.php`; the columns are in its pages, the
//! words here are our own), and ours beside them.

use super::Error;

/// The version that PostfixAdmin 3.3.13 gives its tables.
const VERSION: u64 = 1847;

/// Fails where the tables are older than what is written to them.
pub(super) fn check(version: &str) -> Result<(), Error> {
    let found = version.trim().parse().unwrap_or(0);
    if found < VERSION { Err(Error::Old(found, VERSION)) } else { Ok(()) }
}

/// Makes what is missing. Types and defaults are those of PostfixAdmin: a comparison with what its
/// own upgrade makes is among the tests.
pub(super) const POSTGRES: &str = include_str!("postgres.sql");

/// The same for SQLite.
pub(super) const SQLITE: &str = include_str!("sqlite.sql");
