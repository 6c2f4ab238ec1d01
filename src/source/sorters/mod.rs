//! Calls of programs that sort mail by rules of their own, and the files that they read.

mod values;

pub(super) use values::{Handed, Part, Value, Vars, place, send, words};

use super::access::Access;
use super::{Reading, owned};
use crate::model::filter::Rule;
use crate::model::sorter::{Program, Sorter, Sorting, Statement, sorter};
use crate::model::unix::UnixUser;
use crate::model::{DomainName, Origin, RelPath};
use bstr::{BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Nobody's rules are larger: 256 KiB.
const LARGEST: u64 = 256 << 10;

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
pub(super) struct Rules {
    pub(super) rules: Vec<Rule<Place>>,
    /// Lines that hand mail to a program which marks spam.
    pub(super) marks_spam: Vec<u32>,
}

impl Rules {
    /// What a file comes to that ends with these rules.
    pub(super) fn ended(mut rules: Vec<Rule<Place>>, marks_spam: Vec<u32>) -> Self {
        if rules.last() == Some(&Rule::Stop) {
            rules.pop();
        }
        Self { rules, marks_spam }
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

/// Which files a program reads that is called without the name of one: that of the host, and that in
/// the home of who calls it.
pub(super) struct Usual {
    pub(super) host: &'static str,
    pub(super) user: &'static str,
}

/// Reads the rules of every call of one program. `read` tells what a file's text comes to.
pub(super) fn find(
    reading: &mut Reading<'_>,
    program: Program,
    usual: &Usual,
    read: impl Fn(&[u8], &Runner) -> Result<Rules, Strange> + Sync,
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
    let mut access = Access::new(reading.root);
    let mut plain = Vec::new();
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
        let is_missing = || reading.root.stat(&path).is_ok_and(|stat| stat.is_none());
        if called.file.is_none() && is_missing() {
            // Without rules of his own a user's mail goes into his mailbox.
            let (rules, marks_spam) = (Ok(Vec::new()), Vec::new());
            plain.push((
                (folder, called),
                Sorting { rules, marks_spam, origin: Origin::file(&path) },
            ));
            return None;
        }
        let file = owned::find(reading, &mut access, &folder, &path)?;
        let runner = Runner { folder: folder.clone(), user, domain: domain.clone() };
        Some(((folder, called), path, file, runner))
    });
    let found: Vec<_> = found.collect();
    let root = reading.root;
    let sorted = found.into_par_iter().filter_map(|(call, path, file, runner)| {
        let text = file.read(root, LARGEST)?;
        let origin = Origin::file(&path);
        let statement = |line: u32| {
            let number = usize::try_from(line).unwrap_or_default().saturating_sub(1);
            Statement {
                origin: origin.at(line),
                text: text.lines().nth(number).unwrap_or_default().trim_ascii().into(),
            }
        };
        let (rules, marks_spam) = match read(&text, &runner) {
            Ok(Rules { rules, marks_spam }) => {
                let mut named =
                    |(path, line): &Place| Ok::<_, Infallible>((path.clone(), statement(*line)));
                let named = rules.iter().filter_map(|rule| rule.placed(&mut named).ok()).collect();
                (Ok(named), marks_spam)
            }
            Err(Strange { line, why }) => (Err((statement(line), why)), Vec::new()),
        };
        let marks_spam = marks_spam.into_iter().map(|line| origin.at(line)).collect();
        Some((call, Sorting { rules, marks_spam, origin }))
    });
    let mut sorted: BTreeMap<_, _> = sorted.collect();
    sorted.extend(plain);
    let host = Origin::file(&RelPath::new(usual.host));
    let text = reading.root.read_if_there(&host.file, LARGEST).ok().flatten().unwrap_or_default();
    let mut lines = (1..).zip(text.lines()).map(|(line, text)| (line, text.trim_ascii()));
    if let Some((line, text)) = lines.find(|(_, text)| !text.is_empty() && !text.starts_with(b"#"))
    {
        for (_, sorting) in sorted.iter_mut().filter(|((_, called), _)| called.file.is_none()) {
            let why = "it counts before the rules of each user";
            let statement = Statement { origin: host.at(line), text: text.into() };
            sorting.rules = Err((statement, why));
        }
    }
    reading.site.sorters.extend(sorted);
}
