//! Lays an old server's disk out from a manifest: a text that says what git cannot keep — owners,
//! modes, dates, empty folders, links, odd names and databases. For the demonstration and for tests.

mod compile;
mod lay;
mod manifest;

pub use lay::lay_out;
pub use manifest::Malformed;

use crate::fsys;

/// The bundled site: small, and with something of everything that a site may hold.
pub const SITE: &str = include_str!("../../fixtures/sites/larch/site.txt");

/// The settings for its migration.
pub const SETTINGS: &str = include_str!("../../fixtures/sites/larch/unqmail.toml");

/// Why a sample cannot be laid out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest is not understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It cannot be written.
    #[error(transparent)]
    Files(#[from] fsys::Error),
}
