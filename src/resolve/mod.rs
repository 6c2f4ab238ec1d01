//! What the old server does with mail for an address, told by its own rules.
//!
//! One [`Hop`] is what `qmail-send`, `qmail-lspawn`, `qmail-local` and the programs in a `.qmail`
//! file do with one recipient; [`Resolver::follow`] goes on through every forward that stays on
//! the server. Pure: it knows nothing but a [`Site`], and never runs a program.

mod aliases;
mod commands;
mod follow;
mod lists;
mod local;
mod needs;
mod owners;
mod program;
mod send;
mod shell;
mod smtpd;
mod spawn;
mod universe;
mod vdelivermail;

use follow::Marks;
pub use follow::{Followed, Resolution};
use owners::Owners;
pub use program::Surroundings;
use program::{ProgramLine, compared};
pub use universe::{Names, Served};

use crate::model::command_address::Answer;
use crate::model::dot_qmail::Instruction;
use crate::model::list::List;
use crate::model::outcome::Outcome;
use crate::model::site::{Site, Spot};
use crate::model::unix::UnixUser;
use crate::model::{Address, Domain, DomainName, LocalPart, Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Answers questions about one site.
#[derive(Debug)]
pub struct Resolver<'a> {
    site: &'a Site,
    /// `user-anything` reaches `user` in virtual domains (vpopmail's `--enable-qmail-ext`).
    user_extensions: bool,
    /// Full mailboxes refuse mail.
    counts_usage: bool,
    /// Databases that are missing or damaged are taken to be made again from their text.
    mends: bool,
    /// Whose own mail store a real path is.
    owners: Owners<'a>,
    /// Lists by every path that their programs are called with.
    lists: BTreeMap<RelPath, &'a List>,
    /// Unix users by name.
    users: BTreeMap<&'a BStr, &'a UnixUser>,
    /// vpopmail's alias domains, and what each is another name of.
    alias_domains: BTreeMap<&'a DomainName, &'a Domain>,
    /// Domains of the host itself, and the lines that name them.
    locals: BTreeMap<DomainName, Origin>,
    /// Addresses with an entry of their own in `virtualdomains`, by domain.
    single: BTreeMap<DomainName, Vec<LocalPart>>,
    /// `.qmail` files that hand mail to accounts, by home.
    to_accounts: BTreeMap<&'a RelPath, Vec<&'a BString>>,
    /// `.qmail` files that hand mail to the alias table, by home.
    to_aliases: BTreeMap<&'a RelPath, Vec<&'a BString>>,
    /// Texts that the lines of `-default` files compare a variable with, by home and file.
    compared: BTreeMap<&'a RelPath, Vec<(&'a BString, BString)>>,
    /// Program lines that many names stand behind.
    programs: BTreeMap<BString, ProgramLine>,
}

/// What happens to one recipient before anything is forwarded.
#[derive(Clone, Debug, Default)]
pub struct Hop {
    /// The effects, in order.
    pub actions: Vec<Act>,
    /// How it came to them, where somebody wants to know.
    steps: Option<Vec<Step>>,
    /// The `Delivered-To` values that would show a message to have been here before.
    marks: Vec<BString>,
    /// Programs that are running within each other.
    depth: usize,
    /// The `Delivered-To` lines that the message has.
    carried: Option<Arc<Marks>>,
}

/// An effect and the line that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The effect.
    pub action: Action,
    /// Where it is asked for.
    pub origin: Origin,
}

/// One effect of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stored at this real path.
    Store(RelPath),
    /// Sent on.
    Forward {
        /// The new recipient; it may still lack a host.
        to: BString,
        /// What it has of the address that was asked for.
        kept: Kept,
        /// What the forwarded message is marked with.
        mark: BString,
    },
    /// Sent to another server as it is: the address is not local.
    Remote(Address),
    /// Handed to a list.
    List {
        /// The list's own address.
        address: Address,
        /// `post`, or the command.
        action: BString,
        /// What it leads to, once one of its programs has said so.
        answer: Option<Answer>,
    },
    /// Answered by a robot, which is a folder with a message, or an account's vacation.
    Reply(BString),
    /// Handed to a program that is not known, or that decides by the message.
    Run(BString),
    /// Refused.
    Reject(BString),
    /// Tried again later.
    Defer(BString),
    /// Accepted without any effect.
    Discard,
}

