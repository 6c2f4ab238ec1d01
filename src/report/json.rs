//! JSON: `unqmail.plan/1`, `unqmail.verify/1`, `unqmail.rehearse/1` and the lines of `explain`. These shapes stay; a
//! change of one raises its number (docs/formats.md).
//!
//! Bytes of the site are text where they are UTF-8. Other strings are decoded as ISO-8859-1, one
//! character for each byte, and have a sibling key `…_encoding` with the value `latin1`.

use crate::finding::Finding;
use crate::model::design::{DomainPattern, Role};
use crate::model::outcome::Outcome;
use crate::model::quota::Quota;
use crate::plan::{AddressRow, Compared, Counted, Explanation, Kept, Plan};
use crate::rehearse::{self, Rehearsed};
use crate::resolve::Step;
use crate::verify::{Difference, Verified};
use bstr::{BString, ByteSlice as _};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

/// Writes a plan as one object; the table of addresses is computed while it is written.
pub fn plan(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &PlanReport(plan))?;
    out.write_all(b"\n")
}

/// Writes the result of a check as one object.
pub fn verified(verified: &Verified, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &VerifyReport(verified))?;
    out.write_all(b"\n")
}

/// Writes what is explained of one address, on a line.
pub fn explanation(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &ExplainLine(explanation))?;
    out.write_all(b"\n")
}

/// Writes the result of a rehearsal as one object.
pub fn rehearsed(rehearsed: &Rehearsed, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &RehearseReport(rehearsed))?;
    out.write_all(b"\n")
}

/// Adds a string that may not be UTF-8.
fn put<M: SerializeMap>(map: &mut M, key: &str, bytes: &[u8]) -> Result<(), M::Error> {
    if let Ok(text) = bytes.to_str() {
        map.serialize_entry(key, text)
    } else {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        map.serialize_entry(key, &text)?;
        map.serialize_entry(&format!("{key}_encoding"), "latin1")
    }
}

/// A sequence whose items are computed while it is written.
struct Sequence<F>(F);

impl<F, I, T> Serialize for Sequence<F>
where
    F: Fn() -> I,
    I: Iterator<Item = T>,
    T: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

struct PlanReport<'a>(&'a Plan);

impl Serialize for PlanReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plan = self.0;
        let totals = plan.totals();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", "unqmail.plan/1")?;
        map.serialize_entry(
            "totals",
            &serde_json::json!({
                "domains": totals.domains,
                "alias_domains": totals.alias_domains,
                "accounts": totals.accounts,
                "addresses": totals.addresses,
                "lists": totals.lists,
                "messages": totals.messages,
                "bytes": totals.bytes,
            }),
        )?;
        let cost = plan.cost();
        map.serialize_entry(
            "cost",
            &serde_json::json!({
                "first_seconds": cost.first_seconds,
                "last_seconds": cost.last_seconds,
                "files": cost.files,
                "free": cost.free,
            }),
        )?;
        map.serialize_entry("domains", &Sequence(|| domains(plan)))?;
        map.serialize_entry("accounts", &Sequence(|| plan.accounts().map(AccountEntry)))?;
        map.serialize_entry("lists", &Sequence(|| plan.design.lists.values().map(ListEntry)))?;
        map.serialize_entry("addresses", &Sequence(|| plan.addresses().map(Row)))?;
        map.serialize_entry("findings", &Sequence(|| plan.findings.iter().map(FindingEntry)))?;
        let programs = plan.programs();
        map.serialize_entry("programs", &Sequence(|| programs.iter().map(ProgramEntry)))?;
        map.end()
    }
}

struct ProgramEntry<'a>(&'a (BString, usize));

impl Serialize for ProgramEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (program, count) = self.0;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "program", program)?;
        map.serialize_entry("addresses", count)?;
        map.end()
    }
}

struct DomainEntry<'a> {
    name: &'a [u8],
    kind: &'static str,
    of: Option<&'a [u8]>,
}

fn domains(plan: &Plan) -> impl Iterator<Item = DomainEntry<'_>> {
    let served = plan.design.domains.iter().map(|(pattern, domain)| {
        let name: &[u8] = match pattern {
            DomainPattern::Domain(name) => name.as_ref(),
            DomainPattern::Under(suffix) => suffix,
        };
        let of: Option<&[u8]> = match &domain.role {
            Role::Own => None,
            Role::AliasOf(real) => Some(real.as_ref()),
        };
        DomainEntry { name, kind: plan.kind_of(pattern), of }
    });
    let relayed = plan.design.relayed.iter().map(|entry| DomainEntry {
        name: &entry.value,
        kind: "relay",
        of: None,
    });
    served.chain(relayed)
}

