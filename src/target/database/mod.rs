//! Accounts, aliases and domains as rows of a database that a web panel manages.
//!
//! What becomes of an address is decided once, by the other emitters: their flat tables are taken
//! out of the files, and their rows are divided among the database's tables. The queries that give
//! the same answers are Postfix's and Dovecot's own.

mod aliases;
mod flat;
mod forms;
mod mailboxes;
mod panel;

use super::sql::Dialect;
use super::{Artifact, Choices};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::design::{Design, DomainPattern, Role};
use crate::model::sheet::{Draft, Field, Sheet, Texts, Unfit};
use crate::model::{DomainName, Origin, RelPath};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Takes what the database holds out of the files, and adds those that ask it.
pub(super) fn divide(
    design: &Design,
    choices: Choices<'_>,
    files: &mut Vec<Artifact>,
    findings: &mut Findings,
) -> Vec<Sheet> {
    let Some(dialect) = Dialect::of(choices) else { return Vec::new() };
    let mut tables = Tables::new(dialect.texts(), findings);
    for name in ["domains", "alias_domains"] {
        drop(flat::take(files, &format!("etc/postfix/unqmail/{name}")));
    }
    drop(flat::take(files, "etc/dovecot/unqmail/users"));
    tables.add_mailboxes(design);
    let aliases = flat::take(files, "etc/postfix/unqmail/aliases");
    let stored = tables.add_aliases(&aliases, design);
    tables.add_domains(design);
    tables.add_managers(design);
    flat::retain(files, "etc/postfix/unqmail/mailboxes", |key| !stored.contains(key.as_bstr()));
    files.extend(panel::artifact(choices));
    tables.sheets()
}

/// The tables while they are filled.
struct Tables<'f> {
    domain: Draft,
    alias_domain: Draft,
    mailbox: Draft,
    alias: Draft,
    admin: Draft,
    domain_admins: Draft,
    own_alias: Draft,
    own_login: Draft,
    own_limit: Draft,
    /// What PostfixAdmin's tables hold.
    texts: Texts,
    /// The domains of all rows.
    domains: BTreeSet<DomainName>,
    findings: &'f mut Findings,
}

impl<'f> Tables<'f> {
    fn new(texts: Texts, findings: &'f mut Findings) -> Self {
        Self {
            domain: Draft::new(&forms::DOMAIN, texts),
            alias_domain: Draft::new(&forms::ALIAS_DOMAIN, texts),
            mailbox: Draft::new(&forms::MAILBOX, texts),
            alias: Draft::new(&forms::ALIAS, texts),
            admin: Draft::new(&forms::ADMIN, texts),
            domain_admins: Draft::new(&forms::DOMAIN_ADMINS, texts),
            own_alias: Draft::new(&forms::OWN_ALIAS, Texts::ANY),
            own_login: Draft::new(&forms::OWN_LOGIN, Texts::ANY),
            own_limit: Draft::new(&forms::OWN_LIMIT, Texts::ANY),
            texts,
            domains: BTreeSet::new(),
            findings,
        }
    }

    /// In an order in which no row refers to one that comes later.
    fn sheets(self) -> Vec<Sheet> {
        let drafts = [
            self.domain,
            self.alias_domain,
            self.mailbox,
            self.alias,
            self.admin,
            self.domain_admins,
            self.own_alias,
            self.own_login,
            self.own_limit,
        ];
        drafts.into_iter().map(Draft::sheet).collect()
    }

    fn add_domains(&mut self, design: &Design) {
        let served = design.domains.iter().filter_map(|(pattern, domain)| match pattern {
            DomainPattern::Domain(name) => Some((name, domain)),
            DomainPattern::Under(_) => None,
        });
        for (name, domain) in served {
            self.domains.remove(name);
            self.add_domain(name, true, design, &domain.origin);
            if let Role::AliasOf(real) = &domain.role {
                let row = [text(name), text(real), Field::Flag(true)];
                let added = self.alias_domain.add(&row);
                self.told(added, name.as_ref(), &domain.origin);
            }
        }
        // A row of the panel's must have a domain, although this one takes no mail.
        for name in std::mem::take(&mut self.domains) {
            self.add_domain(&name, false, design, &Origin::file(&RelPath::default()));
        }
    }

    fn add_domain(&mut self, name: &DomainName, active: bool, design: &Design, origin: &Origin) {
        let managed = design.managed.get(name).cloned().unwrap_or_default();
        let limit = |limit: Option<u64>| match limit {
            None => Field::Number(0),
            Some(0) => Field::NoneAllowed,
            Some(limit) => Field::Number(limit),
        };
        let row = [
            text(name),
            text(""),
            limit(managed.aliases),
            limit(managed.accounts),
            Field::Number(0),
            Field::Number(managed.megabytes),
            text("virtual"),
            Field::Flag(false),
            Field::Flag(active),
        ];
        let added = self.domain.add(&row);
        self.told(added, name.as_ref(), origin);
    }

    fn add_managers(&mut self, design: &Design) {
        for (name, managed) in &design.managed {
            for at in &managed.administrators {
                let Some(mailbox) = design.mailboxes.get(at) else { continue };
                let username = at.to_lower().to_bytes();
                let password = mailboxes::password(mailbox);
                let row = [text(&username), text(password), Field::Flag(false), Field::Flag(true)];
                let added = self.admin.add(&row);
                self.told(added, &username, &mailbox.origin);
                let added =
                    self.domain_admins.add(&[text(&username), text(name), Field::Flag(true)]);
                self.told(added, &username, &mailbox.origin);
            }
        }
    }

    /// Tells of a row that its table cannot hold.
    fn told(&mut self, added: Result<(), Unfit>, subject: &[u8], origin: &Origin) -> bool {
        let Err(unfit) = added else { return true };
        self.findings.push(Finding::new(
            &code::DATABASE_VALUE_UNFIT,
            Disposition::Dropped,
            origin.clone(),
            BString::from(subject),
            format!("it {unfit}"),
            "the database has no row for it: mail for it is refused, and nobody logs in by it",
        ));
        false
    }
}

fn text(bytes: impl AsRef<[u8]>) -> Field {
    Field::Text(bytes.as_ref().to_vec())
}
