//! What is done with the mail of a mailbox before it is stored, in no language of any program.

use super::responder::Reply;
use super::{Address, Origin};

/// The rules of a mailbox, in order. Mail that no rule has stored, sent on or thrown away goes into
/// the INBOX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The line that asks for them.
    pub origin: Origin,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Whoever sent it is answered.
    Answer(Answer),
    /// It is thrown away.
    Discard,
}

/// An answer to whoever writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is answered.
    pub reply: Reply,
    /// A sender is answered once in so many seconds.
    pub seconds: u64,
    /// The addresses that are answered for: mail is, if it names one of them as its recipient. The
    /// first one answers where the reply names nobody.
    pub addresses: Vec<Address>,
}

impl Filter {
    /// Its answers.
    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Answer(answer) => Some(answer),
            Rule::Discard => None,
        })
    }
}
