//! Rows for groups of addresses: behind a front, under a domain, with odd names, with a `%`.

use super::domains::{Domains, under};
use super::escape::{address, local_part, odd_names, regexp, replacement, reply};
use super::rows::{Block, Place};
use super::tables::{LMTP, Tables, permanent, temporary};
use crate::model::DomainName;
use crate::model::design::{
    Design, DomainPattern, LOGIN_NAME_BYTES, LocalPattern, Pattern, Route, Target,
};
use bstr::{BString, ByteSlice as _};

/// A refused group within which some addresses are not refused.
pub(super) enum Spared<'a> {
    /// All behind a front.
    Behind(&'a [u8]),
    /// All with a byte that no account's name may hold.
    Odd,
}

impl<'a> Spared<'a> {
    fn of(group: &'a LocalPattern) -> Option<Self> {
        match group {
            LocalPattern::Prefix(front) => Some(Self::Behind(front)),
            LocalPattern::Odd => Some(Self::Odd),
            LocalPattern::Exact(_) | LocalPattern::Any => None,
        }
    }
}

impl Tables {
    /// A row for a group of addresses: behind a prefix, or under a domain.
    pub(super) fn add_pattern(&mut self, route: &Route, domains: &Domains<'_>, design: &Design) {
        let (block, names) = match &route.pattern.domain {
            DomainPattern::Domain(name) => (Block::new(regexp(name.as_ref())), domains.of(name)),
            DomainPattern::Under(suffix) => (under(design, suffix), [].as_slice()),
        };
        // A quote is optional: `"foo-a b"@…` begins with the same prefix.
        let (place, front, any): (Place, BString, Vec<u8>) = match &route.pattern.local {
            LocalPattern::Exact(local) => {
                let quoted = regexp(&local_part(local.as_ref()));
                (Place::exact(), quoted.clone(), quoted.into())
            }
            LocalPattern::Prefix(prefix) => {
                let front = front_of(prefix);
                let any = [b"\"?".as_slice(), &front, b"[^@]*"].concat();
                (Place::behind(prefix.len(), 0), front, any)
            }
            LocalPattern::Odd => (Place::odd(), BString::default(), odd_names()),
            LocalPattern::Any => (Place::last(), BString::default(), b"[^@]+".to_vec()),
        };
        // With its quotes, if it has any.
        let kept = [b"(\"?".as_slice(), &front, b"[^@]*)"].concat();
        // What an alias domain does otherwise has a route of its own.
        let has_own = |name: &DomainName| {
            let domain = DomainPattern::Domain(name.clone());
            let own = Pattern { domain, local: route.pattern.local.clone() };
            design.routes.binary_search_by(|route| route.pattern.cmp(&own)).is_ok()
        };
        let aliases = names.iter().filter(|name| !has_own(name));
        let aliases: Vec<Block> = aliases.map(|name| Block::new(regexp(name.as_ref()))).collect();
        match &*route.targets {
            [Target::Reject(text)] => {
                let text = permanent(&reply(text));
                self.transport_patterns.add(&block, place, &any, format!("error:{text}"));
                self.patterns.keep(&block, place, &any);
                for block in std::iter::once(&block).chain(&aliases) {
                    self.refused_patterns.add(block, place, &any, format!("550 {text}"));
                    if let (DomainPattern::Domain(name), Some(refused)) =
                        (&route.pattern.domain, Spared::of(&route.pattern.local))
                    {
                        self.spare(name, &refused, block, design);
                    }
                }
                return;
            }
            [Target::Defer(text)] => {
                let text = temporary(&reply(text));
                self.transport_patterns.add(&block, place, &any, format!("retry:{text}"));
                self.patterns.keep(&block, place, &any);
                for block in std::iter::once(&block).chain(&aliases) {
                    self.refused_patterns.add(block, place, &any, format!("450 {text}"));
                    if let (DomainPattern::Domain(name), Some(refused)) =
                        (&route.pattern.domain, Spared::of(&route.pattern.local))
                    {
                        self.spare(name, &refused, block, design);
                    }
                }
            }
            [Target::SameLocal(other)] => {
                self.patterns.add(&block, place, &kept, [b"$1@", other.as_ref()].concat());
            }
            [Target::ListCommand(list)] => {
                let command = [front.as_slice(), b"([^@\"]*)"].concat();
                let to =
                    [replacement(list.local.as_ref()).as_slice(), b"-$1@", list.domain.as_ref()]
                        .concat();
                self.patterns.add(&block, place, &command, to);
            }
            [Target::Remote] => return,
            targets if targets.iter().any(|target| matches!(target, Target::Behind(..))) => {
                for (quote, behind) in [("", "([^@\"]+)"), ("\"", "([^@]+)")] {
                    let [begin, end] = [["(", quote].concat(), [behind, quote, ")"].concat()];
                    let local = [begin.as_bytes(), &front, end.as_bytes()].concat();
                    let value = Self::values_with_local(targets, quote, design);
                    self.patterns.add(&block, place, &local, value);
                }
            }
            targets if targets.iter().any(keeps_name) => {
                let value = Self::values_with_local(targets, "", design);
                let kept = if matches!(route.pattern.local, LocalPattern::Any) {
                    b"([^@]+)".to_vec()
                } else {
                    kept.clone()
                };
                self.patterns.add(&block, place, &kept, value);
            }
            targets => {
                let value = replacement(&Self::values(None, targets, design));
                self.patterns.add(&block, place, &any, value);
            }
        }
        if let DomainPattern::Domain(real) = &route.pattern.domain {
            for block in &aliases {
                self.patterns.add(block, place, &kept, [b"$1@", real.as_ref()].concat());
            }
        }
    }

