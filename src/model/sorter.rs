//! Programs that sort mail by rules of their own: how a `.qmail` line calls one, and what it does.

use super::command::{Simple, Word};
use super::filter::Rule;
use super::responder::Responder;
use super::script::{self, Script};
use super::{Origin, RelPath};
use bstr::{BString, ByteSlice as _};

/// A call of such a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sorter {
    /// Which one.
    pub program: Program,
    /// The file with its rules, as the line names it; none for the one in the user's home.
    pub file: Option<BString>,
}

/// A program that sorts mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// maildrop(1).
    Maildrop,
    /// procmail(1).
    Procmail,
}

/// What a program does in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorting {
    /// Its rules; or the first statement that has no counterpart.
    pub rules: Result<Vec<Rule<Place>>, Beyond>,
    /// Lines that hand mail to a program which marks spam.
    pub marks_spam: Vec<Origin>,
    /// Statements that call an autoresponder.
    pub answers: Vec<(Statement, Responder)>,
    /// The file.
    pub origin: Origin,
}

/// A path, and the statement that names it.
pub type Place = (RelPath, Statement);

/// A statement that says what no rule does, and why.
pub type Beyond = (Statement, &'static str);

/// A statement of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands.
    pub origin: Origin,
    /// Its line.
    pub text: BString,
}

/// Programs that only run another one.
const WRAPPERS: &[&str] = &["preline", "exec", "nice", "env"];

/// Programs that mark spam and hand the message on.
pub const SPAM_MARKERS: &[&str] = &["spamc", "spamassassin"];

/// Reads a command line that only sorts, perhaps after spam was marked; `None` for any other, and for
/// options that change what is read.
///
/// ```
/// use unqmail::model::sorter::{Program, sorter};
/// let called = sorter(b"preline /usr/bin/maildrop mailfilter").unwrap();
/// assert_eq!((called.program, called.file), (Program::Maildrop, Some("mailfilter".into())));
/// assert_eq!(sorter(b"maildrop -d joe"), None);
/// ```
pub fn sorter(line: &[u8]) -> Option<Sorter> {
    let is_near = ["maildrop", "procmail"].iter().any(|name| line.contains_str(name));
    if !is_near || line.contains(&b'<') {
        return None;
    }
    let words = match script::parse(line)? {
        Script::Command { words, into: None } => words,
        Script::Pipeline(parts) => {
            let (last, before) = parts.split_last()?;
            let marks = |part: &Script| match part {
                Script::Command { words, into: None } => {
                    let name = unwrapped(words).first().map(|name| base_name(name).to_owned());
                    name.is_some_and(|name| {
                        SPAM_MARKERS.iter().any(|known| name == known.as_bytes())
                    })
                }
                _ => false,
            };
            match last {
                Script::Command { words, into: None } if before.iter().all(marks) => words.clone(),
                _ => return None,
            }
        }
        _ => return None,
    };
    let words = unwrapped(&words);
    let (program, arguments) = words.split_first()?;
    if arguments.iter().any(|word| word.contains(&b'$')) {
        return None;
    }
    match base_name(program) {
        b"maildrop" => maildrop(arguments),
        b"procmail" => procmail(arguments),
        _ => None,
    }
}

fn unwrapped(words: &Simple) -> Vec<BString> {
    let texts: Vec<BString> = words.iter().map(Word::text).collect();
    let mut rest = texts.as_slice();
    while let [wrapper, more @ ..] = rest
        && (WRAPPERS.iter().any(|known| base_name(wrapper) == known.as_bytes())
            || wrapper.starts_with(b"-"))
    {
        rest = more;
    }
    rest.to_vec()
}

fn base_name(word: &BString) -> &[u8] {
    word.rsplit_str("/").next().unwrap_or_default()
}

/// `maildrop [FILE]` (maildrop(1)).
fn maildrop(arguments: &[BString]) -> Option<Sorter> {
    let program = Program::Maildrop;
    match arguments {
        [] => Some(Sorter { program, file: None }),
        [file] if !file.starts_with(b"-") => Some(Sorter { program, file: Some(file.clone()) }),
        _ => None,
    }
}

/// `procmail [-toY] [-f FROM] [-a ARGUMENT] [[-m] FILE]` (procmail(1)).
fn procmail(arguments: &[BString]) -> Option<Sorter> {
    let mut words = arguments.iter();
    let mut file = None;
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"-t" | b"-o" | b"-Y" | b"-m" | b"-" => {}
            b"-f" | b"-a" => drop(words.next()?),
            [b'-', ..] => return None,
            word if word.contains(&b'=') || file.is_some() => return None,
            _ => file = Some(word.clone()),
        }
    }
    Some(Sorter { program: Program::Procmail, file })
}

#[cfg(test)]
mod tests {
    use super::{Program, sorter};
    use proptest::prelude::*;

    #[test]
    fn a_line_names_the_file_with_the_rules() {
        let read = |line: &str| {
            let called = sorter(line.as_bytes())?;
            Some((called.program, called.file.map(|file| file.to_string())))
        };
        let (maildrop, procmail) = (Program::Maildrop, Program::Procmail);
        assert_eq!(read(" /usr/bin/maildrop"), Some((maildrop, None)));
        assert_eq!(read("preline maildrop ./rules"), Some((maildrop, Some("./rules".into()))));
        assert_eq!(read("spamc -f | preline maildrop x"), Some((maildrop, Some("x".into()))));
        assert_eq!(read(" /usr/bin/procmail -t"), Some((procmail, None)));
        assert_eq!(read("preline procmail -m ./rc"), Some((procmail, Some("./rc".into()))));
        for line in [
            "maildrop -d joe",
            "maildrop a b",
            "maildrop $HOME/x",
            "maildrop x; true",
            "maildrop x || exit 99",
            "sed s/a/b/ | maildrop x",
            "maildrop x > y",
            "procmail -d joe",
            "procmail A=b rc",
            "echo maildrop",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(sorter(&[b"procmail ".as_slice(), &line].concat()));
        }
    }
}
