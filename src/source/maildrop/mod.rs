//! maildrop: the rules by which accounts and users have their mail sorted (maildropfilter(7)), by hand
//! or by the web pages of sqwebmail.

mod expression;
mod parse;
mod rules;
mod syntax;

use super::sorters::{self, Rules, Runner, Strange, Usual};
use super::{Error, Reading, Source};
use crate::model::sorter::Program;

/// The reader of maildrop's rules.
#[derive(Clone, Copy, Debug)]
pub struct Maildrop;

/// Where it looks in delivery mode.
const USUAL: Usual = Usual { host: "etc/maildroprc", user: ".mailfilter" };

impl Source for Maildrop {
    fn id(&self) -> &'static str {
        "maildrop"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        sorters::find(reading, Program::Maildrop, &USUAL, read);
        Ok(())
    }
}

/// What a file of rules comes to.
fn read(text: &[u8], runner: &Runner) -> Result<Rules, Strange> {
    rules::rules(&parse::parse(text)?, runner)
}

#[cfg(test)]
mod tests;
