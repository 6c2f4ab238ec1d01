//! Texts in the languages in which Mailman fills in numbers and names.

use crate::finding::Disposition;
use crate::model::list::{List, Occasion, Piece};
use crate::target::lists::texts::{self, words};
use crate::target::lists::told::Told;
use serde_json::{Map, Value};

/// Templates for the texts that Mailman sends too (`mailman.interfaces.template`).
const TEMPLATES: &[(Occasion, &str)] = &[
    (Occasion::Joined, "list:user:notice:welcome"),
    (Occasion::AskToJoin, "list:user:action:subscribe"),
    (Occasion::AskModeratorToJoin, "list:admin:action:subscribe"),
    (Occasion::Left, "list:user:notice:goodbye"),
    (Occasion::AskToLeave, "list:user:action:unsubscribe"),
];

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

/// The list's own texts, by the name of the template that each becomes. Mailman fills in what follows
/// a `$`; its own answers follow rules of their own, so that some texts have no place.
pub(super) fn templates(list: &List, told: &mut Told<'_>) -> Map<String, Value> {
    let mut templates = Map::new();
    for text in &list.texts {
        let template = TEMPLATES.iter().find(|(occasion, _)| *occasion == text.occasion);
        let Some((_, template)) = template else {
            told.unsent(text, "Mailman sends no such text");
            continue;
        };
        let (body, is_short) = text.spelled(|piece| match (piece, text.occasion) {
            (Piece::Words(text), _) => Some(words(text).replace('$', "$$")),
            (Piece::Person, Occasion::AskModeratorToJoin) => Some("$member".to_owned()),
            (Piece::Person, Occasion::Left) => None,
            (Piece::Person, _) => Some("$user_email".to_owned()),
            (Piece::Yes, Occasion::AskToJoin | Occasion::AskToLeave) => {
                Some("$confirm_email".to_owned())
            }
            _ => None,
        });
        if is_short {
            let name = format!("{} is a text of the list's own", text.origin.file.file_name());
            let effect = "lines with what only ezmlm can fill in are left out";
            told.setting(Disposition::Adapted, &text.origin, name, effect);
        }
        templates.insert((*template).to_owned(), body.into());
    }
    templates
}
