//! The tables: which row makes Postfix do what the design says.
//!
//! The order of lookups that they rely on (`VIRTUAL_README`, `ADDRESS_REWRITING_README`; measured): an
//! address is asked for in every table before `@domain` is asked for in any; exact tables come
//! before patterns. A catch-all would swallow mailboxes and lists, so each of them that a wider
//! row could meet has an identity row.

use super::domains::{Domains, excepted, key_of};
use super::escape::{USUAL, address, local_part, regexp, replacement, reply};
use super::groups::keeps_name;
use super::master_cf::service_to;
use super::posters::Class;
use super::rows::{Block, Patterns, Place, Table, head};
use crate::model::design::{
    Design, DomainPattern, Extensions, HOMES, INSIDE, LocalPattern, Mailbox, RefusedClient, Role,
    Route, Target,
};
use crate::model::{Address, DomainName, RelPath};
use crate::target::Artifact;
use crate::target::wiring::Wiring;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a sender is told of an address that nobody has.
const NO_MAILBOX: &str = "5.1.1 Sorry, no mailbox here by that name";

/// How mail reaches a mailbox.
pub(super) const LMTP: &str = "lmtp:unix:private/dovecot-lmtp";

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) domains: Table,
    pub(super) domain_patterns: Vec<u8>,
    pub(super) alias_domains: Table,
    pub(super) mailboxes: Table,
    pub(super) aliases: Table,
    pub(super) patterns: Patterns,
    pub(super) extensions: Table,
    pub(super) transport: Table,
    pub(super) transport_patterns: Patterns,
    pub(super) refused_recipients: Table,
    pub(super) refused_patterns: Patterns,
    pub(super) inner_domains: Table,
    pub(super) refused_senders: Table,
    pub(super) refused_networks: Vec<u8>,
    pub(super) refused_hosts: Table,
    pub(super) relay_domains: Vec<u8>,
    pub(super) percent_addresses: Vec<u8>,
    /// The class that says who may write to an address.
    pub(super) list_posts: Table,
    pub(super) classes: Vec<Class>,
    /// Most targets of one row.
    pub(super) widest: usize,
    /// Rows that lead to another row: no chain of aliases is longer.
    pub(super) links: usize,
}

impl Tables {
    pub(super) fn new(design: &Design, wiring: &Wiring) -> Self {
        let domains = Domains::new(design);
        let mut tables = Self::default();
        tables.add_domains(design);
        tables.add_clients(design);
        tables.add_senders(design);
        tables.add_recipients(design);
        tables.add_inside();
        for (at, list) in &wiring.lists {
            tables.add_list(at, list, &domains, design);
        }
        let posters = wiring.lists.iter();
        let posters = posters.filter_map(|(at, list)| Some((at, list.posters.as_ref()?)));
        tables.add_posters(posters, &domains, design);
        for mailbox in design.mailboxes.values() {
            tables.add_mailbox(mailbox, &domains, design);
        }
        for route in &design.routes {
            tables.add_route(route, &domains, design);
        }
        tables.add_next_hops(design);
        tables.add_pipes(design);
        tables.add_percent(design);
        tables
    }

