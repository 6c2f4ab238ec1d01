//! Accounts become mailboxes: homes, hashes, quotas, restrictions and login names.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::design::{Denied, Mailbox};
use crate::model::password::{Password, Scheme, Secret};
use crate::model::restrictions::Restrictions;
use crate::model::{Account, Address, Domain, DomainName, LocalPart, Origin, RelPath};
use crate::policy::Backend;
use crate::resolve::{Act, Action};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// Bits that mean nothing on the new server, where they need no counterpart.
const WITHOUT_COUNTERPART: Restrictions = Restrictions(
    Restrictions::NO_PASSWORD_CHANGE.0
        | Restrictions::NO_RELAY.0
        | Restrictions::NO_DIALUP.0
        | Restrictions::NO_MAILDROP.0
        | Restrictions::DOMAIN_ADMIN.0,
);

impl Translator<'_> {
    pub(super) fn translate_mailboxes(&mut self) {
        let site = self.site;
        let count = site.domains.iter().map(|domain| domain.accounts.len()).sum();
        let mut mailboxes = Vec::with_capacity(count);
        for domain in &site.domains {
            let aliases = Self::login_domains(domain);
            for account in &domain.accounts {
                let mailbox = self.translate_account(domain, account, &aliases);
                mailboxes.push((mailbox.address.clone(), mailbox));
            }
        }
        // Built at once, a map has no gaps; one that grows in order is half empty.
        self.design.mailboxes = mailboxes.into_iter().collect();
        self.translate_unix_users();
        self.report_secrets();
    }

    /// The domains besides its own under which a domain's accounts log in.
    fn login_domains(domain: &Domain) -> Vec<DomainName> {
        domain.aliases.iter().map(|alias| alias.name.clone()).filter(DomainName::is_plain).collect()
    }

    fn translate_account(
        &mut self,
        domain: &Domain,
        account: &Account,
        aliases: &[DomainName],
    ) -> Mailbox {
        let address = Address::of(&account.name, &domain.name);
        let is_reachable = account.reachable && self.is_usable_or_told(&address, &account.origin);
        let restrictions = domain.login_restrictions(account);
        let denied = Denied {
            imap: restrictions.contains(Restrictions::NO_IMAP),
            webmail: restrictions.contains(Restrictions::NO_WEBMAIL),
            pop3: restrictions.contains(Restrictions::NO_POP),
            smtp: restrictions.contains(Restrictions::NO_SMTP),
        };
        self.report_restrictions(account, &address);
        self.report_shared_store(account, &address);
        let password = self.password(&account.password, &address, &account.origin);
        let logins = aliases.iter().map(|alias| Address::of(&account.name, alias).to_bytes());
        Mailbox {
            password: password.filter(|_| is_reachable),
            logins: if is_reachable { logins.collect() } else { Vec::new() },
            quota: account.quota,
            denied,
            is_reachable,
            ..Mailbox::without_login(address, account.origin.clone())
        }
    }

    /// Two accounts on one store: its mail can only go to one of them.
    fn report_shared_store(&mut self, account: &Account, address: &Address) {
        let real = self.site.real_store(&account.maildir()).clone();
        let Some(owner) = self.rules.owner(&real).filter(|owner| owner != address) else {
            return;
        };
        if account.reachable {
            self.find(
                &code::ACCOUNT_STORE_SHARED,
                Disposition::Manual,
                &account.origin,
                address.to_bytes(),
                format!("the account shares its mail store with {owner}"),
                format!("mail for both goes into the mailbox of {owner}; this one stays empty"),
            );
        }
    }

    fn is_usable_or_told(&mut self, address: &Address, origin: &Origin) -> bool {
        let is_usable = Self::is_usable(address);
        if !is_usable {
            self.find(
                &code::ACCOUNT_NAME_UNUSABLE,
                Disposition::Manual,
                origin,
                address.to_bytes(),
                "the account's name cannot be a login name on the new server",
                "nobody can log in and mail to it is refused; its stored mail is carried over",
            );
        }
        is_usable
    }

    fn report_restrictions(&mut self, account: &Account, address: &Address) {
        // Who administers a domain can go on where there is something to administer it with.
        let kept = match self.policy.new.backend {
            Backend::Files => Restrictions::default(),
            Backend::Sqlite | Backend::Postgresql | Backend::Mysql => Restrictions::DOMAIN_ADMIN,
        };
        let dropped = Restrictions(account.restrictions.0 & WITHOUT_COUNTERPART.0 & !kept.0);
        let unknown = account.restrictions.unknown();
        if dropped != Restrictions::default() {
            self.find(
                &code::ACCOUNT_RESTRICTION_DROPPED,
                Disposition::Dropped,
                &account.origin,
                address.to_bytes(),
                format!("the account is marked {dropped}"),
                "the new server has nothing that this could apply to",
            );
        }
        if unknown != Restrictions::default() {
            self.find(
                &code::ACCOUNT_RESTRICTION_DROPPED,
                Disposition::Manual,
                &account.origin,
                address.to_bytes(),
                format!(
                    "the account has restriction bits that vpopmail does not name: {:#x}",
                    unknown.0
                ),
                "what they meant is not carried over",
            );
        }
    }

    /// The hash to log in by; `None` where nobody could log in before.
    fn password(
        &mut self,
        password: &Password,
        address: &Address,
        origin: &Origin,
    ) -> Option<(Scheme, Secret)> {
        match password {
            Password::Hash { scheme, hash } => {
                if *scheme == Scheme::Other {
                    self.find(
                        &code::PASSWORD_SCHEME_UNKNOWN,
                        Disposition::Migrated,
                        origin,
                        address.to_bytes(),
                        "the password's hash is of a rare kind",
                        "login works only if the new host's crypt(3) knows it",
                    );
                }
                Some((*scheme, hash.clone()))
            }
            Password::Empty | Password::Locked => None,
            Password::Unreadable => {
                self.find(
                    &code::PASSWORD_UNREADABLE,
                    Disposition::Dropped,
                    origin,
                    address.to_bytes(),
                    "the password field holds no hash",
                    "nobody can log in, on the old server as on the new one",
                );
                None
            }
        }
    }

    /// Unix users who have mail get a mailbox under the host's own domain.
    fn translate_unix_users(&mut self) {
        let Some(domain) = self.site.unix_domain().filter(DomainName::is_plain) else {
            return;
        };
        let mut owned: BTreeMap<Address, Vec<RelPath>> = BTreeMap::new();
        for (path, address) in self.rules.stores_of(&domain) {
            owned.entry(address).or_default().push(path);
        }
        let owned = owned.into_iter().filter(|(address, paths)| self.has_mail(address, paths));
        let owners: Vec<Address> = owned.map(|(address, _)| address).collect();
        let default_domain = self.design.login.default_domain.clone();
        for address in owners {
            let Some(user) = self.site.unix_user(address.local.as_bstr()) else {
                continue;
            };
            if self
                .site
                .domain(&domain)
                .is_some_and(|domain| domain.account(&address.local).is_some())
            {
                self.find(
                    &code::ACCOUNT_TWICE,
                    Disposition::Manual,
                    &user.origin,
                    address.to_bytes(),
                    "a Unix user and an account of a virtual domain share the address",
                    "the account's password and quota count; the mail of both goes into one mailbox",
                );
                continue;
            }
            let bare = LocalPart::new(&user.name);
            let in_default = Address::new(&bare, &default_domain);
            let taken = self
                .site
                .domain(&default_domain)
                .is_some_and(|domain| domain.account(&bare).is_some());
            // A bare name is completed with the default domain before it is looked up.
            let logins = if default_domain == domain || taken {
                Vec::new()
            } else {
                vec![in_default.to_bytes()]
            };
            let password = self.password(&user.password, &address, &user.origin);
            let is_reachable = self.is_usable_or_told(&address, &user.origin);
            let mailbox = Mailbox {
                password,
                logins,
                is_reachable,
                ..Mailbox::without_login(address, user.origin.clone())
            };
            self.design.mailboxes.insert(mailbox.address.clone(), mailbox);
        }
    }

    /// Whether a Unix user has stored mail, or mail to the name is stored.
    fn has_mail(&self, address: &Address, stores: &[RelPath]) -> bool {
        let hop = self.rules.hop(address.to_bytes().as_bstr());
        stores.iter().any(|path| {
            let stored = |act: &Act| matches!(&act.action, Action::Store(to) if to == path);
            self.site.stores.contains_key(path) || hop.actions.iter().any(stored)
        })
    }

    /// Clear passwords are not carried over; whoever needed one is named.
    fn report_secrets(&mut self) {
        let site = self.site;
        for domain in &site.domains {
            for account in domain.accounts.iter().filter(|account| account.has_clear) {
                self.find(
                    &code::PASSWORD_CLEAR_DROPPED,
                    Disposition::Dropped,
                    &account.origin,
                    Address::of(&account.name, &domain.name).to_bytes(),
                    "the account's clear password is stored beside its hash",
                    "it is not carried over; login by CRAM-MD5, which needs it, stops working",
                );
            }
            for account in domain.accounts.iter().filter(|account| account.apop) {
                self.find(
                    &code::PASSWORD_APOP_LOST,
                    Disposition::Dropped,
                    &account.origin,
                    Address::of(&account.name, &domain.name).to_bytes(),
                    "the account is marked as a user of APOP",
                    "APOP needs the clear password; the user has to choose another way to log in",
                );
            }
        }
    }
}
