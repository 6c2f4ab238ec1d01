//! What mail programs know: folders, numbers, names for POP3 and their order, keywords,
//! subscriptions and rights.
//!
//! What the old server told its clients is worked out anew from its own files; what Dovecot will
//! tell them is for the target's files to say, or for Dovecot itself.

use super::Difference;
use crate::fsys;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::folder::{is_portable, portable};
use crate::model::memory::{Flags, Grant, Keywords, Pop3, PopName, Uidl, unique};
use crate::model::message::renamed;
use crate::model::quota::leading_number;
use crate::model::store::{Folder, Store, StoreKind};
use crate::plan::Plan;
use crate::predict::{Listed, Message, Rights, Tells, Told};
use crate::source::courier;
use crate::source::mail::Messages;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// What the check of one mailbox found.
#[derive(Debug, Default)]
pub struct Found {
    /// How many of each kind of thing were checked.
    pub checked: BTreeMap<&'static str, u64>,
    /// What is not as it should be.
    pub differences: Vec<Difference>,
}

impl Found {
    /// Counts a thing, and keeps it if it is not as it should be.
    pub fn compare(
        &mut self,
        kind: &'static str,
        subject: impl AsRef<[u8]>,
        old: impl Into<String>,
        new: impl Into<String>,
    ) {
        let (old, new) = (old.into(), new.into());
        self.check(kind, old == new, || (subject, old, new));
    }

    /// Counts a thing; what differs tells what it is, what it should be and what it is instead.
    /// There are many of them, and few differ.
    fn check<S: AsRef<[u8]>>(
        &mut self,
        kind: &'static str,
        is_same: bool,
        tell: impl FnOnce() -> (S, String, String),
    ) {
        *self.checked.entry(kind).or_insert(0) += 1;
        if !is_same {
            let (subject, old, new) = tell();
            let subject = subject.as_ref().into();
            self.differences.push(Difference { kind, subject, old, new });
        }
    }
}

/// The stores of each mailbox, by its home.
pub fn mailboxes(plan: &Plan) -> BTreeMap<&RelPath, Vec<(&MailCopy, &Store)>> {
    let mut mailboxes: BTreeMap<&RelPath, Vec<_>> = BTreeMap::new();
    for copy in plan.copies() {
        if let Some(store) = plan.site.stores.get(&copy.from) {
            mailboxes.entry(&copy.home).or_default().push((copy, store));
        }
    }
    mailboxes
}

/// Holds what clients will be told of a mailbox against what the old server told them.
pub fn compare<T: Tells>(
    site: &Root,
    stores: &[(&MailCopy, &Store)],
    pop3: Pop3,
    new: &mut T,
) -> Found {
    let mut found = Found::default();
    // Nobody has read an mbox by IMAP or POP3.
    let stores = stores.iter().filter(|(_, store)| store.kind == StoreKind::Maildir);
    let Some((first, _)) = stores.clone().next() else { return found };
    let maildir = first.home.join("Maildir");
    let there = match new.folders() {
        Ok(folders) => folders,
        Err(error) => {
            found.compare("mailbox", &maildir, "readable", error.to_string());
            return found;
        }
    };
    let mut seen = BTreeSet::new();
    for (copy, store) in stores {
        for folder in &store.folders {
            let name = copy.folder(&folder.name);
            // Of two stores in one mailbox the first gives a folder its numbers.
            if !seen.insert(name) {
                continue;
            }
            let path = if name.is_empty() { maildir.clone() } else { maildir.join(name) };
            if !there.contains(name) {
                found.compare("folder", &path, "there", "missing");
                continue;
            }
            *found.checked.entry("folder").or_insert(0) += 1;
            let checked = new.folder(name).map_err(|error| error.to_string()).and_then(|told| {
                let found = &mut found;
                let mut both = Both { site, store, folder, there: &path, told: &told, found };
                both.check(pop3, new).map_err(|error| error.to_string())
            });
            if let Err(error) = checked {
                found.compare("numbers", &path, "readable", error);
            }
            check_rights(site, (store, folder), name, &path, new, &mut found);
        }
        check_subscriptions(site, &maildir, copy, store, new, &mut found);
    }
    found
}

