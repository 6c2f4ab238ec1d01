//! mbox to Maildir: each message becomes a file of the INBOX.

use super::maildir::open_target;
use super::name::base;
use super::{Mailbox, Moved, Progress};
use crate::fsys::root::Root;
use crate::fsys::{Error, Result};
use crate::model::mbox::{Message, Messages};
use crate::model::store::Store;
use bstr::BString;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};

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

/// Copies the messages of an mbox into the INBOX.
pub(super) fn copy(
    root: &Root,
    mailbox: &Mailbox<'_>,
    store: &Store,
    progress: &dyn Progress,
    moved: &mut Moved,
) -> Result<()> {
    let (file, _) = root.folder(&store.path.parent())?.open(store.path.file_name())?;
    let target = open_target(mailbox, &BString::default(), moved)?;
    let [_, cur] = &target.parts;
    let mut names = Converted::default();
    for message in Messages::new(BufReader::with_capacity(256 << 10, file)) {
        if progress.stopped() {
            break;
        }
        let message = message.map_err(|e| Error::new("read", &store.path, e))?;
        let (name, date) = names.name(&message);
        let size = u64::try_from(message.bytes.len()).unwrap_or(u64::MAX);
        progress.done(1, size);
        if target.known.contains_key(base(&name)) {
            moved.present += 1;
            continue;
        }
        let mut bytes: &mut dyn Read = &mut message.bytes.as_slice();
        let tree = mailbox.tree;
        tree.copy_in(&mut bytes, &target.tmp, cur, &name, mailbox.file_access(), (date, 0))
            .map_err(|e| Error::new("write", &mailbox.home.join("cur").join(&name), e))?;
        moved.copied += 1;
        moved.bytes += size;
    }
    Ok(())
}
