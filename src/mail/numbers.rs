//! The numbers and names by which clients know the messages of a folder.
//!
//! They are written after the messages, from the names that are there then, and anew at each run
//! until Dovecot has opened the folder.

use super::compare::Work;
use super::files::{self, There};
use super::folder::Source;
use super::name::{arrival, base, courier_order};
use super::{Half, Job, Mailbox, Moved};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::model::memory::{Numbers, Pop3, PopName, PopNames, Uidl};
use crate::source::courier;
use crate::target::dovecot::uidlist::{self, Record, is_uidl};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

/// A list on the new server is no larger than this: 4 GiB.
const LARGEST: u64 = 4 << 30;

/// The names on the old server of messages that have another one here, by that.
pub type Former = BTreeMap<BString, BString>;

/// Writes the folder's list of numbers.
pub(super) fn write(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    (folder, work): (&Open, &Work),
    sources: &[Source<'_>],
    moved: &mut Moved,
) -> Result<()> {
    let (is_inbox, root) = (work.name.is_empty(), mailbox.tree.root());
    let names = names(mailbox, folder, &work.name)?;
    // The first of the folders counts; what cannot be read was told when the migration was planned.
    let file = |name: &str| {
        sources.iter().find_map(|(part, open)| {
            job.root.read_within(open, name, courier::largest(part.folder)).ok()?
        })
    };
    let by_date = |records: &[Record<'_>]| by_date(root, folder, records);
    let list = list(&names, file, &work.formers, is_inbox.then_some(job.pop3), by_date)?;
    if work.is_served || uidlist::is_dovecots(&head(folder)) {
        if let Some(next) = list.given {
            let there = files::look(root, folder, uidlist::FILE, LARGEST)?;
            let text: &[u8] = if let There::File(text) = &there { text } else { b"" };
            let given = list.records.partition_point(|record| record.uid < next);
            let given = list.records.get(..given).unwrap_or_default();
            moved.numbered_anew += uidlist::differing(text, list.validity, given);
        }
        return Ok(());
    }
    let text = list.is_needed.then(|| list.render());
    // Of a large folder each of these takes as much room as the file that is looked at now.
    drop(list);
    drop(names);
    let there = files::look(root, folder, uidlist::FILE, LARGEST)?;
    files::put(mailbox, folder, uidlist::FILE, (&there, text.as_deref()), moved)
}

/// How the list on the new server begins; nothing where none can be read.
fn head(folder: &Open) -> Vec<u8> {
    const FRONT: u16 = 512;
    let mut head = Vec::with_capacity(FRONT.into());
    if let Ok((file, _)) = folder.open(uidlist::FILE) {
        // What cannot be read is told once all of it is read.
        drop(file.take(FRONT.into()).read_to_end(&mut head));
    }
    head
}

/// A folder's list of numbers.
#[derive(Debug)]
pub struct List<'n> {
    validity: u32,
    /// UIDNEXT of the old server, if it numbered the folder.
    given: Option<u32>,
    /// Sorted by UID.
    records: Vec<Record<'n>>,
    /// Clients knew something that Dovecot would not make up alike.
    is_needed: bool,
}

impl List<'_> {
    /// The text of the file.
    pub fn render(&self) -> Vec<u8> {
        let last = self.records.last().map_or(0, |record| record.uid);
        let next = self.given.unwrap_or(1).max(last.saturating_add(1));
        uidlist::render(self.validity, next, &self.records)
    }
}