/// A message of the old server. There may be millions in a folder.
struct Old {
    /// Where it is among those of the new server, counted from one.
    at: Option<NonZeroU32>,
    /// Its unique name, where that is not the copy's.
    name: Option<Box<BString>>,
    flags: Flags,
    /// Its date, where the order of POP3 follows from it.
    seconds: i64,
}

impl Old {
    fn at(&self) -> Option<usize> {
        usize::try_from(self.at?.get() - 1).ok()
    }

    fn copy<'t>(&self, told: &'t Told) -> Option<&'t Message> {
        told.messages().get(self.at()?)
    }

    fn name<'o>(&'o self, told: &'o Told) -> &'o BStr {
        let own = self.name.as_deref().map(|name| name.as_slice());
        own.or_else(|| Some(&*self.copy(told)?.name)).unwrap_or_default().as_bstr()
    }

    /// What its copy's unique name is or should be.
    fn here(&self, told: &Told) -> BString {
        if let Some(copy) = self.copy(told) {
            return copy.name.as_ref().into();
        }
        // What a name is renamed to hangs on where its flags begin.
        let file = [self.name(told).as_bytes(), b":2,"].concat();
        unique(&renamed(&file, b"")).to_owned()
    }
}

fn messages(
    site: &Root,
    (store, folder): (&Store, &Folder),
    told: &Told,
    with_dates: bool,
) -> fsys::Result<Vec<Old>> {
    let mut messages = Vec::with_capacity(told.messages().len());
    for part in ["new", "cur"] {
        let open = match Messages::open(site, &store.path, &folder.path.join(part)) {
            Ok(Some(open)) => open,
            Ok(None) => continue,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        // One by one: of a large folder all names take as much room as all messages.
        open.each(|file| {
            let name = unique(&file);
            let at = told.position(unique(&renamed(&file, b"")));
            // What the new server has was its reader's; of the rest only a look can tell.
            let stat = if at.is_some() && !with_dates { None } else { open.stat(&file)? };
            if stat.is_some_and(|stat| open.is_strangers(&stat)) {
                return Ok(());
            }
            let info = file.get(name.len()..).unwrap_or_default();
            let flags = info.strip_prefix(b":2,").unwrap_or_default().iter().copied();
            let flags = flags.take_while(|flag| *flag != b',').collect();
            let seconds = stat.map_or(0, |stat| stat.mtime.0);
            let at = at.and_then(|at| NonZeroU32::new(u32::try_from(at + 1).ok()?));
            let mut old = Old { at, name: None, flags, seconds };
            if old.name(told) != name {
                old.name = Some(Box::new(name.to_owned()));
            }
            messages.push(old);
            Ok(())
        })?;
    }
    Ok(messages)
}

/// A folder on both servers.
struct Both<'a> {
    site: &'a Root,
    store: &'a Store,
    folder: &'a Folder,
    there: &'a RelPath,
    told: &'a Told,
    found: &'a mut Found,
}

