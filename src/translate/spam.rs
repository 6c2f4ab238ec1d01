//! What looked for spam, wherever it was hooked in: told once, and taken out of the way of mail.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::command::{Word, simple_commands};
use crate::model::design::MarkedSpam;
use crate::model::dot_qmail::DotQmail;
use crate::model::restrictions::Restrictions;
use crate::model::sorter::SPAM_MARKERS;
use crate::model::{Account, Address, Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Programs in the place of qmail-queue(8) that look for spam.
const QUEUES: &[&str] = &["simscan", "qmail-scanner", "qmail-spam", "spam"];

/// What variables of tcprules(1) begin with that only such programs ask for.
const VARIABLES: &[&[u8]] = &[b"SIMSCAN_", b"QS_", b"SPAM"];

/// Programs that go by such marks, or look for spam in a way of their own.
const OTHERS: &[&str] = &["ifspamh", "razor-check"];

/// Accounts that a script names for one thing: Pigeonhole takes scripts of 1 MiB.
const MOST_NAMED: usize = 2000;

/// Places that are shown of each kind.
const SHOWN: usize = 3;

/// Bits of accounts that only a spam filter asks for.
pub(super) const SPAM_BITS: Restrictions = Restrictions(
    Restrictions::NO_SPAMASSASSIN.0
        | Restrictions::DELETE_SPAM.0
        | Restrictions::SPAM_ADMIN.0
        | Restrictions::SPAM_EXPERT.0,
);

/// Whether a variable of a client rule is for a spam filter.
pub(super) fn is_for_spam(name: &BStr, value: &BStr) -> bool {
    let runs = |program: &&str| value.contains_str(program);
    VARIABLES.iter().any(|front| name.starts_with(front))
        || name == "QMAILQUEUE" && QUEUES.iter().any(runs)
}

impl Translator<'_> {
    /// Finds them all, and has the new server's files offer one place for what they did.
    pub(super) fn translate_spam(&mut self) {
        let site = self.site;
        let lines = site.homes.values().flat_map(|home| home.files.values());
        let lines = lines.flat_map(DotQmail::numbered).filter(|(_, line)| marks_spam(line));
        let lines = lines.map(|(origin, _)| origin);
        let default = site.control.default_delivery.iter();
        let default = default.filter(|line| marks_spam(line.value.as_bstr()));
        let lines = lines.chain(default.map(|line| line.origin.clone())).collect();
        let mut filters: Vec<Origin> =
            site.sorters.values().flat_map(|sorting| sorting.marks_spam.clone()).collect();
        filters.sort();
        filters.dedup();
        let accounts = site.domains.iter().flat_map(|domain| &domain.accounts);
        let marked = accounts.filter(|account| account.restrictions.contains(SPAM_BITS));
        let marked = marked.map(|account| account.origin.clone()).collect();
        let homes = site.homes.iter().map(|(path, home)| (path, home.inside));
        let accounts = site.domains.iter().flat_map(|domain| &domain.accounts);
        let homes = homes.chain(accounts.map(|account| (&account.home, account.inside)));
        let homes: BTreeSet<&RelPath> =
            homes.filter(|(_, inside)| inside.has_spam_settings).map(|(path, _)| path).collect();
        let variables = site.control.clients.iter().filter(|rule| {
            let mut variables = rule.variables.iter();
            variables.any(|(name, value)| is_for_spam(name.as_bstr(), value.as_bstr()))
        });
        let variables = variables.map(|rule| rule.origin.clone()).collect();
        let kinds: [(&str, Vec<Origin>); 6] = [
            ("lines of .qmail files", lines),
            ("lines of filters", filters),
            ("marks of accounts", marked),
            ("rules for clients", variables),
            ("folders with settings of a user", homes.into_iter().map(Origin::file).collect()),
            ("control files", site.control.spam_files.clone()),
        ];
        let all = kinds.iter().map(|(_, places)| places.len()).sum::<usize>();
        let Some(first) = kinds.iter().find_map(|(_, places)| places.first()).cloned() else {
            return;
        };
        let told = kinds.iter().filter(|(_, places)| !places.is_empty()).map(|(kind, places)| {
            let shown: Vec<String> = places.iter().take(SHOWN).map(ToString::to_string).collect();
            let more = if places.len() > SHOWN { ", ..." } else { "" };
            format!("{kind}: {} ({}{more})", places.len(), shown.join(", "))
        });
        let told: Vec<String> = told.collect();
        let (spam, unnamed) = self.marked_spam();
        self.design.spam = Some(spam);
        let unnamed = match unnamed {
            0 => String::new(),
            more => format!(
                "; that of {more} accounts too, whose marks are more than a script can name"
            ),
        };
        self.find(
            &code::SITE_SPAM_FILTER,
            Disposition::Adapted,
            &first,
            "spam filter",
            format!("spam was looked for; places: {all}; {}", told.join("; ")),
            format!("nothing looks for it any more; main.cf has lines for a milter, commented out, and mail with `X-Spam-Flag: YES` goes into the folder Spam, or Junk{unnamed}"),
        );
    }

    /// Whose marked mail goes elsewhere (`vdelivermail.c`), and how many accounts are left out of it.
    fn marked_spam(&self) -> (MarkedSpam, usize) {
        let (mut spam, mut unnamed) = (MarkedSpam::default(), 0);
        let by_own_rules = self
            .design
            .filters
            .iter()
            .filter(|(_, filter)| filter.asks_for(&|field| field.starts_with("x-spam-")));
        spam.left_alone.addresses.extend(by_own_rules.map(|(address, _)| address.clone()));
        for domain in &self.site.domains {
            let overrides =
                |account: &Account| account.restrictions.contains(Restrictions::OVERRIDE);
            let is_whole = !domain.accounts.iter().any(overrides);
            for (bit, list) in [
                (Restrictions::NO_SPAMASSASSIN, &mut spam.left_alone),
                (Restrictions::DELETE_SPAM, &mut spam.thrown_away),
            ] {
                if is_whole && domain.limits.restrictions.contains(bit) {
                    list.domains.insert(domain.name.clone());
                    continue;
                }
                let has = |account: &&Account| domain.login_restrictions(account).contains(bit);
                for account in domain.accounts.iter().filter(has) {
                    if list.addresses.len() < MOST_NAMED {
                        list.addresses.insert(Address::of(&account.name, &domain.name));
                    } else {
                        unnamed += 1;
                    }
                }
            }
        }
        (spam, unnamed)
    }
}

