//! The domains and what in them could meet an address before its own row does.

use super::escape::regexp;
use super::rows::Block;
use crate::model::design::{
    Design, DomainPattern, Extensions, LocalPattern, MailingList, Role, Target,
};
use crate::model::{Address, DomainName};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// What the rows of a domain depend on.
pub(super) struct Domains<'a> {
    /// Domains that take every address.
    catching: BTreeSet<&'a DomainPattern>,
    /// Fronts behind which anything may stand.
    prefixes: BTreeMap<&'a DomainPattern, Vec<&'a [u8]>>,
    /// Those of them that are refused or put off.
    refused: BTreeMap<&'a DomainPattern, Vec<&'a [u8]>>,
    /// The alias domains of a domain.
    aliases: BTreeMap<&'a DomainName, Vec<&'a DomainName>>,
    /// All alias domains.
    alias_names: BTreeSet<&'a DomainName>,
    /// Single addresses that have a route.
    pub(super) routed: BTreeSet<Address>,
    names: BTreeSet<&'a DomainName>,
    suffixes: Vec<&'a [u8]>,
    /// Mailboxes with a row for `name-anything`.
    extended: BTreeSet<&'a Address>,
}

impl<'a> Domains<'a> {
    pub(super) fn new(design: &'a Design) -> Self {
        let mut domains = Self {
            catching: BTreeSet::new(),
            prefixes: BTreeMap::new(),
            refused: BTreeMap::new(),
            aliases: BTreeMap::new(),
            alias_names: BTreeSet::new(),
            routed: BTreeSet::new(),
            names: BTreeSet::new(),
            suffixes: Vec::new(),
            extended: { design.mailboxes.values() }
                .filter(|mailbox| mailbox.extensions != Extensions::Unknown)
                .map(|mailbox| &mailbox.address)
                .collect(),
        };
        for route in &design.routes {
            match &route.pattern.local {
                LocalPattern::Odd => {}
                LocalPattern::Any => drop(domains.catching.insert(&route.pattern.domain)),
                LocalPattern::Prefix(prefix) => {
                    domains.prefixes.entry(&route.pattern.domain).or_default().push(prefix);
                    if let [Target::Reject(_) | Target::Defer(_)] = &*route.targets {
                        domains.refused.entry(&route.pattern.domain).or_default().push(prefix);
                    }
                }
                LocalPattern::Exact(local) => {
                    if let DomainPattern::Domain(name) = &route.pattern.domain {
                        domains.routed.insert(Address::new(local, name));
                    }
                }
            }
        }
        for (pattern, domain) in &design.domains {
            match pattern {
                DomainPattern::Domain(name) => {
                    domains.names.insert(name);
                }
                DomainPattern::Under(suffix) => domains.suffixes.push(suffix),
            }
            if let (DomainPattern::Domain(name), Role::AliasOf(real)) = (pattern, &domain.role) {
                domains.aliases.entry(real).or_default().push(name);
                domains.alias_names.insert(name);
            }
        }
        domains
    }

    /// Whether the domain has no rows of its own and is known only by what it ends in.
    fn is_under_pattern(&self, name: &DomainName) -> bool {
        !self.names.contains(name)
            && self.suffixes.iter().any(|suffix| name.as_bstr().ends_with(suffix))
    }

    pub(super) fn of(&self, real: &DomainName) -> &[&'a DomainName] {
        self.aliases.get(real).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same address in the alias domains, where it has no route of its own.
    pub(super) fn copies(&self, at: &Address) -> Vec<Address> {
        let copies = self.of(&at.domain).iter().map(|alias| Address::new(&at.local, alias));
        copies.filter(|copy| !self.routed.contains(copy)).collect()
    }

    /// Whether the transport table refuses whatever stands behind a front of the address.
    pub(super) fn refuses_around(&self, at: &Address) -> bool {
        let refused = self.refused.get(&DomainPattern::Domain(at.domain.clone()));
        let local = at.local.as_bstr();
        refused.is_some_and(|fronts| fronts.iter().any(|front| local.starts_with(front)))
    }

    /// Whether a wider row could meet the address before it reaches its own end.
    pub(super) fn needs_identity(
        &self,
        at: &Address,
        lists: &BTreeMap<Address, MailingList>,
    ) -> bool {
        let domain = DomainPattern::Domain(at.domain.clone());
        let local = at.local.as_bstr();
        let fronts = local.find_iter("-").filter_map(|end| local.get(..end));
        self.catching.contains(&domain)
            || self.alias_names.contains(&at.domain)
            || local
                .split_once_str("-")
                .is_some_and(|(front, _)| self.extended.contains(&Address::new(front, &at.domain)))
            || self
                .prefixes
                .get(&domain)
                .is_some_and(|all| all.iter().any(|prefix| local.starts_with(prefix)))
            || self.is_under_pattern(&at.domain)
            || fronts.into_iter().any(|front| lists.contains_key(&Address::new(front, &at.domain)))
    }
}

/// What is not meant by a suffix, as regular expressions: exceptions, and domains and longer
/// suffixes with rows of their own.
pub(super) fn excepted(design: &Design, suffix: &[u8]) -> Vec<BString> {
    let is_within = |pattern: &&DomainPattern| {
        let name = key_of(pattern);
        name.len() > suffix.len() && name.ends_with(suffix)
    };
    let own = design.domains.keys().filter(is_within);
    let entry = design.domains.get(&DomainPattern::Under(suffix.into()));
    let except = entry.into_iter().flat_map(|domain| &domain.except);
    let patterns: BTreeSet<&DomainPattern> = own.chain(except).collect();
    patterns.into_iter().map(domain_regexp).collect()
}

/// The name or suffix of a pattern.
pub(super) fn key_of(pattern: &DomainPattern) -> &[u8] {
    match pattern {
        DomainPattern::Domain(name) => name.as_ref(),
        DomainPattern::Under(suffix) => suffix,
    }
}

/// The regular expression of a pattern's domains.
fn domain_regexp(pattern: &DomainPattern) -> BString {
    match pattern {
        DomainPattern::Domain(name) => regexp(name.as_ref()),
        DomainPattern::Under(suffix) => [b"[^@]*".as_slice(), &regexp(suffix)].concat().into(),
    }
}

/// The block of every domain under a suffix.
pub(super) fn under(design: &Design, suffix: &[u8]) -> Block {
    let domain = domain_regexp(&DomainPattern::Under(suffix.into()));
    Block { domain, except: excepted(design, suffix) }
}
