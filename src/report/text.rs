//! Text for a person: what matters first, everything with its place.

use super::{counted, duration, grouped, size};
use crate::finding::{Code, Finding, Findings, Severity, Waiver};
use crate::model::outcome::{self, Outcome, Verdict};
use crate::model::{Origin, RelPath, shown};
use crate::plan::{Compared, Counted, Explanation, Kept, Plan};
use crate::rehearse::Rehearsed;
use crate::verify::{Difference, Verified};
use anstyle::{AnsiColor, Style};
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

/// Findings of one code that are shown whole; the others are counted.
const SHOWN: usize = 3;

/// What `plan` prints.
pub fn plan(plan: &Plan, all: bool, out: &mut dyn Write) -> io::Result<()> {
    totals(plan, out)?;
    writeln!(out)?;
    findings(&plan.findings, plan.waivers(), all, out)?;
    programs(plan, out)?;
    verdict(plan, out)
}

/// The programs that somebody has to decide about, each once.
fn programs(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let programs = plan.programs();
    if programs.is_empty() {
        return Ok(());
    }
    writeln!(out, "Programs that mail is handed to; decide about each under [programs]:")?;
    for (program, count) in programs {
        let addresses = counted(count, "address", "addresses");
        writeln!(out, "  {}: {addresses}", shown(&program))?;
    }
    writeln!(out)
}

/// The counts at the top.
fn totals(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let totals = plan.totals();
    let verdicts: Vec<String> = plan
        .verdicts()
        .iter()
        .map(|(verdict, count)| format!("{} {}", grouped(*count), verdict.name()))
        .collect();
    let rows = [
        (
            "domains",
            grouped(totals.domains),
            format!("and {}", counted(totals.alias_domains, "alias domain", "alias domains")),
        ),
        ("accounts", grouped(totals.accounts), String::new()),
        ("addresses", grouped(totals.addresses), verdicts.join(", ")),
        ("lists", grouped(totals.lists), String::new()),
        ("messages", grouped(totals.messages), size(totals.bytes)),
    ];
    for (name, count, more) in rows {
        writeln!(out, "{}", format!("{name:<10} {count:>12}   {more}").trim_end())?;
    }
    let cost = plan.cost();
    // A prediction knows no tenths.
    let time = |seconds| match seconds {
        0..10 => format!("{seconds} s"),
        _ => duration(Duration::from_secs(seconds)),
    };
    writeln!(
        out,
        "first pass  about {}, while the old server runs; {} and {} inodes must be free\n\
         last pass   about {} of downtime; each pass measures what it takes",
        time(cost.first_seconds),
        size(cost.free),
        grouped(cost.files),
        time(cost.last_seconds),
    )
}

