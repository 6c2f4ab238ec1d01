//! What the programs of a list do with a word behind its name, asked by a stranger
//! (`ezmlm-manage.c`, `ezmlm-get.c`, `ezmlm-return.c`).

use crate::model::command_address::Answer;
use crate::model::list::{ArchiveReaders, List, Subscribing};

/// Words of `ezmlm-manage` that only moderators may use.
const MANAGING: &[&[u8]] = &[b"list", b"listn", b"log", b"edit"];

/// Words that it answers with a text of their own.
const TELLING: &[&[u8]] = &[b"faq", b"info", b"query"];

/// The cookies that it has sent out, and waits for.
const COOKIES: &[&[u8]] = &[b"sc.", b"tc.", b"uc.", b"vc.", b"wc.", b"rc."];

/// What a program does with a word; `None` where it leaves the message to the next line.
pub(super) fn answer(list: &List, program: &[u8], word: &[u8]) -> Option<Answer> {
    let is_closed = list.subscribing.value == Subscribing::Closed;
    match program {
        b"ezmlm-return" => Some(bounce(word)),
        // No cookie of today fits one that a probe makes up.
        b"ezmlm-moderate" | b"ezmlm-confirm" => Some(Answer::Refused),
        b"ezmlm-get" => is_of_archive(word).then(|| {
            let is_for_all = list.archive.readers == ArchiveReaders::Anyone;
            if is_closed || !is_for_all { Answer::Refused } else { Answer::Done }
        }),
        // It looks for a command in the subject.
        b"ezmlm-request" => (word == b"request").then_some(Answer::Done),
        b"ezmlm-manage" => Some(match manage(word) {
            Answer::Help if word == b"help" => Answer::Help,
            _ if is_closed => Answer::Refused,
            answer => answer,
        }),
        _ => None,
    }
}

/// `return-` alone is where mail goes to be thrown away; `return-N-…` names a post.
fn bounce(word: &[u8]) -> Answer {
    let word = word.strip_prefix(b"digest-").unwrap_or(word);
    let rest = word.strip_prefix(b"return-").unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_of_post = digits > 0 && rest.get(digits) == Some(&b'-');
    if rest.is_empty() || is_of_post { Answer::Ignored } else { Answer::Refused }
}

fn is_of_archive(word: &[u8]) -> bool {
    [b"get".as_slice(), b"index", b"thread"].iter().any(|front| is_or_has(word, front, b"."))
}

/// Whether a word is this one, or this one with an argument.
fn is_or_has(word: &[u8], this: &[u8], mark: &[u8]) -> bool {
    word.strip_prefix(this).is_some_and(|rest| rest.is_empty() || rest.starts_with(mark))
}

/// A list that takes requests from anybody.
fn manage(word: &[u8]) -> Answer {
    // The digest's own address takes no mail, and who is denied is for moderators to say.
    if word == b"digest" || word.starts_with(b"deny-") {
        return Answer::Refused;
    }
    let fronts = [b"digest-".as_slice(), b"allow-"];
    let rest = fronts.iter().find_map(|front| word.strip_prefix(*front)).unwrap_or(word);
    let is_subscription = is_or_has(rest, b"subscribe", b"-")
        || is_or_has(rest, b"unsubscribe", b"-")
        || COOKIES.iter().any(|cookie| rest.starts_with(cookie));
    match () {
        () if is_subscription => Answer::Done,
        () if TELLING.iter().any(|this| is_or_has(word, this, b"-")) => Answer::Done,
        () if MANAGING.iter().any(|this| is_or_has(rest, this, b".")) => Answer::Refused,
        // Without `ezmlm-get` it tells that posts cannot be had.
        () if is_or_has(word, b"get", b".") => Answer::Done,
        () => Answer::Help,
    }
}

#[cfg(test)]
mod tests {
    use super::{bounce, manage};
    use crate::model::command_address::Answer;

    #[test]
    fn a_bounce_is_known_by_the_number_of_its_post() {
        for word in ["return-", "return-12-joe=x.example", "digest-return-1-a=b"] {
            assert_eq!(bounce(word.as_bytes()), Answer::Ignored, "{word}");
        }
        for word in ["return-zork", "return-12", "digest-return-x"] {
            assert_eq!(bounce(word.as_bytes()), Answer::Refused, "{word}");
        }
    }

    #[test]
    fn words_of_a_public_list() {
        let words = [
            ("subscribe", Answer::Done),
            ("subscribe-joe=x.example", Answer::Done),
            ("allow-subscribe", Answer::Done),
            ("digest-unsubscribe", Answer::Done),
            ("sc.1.abc-joe=x.example", Answer::Done),
            ("query", Answer::Done),
            ("list", Answer::Refused),
            ("edit.bottom", Answer::Refused),
            ("deny-zork", Answer::Refused),
            ("digest", Answer::Refused),
            ("digest-owner", Answer::Help),
            ("list2", Answer::Help),
            ("subscribers", Answer::Help),
            ("mod-list", Answer::Help),
            ("help", Answer::Help),
        ];
        for (word, answer) in words {
            assert_eq!(manage(word.as_bytes()), answer, "{word}");
        }
    }
}
