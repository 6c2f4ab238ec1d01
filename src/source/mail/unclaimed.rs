//! Everything read is accounted for: what lies in a domain's or account's folder and belongs to
//! nothing known is reported.

use super::{aside, maildir, mbox};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::{Kind, root::Root};
use crate::model::seen::Memory;
use crate::model::{Domain, Origin, RelPath};
use crate::source::Reading;
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
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

/// Folders where mail programs put one mbox for each user.
const SPOOLS: &[&str] = &["var/mail", "var/spool/mail"];

/// Everything that some reader knows: paths, sorted.
pub(super) struct Claimed<'a> {
    paths: Vec<&'a RelPath>,
    /// Lines of `.qmail` files that may name some path.
    lines: Vec<&'a BString>,
}

impl<'a> Claimed<'a> {
    fn new(reading: &'a Reading<'_>) -> Self {
        let site = &reading.site;
        let accounts = site.domains.iter().flat_map(|domain| &domain.accounts);
        let mut paths: Vec<&RelPath> = accounts
            .map(|account| &account.home)
            .chain(site.domains.iter().map(|domain| &domain.home))
            .chain(site.lists.iter().map(|list| &list.home))
            .chain(site.stores.keys())
            .chain(site.spots.keys())
            .collect();
        paths.sort_unstable();
        let files = site.homes.values().flat_map(|home| home.files.values());
        let lines = files.flat_map(|file| &file.lines).filter(|line| line.contains(&b'/'));
        Self { paths, lines: lines.collect() }
    }

    fn is(&self, path: &RelPath) -> bool {
        self.paths.binary_search(&path).is_ok()
    }

    /// Whether a path is known, or something beneath it.
    pub(super) fn covers(&self, path: &RelPath) -> bool {
        self.is(path) || self.holds(path)
    }

    /// Whether something that is known lies beneath.
    fn holds(&self, path: &RelPath) -> bool {
        let start = self.paths.partition_point(|known| *known <= path);
        self.paths
            .get(start)
            .is_some_and(|known| known.strip_prefix(path).is_some_and(|rest| !rest.is_empty()))
    }

    fn is_named(&self, path: &RelPath) -> bool {
        let path = [b"/", path.as_bstr().as_bytes()].concat();
        self.lines.iter().any(|line| line.contains_str(&path))
    }
}

/// Reports what no reader has claimed: in the folders of the virtual domains and their accounts,
/// beside those folders, and among the mail spools.
pub(super) fn report(reading: &mut Reading<'_>) {
    let claimed = Claimed::new(reading);
    let of_domain = |domain: &Domain| {
        let mut findings = Findings::default();
        in_domain(reading.root, &domain.home, &claimed, &mut findings);
        let accounts = domain.accounts.par_iter().filter(|account| account.inside.has_others);
        let homes = accounts.map(|account| {
            let mut findings = Findings::default();
            in_home(reading.root, &account.home, &claimed, &mut findings);
            findings
        });
        let homes: Vec<Findings> = homes.collect();
        for one in homes {
            findings.append(one);
        }
        findings
    };
    let found: Vec<Findings> = reading.site.domains.par_iter().map(of_domain).collect();
    let mut findings = Findings::default();
    for one in found {
        findings.append(one);
    }
    let mut beside = BTreeSet::new();
    for domain in &reading.site.domains {
        let parent = domain.home.parent();
        let is_one_of_many = parent.file_name() == "domains" || parent.file_name().len() == 1;
        if is_one_of_many && beside.insert(parent.clone()) {
            beside_domains(reading.root, &parent, &claimed, &mut findings);
        }
    }
    let users = reading.site.unix_users.iter().filter(|user| user.gets_mail);
    let homes: BTreeSet<RelPath> =
        users.filter_map(|user| reading.root.real(&user.home).ok()).collect();
    // The homes of domains and accounts are done; the root of the disk is nobody's.
    for home in homes.iter().filter(|home| !home.as_bstr().is_empty() && !claimed.is(home)) {
        aside::in_home(reading.root, home, (&claimed, &homes), &mut findings);
    }
    for spool in SPOOLS {
        in_spool(reading, &RelPath::new(spool), &mut findings);
    }
    reading.findings.append(findings);
}

/// A domain's folder, and the one-letter folders that vpopmail spreads its accounts over.
fn in_domain(root: &Root, folder: &RelPath, claimed: &Claimed<'_>, findings: &mut Findings) {
    let real = real(root, folder);
    for entry in root.list(folder).unwrap_or_default() {
        let (path, real) = (folder.join(&entry.name), real.join(&entry.name));
        let known = entry.name.starts_with(b".qmail")
            || OF_A_DOMAIN.contains(&entry.name.as_slice())
            || claimed.is(&path)
            || claimed.is(&real);
        if known {
            continue;
        }
        let is_covered = claimed.covers(&path) || claimed.covers(&real);
        if entry.kind == Kind::Folder && entry.name.len() == 1 {
            in_domain(root, &path, claimed, findings);
        } else if !is_covered && !claimed.is_named(&path) && !claimed.is_named(&real) {
            unclaimed(root, &path, entry.kind, "a domain's folder", findings);
        }
    }
}

