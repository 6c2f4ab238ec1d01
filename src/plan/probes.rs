//! The addresses of the table: every name that a file gives, the commands of lists, and what people
//! and programs write that no file names.

use super::Plan;
use crate::model::{Address, DomainName, LocalPart};
use crate::resolve::{Resolver, Served};
use bstr::BString;
use std::collections::BTreeSet;

/// A local part that nobody has.
const UNKNOWN: &str = "nobody-by-this-name";

/// What stands for anything behind a prefix.
const ANYTHING: &str = "anything";

/// Local parts that a table or a program could stumble over: a blank, an escaped quote, UTF-8, a
/// byte that is no UTF-8, what divides addresses elsewhere.
const ODD: &[&[u8]] = &[
    b"nobody here",
    b"no\"bo\\dy",
    "nobod\u{fd}".as_bytes(),
    b"nobod\xfd",
    b"no%body",
    b"no!body",
];

/// What stands behind a list's name and a dash: the commands of ezmlm-manage(1), ezmlm-get(1) and
/// ezmlm-request(1), the addresses that confirm and moderate, and those that bounces come back to.
const COMMANDS: &[&str] = &[
    "accept-1234567890.1.abcdefghijklmnopqrst",
    "allow-list",
    "allow-subscribe",
    "allow-unsubscribe",
    "confirm-1234567890.1.abcdefghijklmnopqrst",
    "deny-subscribe",
    "digest-list",
    "digest-owner",
    "digest-return-1-joe=remote.example",
    "digest-sc.1234567890.abcdefghijklmnopqrst-joe=remote.example",
    "digest-subscribe",
    "digest-subscribe-joe=remote.example",
    "digest-unsubscribe",
    "discard-1234567890.1.abcdefghijklmnopqrst",
    "edit",
    "faq",
    "get",
    "get.1",
    "get.1_9",
    "help",
    "index",
    "index.1",
    "info",
    "list",
    "log",
    "owner",
    "query",
    "reject-1234567890.1.abcdefghijklmnopqrst",
    "request",
    "return-1-joe=remote.example",
    "sc.1234567890.abcdefghijklmnopqrst-joe=remote.example",
    "subscribe",
    "subscribe-joe=remote.example",
    "thread.1",
    "uc.1234567890.abcdefghijklmnopqrst-joe=remote.example",
    "unsubscribe",
    "unsubscribe-joe=remote.example",
];

/// One address for each exception to what is served, but for those that are among the names of their
/// domain.
pub(super) fn of_exceptions(resolver: &Resolver<'_>) -> Vec<BString> {
    let all_served = resolver.served();
    // Of one domain there may be many, one after the other.
    let mut last: Option<(Served, BTreeSet<LocalPart>)> = None;
    let mut is_named = move |excepted: &Served| {
        let Served::Address(address) = excepted else { return false };
        let domain = Served::Domain(address.domain.clone());
        if !all_served.contains_key(&domain) {
            return false;
        }
        let known = last.take().filter(|(known, _)| *known == domain);
        let (domain, names) = known.unwrap_or_else(|| {
            let names = resolver.names(&domain).exact;
            (domain, names)
        });
        let is_named = names.contains(&address.local.to_lower());
        last = Some((domain, names));
        is_named
    };
    let probe = |excepted: Served| match excepted {
        Served::Address(address) => address.to_bytes(),
        Served::Domain(name) => Address::new(UNKNOWN, &name).to_bytes(),
        Served::Under(suffix) => Address::new(UNKNOWN, &under(&suffix)).to_bytes(),
    };
    let excepted = resolver.exceptions().into_keys();
    excepted.filter(|excepted| !is_named(excepted)).map(probe).collect()
}

/// The addresses to ask about in one domain, sorted.
pub(super) fn of_domain(plan: &Plan, resolver: &Resolver<'_>, served: &Served) -> Vec<BString> {
    let domain = match served {
        Served::Domain(name) => name.clone(),
        Served::Under(suffix) => under(suffix),
        Served::Address(address) => return vec![address.to_bytes()],
    };
    let names = resolver.names(served);
    let behind =
        |prefix: &BString| LocalPart::new([prefix.as_slice(), ANYTHING.as_bytes()].concat());
    let mut locals: BTreeSet<LocalPart> = names.prefixes.iter().map(behind).collect();
    locals.insert(LocalPart::new(UNKNOWN));
    locals.extend(ODD.iter().map(LocalPart::new));
    locals.extend(variants(plan, &names.exact, &domain));
    locals.extend(commands(plan, &domain));
    locals.extend(names.exact);
    locals.into_iter().map(|local| Address::new(&local, &domain).to_bytes()).collect()
}

/// Extensions and another spelling of one name of the domain, an account's if it has any.
fn variants(
    plan: &Plan,
    names: &BTreeSet<LocalPart>,
    domain: &DomainName,
) -> impl Iterator<Item = LocalPart> {
    let is_account = |local: &&LocalPart| {
        let address = plan.design.real(&Address::new(local, domain));
        plan.design.mailboxes.contains_key(&address) && !local.as_bstr().contains(&b'-')
    };
    let name = names.iter().find(is_account).or_else(|| names.first());
    let spellings = |name: &LocalPart| {
        let with = |end: &str| LocalPart::new([name.as_ref(), end.as_bytes()].concat());
        [with("-x"), with("+x"), LocalPart::new(name.as_bstr().to_ascii_uppercase())]
    };
    name.map(spellings).into_iter().flatten()
}

/// Every command of every list that the domain has, its own or another one's.
fn commands(plan: &Plan, domain: &DomainName) -> impl Iterator<Item = LocalPart> {
    let real = plan.design.real(&Address::new(UNKNOWN, domain)).domain;
    let lists = plan.design.lists.keys().filter(move |list| list.domain == real);
    lists.flat_map(|list| {
        let command =
            |word: &&str| LocalPart::new([list.local.as_ref(), b"-", word.as_bytes()].concat());
        COMMANDS.iter().map(command).collect::<Vec<_>>()
    })
}

/// A domain that nobody names, under a suffix.
fn under(suffix: &BString) -> DomainName {
    DomainName::new([ANYTHING.as_bytes(), suffix].concat())
}
