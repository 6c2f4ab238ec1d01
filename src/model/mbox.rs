//! The mbox format (mbox(5) of qmail), divided into messages while it is read.

use bstr::{BString, ByteSlice};
use std::io::{self, BufRead};

/// One message of an mbox file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What follows `From ` on the line that begins the message: sender and date.
    pub envelope: BString,
    /// The message as it was before it was put into the file: without the empty line after it, and
    /// with one `>` less before each `>…From `.
    pub bytes: Vec<u8>,
}

/// Reads the messages one after the other; the memory used is that of the largest one.
#[derive(Debug)]
pub struct Messages<R> {
    reader: R,
    /// The line that begins the next message, already read.
    next: Option<BString>,
}

impl<R: BufRead> Messages<R> {
    /// Begins to read. Bytes before the first `From ` line are a message without an envelope line.
    pub fn new(reader: R) -> Self {
        Self { reader, next: None }
    }

    fn message(&mut self) -> io::Result<Option<Message>> {
        let mut line = Vec::new();
        let mut message = Message::default();
        let mut begun = match self.next.take() {
            Some(envelope) => {
                message.envelope = envelope;
                true
            }
            None => false,
        };
        // A `From ` line divides where the line before it is empty, or at the very beginning.
        let mut after_empty = !begun;
        loop {
            line.clear();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(begun.then(|| without_last_empty_line(message)));
            }
            if let Some(envelope) = line.strip_prefix(b"From ")
                && after_empty
            {
                let envelope = BString::from(envelope.trim_end_with(|c| matches!(c, '\r' | '\n')));
                if begun {
                    self.next = Some(envelope);
                    return Ok(Some(without_last_empty_line(message)));
                }
                message.envelope = envelope;
                begun = true;
                after_empty = false;
                continue;
            }
            after_empty = line == b"\n" || line == b"\r\n";
            begun = begun || !after_empty;
            let quoted = line.strip_prefix(b">").filter(|rest| {
                rest.find_not_byteset(b">")
                    .and_then(|at| rest.get(at..))
                    .is_some_and(|rest| rest.starts_with(b"From "))
            });
            if begun {
                message.bytes.extend_from_slice(quoted.unwrap_or(&line));
            }
        }
    }
}

impl<R: BufRead> Iterator for Messages<R> {
    type Item = io::Result<Message>;
    fn next(&mut self) -> Option<Self::Item> {
        self.message().transpose()
    }
}

fn without_last_empty_line(mut message: Message) -> Message {
    for end in [b"\n\n".as_slice(), b"\r\n\r\n"] {
        if message.bytes.ends_with(end) {
            message.bytes.truncate(message.bytes.len() - end.len() / 2);
            break;
        }
    }
    message
}

/// Header fields in which mail programs keep what they know of a message, and which they change when
/// it is read (`mailbox format` of UW IMAP's `docs/formats.txt`, mutt's `mbox.c`, qpopper's `X-UIDL`).
const NOTES: &[&str] = &[
    "content-length",
    "lines",
    "status",
    "x-imap",
    "x-imapbase",
    "x-keywords",
    "x-mozilla-status",
    "x-mozilla-status2",
    "x-status",
    "x-uid",
    "x-uidl",
];