    fn add_domains(&mut self, design: &Design) {
        // Nothing leaves from an alias domain, whatever the transport table says (`resolve.c`).
        let leaving = design.routes.iter().filter(|route| *route.targets == [Target::Remote]);
        let leaving: BTreeSet<&DomainPattern> =
            leaving.map(|route| &route.pattern.domain).collect();
        for (pattern, domain) in &design.domains {
            match (pattern, &domain.role) {
                (DomainPattern::Domain(name), Role::Own) => self.domains.add(name, "-"),
                (DomainPattern::Domain(name), _) if leaving.contains(pattern) => {
                    self.domains.add(name, "-");
                }
                (DomainPattern::Domain(name), Role::AliasOf(real)) => {
                    self.alias_domains.add(name, real);
                }
                (DomainPattern::Under(suffix), _) => {
                    let guards: Vec<Vec<u8>> = excepted(design, suffix)
                        .iter()
                        .map(|name| [b"if !/^", name.as_slice(), b"$/\n"].concat())
                        .collect();
                    self.domain_patterns.extend(guards.concat());
                    self.domain_patterns.extend_from_slice(
                        &[b"/^[^@]*", regexp(suffix).as_slice(), b"$/ -\n"].concat(),
                    );
                    for _ in &guards {
                        self.domain_patterns.extend_from_slice(b"endif\n");
                    }
                }
            }
            if !domain.open {
                let key = key_of(pattern);
                self.inner_domains.add(
                    key,
                    "REJECT 5.7.1 Sorry, that domain is not in my list of allowed domains",
                );
            }
        }
        // The first that matches counts: what is served under a suffix that is passed on comes first,
        // for a domain must be in one class only (`ADDRESS_CLASS_README`).
        let is_under_relayed = |key: &&[u8]| {
            design.relayed.iter().any(|relayed| {
                let suffix = &relayed.value;
                suffix.starts_with(b".") && key.len() > suffix.len() && key.ends_with(suffix)
            })
        };
        for key in design.domains.keys().map(key_of).filter(is_under_relayed) {
            self.relay_domains.extend_from_slice(&[b"!", key, b"\n"].concat());
        }
        for relayed in &design.relayed {
            self.relay_domains.extend_from_slice(&[relayed.value.as_slice(), b"\n"].concat());
        }
    }

    fn add_clients(&mut self, design: &Design) {
        let verdict = |refuses: bool| if refuses { "REJECT" } else { "DUNNO" };
        for client in &design.refused_clients {
            match client {
                RefusedClient::Network(network, refuses) => {
                    let net = match network.address {
                        IpAddr::V4(_) => network.to_string(),
                        IpAddr::V6(address) => format!("{address}/{}", network.prefix),
                    };
                    self.refused_networks.extend(format!("{net} {}\n", verdict(*refuses)).bytes());
                }
                RefusedClient::Host(name, refuses)
                    if DomainName::new(name.strip_prefix(b".").unwrap_or(name)).is_plain() =>
                {
                    self.refused_hosts.add(name, verdict(*refuses));
                }
                RefusedClient::Host(..) => {}
            }
        }
    }

    /// `@host` is every sender at exactly that host.
    fn add_senders(&mut self, design: &Design) {
        const REFUSED: &str = "553 5.7.1 Sorry, your envelope sender is in my badmailfrom list";
        for sender in &design.refused_senders {
            self.refused_senders
                .add(sender.value.strip_prefix(b"@").unwrap_or(&sender.value), REFUSED);
        }
    }

    /// The same of recipients, for clients that may not relay.
    fn add_recipients(&mut self, design: &Design) {
        const REFUSED: &str = "553 5.7.1 Sorry, your envelope recipient is in my badrcptto list";
        for entry in &design.refused_recipients {
            self.inner_domains.add(entry.value.strip_prefix(b"@").unwrap_or(&entry.value), REFUSED);
        }
    }

    /// The domain of inner addresses leads nowhere but to what it is for.
    fn add_inside(&mut self) {
        self.transport.add(INSIDE, "error:5.1.1 No such inner address");
        self.transport.add(discarding(), "discard:unqmail");
        self.refused_recipients.add(INSIDE, "550 5.1.2 No such domain");
        // An empty table would make Postfix take every recipient.
        self.mailboxes.add(format!("nobody@{INSIDE}"), "-");
    }

    fn add_mailbox(&mut self, mailbox: &Mailbox, domains: &Domains<'_>, design: &Design) {
        let own = address(&mailbox.address);
        let is_served = design.domain(&mailbox.address.domain).is_some();
        if mailbox.is_plain {
            self.add_final(&mailbox.address, below_mail(&mailbox.home()), domains, design);
            if domains.refuses_around(&mailbox.address) {
                self.transport.add(&own, LMTP);
            }
            for copy in domains.copies(&mailbox.address) {
                self.add_alias(&copy, own.clone());
            }
        } else if Self::is_cut_off(mailbox, domains, design) {
            // Dovecot would take what a forward brings here.
            self.transport.add(&own, format!("error:{}", permanent("")));
        }
        if mailbox.is_direct {
            self.transport.add(address(&mailbox.inner_address()), LMTP);
        }
        let target = match mailbox.extensions {
            Extensions::Unknown => return,
            Extensions::LikeAddress => own,
            Extensions::IntoMailbox => address(&mailbox.inner_address()),
        };
        if is_served {
            let names = std::iter::once(&mailbox.address.domain)
                .chain(domains.of(&mailbox.address.domain).iter().copied());
            for name in names {
                self.extensions.add(address(&Address::of(&mailbox.address.local, name)), &target);
            }
        }
    }

