//! Virtual aliases to their end: `cleanup_map1n.c`, virtual(5).

use super::NewServer;
use super::forms::{addresses, external, internal};
use super::maps::{Found, setting};
use super::postfix::Trace;
use crate::model::outcome::Outcome;
use crate::model::{Address, DomainName, shown};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The limits of postconf(5) where they are not set: `virtual_alias_recursion_limit`,
/// `virtual_alias_expansion_limit`, `virtual_alias_address_length_limit`.
const USUAL_LIMIT: usize = 1000;

/// So many ends are remembered at a time.
const MOST_KNOWN: usize = 1 << 16;

impl NewServer {
    fn limit(&self, name: &str) -> usize {
        self.setting(&format!("virtual_alias_{name}_limit")).parse().unwrap_or(USUAL_LIMIT)
    }

    /// What an address becomes in one step, with the row; `None` where no table has it.
    fn targets(&self, address: &Address) -> Option<(Vec<Address>, Found<'_>)> {
        let found = self.alias(external(address).as_bstr())?;
        let target = |text: &BString| match text.strip_prefix(b"@") {
            // `@domain` keeps the local part.
            Some(domain) => Address::new(&address.local, &DomainName::new(domain)),
            None => self.completed(&internal(text.as_bstr())),
        };
        let targets = addresses(found.value.as_bstr()).iter().map(target).collect();
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
    pub(super) fn expand(&self, address: &Address, steps: &mut Trace) -> BTreeSet<Outcome> {
        let (most, deepest, longest) =
            (self.limit("expansion"), self.limit("recursion"), self.limit("address_length"));
        let failed = |address: &Address, name: &str, steps: &mut Trace| {
            let place = setting(&format!("virtual_alias_{name}_limit"));
            steps.push(format_args!("{address} exceeds the limit: the message waits"), &place);
            BTreeSet::from([Outcome::Defer("Alias expansion error".into())])
        };
        let mut outcomes = BTreeSet::new();
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
            outcomes.extend(self.deliver(&address, steps));
            at += 1;
        }
        outcomes
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
#[derive(Clone, Debug, Default)]
struct Expansion {
    outcomes: BTreeSet<Outcome>,
    /// Recipients, each as often as it is met.
    recipients: usize,
    /// Results looked up one in the place of another, from here, and at most from anywhere behind.
    depth: usize,
    deepest: usize,
}

/// An address whose targets are being followed.
struct Open {
    address: Address,
    targets: Vec<Address>,
    next: usize,
    found: Expansion,
    loops: bool,
}

impl Foreseen {
    /// The same as [`NewServer::expand`] without the way there.
    pub(super) fn expand(&mut self, server: &NewServer, address: &Address) -> BTreeSet<Outcome> {
        if self.known.len() > MOST_KNOWN {
            self.known.clear();
        }
        let fits = |found: &Expansion| {
            found.recipients <= server.limit("expansion")
                && found.deepest < server.limit("recursion")
        };
        match self.follow(server, address).filter(|found| fits(found)) {
            Some(found) => found.outcomes.clone(),
            // By the letter: what exceeds a limit here may meet one address twice.
            None => server.expand(address, &mut Trace::none()),
        }
    }

    fn follow(&mut self, server: &NewServer, address: &Address) -> Option<Arc<Expansion>> {
        let start = address.to_lower();
        let mut path = vec![open(server, address)?];
        let mut on_path = BTreeSet::from([start]);
        while let Some(top) = path.last_mut() {
            if let Some(target) = top.targets.get(top.next) {
                let (lower, first) = (target.to_lower(), top.next == 0);
                if lower == top.address.to_lower() {
                    top.found.outcomes.extend(server.deliver(target, &mut Trace::none()));
                    top.found.recipients += 1;
                } else if let Some(known) = self.known.get(&lower) {
                    match known {
                        Some(known) => top.found.add(known, first),
                        None => top.loops = true,
                    }
                } else if on_path.contains(&lower) {
                    top.loops = true;
                } else {
                    let opened = open(server, target);
                    on_path.insert(lower);
                    path.push(opened?);
                    continue;
                }
                top.next += 1;
                continue;
            }
            let Open { address, mut found, loops, .. } = path.pop()?;
            found.deepest = found.deepest.max(found.depth);
            let lower = address.to_lower();
            on_path.remove(&lower);
            let found = (!loops).then(|| Arc::new(found));
            if path.is_empty() {
                return found;
            }
            // The one above finds it there, and goes on.
            self.known.insert(lower, found);
        }
        None
    }
}

impl Expansion {
    fn add(&mut self, target: &Self, is_first: bool) {
        self.outcomes.extend(target.outcomes.iter().cloned());
        self.recipients = self.recipients.saturating_add(target.recipients);
        self.deepest = self.deepest.max(target.deepest);
        if is_first {
            self.depth = target.depth + 1;
        }
    }
}

/// `None` where a result is longer than the limit.
fn open(server: &NewServer, address: &Address) -> Option<Open> {
    let mut found = Expansion::default();
    let targets = server.targets(address).map(|(targets, ..)| targets).unwrap_or_default();
    if targets.is_empty() {
        found.outcomes.extend(server.deliver(address, &mut Trace::none()));
        found.recipients = 1;
    }
    let longest = server.limit("address_length");
    let fits = targets.iter().all(|to| external(to).len() <= longest);
    fits.then(|| Open { address: address.clone(), targets, next: 0, found, loops: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelPath;
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
