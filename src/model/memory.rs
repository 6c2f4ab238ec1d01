//! What mail programs remember of a mailbox, told without the words of any server: numbers of
//! messages, their names in POP3, keywords, subscriptions and rights.

use bstr::{BStr, BString, ByteSlice as _};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::Write as _;

/// The largest UID or UIDNEXT that is carried over. Above it there would be no room for new mail
/// in 32 bits (RFC 3501 2.3.1.1), and no folder ever came near it.
pub const LARGEST_UID: u32 = u32::MAX - (1 << 20);

/// The part of a message's name that stays when its flags change: all before the last `:`
/// (`imapscanclient.C` of Courier).
///
/// ```
/// use unqmail::model::memory::unique;
/// assert_eq!(unique(b"1700000000.M1P2.mx,S=5:2,FS"), "1700000000.M1P2.mx,S=5");
/// ```
pub fn unique(name: &[u8]) -> &BStr {
    name.rfind_byte(b':').and_then(|end| name.get(..end)).unwrap_or(name).as_bstr()
}

/// The IMAP numbers of a folder (RFC 3501 2.3.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers<'a> {
    /// UIDVALIDITY, never 0.
    pub validity: u32,
    /// UIDNEXT: larger than every UID, and at most [`LARGEST_UID`].
    pub next: u32,
    /// UIDs by unique name, sorted by name; no name and no UID stands twice.
    pub uids: Vec<(&'a BStr, u32)>,
    /// Lines that contradict others or are cut short.
    pub odd_lines: usize,
}

impl Numbers<'_> {
    /// The UID of a message.
    pub fn uid(&self, unique: &BStr) -> Option<u32> {
        let at = self.uids.binary_search_by(|(name, _)| (*name).cmp(unique)).ok()?;
        self.uids.get(at).map(|(_, uid)| *uid)
    }
}

/// The name of a message for POP3 clients (RFC 1939, UIDL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uidl {
    /// Its unique name, unusual bytes escaped.
    Name,
    /// `UIDn`, or `UIDn-v` where the second number is not 0.
    Number(u64, u64),
}

/// The name of a message for POP3 clients, as they are told it. Most are numbers, which take no memory
/// of their own: a folder may have millions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PopName {
    /// As [`Uidl::Number`].
    Number(u64, u64),
    /// Any other.
    Text(BString),
}

impl From<&[u8]> for PopName {
    /// ```
    /// use unqmail::model::memory::PopName;
    /// assert_eq!(PopName::from(b"UID7-17".as_slice()), PopName::Number(7, 17));
    /// assert_eq!(PopName::from(b"UID07".as_slice()), PopName::Text("UID07".into()));
    /// ```
    fn from(text: &[u8]) -> Self {
        let number = |text: &[u8]| text.to_str().ok()?.parse().ok();
        let numbered = || {
            let rest = text.strip_prefix(b"UID")?;
            let (first, second) = rest.split_once_str("-").unwrap_or((rest, b"0"));
            Some(Self::Number(number(first)?, number(second)?))
        };
        // A number that somebody else would write is a text.
        let is_written_so = |name: &Self| {
            let mut written = Vec::with_capacity(text.len());
            name.add_to(&mut written);
            written == text
        };
        numbered().filter(is_written_so).unwrap_or_else(|| Self::Text(text.into()))
    }
}

impl fmt::Display for PopName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number, 0) => write!(f, "UID{number}"),
            Self::Number(number, validity) => write!(f, "UID{number}-{validity}"),
            Self::Text(name) => write!(f, "{name}"),
        }
    }
}

impl PopName {
    /// Adds it to a text.
    pub fn add_to(&self, text: &mut Vec<u8>) {
        match self {
            // Writing to memory cannot fail.
            Self::Number(..) => drop(write!(text, "{self}")),
            Self::Text(name) => text.extend_from_slice(name),
        }
    }

    /// About how many bytes it has.
    pub fn width(&self) -> usize {
        if let Self::Text(name) = self { name.len() } else { 24 }
    }
}

/// What POP3 clients know of an INBOX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PopNames<'a> {
    /// The second number of new messages; 0 where the list has none.
    pub validity: u64,
    /// UIDLs by unique name, sorted by name; no name stands twice, and no number.
    pub uidls: Vec<(&'a BStr, Uidl)>,
    /// Lines that contradict others or are cut short.
    pub odd_lines: usize,
}

