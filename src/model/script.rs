//! Command lines as `/bin/sh` runs them: which command depends on which.
//!
//! Nothing here is ever run. A line that needs more of the shell than this is `None`.

use super::command::{Simple, Token, Word, tokens};
use bstr::{BString, ByteSlice as _};

/// A part of a command line that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// A command with its arguments, redirections taken out.
    Command {
        /// Its words.
        words: Simple,
        /// The file that it writes into, if one.
        into: Option<BString>,
    },
    /// `a | b`
    Pipeline(Vec<Self>),
    /// `a; b`
    Sequence(Vec<Self>),
    /// `a && b`
    And(Box<Self>, Box<Self>),
    /// `a || b`
    Or(Box<Self>, Box<Self>),
    /// `! a`
    Not(Box<Self>),
    /// `if a; then b; elif c; then d; else e; fi`: conditions with their branches, and the rest.
    If(Vec<(Self, Self)>, Option<Box<Self>>),
    /// `( a )`: `exit` in it ends only itself.
    Subshell(Box<Self>),
}

/// Words that begin what this reader does not follow.
const BEYOND: &[&str] = &["case", "for", "while", "until", "select", "function", "do", "[["];

/// Longer lines, and parts further within each other, are nobody's delivery.
const LONGEST: usize = 4096;
const DEEPEST: usize = 100;

/// Words that end a list of commands.
const ENDS: &[&str] = &["then", "else", "elif", "fi", "}"];

/// Reads a command line (`sh(1)`).
///
/// ```
/// use unqmail::model::script::{Script, parse};
/// assert!(matches!(parse(b"test -f x && exit 99"), Some(Script::And(..))));
/// assert!(matches!(parse(b"{ a; b; } || c"), Some(Script::Or(..))));
/// assert_eq!(parse(b"case $EXT in a) b;; esac"), None);
/// ```
pub fn parse(line: &[u8]) -> Option<Script> {
    if line.len() > LONGEST
        || line.contains(&b'`')
        || line.contains_str("$(")
        || line.contains_str("<<")
    {
        return None;
    }
    let tokens = tokens(line);
    let mut reader = Reader { tokens: &tokens, depth: 0 };
    let script = reader.sequence()?;
    reader.tokens.is_empty().then_some(script)
}

