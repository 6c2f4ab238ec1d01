//! What an account may not do: vpopmail's gid bits.

use std::fmt;
use std::ops::BitOr;

/// The bits of the fourth vpasswd field (`vpopmail.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restrictions(pub u32);

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Restrictions {
            $($(#[$doc])* pub const $name: Self = Self($bit);)*
        }
        const NAMES: &[(Restrictions, &str)] = &[$((Restrictions::$name, $text)),*];
    };
}

bits! {
    /// The user may not change the password.
    NO_PASSWORD_CHANGE = 0x1, "no-password-change";
    /// POP3 is denied.
    NO_POP = 0x2, "no-pop";
    /// IMAP from 127.0.0.1, where the webmail runs, is denied.
    NO_WEBMAIL = 0x4, "no-webmail";
    /// IMAP from anywhere but 127.0.0.1 is denied.
    NO_IMAP = 0x8, "no-imap";
    /// Mail to the account is bounced; login goes on.
    BOUNCE_MAIL = 0x10, "bounce-mail";
    /// A POP3 login does not open the relay.
    NO_RELAY = 0x20, "no-relay";
    /// Dial-up is denied.
    NO_DIALUP = 0x40, "no-dialup";
    /// Site-defined.
    USER_0 = 0x80, "user-0";
    /// Site-defined.
    USER_1 = 0x100, "user-1";
    /// Site-defined.
    USER_2 = 0x200, "user-2";
    /// Site-defined.
    USER_3 = 0x400, "user-3";
    /// SMTP AUTH is denied.
    NO_SMTP = 0x800, "no-smtp";
    /// May act as administrator of the domain in qmailadmin.
    DOMAIN_ADMIN = 0x1000, "domain-admin";
    /// The domain's limits do not apply.
    OVERRIDE = 0x2000, "override-limits";
    /// No spam filter.
    NO_SPAMASSASSIN = 0x4000, "no-spamassassin";
    /// Recognised spam is dropped.
    DELETE_SPAM = 0x8000, "delete-spam";
    /// Administers spam settings.
    SPAM_ADMIN = 0x1_0000, "spam-admin";
    /// Sees expert spam settings.
    SPAM_EXPERT = 0x2_0000, "spam-expert";
    /// No maildrop.
    NO_MAILDROP = 0x4_0000, "no-maildrop";
}

impl Restrictions {
    /// Whether any of `bits` is set.
    pub fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// The bits that no version of vpopmail names.
    #[must_use]
    pub fn unknown(self) -> Self {
        NAMES.iter().fold(self, |rest, (bit, _)| Self(rest.0 & !bit.0))
    }

    /// The set bits by name, in ascending order; unknown bits are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| *name)
    }
}

impl BitOr for Restrictions {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Restrictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::Restrictions;

    #[test]
    fn ten_denies_pop_and_imap() {
        assert_eq!(Restrictions(10).to_string(), "no-pop, no-imap");
        assert!(Restrictions(10).contains(Restrictions::NO_IMAP));
        assert!(!Restrictions(10).contains(Restrictions::NO_SMTP));
    }

    #[test]
    fn bits_without_a_name_are_told() {
        assert_eq!(Restrictions(0x8_0002).unknown(), Restrictions(0x8_0000));
    }
}
