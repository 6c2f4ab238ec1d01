//! Reads a Sieve script as RFC 5228 has it, and tells what it does with an ordinary message: a small
//! one from somebody unknown to the account, with the fields that every message has.

mod message;
mod run;

use super::Error;
use crate::model::folder::portable;
use crate::model::outcome::Outcome;
use crate::model::{Address, RelPath};
use bstr::{BString, ByteSlice as _};
use message::Message;
use std::collections::BTreeSet;

/// What a script does with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    commands: Vec<Command>,
}

/// What becomes of an ordinary message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// Folders that it is stored in; the INBOX is `INBOX`.
    pub(super) folders: BTreeSet<BString>,
    /// Addresses that it is sent on to.
    pub(super) redirects: Vec<Address>,
    /// Addresses that are answered for, in lower case, where it is answered.
    pub(super) answers: Option<BTreeSet<BString>>,
    /// It is refused, with this text.
    pub(super) refusal: Option<BString>,
}

impl Fate {
    /// The same as outcomes for an account whose INBOX is this Maildir. Whether it is answered hangs
    /// on whom the message names as its recipient: see [`Fate::answers`].
    pub(super) fn outcomes(&self, account: &Address, inbox: &RelPath) -> Vec<Outcome> {
        // Scripts have names in UTF-8, directories in modified UTF-7.
        let folder = |name: &BString| match name.strip_prefix(b"INBOX.") {
            _ if name == "INBOX" => inbox.clone(),
            Some(name) => inbox.join(portable(&[b".", name].concat())),
            None => inbox.join(portable(&[b".", name.as_slice()].concat())),
        };
        let stored = self
            .folders
            .iter()
            .map(|name| Outcome::Deliver { account: account.clone(), path: folder(name) });
        let sent = self.redirects.iter().map(|to| Outcome::Forward(to.clone()));
        let refused = self.refusal.iter().map(|text| Outcome::Reject(text.clone()));
        let answered = self.answers.iter().map(|_| Outcome::Reply(account.clone()));
        let mut outcomes: Vec<Outcome> =
            stored.chain(sent).chain(refused).chain(answered).collect();
        if outcomes.is_empty() {
            outcomes.push(Outcome::Discard);
        }
        outcomes
    }

    /// Whether mail that names this address, in lower case, as its recipient is answered.
    pub(super) fn answers(&self, address: &BString) -> bool {
        self.answers.as_ref().is_some_and(|own| own.contains(address))
    }
}

/// A command with its arguments, its test and its block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Command {
    name: String,
    arguments: Vec<Argument>,
    tests: Vec<Self>,
    block: Vec<Self>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    Tag(String),
    Number(u64),
    Strings(Vec<BString>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Tag(String),
    Number(u64),
    Text(BString),
    Sign(u8),
}

/// Blocks and tests within each other.
const DEEPEST: usize = 32;

impl Script {
    pub(super) fn read(path: &RelPath, text: &[u8]) -> Result<Self, Error> {
        let malformed = |(line, what): (u32, &str)| Error::Malformed {
            path: path.clone(),
            line,
            what: what.to_owned(),
        };
        let tokens = tokens(text).map_err(malformed)?;
        let mut reader = Reader { tokens: &tokens, depth: 0 };
        let commands =
            reader.commands().ok_or_else(|| malformed((0, "a command is not understood")))?;
        if !reader.tokens.is_empty() {
            return Err(malformed((0, "a command is not understood")));
        }
        Ok(Self { commands })
    }

    /// What becomes of an ordinary message to the account.
    pub(super) fn fate(&self, account: &Address) -> Fate {
        run::fate(&self.commands, &Message::ordinary(account))
    }
}

impl Command {
    fn has(&self, tag: &str) -> bool {
        self.arguments.iter().any(|argument| matches!(argument, Argument::Tag(own) if own == tag))
    }

    /// The lists of strings that stand behind all tags: of a test those that name fields, and what
    /// they are held against.
    fn lists(&self) -> impl Iterator<Item = &Vec<BString>> {
        let is_comparator =
            |at: usize| self.arguments.get(at) == Some(&Argument::Tag(":comparator".to_owned()));
        self.arguments.iter().enumerate().filter_map(move |(at, argument)| match argument {
            Argument::Strings(_) if at.checked_sub(1).is_some_and(is_comparator) => None,
            Argument::Strings(strings) => Some(strings),
            _ => None,
        })
    }

    fn number(&self) -> u64 {
        let mut last = self.arguments.iter().rev();
        let number = last.find_map(|argument| match argument {
            Argument::Number(number) => Some(*number),
            _ => None,
        });
        number.unwrap_or_default()
    }

    /// The strings that stand alone, and not behind a tag that takes some.
    fn strings(&self) -> impl Iterator<Item = &BString> {
        let lists = self.arguments.iter().rev().filter_map(|argument| match argument {
            Argument::Strings(strings) => Some(strings),
            _ => None,
        });
        lists.take(1).flatten()
    }

