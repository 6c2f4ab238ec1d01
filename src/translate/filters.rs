//! Mail that is sorted: by programs with rules of their own, and by lines that decide by a field.

use super::Translator;
use super::routes::exact;
use crate::finding::{Disposition, Finding, code};
use crate::model::condition::{Condition, Then, condition};
use crate::model::design::{Pattern, Target};
use crate::model::dot_qmail::Instruction;
use crate::model::filter::{Filter, Rule};
use crate::model::folder::{is_portable, portable};
use crate::model::site::Spot;
use crate::model::sorter::{Statement, sorter};
use crate::model::{Address, Origin, RelPath};
use crate::resolve::{Act, Action};
use bstr::{BString, ByteSlice as _};

/// Addresses that one script sends mail on to; Pigeonhole takes 32 actions of a message.
const MOST_SENDS: usize = 30;

impl Translator<'_> {
    /// Has an account's mail sorted as a program did; says what differs, or why it cannot.
    pub(super) fn sort(
        &mut self,
        own: &Address,
        command: &BString,
        origin: &Origin,
        acts: &[Act],
        subject: &BString,
    ) {
        let is_default = origin.file.file_name() == "defaultdelivery";
        let folder = if is_default {
            let around = self.rules.surroundings(own.to_bytes().as_bstr());
            around.map(|around| around.home).unwrap_or_default()
        } else {
            origin.file.parent()
        };
        let called = sorter(command).map(|called| (folder, called));
        let site = self.site;
        let Some(sorting) = called.and_then(|called| site.sorters.get(&called)) else {
            let line = Statement { origin: origin.clone(), text: self.line_of(origin, command) };
            return self.report_filter(&line, subject, "its rules are not read");
        };
        let mut placed = |(path, statement): &(RelPath, Statement)| {
            let folder = self.folder_of(path, own);
            folder.ok_or_else(|| (statement.clone(), "it is no folder of the account"))
        };
        let rules: Result<Vec<Rule>, _> = match &sorting.rules {
            Ok(rules) => rules.iter().map(|rule| rule.placed(&mut placed)).collect(),
            Err(beyond) => Err(beyond.clone()),
        };
        let at = || Statement { origin: origin.clone(), text: self.line_of(origin, command) };
        let rules: Result<Vec<Rule>, _> = match rules {
            Ok(_) if self.design.filters.contains_key(own) => {
                Err((at(), "another program sorts it too"))
            }
            other => other,
        };
        let mut rules = match rules {
            Ok(rules) => rules,
            Err((statement, why)) => return self.report_filter(&statement, subject, why),
        };
        for rule in &mut rules {
            rule.each_answer(&mut |answer| answer.answers_for(own));
        }
        let is_stored = |act: &Act| match &act.action {
            Action::Store(path) => self.rules.is_own_store(path, own),
            _ => false,
        };
        if acts.iter().any(is_stored) {
            rules.insert(0, Rule::Store { into: BString::default(), copy: true });
        }
        let filter = Filter { rules, origin: sorting.origin.clone() };
        let too_much = match () {
            () if filter.contradiction().is_some() => filter.contradiction(),
            () if filter.sends() > MOST_SENDS => Some("it sends mail to too many addresses"),
            () => None,
        };
        if let Some(why) = too_much {
            return self.report_filter(&at(), subject, why);
        }
        if filter.rules.is_empty() {
            let finding = Finding::new(
                &code::ALIAS_FILTER_ADAPTED,
                Disposition::Adapted,
                origin.clone(),
                subject,
                "mail goes through a filter that has no rules",
                "it goes into the account's INBOX, as before",
            );
            self.findings.push(finding.with_excerpt(self.line_of(origin, command).as_bstr()));
            return;
        }
        self.design.filters.insert(own.clone(), filter);
        self.report_sorted(origin, command, subject);
        for (statement, called) in &sorting.answers {
            self.report_answer(&statement.origin, &statement.text, called, subject);
        }
    }

    /// The folder of an account's mailbox that a path leads to, by the name of its directory.
    fn folder_of(&self, path: &RelPath, own: &Address) -> Option<BString> {
        let real = self.site.real_store(path);
        if self.rules.is_own_store(real, own) {
            return Some(BString::default());
        }
        let parent = real.parent();
        let parent = self.site.real_store(&parent);
        let name = real.file_name();
        let is_folder = name.len() > 1 && name.starts_with(b".") && name != "..";
        (is_folder && self.rules.is_own_store(parent, own))
            .then(|| if is_portable(name) { name.to_owned() } else { portable(name) })
    }

    /// Where mail of an address goes whose lines decide by the fields of the message: into a mailbox
    /// whose script does the same. Nothing where no line does, or where one of them does more.
    pub(super) fn decide(
        &mut self,
        pattern: &Pattern,
        acts: &[Act],
        subject: &BString,
    ) -> Option<Target> {
        let read = |act: &Act| match &act.action {
            Action::Run(command) => condition(command),
            _ => None,
        };
        let first = acts.iter().find(|act| read(act).is_some())?;
        let at = exact(pattern)?;
        let is_whole = |act: &Act| {
            act.origin.file == first.origin.file && !matches!(act.action, Action::Defer(_))
        };
        let file = self.files.get(&*first.origin.file).filter(|_| acts.iter().all(is_whole))?;
        let folder = first.origin.file.parent();
        let mut rules = Vec::new();
        // Not what becomes of an ordinary message: lines after one that stops it count as well.
        for line in &file.lines {
            match Instruction::qmail_local(line) {
                Instruction::Blank | Instruction::Comment => {}
                Instruction::Program(command) => {
                    rules.push(self.decided_rule(condition(&command)?)?);
                }
                Instruction::Forward(to) => {
                    rules.push(Rule::Send { to: self.sent_to(&to)?, copy: true });
                }
                Instruction::Maildir(name) => match self.site.spots.get(&folder.join(name))? {
                    Spot::Maildir(path) => rules.push(self.stored_rule(&at, path)?),
                    _ => return None,
                },
                Instruction::Mbox(_) | Instruction::ListMark | Instruction::Ignored => return None,
            }
        }
        rules.push(Rule::Discard);
        let origin = first.origin.clone();
        let filter = Filter { rules, origin: origin.clone() };
        if filter.contradiction().is_some() || filter.sends() > MOST_SENDS {
            return None;
        }
        let has_mailbox = self.design.mailboxes.contains_key(&at);
        let mailbox = if has_mailbox { at } else { self.add_robot(&at, &origin)? };
        if self.design.filters.contains_key(&mailbox) {
            return None;
        }
        self.design.filters.insert(mailbox.clone(), filter);
        for act in acts {
            if let (Some(_), Action::Run(command)) = (read(act), &act.action) {
                self.report_sorted(&act.origin, command, subject);
            }
        }
        Some(Target::Store(mailbox))
    }

    fn decided_rule(&self, Condition { test, then }: Condition) -> Option<Rule> {
        let first = match then {
            Then::Redirect(to) => Rule::Send { to: self.sent_to(&to)?, copy: false },
            Then::Refuse(text) => Rule::Refuse(text.to_str_lossy().into_owned()),
            Then::Stop => Rule::Discard,
        };
        Some(Rule::If { test, then: vec![first, Rule::Stop], otherwise: Vec::new() })
    }

    /// What storing mail at a path does: in the mailbox of the address itself, or in another one, to
    /// which it is sent.
    fn stored_rule(&self, at: &Address, path: &RelPath) -> Option<Rule> {
        if self.rules.is_own_store(path, at) {
            return Some(Rule::Store { into: BString::default(), copy: true });
        }
        let owner = self.rules.owner(path)?;
        let is_own = self.rules.is_own_store(path, &owner);
        let mailbox = self.design.mailboxes.get(&owner).filter(|_| is_own)?;
        let is_plain = mailbox.is_plain && mailbox.address.is_plain();
        is_plain.then_some(Rule::Send { to: owner, copy: true })
    }

    fn sent_to(&self, to: &BString) -> Option<Address> {
        let to = Address::parse(to)
            .unwrap_or_else(|| Address::new(to, &self.site.control.envnoathost()));
        to.is_plain().then_some(to)
    }

    fn report_sorted(&mut self, origin: &Origin, command: &BString, subject: &BString) {
        let finding = Finding::new(
            &code::ALIAS_FILTER_ADAPTED,
            Disposition::Adapted,
            origin.clone(),
            subject,
            "mail is sorted by its fields",
            "a Sieve script does the same; it looks at fields only, unfolded and decoded",
        );
        self.findings.push(finding.with_excerpt(self.line_of(origin, command).as_bstr()));
    }

    fn report_filter(&mut self, statement: &Statement, subject: &BString, why: &'static str) {
        let finding = Finding::new(
            &code::ALIAS_FILTER,
            Disposition::Dropped,
            statement.origin.clone(),
            subject,
            format!("a filter sorts the account's mail, and {why}"),
            "no rule of it is carried over; all mail goes into the account's INBOX",
        );
        self.findings.push(if statement.text.is_empty() {
            finding
        } else {
            finding.with_excerpt(statement.text.as_bstr())
        });
    }
}
