//! What is done with the mail of a mailbox before it is stored, in no language of any program.

use super::pattern::Pattern;
use super::responder::{Reply, Responder};
use super::{Address, Origin};
use bstr::BString;

/// The rules of a mailbox, in order. Mail that no rule has stored, sent on or thrown away goes into
/// the INBOX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The line that asks for them.
    pub origin: Origin,
}

/// One rule. A place is a folder of the mailbox, by the name of its directory, and the INBOX has
/// none; where the rules were read, it is a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule<Place = BString> {
    /// Whoever sent it is answered.
    Answer(Answer),
    /// It is thrown away, unless another rule stores it.
    Discard,
    /// It is stored.
    Store {
        /// Where.
        into: Place,
        /// It still goes where it would go without.
        copy: bool,
    },
    /// It is sent on.
    Send {
        /// To whom.
        to: Address,
        /// It still goes where it would go without.
        copy: bool,
    },
    /// It is refused, with this text.
    Refuse(String),
    /// Rules that depend on the message.
    If {
        /// What is asked.
        test: Test,
        /// What is done where it holds.
        then: Vec<Self>,
        /// What is done where it does not.
        otherwise: Vec<Self>,
    },
    /// No rule after this one counts.
    Stop,
}

/// A question about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Yes.
    Always,
    /// One of these fields is like one of these patterns.
    Field {
        /// Names in lower case.
        names: Vec<String>,
        /// The patterns.
        patterns: Vec<Pattern>,
        /// Capitals and small letters differ.
        exact_case: bool,
    },
    /// This is one of the addresses in the fields for recipients.
    Recipient(String),
    /// It has more bytes.
    Larger(u64),
    /// It has fewer bytes.
    Smaller(u64),
    /// All of these.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
}

/// An answer to whoever writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is answered.
    pub reply: Reply,
    /// A sender is answered once in so many seconds; in none, as often as can be.
    pub seconds: u64,
    /// The addresses that are answered for: mail is, if it names one of them as its recipient. The
    /// first one answers where the reply names nobody.
    pub addresses: Vec<Address>,
}

impl Answer {
    /// Puts an address before those that are answered for.
    pub fn answers_for(&mut self, address: &Address) {
        self.addresses.insert(0, address.clone());
    }
}

impl<Place> Rule<Place> {
    /// The answer that a call asks for, still without the address that it is given for.
    pub fn answer(reply: Reply, called: &Responder) -> Self {
        let addresses = called.said.only.clone();
        let named = addresses.iter().map(|to| Test::Recipient(to.to_string())).collect();
        let is_for_all = addresses.is_empty();
        let answer = Self::Answer(Answer { reply, seconds: called.window, addresses });
        if is_for_all {
            return answer;
        }
        Self::If { test: Test::Any(named), then: vec![answer], otherwise: Vec::new() }
    }

    /// Shows its answers, and those of rules within it.
    pub fn each_answer(&mut self, visit: &mut dyn FnMut(&mut Answer)) {
        match self {
            Self::Answer(answer) => visit(answer),
            Self::If { then, otherwise, .. } => {
                then.iter_mut().chain(otherwise).for_each(|rule| rule.each_answer(visit));
            }
            _ => {}
        }
    }

    /// The same rule with its places named otherwise; fails where one of them is nameless.
    ///
    /// # Errors
    /// What the naming fails with.
    pub fn placed<Other, E>(
        &self,
        name: &mut impl FnMut(&Place) -> Result<Other, E>,
    ) -> Result<Rule<Other>, E> {
        Ok(match self {
            Self::Answer(answer) => Rule::Answer(answer.clone()),
            Self::Discard => Rule::Discard,
            Self::Store { into, copy } => Rule::Store { into: name(into)?, copy: *copy },
            Self::Send { to, copy } => Rule::Send { to: to.clone(), copy: *copy },
            Self::Refuse(text) => Rule::Refuse(text.clone()),
            Self::If { test, then, otherwise } => {
                let test = test.clone();
                let mut all = |rules: &[Self]| {
                    let placed = rules.iter().map(|rule| rule.placed(&mut *name));
                    placed.collect::<Result<Vec<_>, E>>()
                };
                Rule::If { test, then: all(then)?, otherwise: all(otherwise)? }
            }
            Self::Stop => Rule::Stop,
        })
    }

    /// The rule and those within it.
    pub fn each<'r>(&'r self, visit: &mut dyn FnMut(&'r Self)) {
        visit(self);
        if let Self::If { then, otherwise, .. } = self {
            for rule in then.iter().chain(otherwise) {
                rule.each(visit);
            }
        }
    }
}

