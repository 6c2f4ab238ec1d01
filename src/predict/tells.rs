//! Who tells what clients will be told of a mailbox: the files that Dovecot will read, or Dovecot.

use super::{Error, Told};
use crate::fsys::Kind;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::memory::PopName;
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// No file about a mailbox is larger than this.
const LARGEST: u64 = 1 << 30;

/// The rights of a folder: letters of RFC 4314, by who has them.
pub type Rights = BTreeMap<BString, BTreeSet<u8>>;

/// A message in the list of POP3.
pub type Listed = (Option<usize>, Option<PopName>);

/// Somebody who can be asked about one mailbox. Folders have the names of their directories; INBOX
/// has none.
pub trait Tells {
    /// Why there is no answer.
    type Error: std::fmt::Display;

    /// Whether a running server answers.
    const IS_SERVER: bool;

    /// The folders that can be opened.
    fn folders(&mut self) -> Result<BTreeSet<BString>, Self::Error>;

    /// The folders that a user's program shows.
    fn subscribed(&mut self) -> Result<BTreeSet<BString>, Self::Error>;

    /// A folder as clients are told of it.
    fn folder(&mut self, name: &BString) -> Result<Told, Self::Error>;

    /// The messages of an INBOX in the order of POP3: the position of each in it, if it has one, and
    /// its name for POP3, where that is not its own.
    fn pop3_list(&mut self, inbox: &Told) -> Result<impl Iterator<Item = Listed>, Self::Error>;

    /// A folder's rights where they are not the defaults; `None` from who cannot tell.
    fn rights(&mut self, name: &BString) -> Result<Option<Rights>, Self::Error>;
}

/// The files of a mailbox.
#[derive(Clone, Debug)]
pub struct MailboxFiles<'r> {
    /// The new server's root.
    pub root: &'r Root,
    /// The mailbox's Maildir.
    pub maildir: RelPath,
}

impl MailboxFiles<'_> {
    fn read(&self, path: &RelPath) -> Result<Vec<u8>, Error> {
        Ok(self.root.read_if_there(path, LARGEST)?.unwrap_or_default())
    }

    fn at(&self, folder: &BString) -> RelPath {
        if folder.is_empty() { self.maildir.clone() } else { self.maildir.join(folder) }
    }
}

impl Tells for MailboxFiles<'_> {
    type Error = Error;
    const IS_SERVER: bool = false;

    fn folders(&mut self) -> Result<BTreeSet<BString>, Error> {
        let entries = match self.root.list(&self.maildir) {
            Ok(entries) => entries.into_iter(),
            Err(error) if error.is_missing() => return Ok(BTreeSet::new()),
            Err(error) => return Err(error.into()),
        };
        let folders = entries.filter(|e| e.kind == Kind::Folder && e.name.starts_with(b"."));
        Ok(folders.map(|entry| entry.name).chain([BString::default()]).collect())
    }

    /// `subscription-file.c`.
    fn subscribed(&mut self) -> Result<BTreeSet<BString>, Error> {
        let text = self.read(&self.maildir.join("subscriptions"))?;
        // Dovecot itself begins a file with its version, and then divides levels by tabs.
        let text: BString = match text.strip_prefix(b"V\t2\n\n") {
            Some(rest) => rest.replace("\t", ".").into(),
            None => text.into(),
        };
        let folder = |line: &[u8]| match line {
            b"INBOX" => BString::default(),
            name => [b".", name].concat().into(),
        };
        Ok(text.lines().map(folder).collect())
    }

    fn folder(&mut self, name: &BString) -> Result<Told, Error> {
        Told::read(self.root, &self.at(name))
    }

    fn pop3_list(&mut self, inbox: &Told) -> Result<impl Iterator<Item = Listed>, Error> {
        let uidl = |at: usize| inbox.messages().get(at).and_then(|message| message.uidl.clone());
        Ok(inbox.pop3_order().into_iter().map(move |at| (Some(at), uidl(at))))
    }

    /// `acl-backend-vfile-acllist.c` and `acl-backend-vfile.c`: lines `IDENTIFIER RIGHTS`.
    fn rights(&mut self, name: &BString) -> Result<Option<Rights>, Error> {
        let path = self.at(name).join("dovecot-acl");
        let mut rights = Rights::new();
        for (number, line) in (1..).zip(self.read(&path)?.lines()) {
            let who = |line: &[u8]| -> Option<(BString, BTreeSet<u8>)> {
                let (who, letters) = line.rsplit_once_str(" ")?;
                Some((unquoted(who), letters.iter().copied().collect()))
            };
            let malformed = || Error::Malformed {
                path: path.clone(),
                line: number,
                what: "not a name and its rights".to_owned(),
            };
            rights.extend([who(line).ok_or_else(malformed)?]);
        }
        Ok(Some(rights))
    }
}

/// A name that may stand in quotes, with backslashes before odd bytes.
fn unquoted(name: &[u8]) -> BString {
    let Some(inner) = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) else {
        return name.into();
    };
    let mut bytes = inner.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.extend(if byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    plain.into()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{MailboxFiles, Tells as _};
    use crate::fsys::root::Root;
    use crate::model::RelPath;
    use bstr::BString;

    #[test]
    fn subscriptions_and_rights_are_told_as_dovecot_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("m/.Team");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("dovecot-acl"), "owner lr\n\"-user=a \\\"b\" lk\n").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut files = MailboxFiles { root: &root, maildir: RelPath::new("m") };
        for text in ["INBOX\nTeam.Sub\n", "V\t2\n\nINBOX\nTeam\tSub\n"] {
            std::fs::write(dir.path().join("m/subscriptions"), text).unwrap();
            let told: Vec<BString> = files.subscribed().unwrap().into_iter().collect();
            assert_eq!(told, ["", ".Team.Sub"]);
        }
        let rights = files.rights(&".Team".into()).unwrap().unwrap();
        let told: Vec<String> =
            rights.iter().map(|(who, letters)| format!("{who} {}", letters.len())).collect();
        assert_eq!(told, ["-user=a \"b 2", "owner 2"]);
        assert!(files.rights(&BString::default()).unwrap().unwrap().is_empty());
        assert_eq!(files.folders().unwrap().len(), 2);
    }
}
