//! Everything read is accounted for: what lies in a domain's or account's folder and belongs to
//! nothing known is reported.

use crate::finding::{Disposition, Finding, code};
use crate::fsys::Kind;
use crate::model::{Origin, RelPath};
use crate::source::Reading;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Files of vpopmail and qmailadmin that need no counterpart, or that other readers have read.
const OF_A_DOMAIN: &[&[u8]] = &[
    b".dir-control",
    b".no-user.msg",
    b".over-quota.msg",
    b".qmailadmin-limits",
    b".quotawarn.msg",
    b".vpasswd.lock",
    b"vpasswd",
    b"vpasswd.cdb",
    b"vpasswd.lock",
];

/// Reports what no reader has claimed in the folders of the virtual domains.
pub(super) fn report(reading: &mut Reading<'_>) {
    let mut found = Vec::new();
    let site = &reading.site;
    let lists: BTreeSet<&RelPath> = site.lists.iter().map(|list| &list.home).collect();
    for domain in &site.domains {
        let below = |path: &RelPath| -> Option<BString> {
            let rest = path.strip_prefix(&domain.home)?;
            rest.split_str("/").next().filter(|name| !name.is_empty()).map(BString::from)
        };
        let accounts = domain.accounts.iter().map(|account| &account.home);
        let near = |path: &&RelPath| path.as_bstr().starts_with(domain.home.as_ref());
        let stores = site.stores.range::<RelPath, _>(&domain.home..).map(|(path, _)| path);
        let spots = site.spots.range::<RelPath, _>(&domain.home..).map(|(path, _)| path);
        let lists = lists.range::<RelPath, _>(&domain.home..).copied().take_while(near);
        let stores = stores.take_while(near).chain(spots.take_while(near));
        let claimed: BTreeSet<BString> =
            accounts.chain(lists).chain(stores).filter_map(below).collect();
        let programs = site.homes.get(&domain.home);
        let is_named = |name: &[u8]| {
            let path = [b"/", domain.home.as_bstr().as_bytes(), b"/", name].concat();
            programs.is_some_and(|home| {
                home.files.values().flat_map(|f| &f.lines).any(|l| l.contains_str(&path))
            })
        };
        let Ok(entries) = reading.root.list(&domain.home) else {
            continue;
        };
        for entry in entries {
            let known = entry.name.starts_with(b".qmail")
                || OF_A_DOMAIN.contains(&entry.name.as_slice())
                || claimed.contains(&entry.name)
                || is_named(&entry.name);
            if !known {
                let what = if entry.kind == Kind::Folder { "folder" } else { "file" };
                found.push((domain.home.join(&entry.name), what));
            }
        }
    }
    for (path, what) in found {
        reading.findings.push(Finding::new(
            &code::FILE_UNCLAIMED,
            Disposition::Dropped,
            Origin::file(&path),
            path.as_bstr(),
            format!("a {what} in a domain's folder belongs to no account, list or address"),
            "it is not carried over",
        ));
    }
}
