//! What procmail's recipes come to as rules.

use super::syntax::{Action, Asked, Condition, Item, Kind};
use crate::model::RelPath;
use crate::model::filter::{Rule, Test};
use crate::model::responder::{Reply, Responder};
use crate::model::search::{Dialect, fields};
use crate::source::sorters::{
    Handed, Place, Runner, Sorted, Strange, Value, Vars, place, send, words,
};
use bstr::BString;

/// Variables that do more than hold a value (procmailrc(5)).
const ACTING: &[&[u8]] = &[b"INCLUDERC", b"SWITCHRC", b"HOST", b"EXITCODE", b"TRAP", b"SHIFT"];

/// The fields that `^TO_` and `^TO` stand for, and what may stand before the text behind them.
const TO: &str = "^((Original-)?(Resent-)?(To|Cc|Bcc)|(X-Envelope|Apparently(-Resent)?)-To):";
const BEFORE_WORD: &str = "( *|.*[^-a-zA-Z0-9_.])";
const BEFORE_LETTER: &str = "( *|.*[^a-zA-Z])";

pub(super) fn rules(items: &[Item], runner: &Runner) -> Result<Sorted, Strange> {
    let folder = runner.user.as_ref().map(|(home, _)| home.clone());
    let vars = Vars::new(runner);
    let (marks_spam, answers) = (Vec::new(), Vec::new());
    let mut reader = Reader { runner, vars, folder, marks_spam, answers, default_at: 0 };
    let (mut rules, ends) = reader.all(items)?;
    let default = ["DEFAULT", "ORGMAIL"].into_iter().find(|name| reader.vars.has(name));
    if let Some(name) = default.filter(|_| !ends) {
        let path = reader.vars.get(name.as_bytes());
        rules.push(reader.placed(reader.default_at, path.as_ref())?);
    }
    let Reader { marks_spam, answers, .. } = reader;
    Ok(Sorted { rules, marks_spam, answers }.ended())
}

struct Reader<'r> {
    runner: &'r Runner,
    vars: Vars,
    /// The folder that paths are seen from, where it is known.
    folder: Option<RelPath>,
    marks_spam: Vec<u32>,
    answers: Vec<(u32, Responder)>,
    /// The line that says where mail goes that nothing else takes.
    default_at: u32,
}

