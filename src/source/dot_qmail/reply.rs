//! The file with an answer: a message, or its text alone (`autorespond.c`, qmail-autoresponder(1)).

use super::charset::{decoded, to_utf8};
use crate::model::responder::Reply;
use bstr::ByteSlice as _;

/// Reads it. `None` for what is more than one text: attachments, and sets and encodings that are not
/// known.
pub(super) fn parse(bytes: &[u8]) -> Option<Reply> {
    let bytes = bytes.replace("\r\n", "\n").replace("\0", "");
    let (fields, body) = divided(&bytes);
    let field = |name: &str| {
        fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    };
    let content = field("content-type").map(|value| value.to_str_lossy().to_ascii_lowercase());
    let (kind, charset) = match &content {
        Some(value) => (value.split(';').next().unwrap_or_default().trim(), parameter(value)),
        None => ("text/plain", None),
    };
    let is_html = kind == "text/html";
    if !is_html && kind != "text/plain" {
        return None;
    }
    let encoding = field("content-transfer-encoding").map(|value| value.to_str_lossy());
    let body = decoded(body, encoding.as_deref().map(str::trim))?;
    let text = to_utf8(&body, charset.as_deref())?;
    let value = |name: &str| {
        let value = to_utf8(field(name)?, charset.as_deref())?;
        let value = value.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    Some(Reply { from: value("from"), subject: value("subject"), text, is_html })
}

/// A field's name and its value.
type Field = (Vec<u8>, Vec<u8>);

/// Fields with their values unfolded, and the body. A file that does not begin with a field is a
/// body.
fn divided(bytes: &[u8]) -> (Vec<Field>, &[u8]) {
    let mut fields: Vec<Field> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (line, after) = rest.split_once_str("\n").unwrap_or((rest, b""));
        if line.is_empty() {
            return (fields, after);
        }
        match (line.split_once_str(":"), fields.last_mut()) {
            (_, Some((_, value))) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            (Some((name, value)), _) if is_name(name) => {
                fields.push((name.to_vec(), value.trim_ascii().to_vec()));
            }
            _ => return (fields, rest),
        }
        rest = after;
    }
    (fields, rest)
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// The value of `charset=` in a field in lower case.
fn parameter(value: &str) -> Option<String> {
    let (_, after) = value.split_once("charset=")?;
    let end = |c: char| c == ';' || c.is_whitespace();
    Some(after.split(end).next()?.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    #[test]
    fn the_files_of_qmailadmin_are_messages() {
        let file = b"From: eve@a.example\nSubject: Away\n until\n\tMonday\nMIME-Version: 1.0\n\nBack \xe9 soon.\n";
        let reply = parse(file).unwrap();
        assert_eq!(reply.from.as_deref(), Some("eve@a.example"));
        assert_eq!(reply.subject.as_deref(), Some("Away until Monday"));
        assert_eq!((reply.text.as_str(), reply.is_html), ("Back é soon.\n", false));
    }

    #[test]
    fn a_text_alone_is_the_answer() {
        let reply = parse(b"Away until Monday.\nX: y\n").unwrap();
        assert_eq!((reply.from, reply.text.as_str()), (None, "Away until Monday.\nX: y\n"));
        assert_eq!(parse(b"").unwrap().text, "");
    }

    #[test]
    fn what_is_more_than_a_text_is_none() {
        assert!(
            parse(b"Content-Type: text/html; charset=\"iso-8859-1\"\n\n<p>\xe9").unwrap().is_html
        );
        assert_eq!(parse(b"Content-Type: multipart/mixed; boundary=x\n\n--x"), None);
        assert_eq!(parse(b"Content-Type: text/plain; charset=big5\n\nx"), None);
    }

    proptest! {
        #[test]
        fn any_file_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&bytes));
        }
    }
}
