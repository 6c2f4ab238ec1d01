//! The settings of a list before and after, side by side.

use super::Plan;
use crate::model::{Address, Origin};
use crate::target::lists;
pub use crate::target::lists::Kept;
use bstr::BStr;

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
    /// The settings of the list that an address belongs to; nothing for other addresses. What the
    /// list has not and the new one needs no file for is left out.
    pub(super) fn compare_settings(&self, address: &BStr) -> Vec<Compared> {
        let address = Address::parse(address);
        let list = address.and_then(|address| self.design.lists.get(&self.design.real(&address)));
        let Some(list) = list else { return Vec::new() };
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
}
