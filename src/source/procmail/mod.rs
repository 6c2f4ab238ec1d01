//! procmail: the recipes by which users have their mail sorted (procmailrc(5)).

mod parse;
mod rules;
mod syntax;

use super::sorters::{self, Rules, Runner, Strange, Usual};
use super::{Error, Reading, Source};
use crate::model::sorter::Program;

/// The reader of procmail's recipes.
#[derive(Clone, Copy, Debug)]
pub struct Procmail;

/// Where it looks without being told.
const USUAL: Usual = Usual { host: "etc/procmailrc", user: ".procmailrc" };

impl Source for Procmail {
    fn id(&self) -> &'static str {
        "procmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        sorters::find(reading, Program::Procmail, &USUAL, read);
        Ok(())
    }
}

/// What a file of recipes comes to.
fn read(text: &[u8], runner: &Runner) -> Result<Rules, Strange> {
    rules::rules(&parse::parse(text)?, runner)
}

#[cfg(test)]
mod tests;
