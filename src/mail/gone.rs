//! Folders and mailboxes that the old server has no more: they go when the pass is the final one
//! and nothing is left in them but what unqmail and Dovecot keep for themselves.

use super::Mailbox;
use super::compare::listed;
use crate::fsys::filled::BEING_MADE;
use crate::fsys::root::Root;
use crate::fsys::{Error, Kind, Result};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::store::{Store, StoreKind};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// The folders of a mailbox that are links on the old server through which nothing is read: where they
/// lead may be there again, so nobody knows that their messages are gone.
pub(super) fn led_away(root: &Root, stores: &[(&MailCopy, &Store)]) -> Result<BTreeSet<BString>> {
    let mut links = BTreeSet::new();
    for (copy, store) in stores.iter().filter(|(_, store)| store.kind == StoreKind::Maildir) {
        let entries = root.list(&store.path)?.into_iter();
        let entries = entries.filter(|entry| entry.kind == Kind::Link);
        links.extend(entries.map(|entry| copy.folder(&entry.name).clone()));
    }
    Ok(links)
}

/// Removes what a run which was killed had not quite made: the Maildir, or folders in it.
pub(super) fn remove_unmade(mailbox: &Mailbox<'_>) -> Result<()> {
    for place in [&mailbox.home.parent(), &mailbox.home] {
        let entries = match mailbox.tree.root().list(place) {
            Ok(entries) => entries,
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        };
        let unmade = entries.iter().filter(|entry| entry.kind == Kind::Folder);
        for entry in unmade.filter(|entry| entry.name.starts_with_str(BEING_MADE)) {
            remove_folder(mailbox, &place.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Removes a folder; `false` where something is in it that somebody may want.
pub(super) fn remove_folder(mailbox: &Mailbox<'_>, path: &RelPath) -> Result<bool> {
    let tree = mailbox.tree;
    let root = tree.root();
    let open = match root.folder(path) {
        Ok(open) => open,
        Err(error) if error.is_missing() => return Ok(true),
        Err(error) => return Err(error),
    };
    let entries = root.list_open(&open)?;
    let is_inbox = *path == mailbox.home;
    let is_nobodys = |name: &[u8]| {
        name == b"maildirfolder"
            || name.starts_with(b"dovecot")
            || (is_inbox && name == b"subscriptions")
    };
    let (parts, others): (Vec<_>, Vec<_>) = entries.iter().partition(|e| {
        e.kind == Kind::Folder && matches!(e.name.as_slice(), b"new" | b"cur" | b"tmp")
    });
    if others.iter().any(|entry| entry.kind != Kind::File || !is_nobodys(&entry.name)) {
        return Ok(false);
    }
    let (messages, stale, _) = listed(root, Some(&open))?;
    if !messages.is_empty() {
        return Ok(false);
    }
    let tmp = path.join("tmp");
    for name in stale {
        tree.remove(&tmp.join(name))?;
    }
    for part in parts {
        if !tree.remove_empty(&path.join(&part.name))? {
            return Ok(false);
        }
    }
    for entry in others {
        tree.remove(&path.join(&entry.name))?;
    }
    tree.remove_empty(path)
}

/// Removes a mailbox's Maildir, and its home and its domain's folder where they are empty then.
pub(super) fn remove_mailbox(mailbox: &Mailbox<'_>) -> Result<bool> {
    let is_gone = remove_folder(mailbox, &mailbox.home)?;
    let home = mailbox.home.parent();
    if is_gone && mailbox.tree.remove_empty(&home)? {
        mailbox.tree.remove_empty(&home.parent())?;
    }
    Ok(is_gone)
}

/// Counts the messages in folders of the mailbox that neither the old server nor a pass knows.
pub(super) fn foreign(mailbox: &Mailbox<'_>, known: &BTreeSet<BString>) -> Result<u64> {
    let root = mailbox.tree.root();
    let Some(maildir) = mailbox.open(&BString::default())? else { return Ok(0) };
    let mut count = 0;
    for entry in root.list_open(&maildir)? {
        let is_folder = entry.kind == Kind::Folder && entry.name.starts_with(b".");
        if is_folder && !known.contains(&entry.name) {
            let (messages, _, _) = listed(root, root.enter(&maildir, &entry.name)?.as_ref())?;
            count += u64::try_from(messages.len()).unwrap_or(u64::MAX);
        }
    }
    Ok(count)
}

/// The homes of all mailboxes or lists of which there is a record, `DOMAIN/NAME` in a folder, but for
/// those that are known.
pub fn recorded(
    tree: &crate::fsys::tree::Tree,
    records: &str,
    homes: &RelPath,
    known: &BTreeSet<&RelPath>,
) -> Result<BTreeSet<RelPath>> {
    let records = RelPath::new(records);
    let list = |path: &RelPath| match tree.root().list(path) {
        Ok(entries) => Ok(entries),
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(Error { action: "list the records in", ..error }),
    };
    let mut found = BTreeSet::new();
    for domain in list(&records)? {
        for user in list(&records.join(&domain.name))? {
            let home = homes.join(domain.name.as_bytes()).join(user.name.as_bytes());
            if !known.contains(&home) {
                found.insert(home);
            }
        }
    }
    Ok(found)
}