/// Findings by code, most serious first.
pub fn findings(
    findings: &Findings,
    waivers: &[Waiver],
    all: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut groups: BTreeMap<(Severity, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        groups.entry((finding.code.severity, finding.code.id)).or_default().push(finding);
    }
    for group in groups.values() {
        let Some(first) = group.first() else { continue };
        let count = group.len();
        let waived = group
            .iter()
            .filter(|finding| waivers.iter().any(|waiver| waiver.covers(finding)))
            .count();
        let notes: Vec<String> = [
            (count > 1).then(|| counted(count, "time", "times")),
            (waived > 0).then(|| format!("{waived} waived")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let notes =
            if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
        let style = style(first.code.severity);
        writeln!(
            out,
            "{style}{}[{}]{style:#}: {}{notes}",
            first.code.severity.name(),
            first.code.id,
            first.message()
        )?;
        let shown = if all { count } else { SHOWN.min(count) };
        for finding in group.iter().take(shown) {
            one(finding, first, out)?;
        }
        rest(group.get(shown..).unwrap_or_default(), out)?;
        writeln!(out, "   = help: {}", first.code.help)?;
        writeln!(out, "   = note: unqmail explain {}\n", first.code.id)?;
    }
    Ok(())
}

fn one(finding: &Finding, first: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let subject = shown(&finding.subject).to_string();
    let place = finding.origin.to_string();
    let names = if place.contains(&subject) { String::new() } else { format!("  {subject}") };
    writeln!(out, "  --> {place}{names}")?;
    if let Some(line) = finding.excerpt() {
        let number = finding.origin.line.to_string();
        let gap = " ".repeat(number.len());
        writeln!(out, "  {gap} |\n  {number} | {}\n  {gap} |", shown(line))?;
    }
    if finding.message() != first.message() {
        writeln!(out, "   = {}", finding.message())?;
    }
    if std::ptr::eq(finding, first) || finding.effect() != first.effect() {
        writeln!(out, "   = effect: {}", finding.effect())?;
    }
    Ok(())
}

/// The subjects of the findings that are not shown whole.
fn rest(group: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    const NAMED: usize = 8;
    if group.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> =
        group.iter().take(NAMED).map(|finding| shown(&finding.subject).to_string()).collect();
    if group.len() > NAMED {
        names.push(format!("… (--all shows {})", group.len()));
    }
    writeln!(out, "  ... and {} more: {}", group.len(), names.join(", "))
}

fn style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    color.on_default().bold()
}

/// Whether `migrate` would go on, and what to do next.
fn verdict(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    waivers(plan.waivers(), out)?;
    for waiver in plan.waivers() {
        if !(&plan.findings).into_iter().any(|finding| waiver.covers(finding)) {
            let Waiver { code, subject, .. } = waiver;
            writeln!(out, "A waiver covers nothing: code {code:?}, subject {subject:?}")?;
        }
    }
    let mut refusing: BTreeMap<&str, (&Code, u64)> = BTreeMap::new();
    for finding in plan.refusing() {
        refusing.entry(finding.code.id).or_insert((finding.code, 0)).1 += 1;
    }
    if refusing.is_empty() {
        let lost = plan.verdicts().get(&Verdict::Lost).copied().unwrap_or_default();
        if lost > 0 {
            writeln!(
                out,
                "{}; the findings that say so are waived in unqmail.toml.",
                counted(lost, "address is lost", "addresses are lost")
            )?;
        }
        return writeln!(
            out,
            "Nothing stands in the way. Next: unqmail migrate SITE TARGET, with the same --config"
        );
    }
    let codes: Vec<String> =
        refusing.values().map(|(code, count)| format!("{count} {}", code.id)).collect();
    let total: u64 = refusing.values().map(|(_, count)| count).sum();
    writeln!(
        out,
        "migrate would refuse: {} not waived ({}).\nDecide about each; accept one in unqmail.toml like this:\n\n[[waive]]\ncode = \"{}\"\nsubject = {}\nreason = \"why it is acceptable\"",
        counted(total, "error finding is", "error findings are"),
        codes.join(", "),
        refusing.keys().next().unwrap_or(&""),
        plan.refusing()
            .next()
            .map(|finding| Waiver::subject_for(&finding.subject))
            .unwrap_or_default(),
    )
}

/// A waiver for all codes is said loudly wherever it is used.
pub fn waivers(waivers: &[Waiver], out: &mut dyn Write) -> io::Result<()> {
    for waiver in waivers.iter().filter(|waiver| waiver.is_for_all_codes()) {
        let style = style(Severity::Error);
        writeln!(
            out,
            "{style}EVERY ERROR FINDING about {:?} IS WAIVED{style:#} by a waiver for code \"*\": {}",
            waiver.subject, waiver.reason
        )?;
    }
    Ok(())
}

/// What `explain ADDRESS` prints: what became of the mail, what will, why they differ; then the way
/// there on each server, each step with the line or row that says so.
pub fn explanation(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    let Explanation { row, old_steps, new_steps, list } = explanation;
    let bold = Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}: {}", shown(&row.address), row.verdict.name())?;
    for (name, outcomes) in [("before", &row.old), ("after", &row.new)] {
        let mut name = format!("{name}:");
        for outcome in outcomes.iter() {
            writeln!(out, "  {name:<8}{outcome}")?;
            name.clear();
        }
    }
    for code in &row.findings {
        writeln!(out, "  why:    {code}; unqmail explain {code}")?;
    }
    let old =
        old_steps.iter().map(|step| (&step.text, step.origin.as_ref().map(ToString::to_string)));
    steps("the old server", old, out)?;
    let new = new_steps.iter().map(|step| (&step.text, Some(step.place.clone())));
    steps("the new server", new, out)?;
    settings(&list.settings, out)?;
    members(&list.members, out)?;
    told(&list.findings, out)?;
    writeln!(out)
}

