//! What Dovecot will tell clients of a folder, from the files of the Maildir alone
//! (`maildir-uidlist.c`, `maildir-keywords.c`, `maildir-filename-flags.c`).

use super::Error;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::memory::{Flags, PopName};
use crate::model::quota::leading_number;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// No file about a folder is larger than this.
const LARGEST: u64 = 1 << 30;

/// A folder as clients are told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// UIDVALIDITY; `None` where Dovecot will make one up.
    pub validity: Option<u32>,
    /// UIDNEXT before the messages that have no number yet.
    pub next: u32,
    /// Sorted by name, no name twice. There may be millions.
    messages: Vec<Message>,
}

/// A message as clients are told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The part of its name that stays.
    pub name: Box<[u8]>,
    /// Its UID; `None` where Dovecot has yet to give one.
    pub uid: Option<NonZeroU32>,
    /// Its name for POP3, where that is not the file's.
    pub uidl: Option<PopName>,
    /// Its place in the list of POP3, before all that have none.
    pub order: Option<u32>,
    /// Its flags.
    pub flags: Flags,
    #[expect(clippy::box_collection, reason = "most have none, and there may be millions")]
    keywords: Option<Box<BTreeSet<BString>>>,
}

impl Message {
    /// Gives it a keyword.
    pub fn add_keyword(&mut self, keyword: BString) {
        self.keywords.get_or_insert_default().insert(keyword);
    }

    /// Its keywords, sorted.
    pub fn keywords(&self) -> impl Iterator<Item = &BString> {
        self.keywords.iter().flat_map(|keywords| keywords.iter())
    }
}

