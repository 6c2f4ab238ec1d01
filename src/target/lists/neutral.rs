//! Each list in a form that belongs to no program.

use crate::model::RelPath;
use crate::model::design::MailingList;

/// The folder of a list's neutral definition.
pub(super) fn folder(list: &MailingList) -> RelPath {
    RelPath::new("var/lib/unqmail/lists").join(list.place().as_bstr())
}
