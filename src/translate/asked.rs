//! Questions to the old server's rules: what happens to every name that is written down, and to any
//! other.

use super::Translator;
use super::programs::PROGRAM_PENDING;
use super::routes::subject;
use crate::finding::{Disposition, code};
use crate::model::design::{DomainPattern, Extensions, LocalPattern, Pattern, Role};
use crate::model::{Address, DomainName, LocalPart, shown};
use crate::resolve::{Act, Action, Kept, Served};
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A local part that no file mentions, to ask what happens to any other.
pub(super) const PROBE: &str = "x7q0zz";

/// One that no account can have: vdelivermail(8) refuses it before it looks for a catch-all.
const ODD_PROBE: &str = "x7q0zz\"";

/// One that the shell divides where a line names `$EXT` without quotes.
const BLANK_PROBE: &str = "x7q0zz x";

/// Another one, to tell what depends on the name.
const OTHER_PROBE: &str = "k4j9ww";

/// Names of a domain that are asked about at a time, on all processors.
const BATCH: usize = 4096;

/// So many domains are asked about at a time.
const DOMAINS: usize = 64;

/// Fewer than these are not worth another thread.
const FEW: usize = 32;

/// What the old server does with the mail of each address or group of addresses.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<(Pattern, Arc<[Act]>)>);

/// The same of one domain, with what has to be told of it.
#[derive(Debug, Default)]
struct Answers {
    asked: Asked,
    plain: Vec<Address>,
    /// Addresses that no table can hold.
    unusable: Vec<(Pattern, Vec<Act>)>,
    /// What happens to one with a blank.
    blanks: Option<(DomainPattern, Vec<Act>)>,
}

impl Asked {
    /// Adds an answer. A million accounts may get the same one, which is then kept once.
    fn push(&mut self, pattern: Pattern, acts: Vec<Act>) {
        let acts = match self.0.last() {
            Some((_, last)) if **last == *acts => Arc::clone(last),
            _ => acts.into(),
        };
        self.0.push((pattern, acts));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Pattern, &[Act])> {
        self.0.iter().map(|(pattern, acts)| (pattern, &**acts))
    }
}

