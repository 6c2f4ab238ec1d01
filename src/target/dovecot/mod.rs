//! Dovecot: `dovecot.conf` in the language of the chosen version, users, and who may not log in
//! how.

pub mod acl;
mod conf23;
mod conf24;
pub mod keywords;
mod sieve;
mod sql;
pub mod subscriptions;
pub mod uidlist;
mod users;

use super::wiring::Wiring;
use super::{Artifact, Audience, Choices, Content, Target};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::design::{Design, LOGIN_NAME_BYTES, Mailbox};
use crate::model::{Origin, RelPath};
use crate::policy::Dovecot as Version;
use bstr::BString;
use std::collections::BTreeSet;

/// The emitter of Dovecot's files.
#[derive(Clone, Copy, Debug)]
pub struct Dovecot;

/// Whether a mailbox may not use a way in.
type IsDenied = fn(&Mailbox) -> bool;

/// Files of users who may not use a way in; Dovecot takes a missing one for empty.
const DENIALS: &[(&str, IsDenied)] = &[
    ("imap", |mailbox| mailbox.denied.imap || mailbox.password.is_none()),
    ("webmail", |mailbox| mailbox.denied.webmail || mailbox.password.is_none()),
    ("pop3", |mailbox| mailbox.denied.pop3 || mailbox.password.is_none()),
    ("smtp", |mailbox| mailbox.denied.smtp || mailbox.password.is_none()),
    // Filters are managed by whoever may read the mail.
    ("sieve", |mailbox| mailbox.denied.imap || mailbox.password.is_none()),
];

impl Target for Dovecot {
    fn id(&self) -> &'static str {
        "dovecot"
    }

    fn emit(
        &self,
        design: &Design,
        choices: Choices<'_>,
        _: &Wiring,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        let conf = match choices.dovecot {
            Version::V23 => conf23::render(design, choices),
            Version::V24 => conf24::render(design, choices),
        };
        files.push(Artifact::text("etc/dovecot/dovecot.conf", conf));
        match sql::conf(choices, design.ids.mail) {
            Some(conf) => files.push(secret("sql.conf", conf)),
            None => files.push(secret("users", users::render(design, choices.dovecot))),
        }
        for (name, denies) in DENIALS {
            let mut names: BTreeSet<BString> = BTreeSet::new();
            for mailbox in
                design.mailboxes.values().filter(|mailbox| mailbox.is_reachable && denies(mailbox))
            {
                names.extend(users::names(mailbox));
            }
            let mut text = Vec::new();
            for name in names {
                text.extend_from_slice(&[name.as_slice(), b":\n"].concat());
            }
            files.push(secret(&format!("deny-{name}"), text));
        }
        files.extend(sieve::artifacts(design));
        files.extend(sieve::spam(design));
        report_weak_hashes(design, findings);
    }
}

/// One wrong size would break a whole mailbox for POP3.
const WRONG_SIZES: &str =
    "# The names of some messages state a wrong size.\nmaildir_broken_filename_sizes = yes\n";

/// So many redirections of a message Pigeonhole takes unless told otherwise.
const MOST_SENDS: usize = 4;

/// What both versions say in their own words.
struct Shared {
    certificate: String,
    key: String,
    default_domain: String,
    postmaster: String,
    uid: u32,
    separators: &'static str,
    name_bytes: &'static str,
    /// Empty, or the setting for names that state a wrong size.
    sizes: &'static str,
    /// Some script answers more than once in a day.
    counts_seconds: bool,
    /// The most addresses that a script sends mail on to.
    most_sends: usize,
    /// A script goes before those of users.
    files_spam: bool,
    /// Where accounts are looked up.
    lookup: String,
}

impl Shared {
    fn new(design: &Design, choices: Choices<'_>) -> Self {
        let own = design.host.certificate.clone();
        // Debian's packages put a self-made certificate there.
        let (certificate, key) = own.unwrap_or_else(|| {
            ("/etc/dovecot/private/dovecot.pem".into(), "/etc/dovecot/private/dovecot.key".into())
        });
        // vpopmail divides at `/` too; where a name holds one, that would break its mail.
        let has_slash =
            design.mailboxes.keys().any(|address| address.local.as_bstr().contains(&b'/'));
        Self {
            certificate,
            key,
            default_domain: design.login.default_domain.to_string(),
            postmaster: format!("postmaster@{}", design.host.bare_domain),
            uid: design.ids.mail.0,
            separators: if has_slash { "%@" } else { "%@/@" },
            name_bytes: LOGIN_NAME_BYTES,
            sizes: if design.wrong_sizes { WRONG_SIZES } else { "" },
            counts_seconds: sieve::counts_seconds(design),
            most_sends: sieve::most_sends(design),
            files_spam: design.spam.is_some(),
            lookup: sql::lookup(choices),
        }
    }
}

fn secret(name: &str, text: impl Into<Vec<u8>>) -> Artifact {
    let path = RelPath::new(format!("etc/dovecot/unqmail/{name}"));
    Artifact { path, content: Content::file(text), audience: Audience::Group("dovecot") }
}

fn report_weak_hashes(design: &Design, findings: &mut Findings) {
    let weak =
        |mailbox: &&Mailbox| mailbox.password.as_ref().is_some_and(|(scheme, _)| scheme.is_weak());
    let mut weak = design.mailboxes.values().filter(weak).peekable();
    let Some(first) = weak.peek() else { return };
    let (origin, example): (Origin, BString) = (first.origin.clone(), first.address.to_bytes());
    let count = weak.count();
    findings.push(Finding::new(
        &code::PASSWORD_SCHEMES_WEAK,
        Disposition::Migrated,
        origin,
        "passwords",
        format!("{count} accounts have DES or MD5 hashes, {example} for one"),
        "they work; Dovecot 2.4 is told to accept such hashes, which it would refuse",
    ));
}
