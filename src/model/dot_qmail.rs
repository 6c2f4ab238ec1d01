//! `.qmail` files: their lines, and what a line means to the program that reads it.

use super::command::{Word, simple_commands};
use super::{Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// A `.qmail` file as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotQmail {
    /// The file, by the name it was found under (links keep their own name).
    pub origin: Origin,
    /// The file that is really read, where this one is a link.
    pub links_to: Option<RelPath>,
    /// Permission bits.
    pub mode: u32,
    /// It is no file, but what a database has under this name: `vdelivermail` asks for it (`valias`),
    /// and `qmail-local` does not.
    pub is_row: bool,
    /// Every line without its LF; empty for a file of 0 bytes.
    pub lines: Vec<BString>,
}

/// The `.qmail` files of a home, by what follows `.qmail` in their name.
///
/// Most homes have one file or none, and in a `BTreeMap` one takes the room of eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotFiles(Vec<(BString, DotQmail)>);

impl DotFiles {
    /// The file of a name.
    pub fn get(&self, name: &BStr) -> Option<&DotQmail> {
        let at = self.0.binary_search_by(|(known, _)| known.as_bstr().cmp(name)).ok()?;
        self.0.get(at).map(|(_, file)| file)
    }

    /// Adds rows of a database, and gives those back that nobody asks for: where there is a file of
    /// their name, or one for all names that begin like theirs.
    pub fn add_rows(
        &mut self,
        rows: impl Iterator<Item = (BString, DotQmail)>,
    ) -> Vec<(BString, DotQmail)> {
        let mut all: BTreeMap<BString, DotQmail> =
            std::mem::take(&mut self.0).into_iter().collect();
        let mut hidden = Vec::new();
        for (name, row) in rows {
            // The domain's own `-default` is what asks for rows.
            let fronts = name.find_iter("-").skip(1).filter_map(|at| name.get(..=at));
            let mut groups = fronts.map(|front| BString::from([front, b"default"].concat()));
            let is_file = |name: &BString| all.get(name).is_some_and(|file| !file.is_row);
            if all.contains_key(&name) || groups.any(|group| is_file(&group)) {
                hidden.push((name, row));
            } else {
                all.insert(name, row);
            }
        }
        *self = all.into();
        hidden
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&BString, &DotQmail)> {
        self.0.iter().map(|(name, file)| (name, file))
    }

    /// Their names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &BString> {
        self.iter().map(|(name, _)| name)
    }

    /// The files, sorted by name.
    pub fn values(&self) -> impl Iterator<Item = &DotQmail> {
        self.iter().map(|(_, file)| file)
    }

    /// What follows `start` in the names that begin with it.
    pub fn behind(&self, start: &BStr) -> impl Iterator<Item = &BStr> {
        let at = self.0.partition_point(|(name, _)| name.as_bstr() < start);
        let names = self.0.get(at..).unwrap_or_default().iter();
        names.map_while(move |(name, _)| name.strip_prefix(start.as_bytes()).map(BStr::new))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<BString, DotQmail>> for DotFiles {
    fn from(files: BTreeMap<BString, DotQmail>) -> Self {
        Self(files.into_iter().collect())
    }
}

/// What one line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Nothing on the line.
    Blank,
    /// `#…`
    Comment,
    /// Append to an mbox file.
    Mbox(BString),
    /// Store in a Maildir.
    Maildir(BString),
    /// Run by `/bin/sh -c`.
    Program(BString),
    /// Forward to one address, which may lack its host.
    Forward(BString),
    /// `+list`: from here on only forwards are allowed.
    ListMark,
    /// `+` and anything else: ignored.
    Ignored,
}

impl Instruction {
    /// Reads a line as `qmail-local` does (dot-qmail(5), `qmail-local.c`): blanks and tabs at the
    /// end go, a carriage return stays, and a NUL ends the line.
    ///
    /// ```
    /// use unqmail::model::dot_qmail::Instruction;
    /// assert_eq!(Instruction::qmail_local(b"&a@b.example  "), Instruction::Forward("a@b.example".into()));
    /// assert_eq!(Instruction::qmail_local(b"./Maildir/"), Instruction::Maildir("./Maildir/".into()));
    /// ```
    pub fn qmail_local(line: &[u8]) -> Self {
        let line = line.trim_end_with(|c| c == ' ' || c == '\t');
        let line = line.split_str("\0").next().unwrap_or_default();
        match line {
            [] => Self::Blank,
            [b'#', ..] => Self::Comment,
            [b'.' | b'/', .., b'/'] | [b'/'] => Self::Maildir(line.into()),
            [b'.' | b'/', ..] => Self::Mbox(line.into()),
            [b'|', rest @ ..] => Self::Program(rest.into()),
            b"+list" => Self::ListMark,
            [b'+', ..] => Self::Ignored,
            [b'&', rest @ ..] => Self::Forward(rest.into()),
            _ => Self::Forward(line.into()),
        }
    }

