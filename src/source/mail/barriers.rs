//! What keeps deliveries out of the places that lines and accounts name.

use crate::fsys::{Kind, Stat, root::Root};
use crate::model::access::{Barrier, Guard, Need, PASS, READ, WRITE};
use crate::model::dot_qmail::DotQmail;
use crate::model::site::{Site, Spot};
use crate::model::{Account, RelPath};
use crate::source::Reading;
use crate::source::access::{Access, guard};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What is in the way.
pub(super) struct Barriers {
    pub(super) by_path: BTreeMap<RelPath, Barrier>,
    pub(super) closed_homes: BTreeSet<RelPath>,
}

/// Looks at every home, `.qmail` file and place of delivery. Where a copy has lost its owners,
/// permissions say nothing.
pub(super) fn find(reading: &Reading<'_>) -> Barriers {
    let (site, root) = (&reading.site, reading.root);
    let mut access = Access::new(root);
    let mut barriers = BTreeMap::new();
    if !site.owners_lost {
        let mut add = |path: &RelPath, needs: Vec<Need>| {
            if !needs.is_empty() {
                barriers.insert(path.clone(), Barrier { needs });
            }
        };
        for (path, home) in site.homes.iter().filter(|(_, home)| home.mode.is_some()) {
            add(path, access.way_into(path));
            for file in home.files.values().filter(|file| !file.is_row) {
                add(&file.origin.file, file_needs(&mut access, file));
            }
        }
        for (path, spot) in &site.spots {
            add(path, spot_needs(&mut access, spot));
        }
    }
    // Built at once, a map has no gaps; one that grows in order is half empty.
    let closed_homes = closed_homes(site, &mut access, root).into_iter().collect();
    Barriers { by_path: barriers, closed_homes }
}

/// A file is reached by the way that its link goes.
fn file_needs(access: &mut Access<'_>, file: &DotQmail) -> Vec<Need> {
    let way = file.links_to.as_ref().map(|real| access.way_into(&real.parent()));
    let real = file.links_to.as_ref().unwrap_or(&file.origin.file);
    let mut needs = way.unwrap_or_default();
    needs.extend(access.need(real, READ));
    needs
}

fn spot_needs(access: &mut Access<'_>, spot: &Spot) -> Vec<Need> {
    match spot {
        Spot::Maildir(path) => {
            let mut needs = access.way_into(path);
            needs.extend(maildir_needs(access, path));
            needs
        }
        Spot::File(path) => {
            let mut needs = access.way_into(&path.parent());
            needs.extend(access.need(path, WRITE));
            needs
        }
        Spot::Room(path) => {
            let mut needs = access.way_into(&path.parent());
            needs.extend(access.need(&path.parent(), WRITE | PASS));
            needs
        }
        Spot::Missing | Spot::Unusable => Vec::new(),
    }
}

fn maildir_needs(access: &Access<'_>, path: &RelPath) -> impl Iterator<Item = Need> {
    ["tmp", "new"].into_iter().filter_map(|part| access.need(&path.join(part), WRITE | PASS))
}

/// The homes of accounts whose Maildir their domain's own user cannot deliver to. One that is not
/// there at all is made by `vdelivermail`; one without its Maildir is not mended.
fn closed_homes(site: &Site, access: &mut Access<'_>, root: &Root) -> Vec<RelPath> {
    let mut accounts = Vec::new();
    for domain in &site.domains {
        let Some((uid, gid)) = site.deliverer_of(domain) else { continue };
        let mut last = None;
        for account in &domain.accounts {
            let above = account.home.parent();
            let is_open = match last.take() {
                Some((known, is_open)) if known == above => is_open,
                _ if site.owners_lost => true,
                _ => access.way_into(&above).iter().all(|need| need.is_met(uid, gid)),
            };
            last = Some((above, is_open));
            accounts.push((account, (uid, gid), is_open));
        }
    }
    let looked = accounts.into_par_iter().filter(|(account, (uid, gid), is_open)| {
        let may = |guard: &Guard, bits| site.owners_lost || guard.grants(*uid, *gid, bits);
        match entrance(root, account) {
            Entrance::Made => false,
            Entrance::Broken => true,
            Entrance::Whole([home, tmp, new]) => {
                !is_open || !may(&home, PASS) || ![tmp, new].iter().all(|p| may(p, WRITE | PASS))
            }
        }
    });
    looked.map(|(account, ..)| account.home.clone()).collect()
}

/// What a delivery to an account's Maildir meets.
enum Entrance {
    /// There is no home, which `vdelivermail` makes.
    Made,
    /// There is no Maildir, or not all of it.
    Broken,
    /// The home, and `tmp` and `new` of its Maildir.
    Whole([Guard; 3]),
}

fn entrance(root: &Root, account: &Account) -> Entrance {
    if let Some(guards) = account.inside.maildir {
        return Entrance::Whole(guards);
    }
    if !account.inside.has_maildir {
        return Entrance::Broken;
    }
    let stat = |path: &RelPath| root.stat(path).ok().flatten();
    let Some(home) = stat(&account.home) else { return Entrance::Made };
    let maildir = account.maildir();
    let is_folder = |stat: &Stat| stat.kind == Kind::Folder;
    let part = |name: &str| stat(&maildir.join(name)).filter(is_folder);
    match (Some(home).filter(is_folder), part("tmp"), part("new")) {
        (Some(home), Some(tmp), Some(new)) => {
            Entrance::Whole([guard(&home), guard(&tmp), guard(&new)])
        }
        _ => Entrance::Broken,
    }
}
