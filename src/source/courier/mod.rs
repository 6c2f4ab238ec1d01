//! Courier: what its clients know of their mailboxes, and the certificates of its servers.
//!
//! What clients know of single messages is as much as the mail itself, so it is not kept in the
//! site: here it is only looked at, and read again folder by folder when the mail is copied.

mod acl;
mod keywords;
mod pop3;
mod sizelist;
mod subscribed;
mod uids;

pub use acl::{acl, rights};
pub use keywords::keywords;
pub use sizelist::sizelist;
pub use subscribed::subscribed;
pub use uids::uids;

use super::{Error, Reading, Source, lines};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::{Entry, Folder as Open};
use crate::fsys::root::Root;
use crate::model::memory::Grant;
use crate::model::store::{Folder, Store, StoreKind};
use crate::model::{Origin, RelPath, shown};
use rayon::prelude::*;

/// The reader of Courier.
#[derive(Clone, Copy, Debug)]
pub struct Courier;

/// Where Courier's packages keep certificates; qmail's own comes first.
const CERTIFICATES: &[&str] = &[
    "etc/courier/imapd.pem",
    "etc/courier/pop3d.pem",
    "etc/courier-imap/imapd.pem",
    "etc/courier-imap/pop3d.pem",
    "usr/lib/courier/imapd.pem",
    "usr/lib/courier/share/imapd.pem",
    "usr/lib/courier-imap/share/imapd.pem",
    "usr/lib/courier-imap/share/pop3d.pem",
];

/// The UIDs of a folder.
pub const UIDS: &str = "courierimapuiddb";
/// The UIDLs of an INBOX.
pub const SIZE_LIST: &str = "courierpop3dsizelist";
/// The subscriptions of a mailbox.
pub const SUBSCRIBED: &str = "courierimapsubscribed";
/// The folder in which the keywords of a folder's messages are.
const KEYWORDS: &str = "courierimapkeywords";
/// The rights of a folder.
pub const ACL: &str = "courierimapacl";

/// Files about a mailbox as a whole are no larger than this: 16 MiB.
pub const LARGEST: u64 = 16 << 20;

/// The size in bytes above which a list of a folder's messages is not read: 512 for each message,
/// and 64 MiB for those that have been deleted since it was written.
pub fn largest(folder: &Folder) -> u64 {
    (64 << 20) + folder.messages.saturating_mul(512)
}

impl Source for Courier {
    fn id(&self) -> &'static str {
        "courier"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let qmail = reading.layout.qmail.join("control/servercert.pem");
        let places = std::iter::once(qmail).chain(CERTIFICATES.iter().map(RelPath::new));
        let found = places.filter(|path| reading.root.stat(path).is_ok_and(|stat| stat.is_some()));
        reading.site.certificates = found.collect();
        let root = reading.root;
        let stores =
            reading.site.stores.values_mut().filter(|store| store.kind == StoreKind::Maildir);
        let mut stores: Vec<&mut Store> = stores.collect();
        let stores = stores.par_iter_mut().with_max_len(1);
        let read: Vec<Seen> = stores.map(|store| look(root, store)).collect();
        for seen in read {
            reading.findings.append(seen.findings);
            let known = reading.site.size_list.take();
            // One is enough, so not every store is asked for its own.
            let is_there = |list: &RelPath| root.stat(list).is_ok_and(|stat| stat.is_some());
            reading.site.size_list = known.or_else(|| seen.size_list.filter(is_there));
        }
        reading.site.starts_qmail_pop3d = pop3::starts_qmail_pop3d(reading);
        Ok(())
    }
}

/// What a look at a store's files found.
#[derive(Default)]
struct Seen {
    /// Where it may be.
    size_list: Option<RelPath>,
    findings: Findings,
}

