//! A mail client that may open every mailbox of a stage: IMAP (RFC 3501) and POP3 (RFC 1939, 5034).

use crate::model::RelPath;
use crate::model::memory::PopName;
use crate::predict::{Listed, Message, Rights, Tells, Told};
use crate::stage::{Line, Stage};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroU32;

/// No name or flag is longer than this, in bytes.
const LONGEST: usize = 1 << 20;

/// A session with the real servers about one mailbox.
pub(super) struct Client<'s> {
    stage: &'s Stage,
    user: &'s BStr,
    imap: Line,
    /// INBOX as its files tell it: which message has which name for POP3.
    files: Option<Told>,
}

impl<'s> Client<'s> {
    /// Logs in by IMAP.
    pub(super) fn open(stage: &'s Stage, user: &'s BStr, files: Option<Told>) -> io::Result<Self> {
        let mut imap = stage.connect(143, None)?;
        imap.take()?;
        let mut client = Self { stage, user, imap, files };
        client.ask(&format!("AUTHENTICATE PLAIN {}", Stage::token_for(user)), |_| {})?;
        Ok(client)
    }

    /// Sends a command, and hears each answer but the last, which must be OK.
    fn ask(&mut self, command: &str, mut hear: impl FnMut(&[u8])) -> io::Result<()> {
        self.imap.send(format!("t {command}").as_bytes())?;
        loop {
            let line = self.line()?;
            match line.strip_prefix(b"t ") {
                Some(said) if said.starts_with(b"OK") => return Ok(()),
                Some(said) => return Err(io::Error::other(said.to_str_lossy().into_owned())),
                None if line.is_empty() => return Err(io::Error::other("the server hung up")),
                None => hear(&line),
            }
        }
    }

    /// An answer, with the bytes of its literals in it.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = self.imap.take()?;
        while let Some(length) = literal(&line) {
            line.extend_from_slice(&self.imap.take_bytes(length)?);
            line.extend_from_slice(&self.imap.take()?);
        }
        Ok(line)
    }

    /// The folders that a command lists, by the names of their directories.
    fn list(&mut self, command: &str) -> io::Result<BTreeSet<BString>> {
        let mut folders = BTreeSet::new();
        self.ask(command, |line| {
            let mut words = Words(line);
            let named = (words.next(), words.next(), words.next(), words.next(), words.next());
            let (Some(_), Some(_), Some(Word::List(flags)), Some(_), Some(Word::One(name))) = named
            else {
                return;
            };
            let is_there = !flags.iter().any(|flag| {
                flag.eq_ignore_ascii_case(b"\\Noselect")
                    || flag.eq_ignore_ascii_case(b"\\NonExistent")
            });
            if command.starts_with("LSUB") || is_there {
                folders.insert(name.strip_prefix(b"INBOX").unwrap_or(&name).into());
            }
        })?;
        Ok(folders)
    }
}

impl Tells for Client<'_> {
    type Error = io::Error;
    const IS_SERVER: bool = true;

    fn folders(&mut self) -> io::Result<BTreeSet<BString>> {
        self.list("LIST \"\" \"*\"")
    }

    fn subscribed(&mut self) -> io::Result<BTreeSet<BString>> {
        self.list("LSUB \"\" \"*\"")
    }

    fn folder(&mut self, name: &BString) -> io::Result<Told> {
        let (mut validity, mut next) = (None, 0);
        let name = name.to_str().map_err(io::Error::other)?;
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        self.ask(&format!("EXAMINE \"INBOX{name}\""), |line| {
            validity = number_after(line, "[UIDVALIDITY ").or(validity);
            next = number_after(line, "[UIDNEXT ").unwrap_or(next);
        })?;
        // Dovecot's name for a message that never changes is that of the file (X-GUID).
        let mut messages = Vec::new();
        self.ask("UID FETCH 1:* (UID FLAGS X-GUID)", |line| messages.extend(fetched(line)))?;
        let mut told = Told::new(messages);
        (told.validity, told.next) = (validity, next);
        Ok(told)
    }

    fn pop3_list(&mut self, inbox: &Told) -> io::Result<impl Iterator<Item = Listed>> {
        let mut line = self.stage.connect(110, None)?;
        let token = Stage::token_for(self.user);
        line.take()?;
        for command in [format!("AUTH PLAIN {token}"), "UIDL".to_owned()] {
            line.send(command.as_bytes())?;
            let said = line.take()?;
            if !said.starts_with(b"+OK") {
                return Err(io::Error::other(said.to_str_lossy().into_owned()));
            }
        }
        let files = self.files.as_ref().map(Told::messages).unwrap_or_default();
        let named = files.iter().filter_map(|file| Some((file.uidl.clone()?, &*file.name)));
        let names: BTreeMap<PopName, &[u8]> = named.collect();
        let mut list = Vec::with_capacity(inbox.messages().len());
        loop {
            let told = line.take()?;
            match told.split_once_str(" ") {
                Some((_, told)) => {
                    let uidl = PopName::from(told);
                    let name = names.get(&uidl).map_or(told.as_bstr(), |name| name.as_bstr());
                    list.push((inbox.position(name), Some(uidl)));
                }
                None if told == b"." => break,
                None => return Err(io::Error::other("the list has no end")),
            }
        }
        line.send(b"QUIT")?;
        Ok(list.into_iter())
    }

    fn rights(&mut self, _: &BString) -> io::Result<Option<Rights>> {
        Ok(None)
    }
}

