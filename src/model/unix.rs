//! Unix users of the old host.

use super::password::Password;
use super::{Origin, RelPath};
use bstr::BString;

/// A line of `/etc/passwd`, with its hash from `/etc/shadow` and what is known of the home.
#[derive(Clone, Debug)]
pub struct UnixUser {
    /// Login name.
    pub name: BString,
    /// Numeric user.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Home folder.
    pub home: RelPath,
    /// The hash, where it could be read.
    pub password: Password,
    /// Whether mail reaches the user by name: `qmail-getpw` wants a home that the user owns, a uid
    /// other than 0 and a name in lower case of less than 32 bytes.
    pub gets_mail: bool,
    /// The line.
    pub origin: Origin,
}

impl UnixUser {
    /// The mailboxes that a user may have by the usual names, whatever mail is delivered to.
    pub fn usual_mailboxes(&self) -> impl Iterator<Item = RelPath> {
        let own = ["Maildir", "Mailbox"].map(|name| self.home.join(name));
        let spools =
            ["var/mail", "var/spool/mail"].map(|spool| RelPath::new(spool).join(&self.name));
        own.into_iter().chain(spools)
    }
}
