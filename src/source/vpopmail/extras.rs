//! Files in vpopmail's own `etc` folder that tell how it works, not what it holds.

use crate::finding::{Code, Disposition, Finding, Findings, code};
use crate::model::{Address, Origin, RelPath};
use crate::source::{Reading, read_file};
use bstr::ByteSlice as _;
use std::collections::BTreeSet;

/// A `lastauth` file holds one IP address: bytes.
const LARGEST_LASTAUTH: u64 = 256;

/// Where a version of vpopmail that keeps its accounts in a database is told how to reach it.
const DATABASES: &[&str] =
    &["vpopmail.mysql", "vpopmail.pgsql", "vpopmail.oracle", "vpopmail.sybase", "vpopmail.ldap"];

/// A file, and what it means that it is there: code, disposition, message, effect.
type Extra = (&'static str, &'static Code, Disposition, &'static str, &'static str);

const EXTRAS: &[Extra] = &[
    (
        "open-smtp",
        &code::SITE_POP_BEFORE_SMTP,
        Disposition::Dropped,
        "clients that have just read their mail may relay without logging in (POP before SMTP)",
        "the new server asks them to log in; accounts last used from such an address are named here",
    ),
    (
        "ip_alias_map",
        &code::SITE_SETTING_DROPPED,
        Disposition::Dropped,
        "the domain of logins without one depends on the address that a client connects to",
        "on the new server all of them get the default domain",
    ),
    (
        "onchange",
        &code::SITE_VPOPMAIL_HOOK,
        Disposition::Dropped,
        "vpopmail runs this script when a domain or an account changes",
        "the new server does not run it",
    ),
];

/// Reports the files that are there.
pub(super) fn report(reading: &mut Reading<'_>, own: &RelPath, has_dump: bool) {
    let databases = DATABASES.iter().filter(|_| !has_dump).map(|name| -> Extra {
        (
            name,
            &code::SITE_DATABASE_UNREAD,
            Disposition::Manual,
            "vpopmail is set up to keep accounts, aliases or limits in a database",
            "what is only in the database is not carried over, and the vpasswd files may be old",
        )
    });
    for (name, code, disposition, message, effect) in EXTRAS.iter().copied().chain(databases) {
        let path = own.join("etc").join(name);
        if reading.root.stat_link(&path).is_ok_and(|stat| stat.is_some()) {
            let origin = Origin::file(&path);
            let subject = path.as_bstr();
            reading.findings.push(Finding::new(
                code,
                disposition,
                origin,
                subject,
                message,
                effect,
            ));
        }
    }
    report_who_relays(reading, own);
}

/// Names the accounts whose last login (`lastauth`) came from an address in `open-smtp`.
fn report_who_relays(reading: &mut Reading<'_>, own: &RelPath) {
    let path = own.join("etc/open-smtp");
    let Some(bytes) = read_file(reading.root, &path, &mut reading.findings) else {
        return;
    };
    let open: BTreeSet<&[u8]> =
        bytes.lines().filter_map(|line| Some(line.split_once_str(":")?.0)).collect();
    let mut findings = Findings::default();
    for domain in &reading.site.domains {
        for account in &domain.accounts {
            let last = reading.root.read_if_there(&account.home.join("lastauth"), LARGEST_LASTAUTH);
            let Ok(Some(last)) = last else { continue };
            if open.contains(last.trim_ascii()) {
                findings.push(Finding::new(
                    &code::SITE_POP_BEFORE_SMTP,
                    Disposition::Dropped,
                    account.origin.clone(),
                    Address::of(&account.name, &domain.name).to_bytes(),
                    "the account was last used from an address that may relay without logging in",
                    "its mail program has to log in on the new server to send mail",
                ));
            }
        }
    }
    reading.findings.append(findings);
}
