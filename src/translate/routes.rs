//! Addresses that are more than a mailbox: aliases, forwards, catch-alls, programs, refusals.

use super::Translator;
use super::domains::pattern_name;
use super::programs::PROGRAM_PENDING;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, Extensions, LocalPattern, Pattern, Role, Route, Target};
use crate::model::{Address, DomainName, LocalPart, Origin, RelPath, shown};
use crate::resolve::{Act, Action, Hop, Served};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// A local part that no file mentions, to ask what happens to any other.
const PROBE: &str = "x7q0zz";

/// One that no account can have: vdelivermail(8) refuses it before it looks for a catch-all.
const ODD_PROBE: &str = "x7q0zz\"";

/// One that the shell divides where a line names `$EXT` without quotes.
const BLANK_PROBE: &str = "x7q0zz x";

/// Another one, to tell what depends on the name.
const OTHER_PROBE: &str = "k4j9ww";

impl Translator<'_> {
    pub(super) fn translate_routes(&mut self) {
        let served: Vec<(Served, Origin)> = self.rules.served().into_iter().collect();
        let mut hops = Vec::new();
        let mut plain = BTreeSet::new();
        for (served, origin) in &served {
            self.ask(served, origin, &mut hops, &mut plain);
        }
        self.ask_exceptions(&mut hops);
        self.translate_extensions(&plain, &mut hops);
        let adopted = self.adopt_stores(&hops);
        for mailbox in self.design.mailboxes.values_mut() {
            mailbox.is_plain = plain.contains(&mailbox.address);
        }
        for (pattern, hop) in &hops {
            self.translate_route(pattern, hop, &adopted);
        }
        self.simplify();
        self.break_loops();
        self.mark_direct();
        self.add_system_addresses();
        self.translate_copies(&adopted);
        self.design.adopted = adopted;
    }

    /// Single addresses that are remote although their domain is served by what it ends in; those
    /// of a served domain are among its names.
    fn ask_exceptions(&self, hops: &mut Vec<(Pattern, Hop)>) {
        for excepted in self.rules.exceptions().into_keys() {
            let Served::Address(address) = excepted else { continue };
            let is_elsewhere = self.design.domain(&address.domain).is_some();
            if is_elsewhere || !self.design.serves(&address.domain) || !Self::is_writable(&address)
            {
                continue;
            }
            let hop = self.rules.hop(address.to_bytes().as_bstr());
            let domain = DomainPattern::Domain(address.domain.clone());
            let local = LocalPattern::Exact(address.local.to_lower());
            hops.push((Pattern { domain, local }, hop));
        }
    }

    /// Asks the old server's rules about every name of a domain and about any other. Mailboxes
    /// that get their own mail and nothing else only go into `plain`.
    fn ask(
        &mut self,
        served: &Served,
        _origin: &Origin,
        hops: &mut Vec<(Pattern, Hop)>,
        plain: &mut BTreeSet<Address>,
    ) {
        let (domain, sample) = match served {
            Served::Domain(name) => (DomainPattern::Domain(name.clone()), name.clone()),
            Served::Under(suffix) => {
                let sample = DomainName::new([PROBE.as_bytes(), suffix].concat());
                (DomainPattern::Under(suffix.clone()), sample)
            }
            Served::Address(address) => {
                (DomainPattern::Domain(address.domain.clone()), address.domain.clone())
            }
        };
        let role = self.design.domains.get(&domain).map(|domain| &domain.role);
        if !matches!(served, Served::Address(_)) && role != Some(&Role::Own) {
            return;
        }
        let names = self.rules.names(served);
        let ask = |local: &[u8]| self.rules.hop(Address::new(local, &sample).to_bytes().as_bstr());
        let prefixes: Vec<(&BString, Hop)> = names
            .prefixes
            .iter()
            .map(|prefix| {
                let ask = |probe: &str| ask(&[prefix.as_slice(), probe.as_bytes()].concat());
                let own = [prefix.as_slice(), PROBE.as_bytes()].concat();
                (prefix, generalized(ask(PROBE), &ask(OTHER_PROBE), &own))
            })
            .collect();
        let any =
            generalized(ask(PROBE.as_bytes()), &ask(OTHER_PROBE.as_bytes()), PROBE.as_bytes());
        let mut unusable = Vec::new();
        for name in &names.exact {
            let hop = ask(name.as_ref());
            if !Self::is_writable(&Address::new(name, &sample)) {
                let local = LocalPattern::Exact(name.clone());
                unusable.push((Pattern { domain: domain.clone(), local }, hop));
                continue;
            }
            let address = Address::new(name, &sample);
            if self.is_plain(&address, &hop) {
                plain.insert(address);
                continue;
            }
            let pattern =
                Pattern { domain: domain.clone(), local: LocalPattern::Exact(name.clone()) };
            hops.push((pattern, hop));
        }
        if matches!(served, Served::Address(_)) {
            self.report_unusable(&unusable);
            return;
        }
        let refuses =
            |hop: &Hop| matches!(hop.actions.as_slice(), [Act { action: Action::Reject(_), .. }]);
        let catches = !refuses(&any);
        for (prefix, hop) in prefixes {
            // Refusing is what happens to an unknown name anyway, unless something wider takes it.
            let wider =
                names.prefixes.iter().any(|other| other != prefix && prefix.starts_with(other));
            if refuses(&hop) && !catches && !wider {
                continue;
            }
            let is_writable = Self::is_writable(&Address::new(prefix.as_slice(), &sample));
            let pattern =
                Pattern { domain: domain.clone(), local: LocalPattern::Prefix(prefix.clone()) };
            if is_writable {
                hops.push((pattern, hop));
            } else {
                unusable.push((pattern, hop));
            }
        }
        let odd = ask(ODD_PROBE.as_bytes());
        if catches && refuses(&odd) {
            self.report_blanks(&domain, &ask(BLANK_PROBE.as_bytes()));
            hops.push((Pattern { domain: domain.clone(), local: LocalPattern::Odd }, odd));
        }
        if catches {
            hops.push((Pattern { domain, local: LocalPattern::Any }, any));
        }
        self.report_unusable(&unusable);
    }

    /// Names that cannot stand in a table: Postfix would not find them there.
    fn report_unusable(&mut self, names: &[(Pattern, Hop)]) {
        for (pattern, hop) in names {
            let Some(act) = hop.actions.first() else { continue };
            if matches!(act.action, Action::Reject(_)) {
                continue;
            }
            self.find(
                &code::ALIAS_NAME_UNUSABLE,
                Disposition::Dropped,
                &act.origin,
                subject(pattern),
                "the address has bytes that no lookup table takes",
                "the new server refuses mail for it",
            );
        }
    }

    /// Odd names are refused; those with a blank may have been put off instead.
    fn report_blanks(&mut self, domain: &DomainPattern, hop: &Hop) {
        let [Act { action: Action::Defer(text), origin }] = hop.actions.as_slice() else { return };
        let local = LocalPattern::Exact(LocalPart::new("* *"));
        self.find(
            &code::ALIAS_DEFERRED,
            Disposition::Adapted,
            origin,
            subject(&Pattern { domain: domain.clone(), local }),
            format!("an address with a blank breaks the line for all others: {}", shown(text)),
            "its mail waits until it is too old and bounces; the new server refuses it at once",
        );
    }

    /// Whether mail for the address goes into its own mailbox and nowhere else.
    fn is_plain(&self, address: &Address, hop: &Hop) -> bool {
        match hop.actions.as_slice() {
            [Act { action: Action::Store(path), .. }] => self.rules.is_own_store(path, address),
            _ => false,
        }
    }

    /// Finds out what mail to `user-anything` does. Where it is neither what mail to `user` does
    /// nor plain storing, it gets a route of its own.
    fn translate_extensions(&mut self, plain: &BTreeSet<Address>, hops: &mut Vec<(Pattern, Hop)>) {
        if !self.rules.has_user_extensions() {
            return;
        }
        let (rules, domains) = (&self.rules, &self.design.domains);
        let known: BTreeSet<Pattern> = hops.iter().map(|(pattern, _)| pattern.clone()).collect();
        for mailbox in self.design.mailboxes.values_mut().filter(|mailbox| mailbox.is_reachable) {
            let address = &mailbox.address;
            let domain = DomainPattern::Domain(address.domain.clone());
            if address.local.as_bstr().contains(&b'-') || !domains.contains_key(&domain) {
                continue;
            }
            let front: BString = [address.local.as_ref(), b"-"].concat().into();
            let pattern = Pattern { domain, local: LocalPattern::Prefix(front.clone()) };
            let extended =
                Address::new([front.as_slice(), PROBE.as_bytes()].concat(), &address.domain);
            let other =
                Address::new([front.as_slice(), OTHER_PROBE.as_bytes()].concat(), &address.domain);
            let hop = generalized(
                rules.hop(extended.to_bytes().as_bstr()),
                &rules.hop(other.to_bytes().as_bstr()),
                extended.local.as_ref(),
            );
            let any = Address::new(PROBE, &address.domain);
            if known.contains(&pattern) || same_effects(&hop, &rules.hop(any.to_bytes().as_bstr()))
            {
                continue;
            }
            let stores = match hop.actions.as_slice() {
                [Act { action: Action::Store(path), .. }] => rules.is_own_store(path, address),
                _ => false,
            };
            mailbox.extensions = if stores && !plain.contains(address) {
                Extensions::IntoMailbox
            } else if same_effects(&hop, &rules.hop(address.to_bytes().as_bstr())) {
                match hop.actions.as_slice() {
                    // An unknown address is refused as well.
                    [Act { action: Action::Reject(_), .. }] => Extensions::Unknown,
                    _ => Extensions::LikeAddress,
                }
            } else {
                hops.push((pattern, hop));
                Extensions::Unknown
            };
        }
    }

    fn translate_route(
        &mut self,
        pattern: &Pattern,
        hop: &Hop,
        adopted: &BTreeMap<RelPath, Address>,
    ) {
        let subject = subject(pattern);
        let origin = hop
            .actions
            .first()
            .map_or_else(|| Origin::file(&RelPath::new("")), |act| act.origin.clone());
        let mut targets = Vec::new();
        let (mut programs, mut replies, mut failures) = (0, 0, Vec::new());
        let mut is_list = false;
        for act in &hop.actions {
            match &act.action {
                Action::Store(path) => {
                    targets.extend(self.store_target(path, &subject, act, adopted));
                }
                Action::Forward { to, keeps_local: false, .. } if to == VARYING => {
                    self.find(
                        &code::ALIAS_TARGET_VARIES,
                        Disposition::Manual,
                        &act.origin,
                        &subject,
                        "mail is forwarded to an address made from the one it was written to",
                        "no table can say so; the mail is kept waiting (450)",
                    );
                    failures.push(Target::Defer(PROGRAM_PENDING.into()));
                }
                Action::Forward { to, keeps_local, .. } => {
                    targets.extend(self.forward_target(to, *keeps_local, &subject, &act.origin));
                }
                Action::Remote(_) => targets.push(Target::Remote),
                Action::List { address, action, .. } => {
                    let at = self.design.real(address);
                    let is_lost =
                        !self.design.lists.contains_key(&at) && self.design.serves(&at.domain);
                    if is_lost {
                        failures.push(Target::Defer(PROGRAM_PENDING.into()));
                    } else if exact(pattern).as_ref() == Some(&at) {
                        is_list = true;
                    } else {
                        targets.extend(list_target(pattern, &at, action));
                    }
                }
                Action::Discard => targets.push(Target::Discard),
                Action::Run(command) => {
                    if let Some(own) = self.filtered_into(pattern, command) {
                        self.report_filter(command, &subject, &act.origin);
                        targets.push(Target::Store(own));
                    } else {
                        programs += 1;
                        self.report_program(command, &subject, &act.origin);
                    }
                }
                Action::Reply(command) => {
                    replies += 1;
                    self.report_reply(command, &subject, &act.origin, hop.actions.len() == 1);
                }
                Action::Reject(text) => failures.push(Target::Reject(text.clone())),
                Action::Defer(text) => {
                    self.find(
                        &code::ALIAS_DEFERRED,
                        Disposition::Migrated,
                        &act.origin,
                        &subject,
                        format!("the old server cannot deliver this mail: {}", shown(text)),
                        "it waits until it is too old and bounces, and will do so on the new server",
                    );
                    failures.push(Target::Defer(text.clone()));
                }
            }
        }
        if let Some(failure) = failures.into_iter().next() {
            if targets.is_empty() {
                targets.push(failure);
            } else {
                self.find(
                    &code::ALIAS_PARTLY_FAILS,
                    Disposition::Adapted,
                    &origin,
                    &subject,
                    "after some deliveries the old server fails, and the sender gets a bounce or the mail is tried again",
                    "the new server makes the deliveries and leaves out the failure",
                );
            }
        }
        if is_list {
            // Posts go to the list, which needs no route unless there are other targets too.
            if !targets.is_empty() {
                targets.extend(exact(pattern).map(Target::Store));
            }
        } else if targets.is_empty() && programs + replies > 0 {
            targets.push(Target::Defer(PROGRAM_PENDING.into()));
        }
        targets.sort();
        targets.dedup();
        if targets.len() > 1 {
            targets.retain(|target| *target != Target::Discard);
        }
        if !targets.is_empty() {
            self.design.routes.push(Route { pattern: pattern.clone(), targets, origin });
        }
    }

    fn store_target(
        &mut self,
        path: &RelPath,
        subject: &BString,
        act: &Act,
        adopted: &BTreeMap<RelPath, Address>,
    ) -> Option<Target> {
        if let Some(address) = adopted.get(path) {
            return Some(Target::Store(address.clone()));
        }
        let owner = self.rules.owner(path)?.clone();
        if !self.rules.is_own_store(path, &owner) {
            self.find(
                &code::ALIAS_INTO_FOLDER,
                Disposition::Adapted,
                &act.origin,
                subject,
                format!("mail is stored in a folder of {owner}: {path}"),
                "the new server stores it in the INBOX of the same account",
            );
        }
        let is_plain = self.design.mailboxes.get(&owner).is_some_and(|mailbox| mailbox.is_plain);
        Some(if is_plain { Target::Address(owner) } else { Target::Store(owner) })
    }

    fn forward_target(
        &mut self,
        to: &BString,
        keeps_local: bool,
        subject: &BString,
        origin: &Origin,
    ) -> Option<Target> {
        let address = Address::parse(to)
            .unwrap_or_else(|| Address::new(to, &self.site.control.envnoathost()));
        if keeps_local && address.domain.is_plain() {
            return Some(Target::SameLocal(address.domain));
        }
        if !Self::is_writable(&address) || address.local.as_bstr().starts_with(b" ") {
            self.find(
                &code::ALIAS_TARGET_MALFORMED,
                Disposition::Dropped,
                origin,
                subject,
                format!("{} is no address that mail can be sent to", shown(to)),
                "the old server gets a bounce for it; the new one leaves it out",
            );
            return None;
        }
        Some(Target::Address(address))
    }

    /// An address whose mail only goes into its own mailbox is a plain mailbox, however it came
    /// about; and into a plain mailbox no detour is needed.
    fn simplify(&mut self) {
        let mailboxes = &mut self.design.mailboxes;
        self.design.routes.retain(|route| {
            match (exact(&route.pattern), route.targets.as_slice()) {
                (Some(own), [Target::Store(address)]) if own == *address => {
                    mailboxes.get_mut(address).is_none_or(|mailbox| {
                        mailbox.is_plain = mailbox.is_reachable;
                        !mailbox.is_reachable
                    })
                }
                _ => true,
            }
        });
        for route in &mut self.design.routes {
            for target in &mut route.targets {
                if let Target::Store(address) = target
                    && self.design.mailboxes.get(address).is_some_and(|mailbox| mailbox.is_plain)
                {
                    *target = Target::Address(address.clone());
                }
            }
            route.targets.sort();
            route.targets.dedup();
        }
    }

    /// Mailboxes that some route fills past their own rules.
    fn mark_direct(&mut self) {
        let direct: BTreeSet<Address> = self
            .design
            .routes
            .iter()
            .flat_map(|route| {
                let own = exact(&route.pattern);
                route.targets.iter().filter_map(move |target| match target {
                    // An address that keeps a copy needs no detour into its own mailbox.
                    Target::Store(address) if Some(address) != own.as_ref() => {
                        Some(address.clone())
                    }
                    _ => None,
                })
            })
            .collect();
        for mailbox in self.design.mailboxes.values_mut() {
            mailbox.is_direct =
                direct.contains(&mailbox.address) || mailbox.extensions == Extensions::IntoMailbox;
        }
    }
}

