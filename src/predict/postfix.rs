//! Postfix's rules: address classes, virtual aliases, transports (`ADDRESS_CLASS_README`,
//! `VIRTUAL_README`, transport(5)).

use super::access::{self, Answer, without_code};
use super::expand::Foreseen;
use super::forms::{external, internal};
use super::maps::{Found, Map, Place, first, setting};
use super::pipes::SERVICE;
use super::{NewServer, Poster, Spool};
use crate::model::command_address::Answer as ListAnswer;
use crate::model::outcome::{Outcome, Outcomes};
use crate::model::{Address, DomainName, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeSet;
use std::fmt;

/// One step of the way to an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub text: String,
    /// The table and row that say so, or the setting.
    pub place: String,
}

/// How an outcome was reached.
pub type Steps = Vec<Step>;

/// Steps where somebody wants to know them.
pub(super) struct Trace(Option<Steps>);

impl Trace {
    /// Keeps none.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn push(&mut self, text: fmt::Arguments<'_>, place: &dyn fmt::Display) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { text: text.to_string(), place: place.to_string() });
        }
    }
}

/// What becomes of mail for an address, and how.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Where it ends.
    pub outcomes: Outcomes,
    /// The way there.
    pub steps: Steps,
}

impl NewServer {
    /// What becomes of mail from outside for an address.
    pub fn follow(&self, recipient: &[u8]) -> Reached {
        let mut trace = Trace(Some(Steps::new()));
        let address = self.completed(recipient);
        if !recipient.contains(&b'@') {
            let text = format_args!("has no domain: becomes {address}");
            trace.push(text, &setting("myorigin"));
        }
        self.tell_outsiders(&address, &mut trace);
        self.tell_posters(&address, &mut trace);
        let outcomes = self.reach(recipient, &mut trace, None);
        Reached { outcomes, steps: trace.0.unwrap_or_default() }
    }

    /// The same without the way there.
    pub fn outcomes(&self, recipient: &[u8], foreseen: &mut Foreseen) -> Outcomes {
        self.reach(recipient, &mut Trace(None), Some(foreseen))
    }

    /// Whether mail that a script sends to an address stays on this host.
    fn takes(&self, address: &Address) -> bool {
        let classes = ["virtual_mailbox_domains", "virtual_alias_domains"];
        !self.fates.is_empty() && classes.iter().any(|setting| self.is_in(setting, &address.domain))
    }

    /// What smtpd(8) says to a client that is neither in `mynetworks` nor logged in, if it is no, or
    /// if the mail is only passed on. The outcomes are those of clients that may send anywhere.
    fn tell_outsiders(&self, address: &Address, steps: &mut Trace) {
        let key = external(address);
        let refused = |map: &Map| match access::ask(map, &key) {
            Answer::Refused(text, place) => Some((text, place)),
            Answer::Later(..) | Answer::Nothing => None,
        };
        let by_table = self.maps.relay_access.iter().chain(&self.maps.outsider_access);
        let served = ["virtual_mailbox_domains", "virtual_alias_domains"];
        let relayed = first(self.maps.of("relay_domains"), address.domain.as_ref(), false);
        match (by_table.into_iter().find_map(refused), relayed) {
            (Some((text, place)), _) => {
                steps.push(format_args!("from outside it is refused: {}", shown(&text)), &place);
            }
            (None, _) if served.iter().any(|setting| self.is_in(setting, &address.domain)) => {}
            (None, Some(Found { place, .. })) => steps.push(
                format_args!("mail for {} is passed on, from outside too", address.domain),
                &place,
            ),
            (None, None) => steps.push(
                format_args!("from outside it is refused: Relay access denied"),
                &setting("smtpd_relay_restrictions"),
            ),
        }
    }

    /// Whom a restriction class lets write to the address.
    fn tell_posters(&self, address: &Address, steps: &mut Trace) {
        let Some(class) = self.class_of(address) else { return };
        match self.poster(address, b"nobody@unqmail.invalid") {
            Some(Poster::Refused(text)) => steps.push(
                format_args!("senders that {class} does not name are refused: {}", shown(&text)),
                &setting(class),
            ),
            _ => steps.push(
                format_args!("some senders are refused, those that {class} names"),
                &setting(class),
            ),
        }
    }

