//! Recipient access tables (access(5)).

use super::maps::{Found, Map};
use bstr::{BString, ByteSlice as _};

/// What a `check_recipient_access` table says of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Refused for good, with this text, by this row.
    Refused(BString, String),
    /// Refused for now, with this text, by this row.
    Later(BString, String),
    /// Nothing.
    Nothing,
}

/// Asks for the whole address, then the domain, then `.parent` domains; parents match subdomains
/// only in that form, because `parent_domain_matches_subdomains` is empty.
pub(super) fn ask(map: &Map, address: &[u8]) -> Answer {
    let domain = address.rsplit_once_str("@").map(|(_, domain)| domain).unwrap_or_default();
    let parents = domain.find_iter(".").filter_map(|at| domain.get(at..));
    let keys = [address, domain].into_iter().chain(parents);
    let mut found = keys.into_iter().enumerate().filter_map(|(at, key)| map.get(key, at > 0));
    let Some(Found { value: action, place }) = found.next() else {
        return Answer::Nothing;
    };
    let (word, rest) = action.split_once_str(" ").unwrap_or((&action, b""));
    let text = || BString::from(without_code(rest));
    match word {
        b"REJECT" | [b'5', b'0'..=b'9', b'0'..=b'9'] => Answer::Refused(text(), place.to_string()),
        b"DEFER" | [b'4', b'0'..=b'9', b'0'..=b'9'] => Answer::Later(text(), place.to_string()),
        _ => Answer::Nothing,
    }
}

/// The text without a status code such as `5.1.1` in front.
pub(super) fn without_code(text: &[u8]) -> &[u8] {
    let (code, rest) = text.split_once_str(" ").unwrap_or((text, b""));
    let is_code =
        code.split_str(".").count() == 3 && code.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    if is_code { rest } else { text }
}
