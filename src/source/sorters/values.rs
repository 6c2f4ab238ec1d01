//! Values that rules are made of: texts with variables, and what mail is handed to.

use super::{Place, Runner};
use crate::model::command::{Word, expand, simple_commands};
use crate::model::filter::Rule;
use crate::model::mailbot::mailbot;
use crate::model::responder::{Responder, responder};
use crate::model::script::{self, Script};
use crate::model::sorter::SPAM_MARKERS;
use crate::model::{Address, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// A text of several parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct Value(pub(in crate::source) Vec<Part>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Part {
    /// Itself.
    Text(BString),
    /// The value of a variable.
    Variable(BString),
    /// What a command prints.
    Command(BString),
}

/// Longer values are nobody's.
const LONGEST: usize = 4096;

impl Value {
    /// A value of this text alone.
    pub(in crate::source) fn text(text: &[u8]) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    /// Puts a byte behind it.
    pub(in crate::source) fn push(&mut self, byte: u8) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(byte),
            _ => self.0.push(Part::Text([byte].as_slice().into())),
        }
    }
}

/// Variables as far as their values are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct Vars {
    known: BTreeMap<BString, Option<BString>>,
    /// The folder that programs run in, as a path of the old server.
    folder: BString,
}

/// Where mail is handed over.
pub(in crate::source) enum Handed {
    /// A program that marks spam.
    Marker,
    /// A rule that does the same.
    Rules(Vec<Rule<Place>>),
    /// An autoresponder.
    Answer(Box<Responder>),
    /// Anything else, and why it has no counterpart.
    Unknown(&'static str),
}

/// Most programs do something that nothing here does.
const UNKNOWN: Handed = Handed::Unknown(TO_PROGRAM);
pub(in crate::source) const TO_PROGRAM: &str = "mail is handed to a program";

impl Vars {
    pub(in crate::source) fn new(runner: &Runner) -> Self {
        let absolute = |path: &RelPath| BString::from([b"/", path.as_bstr().as_bytes()].concat());
        let mut known = BTreeMap::from([("SENDMAIL".into(), Some("sendmail".into()))]);
        if let Some((home, name)) = &runner.user {
            known.insert("HOME".into(), Some(absolute(home)));
            known.insert("LOGNAME".into(), Some(name.clone()));
        }
        Self { known, folder: absolute(&runner.folder) }
    }

    pub(in crate::source) fn set(&mut self, name: &[u8], value: &Value) {
        let value = match value.0.as_slice() {
            [Part::Command(command)] if tells_folder(command) => Some(self.folder.clone()),
            _ => self.expand(value),
        };
        self.known.insert(name.into(), value);
    }

    /// The same where what is set may hang on the message, and is not known then.
    pub(in crate::source) fn note(&mut self, name: &[u8], value: &Value, is_always: bool) {
        if is_always {
            self.set(name, value);
        } else {
            self.known.insert(name.into(), None);
        }
    }

    /// Forgets what these tell otherwise: it hangs on whether some statements are run.
    pub(in crate::source) fn forget(&mut self, after: &Self) {
        for (name, value) in &after.known {
            if self.known.get(name) != Some(value) {
                self.known.insert(name.clone(), None);
            }
        }
    }

    /// Whether it was set, or is always there.
    pub(in crate::source) fn has(&self, name: &str) -> bool {
        self.known.contains_key(BStr::new(name))
    }

    pub(in crate::source) fn get(&self, name: &[u8]) -> Option<BString> {
        self.known.get(name.as_bstr())?.clone()
    }

    /// The text, if all of it is known.
    pub(in crate::source) fn expand(&self, value: &Value) -> Option<BString> {
        let mut text = BString::default();
        for part in &value.0 {
            match part {
                Part::Text(part) => text.extend_from_slice(part),
                Part::Variable(name) => text.extend_from_slice(&self.get(name)?),
                Part::Command(_) => return None,
            }
            if text.len() > LONGEST {
                return None;
            }
        }
        Some(text)
    }

