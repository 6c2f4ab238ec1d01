//! What a list takes of a post, and what it refuses one for.

use crate::model::{Origin, Sourced};
use bstr::BString;

/// Header fields and MIME types that a list looks for in posts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// A post with one of these header fields is refused.
    pub refused_fields: Vec<Sourced<BString>>,
    /// Only these header fields are passed on.
    pub kept_fields: Vec<Sourced<BString>>,
    /// A post of one of these MIME types, or with a part of one, is refused.
    pub refused_types: Vec<Sourced<BString>>,
    /// Parts of these MIME types are removed.
    pub removed_types: Vec<Sourced<BString>>,
    /// A post that is of a removed type itself is refused.
    pub refuses_removed: bool,
    /// Parts of other MIME types are removed.
    pub kept_types: Vec<Sourced<BString>>,
}

/// What a list asks of the subject of a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// A post without one is refused.
    pub required: bool,
    /// A post whose subject is a command for the list is refused.
    pub no_commands: bool,
}

/// What moderators may do by mail beside deciding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// Subscribe and unsubscribe others.
    pub subscribe_others: Option<Origin>,
    /// Fetch the list of members.
    pub list_members: Option<Origin>,
    /// Change the list's texts.
    pub edit_texts: Option<Origin>,
}
