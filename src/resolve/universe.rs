//! Which addresses there are: every name that some file of the old server mentions.

use super::Resolver;
use crate::model::unix::UnixUser;
use crate::model::{DomainName, LocalPart, Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A domain, or all domains under one, for which the old server takes mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Served {
    /// This domain.
    Domain(DomainName),
    /// Every domain that ends like this; with the leading dot.
    Under(BString),
    /// One address of a domain that is otherwise remote.
    Address(crate::model::Address),
}

/// The names in a domain.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Local parts that something is written for, in lower case.
    pub exact: BTreeSet<LocalPart>,
    /// Fronts of local parts, dash included, behind which anything may stand.
    pub prefixes: BTreeSet<BString>,
}

/// The entries whose name begins with `start`, by the rest of it.
fn behind<'m, K: Borrow<BStr> + Ord, V>(
    map: &'m BTreeMap<K, V>,
    start: &BStr,
) -> impl Iterator<Item = (&'m BStr, &'m V)> {
    let start = start.to_owned();
    let bounds = (Bound::Included(start.as_bstr()), Bound::Unbounded);
    let entries = map.range::<BStr, _>(bounds);
    entries.map_while(move |(name, value)| {
        let rest = name.borrow().strip_prefix(start.as_bytes())?;
        Some((rest.as_bstr(), value))
    })
}

