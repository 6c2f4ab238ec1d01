//! What there shall be on the new server, told without the words of any program that serves mail.

use super::command_address::{Answer, Command};
use super::filter::Filter;
use super::list::List;
use super::memory::Pop3;
use super::network::Network;
use super::password::{Scheme, Secret};
use super::quota::Quota;
use super::store::StoreKind;
use super::{Address, DomainName, LocalPart, Origin, RelPath, Sourced, component};
use bstr::{BStr, BString};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every byte that a mailbox's name may hold, its domain included: those that vpopmail allows.
pub const LOGIN_NAME_BYTES: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@!#$&'*+/=?^`{|}~";

/// The new server.
#[derive(Clone, Debug, Default)]
pub struct Design {
    /// The host itself and its limits.
    pub host: Host,
    /// Domains that mail is taken for.
    pub domains: BTreeMap<DomainPattern, MailDomain>,
    /// Mailboxes.
    pub mailboxes: BTreeMap<Address, Mailbox>,
    /// What happens to mail for addresses that are no plain mailbox or list, sorted by pattern.
    pub routes: Vec<Route>,
    /// Mailing lists by their own address.
    pub lists: BTreeMap<Address, MailingList>,
    /// Domains whose mail is passed on, by name; a leading dot stands for everything under it.
    pub relayed: Vec<Sourced<BString>>,
    /// Where mail for remote domains goes, most specific first; the empty name is every domain.
    pub next_hops: Vec<(BString, NextHop)>,
    /// `user%domain@THIS` is passed on to `user@domain` for domains that are served here.
    pub percent_domains: Vec<Sourced<DomainName>>,
    /// Clients that may send anywhere, and parts of them that may not; most specific first.
    pub networks: Vec<NetworkRule>,
    /// Clients that may not connect, in the order in which they are looked at.
    pub refused_clients: Vec<RefusedClient>,
    /// Senders that are refused: an address, or `@domain`.
    pub refused_senders: Vec<Sourced<BString>>,
    /// Recipients that are refused from clients that may not relay: an address, or `@domain`.
    pub refused_recipients: Vec<Sourced<BString>>,
    /// How people log in.
    pub login: Login,
    /// Mailboxes that stand for files of the old server that were no account's, by real path.
    pub adopted: BTreeMap<RelPath, Address>,
    /// Mailboxes that stand for addresses which only answered: they keep nothing.
    pub robots: BTreeSet<Address>,
    /// What is done with the mail of mailboxes before it is stored.
    pub filters: BTreeMap<Address, Filter>,
    /// Programs that run on the new server, by their number.
    pub pipes: Vec<Pipe>,
    /// Stored mail to carry over, sorted by mailbox.
    pub copies: Vec<MailCopy>,
    /// Numeric ids of the users that own things.
    pub ids: Ids,
    /// Something of the old server looked for spam: mail that is marked goes into a folder of its own.
    pub spam: Option<MarkedSpam>,
    /// Some message's name states a wrong size.
    pub wrong_sizes: bool,
    /// Some folder gives rights to others, or takes some from its owner.
    pub grants: bool,
    /// The program whose POP3 clients shall find their mail again.
    pub pop3: Pop3,
    /// What the owners of a domain manage by themselves.
    pub managed: BTreeMap<DomainName, Management>,
}

/// The host and its limits; `None` leaves the new program's default.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Its full name.
    pub name: DomainName,
    /// The domain of addresses without one.
    pub bare_domain: DomainName,
    /// What the SMTP server says first, after the host's name.
    pub greeting: Option<BString>,
    /// The name it gives itself when it sends.
    pub helo: Option<BString>,
    /// Largest message in bytes; 0 is no limit.
    pub message_bytes: Option<u64>,
    /// How long mail is tried, in seconds.
    pub queue_seconds: Option<u64>,
    /// Waits of the SMTP server, in seconds.
    pub server_timeout: Option<u64>,
    /// Wait for a connection, in seconds.
    pub connect_timeout: Option<u64>,
    /// Wait for an answer when sending, in seconds.
    pub send_timeout: Option<u64>,
    /// SMTP connections at a time.
    pub incoming: Option<u64>,
    /// Outgoing connections at a time.
    pub outgoing: Option<u64>,
    /// Local deliveries at a time.
    pub deliveries: Option<u64>,
    /// Recipients of one message.
    pub recipients: Option<u64>,
    /// Who gets bounces of bounces.
    pub double_bounces: DoubleBounces,
    /// Certificate and key by path on the new host; `None` for the distribution's own.
    pub certificate: Option<(String, String)>,
}

