//! Rows for mailing lists: posts, commands, and what bounces come back to.

use super::domains::Domains;
use super::escape::{address, regexp, replacement};
use super::groups::Spared;
use super::rows::{Block, Place};
use super::tables::{Tables, discarding};
use crate::model::Address;
use crate::model::command_address::Command;
use crate::model::design::{Design, INSIDE, Target};
use crate::target::wiring::{ListWiring, Post, Taken, Way};
use bstr::BString;

/// Somebody's address as it stands behind a command.
const OTHER: &str = "-([a-z0-9][a-z0-9._+-]*=[a-z0-9][a-z0-9.-]*)";

/// The addresses of a kind, as a regular expression behind the list's name.
fn words(command: Command) -> String {
    match command {
        Command::Bounce => "-(digest-)?return-([0-9]+-[^@]*)?".into(),
        Command::StrayBounce => "-(digest-)?return-[^@]*".into(),
        Command::Decision => "-(accept|reject)-[^@]*".into(),
        Command::Confirmation => "-(confirm|discard)-[^@]*".into(),
        Command::Subscribe => "-subscribe".into(),
        Command::Unsubscribe => "-unsubscribe".into(),
        Command::DigestSubscribe => "-digest-subscribe".into(),
        Command::DigestUnsubscribe => "-digest-unsubscribe".into(),
        Command::SubscribeOther => format!("-(subscribe|sc\\.[^-@\"]*){OTHER}"),
        Command::UnsubscribeOther => format!("-(unsubscribe|uc\\.[^-@\"]*){OTHER}"),
        Command::DigestSubscribeOther => format!("-digest-(subscribe|sc\\.[^-@\"]*){OTHER}"),
        Command::DigestUnsubscribeOther => format!("-digest-(unsubscribe|uc\\.[^-@\"]*){OTHER}"),
        Command::Help => "-help".into(),
        Command::Faq => "-faq".into(),
        Command::Get => "-get\\.([0-9]+)".into(),
        Command::Archive => "-(get|index|thread)(\\.[^@]*)?".into(),
        Command::Manage => "-((list|listn|log|edit)(\\.[^@]*)?|deny-[^@]*|digest)".into(),
        Command::Owner => "-owner".into(),
        Command::Other => "-[^@]*".into(),
    }
}

impl Tables {
    pub(super) fn add_list(
        &mut self,
        own: &Address,
        list: &ListWiring,
        domains: &Domains<'_>,
        design: &Design,
    ) {
        match &list.post {
            Post::Transport(transport) => {
                // A list that has other targets beside it has a row of its own.
                if domains.routed.contains(own) {
                    self.mailboxes.add(address(own), "list");
                } else {
                    self.add_final(own, "list".into(), domains, design);
                }
                self.transport.add(address(own), transport);
            }
            Post::Members(members) => self.add_members(own, members, design),
        }
        let (block, name) = (Block::new(regexp(own.domain.as_ref())), regexp(own.local.as_ref()));
        let front = own.local.as_ref().len() + 1;
        // What is handed over stands in a domain that nobody can write to from outside.
        let inner = [own.local.as_ref(), b"=", own.domain.as_ref()].concat();
        let to = |rest: &str| {
            [replacement(&inner).as_slice(), rest.as_bytes(), b"@", INSIDE.as_bytes()].concat()
        };
        if let Some(Taken { behind, transport, except }) = &list.taken {
            let inside = Block::new(regexp(INSIDE.as_bytes()));
            let others = (*behind, transport.clone());
            for (order, (behind, transport)) in except.iter().chain([&others]).enumerate() {
                let local = [regexp(&inner).as_slice(), behind.as_bytes()].concat();
                let place = Place::behind(inner.len(), order);
                self.transport_patterns.add(&inside, place, &local, transport);
            }
        }
        let words_of = |(behind, _): &(&str, &str)| [name.as_slice(), behind.as_bytes()].concat();
        for word in &list.words {
            self.patterns.add(&block, Place::behind(front, 0), &words_of(word), to(word.1));
        }
        let aliases = domains.of(&own.domain).iter();
        let aliases: Vec<Block> = aliases.map(|alias| Block::new(regexp(alias.as_ref()))).collect();
        let blocks = || std::iter::once(&block).chain(&aliases);
        let mut refuses = false;
        let others = list.ways.get(&Command::Other);
        for (order, (command, way)) in (1..).zip(&list.ways) {
            // The last row does for whatever goes its way.
            if *command != Command::Other && others == Some(way) {
                continue;
            }
            let local = [name.as_slice(), words(*command).as_bytes()].concat();
            let place = Place::behind(front, order);
            match way {
                Way::Word(word) => self.patterns.add(&block, place, &local, to(word)),
                Way::Address(to) => {
                    self.patterns.add(&block, place, &local, replacement(&address(to)));
                }
                Way::ThrownAway => self.patterns.add(&block, place, &local, discarding()),
                Way::Refused(text) => {
                    refuses = true;
                    self.patterns.keep(&block, place, &local);
                    let place = Place::behind(front, order + 1);
                    self.transport_patterns.add(&block, place, &local, format!("error:{text}"));
                    for block in blocks() {
                        self.refused_patterns.add(block, place, &local, format!("550 {text}"));
                    }
                    continue;
                }
            }
            for block in blocks() {
                self.refused_patterns.add(block, Place::behind(front, order + 1), &local, "DUNNO");
            }
        }
        if refuses {
            for block in blocks() {
                for word in &list.words {
                    let local = words_of(word);
                    self.refused_patterns.add(block, Place::behind(front, 1), &local, "DUNNO");
                }
                let behind = [own.local.as_ref(), b"-"].concat();
                self.spare(&own.domain, &Spared::Behind(&behind), block, design);
            }
        }
        for copy in domains.copies(own) {
            self.add_alias(&copy, address(own));
        }
        for alias in domains.of(&own.domain) {
            let local = [b"(".as_slice(), &name, b"-[^@\"]*)"].concat();
            let block = Block::new(regexp(alias.as_ref()));
            self.patterns.add(
                &block,
                Place::behind(front, 0),
                &local,
                [b"$1@", own.domain.as_ref()].concat(),
            );
        }
    }
    /// The list's row leads to its members, and to what else its address has on the old server.
    fn add_members(&mut self, own: &Address, members: &[Address], design: &Design) {
        let targets = design.route_of(own).map(|route| &*route.targets).unwrap_or_default();
        let targets = targets.iter().filter(|to| !matches!(to, Target::Store(to) if to == own));
        let targets: Vec<Target> = targets.cloned().collect();
        self.widest = self.widest.max(members.len() + targets.len());
        let mut values: Vec<BString> = members.iter().map(address).collect();
        values.push(Self::values(Some(own), &targets, design));
        values.retain(|value| !value.is_empty());
        if values.is_empty() {
            values.push(discarding().into());
        }
        self.add_alias(own, bstr::join(", ", values).into());
    }
}
