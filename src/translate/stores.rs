//! Which stored mail goes into which mailbox.

use super::Translator;
use super::asked::Asked;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, LocalPattern, MailCopy, Mailbox, Pattern, mailbox_home};
use crate::model::folder::{is_portable, portable};
use crate::model::quota::Usage;
use crate::model::store::{Folder, Store, StoreKind};
use crate::model::{Address, Origin, RelPath};
use crate::resolve::Action;
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};

impl Translator<'_> {
    /// Gives every store that addresses deliver to and that is no account's a mailbox of its own,
    /// named after the shortest address that delivers there. Returns the mailbox by real path.
    pub(super) fn adopt_stores(&mut self, asked: &Asked) -> BTreeMap<RelPath, Address> {
        let mut wanted: BTreeMap<RelPath, (Pattern, Origin)> = BTreeMap::new();
        for (pattern, acts) in asked.iter() {
            for act in acts {
                let Action::Store(path) = &act.action else {
                    continue;
                };
                if self
                    .rules
                    .owner(path)
                    .is_none_or(|owner| !self.design.mailboxes.contains_key(&owner))
                {
                    let found = || (pattern.clone(), act.origin.clone());
                    let known = wanted.entry(path.clone()).or_insert_with(found);
                    if clumsiness(pattern) < clumsiness(&known.0) {
                        *known = found();
                    }
                }
            }
        }
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        let mut taken: BTreeSet<Address> = self.design.mailboxes.keys().cloned().collect();
        taken.extend(self.design.lists.keys().cloned());
        let mut adopted = BTreeMap::new();
        for (path, (pattern, origin)) in wanted {
            let Some(address) = self.name_for(&path, &pattern, &mut taken) else {
                continue;
            };
            self.find(
                &code::ALIAS_FILE_ADOPTED,
                Disposition::Adapted,
                &origin,
                address.to_bytes(),
                format!("mail is stored in {path}, which is no account's"),
                format!("it becomes the mailbox {address}; nobody can log in to it until it gets a password"),
            );
            let mailbox = Mailbox::without_login(address.clone(), origin);
            self.design.mailboxes.insert(address.clone(), mailbox);
            taken.insert(address.clone());
            adopted.insert(path, address);
        }
        adopted
    }

    /// The address that delivers there, else the file's own name in that domain, made free.
    fn name_for(
        &self,
        path: &RelPath,
        pattern: &Pattern,
        taken: &mut BTreeSet<Address>,
    ) -> Option<Address> {
        let domain = match &pattern.domain {
            DomainPattern::Domain(name) => name.clone(),
            DomainPattern::Under(_) => self.site.unix_domain()?,
        };
        if !domain.is_plain() {
            return None;
        }
        let local = match &pattern.local {
            LocalPattern::Exact(local) if Self::is_usable(&Address::new(local, &domain)) => {
                local.as_bstr().to_owned()
            }
            _ => {
                let name = path.file_name().to_ascii_lowercase();
                let letters = name.into_iter().filter(u8::is_ascii_alphanumeric).take(60);
                let letters: Vec<u8> = letters.collect();
                if letters.is_empty() { "mail".into() } else { BString::from(letters) }
            }
        };
        let candidates = (0..).map(|number| match number {
            0 => local.clone(),
            1 => [local.as_slice(), b"-store"].concat().into(),
            _ => [local.as_slice(), b"-store", number.to_string().as_bytes()].concat().into(),
        });
        let mut addresses = candidates.map(|local: BString| Address::new(local, &domain));
        addresses.find(|address| Self::is_usable(address) && !taken.contains(address))
    }

    /// Lists the stores to copy, each into the mailbox of its owner.
    pub(super) fn translate_copies(&mut self, adopted: &BTreeMap<RelPath, Address>) {
        let site = self.site;
        let mut numbered = BTreeSet::new();
        for (path, store) in &site.stores {
            let owner = self
                .rules
                .owner(path)
                .filter(|owner| self.design.mailboxes.contains_key(owner))
                .or_else(|| adopted.get(path).cloned());
            let Some(owner) = owner else {
                self.report_orphan(path, store.messages());
                continue;
            };
            let home = mailbox_home(&owner);
            // A folder that some address delivers to is copied with the Maildir it lies in.
            let is_folder_of_another =
                store.kind == StoreKind::Maildir && site.stores.contains_key(&path.parent());
            if is_folder_of_another {
                continue;
            }
            if store.kind == StoreKind::Mbox {
                self.find(
                    &code::ACCOUNT_MBOX_CONVERTED,
                    Disposition::Adapted,
                    &Origin::file(path),
                    owner.to_bytes(),
                    format!("the mail in {path} is in one file, an mbox"),
                    "its messages become files of a Maildir, in its INBOX",
                );
            }
            if let Some(message) = &store.wrong_size {
                self.design.wrong_sizes = true;
                self.find(
                    &code::MESSAGE_SIZE_WRONG,
                    Disposition::Adapted,
                    &Origin::file(message),
                    owner.to_bytes(),
                    "a message is not as large as its name says",
                    "Dovecot is told to look at the files, which costs it a little time",
                );
            }
            self.design.grants |= store.has_grants;
            self.report_deleted(store, &owner);
            if store.kind == StoreKind::Maildir && !numbered.insert(owner.clone()) {
                self.find(
                    &code::UID_NOT_KEPT,
                    Disposition::Adapted,
                    &Origin::file(path),
                    owner.to_bytes(),
                    "two Maildirs go into one mailbox",
                    "folders that both have keep the numbers of one of them; clients see the mail of the other as new",
                );
            }
            let renamed = self.rename_folders(store);
            self.design.copies.push(MailCopy {
                renamed,
                to: owner,
                home,
                from: path.clone(),
                kind: store.kind,
            });
        }
    }

    /// Gives the folders that no IMAP server could open the name that their owner meant.
    fn rename_folders(&mut self, store: &Store) -> BTreeMap<BString, BString> {
        let is_odd = |folder: &&Folder| !folder.name.is_empty() && !is_portable(&folder.name);
        let odd: Vec<&Folder> = store.folders.iter().filter(is_odd).collect();
        let mut renamed = BTreeMap::new();
        if odd.is_empty() {
            return renamed;
        }
        let mut taken: BTreeSet<BString> = store.folders.iter().map(|f| f.name.clone()).collect();
        for folder in odd {
            let meant = portable(&folder.name);
            let candidates = (1..).map(|number| match number {
                1 => meant.clone(),
                _ => [meant.as_slice(), b"-", number.to_string().as_bytes()].concat().into(),
            });
            let Some(name) = { candidates }.find(|name| taken.insert(name.clone())) else {
                continue;
            };
            self.find(
                &code::FOLDER_NAME_ODD,
                Disposition::Adapted,
                &Origin::file(&folder.path),
                folder.path.as_bstr(),
                "no IMAP server can open a folder of this name, and Courier may not have shown it",
                format!("it is {name} on the new server, and its owner is subscribed to it there if he was before"),
            );
            renamed.insert(folder.name.clone(), name);
        }
        renamed
    }

    /// Dovecot counts messages that are marked as deleted, and vpopmail does not.
    fn report_deleted(&mut self, store: &Store, owner: &Address) {
        let quota = self.design.mailboxes.get(owner).map(|mailbox| mailbox.quota);
        let (counted, deleted) = (store.counted, store.deleted);
        let all = Usage {
            bytes: counted.bytes.saturating_add(deleted.bytes),
            messages: counted.messages.saturating_add(deleted.messages),
        };
        if quota.is_some_and(|quota| quota.refuses(all, 1) && !quota.refuses(counted, 1)) {
            self.find(
                &code::ACCOUNT_DELETED_COUNTED,
                Disposition::Adapted,
                &Origin::file(&store.path),
                owner.to_bytes(),
                format!("{} messages are marked as deleted and not yet removed", deleted.messages),
                "they count against the limit on the new server, which refuses mail until they are gone",
            );
        }
    }

    fn report_orphan(&mut self, path: &RelPath, messages: u64) {
        if messages > 0 {
            self.find(
                &code::STORE_ORPHANED,
                Disposition::Manual,
                &Origin::file(path),
                path.as_bstr(),
                format!(
                    "{messages} messages lie in a store that no account and no address leads to"
                ),
                "they are not carried over",
            );
        }
    }
}

/// Short exact addresses make the best names.
fn clumsiness(pattern: &Pattern) -> (bool, usize, &Pattern) {
    match &pattern.local {
        LocalPattern::Exact(local) => (false, local.as_bstr().len(), pattern),
        LocalPattern::Prefix(_) | LocalPattern::Odd | LocalPattern::Any => (true, 0, pattern),
    }
}
