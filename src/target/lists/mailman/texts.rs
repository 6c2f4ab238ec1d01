//! Texts: what a subject begins with, and what stands below a message.

use crate::model::list::List;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice as _;

/// The subject prefix, `%d` for the number of the post. Mailman formats it with Python's `%`, so
/// that no other `%` may stand there; and puts no blank between it and the subject by itself.
pub(super) fn prefix(list: &List) -> String {
    let Some(prefix) = &list.prefix else { return String::new() };
    let line = prefix.value.split_str("\n").next().unwrap_or_default().trim_ascii();
    let line = decoded(&unicode(line)).replace('%', "");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    match line.trim() {
        "" => String::new(),
        line => format!("{} ", line.replacen('#', "%d", 1)),
    }
}

/// What stands below each message. Mailman fills in what follows a `$` (`string.Template`), so that
/// none is left alone.
pub(super) fn footer(list: &List) -> String {
    let Some(trailer) = &list.trailer else { return String::new() };
    let mut footer = String::new();
    for line in unicode(&trailer.value).lines() {
        // What only the old program could fill in: tags, and marks of its old versions.
        if line.contains("<#") || matches!(line, "!A" | "!R") {
            continue;
        }
        footer.extend(line.chars().filter(|c| !c.is_control() || *c == '\t'));
        footer.push('\n');
    }
    footer.replace('$', "$$")
}

/// Bytes that are not UTF-8 are taken for Latin-1, as mail programs of the time wrote them.
fn unicode(bytes: &[u8]) -> String {
    bytes
        .to_str()
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// The text behind encoded words (RFC 2047) in UTF-8 or Latin-1; others stay as they are.
fn decoded(line: &str) -> String {
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