impl Resolver<'_> {
    /// Everything that mail is taken for, and the line that says so.
    pub fn served(&self) -> BTreeMap<Served, Origin> {
        let control = &self.site.control;
        let mut served = BTreeMap::new();
        for (key, entry) in &control.virtual_domains {
            let what = match key.as_slice() {
                // An entry for all other domains, or an exception, serves nothing of its own.
                [] => continue,
                _ if entry.prepend.is_empty() => continue,
                [b'.', ..] => Served::Under(key.clone()),
                _ => match crate::model::Address::parse(key) {
                    Some(address) => Served::Address(address),
                    None => Served::Domain(DomainName::new(key)),
                },
            };
            served.insert(what, entry.origin.clone());
        }
        // `locals` beats `virtualdomains`.
        for (domain, origin) in &self.locals {
            served.insert(Served::Domain(domain.clone()), origin.clone());
        }
        // The entry without a name serves whatever else mail is taken for.
        if control.virtual_domains.get(BStr::new("")).is_some_and(|rest| !rest.prepend.is_empty()) {
            let taken = control.lists.get("rcpthosts").into_iter().flatten();
            for entry in taken.chain(&control.more_rcpthosts) {
                let name = entry.value.to_ascii_lowercase();
                let (what, domain) = match name.strip_prefix(b".") {
                    Some(rest) => (Served::Under(name.as_slice().into()), DomainName::new(rest)),
                    None => (Served::Domain(DomainName::new(&name)), DomainName::new(&name)),
                };
                let mut named = std::iter::once(name.as_bstr()).chain(domain.suffixes());
                if !named.any(|key| control.virtual_domains.contains_key(key)) {
                    served.entry(what).or_insert_with(|| entry.origin.clone());
                }
            }
        }
        served
    }

    /// What `virtualdomains` excepts, and the line: it is remote although something wider is served.
    pub fn exceptions(&self) -> BTreeMap<Served, Origin> {
        let excepted = self.site.control.virtual_domains.iter();
        let excepted = excepted.filter(|(key, entry)| entry.prepend.is_empty() && !key.is_empty());
        let what = |key: &BString| match key.strip_prefix(b".") {
            Some(_) => Served::Under(key.clone()),
            None => match crate::model::Address::parse(key) {
                Some(address) => Served::Address(address),
                None => Served::Domain(DomainName::new(key)),
            },
        };
        excepted.map(|(key, entry)| (what(key), entry.origin.clone())).collect()
    }

    /// The names of a served domain.
    pub fn names(&self, served: &Served) -> Names {
        let mut names = Names::default();
        let (host, start) = match served {
            Served::Domain(domain) if self.locals.contains_key(domain) => {
                (Some(domain), BString::default())
            }
            Served::Domain(domain) => (Some(domain), self.prepended(domain.as_bstr())),
            Served::Under(suffix) => (None, self.prepended(suffix.as_bstr())),
            Served::Address(address) => {
                names.exact.insert(address.local.to_lower());
                return names;
            }
        };
        self.add_assigned(start.as_bstr(), host, &mut names);
        self.add_users(start.as_bstr(), host, &mut names);
        // Addresses of their own in virtualdomains.
        if let Some(host) = host {
            names.exact.extend(self.single.get(host).into_iter().flatten().cloned());
        }
        names
    }

    /// What stands before the names of a domain; the entry without a name counts for those that have
    /// none of their own.
    fn prepended(&self, key: &BStr) -> BString {
        let entries = &self.site.control.virtual_domains;
        let entry = entries.get(key).or_else(|| entries.get(BStr::new("")));
        let prepend = entry.map(|entry| entry.prepend.to_ascii_lowercase()).unwrap_or_default();
        [prepend.as_slice(), b"-"].concat().into()
    }

    /// The names of a virtual domain that `users/cdb` has records of their own for.
    pub fn assigned(&self, domain: &DomainName) -> Names {
        let mut names = Names::default();
        let start = self.prepended(domain.as_bstr());
        self.add_records(start.as_bstr(), Some(domain), &mut names, |front| !front.is_empty());
        names
    }

    /// Names by the records of `users/cdb` that begin like this: exact ones, and those of the homes
    /// that its prefixes lead to.
    fn add_records(
        &self,
        start: &BStr,
        host: Option<&DomainName>,
        names: &mut Names,
        is_meant: impl Fn(&BStr) -> bool,
    ) {
        let Some(assignments) = &self.site.assignments else {
            return;
        };
        let exact = behind(&assignments.exact, start).map(|(name, _)| name);
        names.exact.extend(exact.filter(|name| !name.is_empty()).map(LocalPart::new));
        for (front, record) in behind(&assignments.wild, start).filter(|(front, _)| is_meant(front))
        {
            if !front.is_empty() {
                names.prefixes.insert(front.into());
            }
            let pre = record.pre.to_ascii_lowercase();
            self.add_home(&record.home, &record.dash, &pre, front, host, names);
        }
    }

    /// Names by `users/cdb`.
    fn add_assigned(&self, start: &BStr, host: Option<&DomainName>, names: &mut Names) {
        // In the local domains every virtual address has an inner form, DOMAIN-user: it is how
        // qmail writes the address to itself, and nobody else does.
        let is_meant = |front: &BStr| !(start.is_empty() && self.is_inner_form(front));
        self.add_records(start, host, names, is_meant);
        let Some(assignments) = &self.site.assignments else {
            return;
        };
        for (front, rest) in (0..start.len()).filter_map(|end| start.split_at_checked(end)) {
            if let Some(record) = assignments.wild.get(front.as_bstr()) {
                let pre = [record.pre.to_ascii_lowercase().as_slice(), rest].concat();
                self.add_home(&record.home, &record.dash, &pre, BStr::new(""), host, names);
            }
        }
    }

    fn is_inner_form(&self, prefix: &BStr) -> bool {
        let name = prefix.strip_suffix(b"-").unwrap_or(prefix.as_bytes());
        self.site.control.virtual_domains.contains_key(name.as_bstr())
    }

    /// Names by the Unix users and `alias`.
    fn add_users(&self, start: &BStr, host: Option<&DomainName>, names: &mut Names) {
        let counts = |user: &UnixUser| user.gets_mail && user.name != "alias";
        for (name, user) in behind(&self.users, start) {
            if counts(user) && !name.is_empty() {
                names.exact.insert(LocalPart::new(name));
                let front = BString::from([name.as_bytes(), b"-"].concat());
                names.prefixes.insert(front.clone());
                self.add_home(&user.home, b"-", b"", front.as_bstr(), host, names);
            }
        }
        for end in start.find_iter("-") {
            let (name, rest) = start.split_at_checked(end).unwrap_or_default();
            if let Some(user) = self.users.get(name.as_bstr()).filter(|user| counts(user)) {
                let rest = rest.get(1..).unwrap_or_default();
                self.add_home(&user.home, b"-", rest, BStr::new(""), host, names);
            }
        }
        if let Some(alias) = self.users.get(BStr::new("alias")) {
            // A user that gets mail has extensions: `alias-x` is another way to write `x`.
            if alias.gets_mail && start.is_empty() {
                let front = BStr::new("alias-");
                names.exact.insert(LocalPart::new("alias"));
                names.prefixes.insert(front.into());
                self.add_home(&alias.home, b"-", b"", front, host, names);
            }
            // Where the user gets mail, `alias-x` is its own address with the extension `x`.
            let own = start.strip_prefix(b"alias-").filter(|_| alias.gets_mail);
            self.add_home(&alias.home, b"-", own.unwrap_or(start), BStr::new(""), host, names);
        }
    }

    /// Names by the `.qmail` files of a home: an extension that begins with `pre` belongs to the
    /// local part `front` and what follows.
    fn add_home(
        &self,
        home: &RelPath,
        dash: &[u8],
        pre: &[u8],
        front: &BStr,
        host: Option<&DomainName>,
        names: &mut Names,
    ) {
        let Some(files) = self.site.homes.get(home).map(|home| &home.files) else {
            return;
        };
        let pre = pre.to_vec().replace(".", ":");
        // A colon stands for a dot, and for itself.
        let full = |rest: &[u8]| {
            let spelled = |rest: &[u8]| BString::from([front.as_bytes(), rest].concat());
            let own = rest.contains(&b':').then(|| spelled(rest));
            std::iter::once(spelled(&rest.replace(":", "."))).chain(own).collect::<Vec<_>>()
        };
        let begin = BString::from([dash, &pre].concat());
        for rest in files.behind(begin.as_bstr()) {
            // What `default` is cut from must still begin with `pre`.
            if [pre.as_slice(), rest].concat().ends_with(b"default") {
                let rest = rest.strip_suffix(b"default").filter(|rest| !rest.is_empty());
                names.prefixes.extend(rest.and_then(|rest| full(rest).into_iter().next()));
            } else if !rest.is_empty() || !front.is_empty() {
                names.exact.extend(full(rest).into_iter().map(LocalPart::new));
            }
        }
        // What a line asks for may be the whole name, or what stands behind the file's front.
        for (key, text) in self.compared.get(home).into_iter().flatten() {
            let file =
                key.strip_prefix(begin.as_bytes()).and_then(|it| it.strip_suffix(b"default"));
            let Some(rest) = file else { continue };
            let behind = [rest.replace(":", ".").as_slice(), text.as_slice()].concat();
            for name in [behind.as_slice(), text.as_slice()] {
                let name = [front.as_bytes(), name].concat().to_ascii_lowercase();
                names.exact.insert(LocalPart::new(name));
            }
        }
        let handing = |by_home: &BTreeMap<&RelPath, Vec<&BString>>| {
            by_home.get(home).is_some_and(|keys| keys.iter().any(|key| key.starts_with(dash)))
        };
        if handing(&self.to_accounts) {
            self.add_accounts(host, front, names);
        }
        if handing(&self.to_aliases) {
            self.add_aliases(host, names);
        }
    }

    /// Names by the accounts that `vdelivermail` finds for a host.
    fn add_accounts(&self, host: Option<&DomainName>, front: &BStr, names: &mut Names) {
        let Some(domain) = host.and_then(|host| self.domain_of(host)).filter(|_| front.is_empty())
        else {
            return;
        };
        for account in domain.accounts.iter().filter(|account| account.reachable) {
            names.exact.insert(account.name.clone());
            let files = self.user_extensions.then(|| self.site.homes.get(&account.home)).flatten();
            for extension in files
                .iter()
                .flat_map(|home| home.files.keys())
                .filter_map(|key| key.strip_prefix(b"-"))
            {
                let name =
                    |rest: &[u8]| [account.name.as_ref(), b"-", &rest.replace(":", ".")].concat();
                match extension.strip_suffix(b"default") {
                    Some(base) => drop(names.prefixes.insert(name(base).into())),
                    None => drop(names.exact.insert(LocalPart::new(name(extension)))),
                }
            }
        }
    }

    fn add_aliases(&self, host: Option<&DomainName>, names: &mut Names) {
        for key in self.site.alias_tables.values().flat_map(|table| table.entries.keys()) {
            match crate::model::Address::parse(key) {
                None => drop(names.exact.insert(LocalPart::new(key))),
                Some(address)
                    if Some(&address.domain) == host && !address.local.as_bstr().is_empty() =>
                {
                    names.exact.insert(address.local);
                }
                Some(_) => {}
            }
        }
    }
}
