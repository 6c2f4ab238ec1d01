//! From what there is to what there shall be. Pure: a [`Site`] and a [`Policy`] become a
//! [`Design`] and findings; one file per concern.

mod answers;
mod asked;
mod clients;
mod domains;
mod filters;
mod lists;
mod loops;
mod mailboxes;
mod managers;
mod pipes;
mod pop3;
mod programs;
mod routes;
mod senders;
mod server;
mod spam;
mod stores;
mod system;

use crate::finding::{Code, Disposition, Finding, Findings};
use crate::model::design::{Design, Ids, LOGIN_NAME_BYTES};
use crate::model::dot_qmail::DotQmail;
use crate::model::site::Site;
use crate::model::{Address, Origin, RelPath};
use crate::policy::Policy;
use crate::resolve::Resolver;
use bstr::BString;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What the parts of the translation share.
struct Translator<'a> {
    site: &'a Site,
    rules: Resolver<'a>,
    policy: &'a Policy,
    design: Design,
    findings: Findings,
    /// Every `.qmail` file, to show its lines.
    files: BTreeMap<&'a RelPath, &'a DotQmail>,
    /// What `qmail-smtpd` takes mail for from anybody, in lower case.
    taken: BTreeSet<BString>,
}

/// Translates a site.
pub fn translate<'a>(site: &'a Site, policy: &'a Policy) -> (Design, Findings) {
    let rules = Resolver::new(site, policy.old.user_extensions).without_usage().mended();
    let ids = Ids { mail: policy.new.mail_ids.into(), lists: policy.new.list_ids.into() };
    let design = Design { ids, ..Design::default() };
    let findings = Findings::default();
    let files = site.homes.values().flat_map(|home| home.files.values());
    let files = files.filter(|file| !file.is_row);
    let files = files.map(|file| (&*file.origin.file, file)).collect();
    let control = &site.control;
    let taken = control.lists.get("rcpthosts").into_iter().flatten().chain(&control.more_rcpthosts);
    let taken = taken.map(|entry| entry.value.to_ascii_lowercase().into()).collect();
    let mut translator = Translator { site, rules, policy, design, findings, files, taken };
    translator.translate_server();
    translator.translate_pop3();
    translator.translate_clients();
    translator.translate_domains();
    translator.translate_mailboxes();
    translator.translate_managers();
    translator.translate_lists();
    translator.translate_routes();
    translator.translate_spam();
    translator.share_owners();
    translator.report_extensions();
    translator.finish();
    (translator.design, translator.findings)
}

impl Translator<'_> {
    fn find(
        &mut self,
        code: &'static Code,
        disposition: Disposition,
        origin: &Origin,
        subject: impl AsRef<[u8]>,
        message: impl Into<Cow<'static, str>>,
        effect: impl Into<Cow<'static, str>>,
    ) {
        self.findings.push(Finding::new(
            code,
            disposition,
            origin.clone(),
            subject,
            message,
            effect,
        ));
    }

    /// Brings everything into its final order.
    fn finish(&mut self) {
        let design = &mut self.design;
        design.routes.shrink_to_fit();
        design.routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        design.copies.sort();
        design.login.weak_hashes = design
            .mailboxes
            .values()
            .any(|mailbox| mailbox.password.as_ref().is_some_and(|(scheme, _)| scheme.is_weak()));
    }

    /// Whether mail can be stored and somebody can log in under an address: Dovecot takes no other
    /// bytes in a name, and a line of its passwd-file that begins with `#` for a comment.
    fn is_usable(address: &Address) -> bool {
        let local = address.local.as_bstr();
        let is_name_byte = |byte: &u8| *byte != b'@' && LOGIN_NAME_BYTES.as_bytes().contains(byte);
        Self::is_writable(address) && !local.starts_with(b"#") && local.iter().all(is_name_byte)
    }

    /// Whether an address can stand in a table, a passwd-file and a mail command: no control
    /// bytes, valid UTF-8, a plain domain.
    fn is_writable(address: &Address) -> bool {
        address.domain.is_plain() && Self::is_sendable(address)
    }

    /// Whether mail can be sent to an address, at a host's own address too.
    fn is_sendable(address: &Address) -> bool {
        let local = address.local.as_bstr();
        !local.is_empty()
            && local.len() <= 255
            && std::str::from_utf8(local).is_ok_and(|text| !text.chars().any(char::is_control))
            && (address.domain.is_plain() || address.domain.is_literal())
    }
}