/// One step of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub text: String,
    /// The line that says so, if one does.
    pub origin: Option<Origin>,
}

/// What a forward's target has of the address that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it is the same for every address.
    Nothing,
    /// The local part (`$EXT@host`).
    Local,
    /// Behind its own local part, what stands behind the front of a group (`$DEFAULT@host`).
    Behind,
    /// Something that no rule tells.
    Something,
}

impl Step {
    fn new(text: impl Into<String>, origin: Option<&Origin>) -> Self {
        Self { text: text.into(), origin: origin.cloned() }
    }
}

impl Hop {
    /// A hop that notes how it comes to its effects.
    fn traced() -> Self {
        Self { steps: Some(Vec::new()), ..Self::default() }
    }

    fn step(&mut self, text: fmt::Arguments<'_>, origin: Option<&Origin>) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step::new(text.to_string(), origin));
        }
    }

    fn act(&mut self, action: Action, origin: &Origin) {
        self.actions.push(Act { action, origin: origin.clone() });
    }

    /// Ends with a permanent failure. What was stored before stays stored.
    fn reject(&mut self, text: impl AsRef<[u8]>, origin: &Origin) {
        self.act(Action::Reject(text.as_ref().into()), origin);
    }

    /// Ends with a temporary failure: the message stays in the queue.
    fn defer(&mut self, text: impl AsRef<[u8]>, origin: &Origin) {
        self.act(Action::Defer(text.as_ref().into()), origin);
    }
}