impl PopNames<'_> {
    /// The UIDL of a message.
    pub fn uidl(&self, unique: &BStr) -> Option<Uidl> {
        let at = self.uidls.binary_search_by(|(name, _)| (*name).cmp(unique)).ok()?;
        self.uidls.get(at).map(|(_, uidl)| *uidl)
    }
}

/// The flags of a message that clients are told of (RFC 3501 2.3.2), by their letters in its name:
/// D, F, R, S and T (maildir(5)). Other letters are passed over.
///
/// ```
/// use unqmail::model::memory::Flags;
/// let flags: Flags = b"SPR".iter().copied().collect();
/// assert_eq!(flags.to_string(), "RS");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    const LETTERS: &[u8] = b"DFRST";

    /// The letters, in the order of the alphabet.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        let set = (0..).zip(Self::LETTERS).filter(move |(at, _)| self.0 & (1 << at) != 0);
        set.map(|(_, letter)| *letter)
    }
}

impl Extend<u8> for Flags {
    fn extend<L: IntoIterator<Item = u8>>(&mut self, letters: L) {
        for letter in letters {
            self.0 |= Self::LETTERS.find_byte(letter).map_or(0, |at| 1 << at);
        }
    }
}

impl FromIterator<u8> for Flags {
    fn from_iter<L: IntoIterator<Item = u8>>(letters: L) -> Self {
        let mut flags = Self::default();
        flags.extend(letters);
        flags
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters().try_for_each(|letter| f.write_char(char::from(letter)))
    }
}

/// The keywords of a folder's messages (RFC 3501 2.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords {
    /// Their names, each once; capital letters make no difference.
    pub names: Vec<BString>,
    /// Which ones a message has, by its unique name, as positions in `names`.
    pub of: BTreeMap<BString, Vec<usize>>,
    /// Lines and files that say nothing.
    pub odd_lines: usize,
}

impl Keywords {
    /// How many keywords a folder can have on the new server: one for each small letter that a
    /// message's name may end in (maildir(5) as Dovecot writes it).
    pub const MOST: usize = 26;

    /// The keywords that are kept, by their letter `a` to `z`: all that can be written, of too many
    /// those that most messages have.
    pub fn kept(&self) -> Vec<usize> {
        let mut uses = vec![0_usize; self.names.len()];
        for position in self.of.values().flatten() {
            uses.get_mut(*position).into_iter().for_each(|uses| *uses += 1);
        }
        let is_fit = |at: &usize| self.names.get(*at).is_some_and(|name| is_keyword(name));
        let mut fit: Vec<usize> = (0..self.names.len()).filter(is_fit).collect();
        fit.sort_by_key(|at| std::cmp::Reverse(uses.get(*at).copied()));
        fit.truncate(Self::MOST);
        fit.sort_unstable();
        fit
    }

    /// The names of those that are not kept although some message has them.
    pub fn dropped(&self) -> Vec<&BString> {
        let kept = self.kept();
        let used: BTreeSet<&usize> = self.of.values().flatten().collect();
        let lost = used.into_iter().filter(|at| !kept.contains(at));
        lost.filter_map(|at| self.names.get(*at)).collect()
    }

    /// The position of a keyword, added where it is new.
    pub fn position(&mut self, name: &[u8]) -> usize {
        let known = self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        })
    }
}

/// Whether a keyword is an atom (RFC 3501, `flag-keyword`), so that a client can be told of it.
fn is_keyword(name: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() || b" (){%*\"\\]".contains(byte);
    !name.is_empty() && name.len() <= 255 && !name.iter().any(is_odd)
}

/// What somebody may do with a folder: a name such as `owner` or `user=LOGIN`, with `-` in front
/// where it takes rights away, and letters of RFC 4314.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub identifier: BString,
    /// What.
    pub rights: BString,
}

/// The program that served POP3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pop3 {
    /// Courier's `pop3d`.
    Courier,
    /// qmail's `qmail-pop3d`, which needs nothing but qmail.
    #[default]
    Qmail,
}

impl Pop3 {
    /// The word of the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Courier => "courier",
            Self::Qmail => "qmail",
        }
    }
}
