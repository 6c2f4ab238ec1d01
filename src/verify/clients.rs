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
use crate::model::memory::{Grant, Keywords, Pop3, Uidl, unique};
use crate::model::message::renamed;
use crate::model::quota::leading_number;
use crate::model::store::{Folder, Store, StoreKind};
use crate::plan::Plan;
use crate::predict::{Rights, Tells, Told};
use crate::source::courier;
use crate::source::mail::Messages;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

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
        *self.checked.entry(kind).or_insert(0) += 1;
        let (old, new) = (old.into(), new.into());
        if old != new {
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

/// A message of the old server: its unique name there and here, its flags, and its date where the
/// order of POP3 follows from it.
struct Old {
    name: BString,
    here: BString,
    flags: BTreeSet<u8>,
    seconds: i64,
}

fn messages(
    site: &Root,
    (store, folder): (&Store, &Folder),
    is_there: impl Fn(&BString) -> bool,
    with_dates: bool,
) -> fsys::Result<Vec<Old>> {
    let mut messages = Vec::new();
    for part in ["new", "cur"] {
        let open = match Messages::open(site, &store.path, &folder.path.join(part)) {
            Ok(Some(open)) => open,
            Ok(None) => continue,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        for file in open.names()? {
            let here = unique(&renamed(&file, b"")).to_owned();
            // What the new server has was its reader's; of the rest only a look can tell.
            let stat = if is_there(&here) && !with_dates { None } else { open.stat(&file)? };
            if stat.is_some_and(|stat| open.is_strangers(&stat)) {
                continue;
            }
            let name = unique(&file).to_owned();
            let info = file.get(name.len()..).unwrap_or_default();
            let flags = info.strip_prefix(b":2,").unwrap_or_default().iter();
            let flags =
                flags.take_while(|flag| **flag != b',').filter(|flag| b"DFRST".contains(flag));
            let seconds = stat.map_or(0, |stat| stat.mtime.0);
            messages.push(Old { name, here, flags: flags.copied().collect(), seconds });
        }
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
        let is_there = |here: &BString| self.told.messages.contains_key(here);
        let messages = messages(self.site, (self.store, self.folder), is_there, with_dates)?;
        self.check_numbers(&messages);
        if T::IS_SERVER {
            self.check_flags(&messages);
        }
        self.check_keywords(&messages);
        if self.folder.name.is_empty() {
            match new.pop3_list(self.told) {
                Ok(list) => self.check_pop3(messages, pop3, &list),
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
            let Some(uid) = numbers.uid(old.name.as_bstr()) else { continue };
            let is = told.messages.get(&old.here).and_then(|message| message.uid);
            found.compare("uid", there.join(&old.here), uid.to_string(), show(is));
        }
    }

    /// Whether each message is there with its flags. What files say of that is checked with the
    /// messages themselves.
    fn check_flags(&mut self, messages: &[Old]) {
        for old in messages {
            let tell = |flags: &BTreeSet<u8>| flags.iter().copied().map(char::from).collect();
            let is = self.told.messages.get(&old.here);
            let is =
                is.map_or_else(|| "no such message".to_owned(), |message| tell(&message.flags));
            self.found.compare("flags", self.there.join(&old.here), tell(&old.flags), is);
        }
    }

    fn check_keywords(&mut self, messages: &[Old]) {
        // What cannot be read was told when the migration was planned.
        let keywords: Keywords =
            courier::keywords(self.site, &self.folder.path).unwrap_or_default();
        let kept = keywords.kept();
        for old in messages {
            let own = keywords.of.get(&old.name).map(Vec::as_slice).unwrap_or_default();
            let own = own.iter().filter(|at| kept.contains(at));
            let own: BTreeSet<&BString> = own.filter_map(|at| keywords.names.get(*at)).collect();
            let is = self.told.messages.get(&old.here).map(|message| &message.keywords);
            let is: BTreeSet<&BString> = is.into_iter().flatten().collect();
            if !own.is_empty() || !is.is_empty() {
                let tell = |names: BTreeSet<&BString>| bstr::join(" ", names).as_bstr().to_string();
                self.found.compare("keywords", self.there.join(&old.here), tell(own), tell(is));
            }
        }
    }

    fn check_pop3(&mut self, mut messages: Vec<Old>, pop3: Pop3, list: &[(BString, BString)]) {
        let bytes = self.file(courier::SIZE_LIST).filter(|_| pop3 == Pop3::Courier);
        let names = bytes.as_deref().and_then(|bytes| courier::sizelist(bytes).ok());
        match pop3 {
            Pop3::Courier => messages.sort_by_cached_key(|old| {
                #[expect(clippy::cast_possible_wrap, reason = "bytes are signed there")]
                let bytes: Vec<i8> = old.name.iter().map(|byte| *byte as i8).collect();
                (leading_number(&old.name), bytes)
            }),
            Pop3::Qmail => messages.sort_by(|a, b| (a.seconds, &a.here).cmp(&(b.seconds, &b.here))),
        }
        let wanted = messages.iter().map(|old| {
            let front =
                old.name.split_once_str(":").map_or(old.name.as_slice(), |(front, _)| front);
            let uidl = match (pop3, names.as_ref().and_then(|names| names.uidl(old.name.as_bstr())))
            {
                (Pop3::Courier, Some(Uidl::Number(number, 0))) => format!("UID{number}").into(),
                (Pop3::Courier, Some(Uidl::Number(number, validity))) => {
                    format!("UID{number}-{validity}").into()
                }
                (Pop3::Courier, _) => escaped(front),
                (Pop3::Qmail, _) => BString::from(front),
            };
            // A name that POP3 cannot say stays the file's.
            let can_say = uidl.iter().all(|byte| (0x21..=0x7e).contains(byte));
            if can_say { uidl } else { old.here.clone() }
        });
        let known: BTreeSet<&BStr> = messages.iter().map(|old| old.here.as_bstr()).collect();
        // What came later on the new server is no matter here.
        let later = |name: &BString| {
            self.told.messages.contains_key(name) && !known.contains(name.as_bstr())
        };
        let mut is = list.iter().filter(|(name, _)| !later(name)).map(|(_, uidl)| uidl);
        for (wanted, old) in wanted.zip(&messages) {
            let new = is.next().map_or_else(|| "none".to_owned(), ToString::to_string);
            self.found.compare("uidl", self.there.join(&old.here), wanted.to_string(), new);
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