impl Message {
    /// Its bytes without the header fields that change when somebody reads it.
    pub fn lasting(&self) -> Vec<u8> {
        let mut lasting = Vec::with_capacity(self.bytes.len());
        let mut rest = self.bytes.as_slice();
        let mut is_note = false;
        while let Some(end) = rest.find_byte(b'\n') {
            let (line, after) = rest.split_at(end + 1);
            if line.trim_ascii().is_empty() {
                break;
            }
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let name = line.split_once_str(":").map_or(line, |(name, _)| name);
                is_note = NOTES.iter().any(|note| name.eq_ignore_ascii_case(note.as_bytes()));
            }
            if !is_note {
                lasting.extend_from_slice(line);
            }
            rest = after;
        }
        lasting.extend_from_slice(rest);
        lasting
    }

    /// The Maildir flags that `Status:` and `X-Status:` stand for, in alphabetical order.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        for line in ByteSlice::lines(self.bytes.as_slice()).take_while(|line| !line.is_empty()) {
            let mut add = |letters: &[u8], map: &[(u8, char)]| {
                flags.extend(
                    map.iter().filter(|(from, _)| letters.contains(from)).map(|(_, to)| *to),
                );
            };
            if let Some(letters) = line.strip_prefix(b"Status:") {
                add(letters, &[(b'R', 'S')]);
            } else if let Some(letters) = line.strip_prefix(b"X-Status:") {
                add(letters, &[(b'T', 'D'), (b'F', 'F'), (b'A', 'R'), (b'D', 'T')]);
            }
        }
        let mut letters: Vec<char> = flags.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        letters.into_iter().collect()
    }

    /// The date of the envelope line in seconds since 1970; it is UTC, as qmail writes it.
    pub fn date(&self) -> Option<i64> {
        let fields: Vec<&str> = self
            .envelope
            .fields_with(char::is_whitespace)
            .filter_map(|f| f.to_str().ok())
            .collect();
        let [.., month, day, time, year] = fields.as_slice() else {
            return None;
        };
        let text = format!("{day} {month} {year} {time}");
        let date = jiff::civil::DateTime::strptime("%d %b %Y %H:%M:%S", text).ok()?;
        Some(jiff::tz::TimeZone::UTC.to_timestamp(date).ok()?.as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Messages};
    use bstr::ByteSlice as _;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Message> {
        Messages::new(text.as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn messages_are_divided_at_envelope_lines_after_an_empty_line() {
        let found = read(
            "From a@b Mon Jan  2 03:04:05 2006\nSubject: x\n\nFrom c Tue Jan  3 00:00:00 2006\nlast",
        );
        let bytes: Vec<&[u8]> = found.iter().map(|message| message.bytes.as_slice()).collect();
        assert_eq!(bytes, [b"Subject: x\n".as_slice(), b"last"]);
        assert_eq!(found[1].envelope, "c Tue Jan  3 00:00:00 2006");
    }

    #[test]
    fn a_from_line_in_a_paragraph_divides_nothing() {
        let found = read(
            "From a Mon Jan  2 03:04:05 2006\nX: y\n\ntext\nFrom here\n>From there\n>>From q\n\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].bytes, b"X: y\n\ntext\nFrom here\nFrom there\n>From q\n");
    }

    #[test]
    fn dates_and_flags_are_read() {
        let found =
            read("From a@b Mon Jan  2 03:04:05 2006\nStatus: RO\nX-Status: AFD\n\nbody\n\n");
        assert_eq!(found[0].date(), Some(1_136_171_045));
        assert_eq!(found[0].flags(), "FRST");
        assert_eq!(read("From a\n\nb\n")[0].date(), None);
    }

    #[test]
    fn what_lasts_is_the_same_before_and_after_reading() {
        let message = |text: &str| Message { bytes: text.into(), ..Message::default() };
        let unread = message("Subject: x\n\nStatus: body\n");
        let read = "STATUS: RO\nSubject: x\nX-Keywords: a\n\tb\nX-UID: 3\n\nStatus: body\n";
        assert_eq!(message(read).lasting(), unread.bytes);
        assert_eq!(unread.lasting(), unread.bytes);
        for whole in ["", "Subject", "Subject: x\n", "\nbody", "Statusx: 1\n Status: 2\n"] {
            assert_eq!(message(whole).lasting(), whole.as_bytes());
        }
    }

    #[test]
    fn what_stands_before_the_first_envelope_is_not_lost() {
        let found = read("\nstray\n\nFrom a Mon Jan  2 03:04:05 2006\nb\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].bytes, b"stray\n");
        assert_eq!(read("").len(), 0);
    }

    proptest! {
        #[test]
        fn a_quoted_message_comes_back(lines in proptest::collection::vec("(>{0,2}From )?[a-z]{0,5}", 1..20)) {
            // As qmail-local writes it: every `>*From ` gets one more `>`.
            let quoted: Vec<String> = lines.iter().map(|l| {
                if l.trim_start_matches('>').starts_with("From ") { format!(">{l}") } else { l.clone() }
            }).collect();
            let text = format!("From a Mon Jan  2 03:04:05 2006\n{}\n\n", quoted.join("\n"));
            let found = read(&text);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].bytes.to_str_lossy(), format!("{}\n", lines.join("\n")));
        }
    }
}
