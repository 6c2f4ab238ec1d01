//! Where a value came from.

use super::RelPath;
use std::fmt;
use std::sync::Arc;

/// The file of the site that a value was read from, and its line (from 1; 0 for the whole file).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file, relative to the site's root, by the name it was opened under.
    pub file: Arc<RelPath>,
    /// The line in it, counted from 1; 0 when the whole file is meant.
    pub line: u32,
}

impl Origin {
    /// The whole of a file or folder.
    pub fn file(path: &RelPath) -> Self {
        Self { file: Arc::new(path.clone()), line: 0 }
    }

    /// The same file at another line.
    #[must_use]
    pub fn at(&self, line: u32) -> Self {
        Self { file: Arc::clone(&self.file), line }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A value together with its place in the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value as read.
    pub value: T,
    /// Where it stands.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// Ties a value to its place.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}
