//! Local or remote: `rewrite()` in `qmail-send.c`.

use super::{Hop, Resolver};
use crate::model::{Address, DomainName, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

/// Where `qmail-send` hands a recipient.
pub(super) enum Routed {
    /// To `qmail-local`, by this local part, which may carry a prefix, and this host.
    Local {
        /// Prefix included, case kept.
        local: BString,
        /// The domain.
        host: DomainName,
    },
    /// To `qmail-remote`.
    Remote(Address, Origin),
}

impl Resolver<'_> {
    /// Applies envnoathost, percenthack, locals and virtualdomains, in this order.
    pub(super) fn route(&self, recipient: &BStr, hop: &mut Hop) -> Routed {
        let control = &self.site.control;
        let mut address = Address::parse(recipient).unwrap_or_else(|| {
            let host = control.envnoathost();
            let origin = control.lines.get("envnoathost").or_else(|| control.lines.get("me"));
            hop.step(format_args!("has no host: {host} is added"), origin.map(|line| &line.origin));
            Address::new(recipient, &host)
        });
        while let Some(entry) = self.listed("percenthack", &address.domain)
            && let Some((local, host)) = address.local.as_bstr().rsplit_once_str("%")
        {
            address = Address::new(local, &DomainName::new(host));
            hop.step(format_args!("percenthack: becomes {address}"), Some(entry));
        }
        if let Some(origin) = self.locals.get(&address.domain) {
            hop.step(format_args!("{} is local", address.domain), Some(origin));
            return Routed::Local { local: address.local.as_bstr().into(), host: address.domain };
        }
        let full = address.to_bytes().to_ascii_lowercase();
        let domain = address.domain.as_bstr().to_owned();
        let keys = [full.as_bstr(), domain.as_bstr()].into_iter();
        let keys = keys.chain(address.domain.suffixes()).chain([BStr::new("")]);
        let entry = keys.into_iter().find_map(|key| control.virtual_domains.get_key_value(key));
        match entry {
            Some((key, entry)) if entry.prepend.is_empty() => {
                hop.step(
                    format_args!("{} is an exception: remote", shown(key)),
                    Some(&entry.origin),
                );
                Routed::Remote(address, entry.origin.clone())
            }
            Some((key, entry)) => {
                let local = [entry.prepend.as_slice(), b"-", address.local.as_ref()].concat();
                let name = if key.is_empty() {
                    "every other domain".into()
                } else {
                    shown(key).to_string()
                };
                hop.step(
                    format_args!("{name} is virtual: becomes {}", shown(&local)),
                    Some(&entry.origin),
                );
                Routed::Local { local: local.into(), host: address.domain }
            }
            None => {
                hop.step(format_args!("{} is remote", address.domain), None);
                let file = Origin::file(&RelPath::new("var/qmail/control/virtualdomains"));
                let domain = address.domain.without_dot();
                Routed::Remote(Address::of(&address.local, &domain), file)
            }
        }
    }

    fn listed(&self, name: &str, domain: &DomainName) -> Option<&Origin> {
        let list = self.site.control.lists.get(name)?;
        let entry = list.iter().find(|entry| entry.value.eq_ignore_ascii_case(domain.as_ref()))?;
        Some(&entry.origin)
    }
}