    /// Whether nothing takes mail for an address, although somebody logs in by it.
    fn is_cut_off(mailbox: &Mailbox, domains: &Domains<'_>, design: &Design) -> bool {
        let at = &mailbox.address;
        mailbox.is_reachable
            && design.serves(&at.domain)
            && !domains.routed.contains(at)
            && !domains.needs_identity(at, &design.lists)
    }

    /// An address where mail ends: it is valid, and no wider row takes it.
    pub(super) fn add_final(
        &mut self,
        at: &Address,
        what: BString,
        domains: &Domains<'_>,
        design: &Design,
    ) {
        self.mailboxes.add(address(at), what);
        if domains.needs_identity(at, &design.lists) || at.local.as_bstr().starts_with(b"#") {
            self.add_alias(at, address(at));
        }
    }

    /// A key cannot begin with `#`: that would be a comment.
    pub(super) fn add_alias(&mut self, at: &Address, value: BString) {
        if at.local.as_bstr().starts_with(b"#") {
            let block = Block::new(regexp(at.domain.as_ref()));
            self.patterns.add(
                &block,
                Place::exact(),
                &regexp(&local_part(at.local.as_ref())),
                replacement(&value),
            );
        } else {
            self.aliases.add(address(at), value);
        }
    }

    fn add_route(&mut self, route: &Route, domains: &Domains<'_>, design: &Design) {
        self.widest = self.widest.max(route.targets.len());
        let leads_on = |target: &Target| matches!(target, Target::Address(to) if domains.routed.contains(&design.real(to)));
        self.links += usize::from(route.targets.iter().any(leads_on));
        match (&route.pattern.local, &route.pattern.domain) {
            (LocalPattern::Exact(local), DomainPattern::Domain(name)) => {
                self.add_exact(&Address::new(local, name), &route.targets, domains, design);
            }
            // A target that keeps the local part needs a pattern to keep it, unless it is the only one
            // and keeps it whole.
            (LocalPattern::Any, DomainPattern::Domain(name))
                if matches!(&*route.targets, [Target::SameLocal(_)])
                    || !route.targets.iter().any(keeps_name) =>
            {
                self.add_catch_all(name, &route.targets, domains);
            }
            _ => self.add_pattern(route, domains, design),
        }
    }

    fn add_exact(
        &mut self,
        at: &Address,
        targets: &[Target],
        domains: &Domains<'_>,
        design: &Design,
    ) {
        let key = address(at);
        let copies = domains.copies(at);
        let identity = domains.needs_identity(at, &design.lists);
        match targets {
            [Target::Reject(text)] => {
                let text = permanent(&reply(text));
                self.transport.add(&key, format!("error:{text}"));
                self.refused_recipients.add(&key, format!("550 {text}"));
                for copy in &copies {
                    self.refused_recipients.add(address(copy), format!("550 {text}"));
                }
                if identity {
                    self.add_alias(at, key);
                }
                return;
            }
            [Target::Defer(text)] => {
                let text = temporary(&reply(text));
                self.transport.add(&key, format!("retry:{text}"));
                self.refused_recipients.add(&key, format!("450 {text}"));
                for copy in &copies {
                    self.refused_recipients.add(address(copy), format!("450 {text}"));
                }
            }
            [Target::Remote] => {
                self.transport.add(&key, leaving(design, at.domain.as_ref()));
                self.mailboxes.add(&key, "-");
            }
            targets => {
                let keeps = targets.iter().any(|to| matches!(to, Target::Store(to) if to == at));
                if keeps && domains.refuses_around(at) && !design.lists.contains_key(at) {
                    self.transport.add(&key, LMTP);
                }
                self.add_alias(at, Self::values(Some(at), targets, design));
            }
        }
        if identity && matches!(targets, [Target::Defer(_) | Target::Remote]) {
            self.add_alias(at, key.clone());
        }
        for copy in &copies {
            self.add_alias(copy, key.clone());
        }
    }