/// Where a mailbox lies that a user reads.
pub(super) fn maildir(home: &RelPath) -> RelPath {
    home.join("Maildir")
}

/// How long the literal is that a line announces at its end (RFC 3501, 4.3).
fn literal(line: &[u8]) -> Option<usize> {
    let (_, length) = line.strip_suffix(b"}")?.rsplit_once_str("{")?;
    number(length).filter(|length| *length <= LONGEST)
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    text.to_str().ok()?.parse().ok()
}

fn number_after(line: &[u8], word: &str) -> Option<u32> {
    let (_, rest) = line.split_once_str(word)?;
    number(rest.split(|byte| *byte == b']').next()?)
}

/// The message that `* N FETCH (...)` is about.
fn fetched(line: &[u8]) -> Option<Message> {
    let (_, rest) = line.split_once_str(" FETCH (")?;
    let mut message = Message::default();
    let mut words = Words(rest);
    while let (Some(Word::One(key)), Some(value)) = (words.next(), words.next()) {
        match (key.as_slice(), value) {
            (b"UID", Word::One(uid)) => message.uid = number(&uid).and_then(NonZeroU32::new),
            (b"X-GUID", Word::One(guid)) => message.name = Vec::from(guid).into(),
            (b"FLAGS", Word::List(flags)) => {
                for flag in flags {
                    match flag.as_slice() {
                        b"\\Draft" => message.flags.extend(*b"D"),
                        b"\\Flagged" => message.flags.extend(*b"F"),
                        b"\\Answered" => message.flags.extend(*b"R"),
                        b"\\Seen" => message.flags.extend(*b"S"),
                        b"\\Deleted" => message.flags.extend(*b"T"),
                        b"\\Recent" => {}
                        _ => message.add_keyword(flag),
                    }
                }
            }
            _ => {}
        }
    }
    Some(message).filter(|message| !message.name.is_empty())
}

/// What an answer consists of (RFC 3501, 4).
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// An atom, a quoted string or a literal.
    One(BString),
    /// Words in parentheses; none of them is a list here.
    List(Vec<BString>),
}

/// An answer, word by word.
struct Words<'l>(&'l [u8]);

impl Words<'_> {
    fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    fn one(&mut self) -> Option<BString> {
        if let Some(quoted) = self.0.strip_prefix(b"\"") {
            let mut bytes = quoted.iter().copied().enumerate();
            let mut word = Vec::new();
            loop {
                match bytes.next()? {
                    (_, b'\\') => word.push(bytes.next()?.1),
                    (at, b'"') => {
                        self.skip(at + 2);
                        return Some(word.into());
                    }
                    (_, byte) => word.push(byte),
                }
            }
        }
        if let Some(rest) = self.0.strip_prefix(b"{") {
            let (length, _) = rest.split_once_str("}")?;
            let begin = length.len() + 2;
            let end = begin.checked_add(number(length)?)?;
            let word = self.0.get(begin..end)?.into();
            self.skip(end);
            return Some(word);
        }
        let length = self.0.find_byteset(b" ()").unwrap_or(self.0.len());
        let word = self.0.get(..length)?.into();
        self.skip(length);
        (length > 0).then_some(word)
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        while self.0.first() == Some(&b' ') {
            self.skip(1);
        }
        if self.0.first() != Some(&b'(') {
            return self.one().map(Word::One);
        }
        self.skip(1);
        let mut list = Vec::new();
        loop {
            match self.0.first()? {
                b' ' => self.skip(1),
                b')' => {
                    self.skip(1);
                    return Some(Word::List(list));
                }
                _ => list.push(self.one()?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Word, Words, fetched, literal};
    use proptest::prelude::*;

    #[test]
    fn a_fetched_message_is_understood_however_its_name_is_written() {
        for guid in ["\"9.a \\\"b\"", "{6}9.a \"b"] {
            let line = format!("* 1 FETCH (UID 7 FLAGS (\\Seen \\Recent Junk) X-GUID {guid})");
            let message = fetched(line.as_bytes()).unwrap();
            assert_eq!(
                (&*message.name, message.uid),
                (b"9.a \"b".as_slice(), std::num::NonZeroU32::new(7))
            );
            assert_eq!((message.flags.to_string().as_str(), message.keywords().count()), ("S", 1));
        }
        assert_eq!(
            (literal(b"* 1 FETCH (X-GUID {12}"), literal(b"x {9999999999}")),
            (Some(12), None)
        );
    }

    #[test]
    fn a_listed_folder_is_understood() {
        let words: Vec<Word> = Words(b"* LIST (\\A \\B) \".\" INBOX.a").collect();
        assert_eq!(words.len(), 5);
        assert_eq!(words[4], Word::One("INBOX.a".into()));
    }

    proptest! {
        #[test]
        fn any_answer_is_read(bytes in prop::collection::vec(prop::sample::select(b"ab(){}\"\\ 19".to_vec()), 0..60)) {
            drop(fetched(&[b"* 1 FETCH (", bytes.as_slice()].concat()));
            prop_assert!(Words(&bytes).count() <= bytes.len());
        }
    }
}
