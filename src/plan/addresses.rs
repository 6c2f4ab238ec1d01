//! The table of addresses: what happened to mail for each, and what will.

use super::Plan;
use super::listed::Listed;
use super::probes;
use super::verdict::compare;
use crate::finding::code;
use crate::model::assignment::Compiled;
use crate::model::outcome::{Outcome, Outcomes, Verdict};
use crate::model::{Address, Origin};
use crate::predict::{Foreseen, Steps};
use crate::resolve::{Followed, Resolver, Step};
use bstr::{BStr, BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Addresses that are asked about at a time.
const BATCH: usize = 4096;

/// Recipients of one address whose findings are looked up.
const MOST_RECIPIENTS: usize = 200;

/// One address before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRow {
    /// The address, as it was asked for.
    pub address: BString,
    /// What became of mail for it.
    pub old: Outcomes,
    /// What will.
    pub new: Outcomes,
    /// How the two compare.
    pub verdict: Verdict,
    /// Codes of the findings that say why they differ.
    pub findings: Vec<&'static str>,
    /// Where they differ: the line of the old server that counts first.
    pub origin: Option<Origin>,
    pub(super) is_list_command: bool,
    pub(super) list: Option<Address>,
}

/// An address with the way to each outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The table's row.
    pub row: AddressRow,
    /// The way on the old server.
    pub old_steps: Vec<Step>,
    /// The way on the new one.
    pub new_steps: Steps,
    /// Where it is a list's own: the list before and after.
    pub list: Listed,
}

impl Plan {
    /// Every address that some file of the old server names, in every domain, with all commands of
    /// its lists, and probes: what people write that no file names. Computed while it is read.
    pub fn addresses(&self) -> impl Iterator<Item = AddressRow> {
        let resolver = self.resolver();
        let mut served = resolver.served().into_keys();
        let mut followed = Followed::default();
        let mut foreseen = Foreseen::default();
        let mut names = probes::of_exceptions(&resolver).into_iter();
        let mut rows = Vec::new().into_iter();
        std::iter::from_fn(move || {
            if let Some(row) = rows.next() {
                return Some(row);
            }
            let mut batch: Vec<BString> = Vec::new();
            while batch.len() < BATCH {
                if let Some(name) = names.next() {
                    batch.push(name);
                } else if let Some(served) = served.next() {
                    names = probes::of_domain(self, &resolver, &served).into_iter();
                } else {
                    break;
                }
            }
            rows = self.ask(batch, &resolver, &mut followed, &mut foreseen).into_iter();
            rows.next()
        })
    }

    /// Asks both servers at the same time, each in order, because what is forwarded is remembered;
    /// then compares what they do.
    fn ask(
        &self,
        addresses: Vec<BString>,
        resolver: &Resolver<'_>,
        followed: &mut Followed,
        foreseen: &mut Foreseen,
    ) -> Vec<AddressRow> {
        let (old, new): (Vec<_>, Vec<_>) = rayon::join(
            || addresses.iter().map(|address| followed.outcomes(resolver, address)).collect(),
            || addresses.iter().map(|address| self.new.outcomes(address, foreseen)).collect(),
        );
        let both = addresses.into_par_iter().zip(old).zip(new);
        both.map(|((address, old), new)| self.row(resolver, address, old, new)).collect()
    }

    /// Tells what became of mail for an address and what will, with the way there.
    pub fn explain(&self, resolver: &Resolver<'_>, address: &BStr) -> Explanation {
        let old = resolver.follow(address);
        let new = self.new.follow(address);
        let row = self.row(resolver, address.to_owned(), old.outcomes, new.outcomes);
        let list = self.explain_list(address).unwrap_or_default();
        Explanation { row, old_steps: old.steps, new_steps: new.steps, list }
    }