/// Looks at what Courier keeps in the folders of a store.
fn look(root: &Root, store: &mut Store) -> Seen {
    let mut seen = Seen::default();
    let mut has_missing = false;
    // Rights are those of a folder or of one before it, unless nobody said anything.
    let mut may_have_rights = false;
    for folder in &mut store.folders {
        if folder.is_seen {
            may_have_rights = true;
            // Nothing was to be told of it, and nothing is.
            if folder.name.is_empty() {
                seen.size_list = Some(folder.path.join(SIZE_LIST));
            }
            continue;
        }
        let told = seen.findings.len();
        // A folder that cannot be listed is told by the reader of its mail.
        let Ok(open) = root.folder(&folder.path) else { continue };
        let entries = root.list_open(&open).unwrap_or_default();
        let has = |name: &str| entries.iter().any(|entry: &Entry| entry.name == name);
        if has(UIDS) {
            check((root, &open), folder, UIDS, &mut seen.findings, |bytes| {
                uids(bytes).map(|numbers| numbers.odd_lines)
            });
        }
        if has(KEYWORDS) {
            check_keywords(root, &open, folder, &mut seen.findings);
        }
        may_have_rights |= has(ACL) || has(acl::OF_MISSING);
        let has_grants =
            may_have_rights && check_acl(root, &store.path, folder, &mut seen.findings);
        store.has_grants |= has_grants;
        folder.seen = folder.seen.take().filter(|_| !has_grants);
        if folder.name.is_empty() {
            has_missing = has(acl::OF_MISSING);
            if has(SIZE_LIST) {
                check((root, &open), folder, SIZE_LIST, &mut seen.findings, |bytes| {
                    sizelist(bytes).map(|names| names.odd_lines)
                });
                seen.size_list = Some(folder.path.join(SIZE_LIST));
            }
            if has(SUBSCRIBED) {
                let path = folder.path.join(SUBSCRIBED);
                match root.read_within(&open, SUBSCRIBED, LARGEST) {
                    Ok(None) => seen.findings.push(super::unreadable(
                        &path,
                        &format!("{SUBSCRIBED} is a link to nothing"),
                    )),
                    Ok(Some(bytes)) => {
                        let mut lines = lines::numbered(&bytes);
                        let first = lines.find(|(_, line)| line.starts_with(b"#shared"));
                        let origin = first.map(|(number, _)| Origin::file(&path).at(number));
                        seen.findings.extend(origin.map(shared));
                    }
                    Err(error) => seen.findings.push(super::unreadable(&path, &error)),
                }
            }
            if let Some(name) = ["shared-maildirs", "shared-folders"].iter().find(|name| has(name))
            {
                seen.findings.push(shared(Origin::file(&folder.path.join(name))));
            }
        }
        folder.seen = folder.seen.take().filter(|_| seen.findings.len() == told);
    }
    if has_missing {
        check_missing(root, store, &mut seen.findings);
    }
    if store.has_grants || has_missing {
        inherit(root, store, &mut seen.findings);
    }
    seen
}

/// A folder that is as an earlier pass saw it may have got other rights from one above it.
fn inherit(root: &Root, store: &mut Store, findings: &mut Findings) {
    for folder in store.folders.iter_mut().filter(|folder| folder.is_seen) {
        if check_acl(root, &store.path, folder, findings) {
            store.has_grants = true;
            folder.is_seen = false;
            folder.seen = None;
        }
    }
}

/// Rights of folders that are not there are only for those beneath them.
fn check_missing(root: &Root, store: &Store, findings: &mut Findings) {
    let place = store.path.join(acl::OF_MISSING);
    for entry in root.list(&place).unwrap_or_default() {
        let name = [b".", entry.name.as_slice()].concat();
        let text = root.read_if_there(&place.join(&entry.name), LARGEST).ok().flatten();
        let others = text.map_or(String::new(), |text| shared_with(&acl(&text)));
        if !others.is_empty() && store.folders.iter().all(|folder| folder.name != name) {
            findings.push(Finding::new(
                &code::FOLDER_SHARED,
                Disposition::Dropped,
                Origin::file(&place.join(&entry.name)),
                store.path.join(&name).as_bstr(),
                format!("rights of a folder that is not there: {others}"),
                "folders beneath it that have none of their own get them; for new ones they are lost",
            ));
        }
    }
}

/// What others than the owner may do.
fn shared_with(grants: &[Grant]) -> String {
    let others = grants.iter().filter(|grant| grant.identifier != "owner");
    let told = others.map(|grant| format!("{} {}", shown(&grant.identifier), grant.rights));
    told.collect::<Vec<_>>().join(", ")
}

