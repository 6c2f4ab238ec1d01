//! `unqmail migrate`.

use super::args::MigrateArgs;
use super::progress::Bar;
use super::{Exit, activate, open_site, term};
use crate::apply::{self, Applied, Only, Options, Pass};
use crate::finding::{Findings, Severity};
use crate::fsys::root::Root;
use crate::fsys::tree::Tree;
use crate::model::seen::Memory;
use crate::plan::{Plan, Totals};
use crate::report::{self, counted, duration, size};
use anyhow::Context as _;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) fn run(args: &MigrateArgs) -> anyhow::Result<Exit> {
    if is_same_folder(&args.site, &args.target) {
        term::say("unqmail: SITE and TARGET are the same folder; nothing is ever written to SITE");
        return Ok(Exit::WrongUse);
    }
    let pass = match () {
        () if args.last => Pass::Final,
        () if args.late => Pass::Late,
        () => Pass::Update,
    };
    let only = Only::new(args.only.iter().map(|pattern| pattern.as_encoded_bytes()));
    apply::ensure_free(&args.target).context("migrating")?;
    let begun = Instant::now();
    let root = Root::open(&args.site).context("opening the old server's root")?;
    // Without a memory no folder is as an earlier pass saw it.
    let target = Root::open(&args.target).ok().filter(|_| !args.thorough);
    // One waits for another program, Dovecot, the other has a file of many lines to read.
    let (opened, mut memory) = rayon::join(
        || open_site(root, Some(&args.target), args.config.as_deref()),
        || target.map_or_else(Memory::default, |target| apply::memory(&target)),
    );
    let (mut root, policy, dovecot) = opened?;
    if pass == Pass::Final {
        root.watch();
        memory.by_names = true;
    }
    let plan = Plan::make_with(&root, policy, dovecot, &memory);
    let plan = plan.context("reading the old server")?;
    let reading = begun.elapsed();
    if let Some(pattern) = only.idle(&plan.with_mail()).first() {
        term::say(&format!("unqmail: --only {pattern}: no account or list is meant by it"));
        return Ok(Exit::WrongUse);
    }
    if plan.refusing().next().is_some() {
        let mut err = anstream::stderr().lock();
        report::text::plan(&plan, false, &mut err)?;
        writeln!(err, "\nRefused: nothing was written.")?;
        return Ok(Exit::Refused);
    }
    if args.link {
        let found = apply::prove_sharing(&plan, &root, &args.target, &only);
        let found = found.context("looking whether messages can be linked")?;
        if is_refused(&plan, &found, "--link cannot be carried out")? {
            return Ok(Exit::Refused);
        }
    }
    let mut before = Findings::default();
    // A message that is linked or cloned takes no room.
    if pass != Pass::Late && !args.link {
        let room = apply::room(&plan, &args.target, &only, &memory);
        before.extend(room.context("looking whether TARGET has room")?);
    }
    if pass == Pass::Final {
        let seconds = plan.quiet_seconds();
        term::say(&format!("looking whether anything changes within {seconds} s ..."));
        let moving = apply::prove(&plan, &root, seconds);
        before.append(moving.context("looking whether SITE is quiet")?);
    }
    if is_refused(&plan, &before, "this is not the moment for the pass")? {
        return Ok(Exit::Refused);
    }
    let tree = Tree::create(&args.target).context("opening the new server's root")?;
    let totals = plan.totals();
    let bar = Bar::new("copied", totals.messages);
    let options = Options { pass, only, shares: args.link, jobs: jobs(args.jobs), memory };
    let applied = apply::apply(&plan, &root, &tree, &options, &bar);
    bar.finish();
    let mut applied = applied.context("migrating")?;
    applied.findings.append(before);
    let unwaived = applied.findings.refusing(plan.waivers()).next().is_some();
    let earned = match () {
        () if applied.failed() || unwaived => Exit::Failed,
        () if applied.stopped => Exit::Stopped,
        () => Exit::Done,
    };
    let told = term::print(None, term::Reader::Person, earned, |out| {
        summary(&plan, &totals, &applied, out)?;
        durations(&applied, begun.elapsed(), reading, out)?;
        if pass == Pass::Final && !args.thorough {
            writeln!(
                out,
                "Messages were known by their names: whether one was changed in place, only `verify` and \
                 `migrate --final --thorough` look."
            )?;
        }
        if pass == Pass::Late {
            return Ok(());
        }
        if earned == Exit::Done {
            activate::steps(&args.target, &plan, applied.without_owners, out)?;
        }
        Ok(())
    });
    // The process ends here, and with it all that is in memory: piece by piece that takes longer.
    std::mem::forget((plan, options));
    told
}

