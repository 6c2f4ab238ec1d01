//! What clients know of a folder, written after its messages.

use super::compare::Work;
use super::{Job, Mailbox, Moved, Part, numbers};
use crate::fsys::Result;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::source::courier;
use crate::target::dovecot;
use bstr::BString;

/// Brings over what clients know of a folder, once its messages are there.
pub(super) fn remember(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    work: &Work,
    parts: &[Part<'_>],
    moved: &mut Moved,
) -> Result<()> {
    let path = &work.path;
    if !work.is_served {
        let keywords = dovecot::keywords::render(work.keywords.iter());
        let keywords = Some(keywords).filter(|text| !text.is_empty());
        write_or_remove(mailbox, &path.join(dovecot::keywords::FILE), keywords, moved)?;
        let grants = parts.iter().filter(|part| part.is_maildir()).find_map(|part| {
            let path = part.folder.path.join(courier::ACL);
            let bytes = job.root.read_if_there(&path, courier::LARGEST).ok().flatten()?;
            Some(courier::acl(&bytes)).filter(|grants| !grants.is_empty())
        });
        let grants = grants.map(|grants| dovecot::acl::render(&grants));
        write_or_remove(mailbox, &path.join(dovecot::acl::FILE), grants, moved)?;
    }
    let (known, served) = ((parts, &work.formers), work.is_served);
    numbers::write(job.root, mailbox, path, known, job.pop3, served, moved)
}

/// What is gone on the old server since the last run goes here too.
fn write_or_remove(
    mailbox: &Mailbox<'_>,
    file: &RelPath,
    text: Option<Vec<u8>>,
    moved: &mut Moved,
) -> Result<()> {
    match text {
        Some(text) => mailbox.write(file, &text, moved)?,
        None if mailbox.tree.stat(file)?.is_some() => mailbox.tree.remove(file)?,
        None => {}
    }
    Ok(())
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
    if is_served(mailbox, &mailbox.home)? {
        return Ok(());
    }
    let text = is_known.then(|| dovecot::subscriptions::render(folders.iter()));
    write_or_remove(mailbox, &mailbox.home.join(dovecot::subscriptions::FILE), text, moved)
}

/// Whether Dovecot has opened a folder: then it has files of its own there, and what clients know
/// is Dovecot's to say.
pub(super) fn is_served(mailbox: &Mailbox<'_>, path: &RelPath) -> Result<bool> {
    let entries = match mailbox.tree.root().list(path) {
        Ok(entries) => entries,
        Err(error) if error.is_missing() => return Ok(false),
        Err(error) => return Err(error),
    };
    // dovecot.index, dovecot.index.log, dovecot.list.index, dovecot.mailbox.log and the like.
    Ok(entries.iter().any(|entry| entry.name.starts_with(b"dovecot.")))
}