impl Serialize for DomainEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "name", self.name)?;
        map.serialize_entry("kind", self.kind)?;
        if let Some(of) = self.of {
            put(&mut map, "of", of)?;
        }
        map.end()
    }
}

struct AccountEntry<'a>(crate::plan::AccountRow<'a>);

impl Serialize for AccountEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let account = &self.0;
        let quota = |quota: Quota| {
            (!quota.is_unlimited())
                .then(|| serde_json::json!({"bytes": quota.bytes, "messages": quota.messages}))
        };
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "address", &account.address.to_bytes())?;
        map.serialize_entry("scheme", &account.scheme.map(crate::model::password::Scheme::name))?;
        map.serialize_entry("quota", &quota(account.quota))?;
        map.serialize_entry("restrictions", &account.restrictions.names().collect::<Vec<_>>())?;
        put(&mut map, "store", account.store.as_ref())?;
        map.serialize_entry("messages", &account.messages)?;
        map.serialize_entry("bytes", &account.bytes)?;
        map.end()
    }
}

struct ListEntry<'a>(&'a crate::model::design::MailingList);

impl Serialize for ListEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = &self.0.list;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "address", &list.address.to_bytes())?;
        map.serialize_entry("subscribers", &list.subscribers.len())?;
        map.serialize_entry("digest", &list.digest.len())?;
        map.serialize_entry("moderators", &list.moderators.len())?;
        map.serialize_entry("allow", &list.allowed.len())?;
        map.serialize_entry("deny", &list.denied.len())?;
        map.serialize_entry("archive", &list.archive.posts.len())?;
        map.end()
    }
}

struct Row(AddressRow);

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_row(&mut map, &self.0)?;
        map.end()
    }
}

fn put_row<M: SerializeMap>(map: &mut M, row: &AddressRow) -> Result<(), M::Error> {
    put(map, "address", &row.address)?;
    map.serialize_entry("old", &Sequence(|| row.old.iter().map(OutcomeEntry)))?;
    map.serialize_entry("new", &Sequence(|| row.new.iter().map(OutcomeEntry)))?;
    map.serialize_entry("verdict", row.verdict.name())?;
    map.serialize_entry("findings", &row.findings)
}

struct OutcomeEntry<'a>(&'a Outcome);

impl Serialize for OutcomeEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Outcome::Deliver { account, path } => {
                put(&mut map, "deliver", &account.to_bytes())?;
                put(&mut map, "path", path.as_ref())?;
            }
            Outcome::File(path) => put(&mut map, "file", path.as_ref())?,
            Outcome::Forward(address) => put(&mut map, "forward", &address.to_bytes())?,
            Outcome::List { address, action, answer } => {
                put(&mut map, "list", &address.to_bytes())?;
                put(&mut map, "action", action)?;
                map.serialize_entry("answer", answer.name())?;
            }
            Outcome::Reply(address) => put(&mut map, "reply", &address.to_bytes())?,
            Outcome::Run(command) => put(&mut map, "run", command)?,
            Outcome::Reject(text) => put(&mut map, "reject", text)?,
            Outcome::Defer(text) => put(&mut map, "defer", text)?,
            Outcome::Discard => map.serialize_entry("discard", &true)?,
        }
        map.end()
    }
}

struct FindingEntry<'a>(&'a Finding);

impl Serialize for FindingEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let finding = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", finding.code.id)?;
        map.serialize_entry("severity", &finding.code.severity)?;
        put(&mut map, "subject", &finding.subject)?;
        put(&mut map, "file", finding.origin.file.as_ref().as_ref())?;
        map.serialize_entry("line", &finding.origin.line)?;
        map.serialize_entry("message", finding.message())?;
        map.serialize_entry("effect", finding.effect())?;
        map.serialize_entry("help", finding.code.help)?;
        map.serialize_entry("disposition", &finding.disposition)?;
        map.end()
    }
}

struct ExplainLine<'a>(&'a Explanation);

impl Serialize for ExplainLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Explanation { row, old_steps, new_steps, list } = self.0;
        let mut map = serializer.serialize_map(None)?;
        put_row(&mut map, row)?;
        let old = || old_steps.iter().map(|step| OldStep(step).into_text());
        let trace = || {
            old().chain(new_steps.iter().map(|step| format!("new: {} ({})", step.text, step.place)))
        };
        map.serialize_entry("trace", &Sequence(trace))?;
        if !list.settings.is_empty() {
            map.serialize_entry("settings", &Sequence(|| list.settings.iter().map(SettingEntry)))?;
            map.serialize_entry("members", &Sequence(|| list.members.iter().map(CountedEntry)))?;
            map.serialize_entry("told", &Sequence(|| list.findings.iter().map(FindingEntry)))?;
        }
        map.end()
    }
}

