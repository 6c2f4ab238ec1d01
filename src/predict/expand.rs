//! Virtual aliases to their end: `cleanup_map1n.c`, virtual(5).

use super::NewServer;
use super::forms::{addresses, external, internal};
use super::maps::{Found, setting};
use super::postfix::Trace;
use crate::model::outcome::{Gathered, Outcome, Outcomes};
use crate::model::{Address, DomainName, SharedDomains, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The limits of postconf(5) where they are not set: `virtual_alias_recursion_limit`,
/// `virtual_alias_expansion_limit`, `virtual_alias_address_length_limit`.
const USUAL_LIMIT: usize = 1000;

/// So many ends are remembered at a time.
const MOST_KNOWN: usize = 1 << 16;

/// Of an address with more recipients it is worth while to remember them though it was asked for itself.
const FEW: usize = 64;

impl NewServer {
    fn limit(&self, name: &str) -> usize {
        self.setting(&format!("virtual_alias_{name}_limit")).parse().unwrap_or(USUAL_LIMIT)
    }

    /// What an address becomes in one step, with the row; `None` where no table has it.
    fn targets(&self, address: &Address) -> Option<(Vec<Address>, Found<'_>)> {
        let found = self.alias(external(address).as_bstr())?;
        let target = |text: &BStr| match text.strip_prefix(b"@") {
            // `@domain` keeps the local part.
            Some(domain) => Address::new(&address.local, &DomainName::new(domain)),
            None => self.completed(&internal(text)),
        };
        let mut domains = SharedDomains::default();
        let targets = addresses(found.value.as_bstr());
        let targets = targets.map(|text| domains.share(target(text))).collect();
        Some((targets, found))
    }

    /// What an address becomes in one step, in lower case.
    pub fn alias_targets(&self, address: &Address) -> BTreeSet<BString> {
        let targets = self.targets(address).map(|(targets, _)| targets).unwrap_or_default();
        targets.iter().map(|to| to.to_lower().to_bytes()).collect()
    }

    /// Looks every result up again until it stays itself. The first result stands in the place of
    /// the address, the others go to the end of the line; what has become itself once is not
    /// expanded any more. A message that exceeds a limit, as one in a ring of aliases does, waits.
    pub(super) fn expand(&self, address: &Address, steps: &mut Trace) -> Outcomes {
        let (most, deepest, longest) =
            (self.limit("expansion"), self.limit("recursion"), self.limit("address_length"));
        let failed = |address: &Address, name: &str, steps: &mut Trace| {
            let place = setting(&format!("virtual_alias_{name}_limit"));
            steps.push(format_args!("{address} exceeds the limit: the message waits"), &place);
            Outcomes::from([Outcome::Defer("Alias expansion error".into())])
        };
        let mut found = Gathered::default();
        let mut line = vec![address.clone()];
        let mut settled: BTreeSet<Address> = BTreeSet::new();
        let mut at = 0;
        while let Some(mut address) = line.get(at).cloned() {
            if line.len() > most {
                return failed(&address, "expansion", steps);
            }
            let mut depth = 0;
            while !settled.contains(&address.to_lower()) {
                if depth >= deepest {
                    return failed(&address, "recursion", steps);
                }
                depth += 1;
                let Some((targets, Found { value, place })) = self.targets(&address) else { break };
                let key = external(&address);
                if targets != [address.clone()] {
                    steps.push(format_args!("{} becomes {}", shown(&key), shown(&value)), &place);
                }
                if let Some(long) = targets.iter().find(|to| external(to).len() > longest) {
                    return failed(long, "address_length", steps);
                }
                let lower = address.to_lower();
                if targets.iter().any(|to| to.to_lower() == lower) {
                    settled.insert(lower);
                }
                let mut targets = targets.into_iter();
                let Some(first) = targets.next() else { break };
                address = first;
                line.extend(targets);
            }
            self.deliver(&address, steps).into_iter().for_each(|outcome| found.add(outcome));
            at += 1;
        }
        found.settle()
    }
}

/// What addresses become: aliases that several of them share are followed once, so that a long
/// chain costs each of them one step.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// By address in lower case; `None` for one that leads into a ring.
    known: BTreeMap<Address, Option<Arc<Expansion>>>,
}

