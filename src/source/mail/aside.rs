//! Mail that lies where nobody looks for it: beside a mailbox, in forms that no program of the old
//! server read for its owner. It is counted and told, and never carried over by itself. So is what
//! sqwebmail keeps in a Maildir for its user.

use super::unclaimed::Claimed;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::{Entry, Folder};
use crate::fsys::root::Root;
use crate::fsys::{Kind, Result};
use crate::model::{Origin, RelPath, shown};
use bstr::BString;
use std::collections::BTreeSet;
use std::io::Read as _;

/// So many names are looked at beneath one folder; a home may hold anything.
const MOST: usize = 4000;

/// So deep.
const DEEPEST: usize = 5;

/// Folders of a Maildir that hold no folders of mail: its parts, and Courier's.
const PARTS: &[&str] =
    &["new", "cur", "tmp", "courierimapkeywords", "courierimaphieracl", "shared-folders"];

/// How names of files begin that servers keep in a Maildir or home: nobody need open them.
const KNOWN: &[&str] =
    &["courier", "dovecot", "lastauth", "maildir", "quotawarn", "sqwebmail", "subscriptions"];

/// What a person has made in sqwebmail (`sqwebmail.h`, `addressbook.C`). Passwords, caches and times,
/// which it keeps by names of the same kind, are nobody's loss.
const WEBMAIL: &[(&str, &str)] = &[
    ("sqwebmail-addressbook", "addresses"),
    ("sqwebmail-ldapaddressbook", "servers of addresses"),
    ("sqwebmail-config", "settings"),
    ("sqwebmail-dict", "a dictionary"),
    ("sqwebmail-mailinglists", "lists"),
    ("sqwebmail-sig", "a signature"),
    ("calendar", "a calendar"),
    ("gpg", "keys"),
];

/// Looks at what lies in a Maildir besides its folders, which are in the entries of the open one.
pub(super) fn in_maildir(root: &Root, open: &Folder, entries: &[Entry], findings: &mut Findings) {
    in_webmail(&open.path, entries, findings);
    let mut search = Search::new(root, None);
    for entry in entries.iter().filter(|entry| !entry.name.starts_with(b".")) {
        let is_part = PARTS.iter().any(|part| entry.name == *part);
        if entry.kind == Kind::Folder && !is_part && !is_webmail(&entry.name) {
            search.folder(&open.path.join(&entry.name), DEEPEST);
        } else if entry.kind == Kind::File {
            search.file(open, &entry.name);
        }
    }
    search.report(&open.path, findings);
}

/// Whether a name in a Maildir, of none of its folders, is one that [`in_maildir`] looks at or tells of.
pub(super) fn is_asked(entry: &Entry) -> bool {
    let is_usual = match entry.kind {
        Kind::Folder => PARTS.iter().any(|part| entry.name == *part),
        Kind::File => is_servers(&entry.name) && !entry.name.starts_with(b"sqwebmail"),
        Kind::Link | Kind::Special => false,
    };
    !is_usual && !entry.name.starts_with(b".")
}

/// Looks for folders within a folder of a Maildir, which has so many names: Maildir++ has none there.
pub(super) fn in_folder(root: &Root, path: &RelPath, names: u64, findings: &mut Findings) {
    // Each folder in it is one more name of it (`..`), but not on every file system.
    if (2..=5).contains(&names) {
        return;
    }
    let mut search = Search::new(root, None);
    for entry in root.list(path).unwrap_or_default() {
        let is_part = PARTS.iter().any(|part| entry.name == *part);
        if entry.kind == Kind::Folder && !is_part {
            search.folder(&path.join(&entry.name), DEEPEST);
        }
    }
    search.report(path, findings);
}