/// Whether one of the findings stands in the way; then they are told, and why nothing is done.
fn is_refused(plan: &Plan, found: &Findings, why: &str) -> anyhow::Result<bool> {
    let is_refused = found.refusing(plan.waivers()).next().is_some();
    if is_refused {
        let mut err = anstream::stderr().lock();
        report::text::findings(found, plan.waivers(), true, &mut err)?;
        writeln!(err, "Refused: {why}. Nothing was written.")?;
    }
    Ok(is_refused)
}

/// Whether two paths name one folder, however they are spelled.
fn is_same_folder(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(a).is_some_and(|a| real(b) == Some(a))
}

/// Threads by default: four for each processor, since they wait for disks.
fn jobs(asked: Option<usize>) -> usize {
    asked.filter(|jobs| *jobs > 0).unwrap_or_else(|| 4 * super::processors())
}

/// What the pass took, and what the next one will.
fn durations(
    applied: &Applied,
    all: Duration,
    reading: Duration,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "This pass took {}: {} to read the old server, {} for the mail.\n\
         The next one takes about {}, and more for what is new by then.",
        duration(all),
        duration(reading),
        duration(applied.took),
        duration(reading + applied.unchanged_mail()),
    )?;
    Ok(())
}

/// What was written, and what was only moved, renamed or removed.
fn changes(applied: &Applied, out: &mut dyn Write) -> anyhow::Result<()> {
    let moved = &applied.moved;
    let messages = |number| counted(number, "message", "messages");
    writeln!(
        out,
        "Written: {}, {} ({}), {}.",
        counted(applied.written, "file", "files"),
        messages(moved.copied),
        size(moved.bytes),
        counted(applied.posts, "archived post", "archived posts"),
    )?;
    let (rows, removed) = (applied.rows, applied.removed);
    let gone = moved.deleted + moved.folders_removed;
    let folders = counted(moved.folders_removed, "folder", "folders");
    let told = [
        (rows > 0, format!("In the database: {}.", counted(rows, "row", "rows"))),
        (
            moved.shared > 0,
            format!(
                "Of these share their bytes with the old server's: {}.",
                messages(moved.shared)
            ),
        ),
        (removed > 0, format!("Removed: {} of an earlier run.", counted(removed, "file", "files"))),
        (
            gone > 0,
            format!(
                "Removed: {} and {folders} that the old server has no more.",
                messages(moved.deleted)
            ),
        ),
        (moved.followed > 0, format!("Moved: {} into another folder.", messages(moved.followed))),
        (
            moved.replaced > 0,
            format!("Copied anew: {} that changed on the old server.", messages(moved.replaced)),
        ),
        (moved.renamed > 0, format!("Renamed: {} whose flags changed.", messages(moved.renamed))),
    ];
    for (_, line) in told.iter().filter(|(is_so, _)| *is_so) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What was done, what was found, what failed.
fn summary(
    plan: &Plan,
    totals: &Totals,
    applied: &Applied,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let failed = applied.failures.iter().chain(&applied.moved.failures);
    for error in failed.clone() {
        writeln!(out, "failed: {error}")?;
    }
    report::text::findings(&applied.findings, plan.waivers(), true, out)?;
    report::text::waivers(plan.waivers(), out)?;
    if applied.changed() {
        changes(applied, out)?;
    } else if failed.clone().count() == 0 && !applied.stopped {
        writeln!(out, "Nothing to do: the new server is up to date.")?;
    }
    writeln!(
        out,
        "The plan has {}, {}, {} and {} ({}).",
        counted(totals.accounts, "account", "accounts"),
        counted(totals.addresses, "address", "addresses"),
        counted(totals.lists, "list", "lists"),
        counted(totals.messages, "message", "messages"),
        size(totals.bytes),
    )?;
    let count = |severity| {
        counted(plan.findings.count(severity), severity.name(), &format!("{}s", severity.name()))
    };
    writeln!(
        out,
        "Findings: {} (all waived), {}, {}; `unqmail plan` shows them.",
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note)
    )?;
    if applied.moved.vanished > 0 {
        writeln!(
            out,
            "Moved away while they were read: {}; the next pass brings them.",
            counted(applied.moved.vanished, "message", "messages")
        )?;
    }
    if applied.without_owners {
        writeln!(out, "Owners are left as they are: only root can set them.")?;
    }
    if applied.stopped {
        writeln!(out, "Stopped early: run the same command again to go on.")?;
    }
    if failed.count() > 0 {
        writeln!(
            out,
            "Something failed, and the new server is not complete: repair it and run the same command again."
        )?;
    } else if applied.findings.refusing(plan.waivers()).next().is_some() {
        writeln!(out, "An error finding above is not waived: do not activate the new server yet.")?;
    }
    Ok(())
}
