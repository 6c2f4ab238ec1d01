//! `unqmail plan`.

use super::args::{PlanArgs, PlanFormat};
use super::term::{self, Reader};
use super::{Exit, make_plan};
use crate::report;

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    let (_, plan) = make_plan(&args.site, None, args.config.as_deref())?;
    let is_refused = plan.refusing().next().is_some();
    let earned = if is_refused { Exit::Refused } else { Exit::Done };
    let reader = match args.format {
        PlanFormat::Text => Reader::Person,
        PlanFormat::Json | PlanFormat::Csv => Reader::Program,
    };
    term::print(args.out.as_deref(), reader, earned, |out| {
        match args.format {
            PlanFormat::Text => report::text::plan(&plan, args.all, out)?,
            PlanFormat::Json => report::json::plan(&plan, out)?,
            PlanFormat::Csv => report::csv::addresses(&plan, out)?,
        }
        Ok(())
    })
}
