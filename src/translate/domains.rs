//! Which domains the new server takes mail for.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, MailDomain, Role};
use crate::model::{DomainName, Origin, RelPath, Sourced};
use crate::resolve::Served;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

impl Translator<'_> {
    pub(super) fn translate_domains(&mut self) {
        for (served, origin) in self.rules.served() {
            let (pattern, role) = match served {
                Served::Address(_) => continue,
                Served::Domain(name) if !name.is_plain() => {
                    self.odd_domain(name.as_bstr(), &origin);
                    continue;
                }
                Served::Under(suffix)
                    if !DomainName::new(suffix.get(1..).unwrap_or_default()).is_plain() =>
                {
                    self.odd_domain(suffix.as_bstr(), &origin);
                    continue;
                }
                Served::Domain(name) => (DomainPattern::Domain(name.clone()), self.role(&name)),
                Served::Under(suffix) => (DomainPattern::Under(suffix), Role::Own),
            };
            let open = self.is_open(&pattern);
            if !open {
                let name = pattern_name(&pattern);
                self.find(
                    &code::DOMAIN_NOT_OPEN,
                    Disposition::Migrated,
                    &origin,
                    [b"@", name.as_slice()].concat(),
                    "the domain is in neither rcpthosts nor morercpthosts",
                    "mail for it is taken from clients that may relay, and refused from outside, as before",
                );
            }
            let except = self.exceptions(&pattern);
            self.design.domains.insert(pattern, MailDomain { role, open, except, origin });
        }
        self.translate_relayed();
        self.translate_next_hops();
        self.report_catch_everything();
    }

    fn odd_domain(&mut self, name: &[u8], origin: &Origin) {
        self.find(
            &code::DOMAIN_NAME_ODD,
            Disposition::Dropped,
            origin,
            [b"@", name].concat(),
            "the name is no domain name",
            "no mail from outside can be for it; it is not carried over",
        );
    }

    /// A vpopmail alias domain shares every address of its real domain, and all local domains share
    /// the host's users.
    fn role(&self, name: &DomainName) -> Role {
        if self.rules.is_local(name) {
            return match self.site.unix_domain() {
                Some(first) if first != *name => Role::AliasOf(first),
                _ => Role::Own,
            };
        }
        let entry = self.site.control.virtual_domains.get(name.as_bstr());
        let is_usual = entry.is_some_and(|entry| entry.prepend.eq_ignore_ascii_case(name.as_ref()));
        match self.rules.real_domain(name).filter(|_| is_usual) {
            // The real domain may itself not be served, or differently.
            Some(real) if self.serves_as_usual(real) => Role::AliasOf(real.clone()),
            _ => Role::Own,
        }
    }

    fn serves_as_usual(&self, name: &DomainName) -> bool {
        let entry = self.site.control.virtual_domains.get(name.as_bstr());
        !self.rules.is_local(name)
            && entry.is_some_and(|entry| entry.prepend.eq_ignore_ascii_case(name.as_ref()))
    }

    /// Whether `qmail-smtpd` takes mail for it from anybody.
    fn is_open(&self, pattern: &DomainPattern) -> bool {
        if !self.site.control.lists.contains_key("rcpthosts") {
            return true;
        }
        let (own, name) = match pattern {
            DomainPattern::Domain(name) => (name.as_bstr(), name.clone()),
            DomainPattern::Under(suffix) => {
                (suffix.as_bstr(), DomainName::new(suffix.get(1..).unwrap_or_default()))
            }
        };
        std::iter::once(own).chain(name.suffixes()).any(|key| self.taken.contains(key))
    }

    /// Exceptions under a wildcard: domains, and whatever ends like another wildcard.
    fn exceptions(&self, pattern: &DomainPattern) -> Vec<DomainPattern> {
        let DomainPattern::Under(suffix) = pattern else {
            return Vec::new();
        };
        let keys = self.site.control.virtual_domains.iter().filter(|(key, entry)| {
            entry.prepend.is_empty()
                && !key.contains(&b'@')
                && key.len() > suffix.len()
                && key.ends_with(suffix)
        });
        keys.map(|(key, _)| match key.strip_prefix(b".") {
            Some(_) => DomainPattern::Under(key.clone()),
            None => DomainPattern::Domain(DomainName::new(key)),
        })
        .collect()
    }

    /// Domains that are taken from anybody and are not at home here: mail for them is passed on.
    fn translate_relayed(&mut self) {
        let control = &self.site.control;
        let Some(rcpthosts) = control.lists.get("rcpthosts") else {
            let origin =
                Origin::file(&RelPath::new(&self.policy.old.qmail).join("control/rcpthosts"));
            self.find(
                &code::SITE_OPEN_RELAY,
                Disposition::Dropped,
                &origin,
                "rcpthosts",
                "there is no rcpthosts: the old server relays for everybody",
                "the new server takes mail from outside for its own domains only",
            );
            return;
        };
        let mut relayed: BTreeMap<BString, Origin> = BTreeMap::new();
        for entry in rcpthosts.iter().chain(&control.more_rcpthosts) {
            let name = BString::from(entry.value.to_ascii_lowercase());
            let pattern = if name.starts_with(b".") {
                DomainPattern::Under(name.clone())
            } else {
                DomainPattern::Domain(DomainName::new(&name))
            };
            let is_here = self.design.domains.contains_key(&pattern);
            let plain = DomainName::new(name.strip_prefix(b".").unwrap_or(&name)).is_plain();
            if !is_here && plain {
                relayed.entry(name).or_insert_with(|| entry.origin.clone());
            }
        }
        // An exception to what is served is remote, and taken where rcpthosts covers it.
        for (excepted, origin) in self.rules.exceptions() {
            let (pattern, name) = match excepted {
                Served::Domain(name) => {
                    (DomainPattern::Domain(name.clone()), name.as_bstr().into())
                }
                Served::Under(suffix) => (DomainPattern::Under(suffix.clone()), suffix),
                Served::Address(_) => continue,
            };
            let plain = DomainName::new(name.strip_prefix(b".").unwrap_or(&name)).is_plain();
            if plain && !self.design.domains.contains_key(&pattern) && self.is_open(&pattern) {
                relayed.entry(name).or_insert(origin);
            }
        }
        let sourced = |(name, origin)| Sourced::new(name, origin);
        self.design.relayed = relayed.into_iter().map(sourced).collect();
    }

    fn report_catch_everything(&mut self) {
        let Some(entry) = self.site.control.virtual_domains.get(b"".as_bstr()) else {
            return;
        };
        if !entry.prepend.is_empty() {
            let origin = entry.origin.clone();
            self.find(
                &code::DOMAIN_CATCHES_ALL,
                Disposition::Dropped,
                &origin,
                "virtualdomains",
                "an entry without a name takes all mail for domains that are not at home here",
                "of these the new server takes those in rcpthosts; other mail is sent to where it is for",
            );
        }
    }
}

pub(super) fn pattern_name(pattern: &DomainPattern) -> BString {
    match pattern {
        DomainPattern::Domain(name) => name.as_bstr().to_owned(),
        DomainPattern::Under(suffix) => suffix.clone(),
    }
}