/// Reports a file of numbers that cannot be believed, wholly or in part.
fn check(
    (root, open): (&Root, &Open),
    folder: &Folder,
    name: &str,
    findings: &mut Findings,
    odd_lines: impl Fn(&[u8]) -> Result<usize, &'static str>,
) {
    let path = folder.path.join(name);
    let read = root.read_within(open, name, largest(folder));
    let (message, effect) = match read.map(|bytes| bytes.map(|bytes| odd_lines(&bytes))) {
        Ok(Some(Ok(0))) => return,
        Ok(Some(Ok(odd))) => (
            format!("{odd} lines of {name} contradict others or are cut short"),
            "the messages they are about get new numbers, and clients download those again",
        ),
        // Its name was listed.
        Ok(None) => (
            format!("{name} is a link to nothing"),
            "the folder gets new numbers, and clients download its mail again",
        ),
        Ok(Some(Err(what))) => (
            format!("{name} cannot be used: {what}"),
            "the folder gets new numbers, and clients download its mail again",
        ),
        Err(error) => {
            (error.to_string(), "the folder gets new numbers, and clients download its mail again")
        }
    };
    findings.push(Finding::new(
        &code::UID_NOT_KEPT,
        Disposition::Dropped,
        Origin::file(&path),
        folder.path.as_bstr(),
        message,
        effect,
    ));
}

fn check_keywords(root: &Root, open: &Open, folder: &Folder, findings: &mut Findings) {
    let mut tell = |message: String, effect: &'static str| {
        findings.push(Finding::new(
            &code::FOLDER_KEYWORDS_DROPPED,
            Disposition::Dropped,
            Origin::file(&folder.path.join(KEYWORDS)),
            folder.path.as_bstr(),
            message,
            effect,
        ));
    };
    match keywords(root, &folder.path) {
        Ok(_) if root.enter(open, KEYWORDS).is_ok_and(|there| there.is_none()) => {
            tell(format!("{KEYWORDS} is a link to nothing"), "the messages lose their keywords");
        }
        Ok(found) => {
            let dropped = found.dropped();
            if !dropped.is_empty() {
                let names: Vec<String> =
                    dropped.iter().map(|name| shown(name).to_string()).collect();
                tell(
                    format!(
                        "the folder has more than 26 keywords, or some with odd names: {}",
                        names.join(", ")
                    ),
                    "the new server cannot keep these; the messages stay, without them",
                );
            }
            if found.odd_lines > 0 {
                tell(
                    format!("{} lines or files about keywords say nothing", found.odd_lines),
                    "the messages they are about may lose keywords",
                );
            }
        }
        Err(error) => tell(error.to_string(), "the messages lose their keywords"),
    }
}

/// Whether a folder gives rights that differ from the defaults.
fn check_acl(root: &Root, store: &RelPath, folder: &Folder, findings: &mut Findings) -> bool {
    let (path, grants) = match rights(root, store, (&folder.name, &folder.path)) {
        Ok(Some((path, bytes))) => (path, acl(&bytes)),
        Ok(None) => return false,
        Err(error) => {
            findings.push(super::unreadable(&folder.path.join(ACL), &error));
            return false;
        }
    };
    let others = shared_with(&grants);
    if !others.is_empty() {
        let whose = if path.parent() == folder.path { "" } else { ", as one above it" };
        findings.push(Finding::new(
            &code::FOLDER_SHARED,
            Disposition::Adapted,
            Origin::file(&path),
            folder.path.as_bstr(),
            format!("the folder is shared{whose}: {others}"),
            "the rights are carried over, but nobody sees other people's folders until a shared namespace is set up",
        ));
    }
    !grants.is_empty()
}

fn shared(origin: Origin) -> Finding {
    let subject = origin.file.clone();
    Finding::new(
        &code::FOLDER_SHARED,
        Disposition::Manual,
        origin,
        subject.as_bstr(),
        "the mailbox shows folders of others, by what stands here",
        "they are not shown on the new server; their own mailboxes are carried over",
    )
}