    /// Addresses and longer fronts within a group that is refused, which are not refused: a client
    /// is answered by this table before any other is asked.
    pub(super) fn spare(
        &mut self,
        name: &DomainName,
        refused: &Spared<'_>,
        block: &Block,
        design: &Design,
    ) {
        // What stands behind a front may be odd, whatever the front.
        let (front, is_odd): (&[u8], bool) = match refused {
            Spared::Behind(front) => (front, false),
            Spared::Odd => (b"", true),
        };
        let within = |local: &[u8]| local.starts_with(front) && (!is_odd || has_odd_byte(local));
        let is_within = |longer: &[u8]| longer.len() > front.len() && longer.starts_with(front);
        // Where mail ends it must not meet the refusal as a transport either.
        let mailboxes = design.mailboxes.keys().filter(|at| at.domain == *name);
        for at in mailboxes.filter(|at| within(at.local.as_ref())) {
            self.transport.add(address(at), LMTP);
        }
        let mailboxes = design.mailboxes.values().filter(|mailbox| mailbox.is_plain);
        let own = mailboxes.map(|mailbox| &mailbox.address).chain(design.lists.keys());
        for at in own.filter(|at| at.domain == *name && within(at.local.as_ref())) {
            let local = regexp(&local_part(at.local.as_ref()));
            self.refused_patterns.add(block, Place::exact(), &local, "DUNNO");
        }
        for list in design.lists.keys().filter(|list| list.domain == *name) {
            let longer = [list.local.as_ref(), b"-"].concat();
            if is_within(&longer) {
                let any = [regexp(&longer).as_slice(), b"[^@]*"].concat();
                // After what the list itself refuses.
                let place = Place::behind(longer.len(), usize::MAX);
                self.refused_patterns.add(block, place, &any, "DUNNO");
            }
        }
        for route in design.routes.iter().filter(|route| {
            route.pattern.domain == DomainPattern::Domain(name.clone())
                && !matches!(&*route.targets, [Target::Reject(_) | Target::Defer(_)])
        }) {
            match &route.pattern.local {
                LocalPattern::Exact(local) if within(local.as_ref()) => {
                    let local = regexp(&local_part(local.as_ref()));
                    self.refused_patterns.add(block, Place::exact(), &local, "DUNNO");
                }
                LocalPattern::Prefix(longer) if is_within(longer) => {
                    let any = [b"\"?".as_slice(), &front_of(longer), b"[^@]*"].concat();
                    let place = Place::behind(longer.len(), 0);
                    self.refused_patterns.add(block, place, &any, "DUNNO");
                }
                _ => {}
            }
        }
    }

    /// The targets of a row whose first group is the local part; the second, if there is one, is what
    /// stands behind the front, within such quotes.
    fn values_with_local(targets: &[Target], quote: &str, design: &Design) -> BString {
        let value = |target: &Target| match target {
            Target::SameLocal(domain) => [b"$1@", domain.as_ref()].concat().into(),
            Target::Behind(front, domain) => {
                let (quote, front) = (quote.as_bytes(), replacement(front));
                [quote, front.as_slice(), b"$2", quote, b"@", domain.as_ref()].concat().into()
            }
            other => replacement(&Self::values(None, std::slice::from_ref(other), design)),
        };
        let values = targets.iter().map(value).filter(|value: &BString| !value.is_empty());
        bstr::join(", ", values).into()
    }

    /// `user%domain@this` for the domains that are served here, and no way through to others. In
    /// other domains a `%` is a byte like any other, as it was for qmail.
    pub(super) fn add_percent(&mut self, design: &Design) {
        let served = design.domains.keys().filter_map(|pattern| match pattern {
            DomainPattern::Domain(name) => Some(name),
            DomainPattern::Under(_) => None,
        });
        let served: Vec<BString> = served.map(|name| regexp(name.as_ref())).collect();
        for percent in &design.percent_domains {
            let here = Block::new(regexp(percent.value.as_ref()));
            for name in &served {
                let local = [b"([^@%\"]+)%(".as_slice(), name, b")"].concat();
                self.patterns.add(&here, Place::exact(), &local, "$1@$2");
                let row =
                    [b"/^[^@%!]+%".as_slice(), name, b"@", &here.domain, b"$/ DUNNO\n"].concat();
                self.percent_addresses.extend(row);
            }
        }
        for percent in design.percent_domains.iter().filter(|_| !served.is_empty()) {
            let here = regexp(percent.value.as_ref());
            self.percent_addresses.extend_from_slice(
                &[b"/%.*@", here.as_slice(), b"$/ REJECT 5.7.1 Relay access denied\n"].concat(),
            );
        }
    }
}

/// Whether a target has a part of the name that was written to.
pub(super) fn keeps_name(target: &Target) -> bool {
    matches!(target, Target::SameLocal(_) | Target::Behind(..))
}

/// The regular expression of a front within quotes, if it needs them.
fn front_of(prefix: &[u8]) -> BString {
    regexp(&prefix.replace("\\", "\\\\").replace("\"", "\\\""))
}

/// Whether a local part has a byte that no account's name may hold.
fn has_odd_byte(local: &[u8]) -> bool {
    local.iter().any(|byte| *byte == b'@' || !LOGIN_NAME_BYTES.as_bytes().contains(byte))
}