impl Reader<'_> {
    /// The rules, and whether nothing behind them counts.
    fn all(&mut self, items: &[Item]) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        let mut rules = Vec::new();
        // What the recipes before ask for, as far as the next one may hang on them.
        let (mut before, mut tried): (Option<Test>, Vec<Test>) = (None, Vec::new());
        for Item { line, kind } in items {
            match kind {
                Kind::Set(name, value) => self.set(*line, name, value)?,
                Kind::Recipe { flags, conditions, action } => {
                    let own: Result<Vec<Test>, Strange> =
                        conditions.iter().map(|one| test(one, flags.exact_case)).collect();
                    let mut asked = own?;
                    if flags.otherwise {
                        let others = tried.iter().cloned().map(|test| Test::Not(Box::new(test)));
                        asked.splice(0..0, others);
                    } else {
                        tried.clear();
                    }
                    match (&before, flags.also) {
                        (Some(before), true) => asked.insert(0, before.clone()),
                        (None, true) => {
                            return Err(Strange::new(*line, "no recipe stands before it"));
                        }
                        _ => {}
                    }
                    let test = match asked.len() {
                        0 => Test::Always,
                        1 => asked.remove(0),
                        _ => Test::All(asked),
                    };
                    tried.push(test.clone());
                    if !flags.also {
                        before = Some(test.clone());
                    }
                    let (then, ends) = self.done(*line, flags.copy, flags.through, action)?;
                    if test == Test::Always {
                        rules.extend(then);
                        if ends {
                            return Ok((rules, true));
                        }
                    } else if !then.is_empty() {
                        rules.push(Rule::If { test, then, otherwise: Vec::new() });
                    }
                }
            }
        }
        Ok((rules, false))
    }

    fn set(&mut self, line: u32, name: &BString, value: &Value) -> Result<(), Strange> {
        if ACTING.contains(&name.as_slice()) {
            return Err(Strange::new(line, "the variable does what no rule here does"));
        }
        self.vars.set(name, value);
        if name == "DEFAULT" || name == "ORGMAIL" {
            self.default_at = line;
        }
        if name == "MAILDIR" {
            let path = self.vars.get(b"MAILDIR");
            self.folder = path.and_then(|path| self.seen(&path));
        }
        Ok(())
    }

    fn done(
        &mut self,
        line: u32,
        copy: bool,
        through: bool,
        action: &Action,
    ) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        let strange = Strange::new;
        let mut rules = match action {
            Action::Pipe(line, command) => {
                match self.vars.handed(*line, command, copy, self.runner) {
                    Handed::Marker if through => {
                        self.marks_spam.push(*line);
                        return Ok((Vec::new(), false));
                    }
                    Handed::Rules(rules) if !through => rules,
                    Handed::Answer(called) if !through => {
                        let answer = Rule::answer(Reply::default(), &called);
                        self.answers.push((*line, *called));
                        let discard = (!copy).then_some(Rule::Discard);
                        [Some(answer), discard].into_iter().flatten().collect()
                    }
                    Handed::Unknown(why) => return Err(strange(*line, why)),
                    _ => return Err(strange(*line, "mail is handed to a program")),
                }
            }
            _ if through => return Err(strange(line, "the message is changed")),
            Action::Forward(line, to) => {
                let to = self.vars.expand(to).unwrap_or_default();
                let to = to.split(|byte| *byte == b',').flat_map(words);
                let unknown = strange(*line, "an address is not plain, or not known");
                send(to, copy, self.runner).ok_or(unknown)?
            }
            Action::Store(line, path) => {
                let path = self.vars.expand(path);
                match self.placed(*line, path.as_ref())? {
                    Rule::Store { into, .. } => vec![Rule::Store { into, copy }],
                    _ if copy => Vec::new(),
                    other => vec![other],
                }
            }
            Action::Block(_) if copy => {
                return Err(strange(line, "a copy goes through recipes of its own"));
            }
            Action::Block(items) => {
                let (vars, folder) = (self.vars.clone(), self.folder.clone());
                let (rules, ends) = self.all(items)?;
                if !ends && self.vars != vars {
                    return Err(strange(line, "a variable hangs on the message"));
                }
                (self.vars, self.folder) = (vars, folder);
                return Ok((rules, ends));
            }
        };
        rules.extend((!copy).then_some(Rule::Stop));
        Ok((rules, !copy))
    }

    /// Where a path leads, seen from where the paths are.
    fn seen(&self, path: &[u8]) -> Option<RelPath> {
        match &self.folder {
            _ if path.starts_with(b"/") => Some(RelPath::new(path)),
            folder => Some(folder.as_ref()?.join(path)),
        }
    }

    /// The rule that stores mail there. A folder of MH is none that other programs read.
    fn placed(&self, line: u32, path: Option<&BString>) -> Result<Rule<Place>, Strange> {
        let is_one =
            |path: &&BString| !path.is_empty() && !path.contains(&b' ') && !path.ends_with(b"/.");
        let seen = path.filter(is_one).and_then(|path| self.seen(path));
        let unknown = Strange::new(line, "the folder is not known before mail comes");
        seen.map(|seen| place(seen, line)).ok_or(unknown)
    }
}

fn test(condition: &Condition, exact_case: bool) -> Result<Test, Strange> {
    let test = match &condition.asked {
        Asked::Larger(bytes) => Test::Larger(*bytes),
        Asked::Smaller(bytes) => Test::Smaller(*bytes),
        Asked::Search(pattern) => {
            let written = written(pattern);
            let strange =
                Strange::new(condition.line, "the pattern looks at more than single fields");
            fields(&written, Dialect::Extended, exact_case).ok_or(strange)?
        }
    };
    Ok(if condition.negated { Test::Not(Box::new(test)) } else { test })
}

/// A pattern with procmail's own words written out.
fn written(pattern: &[u8]) -> Vec<u8> {
    match pattern {
        [b'^', b'T', b'O', b'_', rest @ ..] => {
            [TO.as_bytes(), BEFORE_WORD.as_bytes(), rest].concat()
        }
        [b'^', b'T', b'O', rest @ ..] if !rest.starts_with(b":") => {
            [TO.as_bytes(), BEFORE_LETTER.as_bytes(), rest].concat()
        }
        // The mark of what is remembered is none of what is looked for.
        _ => pattern.to_vec(),
    }
}
