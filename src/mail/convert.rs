//! mbox to Maildir: each message becomes a file of the INBOX.

use super::compare::Wanted;
use super::maildir::Target;
use super::{Job, Mailbox, Moved};
use crate::fsys::bytes;
use crate::fsys::folder::Folder as Open;
use crate::fsys::tree::Tree;
use crate::fsys::{Error, Result, Stat};
use crate::model::RelPath;
use crate::model::mbox::{Message, Messages};
use crate::model::memory::unique;
use crate::model::store::Store;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;

/// Gives each message of an mbox a name that is the same at every run, whoever has read it meanwhile:
/// its date, a digest of its lasting bytes with their number, and a count where the same message lies
/// there twice.
///
/// ```text
/// 1136171045.0123456789abcdef01234567L1023_1.mbox:2,S
/// ```
#[derive(Debug, Default)]
pub struct Converted {
    seen: BTreeMap<[u8; 32], u64>,
}

impl Converted {
    /// The name of the next message, and its date in seconds since 1970.
    pub fn name(&mut self, message: &Message) -> (BString, i64) {
        let lasting = message.lasting();
        let count = self.seen.entry(*blake3::hash(&lasting).as_bytes()).or_insert(0);
        *count += 1;
        let date = date(message);
        (format!("{date}.{}_{count}.mbox:2,{}", identity(&lasting), message.flags()).into(), date)
    }
}

/// Its date in seconds since 1970.
fn date(message: &Message) -> i64 {
    message.date().unwrap_or(0).max(0)
}

fn identity(lasting: &[u8]) -> String {
    let digest: String = blake3::hash(lasting).to_hex().chars().take(24).collect();
    format!("{digest}L{}", lasting.len())
}

/// What a name tells of a message that was in an mbox: its date, its identity and how many lasting
/// bytes it has.
fn told(unique: &BStr) -> Option<(i64, &str, usize)> {
    let (date, rest) = unique.to_str().ok()?.strip_suffix(".mbox")?.split_once('.')?;
    let (identity, _) = rest.split_once('_')?;
    let (_, length) = identity.split_once('L')?;
    Some((date.parse().ok()?, identity, length.parse().ok()?))
}

/// Whether bytes are those of the message that has this name, whoever has read it.
pub(super) fn is_of(unique: &BStr, bytes: Vec<u8>) -> bool {
    let lasting = Message { bytes, ..Message::default() }.lasting();
    told(unique).is_some_and(|(_, known, _)| known == identity(&lasting))
}

/// The names that the messages of an mbox get.
pub(super) fn names(job: &Job<'_>, store: &Store) -> Result<Vec<BString>> {
    let mut names = Converted::default();
    read(job, store)?.map(|message| Ok(names.name(&message?).0)).collect()
}

/// The names of those messages whose copy in a folder has other bytes under the same name: their
/// reader has changed what an mbox says of them in its header fields.
pub(super) fn changed(job: &Job<'_>, store: &Store, cur: &Open) -> Result<BTreeSet<BString>> {
    let (mut names, mut changed) = (Converted::default(), BTreeSet::new());
    for message in read(job, store)? {
        let message = message?;
        let (name, _) = names.name(&message);
        if cur.stat(&name)?.is_some() && !has_bytes(&cur.open(&name)?.0, &name, &message)? {
            changed.insert(name);
        }
    }
    Ok(changed)
}

/// The messages of which only the first bytes were there when an earlier pass brought them, with the
/// unique names that those got.
pub(super) fn completed(
    job: &Job<'_>,
    store: &Store,
    brought: &[BString],
) -> Result<BTreeMap<BString, BString>> {
    let mut begun: BTreeMap<i64, Vec<(&BString, &str, usize)>> = BTreeMap::new();
    for name in brought {
        if let Some((date, identity, length)) = told(name.as_bstr()) {
            begun.entry(date).or_default().push((name, identity, length));
        }
    }
    let (mut names, mut completed) = (Converted::default(), BTreeMap::new());
    for message in read(job, store)? {
        let message = message?;
        let (name, date) = names.name(&message);
        let lasting = message.lasting();
        let is_front = |(_, known, length): &&(&BString, &str, usize)| {
            lasting.get(..*length).is_some_and(|front| {
                front.len() < lasting.len() && !front.is_empty() && identity(front) == *known
            })
        };
        if let Some((front, ..)) =
            begun.get(&date).and_then(|of_date| of_date.iter().find(is_front))
        {
            completed.insert(unique(&name).to_owned(), (*front).clone());
        }
    }
    Ok(completed)
}

