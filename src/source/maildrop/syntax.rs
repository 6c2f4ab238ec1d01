//! maildrop's language, as far as it is understood: what is not here is an error of the parser.

use crate::source::sorters::Value;
use bstr::BString;

/// A statement with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: u32,
    pub(super) kind: Kind,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `NAME=value`
    Set(BString, Value),
    /// `to`, and `cc`, which goes on.
    Deliver { to: Value, copy: bool },
    /// `xfilter`: the message goes through a program.
    Through(Value),
    /// A command between backticks, which gets a copy of the message.
    Run(BString),
    /// `echo`
    Echo(Value),
    /// `exit`
    Exit,
    /// `{ … }`, and `exception { … }`, which goes on where a statement in it fails.
    Block(Vec<Statement>),
    /// `if … elsif … else …`
    If { branches: Vec<(Expression, Vec<Statement>)>, otherwise: Vec<Statement> },
    /// What only concerns logs and locks.
    Nothing,
}

/// What is asked, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// `/…/`: some line of the head is like it.
    Search {
        line: u32,
        pattern: BString,
        exact_case: bool,
    },
    /// `hasaddr(…)`
    Recipient {
        line: u32,
        address: Value,
    },
    /// `$SIZE > N`
    Larger(u64),
    /// `$SIZE < N`
    Smaller(u64),
    /// Two numbers held against each other.
    Compared {
        line: u32,
        left: Value,
        sign: &'static str,
        right: Value,
    },
    /// A number.
    Constant(bool),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}