impl<'a> Resolver<'a> {
    /// Prepares to answer. `user_extensions` says whether `user-anything@domain` reaches `user`;
    /// `None` goes by what the site's own files prove.
    pub fn new(site: &'a Site, user_extensions: Option<bool>) -> Self {
        let user_extensions = user_extensions.unwrap_or(site.user_extensions.is_some());
        let owners = Owners::new(site);
        let paths = |list: &'a List| {
            let paths = std::iter::once(&list.home).chain(&list.known_as);
            paths.map(move |path| (path.clone(), list))
        };
        let lists = site.lists.iter().flat_map(paths).collect();
        // Of equal names getpwnam(3) finds the first.
        let users = site.unix_users.iter().rev().map(|user| (user.name.as_bstr(), user)).collect();
        let names = |domain: &'a Domain| domain.aliases.iter().map(move |it| (&it.name, domain));
        // Of several the first domain counts.
        let alias_domains = site.domains.iter().rev().flat_map(names).collect();
        let locals = site.control.locals().into_iter();
        let locals = locals.map(|local| (local.value, local.origin)).collect();
        let mut single: BTreeMap<DomainName, Vec<LocalPart>> = BTreeMap::new();
        let keys = site.control.virtual_domains.keys().filter_map(|key| Address::parse(key));
        for address in keys.filter(|address| !address.local.as_bstr().is_empty()) {
            single.entry(address.domain).or_default().push(address.local);
        }
        let mut resolver = Self {
            site,
            user_extensions,
            counts_usage: true,
            mends: false,
            owners,
            lists,
            users,
            alias_domains,
            locals,
            single,
            to_accounts: BTreeMap::new(),
            to_aliases: BTreeMap::new(),
            compared: BTreeMap::new(),
            programs: BTreeMap::new(),
        };
        resolver.add_unix_owners();
        resolver.add_handing_files();
        resolver
    }

    /// Takes every mailbox to have room, for rules that outlast the mail of the day.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.counts_usage = false;
        self
    }

    /// Takes databases that are missing or damaged to be made again from the text beside them, as
    /// the new server goes by it.
    #[must_use]
    pub fn mended(mut self) -> Self {
        self.mends = true;
        self
    }

    /// The site that the answers are about.
    pub fn site(&self) -> &'a Site {
        self.site
    }

    /// Whether a domain's users are the host's own.
    pub fn is_local(&self, domain: &DomainName) -> bool {
        self.locals.contains_key(domain)
    }

    /// The real name of one of vpopmail's alias domains.
    pub fn real_domain(&self, alias: &DomainName) -> Option<&'a DomainName> {
        self.alias_domains.get(alias).map(|domain| &domain.name)
    }

    /// Whether `user-anything` is taken to reach `user`.
    pub fn has_user_extensions(&self) -> bool {
        self.user_extensions
    }

    /// Whether a real path is the account's own store, not a folder in it.
    pub fn is_own_store(&self, path: &RelPath, account: &Address) -> bool {
        self.owners.get(path).as_ref() == Some(account)
    }

    /// The account whose own store lies at a real path, or holds it as a folder.
    pub fn owner(&self, path: &RelPath) -> Option<Address> {
        self.owners.get(path).or_else(|| {
            let is_folder = path.file_name().starts_with(b".");
            is_folder.then(|| self.owners.get(&path.parent())).flatten()
        })
    }

    /// The real paths of the stores that belong to addresses of a domain.
    pub fn stores_of(&self, domain: &DomainName) -> Vec<(RelPath, Address)> {
        self.owners.of_domain(domain)
    }

    /// Looks for the programs that many names stand behind, once and not for every domain.
    fn add_handing_files(&mut self) {
        for (path, home) in &self.site.homes {
            for (key, file) in home.files.iter() {
                if key.ends_with(b"default") {
                    let texts = file.lines.iter().flat_map(compared).map(|text| (key, text));
                    self.compared.entry(path).or_default().extend(texts);
                }
                if file.leads_to_accounts() {
                    self.to_accounts.entry(path).or_default().push(key);
                    for line in file.lines.iter().map(|line| Instruction::qmail_local(line)) {
                        if let Instruction::Program(line) = line {
                            let read = || ProgramLine::read(line.as_bstr());
                            self.programs.entry(line.clone()).or_insert_with(read);
                        }
                    }
                }
                if file.lines.iter().any(|line| line.contains_str("fastforward")) {
                    self.to_aliases.entry(path).or_default().push(key);
                }
            }
        }
    }

    /// A Unix user's own store is where mail goes without a `.qmail` file, or a mailbox by one of
    /// the usual names.
    fn add_unix_owners(&mut self) {
        let Some(domain) = self.site.unix_domain() else {
            return;
        };
        let users = self.site.unix_users.iter();
        for user in users.filter(|user| user.gets_mail || user.name == "alias") {
            let address = Address::new(&user.name, &domain);
            for path in self.default_stores(&user.home) {
                self.owners.add(path, &address);
            }
            for path in user.usual_mailboxes() {
                let path = self.site.real_store(&path).clone();
                let is_named = matches!(self.site.spots.get(&path), Some(Spot::Room(_)));
                if is_named || self.site.stores.contains_key(&path) {
                    self.owners.add(path, &address);
                }
            }
        }
    }

    /// The existing stores that the default delivery leads to for a home.
    fn default_stores(&self, home: &RelPath) -> Vec<RelPath> {
        let lines = self.site.control.default_delivery.iter();
        lines
            .filter_map(|line| match Instruction::qmail_local(&line.value) {
                Instruction::Maildir(name) | Instruction::Mbox(name) => {
                    match self.site.spots.get(&home.join(name)) {
                        Some(Spot::Maildir(path) | Spot::File(path) | Spot::Room(path)) => {
                            Some(path.clone())
                        }
                        _ => None,
                    }
                }
                _ => None,
            })
            .collect()
    }

    /// What storing at a real path means to a reader.
    fn stored(&self, path: &RelPath) -> Outcome {
        match self.owner(path) {
            Some(account) => Outcome::Deliver { account, path: path.clone() },
            None => Outcome::File(path.clone()),
        }
    }

    /// What happens to mail for one recipient, its forwards not followed.
    pub fn hop(&self, recipient: &BStr) -> Hop {
        let mut hop = Hop::default();
        self.run_hop(recipient, &mut hop);
        hop
    }

    fn run_hop(&self, recipient: &BStr, hop: &mut Hop) {
        match self.route(recipient, hop) {
            send::Routed::Remote(address, origin) => hop.act(Action::Remote(address), &origin),
            send::Routed::Local { local, host } => self.deliver(local.as_bstr(), &host, hop),
        }
    }
}
