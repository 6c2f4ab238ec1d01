//! Mail stores: the Maildirs and mbox files that accounts, users and delivery lines lead to.

mod barriers;
mod look;
mod maildir;
mod mbox;
mod spots;
mod unclaimed;

use super::{Error, Reading, Source};
use crate::finding::Findings;
use crate::fsys::{Kind, root::Root};
use crate::model::seen::Memory;
use crate::model::site::Spot;
use crate::model::store::Store;
use crate::model::{Account, RelPath};
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
        let (paths, links) = stores(reading);
        reading.site.links = links;
        let read: Vec<(Option<Store>, Findings)> =
            paths.into_par_iter().map(|path| read_store(root, memory, &path)).collect();
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

/// The real paths of everything that may hold mail, and by which link some of it is known.
fn stores(reading: &Reading<'_>) -> (BTreeSet<RelPath>, BTreeMap<RelPath, RelPath>) {
    let site = &reading.site;
    let accounts = site.domains.iter().flat_map(|domain| &domain.accounts);
    let accounts = accounts.filter(|account| account.inside.has_maildir);
    let named = site.spots.values().filter_map(|spot| match spot {
        Spot::Maildir(path) | Spot::File(path) => Some(path.clone()),
        Spot::Room(_) | Spot::Missing | Spot::Unusable => None,
    });
    let users = site.unix_users.iter().filter(|user| user.gets_mail || user.name == "alias");
    let spools = users.flat_map(crate::model::unix::UnixUser::usual_mailboxes);
    let unnamed: Vec<RelPath> = accounts.map(Account::maildir).chain(spools).collect();
    let real: Vec<(RelPath, RelPath)> = unnamed
        .into_par_iter()
        .filter_map(|path| {
            reading.root.stat(&path).ok().flatten()?;
            Some((reading.root.real(&path).ok()?, path))
        })
        .collect();
    let missing = accounts_without_home(reading);
    let links = real.iter().filter(|(real, path)| real != path);
    let links = links.map(|(real, path)| (path.clone(), real.clone()));
    let links = links.chain(missing).collect();
    (real.into_iter().map(|(real, _)| real).chain(named).collect(), links)
}

/// The Maildirs of accounts whose home `vdelivermail` would make, where a link leads to another
/// place; with that place.
fn accounts_without_home(reading: &Reading<'_>) -> Vec<(RelPath, RelPath)> {
    let accounts = reading.site.domains.par_iter().flat_map(|domain| &domain.accounts);
    let made = accounts.filter_map(|account| {
        let inside = account.inside;
        if inside.is_real && !inside.has_maildir {
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

fn read_store(root: &Root, memory: &Memory, path: &RelPath) -> (Option<Store>, Findings) {
    let mut findings = Findings::default();
    let store = match root.stat(path) {
        Ok(Some(stat)) if stat.kind == Kind::Folder => {
            maildir::read(root, memory, path, &mut findings)
        }
        Ok(Some(stat)) if stat.kind == Kind::File => mbox::read(root, path, &mut findings),
        _ => None,
    };
    (store, findings)
}
