//! `unqmail rehearse`.

use super::args::{Format, RehearseArgs};
use super::progress::Bar;
use super::{Exit, make_plan, term};
use crate::rehearse::{self, Asked, Rehearsed};
use crate::report;
use crate::stage::Stage;
use anyhow::Context as _;
use bstr::{BString, ByteSlice as _};
use std::io::Read as _;
use std::path::Path;

pub(super) fn run(args: &RehearseArgs) -> anyhow::Result<Exit> {
    // Reading a large site takes a while; what cannot work is said first.
    Stage::can_be_set().context("rehearsing")?;
    let (site, plan) = make_plan(&args.site, Some(&args.target), args.config.as_deref())?;
    let addresses = match &args.addresses {
        Some(path) => named(path)?,
        None => rehearse::sample(plan.addresses(), args.sample.unwrap_or(usize::MAX)),
    };
    let all_mailboxes = args.addresses.is_none() && args.sample.is_none();
    let mailboxes = if all_mailboxes { plan.design.mailboxes.len() } else { 0 };
    let total = addresses.len() + mailboxes;
    let bar = Bar::new("rehearsed", u64::try_from(total).unwrap_or(u64::MAX));
    let asked = Asked { addresses, all_mailboxes };
    let rehearsed = rehearse::rehearse(&plan, &site, &args.target, asked, &bar);
    bar.finish();
    let rehearsed = rehearsed.context("rehearsing")?;
    term::print(args.out.as_deref(), args.format.reader(), earned(&rehearsed), |out| {
        match args.format {
            Format::Text => report::text::rehearsed(&rehearsed, out)?,
            Format::Json => report::json::rehearsed(&rehearsed, out)?,
        }
        Ok(())
    })
}

fn earned(rehearsed: &Rehearsed) -> Exit {
    let differs =
        rehearsed.rows.iter().any(|row| !row.agrees) || !rehearsed.mailboxes.differences.is_empty();
    match () {
        () if differs && !rehearsed.stopped => Exit::Differs,
        () if rehearsed.stopped => Exit::Stopped,
        () => Exit::Done,
    }
}

/// The addresses of a file, raw bytes, one a line.
fn named(path: &Path) -> anyhow::Result<Vec<BString>> {
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text)?;
    } else {
        text = crate::fsys::read_bytes(path)?;
    }
    Ok(text.lines().filter(|line| !line.is_empty()).map(BString::from).collect())
}
