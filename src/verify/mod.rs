//! Checks a target against the site, from the files alone: unless that is asked for, nothing here
//! trusts what was remembered while copying, and no table is read by the code that wrote it.

mod access;
mod accounts;
mod addresses;
pub mod clients;
mod lists;
mod mailboxes;
mod messages;
mod tables;

use crate::fsys::{self, root::Root};
use crate::mail::Progress;
use crate::plan::Plan;
use bstr::BString;
use std::collections::BTreeMap;

/// What a check of a target found.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many of each kind of thing were checked.
    pub checked: BTreeMap<&'static str, u64>,
    /// What is not as it should be.
    pub differences: Vec<Difference>,
    /// What differs on purpose: address and the codes of the findings that say why.
    pub intended: Vec<(BString, Vec<&'static str>)>,
}

/// One thing that is not as it should be. Never holds a password or hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub subject: BString,
    /// What it should be.
    pub old: String,
    /// What it is.
    pub new: String,
}

impl Verified {
    fn count(&mut self, kind: &'static str, number: usize) {
        *self.checked.entry(kind).or_insert(0) += u64::try_from(number).unwrap_or(u64::MAX);
    }

    fn count_bytes(&mut self, bytes: u64) {
        *self.checked.entry("bytes").or_insert(0) += bytes;
    }

    fn append(&mut self, mut other: Self) {
        for (kind, number) in other.checked {
            *self.checked.entry(kind).or_insert(0) += number;
        }
        self.differences.append(&mut other.differences);
        self.intended.append(&mut other.intended);
    }

    fn differ(
        &mut self,
        kind: &'static str,
        subject: impl AsRef<[u8]>,
        old: impl Into<String>,
        new: impl Into<String>,
    ) {
        let subject = subject.as_ref().into();
        self.differences.push(Difference { kind, subject, old: old.into(), new: new.into() });
    }
}

/// What is held against each other.
#[derive(Clone, Copy)]
struct Sides<'a> {
    site: &'a Root,
    target: &'a Root,
    /// Bytes of the old server's messages are not read where their digests were kept.
    recorded: bool,
    progress: &'a dyn Progress,
}

/// Checks everything that the plan promises: each file and row, each account, address, list member
/// and message; with `recorded` the bytes of messages against the digests that were kept while they
/// were copied, so that the old server's need not be read.
///
/// # Errors
/// Where the target cannot be read at all.
pub fn verify(
    plan: &Plan,
    site: &Root,
    target: &Root,
    recorded: bool,
    progress: &dyn Progress,
) -> fsys::Result<Verified> {
    let mut verified = Verified::default();
    tables::check(plan, target, &mut verified)?;
    match plan.read_target(target) {
        Ok(found) => {
            accounts::check(plan, &found, &mut verified);
            addresses::check(plan, &found, &mut verified);
            lists::check(plan, &found, &mut verified);
        }
        Err(error) => {
            verified.differ("file", "etc", "files that their programs can read", error.to_string());
        }
    }
    let sides = Sides { site, target, recorded, progress };
    mailboxes::check(plan, sides, &mut verified);
    messages::check_posts(plan, sides, &mut verified);
    verified.differences.sort();
    verified.differences.dedup();
    Ok(verified)
}
