//! Calls of programs that sort mail by rules of their own, and the files that they read.

#[cfg(test)]
pub(super) mod cases;
mod text;
mod values;

pub(super) use values::{Handed, Part, TO_PROGRAM, Value, Vars, place, send, words};

use super::access::Access;
use super::{Reading, owned, reply};
use crate::model::filter::Rule;
use crate::model::responder::Responder;
use crate::model::sorter::{Program, Sorter, Sorting, Statement, sorter};
use crate::model::unix::UnixUser;
use crate::model::{DomainName, Origin, RelPath};
use bstr::BString;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use text::Text;

/// Nobody's rules are larger: 256 KiB.
const LARGEST: u64 = 256 << 10;
/// Nobody answers in more ways.
const MOST_ANSWERS: usize = 50;

/// Where mail is stored, and the line that says so.
pub(super) type Place = (RelPath, u32);

/// Why rules cannot be told: the line, and what it has that nothing here does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strange {
    pub(super) line: u32,
    pub(super) why: &'static str,
}

impl Strange {
    pub(super) fn new(line: u32, why: &'static str) -> Self {
        Self { line, why }
    }
}

/// What a file of rules comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) rules: Vec<Rule<Place>>,
    /// Lines that hand mail to a program which marks spam.
    pub(super) marks_spam: Vec<u32>,
    /// The calls of autoresponders, each with its line, in the order of the answers in `rules`.
    pub(super) answers: Vec<(u32, Responder)>,
}

impl Sorted {
    /// The same, where nothing follows.
    pub(super) fn ended(mut self) -> Self {
        if self.rules.last() == Some(&Rule::Stop) {
            self.rules.pop();
        }
        self
    }

    /// The same with what the answers say. They lie in files that are seen from this folder.
    fn answering(mut self, reading: &Reading<'_>, folder: &RelPath) -> Result<Self, Strange> {
        let mut access = Access::new(reading.root);
        let mut replies = Vec::new();
        for (line, called) in &self.answers {
            let file = owned::find(reading, &mut access, folder, &folder.join(&called.message));
            let file = file.filter(|_| replies.len() < MOST_ANSWERS);
            let reply = file
                .and_then(|file| reply::parse(&file.read(reading.root, reply::LARGEST)?, called));
            let strange = Strange::new(*line, "its answer is no text that can be read");
            replies.push(reply.ok_or(strange)?);
        }
        let mut replies = replies.into_iter();
        for rule in &mut self.rules {
            rule.each_answer(&mut |answer| answer.reply = replies.next().unwrap_or_default());
        }
        Ok(self)
    }
}

/// What a program knows of who runs it.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    /// The folder that it runs in.
    pub(super) folder: RelPath,
    /// `$HOME` and `$LOGNAME`; none for accounts, whose programs run as one user for all.
    pub(super) user: Option<(RelPath, BString)>,
    /// The domain of addresses without one.
    pub(super) domain: DomainName,
}

/// Which files a program reads.
pub(super) struct Usual {
    /// That of the host, where the call names none.
    pub(super) host: &'static str,
    /// That in the home of who calls it, where the call names none.
    pub(super) user: &'static str,
    /// The file that a line has read in its place. What it sets is noted: unknown, unless it is set
    /// for every message.
    pub(super) named: fn(&[u8], &mut Vars, &Runner, bool) -> Option<RelPath>,
    /// A named file that is missing counts as an empty one.
    pub(super) passes_missing: bool,
}

/// Reads the rules of every call of one program. `read` tells what a file's text comes to.
pub(super) fn find(
    reading: &mut Reading<'_>,
    program: Program,
    usual: &Usual,
    read: impl Fn(&[u8], &Runner) -> Result<Sorted, Strange> + Sync,
) {
    let site = &reading.site;
    let of_line = |folder: &RelPath, line: &BString| {
        let called = sorter(line.strip_prefix(b"|")?).filter(|called| called.program == program)?;
        Some((folder.clone(), called))
    };
    let of_homes = site.homes.par_iter().flat_map_iter(|(folder, home)| {
        let lines = home.files.values().flat_map(|file| &file.lines);
        lines.filter_map(move |line| of_line(folder, line))
    });
    let mut calls: BTreeSet<(RelPath, Sorter)> = of_homes.collect();
    let users = || site.unix_users.iter().filter(|user| user.gets_mail);
    for line in &site.control.default_delivery {
        calls.extend(users().filter_map(|user| of_line(&user.home, &line.value)));
    }
    let by_home: BTreeMap<&RelPath, &UnixUser> = users().map(|user| (&user.home, user)).collect();
    let domain = site.control.complete_host(None);
    let reading_now = &*reading;
    let root = reading.root;
    let mut access = Access::new(root);
    let found = calls.into_iter().filter_map(|(folder, called)| {
        let user = by_home.get(&folder).map(|user| (user.home.clone(), user.name.clone()));
        let path = match (&called.file, program) {
            (Some(file), Program::Maildrop) => folder.join(file),
            // procmail looks for others than these in the user's home.
            (Some(file), _) if file.starts_with(b"./") || file.starts_with(b"/") => {
                folder.join(file)
            }
            (Some(file), _) => user.as_ref()?.0.join(file),
            (None, _) => user.as_ref()?.0.join(usual.user),
        };
        // Without rules of his own a user's mail goes into his mailbox.
        let is_missing = || root.stat(&path).is_ok_and(|stat| stat.is_none());
        let file = if called.file.is_none() && is_missing() {
            None
        } else {
            Some(owned::find(reading_now, &mut access, &folder, &path)?)
        };
        let runner = Runner { folder: folder.clone(), user, domain: domain.clone() };
        Some(((folder, called), path, file, runner))
    });
    let found: Vec<_> = found.collect();
    let host = RelPath::new(usual.host);
    let of_host = root.read_if_there(&host, LARGEST).ok().flatten().unwrap_or_default();
    let sorted = found.into_par_iter().filter_map(|(call, path, file, runner)| {
        let mut text = Text::new(reading_now, usual, &runner);
        if call.1.file.is_none() {
            text.add(&host, &of_host);
        }
        if let Some(file) = file {
            text.add(&path, &file.read(root, LARGEST)?);
        }
        let origin = Origin::file(&path);
        let whole = Statement { origin: origin.clone(), text: BString::default() };
        let statement = |line: u32| text.statement(line).unwrap_or_else(|| whole.clone());
        let read = read(text.bytes(), &runner);
        let sorting = match read.and_then(|rules| rules.answering(reading_now, &runner.folder)) {
            Ok(Sorted { rules, marks_spam, answers }) => {
                let mut named =
                    |(path, line): &Place| Ok::<_, Infallible>((path.clone(), statement(*line)));
                let rules = rules.iter().filter_map(|rule| rule.placed(&mut named).ok()).collect();
                let marks_spam = marks_spam.into_iter().map(|line| statement(line).origin);
                let answers = answers.into_iter().map(|(line, called)| (statement(line), called));
                let (marks_spam, answers) = (marks_spam.collect(), answers.collect());
                Sorting { rules: Ok(rules), marks_spam, answers, origin }
            }
            Err(Strange { line, why }) => {
                let (rules, marks_spam) = (Err((statement(line), why)), Vec::new());
                Sorting { rules, marks_spam, answers: Vec::new(), origin }
            }
        };
        Some((call, sorting))
    });
    let sorted: BTreeMap<_, _> = sorted.collect();
    reading.site.sorters.extend(sorted);
}