    fn reach(
        &self,
        recipient: &[u8],
        steps: &mut Trace,
        foreseen: Option<&mut Foreseen>,
    ) -> Outcomes {
        let address = self.completed(recipient);
        let refusal = self.refusal(&address, steps);
        let mut foreseen = foreseen;
        let mut expand = |address: &Address| match &mut foreseen {
            Some(foreseen) => foreseen.expand(self, address),
            None => self.expand(address, steps),
        };
        let mut outcomes = match refusal {
            Some(outcome) => Outcomes::from([outcome]),
            None => expand(&address),
        };
        // What a script sends on comes back to Postfix, unless it goes elsewhere.
        let mut followed = BTreeSet::new();
        while let Some(sent) = outcomes.iter().find(|outcome| match outcome {
            Outcome::Forward(to) => self.takes(to) && followed.insert(to.clone()),
            _ => false,
        }) {
            let Outcome::Forward(to) = sent else { break };
            let more = expand(to);
            let all = outcomes.iter().filter(|outcome| *outcome != sent).chain(&*more);
            let all: BTreeSet<Outcome> = all.cloned().collect();
            outcomes = all.into_iter().collect();
        }
        let name = address.to_lower().to_bytes();
        let counts = |outcome: &&Outcome| match outcome {
            // A script answers mail that names one of its addresses.
            Outcome::Reply(account) => {
                self.fates.get(account).is_some_and(|fate| fate.answers(&name))
            }
            // What has an effect is not thrown away, whatever else becomes of it.
            Outcome::Discard => false,
            _ => true,
        };
        match outcomes.iter().filter(counts).count() {
            0 => Outcomes::from([Outcome::Discard]),
            all if all == outcomes.len() => outcomes,
            _ => outcomes.iter().filter(counts).cloned().collect(),
        }
    }

    /// `myorigin` is added to an address without a domain.
    pub(super) fn completed(&self, recipient: &[u8]) -> Address {
        Address::parse(recipient)
            .unwrap_or_else(|| Address::new(recipient, &DomainName::new(self.setting("myorigin"))))
    }

    /// What smtpd(8) says to RCPT TO, if it is no.
    fn refusal(&self, address: &Address, steps: &mut Trace) -> Option<Outcome> {
        let key = external(address);
        for map in &self.maps.recipient_access {
            match access::ask(map, &key) {
                Answer::Refused(text, place) => {
                    steps.push(format_args!("refused at RCPT: {}", shown(&text)), &place);
                    return Some(Outcome::Reject(text));
                }
                Answer::Later(text, place) => {
                    steps.push(
                        format_args!("put off at RCPT, the sender tries again: {}", shown(&text)),
                        &place,
                    );
                    return Some(Outcome::Defer(text));
                }
                Answer::Nothing => {}
            }
        }
        let is_aliased = self.alias(key.as_bstr()).is_some();
        if !is_aliased
            && let Some(Found { value: transport, place }) = self.transport(key.as_bstr())
        {
            let outcome = failure(transport.as_bstr());
            if let Some(outcome) = outcome {
                steps.push(format_args!("answered at RCPT: {outcome}"), &place);
                return Some(outcome);
            }
        }
        let is_ours = self.is_in("virtual_mailbox_domains", &address.domain);
        let is_alias = self.is_in("virtual_alias_domains", &address.domain);
        let is_listed = is_ours && self.mailbox(key.as_bstr()).is_some();
        if (is_ours || is_alias) && !is_aliased && !is_listed {
            let (names, maps) = if is_ours {
                ("virtual_alias_maps nor in virtual_mailbox_maps", "virtual_mailbox_maps")
            } else {
                ("virtual_alias_maps", "virtual_alias_maps")
            };
            let neither = if is_ours { "neither in " } else { "not in " };
            steps.push(
                format_args!("refused at RCPT, unknown: {} is {neither}{names}", shown(&key)),
                &setting(maps),
            );
            return Some(Outcome::Reject("User unknown".into()));
        }
        None
    }

    fn is_in(&self, setting: &str, domain: &DomainName) -> bool {
        first(self.maps.of(setting), domain.as_ref(), false).is_some()
    }

