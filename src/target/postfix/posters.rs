//! Who may post to a list that is an alias: restriction classes, because the right column of a table
//! cannot name another table (`RESTRICTION_CLASS_README`).

use super::domains::Domains;
use super::escape::address;
use super::rows::Table;
use super::tables::Tables;
use crate::model::Address;
use crate::model::design::Design;
use crate::target::wiring::Posters;
use bstr::BString;
use std::collections::BTreeMap;

/// A class: a table of senders, and what all others are told.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) senders: Table,
    others: Option<&'static str>,
}

impl Class {
    /// The restrictions that it stands for. A sender that may post ends the search.
    pub(super) fn restrictions(&self, map: &impl Fn(&str) -> String) -> String {
        let asked = format!("check_sender_access {}", map(&self.name));
        match self.others {
            Some(text) => format!("{asked}, check_sender_access static:{{550 {text}}}"),
            None => asked,
        }
    }
}

impl Tables {
    /// One class for each set of senders, and a row for each address that leads to a list alone.
    pub(super) fn add_posters<'a>(
        &mut self,
        posters: impl Iterator<Item = (&'a Address, &'a Posters)>,
        domains: &Domains<'_>,
        design: &Design,
    ) {
        let mut known = BTreeMap::new();
        for (own, posters) in posters {
            let number = known.len();
            let number = *known.entry((&posters.senders, posters.others)).or_insert(number);
            let name = format!("posters_{}", number + 1);
            for at in std::iter::once(own).chain(&posters.also) {
                let copies = domains.copies(at).into_iter();
                for at in std::iter::once(at.clone()).chain(copies) {
                    self.list_posts.add(address(&at), &name);
                    for through in &design.percent_domains {
                        let local = [at.local.as_ref(), b"%", at.domain.as_ref()].concat();
                        let at = Address::new(local, &through.value);
                        self.list_posts.add(address(&at), &name);
                    }
                }
            }
            if number == self.classes.len() {
                let senders = table(&posters.senders);
                self.classes.push(Class { name, senders, others: posters.others });
            }
        }
    }
}

fn table(senders: &[(Address, bool)]) -> Table {
    let mut table = Table::default();
    // A bounce has no sender.
    table.add("<>", "550 5.7.1 This list takes no bounces");
    for (sender, may) in senders {
        let is_host = sender.local.as_bstr().is_empty();
        let key: BString = if is_host { sender.domain.as_bstr().into() } else { address(sender) };
        table.add(key, if *may { "OK" } else { "550 5.7.1 You may not post to this list" });
    }
    table
}
