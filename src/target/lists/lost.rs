//! What an old list did by a setting that its new manager does not keep, told by the setting's name.

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::list::{List, Setting};

/// What a list does where it has a setting: the front of a sentence, which its value may end.
const DOES: &[(&str, &str)] = &[
    ("digest-bytes", "a digest is sent at so many bytes"),
    ("fields-kept", "only these header fields are passed on"),
    ("fields-refused", "posts with these header fields are refused"),
    ("from-rewritten", "the From: of each post becomes the list's address"),
    ("held-returned", "posts that no moderator looks at go back to their sender"),
    ("held-seconds", "posts wait for a moderator for so many seconds"),
    ("language", "the list answers in a language of its own"),
    ("list-id", "each post has a List-ID: header"),
    ("moderators-edit-texts", "moderators may change the list's texts by mail"),
    ("moderators-list-members", "moderators may fetch the list of members by mail"),
    ("moderators-subscribe-others", "moderators may subscribe and unsubscribe others by mail"),
    ("parent", "all posts come from another list"),
    ("smallest-bytes", "posts that are too small are refused"),
    ("subject-commands-refused", "posts whose subject is a command are refused"),
    ("subject-required", "posts without a subject are refused"),
    ("types-kept", "parts of other MIME types are removed"),
    ("types-refused", "posts with parts of these MIME types are refused"),
    ("types-removed", "parts of these MIME types are removed"),
];

/// A setting that is not kept, or not as it was, and what follows.
pub(super) type Loss = (&'static str, Disposition, &'static str);

/// Of a sublist, where its parent's address is known by the envelope sender.
pub(super) const OWN_SUBLIST: &str = "the new list takes what the parent's address is the envelope sender of, and numbers it by itself; the parent must have it among its members";

/// Of MIME types, where only that of the whole message is looked at.
pub(super) const WHOLE_TYPES: &str =
    "on the new list a post of such a type is refused, and one with a part of it is not";

/// Tells each setting of the list that is among the losses.
pub(super) fn tell(list: &List, losses: &[Loss], findings: &mut Findings) {
    for setting in list.settings().iter().filter(|setting| !setting.value.is_nothing()) {
        let of_it = losses.iter().filter(|(name, ..)| *name == setting.name);
        for (_, disposition, effect) in of_it {
            findings.push(Finding::new(
                &code::LIST_SETTING_UNMAPPED,
                *disposition,
                setting.origin.unwrap_or(&list.posting.origin).clone(),
                list.address.to_bytes(),
                message(setting),
                *effect,
            ));
        }
    }
}

/// The sentence, with the setting's own words behind it if it has some.
fn message(setting: &Setting<'_>) -> String {
    let does = DOES.iter().find(|(name, _)| *name == setting.name).map_or(setting.name, |it| it.1);
    let value = setting.value.to_string();
    if value == "yes" { does.to_owned() } else { format!("{does}: {value}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::list::Posting;
    use crate::target::lists::tests::list;

    #[test]
    fn each_sentence_is_about_a_setting_that_there_is() {
        let list = list(Posting::Anyone).list;
        for (name, _) in DOES {
            assert!(list.settings().iter().any(|setting| setting.name == *name), "{name}");
        }
        assert!(DOES.is_sorted());
    }

    #[test]
    fn a_setting_that_is_lost_is_told_with_its_value_and_one_that_is_off_is_not() {
        let mut list = list(Posting::Anyone).list;
        let losses: &[Loss] = &[
            ("list-id", Disposition::Dropped, "it has none"),
            ("types-kept", Disposition::Dropped, "all are passed on"),
        ];
        let origin = list.posting.origin.at(7);
        list.list_id = Some(crate::model::Sourced::new("<x>\u{1b}".into(), origin.clone()));
        let mut findings = Findings::default();
        tell(&list, losses, &mut findings);
        let told: Vec<_> = findings.iter().map(|it| (it.message(), &it.origin)).collect();
        assert_eq!(told, [("each post has a List-ID: header: <x>\\x1b", &origin)]);
    }
}
