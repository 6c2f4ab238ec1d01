//! What a pass remembers of the folders that it was through with, so that the next one need not look
//! at each message again.
//!
//! ```text
//! unqmail.folders/5
//! STAMPS NAMES STAMPS NAMES HOME LATEST FINAL FOLDERS MESSAGES BYTES MESSAGES BYTES MESSAGES BYTES PATH
//! ```
//!
//! Prints are 32 hexadecimal digits, `-` where there is none: two of the folder on the old server,
//! then two of its copy, of which the first is of the whole Maildir that the copy lies in. HOME is
//! told of an INBOX: of the home that its Maildir lies in, `-` where that has to be listed. LATEST is
//! when the folder on the old server had changed last, in seconds since 1970, `-` where that is not
//! known. `final` stands where the last pass has something to do about the mailbox that this one
//! leaves, else `-`. FOLDERS is how many folders a Maildir holds, told of its INBOX, `-` where it has
//! to be listed anew. The counts are of all messages, of those that a quota counts, and of those marked
//! as deleted; the path is the old server's.

use super::RelPath;
use super::quota::Usage;
use bstr::ByteSlice as _;
use rayon::prelude::*;
use std::io::{self, Write};
use std::num::NonZeroU128;
use std::sync::Arc;

/// The first line of the file.
const HEAD: &[u8] = b"unqmail.folders/5\n";

/// A digest of something that may change; that it is none takes no room of its own.
pub type Print = NonZeroU128;

/// How a folder looked. Where it looks the same again, it is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prints {
    /// Of what stat(2) says of it; `None` where that is too young to tell of the next change.
    pub stamps: Option<Print>,
    /// Of the names in it.
    pub names: Option<Print>,
}

impl Prints {
    /// Whether a folder is the same still: by its stamps, or else by its names. What was not looked
    /// at is the same as nothing.
    pub fn is(&self, other: &Self) -> bool {
        let same = |a: Option<Print>, b: Option<Print>| a.is_some() && a == b;
        same(self.stamps, other.stamps) || same(self.names, other.names)
    }
}

/// Messages of a folder, by how quotas count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: Usage,
    /// Those that a quota counts.
    pub counted: Usage,
    /// Those marked as deleted.
    pub deleted: Usage,
}

/// What a pass made of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Its copy, once nothing was left to do about it.
    pub target: Prints,
    /// The final pass has something to do about the mailbox, or to tell of it: messages that are
    /// gone on the old server, or that no pass brought.
    pub is_for_final: bool,
}

/// A folder that a pass was through with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The folder on the old server.
    pub source: Prints,
    /// What became of it on the new one.
    pub made: Made,
    /// When the names in the folder on the old server had changed last, in seconds since 1970: a
    /// message that is as it was then has no later ctime.
    pub latest: Option<i64>,
    /// Of an INBOX: how the home looked that its Maildir lies in, where nothing else lay there that
    /// anybody asks for.
    pub home: Option<Print>,
    /// Of an INBOX: how many folders its Maildir held, itself counted, where nothing else lay in it
    /// that anybody asks for. While it looks the same there are no others.
    pub folders: Option<u32>,
    /// What was in it.
    pub counts: Counts,
}

impl Seen {
    /// Writes its line.
    fn render(&self, path: &RelPath, text: &mut Vec<u8>) {
        let (source, target) = (self.source, self.made.target);
        let prints = [source.stamps, source.names, target.stamps, target.names, self.home];
        for print in prints {
            // Writing to memory cannot fail.
            let _ = match print {
                Some(print) => write!(text, "{print:032x} "),
                None => write!(text, "- "),
            }
            .is_ok();
        }
        let _ = match self.latest {
            Some(latest) => write!(text, "{latest} "),
            None => write!(text, "- "),
        }
        .is_ok();
        text.extend_from_slice(if self.made.is_for_final { b"final " } else { b"- " });
        let _ = match self.folders {
            Some(folders) => write!(text, "{folders} "),
            None => write!(text, "- "),
        }
        .is_ok();
        for usage in [self.counts.all, self.counts.counted, self.counts.deleted] {
            let _ = write!(text, "{} {} ", usage.messages, usage.bytes).is_ok();
        }
        text.extend_from_slice(path.as_ref());
        text.push(b'\n');
    }
}

/// So many folders are written by one thread at a time.
const PART: usize = 256;

/// A folder that is known, by its path on the old server.
pub type Known = (RelPath, Arc<Seen>);

/// All folders that passes were through with, by their path on the old server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Sorted by path, no path twice. There may be hundreds of thousands, and the site holds them too.
    folders: Vec<Known>,
    /// Stamps are not to be trusted: names are compared.
    pub by_names: bool,
}

