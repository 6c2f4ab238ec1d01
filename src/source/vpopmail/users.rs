//! Accounts without a domain, who lie in `users` beside `domains` (`vadduser` without one in
//! `vpopmail.c`). They log in by a bare name, and `users/assign` gives them mail of the host's own
//! domain, so that is where they are.

use super::domains;
use super::dump::Dump;
use crate::finding::{Disposition, Finding, code};
use crate::model::{Domain, Limits, Origin, RelPath};
use crate::source::Reading;

pub(super) fn read(reading: &mut Reading<'_>, own: &RelPath, dump: Option<&Dump>) {
    let site = &reading.site;
    let name = site.unix_domain().unwrap_or_else(|| site.control.envnoathost());
    let folder = own.join("users");
    let findings = &mut reading.findings;
    let dumped = dump.and_then(|dump| dump.accounts(b"", &folder, &name, findings));
    let found = domains::read_accounts(reading.root, &folder, &name, dumped, findings);
    let mut accounts = found.map(|found| found.rows).unwrap_or_default();
    let has_name = |domain: &Domain| {
        domain.name == name || domain.aliases.iter().any(|alias| alias.name == name)
    };
    if site.domains.iter().any(has_name) {
        for account in &accounts {
            reading.findings.push(Finding::new(
                &code::ACCOUNT_WITHOUT_DOMAIN,
                Disposition::Manual,
                account.origin.clone(),
                account.name.as_bstr(),
                format!("the account belongs to no domain, and {name} has accounts of its own"),
                "neither the account nor its mail is carried over",
            ));
        }
    } else if !accounts.is_empty() {
        // Their `.qmail-x` files are found by qmail-local, and prove nothing of vpopmail.
        let read =
            domains::read_homes(reading.root, reading.memory, &mut accounts, &mut reading.findings);
        reading.site.homes.extend(read);
        reading.site.domains.push(Domain {
            name,
            aliases: Vec::new(),
            origin: Origin::file(&folder.join("vpasswd")),
            home: folder,
            accounts,
            is_damaged: false,
            limits: Limits::default(),
        });
        reading.site.domains.sort_by(|a, b| a.name.cmp(&b.name));
    }
}
