//! Accounts as rows: the original hash, the home, the limits, and every name to log in by.

use super::{Tables, text};
use crate::model::RelPath;
use crate::model::design::{Design, HOMES, Mailbox};
use crate::model::sheet::Field;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

impl Tables<'_> {
    pub(super) fn add_mailboxes(&mut self, design: &Design) {
        let mut names: BTreeMap<BString, BString> = BTreeMap::new();
        for mailbox in design.mailboxes.values().filter(|mailbox| mailbox.is_reachable) {
            let username = username(mailbox);
            if !self.add_mailbox(mailbox, &username) {
                continue;
            }
            let inner = mailbox.is_direct.then(|| mailbox.inner_address().to_bytes());
            let others = mailbox.logins.iter().cloned().chain(inner);
            for name in std::iter::once(username.clone()).chain(others) {
                // Of equal names the first mailbox counts.
                names.entry(name.to_ascii_lowercase().into()).or_insert_with(|| username.clone());
            }
        }
        for (name, username) in names.iter().filter(|(name, username)| name != username) {
            let added = self.own_login.add(&[text(name), text(username)]);
            self.told(added, name, &crate::model::Origin::file(&RelPath::default()));
        }
    }

    fn add_mailbox(&mut self, mailbox: &Mailbox, username: &BString) -> bool {
        let at = mailbox.address.to_lower();
        let home = mailbox.home();
        let below = home.strip_prefix(&RelPath::new(HOMES)).unwrap_or_default();
        let row = [
            text(username),
            text(password(mailbox)),
            text(""),
            text([below.as_bytes(), b"/"].concat()),
            Field::Number(mailbox.quota.bytes),
            text(&at.local),
            text(&at.domain),
            Field::Flag(true),
        ];
        let added = self.mailbox.add(&row);
        if !self.told(added, username, &mailbox.origin) {
            return false;
        }
        self.domains.insert(at.domain);
        if mailbox.quota.messages > 0 {
            let row = [text(username), Field::Number(mailbox.quota.messages)];
            let added = self.own_limit.add(&row);
            self.told(added, username, &mailbox.origin);
        }
        true
    }
}

/// The name that it is known by.
pub(super) fn username(mailbox: &Mailbox) -> BString {
    mailbox.address.to_bytes().to_ascii_lowercase().into()
}

/// The hash with its scheme in front, as Dovecot and PostfixAdmin read it; one that no password
/// matches where nobody may log in.
pub(super) fn password(mailbox: &Mailbox) -> BString {
    match &mailbox.password {
        Some((scheme, hash)) => format!("{{{}}}{}", scheme.name(), hash.reveal()).into(),
        None => "{CRYPT}*".into(),
    }
}
