//! mbox to Maildir: each message becomes a file of the INBOX.

use super::compare::Wanted;
use super::maildir::Target;
use super::{Job, Mailbox, Moved};
use crate::fsys::bytes;
use crate::fsys::tree::Tree;
use crate::fsys::{Error, Result, Stat};
use crate::model::RelPath;
use crate::model::mbox::{Message, Messages};
use crate::model::store::Store;
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;

/// Gives each message of an mbox a name that is the same at every run: its date, a digest of its
/// bytes, and a count where the same message lies there twice.
#[derive(Debug, Default)]
pub struct Converted {
    seen: BTreeMap<[u8; 32], u64>,
}

impl Converted {
    /// The name of the next message, and its date in seconds since 1970.
    pub fn name(&mut self, message: &Message) -> (BString, i64) {
        let digest = blake3::hash(&message.bytes);
        let count = self.seen.entry(*digest.as_bytes()).or_insert(0);
        *count += 1;
        let date = message.date().unwrap_or(0).max(0);
        let short: String = digest.to_hex().chars().take(24).collect();
        let name =
            format!("{date}.{short}_{count}.mbox,S={}:2,{}", message.bytes.len(), message.flags());
        (name.into(), date)
    }
}

/// The names that the messages of an mbox get.
pub(super) fn names(job: &Job<'_>, store: &Store) -> Result<Vec<BString>> {
    let mut names = Converted::default();
    let named = |message: std::io::Result<Message>| {
        let message = message.map_err(|e| Error::new("read", &store.path, e))?;
        Ok(names.name(&message).0)
    };
    read(job, store)?.map(named).collect()
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
    let [_, cur] = &target.parts;
    let wanted: BTreeSet<&BString> = wanted.map(|wanted| wanted.names.new_name()).collect();
    let mut names = Converted::default();
    for message in read(job, store)? {
        if job.progress.stopped() {
            break;
        }
        let message = message.map_err(|e| Error::new("read", &store.path, e))?;
        let (name, date) = names.name(&message);
        if !wanted.contains(&name) {
            continue;
        }
        let size = u64::try_from(message.bytes.len()).unwrap_or(u64::MAX);
        job.progress.done(1, size);
        let tree = mailbox.tree;
        let is_same = |found: Stat| found.size == size && found.mtime == (date, 0);
        if tree.stat_in(cur, &name)?.is_some_and(is_same) && has_bytes(tree, cur, &name, &message)?
        {
            moved.present += 1;
            continue;
        }
        let mut bytes: &mut dyn Read = &mut message.bytes.as_slice();
        tree.copy_in(&mut bytes, &target.tmp, cur, &name, mailbox.file_access(), (date, 0))
            .map_err(|e| Error::new("write", &mailbox.home.join("cur").join(&name), e))?;
        moved.copied += 1;
        moved.bytes += size;
    }
    Ok(())
}

/// Whether the copy of a message is whole: after a loss of power its size and date do not tell.
fn has_bytes(tree: &Tree, cur: &OwnedFd, name: &BString, message: &Message) -> Result<bool> {
    let digest = tree.open_in(cur, name).and_then(|copy| bytes::digest(&copy));
    let (_, digest) = digest.map_err(|e| Error::new("read", &RelPath::new(name), e))?;
    Ok(digest == blake3::hash(&message.bytes))
}

fn read(job: &Job<'_>, store: &Store) -> Result<Messages<BufReader<File>>> {
    let (file, _) = job.root.folder(&store.path.parent())?.open(store.path.file_name())?;
    Ok(Messages::new(BufReader::with_capacity(256 << 10, file)))
}