    /// `@domain`; asked for last.
    fn add_catch_all(&mut self, name: &DomainName, targets: &[Target], domains: &Domains<'_>) {
        let key = [b"@", name.as_ref()].concat();
        match targets {
            [Target::Reject(_) | Target::Remote] => return,
            [Target::Defer(text)] => {
                // A row for the domain itself would hold back its mailboxes too.
                let waiting = address(&Address::new(
                    [b"waiting=", name.as_ref()].concat(),
                    &DomainName::new(INSIDE),
                ));
                self.transport.add(&waiting, format!("retry:{}", temporary(&reply(text))));
                self.aliases.add(&key, waiting);
            }
            // `@other` keeps the local part, and can only stand alone.
            [Target::SameLocal(other)] => self.aliases.add(&key, [b"@", other.as_ref()].concat()),
            targets => {
                let value = Self::values(None, targets, &Design::default());
                self.aliases.add(&key, value);
            }
        }
        for alias in domains.of(name) {
            self.aliases.add([b"@", alias.as_ref()].concat(), &key);
        }
    }

    /// The targets of a row, in order.
    pub(super) fn values(own: Option<&Address>, targets: &[Target], design: &Design) -> BString {
        let value = |target: &Target| -> Option<BString> {
            match target {
                Target::Address(to) => Some(address(to)),
                Target::Store(to) if Some(to) == own => Some(address(to)),
                Target::Store(to) => design
                    .mailboxes
                    .get(to)
                    .map(|mailbox| address(&mailbox.inner_address()))
                    .or_else(|| Some(inner(to))),
                Target::SameLocal(domain) => {
                    own.map(|own| address(&Address::of(&own.local, domain)))
                }
                Target::ListCommand(list) => Some(address(list)),
                Target::Discard => Some(discarding().into()),
                // These stand alone, or only for groups.
                Target::Behind(..) | Target::Remote | Target::Reject(_) | Target::Defer(_) => None,
            }
        };
        bstr::join(", ", targets.iter().filter_map(value)).into()
    }

    /// Only the tables lead to a program, nobody who sends.
    fn add_pipes(&mut self, design: &Design) {
        for (domain, transport) in super::pipes::transports(design) {
            self.transport.add(&domain, transport);
            self.refused_recipients.add(domain, "550 5.1.2 No such domain");
        }
    }

    fn add_next_hops(&mut self, design: &Design) {
        let covers = |name: &BString, key: &[u8]| {
            name == key || (name.starts_with(b".") && key.ends_with(name))
        };
        // qmail asks smtproutes only about mail that leaves; the transport table is asked always.
        for (pattern, domain) in &design.domains {
            let key = key_of(pattern);
            let is_covered = design.next_hops.iter().any(|(name, _)| covers(name, key));
            if domain.role == Role::Own && is_covered {
                self.transport.add(key, LMTP);
                for key in domain.except.iter().map(key_of) {
                    self.transport.add(key, leaving(design, key));
                }
            }
        }
        for (name, _) in design.next_hops.iter().filter(|(name, _)| !name.is_empty()) {
            self.transport.add(name, leaving(design, name));
        }
    }