/// Where an address leads, and what counts towards the limits.
#[derive(Debug)]
struct Expansion {
    outcomes: Outcomes,
    counts: Counts,
}

/// What counts towards the limits.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Recipients, each as often as it is met.
    recipients: usize,
    /// Results looked up one in the place of another, from here, and at most from anywhere behind.
    depth: usize,
    deepest: usize,
}

/// An address whose targets are being followed.
struct Open {
    address: Address,
    targets: std::vec::IntoIter<Address>,
    is_first: bool,
    found: Gathered,
    counts: Counts,
    loops: bool,
}

impl Foreseen {
    /// The same as [`NewServer::expand`] without the way there.
    pub(super) fn expand(&mut self, server: &NewServer, address: &Address) -> Outcomes {
        if self.known.len() > MOST_KNOWN {
            self.known.clear();
        }
        let fits = |found: &Expansion| {
            found.counts.recipients <= server.limit("expansion")
                && found.counts.deepest < server.limit("recursion")
        };
        match self.follow(server, address).filter(|found| fits(found)) {
            Some(found) => Arc::clone(&found.outcomes),
            // By the letter: what exceeds a limit here may meet one address twice.
            None => server.expand(address, &mut Trace::none()),
        }
    }

    fn follow(&mut self, server: &NewServer, address: &Address) -> Option<Arc<Expansion>> {
        let start = address.to_lower();
        if let Some(known) = self.known.get(&start) {
            return known.clone();
        }
        let mut path = vec![open(server, address)?];
        let mut on_path = BTreeSet::from([start]);
        while let Some(top) = path.last_mut() {
            if let Some(target) = top.targets.next() {
                let lower = target.to_lower();
                if lower == top.address.to_lower() {
                    top.end_at(server, &target);
                    continue;
                }
                if !on_path.contains(&lower) && !self.known.contains_key(&lower) {
                    let opened = open(server, &target)?;
                    if opened.is_end() {
                        // Asked for again as easily as remembered.
                        top.append(opened);
                        continue;
                    }
                    on_path.insert(lower);
                    path.push(opened);
                    continue;
                }
                match self.known.get(&lower) {
                    Some(Some(known)) => top.add(known),
                    Some(None) | None => top.loops = true,
                }
                continue;
            }
            let Open { address, found, mut counts, loops, .. } = path.pop()?;
            counts.deepest = counts.deepest.max(counts.depth);
            let lower = address.to_lower();
            on_path.remove(&lower);
            let found = (!loops).then(|| Arc::new(Expansion { outcomes: found.settle(), counts }));
            match (path.last_mut(), &found) {
                (Some(top), Some(found)) => top.add(found),
                (Some(top), None) => top.loops = true,
                (None, _) if counts.recipients <= FEW => return found,
                (None, _) => {}
            }
            self.known.insert(lower, found.clone());
            if path.is_empty() {
                return found;
            }
        }
        None
    }
}

impl Open {
    fn is_end(&self) -> bool {
        self.targets.as_slice().is_empty()
    }

    /// Mail for the address ends at it, or at itself in another spelling.
    fn end_at(&mut self, server: &NewServer, address: &Address) {
        let outcomes = server.deliver(address, &mut Trace::none());
        for outcome in outcomes {
            self.found.add(outcome);
        }
        self.counts.recipients += 1;
        self.is_first = false;
    }

    fn append(&mut self, end: Self) {
        self.found.append(end.found);
        self.count(end.counts);
    }

    fn add(&mut self, target: &Expansion) {
        self.found.share(&target.outcomes);
        self.count(target.counts);
    }

    fn count(&mut self, target: Counts) {
        let counts = &mut self.counts;
        counts.recipients = counts.recipients.saturating_add(target.recipients);
        counts.deepest = counts.deepest.max(target.deepest);
        if std::mem::take(&mut self.is_first) {
            counts.depth = target.depth + 1;
        }
    }
}

