//! Lists that no `.qmail` file leads to, in the homes of virtual domains and Unix users.

use super::Found;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::Kind;
use crate::model::{Domain, LocalPart, Origin, RelPath};
use crate::source::Reading;
use bstr::BString;
use std::collections::BTreeMap;

/// Tells the folders that hold a list and are not among those that are known. A home that cannot be
/// listed was told before.
pub(super) fn find(reading: &Reading<'_>, known: &BTreeMap<RelPath, Found>) -> Findings {
    let mut findings = Findings::default();
    let site = &reading.site;
    let domains = site.domains.iter().filter(|domain| reading.layout.covers(&domain.home));
    let users = site.unix_users.iter().map(|user| (&user.home, None));
    let homes = users.chain(domains.map(|domain| (&domain.home, Some(domain))));
    let homes: BTreeMap<&RelPath, Option<&Domain>> = homes.collect();
    for (home, domain) in homes {
        let is_mail_only = |name: &BString| {
            let account = domain.and_then(|domain| domain.account(&LocalPart::new(name)));
            account.is_some_and(|a| a.home == home.join(name) && !a.inside.has_others)
        };
        let may_hold = site.homes.get(home).is_none_or(|home| home.inside.has_others);
        let entries =
            if may_hold { reading.root.list(home).unwrap_or_default() } else { Vec::new() };
        // A name of one byte is a part of vpopmail's tree of accounts.
        let folders = entries.iter().filter(|it| it.kind == Kind::Folder && it.name.len() > 1);
        let folders = folders.filter(|entry| entry.name != "Maildir");
        // There may be a million, which were listed before.
        for entry in folders.filter(|entry| !is_mail_only(&entry.name)) {
            let folder = home.join(&entry.name);
            let has =
                |name: &str| reading.root.stat(&folder.join(name)).is_ok_and(|stat| stat.is_some());
            if !has("outlocal") || !has("subscribers") {
                continue;
            }
            let real = reading.root.real(&folder).unwrap_or_else(|_| folder.clone());
            if !known.contains_key(&real) {
                findings.push(orphan(&folder));
            }
        }
    }
    findings
}

fn orphan(folder: &RelPath) -> Finding {
    Finding::new(
        &code::LIST_ORPHANED,
        Disposition::Dropped,
        Origin::file(folder),
        folder.as_bstr(),
        "the folder holds a list that no .qmail file leads to",
        "nobody could write to it; neither its members nor its archive are carried over",
    )
}
