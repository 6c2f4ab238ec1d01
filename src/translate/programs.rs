//! Programs that mail is handed to: filters, robots, and those that nobody here knows.

use super::Translator;
use crate::finding::{Disposition, Finding, code};
use crate::model::design::{DomainPattern, LocalPattern, Pattern};
use crate::model::{Address, Origin};
use crate::resolve::{Act, Action};
use bstr::{BString, ByteSlice as _};

/// Delivery agents that put mail into an account's own mailbox.
const FILTERS: &[&str] = &["maildrop", "procmail", "deliver", "dovecot-lda"];

/// What a sender is told while nobody has decided about a program.
pub(super) const PROGRAM_PENDING: &str = "4.3.0 The program behind this address is not set up yet";

impl Translator<'_> {
    /// The account whose own mail a filter sorts: without it the mail still has a place to go.
    pub(super) fn filtered_into(&self, pattern: &Pattern, command: &BString) -> Option<Address> {
        let (DomainPattern::Domain(domain), LocalPattern::Exact(local)) =
            (&pattern.domain, &pattern.local)
        else {
            return None;
        };
        let own = Address::new(local, domain);
        let is_filter =
            crate::model::command::simple_commands(command).iter().flatten().any(|word| {
                let text = word.text();
                let name = text.rsplit_str("/").next().unwrap_or_default().as_bstr();
                FILTERS.iter().any(|filter| name == *filter)
            });
        (is_filter && self.design.mailboxes.contains_key(&own)).then_some(own)
    }

    pub(super) fn report_filter(&mut self, command: &BString, subject: &BString, origin: &Origin) {
        let finding = Finding::new(
            &code::ALIAS_FILTER,
            Disposition::Dropped,
            origin.clone(),
            subject,
            "a filter sorts the account's mail",
            "all mail goes into the account's INBOX",
        );
        self.findings.push(finding.with_excerpt(self.line_of(origin, command).as_bstr()));
    }

    pub(super) fn report_program(&mut self, command: &BString, subject: &BString, origin: &Origin) {
        let finding = Finding::new(
            &code::ALIAS_PROGRAM,
            Disposition::Manual,
            origin.clone(),
            subject,
            "mail is handed to a program",
            "the new server does not run it; mail that would go nowhere else is kept waiting (450)",
        );
        self.findings.push(finding.with_excerpt(self.line_of(origin, command).as_bstr()));
    }

    /// Reports the autoresponders of an address that nothing stands for on the new server.
    pub(super) fn report_replies(&mut self, replies: &[&Act], subject: &BString, alone: bool) {
        let (code, effect) = if alone {
            (
                &code::ALIAS_ROBOT,
                "nothing answers on the new server; mail to the robot is kept waiting (450)",
            )
        } else {
            (
                &code::ALIAS_AUTORESPONDER,
                "the mail is delivered; nothing answers it on the new server",
            )
        };
        for act in replies {
            let Action::Reply(command) = &act.action else { continue };
            let finding = Finding::new(
                code,
                Disposition::Dropped,
                act.origin.clone(),
                subject,
                "mail is answered by an autoresponder",
                effect,
            );
            self.findings.push(finding.with_excerpt(self.line_of(&act.origin, command).as_bstr()));
        }
    }

    /// The line that asks for a program, as it stands in its file.
    pub(super) fn line_of(&self, origin: &Origin, command: &BString) -> BString {
        let file = self.files.get(&*origin.file);
        let number = usize::try_from(origin.line).unwrap_or(0).checked_sub(1);
        let line = number.and_then(|number| file?.lines.get(number));
        line.cloned().unwrap_or_else(|| [b"|", command.as_slice()].concat().into())
    }
}