impl Both<'_> {
    fn check<T: Tells>(&mut self, pop3: Pop3, new: &mut T) -> fsys::Result<()> {
        let with_dates = pop3 == Pop3::Qmail && self.folder.name.is_empty();
        let messages = messages(self.site, (self.store, self.folder), self.told, with_dates)?;
        self.check_numbers(&messages);
        if T::IS_SERVER {
            self.check_flags(&messages);
        }
        self.check_keywords(&messages);
        if self.folder.name.is_empty() {
            match new.pop3_list(self.told) {
                Ok(list) => self.check_pop3(messages, pop3, list),
                Err(error) => self.found.compare("pop3", self.there, "a list", error.to_string()),
            }
        }
        Ok(())
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.path.join(name);
        self.site.read_if_there(&path, courier::largest(self.folder)).ok().flatten()
    }

    fn check_numbers(&mut self, messages: &[Old]) {
        let Self { there, told, .. } = *self;
        let bytes = self.file(courier::UIDS);
        let Some(numbers) = bytes.as_deref().and_then(|bytes| courier::uids(bytes).ok()) else {
            return;
        };
        let found = &mut *self.found;
        found.compare("uidvalidity", there, numbers.validity.to_string(), show(told.validity));
        let next = if told.next < numbers.next {
            format!("{} or more", numbers.next)
        } else {
            told.next.to_string()
        };
        found.compare("uidnext", there, next, told.next.to_string());
        for old in messages {
            let Some(uid) = numbers.uid(old.name(told)) else { continue };
            let is = old.copy(told).and_then(|copy| copy.uid).map(NonZeroU32::get);
            let tell = || (there.join(old.here(told)), uid.to_string(), show(is));
            found.check("uid", is == Some(uid), tell);
        }
    }

    /// Whether each message is there with its flags. What files say of that is checked with the
    /// messages themselves.
    fn check_flags(&mut self, messages: &[Old]) {
        let Self { there, told, .. } = *self;
        for old in messages {
            let is = old.copy(told).map(|copy| copy.flags);
            self.found.check("flags", is == Some(old.flags), || {
                let is = is.map_or_else(|| "no such message".to_owned(), |is| is.to_string());
                (there.join(old.here(told)), old.flags.to_string(), is)
            });
        }
    }

    fn check_keywords(&mut self, messages: &[Old]) {
        let Self { there, told, .. } = *self;
        // What cannot be read was told when the migration was planned.
        let keywords: Keywords =
            courier::keywords(self.site, &self.folder.path).unwrap_or_default();
        let kept = keywords.kept();
        for old in messages {
            let own = keywords.of.get(old.name(told)).map(Vec::as_slice).unwrap_or_default();
            let own = own.iter().filter(|at| kept.contains(at));
            let own: BTreeSet<&BString> = own.filter_map(|at| keywords.names.get(*at)).collect();
            let is: BTreeSet<&BString> =
                old.copy(told).into_iter().flat_map(Message::keywords).collect();
            if !own.is_empty() || !is.is_empty() {
                let is_same = own == is;
                let tell = |names: BTreeSet<&BString>| bstr::join(" ", names).as_bstr().to_string();
                let tell = || (there.join(old.here(told)), tell(own), tell(is));
                self.found.check("keywords", is_same, tell);
            }
        }
    }

    fn check_pop3(
        &mut self,
        mut messages: Vec<Old>,
        pop3: Pop3,
        list: impl Iterator<Item = Listed>,
    ) {
        let Self { there, told, .. } = *self;
        let bytes = self.file(courier::SIZE_LIST).filter(|_| pop3 == Pop3::Courier);
        let names = bytes.as_deref().and_then(|bytes| courier::sizelist(bytes).ok());
        match pop3 {
            #[expect(clippy::cast_possible_wrap, reason = "bytes are signed there")]
            Pop3::Courier => messages.sort_unstable_by(|a, b| {
                let (a, b) = (a.name(told), b.name(told));
                let signed = |byte: &u8| *byte as i8;
                let by_bytes = || a.iter().map(signed).cmp(b.iter().map(signed));
                leading_number(a).cmp(&leading_number(b)).then_with(by_bytes)
            }),
            Pop3::Qmail => messages.sort_by_cached_key(|old| (old.seconds, old.here(told))),
        }
        let wanted = |old: &Old| {
            let name = old.name(told);
            let front = name.split_once_str(":").map_or(name.as_bytes(), |(front, _)| front);
            let uidl = match (pop3, names.as_ref().and_then(|names| names.uidl(name))) {
                (Pop3::Courier, Some(Uidl::Number(number, validity))) => {
                    return PopName::Number(number, validity);
                }
                (Pop3::Courier, _) => escaped(front),
                (Pop3::Qmail, _) => BString::from(front),
            };
            // A name that POP3 cannot say stays the file's.
            let can_say = !uidl.is_empty() && uidl.iter().all(|byte| (0x21..=0x7e).contains(byte));
            PopName::from(if can_say { uidl } else { old.here(told) }.as_slice())
        };
        let mut is_later = vec![true; told.messages().len()];
        for at in messages.iter().filter_map(Old::at) {
            is_later.get_mut(at).into_iter().for_each(|later| *later = false);
        }
        // What came later on the new server is no matter here.
        let is_later = |at| is_later.get(at).is_some_and(|later| *later);
        let mut is = list.filter(|(at, _)| !at.is_some_and(is_later));
        for old in &messages {
            let wanted = wanted(old);
            let is = is.next().map(|(at, uidl)| {
                let own = || told.messages().get(at?).map(|message| &*message.name);
                uidl.unwrap_or_else(|| own().unwrap_or_default().into())
            });
            self.found.check("uidl", is.as_ref() == Some(&wanted), || {
                let is = is.map_or_else(|| "none".to_owned(), |is| is.to_string());
                (there.join(old.here(told)), wanted.to_string(), is)
            });
        }
    }
}

