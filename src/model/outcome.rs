//! What finally becomes of a message.

use super::command_address::Answer;
use super::{Address, RelPath};
use bstr::BString;
use std::fmt;
use std::sync::Arc;

/// What finally becomes of a message to an address, after every forward that stays on the server
/// was followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Stored in an account's mail store.
    Deliver {
        /// The account.
        account: Address,
        /// The Maildir, or the folder's directory in it, relative to the root.
        path: RelPath,
    },
    /// Stored in a Maildir or mbox that is no account's.
    File(RelPath),
    /// Sent to another server.
    Forward(Address),
    /// Handed to a mailing list.
    List {
        /// The list's own address.
        address: Address,
        /// `post`, or the list command.
        action: BString,
        /// What it leads to, for a stranger.
        answer: Answer,
    },
    /// Answered by an autoresponder.
    Reply(Address),
    /// Handed to a program.
    Run(BString),
    /// Refused, with this text.
    Reject(BString),
    /// Kept in the queue, with this text, until it is too old.
    Defer(BString),
    /// Accepted and thrown away.
    Discard,
}

/// Outcomes for people, one behind the other.
pub fn told(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver { account, path } => write!(f, "delivered to {account} ({path})"),
            Self::File(path) => write!(f, "stored in {path}"),
            Self::Forward(address) => write!(f, "sent on to {address}"),
            Self::List { address, action, answer } => {
                write!(f, "list {address}: {}", super::shown(action))?;
                match answer {
                    Answer::Done => Ok(()),
                    Answer::Help if action == "help" => Ok(()),
                    Answer::Help => f.write_str(", answered with help"),
                    Answer::Refused => f.write_str(", refused"),
                    Answer::Ignored => f.write_str(", thrown away"),
                }
            }
            Self::Reply(address) => write!(f, "answered by {address}"),
            Self::Run(command) => write!(f, "runs {}", super::shown(command)),
            Self::Reject(text) => write!(f, "refused: {}", super::shown(text)),
            Self::Defer(text) => write!(f, "kept in the queue: {}", super::shown(text)),
            Self::Discard => f.write_str("thrown away"),
        }
    }
}

/// All that becomes of mail for an address: sorted, each outcome once. A list may have 200,000 members,
/// and many addresses may lead to it: they share them.
pub type Outcomes = Arc<[Outcome]>;

/// Outcomes that are being gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    own: Vec<Outcome>,
    shared: Vec<Outcomes>,
}

impl Gathered {
    /// Adds one.
    pub fn add(&mut self, outcome: Outcome) {
        self.own.push(outcome);
    }

    /// Adds all that another address leads to.
    pub fn share(&mut self, outcomes: &Outcomes) {
        self.shared.push(Arc::clone(outcomes));
    }

    /// Adds what was gathered elsewhere.
    pub fn append(&mut self, mut other: Self) {
        self.own.append(&mut other.own);
        self.shared.append(&mut other.shared);
    }

    /// All of them; those of one other address are not copied.
    pub fn settle(self) -> Outcomes {
        let Self { mut own, mut shared } = self;
        shared.sort_unstable_by_key(|outcomes| outcomes.as_ptr());
        shared.dedup_by_key(|outcomes| outcomes.as_ptr());
        if let ([], [only]) = (own.as_slice(), shared.as_slice()) {
            return Arc::clone(only);
        }
        own.extend(shared.iter().flat_map(|outcomes| outcomes.iter().cloned()));
        own.sort_unstable();
        own.dedup();
        own.into()
    }
}

/// How the outcomes of one address on the two servers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The same becomes of a message.
    Same,
    /// Something else, on purpose; a finding says what.
    Adapted,
    /// Something else, and no finding explains it.
    Differs,
    /// The old server delivered, the new one would not.
    Lost,
}

impl Verdict {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Adapted => "adapted",
            Self::Differs => "differs",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(own: &[Outcome], shared: &[&Outcomes]) -> Outcomes {
        let mut gathered = Gathered::default();
        for outcome in own {
            gathered.add(outcome.clone());
        }
        for outcomes in shared {
            gathered.share(outcomes);
        }
        gathered.settle()
    }

    #[test]
    fn what_other_addresses_lead_to_is_shared_and_else_sorted() {
        let to = |name: &str| Outcome::Run(name.into());
        let (b, a) = (gathered(&[to("b"), to("b")], &[]), gathered(&[to("a")], &[]));
        assert_eq!(*b, [to("b")]);
        assert!(Arc::ptr_eq(&gathered(&[], &[&b, &b]), &b));
        assert_eq!(*gathered(&[to("c")], &[&b, &a]), [to("a"), to("b"), to("c")]);
    }
}
