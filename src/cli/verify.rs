//! `unqmail verify`.

use super::args::{Format, VerifyArgs};
use super::progress::Bar;
use super::{Exit, open_site, term};
use crate::fsys::root::Root;
use crate::plan::Plan;
use crate::{apply, report, verify};
use anyhow::Context as _;

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let target = Root::open(&args.target).context("opening the new server's root")?;
    // The plan need not look at each message of a folder that a pass knows: the check will.
    let memory = apply::memory(&target);
    let root = Root::open(&args.site).context("opening the old server's root")?;
    let (root, policy, dovecot) = open_site(root, Some(&args.target), args.config.as_deref())?;
    let plan =
        Plan::for_verify(&root, policy, dovecot, &memory).context("reading the old server")?;
    let bar = Bar::new("checked", plan.totals().messages);
    let verified = verify::verify(&plan, &root, &target, args.recorded, &bar);
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
