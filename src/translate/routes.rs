//! Addresses that are more than a mailbox: aliases, forwards, catch-alls, programs, refusals.

use super::Translator;
use super::asked::PROBE;
use super::domains::pattern_name;
use super::programs::PROGRAM_PENDING;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, Extensions, LocalPattern, Pattern, Route, Target};
use crate::model::{Address, Origin, RelPath, shown};
use crate::resolve::{Act, Action, Kept};
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Translator<'_> {
    pub(super) fn translate_routes(&mut self) {
        let (mut asked, plain) = self.ask_all();
        self.ask_exceptions(&mut asked);
        self.ask_in_alias_domains(&mut asked);
        self.translate_extensions(&plain, &mut asked);
        if self.rules.has_user_extensions() {
            self.ask_extensions_elsewhere(&mut asked);
        }
        let adopted = self.adopt_stores(&asked);
        for mailbox in self.design.mailboxes.values_mut() {
            mailbox.is_plain = plain.contains(&mailbox.address);
        }
        for (pattern, acts) in asked.iter() {
            self.translate_route(pattern, acts, &adopted);
        }
        drop(asked);
        self.simplify();
        self.break_loops();
        self.mark_direct();
        self.add_system_addresses();
        self.gather_answered();
        self.translate_copies(&adopted);
        self.design.adopted = adopted;
    }

    fn translate_route(
        &mut self,
        pattern: &Pattern,
        acts: &[Act],
        adopted: &BTreeMap<RelPath, Address>,
    ) {
        let subject = subject(pattern);
        let origin =
            acts.first().map_or_else(|| Origin::file(&RelPath::new("")), |act| act.origin.clone());
        self.report_owner(acts, &subject);
        if let Some(target) = self.decide(pattern, acts, &subject) {
            let targets = [target].into();
            return self.design.routes.push(Route { pattern: pattern.clone(), targets, origin });
        }
        let mut targets = Vec::new();
        let (mut programs, mut replies, mut failures) = (0, Vec::new(), Vec::new());
        let (mut is_list, mut is_malformed) = (false, false);
        for act in acts {
            match &act.action {
                Action::Store(path) => {
                    targets.extend(self.store_target(path, &subject, act, adopted));
                }
                Action::Forward { kept: Kept::Something, .. } => {
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
                Action::Forward { to, kept, .. } => {
                    let target = self.forward_target(to, *kept, &subject, &act.origin);
                    is_malformed |= target.is_none();
                    targets.extend(target);
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
                        self.sort(&own, command, &act.origin, acts, &subject);
                        targets.push(Target::Store(own));
                    } else if let Some(target) =
                        self.decided(command, pattern, &act.origin, &subject, acts)
                    {
                        targets.push(target);
                    } else {
                        programs += 1;
                        self.report_program(command, &subject, &act.origin, acts);
                    }
                }
                Action::Reply(_) => replies.push(act),
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
        match self.answer(pattern, &replies, &targets, &subject) {
            Some(target) => targets.push(target),
            None => self.report_replies(&replies, &subject, acts.len() == 1),
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
        } else if targets.is_empty() && programs + replies.len() > 0 {
            targets.push(Target::Defer(PROGRAM_PENDING.into()));
        } else if targets.is_empty() && is_malformed {
            // Without a row of its own the mail would go where a catch-all leads.
            targets.push(Target::Reject("the address leads nowhere".into()));
        }
        targets.sort();
        targets.dedup();
        if targets.len() > 1 {
            targets.retain(|target| *target != Target::Discard);
        }
        if !targets.is_empty() {
            // A million accounts may have the same ones, which are then kept once.
            let targets = match self.design.routes.last() {
                Some(last) if *last.targets == *targets => Arc::clone(&last.targets),
                _ => targets.into(),
            };
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
        let owner = self.rules.owner(path)?;
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
        kept: Kept,
        subject: &BString,
        origin: &Origin,
    ) -> Option<Target> {
        let address = Address::parse(to)
            .unwrap_or_else(|| Address::new(to, &self.site.control.envnoathost()));
        // A domain of this host is none with a dot: mail for that leaves, and comes back to be refused.
        let plain = address.domain.without_dot();
        let leaves = plain != address.domain && !self.design.serves(&plain);
        let address = if leaves { Address::of(&address.local, &plain) } else { address };
        match kept {
            Kept::Local if address.domain.is_plain() => {
                return Some(Target::SameLocal(address.domain));
            }
            Kept::Behind if address.domain.is_plain() => {
                return Some(Target::Behind(address.local.as_bstr().into(), address.domain));
            }
            _ => {}
        }
        if !Self::is_sendable(&address) || address.local.as_bstr().starts_with(b" ") {
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
        self.design.routes.retain(|route| match (exact(&route.pattern), &*route.targets) {
            (Some(own), [Target::Store(address)]) if own == *address => {
                mailboxes.get_mut(address).is_none_or(|mailbox| {
                    mailbox.is_plain = mailbox.is_reachable;
                    !mailbox.is_reachable
                })
            }
            _ => true,
        });
        for route in &mut self.design.routes {
            let is_plain = |target: &Target| match target {
                Target::Store(address) => {
                    self.design.mailboxes.get(address).is_some_and(|mailbox| mailbox.is_plain)
                }
                _ => false,
            };
            if !route.targets.iter().any(is_plain) {
                continue;
            }
            let simple = |target: &Target| match target {
                Target::Store(address) if is_plain(target) => Target::Address(address.clone()),
                other => other.clone(),
            };
            let targets: BTreeSet<Target> = route.targets.iter().map(simple).collect();
            route.targets = targets.into_iter().collect();
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
pub(super) fn exact(pattern: &Pattern) -> Option<Address> {
    match (&pattern.domain, &pattern.local) {
        (DomainPattern::Domain(domain), LocalPattern::Exact(local)) => {
            Some(Address::new(local, domain))
        }
        _ => None,
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