/// A domain, or every domain under one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DomainPattern {
    /// This domain.
    Domain(DomainName),
    /// Every domain that ends like this; with the leading dot.
    Under(BString),
}

impl DomainPattern {
    /// Whether it means this domain.
    pub fn matches(&self, name: &DomainName) -> bool {
        match self {
            Self::Domain(own) => own == name,
            Self::Under(suffix) => name.suffixes().any(|end| end == suffix),
        }
    }
}

/// A domain that mail is taken for.
#[derive(Clone, Debug)]
pub struct MailDomain {
    /// Which addresses it has.
    pub role: Role,
    /// Whether mail from outside is taken; else only from clients that may send anywhere.
    pub open: bool,
    /// Domains under it that are not meant.
    pub except: Vec<DomainPattern>,
    /// The line that makes it one.
    pub origin: Origin,
}

/// Which addresses a domain has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its own.
    Own,
    /// Those of another domain.
    AliasOf(DomainName),
}

/// A mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Its address, which is the login name too.
    pub address: Address,
    /// The hash, if anybody may log in.
    pub password: Option<(Scheme, Secret)>,
    /// Other names to log in by.
    pub logins: Vec<BString>,
    /// Limits.
    pub quota: Quota,
    /// Ways in that are closed.
    pub denied: Denied,
    /// Whether mail and login can reach it at all; else it only keeps old mail.
    pub is_reachable: bool,
    /// Mail to the address goes to the mailbox and nowhere else.
    pub is_plain: bool,
    /// What becomes of mail to `name-anything`.
    pub extensions: Extensions,
    /// Some route puts mail into the mailbox past the address's own rules.
    pub is_direct: bool,
    /// The line that defines it.
    pub origin: Origin,
}

/// What becomes of mail to `name-anything` for a mailbox `name`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extensions {
    /// Nothing: it is an unknown address.
    #[default]
    Unknown,
    /// The same as of mail to `name`.
    LikeAddress,
    /// It goes into the mailbox, whatever mail to `name` does.
    IntoMailbox,
}

/// Ways to log in that are closed for a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// IMAP from other hosts.
    pub imap: bool,
    /// IMAP from the host itself, where the webmail runs.
    pub webmail: bool,
    /// POP3.
    pub pop3: bool,
    /// SMTP AUTH.
    pub smtp: bool,
}

/// What happens to mail for an address or a group of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The addresses.
    pub pattern: Pattern,
    /// Where their mail goes.
    pub targets: Arc<[Target]>,
    /// The line that says so.
    pub origin: Origin,
}

/// A group of addresses. Sorted by domain, and there the most specific first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// The domain.
    pub domain: DomainPattern,
    /// The local parts.
    pub local: LocalPattern,
}

/// A group of local parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalPattern {
    /// This one.
    Exact(LocalPart),
    /// Those that begin like this.
    Prefix(BString),
    /// Those of the others with a byte that no account's name may hold, and the empty one.
    Odd,
    /// All others.
    Any,
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// To an address, here or elsewhere.
    Address(Address),
    /// Into the mailbox of an address, past the address's own rules.
    Store(Address),
    /// To the same local part in another domain.
    SameLocal(DomainName),
    /// To an address whose local part is this and what follows the route's prefix.
    Behind(BString, DomainName),
    /// To a list; what follows the route's prefix is a command.
    ListCommand(Address),
    /// Out by the domain's own MX, although the domain is served here.
    Remote,
    /// Nowhere.
    Discard,
    /// Refused, with this text.
    Reject(BString),
    /// Kept for later, with this text.
    Defer(BString),
}

/// A mailing list and what runs it.
#[derive(Clone, Debug)]
pub struct MailingList {
    /// The list as it was.
    pub list: List,
    /// What runs it on the new server.
    pub manager: ListManager,
    /// Who gets mail for the owner.
    pub owners: Vec<Address>,
    /// What the old list did with mail to the addresses beside its own.
    pub answers: BTreeMap<Command, Answer>,
}

