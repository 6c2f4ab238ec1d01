//! A message that tests of a script are held against (RFC 5228, 5).

use super::Command;
use crate::model::Address;
use bstr::{BString, ByteSlice as _};
use regex::bytes::RegexBuilder;

/// Somebody whom no account knows; RFC 2606 keeps `.invalid` from the world.
const SOMEBODY: &str = "Rehearsal <rehearsal-0@probe.invalid>";

/// What such a message comes to with the fields of the servers that it goes through.
const BYTES: u64 = 1000;

/// The fields of a message, and its size.
pub(super) struct Message {
    fields: Vec<(&'static str, BString)>,
    bytes: u64,
}

impl Message {
    /// A message with what every one has, to an address.
    pub(super) fn ordinary(to: &Address) -> Self {
        let fields = vec![
            ("from", SOMEBODY.into()),
            ("to", format!("<{to}>").into()),
            ("subject", "Rehearsal".into()),
            ("message-id", "<rehearsal-0@probe.invalid>".into()),
            ("date", "Sat, 1 Jan 2000 00:00:00 +0000".into()),
            ("received", "from localhost".into()),
            ("return-path", "<rehearsal-0@probe.invalid>".into()),
            ("delivered-to", to.to_bytes()),
        ];
        Self { fields, bytes: BYTES }
    }

    /// Whether a test holds for it. One that is not known does not.
    pub(super) fn holds(&self, test: &Command) -> bool {
        match test.name.as_str() {
            "true" => true,
            "not" => !test.tests.first().is_none_or(|inner| self.holds(inner)),
            "allof" => test.tests.iter().all(|inner| self.holds(inner)),
            "anyof" => test.tests.iter().any(|inner| self.holds(inner)),
            "size" if test.has(":under") => self.bytes < test.number(),
            "size" => self.bytes > test.number(),
            "exists" => {
                let mut names = test.lists().flatten();
                names.all(|name| self.values(name).next().is_some())
            }
            "header" | "address" => {
                let mut lists = test.lists();
                let (Some(names), Some(keys)) = (lists.next(), lists.next()) else { return false };
                let mut values = names.iter().flat_map(|name| self.values(name));
                values.any(|value| {
                    let value = if test.name == "address" { part(value, test) } else { value };
                    keys.iter().any(|key| fits(value, key, test))
                })
            }
            _ => false,
        }
    }

    fn values(&self, name: &BString) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter();
        let own = fields.filter(move |(own, _)| name.eq_ignore_ascii_case(own.as_bytes()));
        own.map(|(_, value)| value.as_slice())
    }
}

/// The part of an address that a test is about.
fn part<'v>(field: &'v [u8], test: &Command) -> &'v [u8] {
    let address = field.rsplit_once_str("<").map_or(field, |(_, rest)| rest);
    let address = address.split_once_str(">").map_or(address, |(address, _)| address);
    match address.rsplit_once_str("@") {
        Some((_, domain)) if test.has(":domain") => domain,
        Some((local, _)) if test.has(":localpart") => local,
        _ => address,
    }
}

/// Whether a value is like a key, by the test's own words: `:is` where it has none.
fn fits(value: &[u8], key: &[u8], test: &Command) -> bool {
    let exact = test.after(":comparator").first().is_some_and(|name| name == "i;octet");
    let value = if exact { value.to_vec() } else { value.to_ascii_lowercase() };
    let lower = if exact { key.to_vec() } else { key.to_ascii_lowercase() };
    match () {
        () if test.has(":contains") => value.contains_str(&lower),
        () if test.has(":matches") => matches(&value, &lower),
        () if test.has(":regex") => {
            let mut regex = RegexBuilder::new(&posix(&key.to_str_lossy()));
            let built = regex.case_insensitive(!exact).unicode(false).build();
            built.is_ok_and(|regex| regex.is_match(&value))
        }
        () => value == lower,
    }
}

/// `*` stands for anything, `?` for one character, and a backslash takes that away.
fn matches(value: &[u8], pattern: &[u8]) -> bool {
    // Where the last `*` was met, and what it was tried for.
    let (mut value, mut pattern, mut star) = (value, pattern, None::<(&[u8], &[u8])>);
    loop {
        let step = match (pattern, value) {
            ([b'*', rest @ ..], _) => {
                star = Some((rest, value));
                Some((rest, value))
            }
            ([], []) => return true,
            ([b'?', rest @ ..], [_, behind @ ..]) => Some((rest, behind)),
            ([b'\\', c, rest @ ..], [own, behind @ ..]) if own == c => Some((rest, behind)),
            ([b'\\', ..], _) => None,
            ([c, rest @ ..], [own, behind @ ..]) if own == c => Some((rest, behind)),
            _ => None,
        };
        match (step, star) {
            (Some(next), _) => (pattern, value) = next,
            (None, Some((rest, [_, behind @ ..]))) => {
                star = Some((rest, behind));
                (pattern, value) = (rest, behind);
            }
            (None, _) => return false,
        }
    }
}

/// An expression of regex(7) as the library reads it: within brackets signs stand for themselves.
fn posix(expression: &str) -> String {
    let (mut read, mut chars) = (String::new(), expression.chars().peekable());
    while let Some(c) = chars.next() {
        read.push(c);
        match c {
            '\\' => read.extend(chars.next()),
            '[' => {
                read.extend(chars.next_if_eq(&'^'));
                if chars.next_if_eq(&']').is_some() {
                    read.push_str("\\]");
                }
                for c in chars.by_ref().take_while(|c| *c != ']') {
                    if c.is_ascii_punctuation() && c != '-' {
                        read.push('\\');
                    }
                    read.push(c);
                }
                if read.ends_with('-') {
                    read.insert(read.len() - 1, '\\');
                }
                read.push(']');
            }
            _ => {}
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::{matches, posix};

    #[test]
    fn wildcards_and_brackets_are_read_as_sieve_reads_them() {
        for (pattern, fits) in [
            ("*", true),
            ("a*c", true),
            ("a?c", true),
            ("a\\?c", false),
            ("*b", false),
            ("", false),
        ] {
            assert_eq!(matches(b"abc", pattern.as_bytes()), fits, "{pattern}");
        }
        assert!(matches(b"a*", b"a\\*") && matches(b"xaxab", b"*ab"));
        assert_eq!(posix("^[]a^-]+\\[$"), "^[\\]a\\^\\-]+\\[$");
    }
}
