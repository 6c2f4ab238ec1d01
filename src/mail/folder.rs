//! A folder of a mailbox: its messages first, then what clients know of them.

use super::keywords::Letters;
use super::numbers::Former;
use super::{Mailbox, Moved, Part, Progress, convert, maildir, numbers};
use crate::fsys::Result;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::memory::Pop3;
use crate::source::courier;
use crate::target::dovecot;
use bstr::BString;

/// Brings one folder up to date; INBOX has no name.
pub(super) fn copy(
    root: &Root,
    mailbox: &Mailbox<'_>,
    name: &BString,
    parts: &[Part<'_>],
    pop3: Pop3,
    progress: &dyn Progress,
    moved: &mut Moved,
) -> Result<()> {
    let path = mailbox.folder(name);
    let is_served = is_served(mailbox, &path)?;
    let mut formers = Former::new();
    let letters = Letters::read(root, mailbox, &path, parts, is_served);
    for part in parts {
        let copied = if part.is_maildir() {
            maildir::copy(
                root,
                mailbox,
                (part.folder, name),
                &letters,
                &mut formers,
                progress,
                moved,
            )
        } else {
            convert::copy(root, mailbox, part.store, progress, moved)
        };
        moved.failures.extend(copied.err());
    }
    // What is not there yet cannot be numbered; the next run does it.
    if progress.stopped() {
        return Ok(());
    }
    if !is_served {
        if !letters.names.is_empty() {
            let text = dovecot::keywords::render(letters.names.iter());
            mailbox.write(&path.join(dovecot::keywords::FILE), &text, moved)?;
        }
        let grants = parts.iter().filter(|part| part.is_maildir()).find_map(|part| {
            let path = part.folder.path.join(courier::ACL);
            let bytes = root.read_if_there(&path, courier::LARGEST).ok().flatten()?;
            Some(courier::acl(&bytes)).filter(|grants| !grants.is_empty())
        });
        let file = path.join(dovecot::acl::FILE);
        match grants {
            Some(grants) => mailbox.write(&file, &dovecot::acl::render(&grants), moved)?,
            // Rights that were taken back since the last run are gone here too.
            None if mailbox.tree.stat(&file)?.is_some() => mailbox.tree.remove(&file)?,
            None => {}
        }
    }
    numbers::write(root, mailbox, &path, (parts, &formers), pop3, is_served, moved)
}

/// Writes which folders the owner's mail program shows.
pub(super) fn subscribe(
    root: &Root,
    mailbox: &Mailbox<'_>,
    parts: &[Part<'_>],
    moved: &mut Moved,
) -> Result<()> {
    let mut folders: Vec<BString> = Vec::new();
    let mut is_known = false;
    for part in parts.iter().filter(|part| part.is_maildir()) {
        let path = part.store.path.join(courier::SUBSCRIBED);
        // One that cannot be read was told when the migration was planned.
        if let Some(bytes) = root.read_if_there(&path, courier::LARGEST).ok().flatten() {
            is_known = true;
            let own = courier::subscribed(&bytes).into_iter();
            folders.extend(own.map(|name| part.copy.folder(&name).clone()));
        }
    }
    if is_known && !is_served(mailbox, &mailbox.home)? {
        let text = dovecot::subscriptions::render(folders.iter());
        mailbox.write(&mailbox.home.join(dovecot::subscriptions::FILE), &text, moved)?;
    }
    Ok(())
}

/// Whether Dovecot has opened a folder: then it has files of its own there, and what clients know
/// is Dovecot's to say.
fn is_served(mailbox: &Mailbox<'_>, path: &RelPath) -> Result<bool> {
    let entries = match mailbox.tree.root().list(path) {
        Ok(entries) => entries,
        Err(error) if error.is_missing() => return Ok(false),
        Err(error) => return Err(error),
    };
    // dovecot.index, dovecot.index.log, dovecot.list.index, dovecot.mailbox.log and the like.
    Ok(entries.iter().any(|entry| entry.name.starts_with(b"dovecot.")))
}
