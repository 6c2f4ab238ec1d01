//! Who may post, as what becomes of a post by each kind of sender.

use crate::model::list::{List, Posting};
use crate::model::{Address, Sourced};

/// What becomes of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is sent.
    Send,
    /// It waits for a moderator.
    Hold,
    /// Its sender is told that it was refused.
    Refuse,
}

/// The rule of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'a> {
    /// Of members.
    pub(super) members: Action,
    /// Of others.
    pub(super) others: Action,
    /// Of those whom the rule names.
    pub(super) known: Action,
    /// Whom it names.
    pub(super) named: &'a [Sourced<Address>],
    /// Those who are named are so as members too.
    pub(super) knows_members: bool,
}

impl<'a> Rule<'a> {
    /// The old rule.
    pub(super) fn of(list: &'a List) -> Self {
        use Action::{Hold, Refuse, Send};
        let (members, others) = match list.posting.value {
            Posting::Anyone => (Send, Send),
            Posting::Members => (Send, Refuse),
            Posting::MembersElseModerated => (Send, Hold),
            Posting::Moderated | Posting::ListedElseModerated => (Hold, Hold),
            Posting::Listed | Posting::ModeratorsOnly => (Refuse, Refuse),
        };
        // A sublist takes nothing from people.
        let (members, others) =
            if list.parent.is_some() { (Refuse, Refuse) } else { (members, others) };
        let (known, named, knows_members) = match list.posting.value {
            Posting::Anyone | Posting::Moderated => (Send, &[][..], false),
            Posting::Members | Posting::MembersElseModerated => (Send, &list.allowed[..], false),
            Posting::Listed | Posting::ListedElseModerated => (Send, &list.allowed[..], true),
            Posting::ModeratorsOnly => (Hold, &list.moderators[..], true),
        };
        Self { members, others, known, named, knows_members }
    }
}
