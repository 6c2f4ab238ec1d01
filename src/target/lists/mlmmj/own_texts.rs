//! Texts of a list's own, as mlmmj reads them (README.listtexts).

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::list::{List, Occasion, Piece, Text};
use crate::target::Content;
use crate::target::lists::texts::words;

/// The folder of a list's own texts, beside the link that names it.
pub(super) const FOLDER: &str = "own-text";

/// The package's texts (1.3); one that another version lacks is looked for in English.
const STOCK: &[&str] = &[
    "confirm",
    "deny",
    "deny-post",
    "digest",
    "faq",
    "finish",
    "finish-sub",
    "gatekeep-sub",
    "help",
    "list",
    "moderate-post",
    "notify",
    "probe",
    "prologue",
    "wait-post",
    "wait-sub",
];

/// The name of each text, and its subject.
const NAMES: &[(Occasion, &str, &str)] = &[
    (Occasion::Any, "prologue", ""),
    (Occasion::Joined, "finish-sub", "Welcome to $list$@$domain$"),
    (Occasion::IsMember, "deny-sub-subbed", "Already subscribed to $list$@$domain$"),
    (Occasion::AskToJoin, "confirm-sub", "Confirm subscription to $list$@$domain$"),
    (Occasion::AskModeratorToJoin, "gatekeep-sub", "Subscription request for $list$@$domain$"),
    (Occasion::Left, "finish-unsub", "Goodbye from $list$@$domain$"),
    (Occasion::IsNoMember, "deny-unsub-unsubbed", "Not subscribed to $list$@$domain$"),
    (Occasion::AskToLeave, "confirm-unsub", "Confirm unsubscribe from $list$@$domain$"),
    (Occasion::Help, "help", "Information for $list$@$domain$"),
    (Occasion::Faq, "faq", "Frequently asked questions of $list$@$domain$"),
    (Occasion::AskAboutPost, "moderate-post", "Please moderate $list$@$domain$: $subject$"),
];

/// What follows a moderator's text: the post itself.
const POST: &str = "\n--- \n%originalmail%\n";

/// The files of the folder: the list's own texts, and links to the package's.
pub(super) fn files(
    list: &List,
    stock: &str,
    findings: &mut Findings,
) -> Vec<(&'static str, Content)> {
    let mut files = Vec::new();
    for text in &list.texts {
        let mut tell = |disposition, effect: &'static str| {
            findings.push(Finding::new(
                &code::LIST_SETTING_UNMAPPED,
                disposition,
                text.origin.clone(),
                list.address.to_bytes(),
                format!("{} is a text of the list's own", text.origin.file.file_name()),
                effect,
            ));
        };
        match NAMES.iter().find(|(occasion, ..)| *occasion == text.occasion) {
            Some((_, name, subject)) => {
                let (content, is_short) = content(text, subject);
                files.push((*name, Content::file(content)));
                if is_short {
                    tell(
                        Disposition::Adapted,
                        "lines with what only ezmlm can fill in are left out",
                    );
                }
            }
            None => tell(Disposition::Dropped, "mlmmj sends no such text"),
        }
    }
    let own: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let others = STOCK.iter().filter(|name| !own.contains(name));
    files.extend(others.map(|name| (*name, Content::Link(format!("{stock}/{name}").into()))));
    files
}

/// The text with its header, and whether lines had to be left out.
fn content(text: &Text, subject: &str) -> (String, bool) {
    let is_post = text.occasion == Occasion::AskAboutPost;
    let (body, is_short) = text.spelled(|piece| {
        let spelled = match (piece, text.occasion) {
            (Piece::Words(text), _) => return Some(escaped(&words(text))),
            (Piece::Person, Occasion::Any | Occasion::Help | Occasion::Faq) => return None,
            (Piece::Person, _) => "$subaddr$",
            (Piece::Yes, Occasion::AskToJoin | Occasion::AskToLeave) => "$confirmaddr$",
            (Piece::Yes, Occasion::AskModeratorToJoin) => "$permitaddr$",
            (Piece::Yes, Occasion::AskAboutPost) => "$releaseaddr$",
            (Piece::No, Occasion::AskAboutPost) => "$rejectaddr$",
            _ => return None,
        };
        Some(spelled.to_owned())
    });
    let post = if is_post { POST } else { "" };
    if text.occasion == Occasion::Any {
        return (body, is_short);
    }
    (format!("Subject: {subject}\n\n%text prologue%\n\n{body}{post}"), is_short)
}

/// Nothing in the text is a mark of mlmmj's.
fn escaped(text: &str) -> String {
    let special = |c: char| "$%\\".contains(c);
    text.chars().flat_map(|c| special(c).then_some(c).into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::list::Posting;
    use crate::model::{Origin, RelPath};
    use crate::target::lists::tests::list;

    fn written(occasion: Occasion, lines: Vec<Vec<Piece>>) -> (Vec<(&'static str, String)>, usize) {
        let mut list = list(Posting::Anyone).list;
        let origin = Origin::file(&RelPath::new("l/text/x")).at(1);
        list.texts = vec![Text { occasion, origin, lines }];
        let mut findings = Findings::default();
        let files = files(&list, "/skel/fr", &mut findings);
        let told = files.into_iter().map(|(name, content)| match content {
            Content::File(bytes) => (name, String::from_utf8(bytes.to_vec()).unwrap()),
            Content::Link(target) => (name, target.into_owned()),
            Content::Folder => (name, String::new()),
        });
        (told.collect(), findings.len())
    }

    #[test]
    fn a_text_keeps_its_words_and_what_is_filled_in() {
        let words = |text: &str| Piece::Words(text.into());
        let lines = vec![
            vec![words("Salut "), Piece::Person, words(", 100% $ %control x% \\u0041")],
            vec![Piece::Unknown],
            vec![words("%text ../../x% \u{1b}[2J")],
        ];
        let (files, told) = written(Occasion::Joined, lines);
        let (name, text) = &files[0];
        assert_eq!(*name, "finish-sub");
        let body = text.split_once("%text prologue%\n\n").unwrap().1;
        let wanted = "Salut $subaddr$, 100%% $$ %%control x%% \\\\u0041\n%%text ../../x%% [2J\n";
        assert_eq!((body, told), (wanted, 1));
        assert!(files.contains(&("help", "/skel/fr/help".into())));
        assert_eq!(files.len(), STOCK.len());
    }

    #[test]
    fn a_text_that_mlmmj_never_sends_is_told() {
        let (files, told) = written(Occasion::Info, vec![]);
        assert_eq!((files.len(), told), (STOCK.len(), 1));
    }
}
