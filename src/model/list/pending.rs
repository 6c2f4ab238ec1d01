//! Posts that wait for somebody.

use crate::model::RelPath;
use bstr::BString;

/// A post that was not distributed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its file.
    pub file: RelPath,
    /// Whom it waits for.
    pub waits_for: WaitsFor,
    /// The envelope sender.
    pub sender: BString,
    /// The subject, as it stands in the header.
    pub subject: BString,
    /// When it came, in seconds since 1970.
    pub when: i64,
}

/// Who decides about a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitsFor {
    /// A moderator.
    Moderator,
    /// Whoever sent it, who was asked to confirm it.
    Sender,
}