/// In an account's home only mail counts: the rest is its owner's.
fn in_home(root: &Root, home: &RelPath, claimed: &Claimed<'_>, findings: &mut Findings) {
    let real = real(root, home);
    let folders = root.list(home).unwrap_or_default().into_iter();
    let mut orphaned = BTreeSet::new();
    for entry in folders.filter(|entry| entry.kind == Kind::Folder) {
        let path = home.join(&entry.name);
        let inside = real.join(&entry.name);
        if !claimed.covers(&path) && !claimed.covers(&inside) && is_orphaned(root, &path, findings)
        {
            orphaned.insert(inside);
        }
    }
    aside::in_home(root, &real, (claimed, &orphaned), findings);
}

/// A home may be named by a path with links in it; its stores are known by the real one.
fn real(root: &Root, folder: &RelPath) -> RelPath {
    root.real(folder).unwrap_or_else(|_| folder.clone())
}

/// Folders beside those of the known domains.
fn beside_domains(root: &Root, folder: &RelPath, claimed: &Claimed<'_>, findings: &mut Findings) {
    let folders = root.list(folder).unwrap_or_default().into_iter();
    for entry in folders.filter(|entry| entry.kind == Kind::Folder && entry.name.len() > 1) {
        let path = folder.join(&entry.name);
        let is_known = claimed.is(&path) || claimed.holds(&path) || claimed.is_named(&path);
        if is_known || entry.name.starts_with(b".") {
            continue;
        }
        let has = |name: &str| root.stat(&path.join(name)).ok().flatten().is_some();
        if has("vpasswd") || has("vpasswd.cdb") {
            findings.push(Finding::new(
                &code::DOMAIN_UNASSIGNED,
                Disposition::Manual,
                Origin::file(&path),
                [b"@", entry.name.as_slice()].concat(),
                "the folder of a domain with accounts, but users/cdb names no such domain",
                "nobody gets mail there or logs in; neither accounts nor mail are carried over",
            ));
        } else {
            unclaimed(root, &path, entry.kind, "the folder of the domains", findings);
        }
    }
}

/// mbox files of people who get no mail any more, or who are no users at all.
fn in_spool(reading: &Reading<'_>, spool: &RelPath, findings: &mut Findings) {
    // The one name is often a link to the other.
    if reading.root.real(spool).ok().as_ref() != Some(spool) {
        return;
    }
    for entry in reading.root.list(spool).unwrap_or_default() {
        let path = spool.join(&entry.name);
        if entry.kind != Kind::File || reading.site.stores.contains_key(&path) {
            continue;
        }
        let messages = mbox::read(reading.root, &path, findings).map_or(0, |mbox| mbox.messages());
        orphaned(&path, messages, findings);
    }
}

fn unclaimed(root: &Root, path: &RelPath, kind: Kind, place: &str, findings: &mut Findings) {
    if kind == Kind::Folder && is_orphaned(root, path, findings) {
        return;
    }
    let what = if kind == Kind::Folder { "folder" } else { "file" };
    findings.push(Finding::new(
        &code::FILE_UNCLAIMED,
        Disposition::Dropped,
        Origin::file(path),
        path.as_bstr(),
        format!("a {what} in {place} belongs to no account, list or address"),
        "it is not carried over",
    ));
}

/// Reports mail in a folder or in a `Maildir` beneath it; whether there is some.
fn is_orphaned(root: &Root, path: &RelPath, findings: &mut Findings) -> bool {
    let count = |path: &RelPath| {
        let is_folder = root.stat_link(path).ok().flatten().is_some_and(|s| s.kind == Kind::Folder);
        let open = root.folder(path).ok().filter(|_| is_folder);
        // What it holds is told as a whole, not message by message.
        let store = open.and_then(|open| {
            maildir::read(root, &Memory::default(), (&open, None), false, &mut Findings::default())
        });
        store.map_or(0, |store| store.messages())
    };
    let inner = path.join("Maildir");
    let (outer_count, inner_count) = (count(path), count(&inner));
    orphaned(path, outer_count, findings);
    orphaned(&inner, inner_count, findings);
    outer_count + inner_count > 0
}

fn orphaned(path: &RelPath, messages: u64, findings: &mut Findings) {
    if messages > 0 {
        findings.push(Finding::new(
            &code::STORE_ORPHANED,
            Disposition::Manual,
            Origin::file(path),
            path.as_bstr(),
            format!("{messages} messages lie where no account and no address leads to"),
            "they are not carried over",
        ));
    }
}