impl Told {
    /// Reads a folder.
    ///
    /// # Errors
    /// Where a file cannot be read, or Dovecot would throw the list of numbers away.
    pub fn read(root: &Root, folder: &RelPath) -> Result<Self, Error> {
        let letters = keywords(root, folder)?;
        let mut parts = Vec::new();
        for part in ["new", "cur"] {
            match root.list(&folder.join(part)) {
                Ok(entries) => parts.push(entries),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut messages = Vec::with_capacity(parts.iter().map(Vec::len).sum());
        let files = parts.into_iter().flatten().map(|entry| entry.name);
        messages.extend(files.filter(|file| !file.starts_with(b".")).map(|mut file| {
            // P, passed on, is told to nobody.
            let mut message = Message { flags: flags(&file).collect(), ..Message::default() };
            let keywords = flags(&file).filter_map(|letter| letters.get(&letter));
            keywords.for_each(|keyword| message.add_keyword(keyword.clone()));
            let end = name(&file).len();
            file.truncate(end);
            message.name = Vec::from(file).into();
            message
        }));
        let mut told = Self::new(messages);
        let path = folder.join("dovecot-uidlist");
        if let Some(text) = root.read_if_there(&path, LARGEST)? {
            told.number(&path, &text)?;
        }
        Ok(told)
    }

    /// A folder with these messages, which has no numbers yet.
    pub fn new(mut messages: Vec<Message>) -> Self {
        messages.sort_by(|a, b| a.name.cmp(&b.name));
        messages.dedup_by(|later, first| {
            let is_same = later.name == first.name;
            if is_same {
                first.flags.extend(later.flags.letters());
                let keywords = later.keywords.take().into_iter().flat_map(|keywords| *keywords);
                keywords.for_each(|keyword| first.add_keyword(keyword));
            }
            is_same
        });
        Self { messages, ..Self::default() }
    }

    /// All messages, sorted by name.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Where among the messages one is, by the part of its name that stays.
    pub fn position(&self, name: &BStr) -> Option<usize> {
        self.messages.binary_search_by(|message| message.name.as_bstr().cmp(name)).ok()
    }

    /// The positions of the messages, in the order in which POP3 clients get them.
    pub fn pop3_order(&self) -> Vec<usize> {
        // What has no place comes after what has one, and what has no number yet comes last.
        let place = |value: Option<u32>| value.map_or(u64::MAX, u64::from);
        let uid = |message: &Message| message.uid.map(NonZeroU32::get);
        let key = |message: &Message| (place(message.order), place(uid(message)));
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        let message = |at: &usize| self.messages.get(*at);
        // The positions follow the names.
        order.sort_by(|a, b| {
            let by_numbers = message(a).map(key).cmp(&message(b).map(key));
            let time = |at: &usize| message(at).map(|message| times(&message.name));
            by_numbers.then_with(|| time(a).cmp(&time(b)))
        });
        order
    }

    fn number(&mut self, path: &RelPath, text: &[u8]) -> Result<(), Error> {
        let mut lines = (1..).zip(text.lines());
        let (_, header) = lines.next().unwrap_or((1, b""));
        let malformed =
            |line, what: &str| Error::Malformed { path: path.clone(), line, what: what.to_owned() };
        let mut fields = header.split_str(" ");
        if fields.next() != Some(b"3") {
            return Err(malformed(1, "the version is not 3"));
        }
        for field in fields {
            match field.split_first() {
                Some((b'V', value)) => self.validity = number(value),
                Some((b'N', value)) => self.next = number(value).unwrap_or(0),
                _ => {}
            }
        }
        if self.validity.is_none_or(|validity| validity == 0) || self.next == 0 {
            return Err(malformed(1, "no UIDVALIDITY or no UIDNEXT"));
        }
        let mut last = 0;
        for (line, text) in lines {
            let (fields, file) =
                text.split_once_str(" :").ok_or_else(|| malformed(line, "no file name"))?;
            let mut fields = fields.split_str(" ").filter(|field| !field.is_empty());
            let uid = fields.next().and_then(number).filter(|uid| *uid > last && *uid < u32::MAX);
            last = uid.ok_or_else(|| malformed(line, "UIDs do not ascend"))?;
            if file.is_empty() || file.contains(&b'/') {
                return Err(malformed(line, "no file has such a name"));
            }
            let mut uidl = None;
            let mut order = None;
            for field in fields {
                match field.split_first() {
                    Some((b'P', value)) => uidl = Some(PopName::from(value)),
                    Some((b'O', value)) => order = number(value),
                    Some((key, _)) if key.is_ascii_uppercase() => {}
                    _ => return Err(malformed(line, "a field without a key")),
                }
            }
            if let Some(message) =
                self.position(name(file)).and_then(|at| self.messages.get_mut(at))
            {
                (message.uid, message.uidl, message.order) = (NonZeroU32::new(last), uidl, order);
            }
        }
        Ok(())
    }
}

/// What Dovecot takes for the name of a message: all up to the first `:`.
fn name(file: &[u8]) -> &BStr {
    file.split_once_str(":").map_or(file, |(name, _)| name).as_bstr()
}

/// Seconds and microseconds in a name: Dovecot numbers new messages in their order
/// (`maildir_filename_sort_cmp` in `maildir-filename.c`).
fn times(name: &[u8]) -> (u64, u64) {
    let mut parts = name.splitn_str(3, ".");
    let seconds = leading_number(parts.next().unwrap_or_default());
    let unique = parts.next().and_then(|unique| unique.split_once_str("M"));
    (seconds, unique.map_or(0, |(_, micros)| leading_number(micros)))
}

/// The letters behind the last `:2,`.
fn flags(file: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let info = file.rsplit_once_str(":").map(|(_, info)| info).unwrap_or_default();
    let flags = info.strip_prefix(b"2,").unwrap_or_default();
    flags.iter().copied().take_while(|flag| *flag != b',')
}

fn keywords(root: &Root, folder: &RelPath) -> Result<BTreeMap<u8, BString>, Error> {
    let text = root.read_if_there(&folder.join("dovecot-keywords"), LARGEST)?.unwrap_or_default();
    let letter = |line: &[u8]| {
        let (number, name) = line.split_once_str(" ")?;
        let number: u8 = number.to_str().ok()?.parse().ok().filter(|number| *number < 26)?;
        Some((b'a' + number, BString::from(name)))
    };
    Ok(text.lines().filter_map(letter).collect())
}

fn number(text: &[u8]) -> Option<u32> {
    text.to_str().ok()?.parse().ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{Message, Told};
    use crate::fsys::root::Root;
    use crate::model::RelPath;
    use bstr::ByteSlice as _;

    fn told(list: &str) -> Result<Told, super::Error> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("m");
        std::fs::create_dir_all(folder.join("cur")).unwrap();
        for name in ["9.a:2,Sab", "8.b:2,", "7.c with blank:2,b,x"] {
            std::fs::write(folder.join("cur").join(name), "").unwrap();
        }
        std::fs::write(folder.join("dovecot-uidlist"), list).unwrap();
        std::fs::write(folder.join("dovecot-keywords"), "0 $Label1\n1 Junk\n").unwrap();
        Told::read(&Root::open(dir.path()).unwrap(), &RelPath::new("m"))
    }

    #[test]
    fn a_folder_is_told_as_dovecot_tells_it() {
        let told =
            told("3 V7 N9 Gabc\n2 O2 :7.c with blank\n4 PUID1 O1 :9.a:2,S\n5 :gone\n").unwrap();
        assert_eq!((told.validity, told.next), (Some(7), 9));
        let list: Vec<String> = told
            .pop3_order()
            .into_iter()
            .map(|at| {
                let message = &told.messages[at];
                let keywords: Vec<_> = message.keywords().collect();
                let Message { uid, uidl, flags, .. } = message;
                let name = message.name.as_bstr();
                let uidl = uidl.as_ref().map_or(name.to_string(), ToString::to_string);
                format!("{name} {uidl} {uid:?} {flags} {keywords:?}")
            })
            .collect();
        assert_eq!(
            list,
            [
                "9.a UID1 Some(4) S [\"$Label1\", \"Junk\"]",
                "7.c with blank 7.c with blank Some(2)  [\"Junk\"]",
                "8.b 8.b None  []",
            ]
        );
    }

    #[test]
    fn messages_without_a_number_come_by_the_times_in_their_names() {
        let names = ["9.x", "100.M10P1.mx", "100.M2P1.mx", "8.z", "8.a"];
        let named = |name: &str| Message { name: name.as_bytes().into(), ..Message::default() };
        let told = Told::new(names.map(named).into());
        let list: Vec<_> =
            told.pop3_order().into_iter().map(|at| told.messages[at].name.as_bstr()).collect();
        assert_eq!(list, ["8.a", "8.z", "9.x", "100.M2P1.mx", "100.M10P1.mx"]);
    }

    #[test]
    fn what_dovecot_would_throw_away_is_an_error() {
        for bad in [
            "",
            "1 7 9\n",
            "3 V0 N9\n",
            "3 V7\n",
            "3 V7 N9\n0 :a\n",
            "3 V7 N9\n3 :a\n3 :b\n",
            "3 V7 N9\n3 a\n",
            "3 V7 N9\n3 x1 :a\n",
            "3 V7 N9\n3 :a/b\n",
        ] {
            assert!(told(bad).is_err(), "{bad:?}");
        }
    }
}
