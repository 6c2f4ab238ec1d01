//! Texts of old lists: what a subject begins with, and what stands below a message.

use crate::model::Address;
use crate::model::list::{List, Log};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice as _;

/// What the subject of each post begins with: one line, encoded words decoded. Each manager fills in
/// numbers by a language of its own in which a `%` means something, so that none stands there.
pub(super) fn prefix(list: &List) -> Option<String> {
    let prefix = &list.prefix.as_ref()?.value;
    let line = prefix.split_str("\n").next().unwrap_or_default().trim_ascii();
    let line = decoded(&unicode(line)).replace('%', "");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// What stands below each message; empty where nothing does.
pub(super) fn trailer(list: &List) -> String {
    let Some(trailer) = &list.trailer else { return String::new() };
    let mut text = String::new();
    for line in unicode(&trailer.value).lines() {
        // What only the old program could fill in: tags, and marks of its old versions.
        if line.contains("<#") || matches!(line, "!A" | "!R") {
            continue;
        }
        text.extend(line.chars().filter(|c| !c.is_control() || *c == '\t'));
        text.push('\n');
    }
    text
}

/// The words of an old text, without control bytes.
pub(super) fn words(text: &[u8]) -> String {
    unicode(text).chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

/// The name that somebody joined under, as one line of so many characters at most; `None` where he
/// gave none.
pub(super) fn name(log: &Log, member: &Address, longest: usize) -> Option<String> {
    let joined = log.get(&member.to_lower())?;
    let name = decoded(&unicode(&joined.name));
    let name: String = name.chars().filter(|c| !c.is_control()).take(longest).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Bytes that are not UTF-8 are taken for Latin-1, as mail programs of the time wrote them.
pub(super) fn unicode(bytes: &[u8]) -> String {
    bytes
        .to_str()
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// The text behind encoded words (RFC 2047) in UTF-8 or Latin-1; others stay as they are.
pub(super) fn decoded(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((front, word)) = rest.split_once("=?") {
        let Some((said, behind)) = word_text(word) else {
            text += front;
            text += "=?";
            rest = word;
            continue;
        };
        // Blanks between two words are no part of the text.
        let is_between = !text.is_empty() && front.trim().is_empty();
        text += if is_between { "" } else { front };
        text += &said;
        rest = behind;
    }
    text + rest
}

/// The text of `charset?encoding?data?=`, and what follows it.
fn word_text(word: &str) -> Option<(String, &str)> {
    let (charset, word) = word.split_once('?')?;
    let (encoding, word) = word.split_once('?')?;
    let (data, behind) = word.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(data).ok()?,
        "Q" | "q" => quoted(data)?,
        _ => return None,
    };
    let text = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8(bytes).ok()?,
        "iso-8859-1" => bytes.iter().map(|byte| char::from(*byte)).collect(),
        _ => return None,
    };
    Some((text, behind))
}

fn quoted(data: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = data.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let (code, after) = after.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(code.to_str().ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decoded, unicode};

    #[test]
    fn encoded_words_are_read() {
        assert_eq!(decoded("[=?utf-8?Q?=C3=A9t=C3=A9_1?=]"), "[été 1]");
        assert_eq!(decoded("=?ISO-8859-1?q?=E9?= =?utf-8?B?w6k=?= x"), "éé x");
        for plain in ["[club]", "=?x?", "=?utf-8?X?a?=", "=?utf-8?Q?=4?=", "=?koi8-r?Q?a?="] {
            assert_eq!(decoded(plain), plain);
        }
    }

    #[test]
    fn other_bytes_are_latin_1() {
        assert_eq!(unicode(b"\xe9"), "\u{e9}");
    }
}