/// How many people a list has, before beside after.
fn members(counted: &[Counted], out: &mut dyn Write) -> io::Result<()> {
    if !counted.is_empty() {
        writeln!(out, "its people, before and after")?;
    }
    for Counted { role, old, new } in counted {
        match new {
            Ok(new) => writeln!(out, "    {role:<22}  {old:>8}  {new:>8}")?,
            Err(why) => writeln!(out, "    {role:<22}  {old:>8}  {why}")?,
        }
    }
    Ok(())
}

/// What a person should know of a list, a line each.
fn told(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    if !findings.is_empty() {
        writeln!(out, "its findings")?;
    }
    for finding in findings {
        let (severity, code, place) = (finding.code.severity, finding.code.id, &finding.origin);
        writeln!(out, "    {}[{code}] {place}", severity.name())?;
        writeln!(out, "        {}: {}", finding.message(), finding.effect())?;
    }
    Ok(())
}

/// The settings of a list, before beside after; places are told from the folder that all are in.
fn settings(compared: &[Compared], out: &mut dyn Write) -> io::Result<()> {
    const LONGEST: usize = 40;
    if compared.is_empty() {
        return Ok(());
    }
    let cut = |text: &str| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    let origins = || compared.iter().filter_map(|setting| setting.origin.as_ref());
    let kept = || compared.iter().flat_map(|setting| &setting.new);
    let before = folder_of_all(origins().map(|origin| &*origin.file));
    let after = folder_of_all(kept().map(|kept| &kept.file));
    let below =
        |path: &RelPath, folder| shown(path.strip_prefix(folder).unwrap_or_default()).to_string();
    let place = |origin: &Origin| match (below(&origin.file, &before), origin.line) {
        (file, 0) => file,
        (file, line) => format!("{file}:{line}"),
    };
    let new = |kept: &Kept| match (below(&kept.file, &after), &kept.value) {
        (file, None) => format!("without {file}"),
        (file, Some(value)) if value.is_empty() => file,
        (file, Some(value)) => format!("{file}: {}", cut(&shown(value).to_string())),
    };
    let rows = compared.iter().map(|setting| {
        let new: Vec<String> = setting.new.iter().map(new).collect();
        let new = if new.is_empty() { "nothing keeps it".to_owned() } else { new.join(", ") };
        let place = setting.origin.as_ref().map(place).unwrap_or_default();
        [setting.name.to_owned(), cut(&setting.old), place, new]
    });
    let rows: Vec<[String; 4]> = rows.collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (names, olds, places) = (width(0), width(1), width(2));
    writeln!(out, "its settings, before in {before}, after in {after}")?;
    for [name, old, place, new] in &rows {
        writeln!(out, "    {name:<names$}  {old:<olds$}  {place:<places$}  {new}")?;
    }
    Ok(())
}

/// The folder that all these files lie in.
fn folder_of_all<'p>(mut paths: impl Iterator<Item = &'p RelPath>) -> RelPath {
    let first = paths.next().map(RelPath::parent).unwrap_or_default();
    paths.fold(first, |mut folder, path| {
        while !path.starts_with(&folder) {
            folder = folder.parent();
        }
        folder
    })
}