/// `None` where a result is longer than the limit.
fn open(server: &NewServer, address: &Address) -> Option<Open> {
    let targets = server.targets(address).map(|(targets, ..)| targets).unwrap_or_default();
    let longest = server.limit("address_length");
    if targets.iter().any(|to| external(to).len() > longest) {
        return None;
    }
    let mut open = Open {
        address: address.clone(),
        targets: targets.into_iter(),
        is_first: true,
        found: Gathered::default(),
        counts: Counts::default(),
        loops: false,
    };
    if open.is_end() {
        open.end_at(server, address);
    }
    Some(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelPath;
    use crate::predict::database;
    use proptest::prelude::*;

    const MAIN: &str = "virtual_mailbox_domains = texthash:d\nvirtual_alias_maps = texthash:a\nvirtual_transport = discard:x\ntransport_maps = texthash:t\n";

    fn server(aliases: &str, limits: &str) -> NewServer {
        let files = |path: &RelPath| {
            Ok(match path.to_string().as_str() {
                "etc/postfix/main.cf" => Some(format!("{MAIN}{limits}").into_bytes()),
                "d" => Some(b"x -\n".to_vec()),
                // Each name ends in its own way.
                "t" => Some((0..8).fold(Vec::new(), |text, n| {
                    [text, format!("n{n}@x error:5.1.1 n{n}\n").into_bytes()].concat()
                })),
                "a" => Some(aliases.as_bytes().to_vec()),
                database::DOVECOT => None,
                _ => Some(Vec::new()),
            }
            .map(Arc::new))
        };
        NewServer::read(&files).unwrap()
    }

    fn told(server: &NewServer, address: &str) -> String {
        let address = Address::parse(address.as_bytes()).unwrap();
        format!("{:?}", server.expand(&address, &mut Trace::none()))
    }

    #[test]
    fn limits_are_those_of_the_manual() {
        let chain = (1..=7).fold(String::new(), |text, n| format!("{text}n{n}@x n{}@x\n", n - 1));
        let limits = "virtual_alias_recursion_limit = 5\nvirtual_alias_expansion_limit = 3\n";
        let server = server(
            &(chain + "w@x n0@x, n0@x, n0@x, n0@x\nv@x n0@x, v@x, n0@x\nr@x s@x\ns@x r@x\n"),
            limits,
        );
        assert!(told(&server, "n4@x").contains("n0"));
        assert!(told(&server, "n5@x").contains("Defer"), "five results and one lookup more");
        assert!(told(&server, "w@x").contains("Defer"), "a recipient counts as often as it is met");
        assert!(told(&server, "v@x").contains("n0"), "what becomes itself is not expanded again");
        assert!(told(&server, "r@x").contains("Defer"), "a ring");
    }

    #[test]
    fn a_chain_of_ten_thousand_is_followed_once() {
        let chain =
            (1..10_000).fold(String::new(), |text, n| text + &format!("c{n}@x c{}@x\n", n - 1));
        let server = server(&chain, "virtual_alias_recursion_limit = 20000\n");
        let mut foreseen = Foreseen::default();
        for n in 0..10_000 {
            let address = Address::parse(format!("c{n}@x").as_bytes()).unwrap();
            assert_eq!(foreseen.expand(&server, &address).len(), 1);
        }
    }

    proptest! {
        #[test]
        fn what_is_foreseen_is_what_happens(
            rows in prop::collection::vec(prop::collection::vec(0..8_u8, 1..4), 8),
            present in prop::collection::vec(any::<bool>(), 8),
            limit in 1..30_usize,
        ) {
            let rows = rows.iter().zip(&present).enumerate().filter(|(_, (_, there))| **there);
            let aliases = rows.fold(String::new(), |text, (n, (targets, _))| {
                let targets: Vec<String> = targets.iter().map(|n| format!("n{n}@x")).collect();
                format!("{text}n{n}@x {}\n", targets.join(", "))
            });
            let limits = format!(
                "virtual_alias_recursion_limit = {limit}\nvirtual_alias_expansion_limit = {limit}\n"
            );
            let server = server(&aliases, &limits);
            let mut foreseen = Foreseen::default();
            for n in 0..8 {
                let address = Address::parse(format!("n{n}@x").as_bytes()).unwrap();
                let by_letter = server.expand(&address, &mut Trace::none());
                prop_assert_eq!(foreseen.expand(&server, &address), by_letter, "{}{}", aliases, n);
            }
        }
    }
}