    /// The tables as files; each table is gone before the next becomes one.
    pub(super) fn artifacts(self) -> Vec<Artifact> {
        let text = |name: &str, about: &str, rows: &[u8]| {
            Artifact::text(
                &format!("etc/postfix/unqmail/{name}"),
                [head(name, about).as_slice(), rows].concat(),
            )
        };
        let mut files = vec![
            self.domains.artifact("domains", "domains with mailboxes and addresses of their own"),
            text(
                "domain_patterns",
                "domains that are known by what they end in",
                &self.domain_patterns,
            ),
            self.alias_domains
                .artifact("alias_domains", "domains that share the addresses of another one"),
            self.mailboxes.artifact("mailboxes", "addresses where mail ends: mailboxes and lists"),
            self.aliases
                .artifact("aliases", "where mail for an address goes; @domain takes what is left"),
            self.patterns.artifact("patterns", "the same for groups of addresses"),
            self.extensions.artifact("extensions", "where mail for NAME-anything goes"),
            text(
                "strip_extension",
                "NAME-anything becomes NAME",
                format!("/^([^-@\"%]+)-[{USUAL}]*(@.*)$/ $1$2\n").as_bytes(),
            ),
            self.transport.artifact(
                "transport",
                "how mail leaves: next hops, lists, refusals, inner addresses",
            ),
            self.transport_patterns
                .artifact("transport_patterns", "the same for groups of addresses"),
            self.refused_recipients
                .artifact("refused_recipients", "addresses that are refused, with a text"),
            self.refused_patterns.artifact("refused_patterns", "the same for groups of addresses"),
            self.inner_domains.artifact(
                "inner_domains",
                "recipients that take mail only from clients that may relay",
            ),
            self.refused_senders.artifact("refused_senders", "senders that are refused"),
            text(
                "refused_networks",
                "clients that are refused, by address",
                &self.refused_networks,
            ),
            self.refused_hosts.artifact("refused_hosts", "clients that are refused, by host name"),
            text("relay_domains", "domains whose mail is passed on", &self.relay_domains),
            text(
                "percent_addresses",
                "user%domain@host is passed on for these domains only",
                &self.percent_addresses,
            ),
        ];
        if !self.classes.is_empty() {
            files.push(
                self.list_posts.artifact("list_posts", "who is asked who may post to a list"),
            );
        }
        files.extend(
            self.classes.into_iter().map(|class| {
                class.senders.artifact(&class.name, "senders that may post, or may not")
            }),
        );
        files
    }

    /// The tables that need compiling, in the order of their files.
    pub(super) fn compiled(&self) -> Vec<&str> {
        let mut names = vec![
            "alias_domains",
            "aliases",
            "domains",
            "extensions",
            "inner_domains",
            "mailboxes",
            "refused_hosts",
            "refused_recipients",
            "refused_senders",
            "transport",
        ];
        names.extend((!self.classes.is_empty()).then_some("list_posts"));
        names.extend(self.classes.iter().map(|class| class.name.as_str()));
        names
    }
}

/// The address whose mail is thrown away.
pub(super) fn discarding() -> String {
    format!("discard@{INSIDE}")
}

fn inner(to: &Address) -> BString {
    let local = [to.local.as_ref(), b"=", to.domain.as_ref()].concat();
    address(&Address::new(local, &DomainName::new(INSIDE)))
}

/// `DOMAIN/USER/Maildir/`.
fn below_mail(home: &RelPath) -> BString {
    let below = home.strip_prefix(&RelPath::new(HOMES)).unwrap_or_default();
    let escaped = below.replace(" ", "_");
    [escaped.as_slice(), b"/Maildir/"].concat().into()
}

/// How mail leaves for a domain. Hosts stand in brackets: qmail looks no MX up for them. No host means
/// the domain's own MX.
fn leaving(design: &Design, domain: &[u8]) -> String {
    match design.next_hop(domain).filter(|hop| !hop.host.is_empty()) {
        Some(hop) => format!("{}:{}", service_to(hop), bracketed(hop.host.as_bstr(), hop.port)),
        None => "smtp:".to_owned(),
    }
}

/// `[host]:port`; port 25 needs no mention.
pub(super) fn bracketed(host: &bstr::BStr, port: u16) -> String {
    let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    let host = bare.to_str_lossy();
    if port == 25 { format!("[{host}]") } else { format!("[{host}]:{port}") }
}

/// A text that begins with a code for a permanent failure.
pub(super) fn permanent(text: &str) -> String {
    match text {
        "" => NO_MAILBOX.to_owned(),
        text if text.starts_with("5.") => text.to_owned(),
        text => format!("5.1.1 {text}"),
    }
}

/// A text that begins with a code for a temporary failure.
pub(super) fn temporary(text: &str) -> String {
    if text.starts_with("4.") { text.to_owned() } else { format!("4.3.0 {text}").trim().to_owned() }
}
