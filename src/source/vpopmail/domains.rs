//! Which domains there are: `users/cdb` says so, and where each one's folder is (`vget_assign` in
//! `vpopmail.c`). Nothing is ever computed from a domain's name.

use super::dump::Dump;
use super::{limits, vpasswd};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::root::Root;
use crate::model::assignment::Assignment;
use crate::model::dot_qmail::DotQmail;
use crate::model::seen::Memory;
use crate::model::site::Home;
use crate::model::{Account, Address, Domain, DomainAlias, DomainName, Limits, Origin, RelPath};
use crate::source::{Reading, home, unlistable};
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What the reading of one domain brings.
struct Found {
    domain: Domain,
    homes: Vec<(RelPath, Home)>,
    user_extensions: Option<Origin>,
    findings: Findings,
}

pub(super) fn read(reading: &mut Reading<'_>, own: &RelPath, dump: Option<&Dump>) {
    let default_limits =
        limits::read(reading.root, &own.join("etc/vlimits.default"), &mut reading.findings);
    let wild = reading.site.assignments.as_ref().map(|all| &all.wild);
    let named: Vec<(DomainName, &Assignment)> = wild
        .into_iter()
        .flatten()
        .filter_map(|(name, assignment)| {
            Some((domain_name(reading, name, assignment)?, assignment))
        })
        .collect();
    let mut aliases: BTreeMap<DomainName, Vec<DomainAlias>> = BTreeMap::new();
    let mut real: BTreeMap<DomainName, &Assignment> = BTreeMap::new();
    for (name, assignment) in &named {
        let target = DomainName::new(&assignment.user);
        if *name == target {
            real.insert(target, assignment);
        } else if holds_accounts(reading, assignment) {
            let alias = DomainAlias { name: name.clone(), origin: assignment.origin.clone() };
            aliases.entry(target).or_default().push(alias);
        }
    }
    real.retain(|_, assignment| {
        holds_accounts(reading, assignment) || is_gone(reading, assignment)
    });
    // A database has accounts by the domain's name.
    if !dump.is_some_and(Dump::has_accounts) {
        join_names_of_one_folder(reading, &mut real, &mut aliases);
    }
    for (target, dangling) in aliases.iter().filter(|(target, _)| !real.contains_key(target)) {
        for alias in dangling {
            reading.findings.push(Finding::new(
                &code::DOMAIN_ALIAS_DANGLING,
                Disposition::Dropped,
                alias.origin.clone(),
                [b"@", alias.name.as_bstr().as_bytes()].concat(),
                format!("an alias of {target}, which is no domain of vpopmail's"),
                "none of its addresses leads to an account, on the old server as on the new one",
            ));
        }
    }
    let (root, layout, memory) = (reading.root, reading.layout, reading.memory);
    let found: Vec<Found> = real
        .into_par_iter()
        .map(|(name, assignment)| {
            let aliases = aliases.get(&name).cloned().unwrap_or_default();
            if layout.covers(&assignment.home) {
                read_domain(
                    (root, memory),
                    name,
                    aliases,
                    assignment,
                    default_limits.as_ref(),
                    dump,
                )
            } else {
                unread_domain(name, aliases, assignment)
            }
        })
        .collect();
    for one in found {
        reading.site.domains.push(one.domain);
        reading.site.homes.extend(one.homes);
        reading.findings.append(one.findings);
        let proof = reading.site.user_extensions.take().or(one.user_extensions);
        reading.site.user_extensions = proof;
    }
    reading.site.domains.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(dump) = dump {
        dump.report_strangers(reading);
        dump.add_aliases(reading);
    }
    read_catch_all_homes(reading);
}

