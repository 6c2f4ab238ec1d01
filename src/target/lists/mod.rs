//! Mailing lists: a folder for each program that can run them.

mod alias;
mod kit;
mod lost;
pub mod mailman;
pub mod mlmmj;
mod neutral;
mod posting;
mod replies;
pub mod sympa;
mod texts;
mod told;
#[cfg(test)]
mod trial;

use super::wiring::{Way, Wiring};
use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, DomainPattern, ListManager, MailingList, Role};
use crate::model::list::List;
use crate::model::{self, Address, DomainName, RelPath};
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;

/// Writes the files of all lists.
#[derive(Clone, Copy, Debug)]
pub struct Lists;

/// Where the folders `DOMAIN/LIST` of lists lie on the new host.
pub const HOMES: &[&str] = &["var/lib/unqmail/lists", "var/spool/mlmmj"];

/// What works where a manager knows the commands that people use most.
const SOME_COMMANDS: &str = "subscribe, unsubscribe, help and owner work, what was refused is refused; others are answered with help";

/// A program that runs lists.
pub trait Manager: Sync {
    /// The folder of a list's archived posts, a file each, named by its number.
    fn archive(&self, list: &MailingList) -> RelPath;
    /// What its lists need of Postfix and the host.
    fn wiring(&self, lists: &[Run<'_>], design: &Design) -> Wiring;
    /// Which of the old commands work and what comes of the others, in one sentence.
    fn commands(&self) -> &'static str;
    /// How it keeps the settings of one of its lists.
    fn kept(&self, list: &MailingList) -> Vec<Kept>;
    /// Adds the files of its lists.
    fn emit(
        &self,
        lists: &[Run<'_>],
        design: &Design,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    );
}

/// How a setting is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The setting, by the name that reports use.
    pub setting: &'static str,
    /// A file of the new server.
    pub file: RelPath,
    /// What of it says so; `None` where it does by not being there.
    pub value: Option<BString>,
}

/// A list, and what its manager should know beside it.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Its address in the domain that really has it.
    pub at: &'a Address,
    /// The list.
    pub list: &'a MailingList,
    /// Other domains in which it has the same address.
    pub aliases: Vec<DomainName>,
    /// Who gets mail for the owner: the people behind the owner's address where an alias of its own
    /// names nobody else, and the address itself where it does not.
    pub owners: Vec<Address>,
}

/// The registry of managers.
pub fn of(manager: ListManager) -> &'static dyn Manager {
    match manager {
        ListManager::Mlmmj => &mlmmj::Mlmmj,
        ListManager::Mailman => &mailman::Mailman,
        ListManager::Sympa => &sympa::Sympa,
        ListManager::Alias => &alias::Alias,
    }
}

/// The folder of a list's posts that wait for somebody, whatever runs the list.
pub fn pending(list: &MailingList) -> RelPath {
    neutral::folder(list).join("pending")
}

impl Target for Lists {
    fn id(&self) -> &'static str {
        "lists"
    }

    fn emit(
        &self,
        design: &Design,
        _: Choices<'_>,
        _: &Wiring,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        for (manager, lists) in in_use(design) {
            of(manager).emit(&lists, design, files, findings);
            files.par_extend(lists.par_iter().flat_map_iter(neutral::files));
        }
    }
}

/// What the lists need of the other programs.
pub(super) fn wiring(design: &Design) -> Wiring {
    let mut wiring = Wiring::default();
    for (manager, lists) in in_use(design) {
        wiring.extend(of(manager).wiring(&lists, design));
    }
    wiring
}

/// The managers that have lists, and their lists.
fn in_use(design: &Design) -> impl Iterator<Item = (ListManager, Vec<Run<'_>>)> {
    let lists_of = |manager: ListManager| {
        let own = design.lists.iter().filter(move |(_, list)| list.manager == manager);
        let run = |(at, list)| {
            let (aliases, owners) = (aliases(list, design), owners(list, design));
            Run { at, list, aliases, owners }
        };
        own.map(run).collect::<Vec<_>>()
    };
    let all = ListManager::ALL.iter().map(move |manager| (*manager, lists_of(*manager)));
    all.filter(|(_, lists)| !lists.is_empty())
}

fn aliases(list: &MailingList, design: &Design) -> Vec<DomainName> {
    let alias = |(pattern, role): (&DomainPattern, &Role)| match (pattern, role) {
        (DomainPattern::Domain(name), Role::AliasOf(real)) => {
            (*real == list.list.address.domain).then(|| name.clone())
        }
        _ => None,
    };
    design
        .domains
        .iter()
        .map(|(pattern, domain)| (pattern, &domain.role))
        .filter_map(alias)
        .collect()
}

