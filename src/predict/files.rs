//! Where the files of the new server come from.

use super::Error;
use crate::model::RelPath;
use bstr::BString;
use std::sync::Arc;

/// The files of the new server, planned or written. What lies in a folder `database` are tables of its
/// database, see [`TABLES`](super::TABLES).
pub trait Files: Sync {
    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    fn read(&self, path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, Error>;

    /// The names in a folder; none where it is not there.
    ///
    /// # Errors
    /// Where it is there and cannot be listed.
    fn names(&self, folder: &RelPath) -> Result<Vec<BString>, Error>;
}

/// Files without a folder that somebody lists.
#[cfg(test)]
impl<F: Fn(&RelPath) -> Result<Option<Arc<Vec<u8>>>, Error> + Sync> Files for F {
    fn read(&self, path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, Error> {
        self(path)
    }

    fn names(&self, _: &RelPath) -> Result<Vec<BString>, Error> {
        Ok(Vec::new())
    }
}
