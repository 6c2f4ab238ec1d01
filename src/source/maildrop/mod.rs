//! maildrop: the rules by which accounts and users have their mail sorted (maildropfilter(7)), by hand
//! or by the web pages of sqwebmail.

mod expression;
mod parse;
mod rules;
mod syntax;

use super::sorters::{self, Runner, Sorted, Strange, Usual, Vars};
use super::{Error, Reading, Source};
use crate::model::RelPath;
use crate::model::sorter::Program;

/// The reader of maildrop's rules.
#[derive(Clone, Copy, Debug)]
pub struct Maildrop;

/// Where it looks in delivery mode.
const USUAL: Usual =
    Usual { host: "etc/maildroprc", user: ".mailfilter", named, passes_missing: false };

impl Source for Maildrop {
    fn id(&self) -> &'static str {
        "maildrop"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        sorters::find(reading, Program::Maildrop, &USUAL, read);
        Ok(())
    }
}

/// The file that `include` names (maildropfilter(7)).
fn named(line: &[u8], vars: &mut Vars, runner: &Runner, is_always: bool) -> Option<RelPath> {
    match parse::named(line)? {
        (name, value) if name == "include" => Some(runner.folder.join(vars.expand(&value)?)),
        (name, value) => {
            vars.note(&name, &value, is_always);
            None
        }
    }
}

/// What a file of rules comes to.
fn read(text: &[u8], runner: &Runner) -> Result<Sorted, Strange> {
    rules::rules(&parse::parse(text)?, runner)
}

#[cfg(test)]
mod tests;
