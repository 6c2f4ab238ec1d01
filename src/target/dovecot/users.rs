//! The passwd-file: one row for each name that somebody logs in by or mail is stored for.

use crate::model::design::{Design, Mailbox};
use crate::policy::Dovecot;
use bstr::{BString, ByteSlice as _};

/// The rows, sorted by name.
pub(super) fn render(design: &Design, version: Dovecot) -> Vec<u8> {
    let mailboxes = design.mailboxes.values().filter(|mailbox| mailbox.is_reachable);
    let named = |mailbox| names(mailbox).into_iter().map(move |name| (name, mailbox));
    let mut rows: Vec<(BString, &Mailbox)> = mailboxes.flat_map(named).collect();
    // Stable: of equal names the first mailbox counts.
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.dedup_by(|a, b| a.0 == b.0);
    let mut text = b"# user:{scheme}hash:uid:gid::home::extra\n# Written by unqmail.\n".to_vec();
    for (name, mailbox) in rows {
        let rest = row(mailbox, design.ids.mail, version);
        text.extend_from_slice(&[name.as_slice(), b":", &rest, b"\n"].concat());
    }
    text.shrink_to_fit();
    text
}

/// Every name of a mailbox, as Dovecot looks it up: its address, its other login names, its inner
/// address. A `'` is looked up with a backslash before it.
pub(super) fn names(mailbox: &Mailbox) -> Vec<BString> {
    let own = mailbox.address.to_bytes();
    let inner = mailbox.is_direct.then(|| mailbox.inner_address().to_bytes());
    let all = std::iter::once(own).chain(mailbox.logins.iter().cloned()).chain(inner);
    all.map(|name| name.to_ascii_lowercase().replace("'", "\\'").into()).collect()
}

fn row(mailbox: &Mailbox, (uid, gid): (u32, u32), version: Dovecot) -> BString {
    // A value that no password ever matches, quietly and in both versions.
    let password = match &mailbox.password {
        Some((scheme, hash)) => format!("{{{}}}{}", scheme.name(), hash.reveal()),
        None => "{CRYPT}*".to_owned(),
    };
    // The field is taken literally but for a colon, which no path component holds: see below.
    let home = mailbox.home();
    let home = home.as_bstr().to_str_lossy();
    format!("{password}:{uid}:{gid}::/{home}::{}", quota(mailbox, version)).into()
}

fn quota(mailbox: &Mailbox, version: Dovecot) -> String {
    let quota = mailbox.quota;
    let bytes = (quota.bytes > 0).then_some(quota.bytes);
    let messages = (quota.messages > 0).then_some(quota.messages);
    let parts = |bytes: Option<String>, messages: Option<String>| {
        bytes.into_iter().chain(messages).collect::<Vec<_>>()
    };
    match version {
        Dovecot::V23 => {
            let parts = parts(
                bytes.map(|n| format!("bytes={n}")),
                messages.map(|n| format!("messages={n}")),
            );
            if parts.is_empty() {
                String::new()
            } else {
                format!("userdb_quota_rule=*:{}", parts.join(":"))
            }
        }
        Dovecot::V24 => parts(
            bytes.map(|n| format!("userdb_quota_storage_size={n}B")),
            messages.map(|n| format!("userdb_quota_message_count={n}")),
        )
        .join(" "),
    }
}