/// Names that lead to one folder find the same accounts there: they are one domain and its aliases.
/// It goes by a name that mail comes in by, if it can by that of the folder, else by the first.
fn join_names_of_one_folder(
    reading: &Reading<'_>,
    real: &mut BTreeMap<DomainName, &Assignment>,
    aliases: &mut BTreeMap<DomainName, Vec<DomainAlias>>,
) {
    let mut by_folder: BTreeMap<RelPath, Vec<DomainName>> = BTreeMap::new();
    for (name, assignment) in real.iter() {
        if let Ok(folder) = reading.root.real(&assignment.home) {
            by_folder.entry(folder).or_default().push(name.clone());
        }
    }
    let is_served = |name: &DomainName| {
        let entry = reading.site.control.virtual_domains.get(name.as_bstr());
        entry.is_some_and(|entry| entry.prepend.eq_ignore_ascii_case(name.as_ref()))
    };
    for (folder, mut names) in by_folder {
        // Stable: of equal names the first counts.
        names.sort_by_key(|name| (!is_served(name), folder.file_name() != name.as_bstr()));
        let mut names = names.into_iter();
        let Some(own) = names.next() else { continue };
        for name in names {
            let Some(assignment) = real.remove(&name) else { continue };
            let mut others = aliases.remove(&name).unwrap_or_default();
            others.push(DomainAlias { name, origin: assignment.origin.clone() });
            aliases.entry(own.clone()).or_default().append(&mut others);
        }
    }
}

/// The folders that catch-alls name are homes, with `.qmail` files of their own (`usernotfound` in
/// `vdelivermail.c`).
fn read_catch_all_homes(reading: &mut Reading<'_>) {
    let files = reading.site.homes.values().flat_map(|home| home.files.values());
    let actions: BTreeSet<BString> = files.flat_map(DotQmail::catch_alls).collect();
    for action in actions.iter().filter(|action| action.starts_with(b"/")) {
        let path = RelPath::new(action);
        if !reading.site.homes.contains_key(&path) {
            let home = home::read_home(reading.root, None, &path, &mut reading.findings);
            reading.site.homes.insert(path, home);
        }
    }
}

/// `+example.org-` is a domain: the name holds a dot and ends in `-` (`get_domain_entries`).
/// `vdelivermail` itself asks for no dot (`vget_assign`), so a name without one is a domain where
/// its folder has accounts.
fn domain_name(
    reading: &Reading<'_>,
    wild: &BString,
    assignment: &Assignment,
) -> Option<DomainName> {
    let name = wild.strip_suffix(b"-").filter(|name| !name.is_empty())?;
    let is_one = name.contains(&b'.') || has_vpasswd(reading, assignment);
    is_one.then(|| DomainName::new(name))
}

/// Whether the folder is one of vpopmail's: it has accounts, or hands mail to `vdelivermail`.
fn holds_accounts(reading: &Reading<'_>, assignment: &Assignment) -> bool {
    let hands_over = || {
        let home = reading.site.homes.get(&assignment.home);
        home.is_some_and(|home| home.files.values().any(DotQmail::leads_to_accounts))
    };
    has_vpasswd(reading, assignment) || hands_over()
}

fn has_vpasswd(reading: &Reading<'_>, assignment: &Assignment) -> bool {
    ["vpasswd", "vpasswd.cdb"].into_iter().any(|name| {
        reading.root.stat_link(&assignment.home.join(name)).is_ok_and(|stat| stat.is_some())
    })
}

fn is_gone(reading: &Reading<'_>, assignment: &Assignment) -> bool {
    reading.site.homes.get(&assignment.home).is_some_and(|home| home.mode.is_none())
}

/// A domain of which no more is asked than that it is there.
fn unread_domain(name: DomainName, aliases: Vec<DomainAlias>, assignment: &Assignment) -> Found {
    let domain = Domain {
        name,
        aliases,
        home: assignment.home.clone(),
        accounts: Vec::new(),
        is_damaged: false,
        limits: Limits::default(),
        origin: assignment.origin.clone(),
    };
    Found { domain, homes: Vec::new(), user_extensions: None, findings: Findings::default() }
}