/// Copies the messages of an mbox that are wanted.
pub(super) fn copy<'w>(
    job: &Job<'_>,
    mailbox: &Mailbox<'_>,
    store: &Store,
    target: &Target,
    wanted: impl Iterator<Item = &'w Wanted>,
    moved: &mut Moved,
) -> Result<()> {
    let wanted: BTreeMap<&BString, &Wanted> =
        wanted.map(|wanted| (wanted.names.new_name(), wanted)).collect();
    let mut names = Converted::default();
    for message in read(job, store)? {
        if job.progress.stopped() {
            break;
        }
        let message = message?;
        let (name, date) = names.name(&message);
        let Some(wanted) = wanted.get(&name) else { continue };
        job.progress.done(1, size(&message));
        copy_message(mailbox, target, wanted, (&name, date), &message, moved)?;
    }
    Ok(())
}

fn copy_message(
    mailbox: &Mailbox<'_>,
    target: &Target,
    wanted: &Wanted,
    (name, date): (&BString, i64),
    message: &Message,
    moved: &mut Moved,
) -> Result<()> {
    let (tree, [_, cur]) = (mailbox.tree, &target.parts);
    let path = || mailbox.home.join("cur").join(name);
    let is_whole = |folder: &OwnedFd, name: &BString| is_whole(tree, folder, name, date, message);
    if is_whole(cur, name)? {
        moved.present += 1;
        return Ok(());
    }
    let other = wanted.other.as_ref();
    let other = other.map(|other| (other.half.of(&target.parts), &other.name));
    if let Some((from, known)) = other {
        let is_it = is_whole(from, known)?;
        // Dovecot knows it already, and it is the flags that changed.
        let is_kept = !is_it && wanted.is_sure && target.is_served;
        moved.outdated += u64::from(is_kept);
        if is_it || is_kept {
            tree.rename(from, known, cur, name).map_err(|e| Error::new("rename", &path(), e))?;
            moved.renamed += 1;
            return Ok(());
        }
    }
    let mut bytes: &mut dyn Read = &mut message.bytes.as_slice();
    tree.copy_in(&mut bytes, &target.tmp, cur, name, mailbox.file_access(), (date, 0))
        .map_err(|e| Error::new("write", &path(), e))?;
    moved.copied += 1;
    moved.bytes += size(message);
    if let Some((from, known)) = other.filter(|_| wanted.is_ours) {
        tree.remove_in(from, known).map_err(|e| Error::new("remove", &path(), e))?;
    }
    Ok(())
}

/// Whether a message lies under a name as it is now. After a loss of power its size and date do not
/// tell, and a reader may have changed it without either.
fn is_whole(
    tree: &Tree,
    folder: &OwnedFd,
    name: &BString,
    date: i64,
    message: &Message,
) -> Result<bool> {
    let is_same = |found: Stat| found.size == size(message) && found.mtime == (date, 0);
    if !tree.stat_in(folder, name)?.is_some_and(is_same) {
        return Ok(false);
    }
    let copy = tree.open_on_disk(folder, name);
    has_bytes(&copy.map_err(|e| Error::new("read", &RelPath::new(name), e))?, name, message)
}

fn has_bytes(copy: &File, name: &BString, message: &Message) -> Result<bool> {
    let digest = bytes::digest(copy);
    let (_, digest) = digest.map_err(|e| Error::new("read", &RelPath::new(name), e))?;
    Ok(digest == blake3::hash(&message.bytes))
}

fn size(message: &Message) -> u64 {
    u64::try_from(message.bytes.len()).unwrap_or(u64::MAX)
}

fn read<'s>(
    job: &Job<'_>,
    store: &'s Store,
) -> Result<impl Iterator<Item = Result<Message>> + use<'s>> {
    let (file, _) = job.root.folder(&store.path.parent())?.open(store.path.file_name())?;
    let messages = Messages::new(BufReader::with_capacity(256 << 10, file));
    Ok(messages.map(|message| message.map_err(|e| Error::new("read", &store.path, e))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_message_that_it_was_made_for() {
        let message = |text: &str| Message {
            envelope: "a@b Mon Jan  2 03:04:05 2006".into(),
            bytes: text.into(),
        };
        let mut names = Converted::default();
        let (unread, date) = names.name(&message("Subject: x\n\nbody\n"));
        assert_eq!(date, 1_136_171_045);
        let (again, _) = names.name(&message("Status: RO\nSubject: x\n\nbody\n"));
        assert!(unread.ends_with(b"L17_1.mbox:2,") && again.ends_with(b"L17_2.mbox:2,S"));
        assert!(is_of(unique(&again), b"Subject: x\nStatus: O\n\nbody\n".to_vec()));
        assert!(!is_of(unique(&again), b"Subject: y\n\nbody\n".to_vec()));
        assert!(!is_of(BStr::new("1.x"), Vec::new()));
    }
}
