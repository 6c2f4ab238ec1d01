//! A sample in which every kind of address of every domain has its share.

use crate::model::Address;
use crate::model::outcome::Outcome;
use crate::plan::AddressRow;
use bstr::BString;
use std::collections::BTreeMap;

/// Domain, verdict, and what becomes of mail.
type Stratum = (BString, &'static str, Vec<&'static str>);

/// At most so many addresses: first one of each kind in each domain, then a second one, and so on,
/// spread evenly over the names of the kind. The same every time.
pub fn sample(rows: impl Iterator<Item = AddressRow>, most: usize) -> Vec<BString> {
    let mut strata: BTreeMap<Stratum, Vec<BString>> = BTreeMap::new();
    for row in rows {
        let domain = Address::parse(&row.address).map(|address| address.domain);
        let domain = domain.unwrap_or_default().as_bstr().to_owned();
        let kinds = row.new.iter().map(kind).collect();
        strata.entry((domain, row.verdict.name(), kinds)).or_default().push(row.address);
    }
    let largest = strata.values().map(Vec::len).max().unwrap_or(0);
    let shares = (1..=largest).take_while(|share| {
        strata.values().map(|names| names.len().min(*share)).sum::<usize>() <= most
    });
    // Where there are more kinds than addresses asked for, the first kinds have one each.
    let share = shares.last().unwrap_or(1);
    let mut chosen: Vec<BString> = strata
        .into_values()
        .flat_map(|names| {
            let (count, taken) = (names.len(), names.len().min(share));
            let picked: Vec<usize> = (0..taken).map(|at| at * count / taken.max(1)).collect();
            names
                .into_iter()
                .enumerate()
                .filter_map(move |(at, name)| picked.binary_search(&at).is_ok().then_some(name))
        })
        .collect();
    chosen.truncate(most);
    chosen
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Deliver { .. } => "deliver",
        Outcome::File(_) => "file",
        Outcome::Forward(_) => "forward",
        Outcome::List { .. } => "list",
        Outcome::Reply(_) => "reply",
        Outcome::Run(_) => "run",
        Outcome::Reject(_) => "reject",
        Outcome::Defer(_) => "defer",
        Outcome::Discard => "discard",
    }
}