/// The address that a pattern means, if it is one only.
fn exact(pattern: &Pattern) -> Option<Address> {
    match (&pattern.domain, &pattern.local) {
        (DomainPattern::Domain(domain), LocalPattern::Exact(local)) => {
            Some(Address::new(local, domain))
        }
        _ => None,
    }
}

/// Whether two hops do the same, wherever they say so and however they mark forwards.
fn same_effects(a: &Hop, b: &Hop) -> bool {
    let effect = |act: &Act| match &act.action {
        Action::Forward { to, keeps_local, .. } => {
            Action::Forward { to: to.clone(), keeps_local: *keeps_local, mark: BString::default() }
        }
        other => other.clone(),
    };
    a.actions.iter().map(effect).eq(b.actions.iter().map(effect))
}

/// What happens to every address of a group, from what happens to two of them: where a forward's
/// target depends on the name, it either keeps the local part `own`, or is marked as
/// [`VARYING`].
fn generalized(mut hop: Hop, other: &Hop, own: &[u8]) -> Hop {
    for (at, act) in hop.actions.iter_mut().enumerate() {
        let same = other.actions.get(at).is_some_and(|other| match (&act.action, &other.action) {
            (Action::Forward { to: a, .. }, Action::Forward { to: b, .. }) => a == b,
            (Action::Remote(_), Action::Remote(_)) => true,
            (a, b) => a == b,
        });
        if same {
            continue;
        }
        match &mut act.action {
            Action::Forward { to, keeps_local, .. } => {
                let local = to.rsplit_once_str("@").map_or(to.as_slice(), |(local, _)| local);
                if local == own {
                    *keeps_local = true;
                } else if to.contains_str(PROBE) {
                    *to = VARYING.into();
                }
            }
            action if names_probe(action) => *action = Action::Defer(PROGRAM_PENDING.into()),
            _ => {}
        }
    }
    hop
}

