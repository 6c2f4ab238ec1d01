//! What mail programs know: numbers, names for POP3 and their order, keywords and subscriptions.
//!
//! What the old server told its clients is worked out anew from its own files; what Dovecot will
//! tell them, from the target's.

use super::{Difference, Verified};
use crate::fsys::root::Root;
use crate::fsys::{self, Kind};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::folder::{is_portable, portable};
use crate::model::memory::{Keywords, Pop3, Uidl, unique};
use crate::model::message::renamed;
use crate::model::quota::leading_number;
use crate::model::store::{Folder, Store, StoreKind};
use crate::plan::Plan;
use crate::predict::{Message, Told, subscriptions};
use crate::source::courier;
use bstr::{BStr, BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the check of one mailbox found.
#[derive(Default)]
struct Found {
    checked: BTreeMap<&'static str, u64>,
    differences: Vec<Difference>,
}

impl Found {
    fn compare(&mut self, kind: &'static str, subject: impl AsRef<[u8]>, old: String, new: &str) {
        *self.checked.entry(kind).or_insert(0) += 1;
        if old != new {
            let subject = subject.as_ref().into();
            self.differences.push(Difference { kind, subject, old, new: new.to_owned() });
        }
    }
}

/// Checks every mailbox, on `jobs` threads.
pub(super) fn check(plan: &Plan, site: &Root, target: &Root, jobs: usize, verified: &mut Verified) {
    let stores: Vec<(&MailCopy, &Store)> = plan
        .copies()
        .iter()
        .filter_map(|copy| Some((copy, plan.site.stores.get(&copy.from)?)))
        .filter(|(_, store)| store.kind == StoreKind::Maildir)
        .collect();
    let mailboxes: Vec<&[(&MailCopy, &Store)]> =
        stores.chunk_by(|(a, _), (b, _)| a.to == b.to).collect();
    let pop3 = plan.design.pop3;
    let work = || -> Vec<Found> {
        mailboxes.par_iter().map(|stores| check_mailbox(site, target, stores, pop3)).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    for mut one in pool.map_or_else(|_| work(), |pool| pool.install(work)) {
        for (kind, count) in one.checked {
            *verified.checked.entry(kind).or_insert(0) += count;
        }
        verified.differences.append(&mut one.differences);
    }
}

fn check_mailbox(site: &Root, target: &Root, stores: &[(&MailCopy, &Store)], pop3: Pop3) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for (copy, store) in stores {
        let home = copy.home.join("Maildir");
        for folder in &store.folders {
            let there = home.join(copy.folder(&folder.name));
            // Of two stores in one mailbox the first gives a folder its numbers.
            if !seen.insert(there.clone()) {
                continue;
            }
            // A folder that is missing is told where messages are compared.
            if let Ok(None) = target.stat(&there) {
                continue;
            }
            let told = match Told::read(target, &there) {
                Ok(told) => told,
                Err(error) => {
                    found.compare("numbers", &there, "readable".to_owned(), &error.to_string());
                    continue;
                }
            };
            if let Err(error) = check_folder(site, folder, &there, &told, pop3, &mut found) {
                found.compare("numbers", &there, "readable".to_owned(), &error.to_string());
            }
        }
        check_subscriptions(site, target, copy, store, &mut found);
    }
    found
}

/// A message of the old server: its unique name there and here, and its date.
struct Old {
    name: BString,
    here: BString,
    seconds: i64,
}

fn messages(site: &Root, folder: &Folder) -> fsys::Result<Vec<Old>> {
    let mut messages = Vec::new();
    for part in ["new", "cur"] {
        let open = match site.folder(&folder.path.join(part)) {
            Ok(open) => open,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        for entry in open.list()? {
            if entry.kind != Kind::File || entry.name.starts_with(b".") {
                continue;
            }
            let seconds = open.stat(&entry.name)?.map_or(0, |stat| stat.mtime.0);
            let here = unique(&renamed(&entry.name, b"")).to_owned();
            messages.push(Old { name: unique(&entry.name).to_owned(), here, seconds });
        }
    }
    Ok(messages)
}

fn check_folder(
    site: &Root,
    folder: &Folder,
    there: &RelPath,
    told: &Told,
    pop3: Pop3,
    found: &mut Found,
) -> fsys::Result<()> {
    let messages = messages(site, folder)?;
    let file = |name: &str| {
        let bytes = site.read_if_there(&folder.path.join(name), courier::largest(folder));
        bytes.ok().flatten()
    };
    let new = |old: &Old| told.messages.get(&old.here);
    if let Some(numbers) = file(courier::UIDS).as_deref().and_then(|b| courier::uids(b).ok()) {
        found.compare("uidvalidity", there, numbers.validity.to_string(), &show(told.validity));
        if told.next < numbers.next {
            let wanted = format!("{} or more", numbers.next);
            found.compare("uidnext", there, wanted, &told.next.to_string());
        }
        for old in &messages {
            let Some(uid) = numbers.uid(old.name.as_bstr()) else { continue };
            let is = show(new(old).and_then(|message| message.uid));
            found.compare("uid", there.join(&old.here), uid.to_string(), &is);
        }
    }
    check_keywords(site, folder, there, &messages, told, found);
    if folder.name.is_empty() {
        let list = file(courier::SIZE_LIST).filter(|_| pop3 == Pop3::Courier);
        check_pop3(list.as_deref(), there, messages, told, pop3, found);
    }
    Ok(())
}

fn check_keywords(
    site: &Root,
    folder: &Folder,
    there: &RelPath,
    messages: &[Old],
    told: &Told,
    found: &mut Found,
) {
    // What cannot be read was told when the migration was planned.
    let keywords: Keywords = courier::keywords(site, &folder.path).unwrap_or_default();
    let kept = keywords.kept();
    for old in messages {
        let own = keywords.of.get(&old.name).map(Vec::as_slice).unwrap_or_default();
        let own = own.iter().filter(|at| kept.contains(at));
        let own: BTreeSet<&BString> = own.filter_map(|at| keywords.names.get(*at)).collect();
        let is = told.messages.get(&old.here).map(|message| &message.keywords);
        let is: BTreeSet<&BString> = is.into_iter().flatten().collect();
        if !own.is_empty() || !is.is_empty() {
            let tell = |names: BTreeSet<&BString>| bstr::join(" ", names).as_bstr().to_string();
            found.compare("keywords", there.join(&old.here), tell(own), &tell(is));
        }
    }
}

fn check_pop3(
    list: Option<&[u8]>,
    there: &RelPath,
    mut messages: Vec<Old>,
    told: &Told,
    pop3: Pop3,
    found: &mut Found,
) {
    let list = list.and_then(|bytes| courier::sizelist(bytes).ok());
    match pop3 {
        Pop3::Courier => messages.sort_by_cached_key(|old| {
            #[expect(clippy::cast_possible_wrap, reason = "bytes are signed there")]
            let bytes: Vec<i8> = old.name.iter().map(|byte| *byte as i8).collect();
            (leading_number(&old.name), bytes)
        }),
        Pop3::Qmail => messages.sort_by(|a, b| (a.seconds, &a.here).cmp(&(b.seconds, &b.here))),
    }
    let wanted = messages.iter().map(|old| {
        let front = old.name.split_once_str(":").map_or(old.name.as_slice(), |(front, _)| front);
        let uidl = list.as_ref().and_then(|list| list.uidl(old.name.as_bstr()));
        match (pop3, uidl) {
            (Pop3::Courier, Some(Uidl::Number(number, 0))) => format!("UID{number}").into(),
            (Pop3::Courier, Some(Uidl::Number(n, validity))) => format!("UID{n}-{validity}").into(),
            (Pop3::Courier, _) => escaped(front),
            (Pop3::Qmail, _) => BString::from(front),
        }
    });
    let wanted: Vec<(BString, &BString)> =
        wanted.zip(messages.iter().map(|old| &old.here)).collect();
    let known: BTreeSet<&BStr> = messages.iter().map(|old| old.here.as_bstr()).collect();
    // What came later on the new server is no matter here.
    let is = told.pop3_list().into_iter().filter(|(name, _)| known.contains(name));
    let is: Vec<(&BStr, &Message)> = is.collect();
    for ((uidl, name), (there_name, message)) in wanted.iter().zip(is) {
        let new = message.uidl.as_ref().map_or(there_name, |uidl| uidl.as_bstr());
        // A name that POP3 cannot say stays the file's.
        let can_say = uidl.iter().all(|byte| (0x21..=0x7e).contains(byte)) || *uidl == **name;
        let old = if can_say { uidl.as_bstr() } else { name.as_bstr() };
        found.compare("uidl", there.join(name), old.to_string(), &new.to_string());
    }
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

fn check_subscriptions(
    site: &Root,
    target: &Root,
    copy: &MailCopy,
    store: &Store,
    found: &mut Found,
) {
    let path = store.path.join(courier::SUBSCRIBED);
    let bytes = site.read_if_there(&path, courier::LARGEST).ok().flatten().unwrap_or_default();
    let home = copy.home.join("Maildir");
    let there = subscriptions(target, &home).unwrap_or_default();
    for folder in courier::subscribed(&bytes) {
        let name = copy.folder(&folder);
        let name = match name.as_slice() {
            b"" => "INBOX".into(),
            name if is_portable(name) => BString::from(name.get(1..).unwrap_or_default()),
            name => portable(name).get(1..).unwrap_or_default().into(),
        };
        let is = if there.contains(&name) || name.len() > 255 { "there" } else { "missing" };
        found.compare("subscription", home.join(&name), "there".to_owned(), is);
    }
}

fn show(number: Option<u32>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| number.to_string())
}
