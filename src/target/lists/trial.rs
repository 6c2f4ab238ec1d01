//! What the kits of managers are tried with: lists made by hand, and what is written of them.

use super::{Run, of, tests};
use crate::finding::Findings;
use crate::model::design::{Design, ListManager, MailingList};
use crate::model::list::Posting;
use crate::model::{Origin, RelPath, Sourced};
use crate::target::Artifact;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn sourced<T>(value: T) -> Sourced<T> {
    Sourced::new(value, Origin::file(&RelPath::new("l/editor")))
}

pub(super) fn list(manager: ListManager, at: &str, posting: Posting) -> MailingList {
    let mut list = tests::list(posting);
    list.manager = manager;
    list.list.address = tests::address(at);
    list.list.moderators = tests::members(&["mo@example.org"]);
    list.list.allowed = tests::members(&["al@example.org", "@friends.example"]);
    list.list.held_back.clear();
    list
}

pub(super) fn run(list: &MailingList) -> Run<'_> {
    let owners = list.owners.clone();
    Run { at: &list.list.address, list, aliases: Vec::new(), owners }
}

/// What their manager writes of lists: the files by name, and the codes of the findings.
pub(super) fn kit(lists: &[MailingList]) -> (BTreeMap<String, String>, Vec<&'static str>) {
    let (mut files, mut findings) = (Vec::new(), Findings::default());
    let runs: Vec<_> = lists.iter().map(run).collect();
    of(lists[0].manager).emit(&runs, &Design::default(), &mut files, &mut findings);
    let text = |file: &Artifact| String::from_utf8(file.bytes().to_vec()).unwrap();
    let files = files.iter().map(|file| (file.path.to_string(), text(file))).collect();
    (files, findings.iter().map(|finding| finding.code.id).collect())
}

/// The records of a file.
pub(super) fn lines(files: &BTreeMap<String, String>, path: &str) -> Vec<Value> {
    files[path].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