/// What runs a list on the new server; the name is the word in `unqmail.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListManager {
    /// mlmmj.
    #[default]
    Mlmmj,
    /// Mailman 3 core.
    Mailman,
    /// Sympa.
    Sympa,
    /// Nothing: the list's address is an alias for its members.
    Alias,
}

/// Where mail for remote domains goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Host name or address; empty for the domain's own MX.
    pub host: BString,
    /// TCP port.
    pub port: u16,
    /// The line that says so.
    pub origin: Origin,
}

impl NextHop {
    /// Whether TLS begins before the first word, as on port 465 (RFC 8314; `tls_quit` in the TLS patch's
    /// `qmail-remote.c`).
    pub fn begins_with_tls(&self) -> bool {
        self.port == 465
    }
}

/// Whether clients of a network may send anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRule {
    /// The network.
    pub network: Network,
    /// Whether they may.
    pub relays: bool,
    /// The line.
    pub origin: Origin,
}

/// A client that may not connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedClient {
    /// By address; `true` refuses, `false` ends the search.
    Network(Network, bool),
    /// By host name; a leading dot stands for everything under it.
    Host(BString, bool),
}

/// Who manages the accounts and aliases of a domain, and how many there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Management {
    /// The mailboxes of those who do.
    pub administrators: Vec<Address>,
    /// How many accounts there may be; `None` is no limit.
    pub accounts: Option<u64>,
    /// How many aliases and forwards there may be; `None` is no limit.
    pub aliases: Option<u64>,
    /// What all mailboxes together may hold, in MiB; 0 is no limit.
    pub megabytes: u64,
}

/// How people log in.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The domain of login names without one.
    pub default_domain: DomainName,
    /// Passwords may cross the network without TLS.
    pub plaintext: bool,
    /// Some hash is of a kind that servers refuse unless told otherwise.
    pub weak_hashes: bool,
}

/// A store of the old server that goes into a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailCopy {
    /// The mailbox.
    pub to: Address,
    /// Its home on the new host.
    pub home: RelPath,
    /// The store on the old one, links followed.
    pub from: RelPath,
    /// What it is.
    pub kind: StoreKind,
    /// Folders that get another name, because IMAP servers could not open them under their own.
    pub renamed: BTreeMap<BString, BString>,
}

impl MailCopy {
    /// The folder's name on the new host.
    pub fn folder<'a>(&'a self, name: &'a BString) -> &'a BString {
        self.renamed.get(name).unwrap_or(name)
    }
}

/// Who gets bounces of bounces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DoubleBounces {
    /// The postmaster.
    #[default]
    Postmaster,
    /// Somebody else.
    To(Address),
    /// Nobody: they are thrown away.
    Nobody,
}

/// Whose mail does not go into a folder of its own when it is marked as spam.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkedSpam {
    /// It is thrown away.
    pub thrown_away: Recipients,
    /// Nothing looked for spam in it, or its receiver's own rules go by the mark.
    pub left_alone: Recipients,
}

/// Some mailboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Each by its address.
    pub addresses: BTreeSet<Address>,
    /// All of a domain.
    pub domains: BTreeSet<DomainName>,
}

/// Numeric user and group ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Owner of all mail.
    pub mail: (u32, u32),
    /// Owner of all lists.
    pub lists: (u32, u32),
}

impl Default for Ids {
    fn default() -> Self {
        Self { mail: (5000, 5000), lists: (5001, 5001) }
    }
}

/// The domain of addresses that exist only inside the new server; RFC 2606 keeps `.invalid` from
/// the world.
pub const INSIDE: &str = "unqmail.invalid";

/// A program that mail is handed to, and what qmail told it (qmail-command(8)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// The command line as it stands.
    pub line: BString,
    /// The command line behind `preline`.
    pub command: BString,
    /// The options of `preline`, behind a `-`; nothing where it was not called.
    pub preline: Option<BString>,
    /// The Unix user that runs it.
    pub runs_as: String,
    /// The user's ids on the old server.
    pub ids: (u32, u32),
    /// `$USER`.
    pub user: BString,
    /// Where it runs.
    pub folder: RelPath,
    /// `$HOME`.
    pub home: RelPath,
    /// `$HOST`.
    pub host: DomainName,
    /// What stands in `$LOCAL` before the local part.
    pub prepend: BString,
    /// Where in `$LOCAL` `$EXT` begins.
    pub extension_at: usize,
    /// Where in `$EXT` `$DEFAULT` begins.
    pub default_at: Option<usize>,
    /// The line.
    pub origin: Origin,
}

