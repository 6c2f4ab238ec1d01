//! The ways by which mail for other addresses comes to a list. Who may post is asked of the address
//! that a client names, before any alias is followed.

use super::Run;
use crate::model::design::{
    Design, DomainPattern, ListManager, LocalPattern, Pattern, Route, Target,
};
use crate::model::{Address, Origin};
use std::collections::{BTreeMap, BTreeSet};

/// What leads where, as far as it leads to one address.
pub(super) struct Paths<'a> {
    design: &'a Design,
    routes: BTreeMap<Address, Vec<&'a Route>>,
    /// Lists that have lists among their members.
    parents: BTreeMap<Address, Vec<&'a Run<'a>>>,
}

/// How mail comes to a list, beside its own address.
#[derive(Debug, Default)]
pub(super) struct To<'a> {
    /// Addresses that lead there and nowhere else; they can be asked about like the list's own.
    pub(super) only: Vec<Address>,
    /// Lines that lead there among others, or for a whole group of addresses.
    pub(super) among: Vec<&'a Origin>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(lists: &'a [Run<'a>], design: &'a Design) -> Self {
        let mut routes: BTreeMap<Address, Vec<&Route>> = BTreeMap::new();
        for route in &design.routes {
            for target in route.targets.iter() {
                if let Target::Address(to) | Target::ListCommand(to) = target {
                    routes.entry(design.real(to).to_lower()).or_default().push(route);
                }
            }
        }
        let mut parents: BTreeMap<Address, Vec<&Run<'_>>> = BTreeMap::new();
        for run in lists {
            for member in super::members(&run.list.list, run.at) {
                let member = design.real(&member).to_lower();
                let is_alias = |list: &super::MailingList| list.manager == ListManager::Alias;
                if design.lists.get(&member).is_some_and(is_alias) {
                    parents.entry(member).or_default().push(run);
                }
            }
        }
        Self { design, routes, parents }
    }

    /// Every way to a list.
    pub(super) fn to(&self, list: &Address) -> To<'a> {
        let mut found = To::default();
        let mut seen = BTreeSet::from([list.to_lower()]);
        let mut pending = vec![list.to_lower()];
        while let Some(at) = pending.pop() {
            for run in self.parents.get(&at).into_iter().flatten() {
                found.among.push(&run.list.list.posting.origin);
            }
            for route in self.routes.get(&at).into_iter().flatten() {
                match exact(&route.pattern) {
                    Some(own) if own.to_lower() == at => {}
                    Some(own) if matches!(&*route.targets, [Target::Address(_)]) => {
                        let real = self.design.real(&own).to_lower();
                        if seen.insert(real.clone()) {
                            pending.push(real);
                        }
                        found.only.push(own);
                    }
                    // `other-word` is a command of the list, and no post.
                    _ if matches!(&*route.targets, [Target::ListCommand(_)]) => {}
                    _ => found.among.push(&route.origin),
                }
            }
        }
        found.only.sort();
        found.only.dedup();
        found
    }
}

/// The address that a pattern means, if it is one only.
fn exact(pattern: &Pattern) -> Option<Address> {
    match (&pattern.domain, &pattern.local) {
        (DomainPattern::Domain(domain), LocalPattern::Exact(local)) => {
            Some(Address::of(local, domain))
        }
        _ => None,
    }
}
