//! Mail stores: the Maildirs and mbox files that accounts, users and delivery lines lead to.

mod aside;
mod barriers;
mod folder;
mod known;
mod look;
mod maildir;
mod mbox;
mod messages;
mod spots;
mod tally;
mod unclaimed;

pub use messages::{Half, Linked, Messages};

use super::{Error, Reading, Source, unlistable};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::{Kind, Stat, root::Root};
use crate::model::seen::{Memory, Print};
use crate::model::site::{Site, Spot};
use crate::model::store::Store;
use crate::model::{Account, Origin, RelPath};
use barriers::Barriers;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The reader of mail stores.
#[derive(Clone, Copy, Debug)]
pub struct Mail;

impl Source for Mail {
    fn id(&self) -> &'static str {
        "mail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        reading.site.spots = spots::find(reading);
        reading.site.tested = spots::tested(reading);
        let Barriers { by_path, closed_homes } = barriers::find(reading);
        reading.site.barriers = by_path;
        reading.site.closed_homes = closed_homes;
        let (root, memory) = (reading.root, reading.memory);
        let Places { stores: paths, links, astray } = places(reading);
        reading.site.links = links;
        for path in &astray {
            reading.findings.push(led_astray(path));
        }
        let paths: Vec<(RelPath, Option<Print>)> = paths.into_iter().collect();
        let named = named(&reading.site);
        // One by one: a few stores are much larger than the others.
        let stores = paths.par_iter().with_max_len(1);
        let stores = stores
            .map(|(path, home)| read_store(root, memory, (path, *home), named.contains(path)));
        let read: Vec<(Option<Store>, Findings)> = stores.collect();
        for (store, findings) in read {
            reading.site.stores.extend(store.map(|store| (store.path.clone(), store)));
            reading.findings.append(findings);
        }
        if reading.layout.only.is_none() {
            unclaimed::report(reading);
        }
        Ok(())
    }
}

/// Everything that may hold mail.
struct Places {
    /// By real paths, with how the homes look that they lie in where nothing else does.
    stores: BTreeMap<RelPath, Option<Print>>,
    /// By which link some of it is known.
    links: BTreeMap<RelPath, RelPath>,
    /// Links to what belongs to somebody else.
    astray: Vec<RelPath>,
}

fn places(reading: &Reading<'_>) -> Places {
    let (site, root) = (&reading.site, reading.root);
    let accounts = site.domains.iter().flat_map(|domain| &domain.accounts);
    let (plain, others): (Vec<&Account>, Vec<&Account>) = accounts
        .filter(|account| account.inside.has_maildir)
        .partition(|account| account.inside.maildir.is_some());
    let accounts = others.into_iter().map(|account| (account.maildir(), None));
    let users = site.unix_users.iter().filter(|user| user.gets_mail || user.name == "alias");
    let spools = users.flat_map(|user| user.usual_mailboxes().map(|path| (path, Some(user.uid))));
    let unnamed: Vec<(RelPath, Option<u32>)> = accounts.chain(spools).collect();
    let real = unnamed.into_par_iter().filter_map(|(path, user)| {
        let stat = root.stat(&path).ok().flatten()?;
        let real = root.real(&path).ok()?;
        let is_own = is_own(root, &path, &real, &stat)
            && (site.owners_lost || user.is_none_or(|user| !has_strange_name(&stat, user)));
        Some((real, path, is_own))
    });
    let real: Vec<(RelPath, RelPath, bool)> = real.collect();
    let astray = real.iter().filter(|(_, _, is_own)| !is_own).map(|(_, path, _)| path.clone());
    let astray = astray.collect();
    let real = real.into_iter().filter(|(_, _, is_own)| *is_own);
    let real: Vec<(RelPath, RelPath)> = real.map(|(real, path, _)| (real, path)).collect();
    let named = site.spots.iter().filter_map(|(path, spot)| match spot {
        Spot::Maildir(real) | Spot::File(real) => {
            let stat = root.stat(real).ok().flatten()?;
            is_own(root, path, real, &stat).then(|| real.clone())
        }
        Spot::Room(_) | Spot::Missing | Spot::Unusable => None,
    });
    let missing = accounts_without_home(reading);
    let links = real.iter().filter(|(real, path)| real != path);
    let links = links.map(|(real, path)| (path.clone(), real.clone()));
    let links = links.chain(missing).collect();
    let plain = plain.into_iter().map(|account| (account.maildir(), account.inside.look));
    let others = real.into_iter().map(|(real, _)| real).chain(named).map(|path| (path, None));
    let stores = others.chain(plain).collect();
    Places { stores, links, astray }
}

/// Whether the links by which a place is known are such as lead to what is their owner's: nobody
/// gets at the files of others by a link in his home.
fn is_own(root: &Root, path: &RelPath, real: &RelPath, stat: &Stat) -> bool {
    path == real || root.is_led_by(path, stat.uid).unwrap_or(false)
}

/// Whether a user may have given somebody else's file a second name (link(2)).
fn has_strange_name(stat: &Stat, user: u32) -> bool {
    stat.kind == Kind::File && stat.names > 1 && stat.uid != user
}

fn led_astray(path: &RelPath) -> Finding {
    Finding::new(
        &code::FOLDER_LINK,
        Disposition::Dropped,
        Origin::file(path),
        path.as_bstr(),
        "a mailbox is a link that leads to what belongs to somebody else",
        "nothing is read through it",
    )
}

/// The Maildirs of accounts whose home `vdelivermail` would make, where a link leads to another
/// place; with that place.
fn accounts_without_home(reading: &Reading<'_>) -> Vec<(RelPath, RelPath)> {
    let accounts = reading.site.domains.par_iter().flat_map(|domain| &domain.accounts);
    let made = accounts.filter_map(|account| {
        let inside = account.inside;
        if inside.maildir.is_some() || (inside.is_real && !inside.has_maildir) {
            return None;
        }
        let path = account.maildir();
        if inside.has_maildir && reading.root.stat(&path).ok()?.is_some() {
            return None;
        }
        let mut above = path.parent();
        let real = loop {
            match reading.root.real(&above) {
                Ok(real) => break real.join(path.strip_prefix(&above)?),
                Err(error) if error.is_missing() => above = above.parent(),
                Err(_) => return None,
            }
        };
        (real != path).then_some((path, real))
    });
    made.collect()
}

/// The stores that delivery lines name, by their real paths.
fn named(site: &Site) -> BTreeSet<&RelPath> {
    let real = site.spots.iter().map(|(path, spot)| match spot {
        Spot::Maildir(real) => real,
        _ => site.real_store(path),
    });
    real.collect()
}

fn read_store(
    root: &Root,
    memory: &Memory,
    (path, home): (&RelPath, Option<Print>),
    is_named: bool,
) -> (Option<Store>, Findings) {
    let mut findings = Findings::default();
    let store = match root.folder(path) {
        Ok(open) => maildir::read(root, memory, (&open, home), is_named, &mut findings),
        Err(error) if error.is_missing() => {
            let stat = root.stat(path).ok().flatten();
            let is_file = stat.is_some_and(|stat| stat.kind == Kind::File);
            is_file.then(|| mbox::read(root, path, &mut findings)).flatten()
        }
        Err(error) => {
            findings.push(unlistable(path, &error));
            None
        }
    };
    (store, findings)
}