impl Memory {
    /// Reads the file. A line that is not understood is about a folder that was never seen.
    pub fn parse(text: &[u8]) -> Self {
        let lines = text.strip_prefix(HEAD).unwrap_or_default().par_split(|byte| *byte == b'\n');
        Self::from(lines.filter_map(entry).collect::<Vec<_>>())
    }

    /// How many folders are known.
    pub fn len(&self) -> usize {
        self.folders.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// What is known of a folder, with its path.
    pub fn get(&self, path: &RelPath) -> Option<&Known> {
        find(&self.folders, path)
    }

    /// How the home of a mailbox looked, where nothing but its Maildir was in it.
    pub fn home(&self, path: &RelPath) -> Option<Print> {
        self.get(&path.join("Maildir")).filter(|_| !self.by_names)?.1.home
    }

    /// What is known of a Maildir and its folders, which are then found among few.
    pub fn near(&self, maildir: &RelPath) -> Near<'_> {
        let first = self.folders.partition_point(|(known, _)| known < maildir);
        let rest = self.folders.get(first..).unwrap_or_default();
        let is_near = |(known, _): &&Known| known.as_bstr().starts_with(maildir.as_bstr());
        // All of them will be asked for.
        let few = rest.get(..rest.iter().take_while(is_near).count()).unwrap_or_default();
        Near { all: self, maildir: maildir.clone(), few }
    }

    /// All that is known, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.folders.iter()
    }
}

/// Of two entries about one folder the later counts.
impl From<Vec<Known>> for Memory {
    fn from(mut folders: Vec<Known>) -> Self {
        // They were written in this order.
        if !folders.is_sorted_by(|(a, _), (b, _)| a < b) {
            folders.par_sort_by(|(a, _), (b, _)| a.cmp(b));
            keep_last(&mut folders, |(a, _), (b, _)| a == b);
        }
        Self { folders, by_names: false }
    }
}

/// Of entries that are the same one after the other only the last stays.
fn keep_last<T>(entries: &mut Vec<T>, are_same: impl Fn(&T, &T) -> bool) {
    entries.dedup_by(|later, first| {
        let is_same = are_same(later, first);
        if is_same {
            std::mem::swap(later, first);
        }
        is_same
    });
}

/// What the next pass shall know of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing.
    None,
    /// What was read of it and known before.
    AsRead,
    /// The same, but for what a pass made of it.
    Made(Box<Made>),
}

/// What is written of a folder. There may be hundreds of thousands, so what was read is not kept twice.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its path on the old server.
    pub path: &'a RelPath,
    /// What was read of it, or known before.
    pub seen: &'a Seen,
    /// What a pass made of it, if that is something else.
    pub made: Option<Box<Made>>,
}

impl Line<'_> {
    fn whole(&self) -> Seen {
        let made = self.made.as_deref().copied();
        Seen { made: made.unwrap_or(self.seen.made), ..*self.seen }
    }
}

/// What the next pass shall know of all folders.
#[derive(Debug)]
pub struct Lines<'a>(Vec<Line<'a>>);

impl<'a> Lines<'a> {
    /// Sorts them by path. Of two lines about one folder the later counts; a path that no line can
    /// hold is not remembered.
    pub fn new(mut lines: Vec<Line<'a>>) -> Self {
        lines.retain(|line| !line.path.as_bstr().iter().any(u8::is_ascii_control));
        lines.par_sort_by(|a, b| a.path.cmp(b.path));
        keep_last(&mut lines, |a, b| a.path == b.path);
        Self(lines)
    }

    /// Whether they tell what is known already.
    pub fn are_known(&self, memory: &Memory) -> bool {
        let lines = self.0.iter().map(|line| (line.path, line.whole()));
        lines.eq(memory.iter().map(|(path, seen)| (path, **seen)))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Where the writer has one.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(HEAD)?;
        for some in self.0.chunks(16 * PART) {
            let parts = some.par_chunks(PART).map(|part| {
                let mut text = Vec::new();
                for line in part {
                    line.whole().render(line.path, &mut text);
                }
                text
            });
            for part in parts.collect::<Vec<_>>() {
                to.write_all(&part)?;
            }
        }
        Ok(())
    }
}

/// What is known of a Maildir and its folders.
#[derive(Clone, Debug)]
pub struct Near<'m> {
    all: &'m Memory,
    maildir: RelPath,
    /// Those whose paths begin like its own: its folders, and perhaps those of a neighbour.
    few: &'m [Known],
}