fn owners(list: &MailingList, design: &Design) -> Vec<Address> {
    let of_list = [list.list.address.local.as_ref(), b"-owner"].concat();
    let behind = |owner: &Address| {
        if *owner.local.as_bstr() != of_list {
            return None;
        }
        let route = design.route_of(owner)?;
        let targets = route.targets.iter().map(|target| match target {
            model::design::Target::Address(address) => Some(address.clone()),
            _ => None,
        });
        targets.collect::<Option<Vec<Address>>>().filter(|people| !people.is_empty())
    };
    let owners = list.owners.iter();
    owners.flat_map(|owner| behind(owner).unwrap_or_else(|| vec![owner.clone()])).collect()
}

/// The number of the last post: new ones must not take that of an archived one.
fn last_post(list: &List) -> u64 {
    let archived = list.archive.posts.last().map_or(0, |(number, _)| *number);
    list.archive.last.max(archived)
}

/// Whether list managers take a domain's name: two labels at least.
fn is_host(name: &DomainName) -> bool {
    let mut labels = name.as_bstr().split_str(".");
    name.as_bstr().contains(&b'.')
        && labels.all(|label| {
            let stands = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
            !label.is_empty() && !label.starts_with(b"-") && label.iter().all(stands)
        })
}

/// The way of a command that no manager is asked about: what the old list refused or threw away,
/// and what came of posts that it sent or held.
fn settled(command: Command, answer: Answer) -> Option<Way> {
    const CLOSED: &str = "5.7.1 This list takes no requests by mail";
    match (answer, command) {
        (Answer::Ignored, _) | (Answer::Done | Answer::Help, Command::Bounce) => {
            Some(Way::ThrownAway)
        }
        (Answer::Refused, Command::Bounce | Command::StrayBounce) => {
            Some(Way::Refused("5.1.1 No post was sent from this address"))
        }
        (Answer::Refused, Command::Decision | Command::Confirmation) => Some(Way::Refused(
            "5.7.1 Expired: the message to decide about was held on another server",
        )),
        (Answer::Refused, Command::Manage) => Some(Way::Refused("5.7.1 That is for moderators")),
        (Answer::Refused, Command::Get | Command::Archive) => {
            Some(Way::Refused("5.7.1 The archive is not open to everybody"))
        }
        (Answer::Refused, _) => Some(Way::Refused(CLOSED)),
        (Answer::Done | Answer::Help, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::list::{Archive, Filters, Logs, Posting, Powers, Subjects, Subscribing};
    use crate::model::{Origin, Sourced};
    use std::collections::BTreeMap;

    pub(super) fn address(text: &str) -> Address {
        Address::parse(text.as_bytes()).unwrap()
    }

    pub(super) fn members(texts: &[&str]) -> Vec<Sourced<Address>> {
        texts.iter().map(|text| Sourced::new(address(text), origin())).collect()
    }

    fn origin() -> Origin {
        Origin::file(&RelPath::new("l/editor"))
    }

    pub(super) fn list(posting: Posting) -> MailingList {
        let list = List {
            address: address("club@example.org"),
            home: RelPath::new("l"),
            known_as: Vec::new(),
            software: "",
            subscribers: members(&["sue@example.org"]),
            digest: members(&["dig@example.org"]),
            digests: Sourced::new(true, origin()),
            moderators: Vec::new(),
            subscription_moderators: Vec::new(),
            allowed: members(&["al@example.org"]),
            held_back: members(&["dig@example.org"]),
            denied: Vec::new(),
            posting: Sourced::new(posting, origin()),
            looks: origin(),
            wants_address: false,
            discards_bulk: false,
            subjects: Subjects::default(),
            filters: Filters::default(),
            confirm_posts: Sourced::new(false, origin()),
            parent: None,
            subscribing: Sourced::new(Subscribing::Open, origin()),
            confirm_subscribe: Sourced::new(true, origin()),
            confirm_unsubscribe: Sourced::new(true, origin()),
            prefix: None,
            trailer: None,
            add_headers: Vec::new(),
            remove_headers: Vec::new(),
            rewrites_from: None,
            list_id: None,
            largest: None,
            smallest: None,
            digest_posts: None,
            digest_seconds: None,
            digest_bytes: None,
            held_seconds: None,
            returns_held: Sourced::new(false, origin()),
            powers: Powers::default(),
            language: None,
            logs: Logs::default(),
            texts: Vec::new(),
            pending: Vec::new(),
            archive: Archive { kept: true, ..Archive::default() },
            unmapped: Vec::new(),
        };
        let owners = vec![address("postmaster@example.org")];
        let manager = ListManager::Mlmmj;
        MailingList { list, manager, owners, answers: BTreeMap::new() }
    }
}
