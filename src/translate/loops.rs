//! Forwards that come back to where they started.
//!
//! qmail bounces a message that it sees for the second time. Postfix would refuse every message
//! to such an address for as long as the loop stands, so the line that closes it is left out.

use super::Translator;
use super::asked::PROBE;
use super::routes::subject;
use crate::finding::{Disposition, code};
use crate::model::design::{Design, DomainPattern, Extensions, LocalPattern, Route, Target};
use crate::model::{Address, LocalPart};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// What qmail tells the sender.
const LOOPING: &str = "5.4.6 This message is looping";

impl Translator<'_> {
    pub(super) fn break_loops(&mut self) {
        let graph = Graph::new(&self.design);
        for (route, target) in graph.closing_edges(&self.design) {
            let Some(found) = self.design.routes.get_mut(route) else {
                continue;
            };
            let kept: Vec<Target> =
                found.targets.iter().filter(|kept| **kept != target).cloned().collect();
            let is_empty = kept.is_empty();
            found.targets =
                if is_empty { [Target::Reject(LOOPING.into())].into() } else { kept.into() };
            let (subject, origin) = (subject(&found.pattern), found.origin.clone());
            let to = match &target {
                Target::Address(address) => address.to_string(),
                other => format!("{other:?}"),
            };
            let effect = if is_empty {
                "the old server bounces all mail for it, and so does the new one"
            } else {
                "the old server makes the other deliveries and bounces this one; the new one makes the other deliveries"
            };
            self.find(
                &code::ALIAS_LOOP,
                Disposition::Adapted,
                &origin,
                subject,
                format!("the forward to {to} leads back here"),
                effect,
            );
        }
    }
}

/// Routes by the addresses they are for.
struct Graph {
    exact: BTreeMap<Address, usize>,
    prefixes: BTreeMap<DomainPattern, Vec<(Vec<u8>, usize)>>,
    any: BTreeMap<DomainPattern, usize>,
}

impl Graph {
    fn new(design: &Design) -> Self {
        let mut graph =
            Self { exact: BTreeMap::new(), prefixes: BTreeMap::new(), any: BTreeMap::new() };
        for (at, route) in design.routes.iter().enumerate() {
            let domain = route.pattern.domain.clone();
            match (&route.pattern.local, &domain) {
                (LocalPattern::Exact(local), DomainPattern::Domain(name)) => {
                    graph.exact.insert(Address::new(local, name), at);
                }
                (LocalPattern::Exact(local), _) => {
                    graph.prefixes.entry(domain).or_default().push((local.as_ref().to_vec(), at));
                }
                (LocalPattern::Prefix(prefix), _) => {
                    graph.prefixes.entry(domain).or_default().push((prefix.to_vec(), at));
                }
                // It leads nowhere.
                (LocalPattern::Odd, _) => {}
                (LocalPattern::Any, _) => {
                    graph.any.insert(domain, at);
                }
            }
        }
        graph
    }

    /// The route that an address takes, if it is no plain mailbox, list or remote address.
    fn route(&self, design: &Design, address: &Address) -> Option<usize> {
        let address = design.real(address).to_lower();
        if let Some(at) = self.exact.get(&address) {
            return Some(*at);
        }
        let is_mailbox = design.mailboxes.get(&address).is_some_and(|mailbox| mailbox.is_plain);
        let is_list = design.lists.contains_key(&address);
        if is_mailbox || is_list {
            return None;
        }
        let domains = std::iter::once(DomainPattern::Domain(address.domain.clone()))
            .chain(address.domain.suffixes().map(|suffix| DomainPattern::Under(suffix.into())));
        domains.into_iter().find_map(|domain| {
            let fits =
                |(prefix, _): &&(Vec<u8>, usize)| address.local.as_bstr().starts_with(prefix);
            let prefixes = self.prefixes.get(&domain).into_iter().flatten();
            let longest = prefixes.filter(fits).max_by_key(|(prefix, _)| prefix.len());
            let longest = longest.map(|(_, at)| *at);
            longest.or_else(|| self.any_other(design, &address, &domain))
        })
    }

    /// The route of an address that has none of its own: its account's, else that of all others.
    fn any_other(
        &self,
        design: &Design,
        address: &Address,
        domain: &DomainPattern,
    ) -> Option<usize> {
        let (front, _) = address.local.as_bstr().split_once_str("-").unwrap_or_default();
        let own = Address::new(front, &address.domain);
        match design.mailboxes.get(&own).map(|mailbox| mailbox.extensions) {
            Some(Extensions::LikeAddress) => self.exact.get(&own).copied(),
            Some(Extensions::IntoMailbox) => None,
            Some(Extensions::Unknown) | None => self.any.get(domain).copied(),
        }
    }

    /// The targets that close a loop, found by walking each route once, in order.
    fn closing_edges(&self, design: &Design) -> Vec<(usize, Target)> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; design.routes.len()];
        let mut closing = Vec::new();
        for start in 0..design.routes.len() {
            if states.get(start) != Some(&State::New) {
                continue;
            }
            // A list of open routes with the number of targets seen; no recursion, chains may be long.
            let mut path = vec![(start, 0)];
            while let Some((at, seen)) = path.last_mut() {
                let at = *at;
                if let Some(state) = states.get_mut(at) {
                    *state = State::Open;
                }
                let targets =
                    design.routes.get(at).map(|route: &Route| &*route.targets).unwrap_or_default();
                let Some(target) = targets.get(*seen) else {
                    if let Some(state) = states.get_mut(at) {
                        *state = State::Done;
                    }
                    path.pop();
                    continue;
                };
                *seen += 1;
                let next = match target {
                    Target::Address(address) => self.route(design, address),
                    Target::SameLocal(domain) => {
                        self.route(design, &Address::new(LocalPart::new(PROBE), domain))
                    }
                    Target::Behind(front, domain) => {
                        let local = [front.as_slice(), PROBE.as_bytes()].concat();
                        self.route(design, &Address::new(local, domain))
                    }
                    _ => None,
                };
                match next.map(|next| (next, states.get(next).copied())) {
                    Some((_, Some(State::Open))) => closing.push((at, target.clone())),
                    Some((next, Some(State::New))) => path.push((next, 0)),
                    _ => {}
                }
            }
        }
        closing
    }
}