/// Whether a line hands mail to a program that marks spam.
fn marks_spam(line: &BStr) -> bool {
    let Some(command) = line.strip_prefix(b"|") else { return false };
    let names = || SPAM_MARKERS.iter().chain(OTHERS);
    let is_near = names().any(|name| command.contains_str(name));
    let is_marker = |word: &Word| {
        let text: BString = word.text();
        let name = text.rsplit_str("/").next().unwrap_or_default();
        names().any(|known| name == known.as_bytes())
    };
    is_near && simple_commands(command).iter().flatten().any(is_marker)
}

#[cfg(test)]
mod tests {
    use super::{is_for_spam, marks_spam};
    use bstr::BStr;

    #[test]
    fn programs_and_variables_are_known_by_their_names() {
        assert!(marks_spam(BStr::new("| /usr/bin/spamc -f | maildrop")));
        assert!(!marks_spam(BStr::new("&spamc@a.example")));
        assert!(!marks_spam(BStr::new("|/usr/local/bin/spamclean")));
        let asks = |name: &str, value: &str| is_for_spam(BStr::new(name), BStr::new(value));
        assert!(asks("QMAILQUEUE", "/var/qmail/bin/simscan") && asks("SIMSCAN_DEBUG", "1"));
        assert!(!asks("QMAILQUEUE", "/var/qmail/bin/qmail-dk") && !asks("RELAYCLIENT", ""));
    }
}