    fn mailbox(&self, key: &BStr) -> Option<Found<'_>> {
        let maps = self.maps.of("virtual_mailbox_maps");
        first(maps, key, false).or_else(|| first(maps, &at_domain(key), true))
    }

    /// The whole address in every table, then `@domain` in every table.
    pub(super) fn alias(&self, key: &BStr) -> Option<Found<'_>> {
        let maps = self.maps.of("virtual_alias_maps");
        first(maps, key, false).or_else(|| first(maps, &at_domain(key), true))
    }

    /// The whole address, the domain, then `.parent` domains.
    fn transport(&self, key: &BStr) -> Option<Found<'_>> {
        let maps = self.maps.of("transport_maps");
        let domain = key.rsplit_once_str("@").map(|(_, domain)| domain).unwrap_or_default();
        let parents = domain.find_iter(".").filter_map(|at| domain.get(at..));
        first(maps, key, false)
            .or_else(|| first(maps, domain, true))
            .or_else(|| parents.into_iter().find_map(|parent| first(maps, parent, true)))
    }

    /// Where a recipient that no alias changes any more ends.
    pub(super) fn deliver(&self, address: &Address, steps: &mut Trace) -> Vec<Outcome> {
        let key = external(address);
        let is_alias = self.is_in("virtual_alias_domains", &address.domain);
        let by_class = || {
            let (transport, name) = match () {
                () if is_alias => {
                    ("error:5.1.1 User unknown in virtual alias table", "virtual_alias_domains")
                }
                () if self.is_in("virtual_mailbox_domains", &address.domain) => {
                    (self.setting("virtual_transport"), "virtual_transport")
                }
                () => ("smtp:", "default_transport"),
            };
            Found { value: BString::from(transport), place: Place::Setting(name) }
        };
        // The transport table is asked for every class but that of alias domains (`resolve.c`).
        let by_table = if is_alias { None } else { self.transport(key.as_bstr()) };
        let Found { value: transport, place } = by_table.unwrap_or_else(by_class);
        let (name, hop) = transport.split_once_str(":").unwrap_or((&transport, b""));
        let outcome = match name {
            b"discard" => Outcome::Discard,
            b"lmtp" if !hop.starts_with(b"[") => {
                let outcomes = self.stored(&address.to_bytes());
                for outcome in &outcomes {
                    let by = shown(&transport);
                    steps.push(format_args!("{}, by {by}: {outcome}", shown(&key)), &place);
                }
                return outcomes;
            }
            // Dovecot's server has a socket, Mailman's a port.
            b"lmtp" => self.told(address, address),
            b"mailman" | b"sympa" | b"sympa-word" => {
                self.told(address, &Address::parse(hop).unwrap_or_default())
            }
            b"mlmmj" => self.listed(address, hop.as_bstr(), Spool::answer),
            b"list-member" => self.listed(address, hop.as_bstr(), Spool::asked_for_other),
            name if name.starts_with(SERVICE) => match self.programs.get(hop.as_bstr()) {
                Some(line) => Outcome::Run(line.clone()),
                None => Outcome::Defer("the program is not there".into()),
            },
            b"error" | b"retry" => failure(transport.as_bstr()).unwrap_or(Outcome::Discard),
            _ => Outcome::Forward(address.clone()),
        };
        let by = shown(transport.trim_end_with(|c| c == ':'));
        steps.push(format_args!("{}, by {by}: {outcome}", shown(&key)), &place);
        vec![outcome]
    }

    /// What Dovecot's LMTP server does with a recipient, whose own script has the word.
    fn stored(&self, key: &BString) -> Vec<Outcome> {
        let Some(user) = self.users.get(key) else {
            return vec![Outcome::Reject("User doesn't exist".into())];
        };
        let (account, inbox) = (account_of(&user.home, key), user.home.join("Maildir"));
        match self.fates.get(&account) {
            Some(fate) => fate.outcomes(&account, &inbox),
            None => vec![Outcome::Deliver { account, path: inbox }],
        }
    }

    /// The account whose home lies at a path.
    pub fn account_at(&self, home: &RelPath) -> Option<Address> {
        let account = account_of(home, &BString::default());
        let user = self.users.get(&account.to_bytes())?;
        (user.home == *home).then_some(account)
    }

    /// What a list manager does with mail that the pipe handed over.
    pub fn list_command(&self, recipient: &BStr) -> Option<Outcome> {
        let address = Address::parse(&internal(recipient))?;
        let list = list_of(&address);
        let own = list.to_bytes();
        if self.given.contains_key(&own) {
            return Some(self.told(&address, &list));
        }
        let is_own = |first: Option<&BString>| first.is_some_and(|a| a.eq_ignore_ascii_case(&own));
        let (folder, _) = self.spools.iter().find(|(_, spool)| is_own(spool.addresses.first()))?;
        let transport = self.transport(recipient).map(|found| found.value);
        let is_for_other = transport.is_some_and(|hop| hop.starts_with(b"list-member:"));
        let answer = if is_for_other { Spool::asked_for_other } else { Spool::answer };
        Some(self.listed(&address, folder.as_bstr(), answer))
    }

    /// What the pipe that was handed mail for a recipient runs, if that is a program.
    pub fn program(&self, recipient: &BStr) -> Option<Outcome> {
        let Found { value, .. } = self.transport(recipient)?;
        let (name, number) = value.split_once_str(":")?;
        let line = self.programs.get(number.as_bstr()).filter(|_| name.starts_with(SERVICE))?;
        Some(Outcome::Run(line.clone()))
    }

    /// TCP ports that mail for other servers is sent to, beside 25.
    pub fn ports(&self) -> BTreeSet<u16> {
        let hops = self.maps.transports().into_iter().filter(|hop| !hop.starts_with(b"lmtp:"));
        hops.chain([BStr::new(self.setting("relayhost"))]).filter_map(port).collect()
    }

    /// TCP ports of this host on which list managers take mail.
    pub fn list_ports(&self) -> BTreeSet<u16> {
        self.maps
            .transports()
            .into_iter()
            .filter(|hop| hop.starts_with(b"lmtp:["))
            .filter_map(port)
            .collect()
    }

    /// What a manager with a database does with a post, or with a word of its own or of the old list.
    fn told(&self, address: &Address, list: &Address) -> Outcome {
        let local = address.local.as_bstr();
        let action = local.split_once_str("~").map_or(b"post".as_slice(), |(_, action)| action);
        if !self.given.contains_key(&list.to_bytes()) {
            return Outcome::Reject("its manager is given no such list".into());
        }
        let answer = if action == b"help" { ListAnswer::Help } else { ListAnswer::Done };
        let action = action.to_ascii_lowercase().into();
        Outcome::List { address: list.clone(), action, answer }
    }

    /// What becomes of mail for a list of mlmmj's, or for `list=domain~command`.
    fn listed(
        &self,
        address: &Address,
        folder: &BStr,
        answer: fn(&Spool, &[u8]) -> Option<ListAnswer>,
    ) -> Outcome {
        let Some(spool) = self.spools.get(folder) else {
            return Outcome::Reject("the list has no spool".into());
        };
        let own = spool
            .addresses
            .first()
            .and_then(|own| Address::parse(own))
            .unwrap_or_else(|| address.clone());
        let Some((_, command)) = address.local.as_bstr().split_once_str("~") else {
            let (action, answer) = ("post".into(), ListAnswer::Done);
            return Outcome::List { address: own, action, answer };
        };
        let action = BString::from(command.to_ascii_lowercase());
        match answer(spool, &action) {
            Some(answer) => Outcome::List { address: own, action, answer },
            // The program fails, and pipe(8) returns the message.
            None => Outcome::Reject("the list does not know what is asked for".into()),
        }
    }
}

