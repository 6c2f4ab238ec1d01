//! A plain alias: no program runs the list, its address leads to its members.

mod losses;
mod paths;
mod posters;

use super::{Kept, Manager, Run, neutral, settled};
use crate::finding::Findings;
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, MailingList};
use crate::model::list::List;
use crate::model::{Address, RelPath};
use crate::target::Artifact;
use crate::target::wiring::{ListWiring, Post, Way, Wiring};
use paths::Paths;
use std::collections::BTreeMap;

/// Lists without a manager. There are no files but Postfix's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alias;

impl Manager for Alias {
    fn archive(&self, list: &MailingList) -> RelPath {
        neutral::folder(list).join("archive")
    }

    fn wiring(&self, lists: &[Run<'_>], design: &Design) -> Wiring {
        let paths = Paths::new(lists, design);
        let lists = lists.iter().map(|run| (run.at.clone(), of(run, &paths)));
        Wiring { lists: lists.collect(), ..Wiring::default() }
    }

    fn commands(&self) -> &'static str {
        "what the list answered goes to its owner, a person; there is no archive to ask, and what was refused is refused"
    }

    fn kept(&self, list: &MailingList) -> Vec<Kept> {
        let others = posters::of(&list.list, Vec::new).map(|posters| posters.others);
        let value = match others {
            None => None,
            Some(None) => Some("some senders are refused".into()),
            Some(Some(text)) => Some(format!("others: {text}").into()),
        };
        let file = RelPath::new("etc/postfix/unqmail/list_posts");
        vec![Kept { setting: "posting", file, value }]
    }

    fn emit(
        &self,
        lists: &[Run<'_>],
        design: &Design,
        _: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        let paths = Paths::new(lists, design);
        for run in lists {
            findings.append(losses::of(run, &paths));
        }
    }
}

fn of(run: &Run<'_>, paths: &Paths<'_>) -> ListWiring {
    let MailingList { list, owners, answers, .. } = run.list;
    let ways = answers
        .iter()
        .filter_map(|(command, answer)| Some((*command, way(*command, *answer, owners.first()?))));
    ListWiring {
        post: Post::Members(members(list, run.at)),
        posters: posters::of(list, || paths.to(run.at).only),
        taken: None,
        words: Vec::new(),
        ways: ways.collect(),
    }
}

/// Who gets each post: digests are nobody's business any more. Sorted, each once; a list that is
/// its own member would be a loop.
fn members(list: &List, own: &Address) -> Vec<Address> {
    let all = list.subscribers.iter().chain(list.digesters()).map(|member| &member.value);
    let all: BTreeMap<Address, &Address> = all.map(|member| (member.to_lower(), member)).collect();
    let own = [own, &list.address].map(Address::to_lower);
    let others = all.into_iter().filter(|(lower, _)| !own.contains(lower));
    others.map(|(_, member)| member.clone()).collect()
}

/// A person answers what the list answered.
fn way(command: Command, answer: Answer, owner: &Address) -> Way {
    if let Some(way) = settled(command, answer) {
        return way;
    }
    match command {
        Command::Get | Command::Archive => Way::Refused("5.7.1 This list has no archive"),
        _ => Way::Address(owner.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_answers_where_the_list_did() {
        let owner = Address::parse(b"l-owner@x").unwrap();
        let way = |command, answer| way(command, answer, &owner);
        let person = Way::Address(owner.clone());
        assert_eq!(way(Command::Subscribe, Answer::Done), person);
        assert_eq!(way(Command::Other, Answer::Help), person);
        assert_eq!(way(Command::Bounce, Answer::Done), Way::ThrownAway);
        assert!(matches!(way(Command::Get, Answer::Done), Way::Refused(_)));
        assert!(matches!(way(Command::Subscribe, Answer::Refused), Way::Refused(_)));
    }
}