/// Stands for a target that is made from the address that was written to.
const VARYING: &str = "varies";

/// Whether mail would go to a place that only the probe has.
fn names_probe(action: &Action) -> bool {
    match action {
        Action::Store(path) => path.as_bstr().contains_str(PROBE),
        _ => false,
    }
}

/// How findings name the addresses of a pattern: `*` stands for anything.
pub(super) fn subject(pattern: &Pattern) -> BString {
    let domain = pattern_name(&pattern.domain);
    let host: BString = match &pattern.domain {
        DomainPattern::Domain(_) => domain,
        DomainPattern::Under(_) => [b"*", domain.as_slice()].concat().into(),
    };
    let local: BString = match &pattern.local {
        LocalPattern::Exact(local) => local.as_bstr().to_owned(),
        LocalPattern::Prefix(prefix) => [prefix.as_slice(), b"*"].concat().into(),
        LocalPattern::Odd | LocalPattern::Any => "*".into(),
    };
    [local.as_slice(), b"@", host.as_slice()].concat().into()
}

/// A list's own address needs no route; another one that leads to it does.
fn list_target(pattern: &Pattern, list: &Address, action: &BString) -> Option<Target> {
    let DomainPattern::Domain(domain) = &pattern.domain else {
        return Some(Target::Address(list.clone()));
    };
    let is_own_domain = *domain == list.domain;
    let front = [list.local.as_ref(), b"-"].concat();
    match &pattern.local {
        LocalPattern::Exact(local)
            if is_own_domain && (*local == list.local || local.as_bstr().starts_with(&front)) =>
        {
            None
        }
        LocalPattern::Prefix(prefix) if is_own_domain && prefix.starts_with(&front) => None,
        // `other-accept-` is part of what `other-` already leads to.
        LocalPattern::Prefix(_) if action != PROBE => None,
        LocalPattern::Prefix(_) => Some(Target::ListCommand(list.clone())),
        LocalPattern::Exact(_) | LocalPattern::Odd | LocalPattern::Any => {
            Some(Target::Address(list.clone()))
        }
    }
}