/// A setting of a list before and after.
struct SettingEntry<'a>(&'a Compared);

impl Serialize for SettingEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Compared { name, old, origin, new } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("old", old)?;
        if let Some(origin) = origin {
            put(&mut map, "file", origin.file.as_ref().as_ref())?;
            map.serialize_entry("line", &origin.line)?;
        }
        map.serialize_entry("new", &Sequence(|| new.iter().map(KeptEntry)))?;
        map.end()
    }
}

/// How many people of a role a list has.
struct CountedEntry<'a>(&'a Counted);

impl Serialize for CountedEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Counted { role, old, new } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", role)?;
        map.serialize_entry("old", old)?;
        map.serialize_entry("new", &new.ok())?;
        if let Err(why) = new {
            map.serialize_entry("why", why)?;
        }
        map.end()
    }
}

struct KeptEntry<'a>(&'a Kept);

impl Serialize for KeptEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "file", self.0.file.as_ref())?;
        match &self.0.value {
            Some(value) => put(&mut map, "value", value)?,
            None => map.serialize_entry("value", &())?,
        }
        map.end()
    }
}

struct OldStep<'a>(&'a Step);

impl OldStep<'_> {
    fn into_text(self) -> String {
        match &self.0.origin {
            Some(origin) => format!("old: {} ({origin})", self.0.text),
            None => format!("old: {}", self.0.text),
        }
    }
}

struct VerifyReport<'a>(&'a Verified);

impl Serialize for VerifyReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Verified { checked, differences, intended } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", "unqmail.verify/1")?;
        map.serialize_entry("checked", checked)?;
        map.serialize_entry("differences", &Sequence(|| differences.iter().map(DifferenceEntry)))?;
        map.serialize_entry(
            "intended",
            &Sequence(|| intended.iter().map(|(address, codes)| Intended { address, codes })),
        )?;
        map.end()
    }
}

struct DifferenceEntry<'a>(&'a Difference);

impl Serialize for DifferenceEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_difference(&mut map, self.0)?;
        map.end()
    }
}

fn put_difference<M: SerializeMap>(map: &mut M, difference: &Difference) -> Result<(), M::Error> {
    let Difference { kind, subject, old, new } = difference;
    map.serialize_entry("kind", kind)?;
    put(map, "subject", subject)?;
    map.serialize_entry("old", old)?;
    map.serialize_entry("new", new)
}

struct Intended<'a> {
    address: &'a [u8],
    codes: &'a [&'static str],
}

impl Serialize for Intended<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "subject", self.address)?;
        map.serialize_entry("findings", self.codes)?;
        map.end()
    }
}

struct RehearseReport<'a>(&'a Rehearsed);

impl Serialize for RehearseReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Rehearsed { rows, unasked, mailboxes, stopped, took } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", "unqmail.rehearse/1")?;
        map.serialize_entry("asked", &rows.len())?;
        map.serialize_entry("differing", &rows.iter().filter(|row| !row.agrees).count())?;
        map.serialize_entry("stopped", stopped)?;
        map.serialize_entry("seconds", &took.as_secs())?;
        map.serialize_entry("addresses", &Sequence(|| rows.iter().map(RehearsedRow)))?;
        map.serialize_entry("unasked", &Sequence(|| unasked.iter().map(|name| Unasked(name))))?;
        map.serialize_entry("mailboxes", &mailboxes.asked)?;
        map.serialize_entry("checked", &mailboxes.checked)?;
        let differences = || mailboxes.differences.iter().map(MailboxDifference);
        map.serialize_entry("mailbox_differences", &Sequence(differences))?;
        map.end()
    }
}

struct RehearsedRow<'a>(&'a rehearse::Row);

impl Serialize for RehearsedRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "address", &row.address)?;
        map.serialize_entry("predicted", &Sequence(|| row.predicted.iter().map(OutcomeEntry)))?;
        map.serialize_entry("seen", &Sequence(|| row.seen.iter().map(OutcomeEntry)))?;
        map.serialize_entry("agrees", &row.agrees)?;
        map.serialize_entry("caused", &row.caused)?;
        map.end()
    }
}

struct MailboxDifference<'a>(&'a (BString, Difference));

impl Serialize for MailboxDifference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mailbox, difference) = self.0;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "mailbox", mailbox)?;
        put_difference(&mut map, difference)?;
        map.end()
    }
}

struct Unasked<'a>(&'a [u8]);

impl Serialize for Unasked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "address", self.0)?;
        map.end()
    }
}