/// Steps in order, their places in a column of their own.
fn steps<'s>(
    server: &str,
    steps: impl Iterator<Item = (&'s String, Option<String>)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let steps: Vec<(&String, Option<String>)> = steps.collect();
    writeln!(out, "{server}")?;
    let placed = steps.iter().filter(|(_, place)| place.is_some());
    let width = placed.map(|(text, _)| text.chars().count()).max().unwrap_or(0).min(72);
    for (text, place) in steps {
        match place {
            Some(place) => writeln!(out, "    {text:<width$}  {place}")?,
            None if text.starts_with("mail for ") => writeln!(out, "  {text}")?,
            None => writeln!(out, "    {text}")?,
        }
    }
    Ok(())
}

/// What `rehearse` prints.
pub fn rehearsed(rehearsed: &Rehearsed, out: &mut dyn Write) -> io::Result<()> {
    let Rehearsed { rows, unasked, mailboxes, stopped, took } = rehearsed;
    let tell = |outcomes: &[Outcome]| match outcomes {
        [] => "nothing within the time that was given".to_owned(),
        some => outcome::told(some),
    };
    let style = style(Severity::Error);
    for (mailbox, Difference { kind, subject, old, new }) in &mailboxes.differences {
        writeln!(out, "{style}differs{style:#} {}: {kind} {}", shown(mailbox), shown(subject))?;
        writeln!(out, "   = old server: {}", shown(old.as_bytes()))?;
        writeln!(out, "   = new server: {}", shown(new.as_bytes()))?;
    }
    let wrong = || rows.iter().filter(|row| !row.agrees);
    for row in wrong() {
        writeln!(out, "{style}differs{style:#} {}", shown(&row.address))?;
        writeln!(out, "   = predicted: {}", tell(&row.predicted))?;
        writeln!(out, "   = seen:      {}", tell(&row.seen))?;
    }
    for address in unasked {
        writeln!(out, "not asked: {} cannot be written in a mail command", shown(address))?;
    }
    let noticed: BTreeSet<&BString> = mailboxes.differences.iter().map(|(name, _)| name).collect();
    let checked = |kind| mailboxes.checked.get(kind).copied().unwrap_or(0);
    writeln!(
        out,
        "{} opened: {} folders, {} messages by IMAP, {} by POP3.",
        counted(mailboxes.asked, "mailbox was", "mailboxes were"),
        grouped(checked("folder")),
        grouped(checked("flags")),
        grouped(checked("uidl")),
    )?;
    let caused: usize = rows.iter().map(|row| row.caused).sum();
    writeln!(
        out,
        "{} written to in {} s, which caused {}.",
        counted(rows.len(), "address was", "addresses were"),
        took.as_secs(),
        counted(caused, "further message", "further messages"),
    )?;
    match (wrong().count(), noticed.len(), stopped) {
        (0, 0, false) => {
            writeln!(out, "Mail ends where the plan says, and no client notices the move.")
        }
        (0, 0, true) => {
            writeln!(
                out,
                "Stopped early; so far mail ended where the plan says, and no client notices."
            )
        }
        (addresses, mailboxes, _) => writeln!(
            out,
            "For {} mail ends elsewhere than the plan says; clients of {} notice the move.",
            counted(addresses, "address", "addresses"),
            counted(mailboxes, "mailbox", "mailboxes"),
        ),
    }
}

/// What `verify` prints.
pub fn verified(verified: &Verified, out: &mut dyn Write) -> io::Result<()> {
    for (kind, count) in &verified.checked {
        writeln!(out, "{kind:<18} {:>14} checked", grouped(*count))?;
    }
    writeln!(out)?;
    for difference in &verified.differences {
        let style = style(Severity::Error);
        writeln!(out, "{style}{}{style:#} {}", difference.kind, shown(&difference.subject))?;
        writeln!(out, "   = should be: {}\n   = is:        {}", difference.old, difference.new)?;
    }
    let intended = u64::try_from(verified.intended.len()).unwrap_or(0);
    if intended > 0 {
        writeln!(
            out,
            "{} on purpose; `unqmail plan` says why.",
            counted(intended, "address behaves differently", "addresses behave differently")
        )?;
    }
    match verified.differences.len() {
        0 => writeln!(out, "Everything is there, and nothing differs."),
        count => writeln!(out, "{} found.", counted(count, "difference was", "differences were")),
    }
}
