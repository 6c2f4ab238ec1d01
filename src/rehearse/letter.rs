//! The messages that are sent, and how they are known again.

use crate::model::Address;
use crate::model::outcome::Outcome;
use crate::stage::{Answer, Line, Stage};
use bstr::{BStr, BString, ByteSlice as _};
use std::io;

/// What stands around the number in a message's envelope sender, From and Message-ID.
const FRONT: &str = "rehearsal-";
const DOMAIN: &str = "@probe.invalid";

/// A message with a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) number: usize,
    pub(super) to: &'a BStr,
}

/// What the server said when the message was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is in the queue, under this id.
    Queued(BString),
    /// It was not taken.
    Refused(Outcome),
}

/// The envelope sender of the message with a number.
pub(super) fn sender(number: usize) -> String {
    format!("{FRONT}{number}{DOMAIN}")
}

impl Letter<'_> {
    /// Hands the message over, on the line that is open or on a new one.
    pub(super) fn send(self, stage: &Stage, open: &mut Option<Line>) -> io::Result<Said> {
        let mut line = match open.take() {
            Some(line) => line,
            None => greeted(stage)?,
        };
        let said = self.hand_over(&mut line)?;
        // A server slows a client down that has been refused.
        if matches!(said, Said::Queued(_)) {
            *open = Some(line);
        }
        Ok(said)
    }

    fn hand_over(self, line: &mut Line) -> io::Result<Said> {
        let sender = sender(self.number);
        let commands = [
            format!("MAIL FROM:<{sender}>").into_bytes(),
            [b"RCPT TO:<", written(self.to).as_slice(), b">"].concat(),
            b"DATA".to_vec(),
        ];
        for command in commands {
            let answer = line.smtp(&command)?;
            if !answer.is_yes() {
                return Ok(Said::Refused(refusal(&answer)));
            }
        }
        let to: String = self.to.chars().filter(char::is_ascii_graphic).collect();
        let text = format!(
            "From: Rehearsal <{sender}>\r\nTo: <{to}>\r\nSubject: Rehearsal\r\n\
             Message-ID: <{sender}>\r\nDate: Sat, 1 Jan 2000 00:00:00 +0000\r\n\r\n\
             Where does mail for this address end?\r\n."
        );
        let answer = line.smtp(text.as_bytes())?;
        if !answer.is_yes() {
            return Ok(Said::Refused(refusal(&answer)));
        }
        let id = answer.text.rsplit(' ').next().unwrap_or_default();
        Ok(Said::Queued(id.into()))
    }
}

/// A line on which the client has introduced itself.
fn greeted(stage: &Stage) -> io::Result<Line> {
    let mut line = stage.connect(25, None)?;
    let greeting = line.answer()?;
    let answer = if greeting.is_yes() { line.smtp(b"EHLO localhost")? } else { greeting };
    if answer.is_yes() { Ok(line) } else { Err(io::Error::other(answer.text)) }
}

fn refusal(answer: &Answer) -> Outcome {
    let text = answer.text.get(4..).unwrap_or_default().into();
    if answer.code >= 500 { Outcome::Reject(text) } else { Outcome::Defer(text) }
}

/// Whether a mail command can hold the address (RFC 5321, 4.1.2).
pub(super) fn can_be_written(address: &BStr) -> bool {
    !address.is_empty() && address.find_byteset(b"\r\n\0").is_none()
}

/// An address as a mail command spells it: the local part is quoted where it has to be.
fn written(address: &BStr) -> BString {
    let (local, domain) = match address.rfind_byte(b'@') {
        Some(at) => address.split_at_checked(at).unwrap_or((address, b"")),
        None => (address.as_bytes(), b"".as_slice()),
    };
    let is_atom = |atom: &[u8]| {
        !atom.is_empty() && atom.iter().all(|b| !b" \t\"(),:;<>@[\\]".contains(b) && *b != 127)
    };
    if local.split_str(".").all(is_atom) {
        return address.to_owned();
    }
    let escape = |b: &u8| if b"\"\\".contains(b) { vec![b'\\', *b] } else { vec![*b] };
    let escaped: Vec<u8> = local.iter().flat_map(escape).collect();
    [b"\"", escaped.as_slice(), b"\"", domain].concat().into()
}