    /// The strings behind a tag.
    fn after(&self, tag: &str) -> &[BString] {
        let at = self.arguments.iter().position(|own| *own == Argument::Tag(tag.to_owned()));
        match at.and_then(|at| self.arguments.get(at + 1)) {
            Some(Argument::Strings(strings)) => strings,
            _ => &[],
        }
    }
}

struct Reader<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, sign: u8) -> bool {
        let found = self.tokens.first() == Some(&Token::Sign(sign));
        if found {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        found
    }

    fn commands(&mut self) -> Option<Vec<Command>> {
        let mut commands = Vec::new();
        while matches!(self.tokens.first(), Some(Token::Word(_))) {
            let mut command = self.command()?;
            if self.take(b'{') {
                command.block = self.commands()?;
                self.take(b'}').then_some(())?;
            } else {
                self.take(b';').then_some(())?;
            }
            commands.push(command);
        }
        Some(commands)
    }

    /// A command or test with its arguments.
    fn command(&mut self) -> Option<Command> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let Some((Token::Word(name), rest)) = self.tokens.split_first() else { return None };
        self.tokens = rest;
        let mut command = Command { name: name.clone(), ..Command::default() };
        while let Some(token) = self.tokens.first() {
            let argument = match token {
                Token::Tag(tag) => Argument::Tag(tag.clone()),
                Token::Number(number) => Argument::Number(*number),
                Token::Text(text) => Argument::Strings(vec![text.clone()]),
                Token::Sign(b'[') => {
                    self.take(b'[');
                    command.arguments.push(Argument::Strings(self.strings()?));
                    continue;
                }
                Token::Sign(b'(') => {
                    self.take(b'(');
                    loop {
                        command.tests.push(self.command()?);
                        if !self.take(b',') {
                            break;
                        }
                    }
                    self.take(b')').then_some(())?;
                    break;
                }
                Token::Word(_) => {
                    command.tests.push(self.command()?);
                    break;
                }
                Token::Sign(_) => break,
            };
            command.arguments.push(argument);
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        self.depth -= 1;
        Some(command)
    }

    fn strings(&mut self) -> Option<Vec<BString>> {
        let mut strings = Vec::new();
        loop {
            let Some((Token::Text(text), rest)) = self.tokens.split_first() else { return None };
            strings.push(text.clone());
            self.tokens = rest;
            if self.take(b']') {
                return Some(strings);
            }
            self.take(b',').then_some(())?;
        }
    }
}

/// Divides a script; an error has its line.
fn tokens(text: &[u8]) -> Result<Vec<Token>, (u32, &'static str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let line_of = |rest: &[u8]| {
        let read = text.len() - rest.len();
        let lines = text.get(..read).unwrap_or_default().find_iter("\n").count();
        u32::try_from(lines + 1).unwrap_or(u32::MAX)
    };
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => rest = after,
            b'#' => rest = after.split_once_str("\n").map_or(b"", |(_, rest)| rest),
            b'/' if after.starts_with(b"*") => {
                let (_, end) =
                    after.split_once_str("*/").ok_or((line_of(rest), "an open comment"))?;
                rest = end;
            }
            b'"' => {
                let (text, end) = string(after).ok_or((line_of(rest), "an open string"))?;
                tokens.push(Token::Text(text));
                rest = end;
            }
            b':' => {
                let (name, end) = word(after);
                tokens.push(Token::Tag(format!(":{name}")));
                rest = end;
            }
            b'0'..=b'9' => {
                let (digits, end) = word(rest);
                let number = number(&digits).ok_or((line_of(rest), "no number"))?;
                tokens.push(Token::Number(number));
                rest = end;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let (name, end) = word(rest);
                if name == "text" && end.starts_with(b":") {
                    let (text, end) = multi_line(end).ok_or((line_of(rest), "an open text"))?;
                    tokens.push(Token::Text(text));
                    rest = end;
                } else {
                    tokens.push(Token::Word(name));
                    rest = end;
                }
            }
            b'{' | b'}' | b'[' | b']' | b'(' | b')' | b',' | b';' => {
                tokens.push(Token::Sign(byte));
                rest = after;
            }
            _ => return Err((line_of(rest), "a byte that stands for nothing")),
        }
    }
    Ok(tokens)
}

fn word(text: &[u8]) -> (String, &[u8]) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    let (name, rest) = text.split_at_checked(length).unwrap_or((text, b""));
    (name.to_str_lossy().to_ascii_lowercase(), rest)
}

