//! procmail: the recipes by which users have their mail sorted (procmailrc(5)).

mod parse;
mod rules;
mod syntax;

use super::sorters::{self, Runner, Sorted, Strange, Usual, Vars};
use super::{Error, Reading, Source};
use crate::model::RelPath;
use crate::model::sorter::Program;

/// The reader of procmail's recipes.
#[derive(Clone, Copy, Debug)]
pub struct Procmail;

/// Where it looks without being told.
const USUAL: Usual =
    Usual { host: "etc/procmailrc", user: ".procmailrc", named, passes_missing: true };

impl Source for Procmail {
    fn id(&self) -> &'static str {
        "procmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        sorters::find(reading, Program::Procmail, &USUAL, read);
        Ok(())
    }
}

/// The file that `INCLUDERC` names, seen from `MAILDIR` (procmailrc(5)).
fn named(line: &[u8], vars: &mut Vars, runner: &Runner, is_always: bool) -> Option<RelPath> {
    let (name, value) = parse::set(line.trim_ascii())?;
    if name == "INCLUDERC" {
        let folder = runner.user.as_ref().map_or(&runner.folder, |(home, _)| home);
        let folder = vars.get(b"MAILDIR").map_or_else(|| folder.clone(), |path| folder.join(path));
        return Some(folder.join(vars.expand(&value).filter(|path| !path.is_empty())?));
    }
    vars.note(&name, &value, is_always);
    None
}

/// What a file of recipes comes to.
fn read(text: &[u8], runner: &Runner) -> Result<Sorted, Strange> {
    rules::rules(&parse::parse(text)?, runner)
}

#[cfg(test)]
mod tests;
