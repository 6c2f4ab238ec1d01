//! Whose mail store lies at a path.

use crate::model::site::Site;
use crate::model::{Account, Address, Domain, DomainName, RelPath};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// The owners of mail stores by real path.
///
/// Nearly every store is the `Maildir` in an account's own home. A site may have a million of them,
/// so those are not copied, but found by their home.
#[derive(Debug)]
pub(super) struct Owners<'a> {
    /// Accounts that mail can reach and whose store is in their home without a link, by home.
    homes: Vec<(&'a RelPath, &'a Domain, &'a Account)>,
    /// All others, by store.
    others: BTreeMap<RelPath, Address>,
}

impl<'a> Owners<'a> {
    /// The accounts of a site. Where several share one store, it belongs to one that mail can reach
    /// and that has it without a link.
    pub(super) fn new(site: &'a Site) -> Self {
        let all = || {
            let domains = site.domains.iter();
            domains.flat_map(|domain| domain.accounts.iter().map(move |account| (domain, account)))
        };
        let has_better_claim = |account: &Account| {
            let is_linked = || site.links.contains_key(&account.maildir());
            account.reachable && (site.links.is_empty() || !is_linked())
        };
        let better = all().filter(|(_, account)| has_better_claim(account));
        let mut homes: Vec<_> =
            better.map(|(domain, account)| (&account.home, domain, account)).collect();
        // Stable: of equal homes the first account's counts.
        homes.sort_by_key(|(home, ..)| *home);
        homes.dedup_by_key(|(home, ..)| *home);
        let mut owners = Self { homes, others: BTreeMap::new() };
        for (domain, account) in all().filter(|(_, account)| !has_better_claim(account)) {
            let store = account.maildir();
            let real = site.real_store(&store).clone();
            owners.add(real, &Address::of(&account.name, &domain.name));
        }
        owners
    }

    /// Gives a store to an address unless it has an owner.
    pub(super) fn add(&mut self, store: RelPath, address: &Address) {
        if self.account(&store).is_none() {
            self.others.entry(store).or_insert_with(|| address.clone());
        }
    }

    /// Who owns the store at a path.
    pub(super) fn get(&self, store: &RelPath) -> Option<Address> {
        let account = self.account(store);
        let account = account.map(|(domain, account)| Address::of(&account.name, &domain.name));
        account.or_else(|| self.others.get(store).cloned())
    }

    /// The stores that belong to addresses of a domain.
    pub(super) fn of_domain(&self, name: &DomainName) -> Vec<(RelPath, Address)> {
        let homes = self.homes.iter().filter(|(_, domain, _)| domain.name == *name);
        let own = homes.map(|(_, domain, account)| {
            (account.maildir(), Address::of(&account.name, &domain.name))
        });
        let others = self.others.iter().filter(|(_, address)| address.domain == *name);
        own.chain(others.map(|(path, address)| (path.clone(), address.clone()))).collect()
    }

    fn account(&self, store: &RelPath) -> Option<(&'a Domain, &'a Account)> {
        let home = store.as_bstr().strip_suffix(b"Maildir")?;
        let home = match home.strip_suffix(b"/") {
            Some(home) => home,
            None if home.is_empty() => home,
            None => return None,
        };
        let at = self.homes.binary_search_by(|(path, ..)| path.as_bstr().as_bytes().cmp(home));
        let (_, domain, account) = self.homes.get(at.ok()?)?;
        Some((domain, account))
    }
}
