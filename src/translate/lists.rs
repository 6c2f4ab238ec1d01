//! Lists: where each lives, and what its rules lose.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::command_address::{Answer, Command};
use crate::model::design::{
    DomainPattern, ListManager, LocalPattern, MailingList, Pattern, Target,
};
use crate::model::list::{Joined, List, WaitsFor};
use crate::model::{Address, Origin, shown};
use crate::resolve::Action;
use bstr::ByteSlice as _;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What the old server does with a list's addresses.
struct Addressed {
    taken: Option<String>,
    owners: Vec<Address>,
    answers: BTreeMap<Command, Answer>,
}

impl Translator<'_> {
    pub(super) fn translate_lists(&mut self) {
        let site = self.site;
        let addressed = |list: &List| Addressed {
            taken: self.taken(list),
            owners: self.owners(list),
            answers: self.answers(list),
        };
        let all: Vec<Addressed> = site.lists.par_iter().map(addressed).collect();
        for (list, Addressed { taken, owners, answers }) in site.lists.iter().zip(all) {
            let subject = list.address.to_bytes();
            let at = self.design.real(&list.address);
            if self.design.lists.contains_key(&at) {
                self.find(
                    &code::LIST_TWICE,
                    Disposition::Manual,
                    &list.posting.origin,
                    subject,
                    format!("two list folders have the same address; this one is {}", list.home),
                    "only the first is carried over",
                );
                continue;
            }
            if !self.design.serves(&list.address.domain) {
                self.find(
                    &code::LIST_DOMAIN_UNSERVED,
                    Disposition::Manual,
                    &list.posting.origin,
                    subject,
                    format!(
                        "the list says that it lives in {}, which the old server does not serve",
                        list.address.domain
                    ),
                    "it is not carried over; correct outhost",
                );
                continue;
            }
            if let Some(way) = taken {
                self.find(
                    &code::LIST_ADDRESS_TAKEN,
                    Disposition::Manual,
                    &list.posting.origin,
                    subject,
                    format!("mail for the list's own address does not come to it: {way}"),
                    "the list is not carried over; its address keeps what it has",
                );
                continue;
            }
            let manager = self.policy.lists.manager_of(&list.address);
            self.report_unmapped(list, manager);
            self.report_pending(list);
            let list = list.clone();
            self.design.lists.insert(at, MailingList { list, manager, owners, answers });
        }
    }

    /// What has the address that the list calls its own, unless it is the list or nothing.
    fn taken(&self, list: &List) -> Option<String> {
        let hop = self.rules.hop(list.address.to_bytes().as_bstr());
        let comes_to_it = hop.actions.iter().any(
            |act| matches!(&act.action, Action::List { address, .. } if *address == list.address),
        );
        let first = hop.actions.first().filter(|act| !matches!(act.action, Action::Reject(_)))?;
        (!comes_to_it).then(|| first.origin.to_string())
    }

    fn report_unmapped(&mut self, list: &List, manager: ListManager) {
        for setting in &list.unmapped {
            self.find(
                &code::LIST_SETTING_UNMAPPED,
                Disposition::Dropped,
                &setting.origin,
                list.address.to_bytes(),
                format!("{} {}", setting.origin.file.file_name(), setting.value),
                "the new list has nothing like it",
            );
        }
        if !list.digests.value && !list.digest.is_empty() {
            self.find(
                &code::LIST_SETTING_UNMAPPED,
                Disposition::Adapted,
                &list.digests.origin,
                list.address.to_bytes(),
                format!(
                    "the list sends no digests, and has {} members for them",
                    list.digest.len()
                ),
                "they stay members and get nothing, as before",
            );
        }
        // On Mailman such posts wait for a moderator; Sympa asks as ezmlm did.
        let asks = matches!(manager, ListManager::Mailman | ListManager::Sympa);
        if list.confirm_posts.value && !asks {
            self.find(
                &code::LIST_OPENED,
                Disposition::Dropped,
                &list.confirm_posts.origin,
                list.address.to_bytes(),
                "each post is confirmed by its sender",
                "posts are distributed without confirmation: whoever uses the address of somebody else posts in that name",
            );
        }
    }

    /// Nothing is decided about posts that wait: each is named.
    fn report_pending(&mut self, list: &List) {
        for post in &list.pending {
            let whom = match post.waits_for {
                WaitsFor::Moderator => "a moderator",
                WaitsFor::Sender => "its sender to confirm it",
            };
            let (sender, subject) = (shown(&post.sender), shown(&post.subject));
            let date = Joined { when: post.when, ..Joined::default() }.date();
            self.find(
                &code::LIST_POST_PENDING,
                Disposition::Manual,
                &Origin::file(&post.file),
                list.address.to_bytes(),
                format!("a post from <{sender}> waits for {whom} since {date}: {subject}"),
                "it is kept as a file in the folder `pending` of the list's definition, and not sent to anybody",
            );
        }
    }

    /// What the list does with each kind of word behind its name. Where such an address belongs to
    /// something else, that has a route of its own.
    fn answers(&self, list: &List) -> BTreeMap<Command, Answer> {
        let answer = |command: Command| {
            let local = [list.address.local.as_ref(), b"-", command.sample().as_bytes()].concat();
            let address = Address::new(local, &list.address.domain);
            let acts = self.rules.hop(address.to_bytes().as_bstr()).actions;
            acts.into_iter().find_map(|act| match act.action {
                Action::List { address, answer, .. } if address == list.address => {
                    Some(answer.unwrap_or_default())
                }
                _ => None,
            })
        };
        let all = Command::ALL.iter();
        all.filter_map(|command| Some((*command, answer(*command)?))).collect()
    }

    /// Mailman tells moderators what waits by mail to the list's owner, and gives that to both. So
    /// the owner's address is Mailman's where there are moderators, and who was behind it is its
    /// owner.
    pub(super) fn share_owners(&mut self) {
        let lists = self.design.lists.values().filter(|list| list.manager == ListManager::Mailman);
        let moderated = lists.filter(|list| !list.list.deciders().is_empty());
        let names: Vec<Address> = moderated.map(|list| list.list.address.clone()).collect();
        for list in names {
            let owner = Address::new([list.local.as_ref(), b"-owner"].concat(), &list.domain);
            let pattern = Pattern {
                domain: DomainPattern::Domain(owner.domain.clone()),
                local: LocalPattern::Exact(owner.local.clone()),
            };
            let at = self.design.routes.iter().position(|route| route.pattern == pattern);
            let Some((at, route)) = at.and_then(|at| Some((at, self.design.routes.get(at)?)))
            else {
                continue;
            };
            let origin = route.origin.clone();
            let people: Option<Vec<Address>> =
                route.targets.iter().map(|target| self.person(target)).collect();
            let Some(people) = people else {
                self.find(
                    &code::LIST_OWNER_SHARED,
                    Disposition::Manual,
                    &origin,
                    owner.to_bytes(),
                    "mail for the list's owner goes to something else than people",
                    "Mailman tells it, and not the moderators, what waits for them",
                );
                continue;
            };
            drop(self.design.routes.remove(at));
            let real = self.design.real(&list);
            if let Some(list) = self.design.lists.get_mut(&real) {
                list.owners = people;
                list.answers.insert(Command::Owner, Answer::Done);
            }
            self.find(
                &code::LIST_OWNER_SHARED,
                Disposition::Adapted,
                &origin,
                owner.to_bytes(),
                "mail for the list's owner goes to its owner only",
                "on the new list the moderators get it too, and are told by it what waits",
            );
        }
    }

    /// The address of the person behind a target.
    fn person(&self, target: &Target) -> Option<Address> {
        match target {
            Target::Address(address) => Some(address.clone()),
            Target::Store(address) => {
                let mailbox = self.design.mailboxes.get(address)?;
                (mailbox.is_plain && mailbox.is_reachable).then(|| address.clone())
            }
            _ => None,
        }
    }

    /// Who reads mail for LIST-owner: where the old server sends it, else the postmaster.
    fn owners(&self, list: &List) -> Vec<Address> {
        let address =
            Address::new([list.address.local.as_ref(), b"-owner"].concat(), &list.address.domain);
        let hop = self.rules.hop(address.to_bytes().as_bstr());
        let delivers = hop
            .actions
            .iter()
            .any(|act| matches!(act.action, Action::Forward { .. } | Action::Store(_)));
        // The owner's address is an alias of its own; the list manager asks for nothing else.
        if delivers {
            vec![address]
        } else {
            vec![Address::new("postmaster", &self.design.host.bare_domain)]
        }
    }
}