impl Translator<'_> {
    /// Single addresses that are remote although their domain is served by what it ends in, or as an
    /// alias of another one; those of a domain with names of its own are among these.
    pub(super) fn ask_exceptions(&self, asked: &mut Asked) {
        for excepted in self.rules.exceptions().into_keys() {
            let Served::Address(address) = excepted else { continue };
            let domain = self.design.domain(&address.domain);
            let is_elsewhere = domain.is_some_and(|domain| domain.role == Role::Own);
            if is_elsewhere || !self.design.serves(&address.domain) || !Self::is_writable(&address)
            {
                continue;
            }
            let acts = self.rules.hop(address.to_bytes().as_bstr()).actions;
            let domain = DomainPattern::Domain(address.domain.clone());
            let local = LocalPattern::Exact(address.local.to_lower());
            asked.push(Pattern { domain, local }, acts);
        }
    }

    /// Asks the old server's rules about every name of all domains and about any other. Mailboxes
    /// that get their own mail and nothing else come back beside the answers.
    pub(super) fn ask_all(&mut self) -> (Asked, BTreeSet<Address>) {
        let served: Vec<Served> = self.rules.served().into_keys().collect();
        let (mut asked, mut plain) = (Asked::default(), BTreeSet::new());
        for some in served.chunks(DOMAINS) {
            let answers = some.par_iter().with_max_len(1).map(|served| self.ask(served));
            for answers in answers.collect::<Vec<_>>() {
                asked.0.extend(answers.asked.0);
                plain.extend(answers.plain);
                if let Some((domain, acts)) = answers.blanks {
                    self.report_blanks(&domain, &acts);
                }
                self.report_unusable(&answers.unusable);
            }
        }
        (asked, plain)
    }

    fn ask(&self, served: &Served) -> Answers {
        let mut answers = Answers::default();
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
            return answers;
        }
        let names = self.rules.names(served);
        let ask = |local: &[u8]| {
            self.rules.hop(Address::new(local, &sample).to_bytes().as_bstr()).actions
        };
        let prefixes: Vec<(&BString, Vec<Act>)> = names
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
        let Answers { asked, plain, unusable, blanks } = &mut answers;
        let mut exact = names.exact.iter();
        let told = std::iter::from_fn(|| {
            let batch: Vec<&LocalPart> = exact.by_ref().take(BATCH).collect();
            let few = batch.par_iter().with_min_len(FEW);
            let acts: Vec<Vec<Act>> = few.map(|name| ask(name.as_ref())).collect();
            (!batch.is_empty()).then(|| batch.into_iter().zip(acts))
        });
        for (name, acts) in told.flatten() {
            if !Self::is_writable(&Address::new(name, &sample)) {
                let local = LocalPattern::Exact(name.clone());
                unusable.push((Pattern { domain: domain.clone(), local }, acts));
                continue;
            }
            let address = Address::new(name, &sample);
            if self.is_plain(&address, &acts) {
                plain.push(address);
                continue;
            }
            let pattern =
                Pattern { domain: domain.clone(), local: LocalPattern::Exact(name.clone()) };
            asked.push(pattern, acts);
        }
        if matches!(served, Served::Address(_)) {
            return answers;
        }
        let catches = !refuses(&any);
        for (prefix, acts) in prefixes {
            // Refusing is what happens to an unknown name anyway, unless something wider takes it.
            let wider =
                names.prefixes.iter().any(|other| other != prefix && prefix.starts_with(other));
            if refuses(&acts) && !catches && !wider && !self.is_extension(prefix, &sample) {
                continue;
            }
            let is_writable = Self::is_writable(&Address::new(prefix.as_slice(), &sample));
            let pattern =
                Pattern { domain: domain.clone(), local: LocalPattern::Prefix(prefix.clone()) };
            if is_writable {
                asked.push(pattern, acts);
            } else {
                unusable.push((pattern, acts));
            }
        }
        let odd = ask(ODD_PROBE.as_bytes());
        if catches && refuses(&odd) {
            *blanks = Some((domain.clone(), ask(BLANK_PROBE.as_bytes())));
            asked.push(Pattern { domain: domain.clone(), local: LocalPattern::Odd }, odd);
        }
        if catches {
            asked.push(Pattern { domain, local: LocalPattern::Any }, any);
        }
        answers
    }

    /// Whether an account would take what stands behind a front.
    fn is_extension(&self, front: &BString, domain: &DomainName) -> bool {
        let account = front.split_once_str("-").map(|(user, _)| LocalPart::new(user));
        let domain = self.site.domain(domain).filter(|_| self.rules.has_user_extensions());
        domain.zip(account).is_some_and(|(domain, name)| domain.account(&name).is_some())
    }

    /// What is done with an address may depend on its domain: a record of `users/cdb` or an entry of
    /// `virtualdomains` for it alone, a program that is told `$LOCAL`. Its namesakes in alias domains
    /// would share its way.
    pub(super) fn ask_in_alias_domains(&self, asked: &mut Asked) {
        let mut aliases: BTreeMap<&DomainName, Vec<&DomainName>> = BTreeMap::new();
        for (pattern, domain) in &self.design.domains {
            if let (DomainPattern::Domain(name), Role::AliasOf(real)) = (pattern, &domain.role) {
                aliases.entry(real).or_default().push(name);
            }
        }
        let mut namesakes: BTreeMap<Pattern, Vec<Act>> = BTreeMap::new();
        let mut compare = |local: &LocalPattern, acts: &[Act], alias: &DomainName| {
            if let Some(own) = self.acts(local, alias).filter(|own| !same_effects(acts, own)) {
                let domain = DomainPattern::Domain(alias.clone());
                namesakes.insert(Pattern { domain, local: local.clone() }, own);
            }
        };
        for (Pattern { domain, local }, acts) in &asked.0 {
            let DomainPattern::Domain(real) = domain else { continue };
            for alias in aliases.get(real).into_iter().flatten() {
                compare(local, acts, alias);
            }
        }
        let pairs = aliases.iter().flat_map(|(real, all)| all.iter().map(move |it| (*real, *it)));
        for (real, alias) in pairs.filter(|(_, alias)| !self.rules.is_local(alias)) {
            let names = self.rules.assigned(alias);
            let exact = names.exact.into_iter().map(LocalPattern::Exact);
            for local in exact.chain(names.prefixes.into_iter().map(LocalPattern::Prefix)) {
                if let Some(acts) = self.acts(&local, real) {
                    compare(&local, &acts, alias);
                }
            }
        }
        for (pattern, acts) in namesakes {
            asked.push(pattern, acts);
        }
    }

    /// What is done with an address, or with those behind a front; nothing where it has an entry of its
    /// own or cannot be written.
    fn acts(&self, local: &LocalPattern, domain: &DomainName) -> Option<Vec<Act>> {
        let ask = |address: &Address| self.rules.hop(address.to_bytes().as_bstr()).actions;
        match local {
            LocalPattern::Exact(local) => {
                let address = Address::new(local, domain);
                let entries = &self.site.control.virtual_domains;
                let has_entry = entries.contains_key(address.to_bytes().as_bstr());
                (!has_entry && Self::is_writable(&address)).then(|| ask(&address))
            }
            LocalPattern::Prefix(front) => {
                let with = |probe: &str| {
                    Address::new([front.as_slice(), probe.as_bytes()].concat(), domain)
                };
                let address = with(PROBE);
                let own = address.local.as_ref();
                let is_writable = Self::is_writable(&address);
                is_writable.then(|| generalized(ask(&address), &ask(&with(OTHER_PROBE)), own))
            }
            LocalPattern::Odd | LocalPattern::Any => None,
        }
    }

    /// Names that cannot stand in a table: Postfix would not find them there.
    fn report_unusable(&mut self, names: &[(Pattern, Vec<Act>)]) {
        for (pattern, acts) in names {
            let Some(act) = acts.first() else { continue };
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
    fn report_blanks(&mut self, domain: &DomainPattern, acts: &[Act]) {
        let [Act { action: Action::Defer(text), origin }] = acts else { return };
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
    fn is_plain(&self, address: &Address, acts: &[Act]) -> bool {
        match acts {
            [Act { action: Action::Store(path), .. }] => self.rules.is_own_store(path, address),
            _ => false,
        }
    }

    /// Finds out what mail to `user-anything` does. Where it is neither what mail to `user` does
    /// nor plain storing, it gets a route of its own.
    pub(super) fn translate_extensions(&mut self, plain: &BTreeSet<Address>, asked: &mut Asked) {
        if !self.rules.has_user_extensions() {
            return;
        }
        let (rules, domains) = (&self.rules, &self.design.domains);
        let ask = |address: &Address| rules.hop(address.to_bytes().as_bstr()).actions;
        let known: BTreeSet<Pattern> = asked.0.iter().map(|(pattern, _)| pattern.clone()).collect();
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
            let acts = generalized(ask(&extended), &ask(&other), extended.local.as_ref());
            let any = ask(&Address::new(PROBE, &address.domain));
            if known.contains(&pattern) || same_effects(&acts, &any) {
                continue;
            }
            let stores = match acts.as_slice() {
                [Act { action: Action::Store(path), .. }] => rules.is_own_store(path, address),
                _ => false,
            };
            mailbox.extensions = if stores && !plain.contains(address) {
                Extensions::IntoMailbox
            } else if same_effects(&acts, &ask(address)) {
                match (refuses(&acts), refuses(&any)) {
                    // An unknown address is refused as well.
                    (true, true) => Extensions::Unknown,
                    (true, false) => {
                        asked.push(pattern, acts);
                        Extensions::Unknown
                    }
                    (false, _) => Extensions::LikeAddress,
                }
            } else {
                asked.push(pattern, acts);
                Extensions::Unknown
            };
        }
    }

    /// The same for domains that share the accounts of another one and not its addresses.
    pub(super) fn ask_extensions_elsewhere(&self, asked: &mut Asked) {
        let probe = |front: &BString, probe: &str, domain: &DomainName| {
            let local = [front.as_slice(), probe.as_bytes()].concat();
            self.rules.hop(Address::new(local, domain).to_bytes().as_bstr()).actions
        };
        for domain in &self.site.domains {
            for alias in domain.aliases.iter().map(|alias| &alias.name) {
                let is_own = self.design.domain(alias).is_some_and(|entry| entry.role == Role::Own);
                let names = domain.accounts.iter().filter(|account| account.reachable);
                let names = names.map(|account| account.name.as_bstr());
                for name in names.filter(|name| is_own && !name.contains(&b'-')) {
                    let front: BString = [name.as_bytes(), b"-"].concat().into();
                    let own = [front.as_slice(), PROBE.as_bytes()].concat();
                    let acts = probe(&front, PROBE, alias);
                    let acts = generalized(acts, &probe(&front, OTHER_PROBE, alias), &own);
                    let pattern = Pattern {
                        domain: DomainPattern::Domain(alias.clone()),
                        local: LocalPattern::Prefix(front),
                    };
                    let any = probe(&BString::default(), PROBE, alias);
                    let is_known = asked.0.iter().any(|(known, _)| *known == pattern);
                    if !same_effects(&acts, &any) && !is_known {
                        asked.push(pattern, acts);
                    }
                }
            }
        }
    }
}

fn refuses(acts: &[Act]) -> bool {
    matches!(acts, [Act { action: Action::Reject(_), .. }])
}

/// Whether the same is done, wherever it is said and however forwards are marked.
fn same_effects(a: &[Act], b: &[Act]) -> bool {
    let effect = |act: &Act| match &act.action {
        Action::Forward { to, kept, .. } => {
            Action::Forward { to: to.clone(), kept: *kept, mark: BString::default() }
        }
        other => other.clone(),
    };
    a.iter().map(effect).eq(b.iter().map(effect))
}

/// What happens to every address of a group, from what happens to two of them, the one with [`PROBE`]
/// at the end of its local part `own`: a forward's target may depend on the name.
fn generalized(mut acts: Vec<Act>, other: &[Act], own: &[u8]) -> Vec<Act> {
    for (at, act) in acts.iter_mut().enumerate() {
        let other = other.get(at).map(|other| &other.action);
        let same = match (&act.action, other) {
            (Action::Forward { to: a, .. }, Some(Action::Forward { to: b, .. })) => a == b,
            (Action::Remote(_), Some(Action::Remote(_))) => true,
            (a, b) => Some(a) == b,
        };
        if same {
            continue;
        }
        match (&mut act.action, other) {
            (Action::Forward { to, kept, .. }, other) => {
                let local = to.rsplit_once_str("@").map_or(to.as_slice(), |(local, _)| local);
                if local == own {
                    *kept = Kept::Local;
                } else if let Some(made) = behind(to, other) {
                    (*to, *kept) = (made, Kept::Behind);
                } else if to.contains_str(PROBE) {
                    *kept = Kept::Something;
                }
            }
            (action, _) if names_probe(action) => *action = Action::Defer(PROGRAM_PENDING.into()),
            _ => {}
        }
    }
    acts
}

/// A target without the probe at the end of its local part, if that is all that it has of the name.
fn behind(to: &BString, other: Option<&Action>) -> Option<BString> {
    let Some(Action::Forward { to: other, .. }) = other else { return None };
    let without = |to: &BString, probe: &str| {
        let (local, domain) = to.rsplit_once_str("@")?;
        Some(BString::from([local.strip_suffix(probe.as_bytes())?, b"@", domain].concat()))
    };
    let made = without(to, PROBE)?;
    let (front, _) = made.rsplit_once_str("@")?;
    // With whatever behind it, it needs no quotes.
    let is_plain = front.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_+=".contains(byte));
    let is_whole = is_plain && !made.contains_str(PROBE) && without(other, OTHER_PROBE)? == made;
    is_whole.then_some(made)
}

/// Whether mail would go to a place that only the probe has.
fn names_probe(action: &Action) -> bool {
    match action {
        Action::Store(path) => path.as_bstr().contains_str(PROBE),
        _ => false,
    }
}