/// Makes the list of a folder with these unique names, sorted, from Courier's files by their names; of
/// an INBOX also for POP3.
///
/// # Errors
/// Where dates cannot be told.
pub fn list<'n>(
    names: &'n [BString],
    file: impl Fn(&str) -> Option<Vec<u8>>,
    formers: &Former,
    pop3: Option<Pop3>,
    by_date: impl FnOnce(&[Record<'_>]) -> Result<Vec<usize>>,
) -> Result<List<'n>> {
    // One after the other: of a large folder each file takes as much room as all names.
    let (given, mut records) = {
        let text = file(courier::UIDS);
        let numbers = text.as_deref().and_then(|bytes| courier::uids(bytes).ok());
        let records = numbered(names, numbers.as_ref(), formers).1;
        (numbers.map(|numbers| (numbers.validity, numbers.next)), records)
    };
    let mut is_needed = given.is_some();
    if let Some(pop3) = pop3 {
        let order = match pop3 {
            Pop3::Courier => by_courier(&records, formers),
            Pop3::Qmail => by_date(&records)?,
        };
        is_needed |= set_order(&mut records, &order);
    }
    let text = if pop3 == Some(Pop3::Courier) { file(courier::SIZE_LIST) } else { None };
    let uidls = text.as_deref().and_then(|bytes| courier::sizelist(bytes).ok());
    if let Some(pop3) = pop3 {
        for record in &mut records {
            let old = former(formers, record.name);
            let uidl = match pop3 {
                Pop3::Courier => courier_uidl(old, uidls.as_ref()),
                Pop3::Qmail => PopName::Text(old.split_str(":").next().unwrap_or_default().into()),
            };
            let is_its_own = |uidl: &PopName| match uidl {
                PopName::Number(..) => true,
                PopName::Text(uidl) => uidl != record.name && is_uidl(uidl),
            };
            record.uidl = Some(uidl).filter(is_its_own);
            is_needed |= record.uidl.is_some();
        }
    }
    let (validity, given) = given.unzip();
    let validity = validity.unwrap_or_else(|| new_validity(uidls.as_ref()));
    Ok(List { validity, given, records, is_needed })
}

/// UIDVALIDITY where no IMAP client has seen the folder: any number will do that stays the same.
/// Courier's list of POP3 names has the time of its making.
fn new_validity(list: Option<&PopNames<'_>>) -> u32 {
    let time = list.and_then(|list| u32::try_from(list.validity).ok());
    time.filter(|time| *time > 0).unwrap_or(1)
}

fn former<'a>(formers: &'a Former, name: &'a BStr) -> &'a BStr {
    formers.get(name).map_or(name, |old| old.as_bstr())
}

/// The unique names of the messages that are there, each once, sorted. A folder is listed for the last
/// time here: what the next pass shall know of its names is told too, if it has all parts.
fn names(mailbox: &Mailbox<'_>, folder: &Open, own: &BString) -> Result<Vec<BString>> {
    let (mut names, mut look) = (Vec::new(), Some(mailbox.listed.begin()));
    for part in Half::BOTH.map(Half::name) {
        let open = mailbox.tree.root().enter(folder, part)?;
        look = look.filter(|_| open.is_some());
        let mut take = |name: &[u8], _| {
            if let Some(look) = &mut look {
                look.name(name);
            }
            if !name.starts_with(b".") {
                names.push(base(name).to_owned());
            }
            Ok(())
        };
        open.map_or(Ok(()), |open| open.each(&mut take))?;
        if let Some(look) = &mut look {
            look.end();
        }
    }
    if let Some(look) = look {
        mailbox.listed.tell(own, &look);
    }
    names.shrink_to_fit();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Gives each message its UID, sorted by it: those that Courier never numbered get higher ones, in
/// the order in which Dovecot would number them. The first of those comes back too.
fn numbered<'n>(
    names: &'n [BString],
    numbers: Option<&Numbers<'_>>,
    formers: &Former,
) -> (u32, Vec<Record<'n>>) {
    let record =
        |uid, name: &'n BString| Record { uid, name: name.as_bstr(), uidl: None, order: None };
    let mut records = Vec::with_capacity(names.len());
    let mut new = Vec::new();
    for name in names {
        match numbers.and_then(|numbers| numbers.uid(former(formers, name.as_bstr()))) {
            Some(uid) => records.push(record(uid, name)),
            None => new.push(name),
        }
    }
    records.sort_unstable_by_key(|record| record.uid);
    new.sort_unstable_by_key(|name| arrival(name.as_bstr()));
    let next = numbers.map_or(1, |numbers| numbers.next);
    records.extend((next..).zip(new).map(|(uid, name)| record(uid, name)));
    (next, records)
}

