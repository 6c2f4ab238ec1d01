//! Autoresponders become answers: of the account's own mailbox, or of one that keeps nothing.

use super::Translator;
use super::routes::exact;
use crate::finding::{Disposition, Finding, code};
use crate::model::design::{Design, DomainPattern, LocalPattern, Mailbox, Pattern, Role, Target};
use crate::model::filter::{Filter, Rule};
use crate::model::responder::{Responder, responder};
use crate::model::{Address, DomainName, Origin};
use crate::resolve::{Act, Action};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// Addresses that one script answers for.
const MOST_ADDRESSES: usize = 500;

impl Translator<'_> {
    /// Has the address answer as its one autoresponder did, and says how that differs. Returns where
    /// its mail must go for that; nothing where it cannot be carried over.
    pub(super) fn answer(
        &mut self,
        pattern: &Pattern,
        replies: &[&Act],
        targets: &[Target],
        subject: &BString,
    ) -> Option<Target> {
        let at = exact(pattern)?;
        let [Act { action: Action::Reply(command), origin }] = replies else { return None };
        let call = (origin.file.parent(), responder(command)?);
        let reply = self.site.replies.get(&call)?.clone();
        let (_, called) = call;
        let stores = targets.iter().any(|target| *target == Target::Store(at.clone()));
        let mailbox = if stores { at.clone() } else { self.add_robot(&at, origin)? };
        let mut rules = vec![Rule::answer(reply, &called)];
        for rule in &mut rules {
            rule.each_answer(&mut |answer| answer.answers_for(&at));
        }
        rules.extend((!stores).then_some(Rule::Discard));
        // An answer hangs on nothing that sorts the mail.
        rules.extend(
            self.design.filters.get(&mailbox).into_iter().flat_map(|own| own.rules.clone()),
        );
        let filter = Filter { rules, origin: origin.clone() };
        if filter.contradiction().is_some() {
            return None;
        }
        self.design.filters.insert(mailbox.clone(), filter);
        self.report_answer(origin, &self.line_of(origin, command), &called, subject);
        Some(Target::Store(mailbox))
    }

    pub(super) fn report_answer(
        &mut self,
        origin: &Origin,
        line: &BString,
        called: &Responder,
        subject: &BString,
    ) {
        let finding = Finding::new(
            &code::ALIAS_ANSWER_ADAPTED,
            Disposition::Adapted,
            origin.clone(),
            subject,
            "mail is answered by an autoresponder",
            told(called),
        );
        self.findings.push(finding.with_excerpt(line.as_bstr()));
    }

    /// A mailbox that keeps nothing, named after the address if that is free.
    pub(super) fn add_robot(&mut self, at: &Address, origin: &Origin) -> Option<Address> {
        let names = (0..10).map(|number| match number {
            0 => at.clone(),
            1 => Address::new([at.local.as_ref(), b"-robot"].concat(), &at.domain),
            _ => Address::new(
                [at.local.as_ref(), format!("-robot{number}").as_bytes()].concat(),
                &at.domain,
            ),
        });
        let is_free = |name: &Address| {
            Self::is_usable(name)
                && !self.design.mailboxes.contains_key(name)
                && !self.design.lists.contains_key(name)
        };
        let address = { names }.find(is_free)?;
        let mailbox = Mailbox::without_login(address.clone(), origin.clone());
        self.design.mailboxes.insert(address.clone(), mailbox);
        self.design.robots.insert(address.clone());
        Some(address)
    }

    /// Each answer is given for every address that leads to its own.
    pub(super) fn gather_answered(&mut self) {
        if self.design.filters.is_empty() {
            return;
        }
        let filters = std::mem::take(&mut self.design.filters);
        let leading = Leading::new(&self.design);
        let gathered = filters.into_iter().map(|(mailbox, mut filter)| {
            for rule in &mut filter.rules {
                rule.each_answer(&mut |answer| {
                    let all = answer.addresses.first().map(|at| leading.to(at)).unwrap_or_default();
                    let own = std::mem::replace(&mut answer.addresses, all);
                    for more in own {
                        if !answer.addresses.contains(&more) {
                            answer.addresses.push(more);
                        }
                    }
                });
            }
            (mailbox, filter)
        });
        let gathered: BTreeMap<_, _> = gathered.collect();
        self.design.filters = gathered;
    }
}

/// What a sender notices.
fn told(called: &Responder) -> String {
    let Responder { window, replies, quotes, said, .. } = called;
    let often = match (window, replies) {
        (0, _) => "a sender once a second, which was each time".to_owned(),
        (_, 0 | 1) => format!("a sender once in {window} seconds"),
        _ => format!("a sender once in {window} seconds, which was {replies} times"),
    };
    let fields = if said.has_more_fields { "; more fields of its header are dropped" } else { "" };
    let quoted = if *quotes { "; the message is no longer quoted" } else { "" };
    format!(
        "a Sieve script answers {often}, and only mail that names the address in To or Cc{quoted}{fields}"
    )
}

/// Which addresses lead to which.
struct Leading<'a> {
    design: &'a Design,
    from: BTreeMap<Address, Vec<Address>>,
    aliases: BTreeMap<&'a DomainName, Vec<&'a DomainName>>,
    /// Domains whose addresses all lead to their namesakes in another one.
    same_local: BTreeMap<&'a DomainName, Vec<&'a DomainName>>,
    routed: BTreeSet<Address>,
}

impl<'a> Leading<'a> {
    fn new(design: &'a Design) -> Self {
        let mut leading = Self {
            design,
            from: BTreeMap::new(),
            aliases: BTreeMap::new(),
            same_local: BTreeMap::new(),
            routed: BTreeSet::new(),
        };
        for (pattern, domain) in &design.domains {
            if let (DomainPattern::Domain(name), Role::AliasOf(real)) = (pattern, &domain.role) {
                leading.aliases.entry(real).or_default().push(name);
            }
        }
        for route in &design.routes {
            let own = exact(&route.pattern);
            for target in &*route.targets {
                match (target, &own, &route.pattern) {
                    (Target::Address(to), Some(own), _) => {
                        let to = design.real(to).to_lower();
                        leading.from.entry(to).or_default().push(own.clone());
                    }
                    (
                        Target::SameLocal(to),
                        _,
                        Pattern { domain: DomainPattern::Domain(from), local: LocalPattern::Any },
                    ) => leading.same_local.entry(to).or_default().push(from),
                    _ => {}
                }
            }
            leading.routed.extend(own);
        }
        leading
    }

    /// The address and those that lead to it, itself first.
    fn to(&self, address: &Address) -> Vec<Address> {
        let mut found = vec![address.clone()];
        let mut seen = BTreeSet::from([address.to_lower()]);
        let mut at = 0;
        while let Some(address) = found.get(at).cloned() {
            let real = self.design.real(&address).to_lower();
            let namesakes = |domains: Option<&Vec<&DomainName>>| {
                let domains = domains.into_iter().flatten();
                let names = domains.map(|domain| Address::of(&address.local, domain));
                names.filter(|name| !self.routed.contains(name)).collect::<Vec<_>>()
            };
            let aliases = namesakes(self.aliases.get(&address.domain));
            let same = namesakes(self.same_local.get(&address.domain));
            let from = self.from.get(&real).into_iter().flatten().cloned();
            for next in from.chain(aliases).chain(same) {
                if found.len() < MOST_ADDRESSES && seen.insert(next.to_lower()) {
                    found.push(next);
                }
            }
            at += 1;
        }
        found
    }
}
