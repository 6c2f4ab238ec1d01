//! What a text must be like, in no language of any program.

/// A pattern that a whole text fits, or does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(pub Vec<Piece>);

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// This text.
    Text(String),
    /// Any one character.
    One,
    /// Any run of characters, or none.
    Any,
    /// Characters of a set.
    Of(Set, Times),
}

/// How often a character of a set stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Times {
    /// Once.
    Once,
    /// Once or more often.
    Some,
    /// As often as one likes, or not at all.
    Any,
}

/// A set of ASCII characters that can be seen, and the blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set {
    /// The characters, by their codes; all below 32 and above 126 go together, as bit 0.
    bits: u128,
}

impl Set {
    /// The set of the characters for which this holds. What is no ASCII character that can be seen
    /// is in it if NUL is.
    pub fn of(is_in: impl Fn(char) -> bool) -> Self {
        let seen = (' '..='~').chain(['\0']).filter(|c| is_in(*c));
        Self { bits: seen.fold(0, |bits, c| bits | 1_u128 << u32::from(c)) }
    }

    /// Whether a character is in it.
    pub fn has(self, c: char) -> bool {
        let code = if (' '..='~').contains(&c) { u32::from(c) } else { 0 };
        self.bits >> code & 1 == 1
    }

    /// All that is not in it.
    #[must_use]
    pub fn others(self) -> Self {
        Self::of(|c| !self.has(c))
    }

    /// Its characters that can be seen, in order.
    pub fn seen(self) -> impl Iterator<Item = char> {
        (' '..='~').filter(move |c| self.has(*c))
    }

    /// The letter that it holds in both cases and nothing beside, or its one character.
    pub fn letter(self) -> Option<char> {
        let mut seen = self.seen();
        let (first, second) = (seen.next()?, seen.next());
        let is_one =
            second.is_none_or(|c| c.is_ascii_lowercase() && c.eq_ignore_ascii_case(&first));
        (is_one && seen.next().is_none() && !self.has('\0')).then_some(second.unwrap_or(first))
    }
}

impl Pattern {
    /// A pattern of this text alone.
    pub fn text(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// A pattern that a text fits which has this in it.
    pub fn containing(text: &str) -> Self {
        Self(vec![Piece::Any, Piece::Text(text.to_owned()), Piece::Any])
    }

    /// Puts a piece behind the others.
    pub fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (Some(Piece::Any), Piece::Any) => {}
            (_, piece) => self.0.push(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Set;

    #[test]
    fn a_letter_in_both_cases_is_one() {
        assert_eq!(Set::of(|c| "sS".contains(c)).letter(), Some('s'));
        assert_eq!(Set::of(|c| c == '.').letter(), Some('.'));
        assert_eq!(Set::of(|c| "ab".contains(c)).letter(), None);
        assert_eq!(Set::of(|c| c == 'a').others().letter(), None);
    }
}
