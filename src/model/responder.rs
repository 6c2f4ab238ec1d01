//! Autoresponders: how a `.qmail` line calls one, and what it answers.

use super::Address;
use super::command::{Word, simple_commands};
use super::mailbot::mailbot;
use super::script::{self, Script};
use bstr::{BStr, BString, ByteSlice as _};

/// A call of an autoresponder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Responder {
    /// A sender is answered no more than `replies` times in so many seconds; in none, always.
    pub window: u64,
    /// See `window`.
    pub replies: u64,
    /// The file with the answer, seen from the folder of the `.qmail` file.
    pub message: BString,
    /// The folder whose files may set more than the line does, as [`SETTINGS`] name them.
    pub settings: Option<BString>,
    /// The answer quotes the message.
    pub quotes: bool,
    /// Marks in the answer that stand for parts of the message.
    pub marks: &'static [&'static str],
    /// What is not left to the file.
    pub said: Said,
}

/// What a call says of its answer in the place of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The value of the `From` field.
    pub from: Option<BString>,
    /// What the answer is about, if the file says nothing else.
    pub subject: Option<Subject<BString>>,
    /// The character set of these, and of the text if that has none of its own.
    pub charset: Option<BString>,
    /// All of the file is text, and none of it a header.
    pub is_text: bool,
    /// The header of the answer had more fields than these.
    pub has_more_fields: bool,
    /// Mail is answered that names one of these as its recipient; all mail where there are none.
    pub only: Vec<Address>,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject<Text = String> {
    /// This.
    Own(Text),
    /// What the message is about, behind this.
    Behind(Text),
}

/// Files by which `qmail-autoresponder` is told more than by its line (qmail-autoresponder(1)).
pub const SETTINGS: &[&str] = &[
    "bcc",
    "config.txt",
    "copymsg",
    "endtime",
    "headerkeep",
    "headerstrip",
    "msglimit",
    "no_inreplyto",
    "numlines",
    "separator",
    "starttime",
    "subject_prefix",
    "timelimit",
];

/// An answer as its file gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Who answers: the value of the `From` field.
    pub from: Option<String>,
    /// What the answer is about.
    pub subject: Option<Subject>,
    /// The text, its lines ending with LF.
    pub text: String,
    /// The text is HTML.
    pub is_html: bool,
}

impl Reply {
    /// Its texts.
    pub fn texts(&self) -> impl Iterator<Item = &String> {
        let subject =
            self.subject.as_ref().map(|(Subject::Own(text) | Subject::Behind(text))| text);
        [Some(&self.text), subject, self.from.as_ref()].into_iter().flatten()
    }
}

/// Reads a command line that only calls an autoresponder; `None` for any other, and for options
/// whose effect no other program has.
///
/// ```
/// use unqmail::model::responder::responder;
/// let called = responder(b"/usr/bin/autorespond 86400 3 /d/eve/vacation/message /d/eve/vacation").unwrap();
/// assert_eq!((called.window, called.replies, called.quotes), (86400, 3, true));
/// assert_eq!(called.message, "/d/eve/vacation/message");
/// assert_eq!(responder(b"test -f x && autorespond 1 1 a b"), None);
/// ```
pub fn responder(line: &[u8]) -> Option<Responder> {
    if !NAMES.iter().any(|name| line.contains_str(name)) || line.contains(&b'|') {
        return None;
    }
    let Script::Command { words: command, into: None } = script::parse(line)? else { return None };
    // What it reads from elsewhere is no word of it.
    if simple_commands(line) != [command.as_slice()] {
        return None;
    }
    let words: Vec<BString> = command.iter().map(Word::text).collect();
    let mut words = words.as_slice();
    while let [wrapper, rest @ ..] = words
        && (WRAPPERS.iter().any(|known| *base_name(wrapper) == **known)
            || wrapper.starts_with(b"-"))
    {
        words = rest;
    }
    let (program, arguments) = words.split_first()?;
    // A dollar alone stands for the recipient as the sender of what bounces.
    let varies = |word: &BString| *word != "$" && word.contains(&b'$');
    if arguments.iter().any(varies) {
        return None;
    }
    let called = match base_name(program).as_bytes() {
        b"autorespond" => autorespond(arguments),
        b"qmail-autoresponder" => qmail_autoresponder(arguments),
        b"vacation" => vacation(arguments),
        b"mailbot" => mailbot(arguments).ok(),
        _ => None,
    };
    // One that may answer never says nothing.
    called.filter(|called| called.replies > 0)
}

/// The message's subject, its recipient and its sender (`response.c`).
const PERCENT: &[&str] = &["%S", "%r", "%s", "%%"];

/// Texts of which one stands in every such line.
const NAMES: &[&str] = &["autorespond", "vacation", "mailbot"];

/// Programs that only run another one.
const WRAPPERS: &[&str] = &["preline", "exec", "nice"];

pub(super) fn base_name(word: &BString) -> &BStr {
    word.rsplit_str("/").next().unwrap_or_default().as_bstr()
}

pub(super) fn number(word: &BString) -> Option<u64> {
    word.to_str().ok()?.parse().ok()
}