/// The rights of a folder, on both servers by the letters of the old one.
fn check_rights<T: Tells>(
    site: &Root,
    (store, folder): (&Store, &Folder),
    name: &BString,
    there: &RelPath,
    new: &mut T,
    found: &mut Found,
) {
    let is = match new.rights(name) {
        Ok(Some(rights)) => rights,
        Ok(None) => return,
        Err(error) => return found.compare("rights", there, "readable", error.to_string()),
    };
    let told = courier::rights(site, &store.path, (&folder.name, &folder.path)).ok().flatten();
    let grants: Vec<Grant> = told.map(|(_, text)| courier::acl(&text)).unwrap_or_default();
    if grants.is_empty() && is.is_empty() {
        return;
    }
    let mut wanted = Rights::new();
    if !grants.is_empty() {
        // Courier's owner has every right where nothing else is said.
        wanted.insert("owner".into(), b"lrwstiekxa".iter().copied().collect());
    }
    for Grant { identifier, rights } in grants {
        let who: BString = match identifier.as_slice() {
            b"anonymous" => "anyone".into(),
            b"-anonymous" => "-anyone".into(),
            _ => identifier,
        };
        // Courier's c is RFC 4314's k.
        let letters = rights.iter().map(|letter| if *letter == b'c' { b'k' } else { *letter });
        wanted.insert(who, letters.collect());
    }
    let tell = |rights: Rights| {
        let one = |(who, letters): (BString, BTreeSet<u8>)| {
            // p, to have mail delivered there, has no counterpart and comes with i.
            let letters: String =
                letters.into_iter().filter(|l| *l != b'p').map(char::from).collect();
            format!("{who} {letters}")
        };
        rights.into_iter().map(one).collect::<Vec<_>>().join(", ")
    };
    found.compare("rights", there, tell(wanted), tell(is));
}

/// Courier's `+XX` for bytes that it does not tell as they are.
fn escaped(name: &[u8]) -> BString {
    let byte = |byte: &u8| match byte {
        b'\'' | b'"' | b'+' => format!("+{byte:02X}").into_bytes(),
        0x21..=0x7e => vec![*byte],
        _ => format!("+{byte:02X}").into_bytes(),
    };
    name.iter().flat_map(byte).collect::<Vec<u8>>().into()
}

fn check_subscriptions<T: Tells>(
    site: &Root,
    maildir: &RelPath,
    copy: &MailCopy,
    store: &Store,
    new: &mut T,
    found: &mut Found,
) {
    let path = store.path.join(courier::SUBSCRIBED);
    let bytes = site.read_if_there(&path, courier::LARGEST).ok().flatten().unwrap_or_default();
    let there = match new.subscribed() {
        Ok(there) => there,
        Err(error) => return found.compare("subscription", maildir, "readable", error.to_string()),
    };
    for folder in courier::subscribed(&bytes) {
        let name = copy.folder(&folder);
        let name = if name.is_empty() || is_portable(name) { name.clone() } else { portable(name) };
        // A longer one is no name for Dovecot.
        let is = there.contains(&name) || name.len() > 256;
        let shown = if name.is_empty() { "INBOX".into() } else { name };
        let is = if is { "there" } else { "missing" };
        found.compare("subscription", maildir.join(&shown), "there", is);
    }
}

fn show(number: Option<u32>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| number.to_string())
}