impl Test {
    fn asks_for(&self, is_one: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Field { names, .. } => names.iter().any(|name| is_one(name)),
            Self::All(tests) | Self::Any(tests) => tests.iter().any(|test| test.asks_for(is_one)),
            Self::Not(test) => test.asks_for(is_one),
            Self::Always | Self::Recipient(_) | Self::Larger(_) | Self::Smaller(_) => false,
        }
    }
}

impl Filter {
    /// Its answers.
    pub fn answers(&self) -> Vec<&Answer> {
        let mut answers = Vec::new();
        for rule in &self.rules {
            rule.each(&mut |rule| {
                if let Rule::Answer(answer) = rule {
                    answers.push(answer);
                }
            });
        }
        answers
    }

    /// Whether some rule looks at a field whose name, in lower case, is one of these.
    pub fn asks_for(&self, is_one: &dyn Fn(&str) -> bool) -> bool {
        let mut asks = false;
        for rule in &self.rules {
            rule.each(&mut |rule| {
                asks |= matches!(rule, Rule::If { test, .. } if test.asks_for(is_one));
            });
        }
        asks
    }

    /// What it asks for that no script may do: to refuse mail after it was stored, sent on or
    /// answered (RFC 5429, 2.2), or to answer it twice (RFC 5230, 4.7).
    pub fn contradiction(&self) -> Option<&'static str> {
        contradict(&self.rules, Done::default()).err()
    }

    /// Those of its rules, at any depth, that send mail on.
    pub fn sends(&self) -> usize {
        let mut count = 0;
        for rule in &self.rules {
            rule.each(&mut |rule| count += usize::from(matches!(rule, Rule::Send { .. })));
        }
        count
    }
}

/// What was done with the mail, where it may have been.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    anything: bool,
    answered: bool,
}

/// What was done by the end of the rules, where this may have been before.
fn contradict(rules: &[Rule], before: Done) -> Result<Done, &'static str> {
    let mut done = before;
    for rule in rules {
        match rule {
            Rule::Answer(_) if done.answered => return Err("it answers mail twice"),
            Rule::Answer(_) => done = Done { anything: true, answered: true },
            Rule::Store { .. } | Rule::Send { .. } => done.anything = true,
            Rule::Refuse(_) if done.anything => {
                return Err("it refuses mail that it also delivers");
            }
            Rule::If { then, otherwise, .. } => {
                let (then, otherwise) = (contradict(then, done)?, contradict(otherwise, done)?);
                done.anything = then.anything || otherwise.anything;
                done.answered = then.answered || otherwise.answered;
            }
            // What is done in a branch that ends here is done to no other mail.
            Rule::Stop => return Ok(before),
            Rule::Refuse(_) | Rule::Discard => {}
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::{Filter, Reply, Rule, Test};
    use crate::model::mailbot::mailbot;
    use crate::model::{Origin, RelPath};

    #[test]
    fn mail_is_not_refused_after_something_was_done_with_it() {
        let store = |copy| Rule::Store { into: "".into(), copy };
        let refuse = || Rule::Refuse("no".into());
        let branch = |then| Rule::If { test: Test::Larger(1), then, otherwise: Vec::new() };
        for (rules, contradicts) in [
            (vec![store(true), branch(vec![refuse()])], true),
            (vec![branch(vec![store(true)]), refuse()], true),
            (vec![branch(vec![store(false), Rule::Stop]), refuse()], false),
            (vec![branch(vec![refuse(), Rule::Stop]), store(false)], false),
        ] {
            let filter = Filter { rules, origin: Origin::file(&RelPath::new("f")) };
            assert_eq!(filter.contradiction().is_some(), contradicts, "{filter:?}");
        }
    }

    #[test]
    fn mail_is_not_answered_twice() {
        let called = mailbot(&["-t".into(), "a".into()]).unwrap();
        let answer = || Rule::answer(Reply::default(), &called);
        let branch = |then| Rule::If { test: Test::Larger(1), then, otherwise: Vec::new() };
        for (rules, contradicts) in [
            (vec![branch(vec![answer()]), answer()], true),
            (vec![branch(vec![answer(), Rule::Stop]), answer()], false),
        ] {
            let filter = Filter { rules, origin: Origin::file(&RelPath::new("f")) };
            assert_eq!(filter.contradiction().is_some(), contradicts, "{filter:?}");
        }
    }
}
