//! Aliases as rows. What people manage stands in PostfixAdmin's table; what would mean nothing to
//! them, or must not be lost when they edit a row, in one of our own.

use super::mailboxes::username;
use super::{Tables, flat, text};
use crate::model::design::{Design, DomainPattern, INSIDE, LocalPattern, Pattern, Role};
use crate::model::sheet::Field;
use crate::model::{Address, DomainName, Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// The targets of one address.
#[derive(Default)]
struct Targets {
    /// Those that people manage.
    shown: Vec<BString>,
    /// The others.
    kept: Vec<BString>,
}

impl Targets {
    /// A list of addresses with quotes would be divided in the wrong places by the panel.
    fn new(value: &[u8]) -> Self {
        if value.contains(&b'"') {
            return Self { shown: Vec::new(), kept: vec![value.into()] };
        }
        let all = value.split_str(", ").map(BString::from);
        let (kept, shown) = all.partition(|target| is_inside(target.as_bstr()));
        Self { shown, kept }
    }
}

/// Whether only the tables lead there.
fn is_inside(target: &BStr) -> bool {
    let domain = target.rsplit_once_str("@").map(|(_, domain)| domain).unwrap_or_default();
    domain == INSIDE.as_bytes()
        || domain.strip_suffix(INSIDE.as_bytes()).is_some_and(|front| front.ends_with(b"."))
}

impl Tables<'_> {
    /// Divides the rows of the flat table; tells which mailboxes the database knows as addresses.
    pub(super) fn add_aliases(&mut self, table: &[u8], design: &Design) -> BTreeSet<BString> {
        let mut flat: BTreeMap<&BStr, &[u8]> =
            flat::rows(table).map(|(key, value)| (key.as_bstr(), value)).collect();
        // Keys with an active row of the panel's: what is asked for alias domains follows from them.
        let mut active: BTreeSet<BString> = BTreeSet::new();
        for mailbox in design.mailboxes.values().filter(|mailbox| mailbox.is_reachable) {
            let own = username(mailbox);
            // In a table it stands in quotes.
            if has_odd_dots(mailbox.address.local.as_bstr()) {
                continue;
            }
            let value = flat.remove(own.as_bstr());
            let targets = value.map(Targets::new).unwrap_or_default();
            let is_plain = mailbox.is_plain && value.is_none();
            let is_active = is_plain || !targets.shown.is_empty();
            let shown = if targets.shown.is_empty() { vec![own.clone()] } else { targets.shown };
            if self.add_shown(own.as_bstr(), &shown, is_active, &mailbox.origin) && is_active {
                active.insert(own.clone());
            }
            self.add_kept(own.as_bstr(), &targets.kept, design);
        }
        let known = active.clone();
        let is_own = |key: &BStr| {
            domain_of(key).is_some_and(|name| {
                design.domain(&name).is_some_and(|domain| domain.role == Role::Own)
            })
        };
        let (own, others): (Vec<_>, Vec<_>) = flat.into_iter().partition(|(key, _)| is_own(key));
        for (key, value) in own {
            let is_list = Address::parse(key).is_some_and(|at| design.lists.contains_key(&at));
            let is_foreign = !self.texts.hold(key) || !self.texts.hold(value);
            if is_list || is_foreign || value == key.as_bytes() || key.starts_with(b"\"") {
                self.add_kept(key, &[value.into()], design);
                continue;
            }
            let targets = Targets::new(value);
            let origin = origin_of(key, design);
            if !targets.shown.is_empty() && self.add_shown(key, &targets.shown, true, &origin) {
                active.insert(key.to_owned());
            }
            self.add_kept(key, &targets.kept, design);
        }
        for (key, value) in others {
            if answered(key, value, design).is_some_and(|real| active.contains(&real)) {
                continue;
            }
            self.add_kept(key, &[value.into()], design);
        }
        known
    }

    fn add_shown(
        &mut self,
        key: &BStr,
        targets: &[BString],
        is_active: bool,
        origin: &Origin,
    ) -> bool {
        let domain = domain_of(key).unwrap_or_default();
        let goto = bstr::join(",", targets);
        let row = [text(key), text(goto), text(&domain), Field::Flag(is_active)];
        self.domains.insert(domain);
        let added = self.alias.add(&row);
        self.told(added, key, origin)
    }

    fn add_kept(&mut self, key: &BStr, targets: &[BString], design: &Design) {
        if !targets.is_empty() {
            let added = self.own_alias.add(&[text(key), text(bstr::join(",", targets))]);
            self.told(added, key, &origin_of(key, design));
        }
    }
}

/// The address whose row answers for one in an alias domain, if the answer is this value.
fn answered(key: &BStr, value: &[u8], design: &Design) -> Option<BString> {
    let (local, domain) = key.rsplit_once_str("@")?;
    let Role::AliasOf(real) = &design.domain(&DomainName::new(domain))?.role else { return None };
    let real = BString::from([local, b"@", real.as_ref()].concat());
    (real == value).then_some(real)
}

fn domain_of(key: &BStr) -> Option<DomainName> {
    key.rsplit_once_str("@").map(|(_, domain)| DomainName::new(domain))
}

fn has_odd_dots(local: &BStr) -> bool {
    local.starts_with(b".") || local.ends_with(b".") || local.contains_str("..")
}

/// The line that an address's row comes from.
fn origin_of(key: &BStr, design: &Design) -> Origin {
    let found = Address::parse(key).and_then(|at| {
        let domain = DomainPattern::Domain(at.domain);
        let local = if at.local.as_bstr().is_empty() {
            LocalPattern::Any
        } else {
            LocalPattern::Exact(at.local)
        };
        let pattern = Pattern { domain, local };
        let at = design.routes.binary_search_by(|route| route.pattern.cmp(&pattern)).ok()?;
        design.routes.get(at)
    });
    let unknown = || Origin::file(&RelPath::new("etc/postfix/unqmail/aliases"));
    found.map_or_else(unknown, |route| route.origin.clone())
}
