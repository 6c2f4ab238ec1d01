//! Lines of `.qmail` files that decide by a search in the head of the message: `condredirect`,
//! `bouncesaying` and `except` with `grep`, and `grep` with what follows from it.

use super::command::{Simple, Word};
use super::filter::Test;
use super::script::{self, Script};
use super::search::{Dialect, fields};
use bstr::{BString, ByteSlice as _};

/// A line that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is asked.
    pub test: Test,
    /// What happens if it holds; else the next line counts.
    pub then: Then,
}

/// What a line does if its test holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Mail goes to an address, and no later line counts.
    Redirect(BString),
    /// It is refused with this text.
    Refuse(BString),
    /// No later line counts.
    Stop,
}

/// Reads a command line; `None` for one whose effect is not that of a test alone.
///
/// ```
/// use unqmail::model::condition::{Then, condition};
/// let line = b"condredirect joe@a.example grep -q '^Subject:.*URGENT'";
/// assert_eq!(condition(line).unwrap().then, Then::Redirect("joe@a.example".into()));
/// assert_eq!(condition(b"condredirect joe@a.example /usr/local/bin/urgent"), None);
/// ```
pub fn condition(line: &[u8]) -> Option<Condition> {
    if !line.contains_str("grep") && !line.contains_str("ifspamh") {
        return None;
    }
    match script::parse(line)? {
        // Without the end a search that finds nothing would be a failure (`qmail-local.c`).
        Script::Or(tried, end) if matches!(*tried, Script::And(..)) => tried_to(&tried, &end),
        Script::Sequence(parts) => match parts.as_slice() {
            [tried, end] => tried_to(tried, end),
            _ => None,
        },
        Script::Or(test, then) => {
            let test = Test::Not(Box::new(searched(&test)?));
            Some(Condition { test, then: consequence(&then)? })
        }
        Script::If(branches, None) => match branches.as_slice() {
            [(test, then)] => Some(Condition { test: searched(test)?, then: consequence(then)? }),
            _ => None,
        },
        Script::Command { words, into: None } => {
            let words = unwrapped(&words)?;
            let (program, rest) = words.split_first()?;
            match (base_name(program), rest) {
                (b"condredirect", [to, search @ ..]) => {
                    Some(Condition { test: grep(search)?, then: Then::Redirect(to.clone()) })
                }
                (b"bouncesaying", [text, search @ ..]) => {
                    Some(Condition { test: grep(search)?, then: Then::Refuse(text.clone()) })
                }
                // It goes by what SpamAssassin has written (ifspamh(1)).
                (b"ifspamh", [to]) if !to.starts_with(b"-") => {
                    let flag = fields(b"^X-Spam-Status: Yes", Dialect::Basic, false)?;
                    Some(Condition { test: flag, then: Then::Redirect(to.clone()) })
                }
                // Its own exit code, 100, comes without a text.
                (b"except", search) => {
                    Some(Condition { test: grep(search)?, then: Then::Refuse("Refused".into()) })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `SEARCH && …`, where what stands behind it makes a good end of a search that finds nothing.
fn tried_to(tried: &Script, end: &Script) -> Option<Condition> {
    let Script::And(test, then) = tried else { return None };
    let Script::Command { words, into: None } = end else { return None };
    let words = unwrapped(words)?;
    let is_good = match words.as_slice() {
        [exit, code] => exit == "exit" && code == "0",
        [end] => end == "true" || end == ":" || end == "/bin/true",
        _ => false,
    };
    let good = || Some(Condition { test: searched(test)?, then: consequence(then)? });
    is_good.then(good).flatten()
}

/// Programs that only run another one.
const WRAPPERS: &[&[u8]] = &[b"preline", b"exec", b"nice"];

fn base_name(word: &BString) -> &[u8] {
    word.rsplit_str("/").next().unwrap_or_default()
}

/// The words behind wrappers; none where one of them is a variable.
fn unwrapped(words: &Simple) -> Option<Vec<BString>> {
    let mut rest = words.as_slice();
    while let Some((word, more)) = rest.split_first()
        && WRAPPERS.contains(&base_name(&word.text()))
    {
        let options = more.iter().take_while(|word| word.text().starts_with(b"-")).count();
        rest = more.get(options..)?;
    }
    let is_plain = rest.iter().all(Word::is_plain);
    is_plain.then(|| rest.iter().map(Word::text).collect())
}

/// What a part of a line asks, if it is a search alone, or one in what `formail` gives of a field.
fn searched(script: &Script) -> Option<Test> {
    let words = |script: &Script| match script {
        Script::Command { words, into: None } => unwrapped(words),
        _ => None,
    };
    match script {
        Script::Not(inner) => Some(Test::Not(Box::new(searched(inner)?))),
        Script::Pipeline(parts) => match parts.as_slice() {
            [field, search] => {
                let name = field_of(&words(field)?)?;
                let Grep { pattern, dialect, exact_case } = Grep::read(&words(search)?)?;
                if pattern.contains(&b'^') {
                    return None;
                }
                // Alternatives are all looked for in the field.
                let [open, close] = match dialect {
                    Dialect::Basic => [b"\\(".as_slice(), b"\\)"],
                    _ => [b"(".as_slice(), b")"],
                };
                let whole = [b"^", name.as_slice(), b":.*", open, &pattern, close].concat();
                fields(&whole, dialect, exact_case)
            }
            _ => None,
        },
        other => grep(&words(other)?),
    }
}

/// The field that `formail -xNAME` or `822field NAME` prints (formail(1), 822field(1)).
fn field_of(words: &[BString]) -> Option<BString> {
    let (program, rest) = words.split_first()?;
    let name = match (base_name(program), rest) {
        (b"formail", [option]) => option.strip_prefix(b"-x")?.to_vec(),
        (b"formail", [x, name]) if x == "-x" => name.to_vec(),
        (b"822field", [name]) => name.to_vec(),
        _ => return None,
    };
    let name = name.strip_suffix(b":").unwrap_or(&name);
    let is_name = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    is_name.then(|| name.into())
}

fn grep(words: &[BString]) -> Option<Test> {
    let Grep { pattern, dialect, exact_case } = Grep::read(words)?;
    fields(&pattern, dialect, exact_case)
}

/// A call of `grep` that reads the message.
struct Grep {
    pattern: BString,
    dialect: Dialect,
    exact_case: bool,
}

impl Grep {
    /// `grep [-qsiE] [-e] PATTERN` (grep(1)).
    fn read(words: &[BString]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let mut dialect = match base_name(program) {
            b"grep" => Dialect::Basic,
            b"egrep" => Dialect::Extended,
            _ => return None,
        };
        let mut exact_case = true;
        let mut words = rest.iter().peekable();
        while let Some(option) = words.next_if(|word| word.starts_with(b"-") && word.len() > 1) {
            for letter in option.iter().skip(1) {
                match letter {
                    b'q' | b's' => {}
                    b'i' | b'y' => exact_case = false,
                    b'E' => dialect = Dialect::Extended,
                    b'e' if option.ends_with(b"e") => {}
                    _ => return None,
                }
            }
        }
        let pattern = words.next()?.clone();
        words.next().is_none().then_some(Self { pattern, dialect, exact_case })
    }
}

/// What a part of a line does that is run if the test holds.
fn consequence(script: &Script) -> Option<Then> {
    let mut said = BString::from("Refused");
    let parts = match script {
        Script::Sequence(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let (last, before) = parts.split_last()?;
    for part in before {
        let Script::Command { words, into: None } = part else { return None };
        let words = unwrapped(words)?;
        let (program, rest) = words.split_first()?;
        if base_name(program) != b"echo" {
            return None;
        }
        said = bstr::join(" ", rest).into();
    }
    let Script::Command { words, into: None } = last else { return None };
    match unwrapped(words)?.as_slice() {
        [exit, code] if exit == "exit" && code == "99" && before.is_empty() => Some(Then::Stop),
        [exit, code] if exit == "exit" && code == "100" => Some(Then::Refuse(said)),
        [program, text] if base_name(program) == b"bouncesaying" => {
            Some(Then::Refuse(text.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Then, condition};
    use crate::model::filter::Test;
    use proptest::prelude::*;

    #[test]
    fn each_form_has_its_test_and_what_follows() {
        let refuse = |text: &str| Then::Refuse(text.into());
        let cases = [
            ("condredirect a@b grep -q '^Subject:.*x'", Then::Redirect("a@b".into()), false),
            (
                "preline -f /bin/condredirect a@b egrep -i '^(To|Cc): x'",
                Then::Redirect("a@b".into()),
                false,
            ),
            ("bouncesaying 'No spam' grep '^X-Spam-Flag: YES'", refuse("No spam"), false),
            ("except grep -q '^X-Ok: yes'", refuse("Refused"), false),
            ("grep -q '^Precedence: bulk' && exit 99 || exit 0", Then::Stop, false),
            ("grep -q '^X-Ok: yes' || { echo 'Not you'; exit 100; }", refuse("Not you"), true),
            ("if grep -qi '^Subject: x'; then exit 100; fi", refuse("Refused"), false),
            ("formail -xSubject: | grep -q out.of.office && exit 99; true", Then::Stop, false),
            ("if 822field subject | egrep -q 'a|b'; then exit 99; fi", Then::Stop, false),
        ];
        for (line, then, negated) in cases {
            let read = condition(line.as_bytes()).expect(line);
            assert_eq!(read.then, then, "{line}");
            assert_eq!(matches!(read.test, Test::Not(_)), negated, "{line}");
        }
    }

    #[test]
    fn what_decides_by_more_is_none() {
        for line in [
            "condredirect a@b grep -q x",
            "grep -q '^Subject: x' && exit 99",
            "grep -q '^Subject: x' && exit 99 || exit 1",
            "condredirect a@b grep -v '^Subject: x'",
            "condredirect $EXT@b grep '^Subject: x'",
            "condredirect a@b grep '^Subject: x' /etc/passwd",
            "bouncesaying x",
            "grep -q '^Subject: x' && forward a@b",
            "grep -q '^Subject: x'; exit 99",
            "grep '^Subject: x' > /tmp/x && exit 99",
            "sed s/a/b/ | grep -q x && exit 99",
            "except /usr/local/bin/grep-all",
        ] {
            assert_eq!(condition(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(condition(&[b"condredirect a@b grep ".as_slice(), &line].concat()));
        }
    }
}
