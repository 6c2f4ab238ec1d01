//! How mail reaches the programs that run lists. Their emitters tell it as values, so that Postfix's
//! and the host's know none of them.

use crate::model::Address;
use crate::model::command_address::Command;
use bstr::BString;
use std::collections::BTreeMap;

/// What the list managers in use need of the other programs.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// The ways of mail for each list, by its own address.
    pub lists: BTreeMap<Address, ListWiring>,
    /// Postfix's services that hand mail over.
    pub services: Vec<Service>,
    /// Postfix's settings: name and value.
    pub settings: Vec<(&'static str, String)>,
    /// Users that own lists and run their programs.
    pub users: Vec<User>,
    /// Lines of a crontab(5) in `/etc/cron.d`.
    pub cron: Vec<String>,
    /// What is left to do on the new host, a line each.
    pub steps: Vec<&'static str>,
}

/// The ways of mail for one list and the addresses beside its own.
#[derive(Clone, Debug)]
pub struct ListWiring {
    /// Where a post goes.
    pub post: Post,
    /// Who may post, where Postfix has to ask; else everybody.
    pub posters: Option<Posters>,
    /// Addresses beside the list's own that its manager takes as they are.
    pub taken: Option<Taken>,
    /// Addresses that are led to inner ones: an extended regular expression for what stands behind
    /// the list's name, and what shall stand behind the inner one, with `$1` for the first group.
    pub words: Vec<(&'static str, &'static str)>,
    /// What becomes of each kind of command that the old list knew.
    pub ways: BTreeMap<Command, Way>,
}

/// Where a post goes.
#[derive(Clone, Debug)]
pub enum Post {
    /// To a transport and its next hop (transport(5)).
    Transport(BString),
    /// To these addresses.
    Members(Vec<Address>),
}

/// Who may post, told by the envelope sender. A bounce, which has none, may not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posters {
    /// Senders, and whether each may; without a local part everybody at the host. Of equal ones the
    /// first counts.
    pub senders: Vec<(Address, bool)>,
    /// What all others are told; where it is nothing, they may.
    pub others: Option<&'static str>,
    /// Other addresses that lead to the list and nowhere else.
    pub also: Vec<Address>,
}

/// Addresses that a manager takes as they are: no alias changes them any more. They stand in a domain
/// of their own, to which only the tables write.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What stands behind `LIST=DOMAIN`: an extended regular expression.
    pub behind: &'static str,
    /// Their transport and next hop.
    pub transport: BString,
    /// Some of them that have another transport.
    pub except: Vec<(&'static str, BString)>,
}

/// What becomes of mail to an address beside the list's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Led to the list's inner address with this behind it: `$1` stands for the number that is
    /// asked for, `$2` for somebody else's address.
    Word(&'static str),
    /// Led to another address.
    Address(Address),
    /// Refused with this text.
    Refused(&'static str),
    /// Taken and thrown away.
    ThrownAway,
}

/// A service of Postfix (master(5)).
#[derive(Clone, Debug)]
pub struct Service {
    /// Its line.
    pub line: &'static str,
    /// What follows, a line each.
    pub options: &'static [&'static str],
}

/// A user of the new host, with the ids of lists.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its home, an absolute path; the lists lie in it.
    pub home: &'static str,
}

impl Wiring {
    /// Adds what another manager needs.
    pub fn extend(&mut self, other: Self) {
        self.lists.extend(other.lists);
        self.services.extend(other.services);
        self.settings.extend(other.settings);
        self.users.extend(other.users);
        self.cron.extend(other.cron);
        self.steps.extend(other.steps);
    }
}
