//! Rows for mailing lists: posts, commands, and what bounces come back to.

use super::domains::Domains;
use super::escape::{address, regexp, replacement};
use super::groups::Spared;
use super::rows::{Block, Place};
use super::tables::{Tables, discarding};
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, MailingList};
use crate::model::{Address, RelPath};

/// Words of the list manager's own, beside those that old addresses lead to: they stand in its
/// messages.
const OWN_WORDS: &str = "-((subscribe|unsubscribe)-(digest|nomail|both)|get-[0-9]+\
|(confsub|confunsub|bounces|release|moderate|obstruct|permit)[^@\"]*|reject-[0-9a-f]{8,})";

/// Somebody's address as it stands behind a command.
const OTHER: &str = "-([a-z0-9][a-z0-9._+-]*=[a-z0-9][a-z0-9.-]*)";

/// What becomes of mail to an address beside the list's own.
#[derive(PartialEq, Eq)]
enum Way {
    /// Handed to the list manager, as this word.
    Word(&'static str),
    Refused(&'static str),
    ThrownAway,
}

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
        // What the list manager does not know it would drop without a word.
        Command::Other => "-[^@]*".into(),
    }
}

/// The new way of a kind that the old list handled so.
fn way(command: Command, answer: Answer) -> Way {
    const CLOSED: &str = "5.7.1 This list takes no requests by mail";
    match (answer, command) {
        (Answer::Ignored, _) | (Answer::Done | Answer::Help, Command::Bounce) => Way::ThrownAway,
        (Answer::Refused, Command::Bounce | Command::StrayBounce) => {
            Way::Refused("5.1.1 No post was sent from this address")
        }
        (Answer::Refused, Command::Decision | Command::Confirmation) => {
            Way::Refused("5.7.1 Expired: the message to decide about was held on another server")
        }
        (Answer::Refused, Command::Manage) => Way::Refused("5.7.1 That is for moderators"),
        (Answer::Refused, Command::Get | Command::Archive) => {
            Way::Refused("5.7.1 The archive is not open to everybody")
        }
        (Answer::Refused, _) => Way::Refused(CLOSED),
        (Answer::Done, Command::Subscribe) => Way::Word("+subscribe"),
        (Answer::Done, Command::Unsubscribe) => Way::Word("+unsubscribe"),
        (Answer::Done, Command::DigestSubscribe) => Way::Word("+subscribe-digest"),
        (Answer::Done, Command::DigestUnsubscribe) => Way::Word("+unsubscribe-digest"),
        (Answer::Done, Command::SubscribeOther) => Way::Word("+subscribe-$2"),
        (Answer::Done, Command::UnsubscribeOther) => Way::Word("+unsubscribe-$2"),
        (Answer::Done, Command::DigestSubscribeOther) => Way::Word("+subscribe-digest-$2"),
        (Answer::Done, Command::DigestUnsubscribeOther) => Way::Word("+unsubscribe-digest-$2"),
        (Answer::Done, Command::Get) => Way::Word("+get-$1"),
        (Answer::Done, Command::Faq) => Way::Word("+faq"),
        (_, Command::Owner) => Way::Word("+owner"),
        (Answer::Done | Answer::Help, _) => Way::Word("+help"),
    }
}

impl Tables {
    pub(super) fn add_list(
        &mut self,
        own: &Address,
        list: &MailingList,
        domains: &Domains<'_>,
        design: &Design,
    ) {
        let folder = list.folder.strip_prefix(&RelPath::new("var/spool/mlmmj")).unwrap_or_default();
        let hop = [b"mlmmj:".as_slice(), folder].concat();
        // A list that has other targets beside it has a row of its own.
        if domains.routed.contains(own) {
            self.mailboxes.add(address(own), "list");
        } else {
            self.add_final(own, "list".into(), domains, design);
        }
        self.transport.add(address(own), &hop);
        let (block, name) = (Block::new(regexp(own.domain.as_ref())), regexp(own.local.as_ref()));
        let front = own.local.as_ref().len() + 1;
        let to = |rest: &str| {
            [replacement(own.local.as_ref()).as_slice(), rest.as_bytes(), b"@", own.domain.as_ref()]
                .concat()
        };
        // For another address than the sender's: the list manager has a program, but no command.
        let other = format!("\\+(un)?subscribe(-digest)?{OTHER}");
        let member = [b"list-member:".as_slice(), folder].concat();
        let inner = [name.as_slice(), other.as_bytes()].concat();
        self.transport_patterns.add(&block, Place::behind(front, 0), &inner, &member);
        let inner = [name.as_slice(), b"\\+[^@\"]*"].concat();
        self.transport_patterns.add(&block, Place::behind(front, 1), &inner, &hop);
        // Aliases are looked up again until nothing changes: what is handed over must stay, or a
        // catch-all or a list with a shorter name would take it.
        self.patterns.keep(&block, Place::exact(), &inner);
        let own_words = [name.as_slice(), OWN_WORDS.as_bytes()].concat();
        self.patterns.add(&block, Place::behind(front, 0), &own_words, to("+$1"));
        let aliases = domains.of(&own.domain).iter();
        let aliases: Vec<Block> = aliases.map(|alias| Block::new(regexp(alias.as_ref()))).collect();
        let blocks = || std::iter::once(&block).chain(&aliases);
        let mut refuses = false;
        let others = list.answers.get(&Command::Other).map(|answer| way(Command::Other, *answer));
        for (order, (command, answer)) in (1..).zip(&list.answers) {
            // The last row does for whatever goes its way.
            if *command != Command::Other && others == Some(way(*command, *answer)) {
                continue;
            }
            let local = [name.as_slice(), words(*command).as_bytes()].concat();
            let place = Place::behind(front, order);
            match way(*command, *answer) {
                Way::Word(word) => self.patterns.add(&block, place, &local, to(word)),
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
                self.refused_patterns.add(block, Place::behind(front, 1), &own_words, "DUNNO");
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
}