/// The list of its own address, or of an inner one: `list=domain~word`.
fn list_of(address: &Address) -> Address {
    let local = address.local.as_bstr();
    let name = local.split_once_str("~").map_or(local.as_bytes(), |(name, _)| name);
    match name.rsplit_once_str("=") {
        Some((list, domain)) if *address.domain.as_bstr() == "unqmail.invalid" => {
            Address::new(list, &DomainName::new(domain))
        }
        _ => address.clone(),
    }
}

/// The port of `[HOST]:PORT`.
fn port(hop: &BStr) -> Option<u16> {
    hop.rsplit_once_str("]:")?.1.to_str().ok()?.parse().ok()
}

/// The account that a home belongs to: `var/vmail/DOMAIN/USER`, `%XX` decoded.
fn account_of(home: &RelPath, key: &BString) -> Address {
    let parts: Vec<&[u8]> = home.components().collect();
    match parts.as_slice() {
        [.., domain, user] => Address::new(decoded(user), &DomainName::new(decoded(domain))),
        _ => Address::parse(key).unwrap_or_default(),
    }
}

fn decoded(component: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = component;
    while let Some((first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|hex| hex.to_str().ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (b'%', Some(byte)) = (first, hex) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn at_domain(key: &BStr) -> BString {
    key.rfind_byte(b'@').and_then(|at| key.get(at..)).unwrap_or_default().into()
}

fn failure(transport: &BStr) -> Option<Outcome> {
    let (name, text) = transport.split_once_str(":")?;
    match name {
        b"error" => Some(Outcome::Reject(without_code(text).into())),
        b"retry" => Some(Outcome::Defer(without_code(text).into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_tell_their_account() {
        let account = account_of(&RelPath::new("var/vmail/x.example/a%2Fb"), &BString::default());
        assert_eq!(account.to_string(), "a/b@x.example");
    }
}