/// Looks at a home, but for what is claimed.
pub(super) fn in_home(
    root: &Root,
    home: &RelPath,
    (claimed, others): (&Claimed<'_>, &BTreeSet<RelPath>),
    findings: &mut Findings,
) {
    let mut search = Search::new(root, Some((claimed, others)));
    search.folder(home, DEEPEST);
    search.report(home, findings);
}

fn is_servers(name: &[u8]) -> bool {
    KNOWN.iter().any(|known| name.starts_with(known.as_bytes()))
}

fn is_webmail(name: &[u8]) -> bool {
    WEBMAIL.iter().any(|(known, _)| name == known.as_bytes())
}

fn in_webmail(maildir: &RelPath, entries: &[Entry], findings: &mut Findings) {
    let is_there = |name: &str| entries.iter().any(|entry| entry.name == name);
    // Others have folders of these names too.
    if !entries.iter().any(|entry| entry.name.starts_with(b"sqwebmail-")) {
        return;
    }
    let mut kept = WEBMAIL.iter().filter(|(name, _)| is_there(name)).peekable();
    let Some((first, _)) = kept.peek() else { return };
    let origin = Origin::file(&maildir.join(first));
    let what: Vec<&str> = kept.map(|(_, what)| *what).collect();
    findings.push(Finding::new(
        &code::STORE_WEBMAIL,
        Disposition::Dropped,
        origin,
        maildir.as_bstr(),
        format!("sqwebmail keeps for its user: {}", what.join(", ")),
        "none of it is carried over",
    ));
}

/// What was found beneath a folder.
struct Search<'a> {
    root: &'a Root,
    /// What is somebody else's to tell.
    claimed: Option<(&'a Claimed<'a>, &'a BTreeSet<RelPath>)>,
    /// Names that may still be looked at.
    left: usize,
    messages: u64,
    boxes: u64,
    first: Option<RelPath>,
}

impl<'a> Search<'a> {
    fn new(root: &'a Root, claimed: Option<(&'a Claimed<'a>, &'a BTreeSet<RelPath>)>) -> Self {
        Self { root, claimed, left: MOST, messages: 0, boxes: 0, first: None }
    }

    fn is_claimed(&self, path: &RelPath) -> bool {
        self.claimed.is_some_and(|(claimed, others)| claimed.covers(path) || others.contains(path))
    }

    /// What cannot be listed is no mail that anybody knows of.
    fn folder(&mut self, path: &RelPath, deeper: usize) {
        let Ok(open) = self.root.real_folder(path) else { return };
        let Ok(entries) = self.root.list_open(&open) else { return };
        let is_maildir = entries.iter().any(|entry| {
            entry.kind == Kind::Folder && (entry.name == "cur" || entry.name == "new")
        });
        for entry in &entries {
            self.left = self.left.saturating_sub(1);
            let inner = path.join(&entry.name);
            if self.left == 0 || self.is_claimed(&inner) {
                continue;
            }
            let is_part = matches!(entry.name.as_slice(), b"new" | b"cur" | b"tmp");
            match entry.kind {
                Kind::Folder if is_maildir && is_part => self.part(&inner, &entry.name),
                // Hidden ones are other programs', but for those of a Maildir.
                Kind::Folder if deeper > 0 && (is_maildir || !entry.name.starts_with(b".")) => {
                    self.folder(&inner, deeper - 1);
                }
                Kind::File => self.file(&open, &entry.name),
                _ => {}
            }
        }
    }

    fn part(&mut self, path: &RelPath, name: &BString) {
        if name == "tmp" {
            return;
        }
        let entries = self.root.list(path).unwrap_or_default();
        let own = entries.iter().filter(|e| e.kind == Kind::File && !e.name.starts_with(b"."));
        let count = u64::try_from(own.count()).unwrap_or(u64::MAX);
        self.messages += count;
        if count > 0 {
            self.first.get_or_insert_with(|| path.clone());
        }
    }

    /// An mbox, or a message of MH, whose name is a number.
    fn file(&mut self, open: &Folder, name: &BString) {
        let is_number = !name.is_empty() && name.iter().all(u8::is_ascii_digit);
        let begins = |begins: fn(&[u8]) -> bool| front(open, name).is_ok_and(|f| begins(&f));
        if name.starts_with(b".") || is_servers(name) {
            return;
        }
        if is_number && begins(is_header) {
            self.messages += 1;
        } else if begins(|front| front.starts_with(b"From ")) {
            self.boxes += 1;
        } else {
            return;
        }
        self.first.get_or_insert_with(|| open.path.join(name));
    }

    fn report(self, place: &RelPath, findings: &mut Findings) {
        let Some(first) = self.first else { return };
        let more = if self.left == 0 { "; not all was looked at" } else { "" };
        findings.push(Finding::new(
            &code::STORE_ASIDE,
            Disposition::Dropped,
            Origin::file(&first),
            place.as_bstr(),
            format!(
                "mail lies where no mail program looks: messages: {}, mboxes: {}, the first at {}{more}",
                self.messages,
                self.boxes,
                shown(first.as_bstr())
            ),
            "none of it is carried over",
        ));
    }
}

/// The first bytes of a file.
fn front(open: &Folder, name: &BString) -> Result<Vec<u8>> {
    let (file, _) = open.open(name)?;
    let mut front = Vec::new();
    // What cannot be read is taken for no mail.
    let _ = file.take(80).read_to_end(&mut front).is_ok();
    Ok(front)
}

/// Whether a text begins with a field of a message (RFC 5322 2.2).
fn is_header(front: &[u8]) -> bool {
    let name = front.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < front.len()
        && !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}