struct Reader<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Reader<'_> {
    /// The unquoted word that comes next.
    fn keyword(&self) -> Option<BString> {
        match self.tokens.first() {
            Some(Token::Word(word, true)) => Some(word.text()),
            _ => None,
        }
    }

    fn is_keyword(&self, names: &[&str]) -> bool {
        self.keyword().is_some_and(|word| names.iter().any(|name| word == *name))
    }

    fn take_keyword(&mut self, name: &str) -> bool {
        let found = self.is_keyword(&[name]);
        if found {
            self.skip();
        }
        found
    }

    fn take_operator(&mut self, name: &str) -> bool {
        let found = self.tokens.first() == Some(&Token::Operator(name_of(name)));
        if found {
            self.skip();
        }
        found
    }

    fn skip(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// Commands up to the end, a closing parenthesis or a word that ends them.
    fn sequence(&mut self) -> Option<Script> {
        let mut parts = Vec::new();
        loop {
            while self.take_operator(";") {}
            let is_over = self.tokens.is_empty()
                || self.tokens.first() == Some(&Token::Operator(")"))
                || self.is_keyword(ENDS);
            if is_over {
                return Some(match parts.len() {
                    1 => parts.pop()?,
                    _ => Script::Sequence(parts),
                });
            }
            parts.push(self.and_or()?);
            let goes_on = self.tokens.is_empty()
                || self.take_operator(";")
                || self.tokens.first() == Some(&Token::Operator(")"));
            if !goes_on {
                return None;
            }
        }
    }

    fn and_or(&mut self) -> Option<Script> {
        let mut left = self.pipeline()?;
        loop {
            if self.take_operator("&&") {
                left = Script::And(Box::new(left), Box::new(self.pipeline()?));
            } else if self.take_operator("||") {
                left = Script::Or(Box::new(left), Box::new(self.pipeline()?));
            } else {
                return Some(left);
            }
        }
    }

    fn pipeline(&mut self) -> Option<Script> {
        self.depth += 1;
        let found = if self.depth > DEEPEST { None } else { self.whole_pipeline() };
        self.depth -= 1;
        found
    }

    fn whole_pipeline(&mut self) -> Option<Script> {
        if self.take_keyword("!") {
            return Some(Script::Not(Box::new(self.pipeline()?)));
        }
        let mut parts = vec![self.command()?];
        while self.take_operator("|") {
            parts.push(self.command()?);
        }
        Some(if parts.len() == 1 { parts.pop()? } else { Script::Pipeline(parts) })
    }

    fn command(&mut self) -> Option<Script> {
        if self.is_keyword(BEYOND) || self.is_keyword(ENDS) {
            return None;
        }
        if self.take_operator("(") {
            let inner = self.sequence()?;
            return self.take_operator(")").then(|| Script::Subshell(Box::new(inner)));
        }
        if self.take_keyword("{") {
            let inner = self.sequence()?;
            return self.take_keyword("}").then_some(inner);
        }
        if self.take_keyword("if") {
            return self.branches();
        }
        self.simple()
    }

    fn branches(&mut self) -> Option<Script> {
        let mut branches = Vec::new();
        loop {
            let condition = self.sequence()?;
            if !self.take_keyword("then") {
                return None;
            }
            branches.push((condition, self.sequence()?));
            if self.take_keyword("elif") {
                continue;
            }
            let otherwise =
                if self.take_keyword("else") { Some(Box::new(self.sequence()?)) } else { None };
            return self.take_keyword("fi").then_some(Script::If(branches, otherwise));
        }
    }

    fn simple(&mut self) -> Option<Script> {
        let (mut words, mut into): (Simple, Option<BString>) = (Simple::new(), None);
        while let Some(Token::Word(word, plain)) = self.tokens.first() {
            if !word.has_plain_variables() || has_special_variable(word) {
                return None;
            }
            self.skip();
            let text = word.text();
            let sign = text.trim_start_with(|c| c.is_ascii_digit());
            match sign.first() {
                Some(b'<' | b'>') if *plain => {
                    let target = sign.trim_start_with(|c| c == '>' || c == '<');
                    let target = if target.is_empty() { self.word()? } else { target.into() };
                    let is_stdout = sign.starts_with(b">") && !text.starts_with(b"2");
                    if is_stdout && target != "/dev/null" && !target.starts_with(b"&") {
                        into = Some(target);
                    }
                }
                _ => words.push(word.clone()),
            }
        }
        (!words.is_empty()).then_some(Script::Command { words, into })
    }

    fn word(&mut self) -> Option<BString> {
        let Some(Token::Word(word, _)) = self.tokens.first() else {
            return None;
        };
        let text = word.text();
        self.skip();
        Some(text)
    }
}

/// `$?`, `$$`, `$*` and their kin.
fn has_special_variable(word: &Word) -> bool {
    let text = word.text();
    text.find_iter("$").any(|at| text.get(at + 1).is_some_and(|next| b"?$*@#!-".contains(next)))
}

fn name_of(name: &str) -> &'static str {
    ["&&", "||", ";", "&", "|", "("].into_iter().find(|known| *known == name).unwrap_or(")")
}

#[cfg(test)]
mod tests {
    use super::{Script, parse};
    use proptest::prelude::*;

    #[test]
    fn conditions_groups_and_redirections_are_followed() {
        assert!(matches!(parse(b"a; b"), Some(Script::Sequence(parts)) if parts.len() == 2));
        assert!(matches!(parse(b"a | b 2>&1"), Some(Script::Pipeline(_))));
        assert!(matches!(parse(b"if a; then b; else c; fi"), Some(Script::If(..))));
        assert!(matches!(parse(b"( a; exit 1 ) || ! b"), Some(Script::Or(..))));
        let Some(Script::Command { words, into }) = parse(b"cat >> log 2>/dev/null") else {
            panic!("no command");
        };
        assert_eq!((words.len(), into.unwrap().to_string()), (1, "log".into()));
    }

    #[test]
    fn what_needs_more_of_the_shell_is_left_alone() {
        for line in ["a &", "for i in a; do b; done", "x=$(a)", "a ${EXT%%-*}", "exit $?", "if a"] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&line));
        }
    }
}
