//! `unqmail verify`.

use super::args::{Format, VerifyArgs};
use super::progress::Bar;
use super::{Exit, make_plan, term};
use crate::fsys::root::Root;
use crate::{report, verify};
use anyhow::Context as _;

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let (root, plan) = make_plan(&args.site, Some(&args.target), args.config.as_deref())?;
    let target = Root::open(&args.target).context("opening the new server's root")?;
    let bar = Bar::new("checked", plan.totals().messages);
    let verified = verify::verify(&plan, &root, &target, super::migrate::jobs(None), &bar);
    bar.finish();
    let verified = verified.context("checking the new server")?;
    let earned = if verified.differences.is_empty() { Exit::Done } else { Exit::Differs };
    term::print(args.out.as_deref(), args.format.reader(), earned, |out| {
        match args.format {
            Format::Text => report::text::verified(&verified, out)?,
            Format::Json => report::json::verified(&verified, out)?,
        }
        Ok(())
    })
}
