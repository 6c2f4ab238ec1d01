//! The addresses that every mail server must have.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, LocalPattern, Pattern, Route, Target};
use crate::model::{Address, LocalPart, Origin, RelPath};

impl Translator<'_> {
    /// Mail to root and postmaster, from cron and in bounces arrives, whatever the old files say.
    pub(super) fn add_system_addresses(&mut self) {
        let domain = self.design.host.bare_domain.clone();
        let origin = Origin::file(&RelPath::new("etc/passwd"));
        for (name, fallback) in
            [("postmaster", "root"), ("root", "postmaster"), ("mailer-daemon", "postmaster")]
        {
            let address = Address::new(name, &domain);
            if self.takes(&address) {
                continue;
            }
            let fallback = Address::new(fallback, &domain);
            let target = if self.takes(&fallback) {
                Some(Target::Address(fallback))
            } else {
                self.first_postmaster()
            };
            let message = format!("nothing takes mail for {address}");
            let Some(target) = target else {
                self.find(
                    &code::ALIAS_SYSTEM_MISSING,
                    Disposition::Manual,
                    &origin,
                    address.to_bytes(),
                    message,
                    "messages from cron and bounces of bounces have nowhere to go",
                );
                continue;
            };
            let effect = match &target {
                Target::Address(to) => format!(
                    "the new server sends it to {to}, so that cron's messages and bounces arrive"
                ),
                _ => String::new(),
            };
            self.find(
                &code::ALIAS_SYSTEM_ADDED,
                Disposition::Adapted,
                &origin,
                address.to_bytes(),
                message,
                effect,
            );
            let pattern = Pattern {
                domain: DomainPattern::Domain(domain.clone()),
                local: LocalPattern::Exact(LocalPart::new(name)),
            };
            self.design.routes.retain(|route| route.pattern != pattern);
            self.design.routes.push(Route {
                pattern,
                targets: [target].into(),
                origin: origin.clone(),
            });
        }
    }

    /// Whether mail to an exact address of this server ends anywhere but in a failure.
    fn takes(&self, address: &Address) -> bool {
        let pattern = Pattern {
            domain: DomainPattern::Domain(address.domain.clone()),
            local: LocalPattern::Exact(address.local.clone()),
        };
        let routed = self.design.routes.iter().find(|route| route.pattern == pattern);
        match routed {
            Some(route) => !route
                .targets
                .iter()
                .all(|target| matches!(target, Target::Reject(_) | Target::Defer(_))),
            None => self.design.mailboxes.get(address).is_some_and(|mailbox| mailbox.is_plain),
        }
    }

    fn first_postmaster(&self) -> Option<Target> {
        let mut plain = self.design.mailboxes.values().filter(|mailbox| mailbox.is_plain);
        let found = plain.find(|mailbox| mailbox.address.local.as_bstr() == "postmaster")?;
        Some(Target::Address(found.address.clone()))
    }
}
