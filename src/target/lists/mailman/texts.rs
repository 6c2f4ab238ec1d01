//! Texts in the languages in which Mailman fills in numbers and names.

use crate::model::list::List;
use crate::target::lists::texts;

/// The subject prefix, `%d` for the number of the post: Mailman formats it with Python's `%`, and
/// puts no blank between it and the subject by itself.
pub(super) fn prefix(list: &List) -> String {
    texts::prefix(list).map_or_else(String::new, |line| format!("{} ", line.replacen('#', "%d", 1)))
}

/// What stands below each message. Mailman fills in what follows a `$` (`string.Template`), so that
/// none is left alone.
pub(super) fn footer(list: &List) -> String {
    texts::trailer(list).replace('$', "$$")
}
