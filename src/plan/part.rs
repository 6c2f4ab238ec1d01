//! As much of a plan as a few addresses need.
//!
//! Mail for an address depends on the files of its own domain, and on those of the domains that it
//! is forwarded to. These are read, and what else there is to read is small. Where an answer depends
//! on more — a loop, for one, is broken at the address that comes first of all — everything is read.

use super::{Error, Plan};
use crate::finding::code;
use crate::fsys::root::Root;
use crate::model::seen::Memory;
use crate::model::site::Site;
use crate::model::{DomainName, RelPath};
use crate::policy::{Dovecot, Policy};
use crate::resolve::{Action, Resolver};
use crate::source;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Recipients that are followed; addresses that lead to more are told from the whole site.
const MOST_RECIPIENTS: usize = 1000;

/// Findings whose address, target or presence depends on other domains.
const OF_THE_WHOLE: &[&str] = &[
    code::ACCOUNT_STORE_SHARED.id,
    code::ALIAS_FILE_ADOPTED.id,
    code::ALIAS_LOOP.id,
    code::ALIAS_SYSTEM_ADDED.id,
    code::ALIAS_SYSTEM_MISSING.id,
];

impl Plan {
    /// Plans for the sake of [`Plan::explain`] alone, which says of these addresses what it says
    /// with the whole plan; no more is read than that takes.
    ///
    /// # Errors
    /// As [`Plan::make`].
    pub fn for_addresses(
        root: &Root,
        policy: Policy,
        dovecot: Dovecot,
        addresses: &[BString],
    ) -> Result<Self, Error> {
        let mut homes = BTreeSet::new();
        loop {
            let layout = super::layout(&policy, Some(homes.clone()));
            let (site, findings) = source::read_site(root, &layout, &Memory::default())?;
            let resolver = Resolver::new(&site, policy.old.user_extensions);
            // The new server goes by the texts of databases that the old one cannot read.
            let mended = Resolver::new(&site, policy.old.user_extensions).mended();
            let Some(needed) = Needed::by(&[&resolver, &mended], addresses) else { break };
            if !needed.homes.is_subset(&homes) {
                homes.extend(needed.homes);
                continue;
            }
            let knows_extensions =
                policy.old.user_extensions.is_some() || site.user_extensions.is_some();
            let recipients = needed.recipients;
            let depends = |recipient: &BString| resolver.depends_on_extensions(recipient.as_bstr());
            if !knows_extensions && recipients.iter().any(depends) {
                break;
            }
            let plan = Self::of(site, findings, policy.clone(), dovecot)?;
            if recipients.iter().any(|recipient| plan.depends_on_all(recipient.as_bstr())) {
                break;
            }
            return Ok(plan);
        }
        Self::make(root, policy, dovecot)
    }

    /// Whether something is known of a recipient that other domains have a part in.
    fn depends_on_all(&self, recipient: &BStr) -> bool {
        let codes = self.codes_for(recipient);
        let stores = |action: &Action| match action {
            Action::Store(path) => Some(path.clone()),
            _ => None,
        };
        let hop = self.resolver().hop(recipient);
        let mut stored = hop.actions.iter().filter_map(|act| stores(&act.action));
        codes.iter().any(|code| OF_THE_WHOLE.contains(code))
            || stored.any(|path| self.design.adopted.contains_key(&path))
    }
}

/// What mail for some addresses depends on.
struct Needed {
    homes: BTreeSet<RelPath>,
    recipients: BTreeSet<BString>,
}

impl Needed {
    /// Follows every forward as far as it is known; `None` where there are too many.
    fn by(resolvers: &[&Resolver<'_>], addresses: &[BString]) -> Option<Self> {
        let resolver = resolvers.first()?;
        let site = resolver.site();
        let mut needed = Self { homes: named_homes(site), recipients: BTreeSet::new() };
        let system = site.unix_domain().unwrap_or_else(|| site.control.envnoathost());
        let postmaster = [b"postmaster@", system.as_ref()].concat();
        needed.homes.extend(resolver.homes_of(postmaster.as_bstr()));
        let mut pending = addresses.to_vec();
        while let Some(recipient) = pending.pop() {
            needed.homes.extend(resolver.homes_of(recipient.as_bstr()));
            for act in resolvers.iter().flat_map(|rules| rules.hop(recipient.as_bstr()).actions) {
                match act.action {
                    Action::Forward { to, .. } => pending.push(to),
                    Action::List { address, .. } => {
                        needed.homes.extend(resolver.homes_of(address.to_bytes().as_bstr()));
                    }
                    Action::Store(path) => needed.homes.extend(homes_above(site, &path)),
                    _ => {}
                }
            }
            if pending.len() + needed.recipients.len() > MOST_RECIPIENTS {
                return None;
            }
            needed.recipients.insert(recipient);
            pending.retain(|recipient| !needed.recipients.contains(recipient));
        }
        Some(needed)
    }
}

/// The homes by `users/cdb` that the lines of the files read so far name: as a path to deliver to,
/// or by the user of a program such as `deliver -d user@domain`.
fn named_homes(site: &Site) -> BTreeSet<RelPath> {
    let mut homes = BTreeSet::new();
    let files = site.homes.values().flat_map(|home| home.files.values());
    let ends = |byte: u8| matches!(byte, b' ' | b'\t' | b'\'' | b'"' | b'|' | b'&' | b';' | b'=');
    for line in files.flat_map(|file| &file.lines).filter(|line| !line.starts_with(b"#")) {
        let is_program = line.starts_with(b"|");
        for word in line.split(|&byte| ends(byte)) {
            if word.starts_with(b"/") {
                homes.extend(homes_above(site, &RelPath::new(word)));
            }
            let domain = word.rsplit_once_str("@").filter(|_| is_program).map(|(_, host)| host);
            let key = domain.map(|domain| [DomainName::new(domain).as_ref(), b"-"].concat());
            let record = key.and_then(|key| site.assignments.as_ref()?.wild.get(key.as_bstr()));
            homes.extend(record.map(|record| record.home.clone()));
        }
    }
    homes
}

/// The homes of virtual domains that a path lies in.
fn homes_above<'s>(site: &'s Site, path: &RelPath) -> impl Iterator<Item = RelPath> + use<'s> {
    let above = std::iter::successors(Some(path.clone()), |path| {
        (!path.as_bstr().is_empty()).then(|| path.parent())
    });
    above.filter(|path| site.domains.iter().any(|domain| domain.home == *path))
}
