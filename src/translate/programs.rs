//! Programs that mail is handed to: filters, robots, and those that nobody here knows.

use super::Translator;
use crate::finding::{Disposition, Finding, code};
use crate::model::design::{DomainPattern, LocalPattern, Pattern};
use crate::model::{Address, Origin, shown};
use crate::resolve::{Act, Action};
use bstr::{BString, ByteSlice as _};
use std::fmt::Write as _;

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

    /// What of a file hung on how a program ended: lines after it, and forwards before it, which are
    /// sent only if nothing failed (dot-qmail(5)). Empty where nothing did.
    pub(super) fn depending(&self, origin: &Origin, acts: &[Act]) -> String {
        let of_file = || acts.iter().filter(|act| act.origin.file == origin.file);
        let lines = |is_meant: &dyn Fn(&&Act) -> bool| {
            let mut lines: Vec<u32> =
                of_file().filter(is_meant).map(|act| act.origin.line).collect();
            lines.sort_unstable();
            lines.dedup();
            let shown = lines.iter().map(|line| {
                let text = self.line_of(&origin.at(*line), &BString::default());
                format!("{line} ({})", shown(&text))
            });
            shown.collect::<Vec<String>>().join(", ")
        };
        let later = lines(&|act| act.origin.line > origin.line);
        let earlier = lines(&|act| {
            act.origin.line < origin.line && matches!(act.action, Action::Forward { .. })
        });
        let mut told = String::new();
        if !later.is_empty() {
            let _ = write!(told, "; exit 99 left out line {later}, any failure too");
        }
        if !earlier.is_empty() {
            let _ = write!(told, "; a failure kept back line {earlier}");
        }
        if !told.is_empty() {
            told.push_str(", and on the new server each is done whatever becomes of the program");
        }
        told
    }

    pub(super) fn report_program(
        &mut self,
        command: &BString,
        subject: &BString,
        origin: &Origin,
        acts: &[Act],
    ) {
        let effect =
            "the new server does not run it; mail that would go nowhere else is kept waiting (450)";
        let finding = Finding::new(
            &code::ALIAS_PROGRAM,
            Disposition::Manual,
            origin.clone(),
            subject,
            "mail is handed to a program",
            format!("{effect}{}", self.depending(origin, acts)),
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