    /// What a command line does that a message is handed to.
    pub(in crate::source) fn handed(
        &self,
        at: u32,
        command: &[u8],
        copy: bool,
        runner: &Runner,
    ) -> Handed {
        let commands = simple_commands(command);
        let [words] = commands.as_slice() else { return UNKNOWN };
        // The shell does no more for it than start it.
        let is_plain = match script::parse(command) {
            Some(Script::Command { words: own, into: None }) => own == *words,
            _ => false,
        };
        let variables_known = words.iter().all(|word| self.knows(word));
        let words = expand(words, |name| self.get(name));
        let Some((program, arguments)) = words.split_first() else { return UNKNOWN };
        let name = program.rsplit_str("/").next().unwrap_or_default();
        if SPAM_MARKERS.iter().any(|known| name == known.as_bytes()) {
            return Handed::Marker;
        }
        if !is_plain || !variables_known {
            return UNKNOWN;
        }
        let rules = match name {
            b"vdelivermail" if runner.user.is_none() => {
                let into = (runner.folder.join("Maildir"), at);
                Some(vec![Rule::Store { into, copy }])
            }
            b"sendmail" | b"qmail-inject" | b"forward" => {
                let mut to = arguments.iter().peekable();
                while let Some(option) = to.next_if(|word| word.starts_with(b"-")) {
                    match option.as_slice() {
                        b"-f" => drop(to.next()),
                        b"-oi" | b"-i" | b"-a" | b"-bm" | b"--" => {}
                        _ => return UNKNOWN,
                    }
                }
                send(to.map(|to| to.as_slice()), copy, runner)
            }
            b"true" | b":" if !copy => Some(vec![Rule::Discard]),
            b"mailbot" => {
                let called = mailbot(arguments).map(Box::new);
                return called.map_or_else(Handed::Unknown, Handed::Answer);
            }
            b"vacation" => {
                let called = responder(command).map(Box::new);
                return called.map_or(UNKNOWN, Handed::Answer);
            }
            _ => None,
        };
        rules.map_or(UNKNOWN, Handed::Rules)
    }

    fn knows(&self, word: &Word) -> bool {
        let text = word.text();
        let names = text.split_str("$").skip(1).map(|rest| {
            let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            rest.get(..rest.iter().take_while(|b| is_part(b)).count()).unwrap_or_default()
        });
        names.into_iter().all(|name| self.get(name).is_some())
    }
}

/// Commands that print the folder of an account (vuserinfo(8)).
fn tells_folder(command: &[u8]) -> bool {
    let words: Vec<&[u8]> = words(command).collect();
    match words.as_slice() {
        [pwd] => pwd.rsplit_str("/").next() == Some(b"pwd"),
        [program, b"-d", who] => {
            let is_own = [b"$EXT@$HOST".as_slice(), b"\"$EXT@$HOST\"", b"\"$EXT\"@\"$HOST\""];
            program.rsplit_str("/").next() == Some(b"vuserinfo") && is_own.contains(who)
        }
        _ => false,
    }
}

/// What stands between blanks.
pub(in crate::source) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.fields_with(|c| c.is_ascii_whitespace())
}

/// Rules that send mail to addresses; `None` for one that cannot be written, or where there is none.
pub(in crate::source) fn send<'a>(
    to: impl Iterator<Item = &'a [u8]>,
    copy: bool,
    runner: &Runner,
) -> Option<Vec<Rule<Place>>> {
    let to: Option<Vec<Address>> = to.map(|to| address(to, runner)).collect();
    let to = to.filter(|to| !to.is_empty())?;
    Some(to.into_iter().map(|to| Rule::Send { to, copy }).collect())
}

/// An address that every program takes as it stands.
fn address(text: &[u8], runner: &Runner) -> Option<Address> {
    let address = if text.contains(&b'@') {
        Address::parse(text)?
    } else {
        Address::new(text, &runner.domain)
    };
    address.is_plain().then_some(address)
}

/// What storing mail at a path does, asked for by a line.
pub(in crate::source) fn place(path: RelPath, line: u32) -> Rule<Place> {
    if path == RelPath::new("dev/null") {
        return Rule::Discard;
    }
    Rule::Store { into: (path, line), copy: false }
}