    /// Reads a line as `vdelivermail` does (`vdelivermail.c`, 5.4.33): nothing is trimmed at the
    /// end, blanks after `|` go, and there is no `+`.
    pub fn vdelivermail(line: &[u8]) -> Self {
        match line {
            [] => Self::Blank,
            [b'#', ..] => Self::Comment,
            [b'.' | b'/', .., b'/'] | [b'/'] => Self::Maildir(line.into()),
            [b'.' | b'/', ..] => Self::Mbox(line.into()),
            [b'|', rest @ ..] => {
                Self::Program(rest.trim_start_with(|c| c == ' ' || c == '|').into())
            }
            [b'&', rest @ ..] => Self::Forward(rest.into()),
            _ => Self::Forward(line.into()),
        }
    }
}

impl DotQmail {
    /// The file's lines with their numbers, counted from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (Origin, &BStr)> {
        (1..).zip(&self.lines).map(|(number, line)| (self.line(number), line.as_bstr()))
    }

    /// Where a line is, counted from 1; lines of a database are where the first one is.
    pub fn line(&self, number: u32) -> Origin {
        if self.is_row { self.origin.clone() } else { self.origin.at(number) }
    }

    /// What the lines tell `vdelivermail` to do with mail that no account takes: its second
    /// argument.
    pub fn catch_alls(&self) -> Vec<BString> {
        let programs = self.lines.iter().filter_map(|line| line.strip_prefix(b"|"));
        let programs = programs.filter(|line| line.contains_str("vdelivermail"));
        let commands = programs.flat_map(simple_commands);
        let action = |words: Vec<Word>| {
            let mut texts = words.iter().map(Word::text);
            texts.find(|text| text.rsplit_str("/").next() == Some(b"vdelivermail"))?;
            texts.nth(1)
        };
        commands.filter_map(action).collect()
    }

    /// Whether a line hands mail to a program that puts it into accounts' mailboxes.
    pub fn leads_to_accounts(&self) -> bool {
        let lda = |line: &BString| {
            (line.contains_str("/deliver ") || line.contains_str("dovecot-lda "))
                && line.contains_str(" -d ")
        };
        let is_one = |line: &BString| {
            ["vdelivermail", "maildrop", "procmail"].iter().any(|name| line.contains_str(name))
        };
        let mut programs = self.lines.iter().filter(|line| line.starts_with(b"|"));
        programs.any(|line| is_one(line) || lda(line))
    }
}

#[cfg(test)]
mod tests {
    use super::Instruction::{self, *};

    #[test]
    fn the_two_programs_read_the_same_line_differently() {
        assert_eq!(Instruction::qmail_local(b"a@b \t"), Forward("a@b".into()));
        assert_eq!(Instruction::vdelivermail(b"a@b \t"), Forward("a@b \t".into()));
        assert_eq!(Instruction::qmail_local(b"| cmd"), Program(" cmd".into()));
        assert_eq!(Instruction::vdelivermail(b"| cmd"), Program("cmd".into()));
        assert_eq!(Instruction::qmail_local(b"+list"), ListMark);
        assert_eq!(Instruction::vdelivermail(b"+list"), Forward("+list".into()));
    }

    #[test]
    fn a_carriage_return_and_leading_blanks_belong_to_the_address() {
        assert_eq!(Instruction::qmail_local(b"a@b\r"), Forward("a@b\r".into()));
        assert_eq!(Instruction::qmail_local(b"& a@b"), Forward(" a@b".into()));
        assert_eq!(Instruction::qmail_local(b" a@b"), Forward(" a@b".into()));
    }

    #[test]
    fn files_end_in_a_slash_when_they_are_maildirs() {
        assert_eq!(Instruction::qmail_local(b"./mbox"), Mbox("./mbox".into()));
        assert_eq!(
            Instruction::qmail_local(b"/home/x/Maildir/ "),
            Maildir("/home/x/Maildir/".into())
        );
        assert_eq!(Instruction::qmail_local(b"/"), Maildir("/".into()));
        assert_eq!(Instruction::qmail_local(b"."), Mbox(".".into()));
    }

    #[test]
    fn a_nul_ends_the_line() {
        assert_eq!(Instruction::qmail_local(b"a@b\0c"), Forward("a@b".into()));
    }
}