/// The ids that a message had in queues, as far as they are its own: that of the newest `Received` line
/// which is not by an LMTP server, and all older ones if it was a script that sent it on, which says so
/// (`cmd-redirect.c` of Pigeonhole).
pub(super) fn queue_ids(text: &[u8]) -> Vec<BString> {
    let head = head(text);
    let unfolded = head.replace("\n\t", " ").replace("\n ", " ");
    let is_sent_on = unfolded.lines().any(|line| line.starts_with(b"X-Sieve: "));
    let received = unfolded.lines().filter(|line| line.starts_with(b"Received:"));
    let ids = received.filter(|line| !line.contains_str(" with LMTP id ")).filter_map(|line| {
        let (_, after) = line.split_once_str(" id ")?;
        let end = after.find_byteset(b" ;").unwrap_or(after.len());
        Some(BString::from(after.get(..end)?))
    });
    ids.take(if is_sent_on { usize::MAX } else { 1 }).collect()
}

/// The number of the message that a message is, repeats or answers.
pub(super) fn number(text: &[u8]) -> Option<usize> {
    let (_, after) = text.split_once_str(FRONT)?;
    let (number, _) = after.split_once_str(DOMAIN)?;
    number.to_str().ok()?.parse().ok()
}

fn head(text: &[u8]) -> &[u8] {
    text.find("\n\n").and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The number of the message that a script has refused: it tells the sender by a message of its own
/// (`ext-reject.c` of Pigeonhole).
pub(super) fn refused(text: &[u8]) -> Option<usize> {
    let mark = b"Auto-Submitted: auto-replied (rejected)";
    let is_refusal = head(text).lines().any(|line| line.starts_with(mark));
    is_refusal.then(|| number(text)).flatten()
}

/// The number of the message that a script has answered, and who answers (RFC 3834, 5).
pub(super) fn answered(text: &[u8]) -> Option<(usize, Address)> {
    let head = head(text);
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name.as_bytes()));
    field("Auto-Submitted: ").filter(|value| value.starts_with(b"auto-replied (vacation)"))?;
    let from = field("From: ")?;
    let from = from.rsplit_once_str("<").map_or(from, |(_, from)| from.trim_end_with(|c| c == '>'));
    Some((number(text)?, Address::parse(from)?))
}

#[cfg(test)]
mod tests {
    use super::{answered, can_be_written, number, queue_ids, refused, written};
    use bstr::{BStr, ByteSlice as _};

    #[test]
    fn local_parts_are_quoted_where_they_must_be() {
        let written = |address: &str| written(BStr::new(address)).to_string();
        assert_eq!(written("joe@x.example"), "joe@x.example");
        assert_eq!(written("a b@x.example"), "\"a b\"@x.example");
        assert_eq!(written(".a\"@x.example"), "\".a\\\"\"@x.example");
        assert_eq!(written("joe"), "joe");
        assert!(!can_be_written(BStr::new("a\r\nRSET@x.example")));
    }

    #[test]
    fn the_newest_queue_counts() {
        let text = b"Return-Path: <a@x>\nReceived: from mx\n\tby mx with LMTP id abc\n\tfor <b@x>;\nReceived: from c\n (c [1.2.3.4])\n\tby mx (Postfix) with ESMTP id 4F2A\n\tfor <b@x>; Sat\nReceived: by mx id OLD\n\nReceived: id no";
        assert_eq!(queue_ids(text), ["4F2A"]);
        let sent_on = [b"X-Sieve: Pigeonhole Sieve 0.5\n".as_slice(), text].concat();
        assert_eq!(queue_ids(&sent_on), ["4F2A", "OLD"]);
        assert!(queue_ids(b"Subject: id x\n\n").is_empty());
    }

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        assert_eq!(number(b"x <rehearsal-12@probe.invalid>"), Some(12));
        assert_eq!(number(b"x <rehearsal-x@probe.invalid>"), None);
    }
    #[test]
    fn an_answer_is_known_by_what_it_says_of_itself() {
        let text = b"From: Eve <eve@a.example>\nTo: <rehearsal-7@probe.invalid>\nAuto-Submitted: auto-replied (vacation)\n\nAway.";
        let (number, from) = answered(text).unwrap();
        assert_eq!((number, from.to_string()), (7, "eve@a.example".to_owned()));
        assert_eq!(answered(&text.replace("(vacation)", "")), None);
        assert_eq!(refused(&text.replace("(vacation)", "(rejected)")), Some(7));
        assert_eq!(refused(text), None);
    }
}