impl<'m> Near<'m> {
    /// What is known of a folder, with its path; one that a link leads to lies elsewhere.
    pub fn get(&self, path: &RelPath) -> Option<&'m Known> {
        if path.starts_with(&self.maildir) { find(self.few, path) } else { self.all.get(path) }
    }

    /// All that is known of the Maildir.
    pub fn iter(&self) -> impl Iterator<Item = &'m Known> {
        self.few.iter().filter(|(known, _)| known.starts_with(&self.maildir))
    }
}

/// A folder among others that are sorted by path.
fn find<'m>(folders: &'m [Known], path: &RelPath) -> Option<&'m Known> {
    folders.get(folders.binary_search_by(|(known, _)| known.cmp(path)).ok()?)
}

fn entry(line: &[u8]) -> Option<Known> {
    let mut fields = line.splitn(15, |byte| *byte == b' ');
    let mut print = || -> Option<Option<Print>> {
        match fields.next()? {
            b"-" => Some(None),
            digits => Some(Some(print(digits)?)),
        }
    };
    let source = Prints { stamps: print()?, names: print()? };
    let target = Prints { stamps: print()?, names: print()? };
    let home = print()?;
    let latest = match fields.next()? {
        b"-" => None,
        digits => Some(digits.to_str().ok()?.parse().ok()?),
    };
    let made = Made { target, is_for_final: fields.next()? == b"final" };
    let folders = match fields.next()? {
        b"-" => None,
        digits => Some(digits.to_str().ok()?.parse().ok()?),
    };
    let mut number = || -> Option<u64> { fields.next()?.to_str().ok()?.parse().ok() };
    let mut usage = || Some(Usage { messages: number()?, bytes: number()? });
    let counts = Counts { all: usage()?, counted: usage()?, deleted: usage()? };
    let path = RelPath::new(fields.next()?);
    Some((path, Arc::new(Seen { source, made, latest, home, folders, counts })))
}

/// Thirty-two hexadecimal digits; in two halves, because numbers of 128 bits are slow to read.
fn print(digits: &[u8]) -> Option<Print> {
    let half = |digits: &[u8]| {
        let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
        digits.into_iter().try_fold(0, |number, digit| Some((number << 4) | u64::from(digit?)))
    };
    let (high, low) = digits.split_at_checked(16).filter(|(_, low)| low.len() == 16)?;
    Print::new((u128::from(half(high)?) << 64) | u128::from(half(low)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let usage = |messages, bytes| Usage { bytes, messages };
        let seen = Seen {
            source: Prints { stamps: Print::new(7), names: None },
            made: Made::default(),
            home: Print::new(9),
            latest: Some(1_700_000_000),
            folders: Some(2),
            counts: Counts { all: usage(3, 90), counted: usage(2, 60), deleted: usage(1, 30) },
        };
        let target = Prints { stamps: None, names: Some(Print::MAX) };
        let made = Made { target, is_for_final: true };
        let paths = ["n", "home/a b/Maildir", "home/two\nlines", "n"].map(RelPath::new);
        let all = [None, Some(made), None, Some(made)].map(|made| made.map(Box::new));
        let lines = paths.iter().zip(all).map(|(path, made)| Line { path, seen: &seen, made });
        let lines = Lines::new(lines.collect());
        let mut text = Vec::new();
        lines.write(&mut text).unwrap();
        let read = Memory::parse(&text);
        let whole = Seen { made, ..seen };
        let known = ["home/a b/Maildir", "n"].map(|path| (RelPath::new(path), Arc::new(whole)));
        assert!(read.iter().eq(&known));
        assert!(lines.are_known(&read) && !lines.are_known(&Memory::default()));
        assert_eq!(Memory::parse(b"unqmail.folders/5\n12 - x\n"), Memory::default());
    }

    #[test]
    fn folders_are_found_beside_a_neighbour_with_a_longer_name() {
        let paths = ["m", "m.old", "m.old/.a", "m/.a", "m/.b", "n"].map(RelPath::new);
        let memory = Memory::from(paths.clone().map(|path| (path, Arc::default())).to_vec());
        let near = memory.near(&RelPath::new("m"));
        let own: Vec<_> = near.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(own, ["m", "m/.a", "m/.b"]);
        assert!(paths.iter().all(|path| near.get(path).unwrap().0 == *path));
        assert!(near.get(&RelPath::new("m/.c")).is_none());
    }

    #[test]
    fn what_was_not_looked_at_is_the_same_as_nothing() {
        let none = Prints::default();
        assert!(!none.is(&none));
        let prints =
            |stamps, names| Prints { stamps: Print::new(stamps), names: Print::new(names) };
        assert!(prints(1, 2).is(&prints(9, 2)));
        assert!(prints(1, 2).is(&prints(1, 0)));
        assert!(!prints(1, 2).is(&prints(0, 3)));
    }
}
