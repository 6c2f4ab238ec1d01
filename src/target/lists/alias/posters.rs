//! Who may post to an alias, by the envelope sender, which ezmlm judged too.

use crate::model::list::{List, Posting};
use crate::model::{Address, Sourced};
use crate::target::wiring::Posters;
use std::collections::BTreeSet;

/// The senders that Postfix asks about; `None` where everybody may post.
pub(super) fn of(list: &List, also: impl FnOnce() -> Vec<Address>) -> Option<Posters> {
    let others = match list.posting.value {
        Posting::Anyone if list.denied.is_empty() => return None,
        Posting::Anyone => None,
        Posting::Members | Posting::MembersElseModerated => {
            Some("5.7.1 Only members may post to this list")
        }
        Posting::Listed | Posting::ListedElseModerated => {
            Some("5.7.1 Only some people may post to this list")
        }
        Posting::Moderated | Posting::ModeratorsOnly => {
            Some("5.7.1 Only moderators may post to this list")
        }
    };
    let lower = |members: &[Sourced<Address>]| -> BTreeSet<Address> {
        members.iter().map(|member| member.value.to_lower()).collect()
    };
    let denied = lower(&list.denied);
    let mut may = match list.posting.value {
        Posting::Anyone => BTreeSet::new(),
        Posting::Members | Posting::MembersElseModerated => {
            let held_back = lower(&list.held_back);
            let digest = list.digest.iter().map(|member| member.value.to_lower());
            let digest = digest.filter(|member| !held_back.contains(member));
            let others = list.subscribers.iter().chain(&list.allowed);
            // Made at once, a set of many costs less than one that grows.
            digest.chain(others.map(|member| member.value.to_lower())).collect()
        }
        Posting::Listed | Posting::ListedElseModerated => lower(&list.allowed),
        Posting::Moderated | Posting::ModeratorsOnly => lower(&list.moderators),
    };
    // Postfix asks for an address before it asks for its host.
    may.retain(|sender| !denied.contains(&Address::new("", &sender.domain)));
    let denied = denied.into_iter().map(|sender| (sender, false));
    let senders = denied.chain(may.into_iter().map(|sender| (sender, true))).collect();
    Some(Posters { senders, others, also: also() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::lists::tests::{list, members};

    fn told(list: &List) -> Vec<String> {
        let posters = of(list, Vec::new).unwrap();
        let told = posters.senders.iter().map(|(sender, may)| format!("{sender} {may}"));
        told.chain(posters.others.map(str::to_owned)).collect()
    }

    #[test]
    fn the_files_that_the_list_goes_by_decide() {
        let others = |text: &str| format!("5.7.1 Only {text} may post to this list");
        let told = |posting| told(&list(posting).list);
        assert_eq!(
            told(Posting::Members),
            ["al@example.org true", "sue@example.org true", &others("members")]
        );
        assert_eq!(told(Posting::MembersElseModerated), told(Posting::Members));
        assert_eq!(told(Posting::Listed), ["al@example.org true", &others("some people")]);
        assert_eq!(told(Posting::Moderated), [others("moderators")]);
        assert_eq!(of(&list(Posting::Anyone).list, Vec::new), None);
    }

    #[test]
    fn nobody_of_a_host_that_is_kept_out_gets_in_by_his_address() {
        let mut list = list(Posting::Members).list;
        list.denied = members(&["@example.org", "x@example.com"]);
        list.subscribers.extend(members(&["x@example.com", "@example.com"]));
        let told = told(&list);
        let at = |row: &str| told.iter().position(|told| told == row);
        assert!(at("@example.org false").is_some() && at("al@example.org true").is_none());
        assert!(at("@example.com true").is_some());
        assert!(at("x@example.com false") < at("x@example.com true"));
    }
}
