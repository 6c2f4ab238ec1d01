//! The file with an answer: a message, or its text alone (`autorespond.c`, qmail-autoresponder(1),
//! mailbot(1)).

mod charset;

use crate::model::responder::{Reply, Responder, Subject};
use bstr::ByteSlice as _;
use charset::{decoded, to_utf8};

/// No answer is larger: 64 KiB.
pub(super) const LARGEST: u64 = 64 << 10;

/// Reads it, as the call has it that names it. `None` for what is more than one text: attachments,
/// sets and encodings that are not known, and marks that stand for parts of the message.
pub(super) fn parse(bytes: &[u8], called: &Responder) -> Option<Reply> {
    let said = &called.said;
    let bytes = bytes.replace("\r\n", "\n").replace("\0", "");
    let (fields, body) =
        if said.is_text { (Vec::new(), bytes.as_slice()) } else { divided(&bytes) };
    let field = |name: &str| {
        fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    };
    let content = field("content-type").map(|value| value.to_str_lossy().to_ascii_lowercase());
    let kind = content.as_deref().unwrap_or("text/plain").split(';').next().unwrap_or_default();
    let kind = kind.trim();
    let own = || said.charset.as_ref().map(|name| name.to_str_lossy().into_owned());
    let charset = content.as_deref().and_then(parameter).or_else(own);
    let is_html = kind == "text/html";
    if !is_html && kind != "text/plain" {
        return None;
    }
    let encoding = field("content-transfer-encoding").map(|value| value.to_str_lossy());
    let body = decoded(body, encoding.as_deref().map(str::trim))?;
    let text = to_utf8(&body, charset.as_deref())?;
    let read = |value: &[u8]| {
        let value = to_utf8(value, charset.as_deref())?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let value = |name: &str| read(field(name)?);
    let of_file = || {
        let subject = value("subject")?;
        let mark = called.marks.first().filter(|mark| **mark == "%S");
        Some(match mark.and_then(|mark| subject.strip_suffix(*mark)) {
            Some(front) => Subject::Behind(front.to_owned()),
            None => Subject::Own(subject),
        })
    };
    let from = said.from.as_ref().map_or_else(|| value("from"), |from| read(from));
    let subject = match &said.subject {
        Some(Subject::Own(subject)) => read(subject).map(Subject::Own),
        Some(Subject::Behind(front)) => {
            let behind = || to_utf8(front, charset.as_deref()).map(Subject::Behind);
            of_file().or_else(behind)
        }
        None => of_file(),
    };
    let reply = Reply { from, subject, text, is_html };
    let has = |mark: &&str| reply.texts().any(|text| text.contains(*mark));
    (!called.marks.iter().any(has)).then_some(reply)
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
    use super::parse as parse_called;
    use crate::model::responder::{Reply, Responder, Said, Subject, responder};
    use proptest::prelude::*;

    fn called(said: Said) -> Responder {
        Responder { said, ..responder(b"qmail-autoresponder d").unwrap() }
    }

    fn parse(file: &[u8]) -> Option<Reply> {
        parse_called(file, &called(Said::default()))
    }

    fn parse_said(file: &[u8], said: &Said) -> Option<Reply> {
        parse_called(file, &called(said.clone()))
    }

    #[test]
    fn the_files_of_qmailadmin_are_messages() {
        let file = b"From: eve@a.example\nSubject: Away\n until\n\tMonday\nMIME-Version: 1.0\n\nBack \xe9 soon.\n";
        let reply = parse(file).unwrap();
        assert_eq!(reply.from.as_deref(), Some("eve@a.example"));
        assert_eq!(reply.subject, Some(Subject::Own("Away until Monday".into())));
        assert_eq!((reply.text.as_str(), reply.is_html), ("Back é soon.\n", false));
    }

    #[test]
    fn a_text_alone_is_the_answer() {
        let reply = parse(b"Away until Monday.\nX: y\n").unwrap();
        assert_eq!((reply.from, reply.text.as_str()), (None, "Away until Monday.\nX: y\n"));
        assert_eq!(parse(b"").unwrap().text, "");
    }

    #[test]
    fn what_the_call_says_goes_before_the_file() {
        let behind = Subject::Behind("Re: ".into());
        let said = Said {
            from: Some(b"J\xfcrg <joe@a.example>".into()),
            subject: Some(behind),
            charset: Some("iso-8859-1".into()),
            is_text: true,
            ..Said::default()
        };
        let reply = parse_said(b"Subject: x\n\n\xfc", &said).unwrap();
        assert_eq!(
            (reply.text.as_str(), reply.from.as_deref()),
            ("Subject: x\n\n\u{fc}", Some("J\u{fc}rg <joe@a.example>"))
        );
        assert_eq!(reply.subject, Some(Subject::Behind("Re: ".into())));
        let said = Said { is_text: false, ..said };
        let of_file = parse_said(b"Subject: x\n\ny", &said).unwrap();
        assert_eq!(of_file.subject, Some(Subject::Own("x".into())));
        let of_file = parse(b"Subject: Away, %S\n\ny").unwrap();
        assert_eq!(of_file.subject, Some(Subject::Behind("Away, ".into())));
        let said = Said { charset: Some("x-unknown".into()), ..said };
        assert_eq!(parse_said(b"x", &said), None);
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
