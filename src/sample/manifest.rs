//! The manifest's language: one entry a line, its content on the lines after it.
//!
//! ```text
//! owner 89:89                     numeric owner and group of what follows
//! date 2009-11-23T08:00:00Z       date of what follows
//! dir PATH [MODE]                 a folder `new` brings a folder `tmp` with it
//! file PATH [MODE]                content: `| text` is a line, `\ text` has no line end of its own
//! message PATH SUBJECT            a short message, from its path and date
//! link PATH TARGET
//! fifo PATH
//! cdb PATH KIND [FROM]            compiled from the lines below, or from a file above;
//!                                 KIND is assign, vpasswd, hosts, aliases or tcprules
//! members PATH                    ezmlm's subscriber files from addresses, one a line
//! ```
//!
//! `%XX` stands for a byte in paths and in content after `\`; `#` begins a comment.

use super::compile::Database;
use crate::model::RelPath;
use bstr::{BStr, BString, ByteSlice as _};

/// A line of a manifest that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the manifest: {what}")]
pub struct Malformed {
    line: u32,
    what: &'static str,
}

/// Something to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: RelPath,
    pub(super) what: What,
    /// Permission bits.
    pub(super) mode: u32,
    /// Numeric owner and group.
    pub(super) owner: (u32, u32),
    /// Seconds since 1970.
    pub(super) date: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Folder,
    File(BString),
    Message(BString),
    Link(BString),
    Fifo,
    /// Compiled from its own lines, or from a file above.
    Database(Database, Result<BString, RelPath>),
    Members(BString),
}

impl What {
    /// Where lines of content go; `None` where there can be none.
    fn content(&mut self) -> Option<&mut BString> {
        match self {
            Self::File(text) | Self::Members(text) | Self::Database(_, Ok(text)) => Some(text),
            _ => None,
        }
    }
}

/// Reads a manifest.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Malformed> {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut owner, mut date) = ((0, 0), 0);
    for (line, text) in (1..).zip(text.lines()) {
        let malformed = |what| Malformed { line, what };
        if let Some(content) = content(text) {
            let last = entries.last_mut().and_then(|entry| entry.what.content());
            last.ok_or(malformed("content that belongs to nothing"))?.extend_from_slice(&content);
            continue;
        }
        let mut words = text.split_ascii_whitespace();
        let Some(word) = words.next().filter(|word| !word.starts_with('#')) else {
            continue;
        };
        let first = words.next().ok_or(malformed("a word alone"))?;
        let second = words.next();
        match word {
            "owner" => owner = numbers(first).ok_or(malformed("no UID:GID"))?,
            "date" => {
                let time: jiff::Timestamp = first.parse().map_err(|_| malformed("no date"))?;
                date = time.as_second();
            }
            _ => {
                let more: Vec<&str> = words.collect();
                let (what, mode) =
                    what(word, second, &more).ok_or(malformed("no entry of any kind"))?;
                let path = RelPath::new(unescaped(first.into()));
                entries.push(Entry { path, what, mode, owner, date });
            }
        }
    }
    Ok(entries)
}

/// What an entry is by its word, and its mode.
fn what(word: &str, second: Option<&str>, more: &[&str]) -> Option<(What, u32)> {
    let mode = |usual| match second {
        Some(mode) => u32::from_str_radix(mode, 8).ok(),
        None => Some(usual),
    };
    Some(match word {
        "dir" => (What::Folder, mode(0o755)?),
        "file" => (What::File(BString::default()), mode(0o644)?),
        "message" => {
            let words: Vec<&str> = second.into_iter().chain(more.iter().copied()).collect();
            (What::Message(words.join(" ").into()), 0o600)
        }
        "link" => (What::Link(unescaped(second?.into())), 0o777),
        "fifo" => (What::Fifo, 0o600),
        "members" => (What::Members(BString::default()), 0o600),
        "cdb" => {
            let from = match more.first() {
                Some(path) => Err(RelPath::new(unescaped((*path).into()))),
                None => Ok(BString::default()),
            };
            (What::Database(Database::named(second?)?, from), 0o644)
        }
        _ => return None,
    })
}

/// The content that a line adds, if it is a line of content.
fn content(line: &str) -> Option<BString> {
    if let Some(text) = line.strip_prefix("| ") {
        return Some([text.as_bytes(), b"\n"].concat().into());
    }
    if line == "|" {
        return Some("\n".into());
    }
    line.strip_prefix("\\ ").map(|text| unescaped(text.into()))
}

fn numbers(text: &str) -> Option<(u32, u32)> {
    let (uid, gid) = text.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

fn unescaped(text: &BStr) -> BString {
    let mut plain = BString::default();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escaped = || u8::try_from(digit(0)? << 4 | digit(1)?).ok();
        if let Some(escaped) = (*byte == b'%').then(escaped).flatten() {
            plain.push(escaped);
            rest = after.get(2..).unwrap_or_default();
        } else {
            plain.push(*byte);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_owner_and_date_above_it_and_the_content_below() {
        let text = "owner 1:2\ndate 1970-01-01T00:01:00Z\n# note\n\nfile a%20b%FF 600\n| x % y\n|\n\\ no end%0D\n";
        let entries = parse(text).unwrap();
        let want = Entry {
            path: RelPath::new(b"a b\xff"),
            what: What::File("x % y\n\nno end\r".into()),
            mode: 0o600,
            owner: (1, 2),
            date: 60,
        };
        assert_eq!(entries, [want]);
    }

    #[test]
    fn what_is_not_understood_is_named_by_its_line() {
        for (text, line) in [("dir a\n| x", 2), ("what a", 1), ("\nfile", 2), ("owner x a", 1)] {
            assert_eq!(parse(text).map_err(|malformed| malformed.line), Err(line), "{text}");
        }
    }
}
