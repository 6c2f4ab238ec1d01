//! What clients know of a folder, written after its messages.

use super::compare::Work;
use super::{Job, Mailbox, Moved, Part, files, numbers};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::source::courier;
use crate::target::dovecot;
use bstr::BString;

/// A folder of the old server, open.
pub(super) type Source<'a> = (&'a Part<'a>, Open);

/// Brings over what clients know of a folder, once its messages are there.
pub(super) fn remember(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    work: &Work,
    parts: &[Part<'_>],
    moved: &mut Moved,
) -> Result<()> {
    // One that could not be made was told.
    let Some(open) = mailbox.open(&work.name)? else { return Ok(()) };
    let sources = parts.iter().filter_map(|part| Some((part, part.open(job.root)?)));
    let sources: Vec<Source<'_>> = sources.collect();
    if !work.is_served {
        let keywords = dovecot::keywords::render(work.keywords.iter());
        let keywords = Some(keywords).filter(|text| !text.is_empty());
        put(mailbox, &open, dovecot::keywords::FILE, keywords.as_deref(), moved)?;
        let grants =
            sources.iter().filter(|(part, _)| part.store.has_grants).find_map(|(part, _)| {
                let folder = (&part.folder.name, &part.folder.path);
                let (_, bytes) = courier::rights(job.root, &part.store.path, folder).ok()??;
                Some(courier::acl(&bytes)).filter(|grants| !grants.is_empty())
            });
        let grants = grants.map(|grants| dovecot::acl::render(&grants));
        put(mailbox, &open, dovecot::acl::FILE, grants.as_deref(), moved)?;
    }
    numbers::write(job, mailbox, (&open, work), &sources, moved)?;
    if work.name.is_empty() && !work.is_served {
        let folders = subscriptions(job.root, parts);
        let text = folders.map(|folders| dovecot::subscriptions::render(folders.iter()));
        put(mailbox, &open, dovecot::subscriptions::FILE, text.as_deref(), moved)?;
    }
    Ok(())
}

/// A file that Courier keeps of a folder or mailbox; one that cannot be read was told when the
/// migration was planned.
fn read(root: &Root, folder: &Open, name: &str) -> Option<Vec<u8>> {
    root.read_within(folder, name, courier::LARGEST).ok().flatten()
}

/// A file that is a few lines long; what is gone on the old server since the last run goes here too.
fn put(
    mailbox: &Mailbox<'_>,
    folder: &Open,
    name: &str,
    text: Option<&[u8]>,
    moved: &mut Moved,
) -> Result<()> {
    let there = files::look(mailbox.tree.root(), folder, name, files::LARGEST)?;
    files::put(mailbox, folder, name, (&there, text), moved)
}

/// The folders that the owner's mail program shows; `None` where no store tells.
fn subscriptions(root: &Root, parts: &[Part<'_>]) -> Option<Vec<BString>> {
    let mut folders = None;
    for part in parts.iter().filter(|part| part.is_maildir()) {
        let store = root.real_folder(&part.store.path).ok();
        if let Some(bytes) = store.and_then(|store| read(root, &store, courier::SUBSCRIBED)) {
            let own = courier::subscribed(&bytes).into_iter();
            let own = own.map(|name| part.copy.folder(&name).clone());
            folders.get_or_insert_with(Vec::new).extend(own);
        }
    }
    folders
}

/// Whether Dovecot has opened a folder: then it has files of its own there, and what clients know
/// is Dovecot's to say.
pub(super) fn is_served(root: &Root, folder: Option<&Open>) -> Result<bool> {
    let entries = folder.map_or(Ok(Vec::new()), |folder| root.list_open(folder))?;
    // dovecot.index, dovecot.index.log, dovecot.list.index, dovecot.mailbox.log and the like.
    Ok(entries.iter().any(|entry| entry.name.starts_with(b"dovecot.")))
}