/// The order of POP3 in Courier: positions of records.
fn by_courier(records: &[Record<'_>], formers: &Former) -> Vec<usize> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    let names: Vec<&BStr> = records.iter().map(|record| former(formers, record.name)).collect();
    if !names.is_sorted_by(|a, b| courier_order(a, b).is_le()) {
        let name = |at: &usize| names.get(*at).copied().unwrap_or_default();
        order.sort_by(|a, b| courier_order(name(a), name(b)));
    }
    order
}

/// The order of POP3 in `qmail-pop3d`: by date in whole seconds (`maildir_scan` in `maildir.c`).
/// Among messages of one second it has none; here their name decides.
fn by_date(root: &Root, folder: &Open, records: &[Record<'_>]) -> Result<Vec<usize>> {
    let mut dates: BTreeMap<BString, i64> = BTreeMap::new();
    for sub in ["new", "cur"] {
        let Some(folder) = root.enter(folder, sub)? else { continue };
        for entry in folder.list()? {
            if let Some(stat) = folder.stat(&entry.name)? {
                dates.insert(base(&entry.name).to_owned(), stat.mtime.0);
            }
        }
    }
    let key = |at: &usize| records.get(*at).map(|record| (dates.get(record.name), record.name));
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(key);
    Ok(order)
}

/// Gives each message its place in the list of POP3, unless that is the order of UIDs; whether it
/// is another one.
fn set_order(records: &mut [Record<'_>], order: &[usize]) -> bool {
    let differs = !order.is_sorted();
    if differs {
        for (place, at) in (1..).zip(order) {
            if let Some(record) = records.get_mut(*at) {
                record.order = Some(place);
            }
        }
    }
    differs
}

/// The name of a message for POP3 in Courier (`print_uidl` in `pop3dserver.C`); one that is in no
/// list was never named, and gets the form of the first ones.
fn courier_uidl(name: &BStr, list: Option<&PopNames<'_>>) -> PopName {
    let uidl = match list.and_then(|list| list.uidl(name)).unwrap_or(Uidl::Name) {
        Uidl::Number(number, validity) => return PopName::Number(number, validity),
        Uidl::Name => name.split_once_str(":").map_or(name, |(front, _)| front.as_bstr()),
    };
    let is_plain = |byte: &u8| (0x21..=0x7e).contains(byte) && !b"'\"+".contains(byte);
    if uidl.iter().all(is_plain) {
        return PopName::Text(uidl.to_owned());
    }
    let mut text = String::new();
    for byte in uidl.iter() {
        if is_plain(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(text, "+{byte:02X}").is_ok();
        }
    }
    PopName::Text(text.into())
}

#[cfg(test)]
mod tests {
    use super::{Former, PopName, courier_uidl, list, numbered};
    use crate::model::memory::Pop3;
    use crate::model::message::renamed;
    use crate::source::courier::{sizelist, uids};
    use bstr::{BStr, BString};
    use std::collections::BTreeMap;

    #[test]
    fn messages_without_a_number_follow_in_the_order_of_their_arrival() {
        let names: Vec<BString> =
            ["10.a", "9.b", "9.M10P1.c", "9.M2P1.c", "8.old", "7.x"].map(BString::from).into();
        let numbers = uids(b"1 700000000 12\n4 10.a\n3 8.old\n11 gone\n").unwrap();
        let (next, records) = numbered(&names, Some(&numbers), &BTreeMap::new());
        let told: Vec<_> = records.iter().map(|r| format!("{} {}", r.uid, r.name)).collect();
        assert_eq!(next, 12);
        assert_eq!(told, ["3 8.old", "4 10.a", "12 7.x", "13 9.b", "14 9.M2P1.c", "15 9.M10P1.c"]);
    }

    #[test]
    fn the_order_of_pop3_is_that_of_the_old_names() {
        let (old, new) = ("9.a:x", renamed(b"9.a:x:2,", b""));
        let new = crate::model::memory::unique(&new).to_owned();
        let names = [BString::from("9.aB"), new.clone()];
        assert!(names.is_sorted());
        let formers = Former::from([(new, old.into())]);
        let list = list(&names, |_| None, &formers, Some(Pop3::Courier), |_| Ok(Vec::new()));
        let list = list.unwrap();
        let text = BString::from(list.render()).to_string();
        assert!(text.contains("\n1 O2 :9.aB\n2 P9.a O1 :9.a_x,U="), "{text}");
    }

    #[test]
    fn uidls_are_told_as_courier_told_them() {
        let list = sizelist(b"/2 9 17\na:2,S 1 0:17\nb:2,S 1 7:17\nc 1 8:0\n").unwrap();
        let told = |name: &[u8]| courier_uidl(BStr::new(name), Some(&list));
        let text = |text: &str| PopName::Text(text.into());
        assert_eq!(told(b"a"), text("a"));
        assert_eq!([told(b"b"), told(b"c")], [PopName::Number(7, 17), PopName::Number(8, 0)]);
        assert_eq!(told(b"1.x y+'\"\xe9:z"), text("1.x+20y+2B+27+22+E9"));
    }
}
