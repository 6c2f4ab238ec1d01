//! Texts that a list answers with, without the marks of any list manager.

use crate::model::Origin;
use bstr::BString;

/// A text of a list's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// When it is sent.
    pub occasion: Occasion,
    /// Its file.
    pub origin: Origin,
    /// Its lines.
    pub lines: Vec<Vec<Piece>>,
}

/// When a text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// In front of each answer.
    Any,
    /// Somebody has joined.
    Joined,
    /// Somebody is a member already.
    IsMember,
    /// Somebody is asked whether he wants to join.
    AskToJoin,
    /// A moderator is asked whether somebody may join.
    AskModeratorToJoin,
    /// Somebody has left.
    Left,
    /// Somebody is no member.
    IsNoMember,
    /// Somebody is asked whether he wants to leave.
    AskToLeave,
    /// A moderator is asked about a post.
    AskAboutPost,
    /// Somebody has asked for help.
    Help,
    /// Somebody has asked for the questions that are asked often.
    Faq,
    /// Somebody has asked what the list is about.
    Info,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Words(BString),
    /// The address of the person that the text is about.
    Person,
    /// The address to which an answer means yes.
    Yes,
    /// The address to which an answer means no.
    No,
    /// Something that only the old program could fill in.
    Unknown,
}

impl Text {
    /// The lines that a manager can write, which spells what is to be filled in; a line with a piece
    /// that it has no word for is left out. Says whether there is such a line.
    pub fn spelled(&self, spell: impl Fn(&Piece) -> Option<String>) -> (String, bool) {
        let line = |pieces: &Vec<Piece>| -> Option<String> { pieces.iter().map(&spell).collect() };
        let lines: Vec<Option<String>> = self.lines.iter().map(line).collect();
        let is_short = lines.iter().any(Option::is_none);
        (lines.into_iter().flatten().map(|line| line + "\n").collect(), is_short)
    }
}
