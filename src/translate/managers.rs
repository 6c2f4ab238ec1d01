//! Who managed a domain in qmailadmin manages it on the new server, within the same limits.

use super::Translator;
use crate::model::design::Management;
use crate::model::restrictions::Restrictions;
use crate::model::{Address, Domain};

impl Translator<'_> {
    pub(super) fn translate_managers(&mut self) {
        let site = self.site;
        let has_manager = |domain: &&Domain| site.deliverer_of(domain).is_some();
        for domain in site.domains.iter().filter(has_manager) {
            let own = domain.accounts.iter().filter(|account| {
                *account.name.as_bstr() == "postmaster"
                    || account.restrictions.contains(Restrictions::DOMAIN_ADMIN)
            });
            let own = own.map(|account| Address::of(&account.name, &domain.name));
            let may_log_in = |at: &Address| {
                self.design.mailboxes.get(at).is_some_and(|mailbox| mailbox.password.is_some())
            };
            let management =
                Management { administrators: own.filter(may_log_in).collect(), ..limits(domain) };
            if management != Management::default() {
                self.design.managed.insert(domain.name.clone(), management);
            }
        }
    }
}

/// vpopmail counts aliases and forwards each by themselves, and a negative number is no limit
/// (`vlimits.h`); `quota` is in MB.
fn limits(domain: &Domain) -> Management {
    let number = |name: &str| domain.limits.numbers.iter().find(|(key, _)| key == name);
    let count = |name: &str| number(name).and_then(|(_, value)| u64::try_from(*value).ok());
    let aliases = count("maxaliases").zip(count("maxforwards"));
    Management {
        administrators: Vec::new(),
        accounts: count("maxpopaccounts"),
        aliases: aliases.map(|(aliases, forwards)| aliases.saturating_add(forwards)),
        megabytes: count("quota").unwrap_or(0),
    }
}
