//! procmail's language, as far as it is understood: what is not here is an error of the parser.

use crate::source::sorters::Value;
use bstr::BString;

/// An assignment or a recipe, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) line: u32,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `NAME=value`
    Set(BString, Value),
    /// `:0 FLAGS`, conditions, and what is done.
    Recipe { flags: Flags, conditions: Vec<Condition>, action: Action },
}

/// The letters behind `:0` that change what becomes of the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `c`: it goes on as well.
    pub(super) copy: bool,
    /// `f`: it goes through a program and comes back.
    pub(super) through: bool,
    /// `D`: capitals and small letters differ.
    pub(super) exact_case: bool,
    /// `E`: only if the recipe before did not match.
    pub(super) otherwise: bool,
    /// `A`: only if the recipe before matched.
    pub(super) also: bool,
}

/// `* …`, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) line: u32,
    pub(super) negated: bool,
    pub(super) asked: Asked,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Some line of the head is like it.
    Search(BString),
    /// It has more bytes.
    Larger(u64),
    /// It has fewer bytes.
    Smaller(u64),
}

/// What is done, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// `!ADDRESS…`
    Forward(u32, Value),
    /// `|command`
    Pipe(u32, BString),
    /// A file or folder.
    Store(u32, Value),
    /// `{ … }`
    Block(Vec<Item>),
}