/// The domain inside the new server whose mail goes to the program of a number.
pub fn pipe_domain(number: usize) -> DomainName {
    DomainName::new(format!("pipe-{number}.{INSIDE}"))
}

/// Where the homes of mailboxes lie: `DOMAIN/USER` (the layout of a target).
pub const HOMES: &str = "var/vmail";

/// The home of a mailbox on the new host, `var/vmail/DOMAIN/USER`.
pub fn mailbox_home(address: &Address) -> RelPath {
    let (domain, user) = (component(address.domain.as_ref()), component(address.local.as_ref()));
    RelPath::new(HOMES).join(domain).join(user)
}

impl MailingList {
    /// `DOMAIN/LIST`, each as a path component.
    pub fn place(&self) -> RelPath {
        let address = &self.list.address;
        RelPath::new(component(address.domain.as_ref())).join(component(address.local.as_ref()))
    }
}

impl ListManager {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Mlmmj, Self::Mailman, Self::Sympa, Self::Alias];

    /// Its word in `unqmail.toml`, and the name of its page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlmmj => "mlmmj",
            Self::Mailman => "mailman",
            Self::Sympa => "sympa",
            Self::Alias => "alias",
        }
    }
}

impl Mailbox {
    /// One that takes mail and that nobody can log in to.
    pub fn without_login(address: Address, origin: Origin) -> Self {
        Self {
            address,
            password: None,
            logins: Vec::new(),
            quota: Quota::default(),
            denied: Denied::default(),
            is_reachable: true,
            is_plain: false,
            extensions: Extensions::Unknown,
            is_direct: false,
            origin,
        }
    }

    /// Its home on the new host; the mail is in `Maildir` beneath. Told by the address, not kept.
    pub fn home(&self) -> RelPath {
        mailbox_home(&self.address)
    }

    /// The address that leads into the mailbox past its address's own rules: `user=domain` in the
    /// domain [`INSIDE`].
    pub fn inner_address(&self) -> Address {
        let local = [self.address.local.as_ref(), b"=", self.address.domain.as_ref()].concat();
        Address::new(local, &DomainName::new(INSIDE))
    }
}

impl Design {
    /// By which host mail leaves for a domain, or for all under a suffix with its dot (`smtproutes` in
    /// qmail-remote(8)): the domain's own entry, else that of the longest suffix, else the one for all.
    pub fn next_hop(&self, domain: &[u8]) -> Option<&NextHop> {
        let is_for = |name: &BString| {
            name == domain || name.is_empty() || (name.starts_with(b".") && domain.ends_with(name))
        };
        self.next_hops.iter().find(|(name, _)| is_for(name)).map(|(_, hop)| hop)
    }

    /// The domain entry for exactly this name.
    pub fn domain(&self, name: &DomainName) -> Option<&MailDomain> {
        self.domains.get(&DomainPattern::Domain(name.clone()))
    }

    /// The stores that go into a mailbox.
    pub fn copies_into(&self, address: &Address) -> impl Iterator<Item = &MailCopy> {
        let start = self.copies.partition_point(|copy| copy.to < *address);
        let rest = self.copies.get(start..).unwrap_or_default().iter();
        rest.take_while(move |copy| copy.to == *address)
    }

    /// The route of exactly this address.
    pub fn route_of(&self, address: &Address) -> Option<&Route> {
        let pattern = Pattern {
            domain: DomainPattern::Domain(address.domain.clone()),
            local: LocalPattern::Exact(address.local.clone()),
        };
        let at = self.routes.binary_search_by(|route| route.pattern.cmp(&pattern)).ok()?;
        self.routes.get(at)
    }

    /// Whether mail for the domain stays here.
    pub fn serves(&self, name: &DomainName) -> bool {
        let under = |suffix: &BStr| self.domains.get(&DomainPattern::Under(suffix.into()));
        self.domain(name).is_some()
            || name
                .suffixes()
                .filter_map(under)
                .any(|domain| !domain.except.iter().any(|pattern| pattern.matches(name)))
    }

    /// The address in the domain that really has it.
    pub fn real(&self, address: &Address) -> Address {
        match self.domain(&address.domain).map(|domain| &domain.role) {
            Some(Role::AliasOf(real)) => Address::of(&address.local, real),
            _ => address.clone(),
        }
    }
}
