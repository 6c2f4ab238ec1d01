//! Virtual domains and their accounts.

use super::password::Password;
use super::quota::Quota;
use super::restrictions::Restrictions;
use super::site::Inside;
use super::{DomainName, LocalPart, Origin, RelPath};

/// A virtual domain with accounts of its own.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its real name.
    pub name: DomainName,
    /// The names that share all its addresses.
    pub aliases: Vec<DomainAlias>,
    /// The folder that holds its accounts and `.qmail` files.
    pub home: RelPath,
    /// The accounts that delivery and login know, sorted by name.
    pub accounts: Vec<Account>,
    /// Lookups in its database fail, so that nobody is found; the accounts are those of the text.
    pub is_damaged: bool,
    /// Its limits, from its own file or the server's default.
    pub limits: Limits,
    /// The line that makes it a domain.
    pub origin: Origin,
}

/// Another name of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainAlias {
    /// The other name.
    pub name: DomainName,
    /// The line that makes it one.
    pub origin: Origin,
}

/// A login with a mailbox.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name before the `@`, as stored.
    pub name: LocalPart,
    /// The original password hash.
    pub password: Password,
    /// The old server kept the password in clear too, which is not read.
    pub has_clear: bool,
    /// Marked as a user of APOP, who needs the clear password.
    pub apop: bool,
    /// The account's own restrictions.
    pub restrictions: Restrictions,
    /// The home as stored; the mail lies in `Maildir` beneath it. Empty when the field is.
    pub home: RelPath,
    /// What was seen of the home.
    pub inside: Inside,
    /// The limits of the mailbox.
    pub quota: Quota,
    /// Whether mail and login can ever reach it: names are looked up in lower case.
    pub reachable: bool,
    /// The line that defines it.
    pub origin: Origin,
}

/// What a domain allows its accounts (`.qmailadmin-limits`, else `vlimits.default`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Restrictions of every account without the override bit.
    pub restrictions: Restrictions,
    /// Numbers by the file's own keys (`maxpopaccounts`, `quota`, …); -1 is unlimited.
    pub numbers: Vec<(String, i64)>,
    /// The file, if there is one.
    pub origin: Option<Origin>,
}

impl Account {
    /// The account's own mail store.
    pub fn maildir(&self) -> RelPath {
        self.home.join("Maildir")
    }
}

impl Domain {
    /// Looks an account up by its name in lower case, as every program on the old server does.
    pub fn account(&self, name: &LocalPart) -> Option<&Account> {
        let lower = name.to_lower();
        let at = self.accounts.binary_search_by(|account| account.name.cmp(&lower)).ok()?;
        self.accounts.get(at)
    }

    /// What an account may not do: its own bits and, unless overridden, the domain's.
    pub fn login_restrictions(&self, account: &Account) -> Restrictions {
        if account.restrictions.contains(Restrictions::OVERRIDE) {
            account.restrictions
        } else {
            account.restrictions | self.limits.restrictions
        }
    }
}
