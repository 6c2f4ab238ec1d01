//! What finally becomes of a message.

use super::command_address::Answer;
use super::{Address, RelPath};
use bstr::BString;
use std::fmt;

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