fn read_domain(
    (root, memory): (&Root, &Memory),
    name: DomainName,
    aliases: Vec<DomainAlias>,
    assignment: &Assignment,
    default_limits: Option<&Limits>,
    dump: Option<&Dump>,
) -> Found {
    let mut findings = Findings::default();
    let folder = &assignment.home;
    let mut found = vpasswd::Accounts::default();
    let report = |code, message: Cow<'static, str>, effect: &'static str| {
        Finding::new(
            code,
            Disposition::Manual,
            assignment.origin.clone(),
            [b"@", name.as_bstr().as_bytes()].concat(),
            message,
            effect,
        )
    };
    let dumped = dump.and_then(|dump| dump.accounts(name.as_bstr(), folder, &name, &mut findings));
    match root.folder(folder) {
        Err(error) if error.is_missing() => findings.push(report(
            &code::DOMAIN_HOME_MISSING,
            format!("the domain's folder {folder} does not exist").into(),
            "the old server defers all mail for the domain; nothing of it can be carried over",
        )),
        Err(error) => findings.push(unlistable(folder, &error)),
        Ok(_) => match read_accounts(root, folder, &name, dumped, &mut findings) {
            Some(accounts) => found = accounts,
            None => findings.push(report(
                &code::DOMAIN_BACKEND_UNREAD,
                "the domain has neither vpasswd nor vpasswd.cdb: its accounts are in a database"
                    .into(),
                "none of its accounts can be carried over from these files",
            )),
        },
    }
    let own_limits = limits::read(root, &folder.join(".qmailadmin-limits"), &mut findings);
    let limits = dump.and_then(|dump| dump.limits(&name)).or(own_limits);
    let limits = limits.or_else(|| default_limits.cloned()).unwrap_or_default();
    let mut accounts = found.rows;
    let homes = read_homes(root, memory, &mut accounts, &mut findings);
    let user_extensions = homes
        .iter()
        .flat_map(|(_, home)| home.files.iter())
        .find(|(name, _)| name.starts_with(b"-"))
        .map(|(_, file)| file.origin.clone());
    let (home, origin) = (folder.clone(), assignment.origin.clone());
    let is_damaged = found.is_damaged;
    let domain = Domain { name, aliases, home, accounts, is_damaged, limits, origin };
    Found { domain, homes, user_extensions, findings }
}

/// The accounts of a domain: what a dump of the database has goes before files, which are old there.
pub(super) fn read_accounts(
    root: &Root,
    folder: &RelPath,
    name: &DomainName,
    dumped: Option<Vec<Account>>,
    findings: &mut Findings,
) -> Option<vpasswd::Accounts> {
    let Some(rows) = dumped else { return vpasswd::read(root, folder, name, findings) };
    let old = vpasswd::read(root, folder, name, &mut Findings::default());
    let is_known =
        |account: &Account| rows.binary_search_by_key(&&account.name, |row| &row.name).is_ok();
    for account in old.iter().flat_map(|old| &old.rows).filter(|account| !is_known(account)) {
        findings.push(Finding::new(
            &code::ACCOUNT_STALE,
            Disposition::Dropped,
            account.origin.clone(),
            Address::of(&account.name, name).to_bytes(),
            "the account is in vpasswd, but not in the dump of the database",
            "neither login nor delivery knows it where vpopmail asks a database; it is not carried over",
        ));
    }
    Some(vpasswd::Accounts { rows, is_damaged: false })
}

/// Reads the homes of accounts, and tells each what is in it. A million homes without `.qmail` files
/// need no entry each.
pub(super) fn read_homes(
    root: &Root,
    memory: &Memory,
    accounts: &mut [Account],
    findings: &mut Findings,
) -> Vec<(RelPath, Home)> {
    let read: Vec<(RelPath, Home, Findings)> = accounts
        .par_iter_mut()
        .map(|account| {
            let mut findings = Findings::default();
            let home =
                home::read_home(root, memory.home(&account.home), &account.home, &mut findings);
            account.inside = home.inside;
            (account.home.clone(), home, findings)
        })
        .collect();
    let mut homes = Vec::new();
    for (path, home, found) in read {
        findings.append(found);
        if !home.files.is_empty() {
            homes.push((path, home));
        }
    }
    homes
}