    fn row(
        &self,
        resolver: &Resolver<'_>,
        address: BString,
        old: Outcomes,
        new: Outcomes,
    ) -> AddressRow {
        let mut verdict = compare(&old, &new, &self.design.adopted, &self.full);
        let mut codes = BTreeSet::new();
        let mut origin = None;
        if verdict != Verdict::Same {
            for recipient in resolver.recipients(&address, MOST_RECIPIENTS) {
                codes.extend(self.codes_for(recipient.as_bstr()));
            }
            let first = resolver.hop(address.as_bstr()).actions.into_iter().next();
            origin = first.map(|act| act.origin);
        }
        let list = old.iter().find_map(|outcome| match outcome {
            Outcome::List { address, action, .. } if action != "post" => Some(address.clone()),
            _ => None,
        });
        if let Some(list) = list.as_ref().filter(|_| verdict != Verdict::Same) {
            codes.extend(self.codes_for(list.to_bytes().as_bstr()));
        }
        let is_list_command = list.is_some() && old.len() == 1;
        let stays = new.iter().all(|outcome| match outcome {
            Outcome::List { address, .. } => list.as_ref() == Some(address),
            outcome => matches!(outcome, Outcome::Discard | Outcome::Reject(_)),
        });
        if is_list_command && stays && verdict != Verdict::Same {
            codes.insert(code::LIST_COMMANDS_CHANGED.id);
            // A command that is refused is no mail lost.
            verdict = Verdict::Differs;
        }
        if verdict == Verdict::Adapted {
            codes.insert(code::ALIAS_FILE_ADOPTED.id);
        }
        // Nobody loses mail where a way to send through this host to anywhere is closed.
        let closes_relay = codes.contains(code::SITE_PERCENTHACK.id)
            && old.iter().all(|outcome| matches!(outcome, Outcome::Forward(_)));
        if verdict == Verdict::Differs && !codes.is_empty() || closes_relay {
            verdict = Verdict::Adapted;
        }
        let findings = codes.into_iter().collect();
        AddressRow { address, old, new, verdict, findings, origin, is_list_command, list }
    }

    /// Codes of findings about an address, or about a group that it is in.
    pub(super) fn codes_for(&self, recipient: &BStr) -> BTreeSet<&'static str> {
        let address = Address::parse(recipient)
            .unwrap_or_else(|| Address::new(recipient, &self.site.control.envnoathost()));
        let real = self.design.real(&address);
        let percent = routed_by_percent(&address);
        // An entry of `virtualdomains` for all other domains, of which `domain-catches-all` speaks.
        let elsewhere = (!self.design.serves(&address.domain)).then(|| b"virtualdomains".to_vec());
        // Without users/cdb the old server finds nobody where the new one goes by the text.
        let unfound = match self.site.assignments.as_ref().map(|all| all.compiled) {
            Some(Compiled::Missing) => Some(code::SITE_ASSIGN_NOT_COMPILED.id),
            Some(Compiled::Damaged) => Some(code::FILE_DAMAGED.id),
            Some(Compiled::Whole) | None => None,
        };
        // Mail for other servers that an entry without a name kept here.
        let rest = self.site.control.virtual_domains.get(BStr::new(""));
        let is_caught = rest.is_some_and(|entry| !entry.prepend.is_empty());
        let caught = is_caught && !self.design.serves(&address.domain);
        let tables = self.site.alias_tables.values();
        let untold = tables.filter(|table| table.compiled != Compiled::Whole);
        [address, real]
            .iter()
            .flat_map(subjects)
            .chain(percent)
            .chain(elsewhere)
            .flat_map(|subject| self.explained.by(&subject))
            .chain(unfound)
            .chain(caught.then_some(code::DOMAIN_CATCHES_ALL.id))
            .chain(untold.map(|_| code::ALIAS_TABLE_MISSING.id))
            .collect()
    }
}

/// The domain of `user%domain@this`, of which `site-percenthack` speaks.
fn routed_by_percent(address: &Address) -> Option<Vec<u8>> {
    let has_percent = address.local.as_bstr().contains(&b'%');
    has_percent.then(|| address.domain.as_bstr().to_vec())
}

/// The subjects under which findings may speak of an address: itself, its account, `prefix-*@domain`,
/// `* *@domain` for one with a blank, `*@domain`, `…@*.suffix`, `@domain`.
fn subjects(address: &Address) -> Vec<Vec<u8>> {
    let lower = address.to_lower();
    let local = lower.local.as_bstr();
    let fronts = local.find_iter("-").filter_map(|end| local.get(..=end));
    let prefixes = fronts.map(|front| [front, b"*"].concat());
    // What happens to `name-x` may be said of the account `name`.
    let account = local.split_once_str("-").map(|(account, _)| account.to_vec());
    let with_blank = local.contains(&b' ').then(|| b"* *".to_vec());
    let locals: Vec<Vec<u8>> = std::iter::once(local.to_vec())
        .chain(prefixes)
        .chain(with_blank)
        .chain(account)
        .chain([b"*".to_vec(), Vec::new()])
        .collect();
    let suffixes = lower.domain.suffixes().map(|suffix| [b"*", suffix.as_bytes()].concat());
    let domains: Vec<Vec<u8>> =
        std::iter::once(lower.domain.as_bstr().to_vec()).chain(suffixes).collect();
    let join = |domain: &Vec<u8>| {
        locals.iter().map(|local| [local.as_slice(), b"@", domain].concat()).collect::<Vec<_>>()
    };
    domains.iter().flat_map(join).collect()
}