/// `autorespond TIME NUM MESSAGE DIR [FLAG [SENDER]]` (`autorespond.c`).
fn autorespond(arguments: &[BString]) -> Option<Responder> {
    let [window, replies, message, _, more @ ..] = arguments else { return None };
    let quotes = match more {
        [] => true,
        [flag] | [flag, _] => number(flag)? == 1,
        _ => return None,
    };
    let (window, replies) = (number(window)?, number(replies)?);
    let message = message.clone();
    Some(Responder {
        window,
        replies,
        message,
        settings: None,
        quotes,
        marks: &[],
        said: Said::default(),
    })
}

/// `qmail-autoresponder [-cLNqT] [-n NUM] [-t SECONDS] [MESSAGE] DIR` (qmail-autoresponder(1)).
fn qmail_autoresponder(arguments: &[BString]) -> Option<Responder> {
    let (mut window, mut replies, mut quotes) = (3600, 1, false);
    let mut words = arguments.iter();
    let mut operands = Vec::new();
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"-n" => replies = number(words.next()?)?,
            b"-t" => window = number(words.next()?)?,
            b"-c" => quotes = true,
            b"-L" | b"-N" | b"-q" | b"-T" => {}
            [b'-', ..] => return None,
            _ => operands.push(word),
        }
    }
    let (message, folder) = match operands.as_slice() {
        [folder] => ([folder.as_slice(), b"/message.txt"].concat().into(), *folder),
        [message, folder] => ((*message).clone(), *folder),
        _ => return None,
    };
    let settings = Some(folder.clone());
    Some(Responder {
        window,
        replies,
        message,
        settings,
        quotes,
        marks: PERCENT,
        said: Said::default(),
    })
}

/// `vacation [-j] [-a ALIAS] [-m MESSAGE] [-t INTERVAL] USER` (vacation(1)); a week where nothing
/// else is said.
fn vacation(arguments: &[BString]) -> Option<Responder> {
    let (mut window, mut message) = (7 * DAY, BString::from(".vacation.msg"));
    let mut words = arguments.iter();
    let mut users = 0;
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"-a" => drop(words.next()?),
            b"-m" => message = words.next()?.clone(),
            b"-t" | b"-r" => window = interval(words.next()?)?,
            b"-j" => {}
            [b'-', ..] => return None,
            _ => users += 1,
        }
    }
    (users == 1).then_some(Responder {
        window,
        replies: 1,
        message,
        settings: None,
        quotes: false,
        marks: &["$"],
        said: Said::default(),
    })
}

/// Seconds in a day.
pub(super) const DAY: u64 = 86400;

/// A number of days, or of what the letter behind it says.
fn interval(word: &BString) -> Option<u64> {
    let (digits, unit) = match word.split_last()? {
        (b's', digits) => (digits, 1),
        (b'm', digits) => (digits, 60),
        (b'h', digits) => (digits, 3600),
        (b'd', digits) => (digits, DAY),
        (b'w', digits) => (digits, 7 * DAY),
        _ => (word.as_slice(), DAY),
    };
    number(&digits.into())?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::{Responder, responder};
    use proptest::prelude::*;

    fn read(line: &str) -> Option<(u64, u64, String, bool)> {
        let Responder { window, replies, message, quotes, .. } = responder(line.as_bytes())?;
        Some((window, replies, message.to_string(), quotes))
    }

    #[test]
    fn each_program_has_its_arguments() {
        let cases = [
            (
                " /usr/bin/autorespond 10000 5 /d/INFO/message /d/INFO",
                (10000, 5, "/d/INFO/message", true),
            ),
            ("autorespond 60 1 m d 0 $", (60, 1, "m", false)),
            ("qmail-autoresponder -n 2 -t 60 -c /d/INFO", (60, 2, "/d/INFO/message.txt", true)),
            ("/usr/bin/qmail-autoresponder m.txt /d", (3600, 1, "m.txt", false)),
            ("preline /usr/bin/vacation -t 3d joe", (3 * 86400, 1, ".vacation.msg", false)),
            ("vacation -t5s -j joe", (0, 0, "", false)),
            ("mailbot -t m -A 'From: <joe@a>' -d db sendmail -f ''", (86400, 1, "m", true)),
        ];
        for (line, (window, replies, message, quotes)) in cases {
            let want = (replies > 0).then(|| (window, replies, message.to_owned(), quotes));
            assert_eq!(read(line), want, "{line}");
        }
    }

    #[test]
    fn what_is_more_than_a_call_is_none() {
        for line in [
            "autorespond 1 1 a",
            "autorespond x 1 a b",
            "autorespond 1 1 $HOME/a b",
            "autorespond 86400 0 a b",
            "cat | autorespond 1 1 a b",
            "autorespond 1 1 a b; forward x",
            "autorespond 1 1 a b >/dev/null",
            "qmail-autoresponder -O bcc=x d",
            "vacation -z joe",
            "vacation joe <message",
            "mailbot -t m sendmail eve@a.example",
            "echo vacation",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(responder(&[b"autorespond 1 1 ".as_slice(), &line].concat()));
        }
    }
}