/// A number, which may end in `K`, `M` or `G` (RFC 5228, 2.4.1).
fn number(digits: &str) -> Option<u64> {
    let (digits, unit) = match digits.strip_suffix(['k', 'm', 'g']) {
        Some(front) if digits.ends_with('k') => (front, 1 << 10),
        Some(front) if digits.ends_with('m') => (front, 1 << 20),
        Some(front) => (front, 1 << 30),
        None => (digits, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn string(text: &[u8]) -> Option<(BString, &[u8])> {
    let mut found = BString::default();
    let mut rest = text;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((found, rest)),
            b'\\' => {
                let (&byte, after) = rest.split_first()?;
                found.push(byte);
                rest = after;
            }
            byte => found.push(byte),
        }
    }
}

/// What stands behind `text`: a colon, the end of the line, and lines up to a lone dot.
fn multi_line(text: &[u8]) -> Option<(BString, &[u8])> {
    let (first, mut rest) = text.split_once_str("\n")?;
    if first.strip_prefix(b":")?.trim_ascii().first().is_some_and(|byte| *byte != b'#') {
        return None;
    }
    let mut found = BString::default();
    loop {
        let (line, after) = rest.split_once_str("\n")?;
        rest = after;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"." {
            return Some((found, rest));
        }
        found.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        found.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, Script};
    use crate::model::{Address, RelPath};
    use proptest::prelude::*;

    fn fate(script: &str) -> Fate {
        let account = Address::parse(b"joe@a.example").unwrap();
        Script::read(&RelPath::new("s"), script.as_bytes()).unwrap().fate(&account)
    }

    fn folders(script: &str) -> Vec<String> {
        fate(script).folders.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_ordinary_message_goes_where_no_test_holds() {
        assert_eq!(folders(""), ["INBOX"]);
        assert!(folders("discard;").is_empty());
        let script = "require [\"fileinto\"];\n/* x */ if header :contains [\"a\", \"b\"] \"c\" { fileinto \"Spam\"; stop; }\n";
        assert_eq!(folders(script), ["INBOX"]);
        assert_eq!(folders("if not size :over 10K { fileinto \"A\"; } else { discard; }"), ["A"]);
        assert_eq!(
            folders(
                "if false { stop; } elsif allof (true, not exists \"x\") { fileinto :copy \"B\"; }"
            ),
            ["B", "INBOX"]
        );
        assert_eq!(
            folders("if true { discard; } else { keep; } if false {} else { fileinto \"C\"; }"),
            ["C"]
        );
        assert_eq!(fate("redirect \"a@b.example\";").redirects[0].to_string(), "a@b.example");
    }

    #[test]
    fn fields_that_every_message_has_are_looked_at() {
        for (test, holds) in [
            ("header :is [\"x-y\", \"SUBJECT\"] \"rehearsal\"", true),
            ("header :comparator \"i;octet\" :is \"subject\" \"rehearsal\"", false),
            ("header :contains \"x-spam-flag\" \"\"", false),
            ("header :matches \"to\" \"*joe@?.exa*\"", true),
            ("header :matches \"to\" \"joe\\\\*\"", false),
            ("header :regex \"subject\" \"^re[gh]e.*l$\"", true),
            ("address :is [\"to\", \"cc\"] \"JOE@a.example\"", true),
            ("address :domain :is \"from\" \"a.example\"", false),
            ("exists [\"from\", \"to\"]", true),
            ("exists [\"from\", \"list-id\"]", false),
            ("size :over 1K", false),
            ("size :under 10K", true),
        ] {
            let script = format!("if {test} {{ discard; }}");
            assert_eq!(folders(&script).is_empty(), holds, "{test}");
        }
    }

    #[test]
    fn folders_have_the_names_of_their_directories() {
        let account = Address::parse(b"joe@a.example").unwrap();
        let outcomes = fate("fileinto \"INBOX.Spä&m\";").outcomes(&account, &RelPath::new("m"));
        assert!(outcomes[0].to_string().contains("m/.Sp&AOQ-&-m"), "{}", outcomes[0]);
    }

    #[test]
    fn answers_are_given_for_some_addresses() {
        let script = "vacation :days 1 :subject \"a\\\"\" :addresses [\"A@x\", \"b@x\"] text: # c\nHi;\n..\n.\n;\ndiscard;\n";
        let fate = fate(script);
        assert!(fate.folders.is_empty());
        let answers: Vec<String> = fate.answers.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(answers, ["a@x", "b@x"]);
    }

    #[test]
    fn what_sievec_would_refuse_is_refused_with_its_line() {
        for (script, line) in [("keep;\n%", 2), ("keep", 0), ("if (true { keep; }", 0), ("x \"", 1)]
        {
            let error =
                Script::read(&RelPath::new("s"), script.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("s:{line}:")), "{script}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_script_is_read(script in "[a-z \"\\\\:;{}()\\[\\],.\n#/*0-9]*") {
            if let Ok(script) = Script::read(&RelPath::new("s"), script.as_bytes()) {
                drop(script.fate(&Address::default()));
            }
        }
    }
}
