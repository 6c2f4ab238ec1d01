//! The settings of a list before and after, side by side.

use super::{Counted, Plan};
use crate::finding::{Finding, Findings, code};
use crate::model::design::MailingList;
use crate::model::{Address, Origin};
use crate::target::lists;
pub use crate::target::lists::Kept;
use bstr::BStr;

/// A list before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its settings.
    pub settings: Vec<Compared>,
    /// How many people it has.
    pub members: Vec<Counted>,
    /// What a person should know of it.
    pub findings: Findings,
}

/// One setting of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub name: &'static str,
    /// What it was set to.
    pub old: String,
    /// The file of the old server that says so, where one does.
    pub origin: Option<Origin>,
    /// Files of the new server that keep it; none where nothing does.
    pub new: Vec<Kept>,
}

impl Plan {
    /// What is told of the list that an address belongs to; nothing for other addresses.
    pub(super) fn explain_list(&self, address: &BStr) -> Option<Listed> {
        let address = Address::parse(address)?;
        let list = self.design.lists.get(&self.design.real(&address))?;
        let subject = list.list.address.to_bytes();
        // What only a comparison of all addresses finds is not told of one.
        let is_of_it = |finding: &&Finding| {
            let id = finding.code.id;
            finding.subject == subject
                && id.starts_with("list-")
                && id != code::LIST_COMMANDS_CHANGED.id
        };
        let mut findings = Findings::default();
        findings.extend(self.findings.iter().filter(is_of_it).cloned());
        findings.sort();
        Some(Listed {
            settings: compare_settings(list),
            members: self.count_members(list),
            findings,
        })
    }
}

/// The settings of a list before and after. What the list has not and the new one needs no file for is
/// left out.
fn compare_settings(list: &MailingList) -> Vec<Compared> {
    let kept = lists::of(list.manager).kept(list);
    let compared = list.list.settings().into_iter().map(|setting| {
        let own = kept.iter().filter(|kept| kept.setting == setting.name).cloned();
        let new: Vec<Kept> = own.collect();
        let is_nothing = setting.value.is_nothing() && new.iter().all(|it| it.value.is_none());
        let (name, old) = (setting.name, setting.value.to_string());
        let origin = setting.origin.cloned();
        (!is_nothing).then_some(Compared { name, old, origin, new })
    });
    compared.flatten().collect()
}
