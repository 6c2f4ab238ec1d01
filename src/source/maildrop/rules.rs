//! What maildrop's statements come to as rules.

use super::parse::RUNS;
use super::syntax::{Expression, Kind, Statement};
use crate::model::filter::{Rule, Test};
use crate::model::responder::{Reply, Responder};
use crate::model::search::{Dialect, fields};
use crate::source::sorters::{
    Handed, Part, Place, Runner, Sorted, Strange, TO_PROGRAM, Value, Vars, place, send, words,
};
use bstr::{BString, ByteSlice as _};

/// Exit codes that make a message bounce (`qmail-local.c`).
const PERMANENT: &[&[u8]] = &[b"100", b"64", b"65", b"70", b"76", b"77", b"78", b"112"];

pub(super) fn rules(statements: &[Statement], runner: &Runner) -> Result<Sorted, Strange> {
    let vars = Vars::new(runner);
    let (said, marks_spam, answers) = (BString::default(), Vec::new(), Vec::new());
    let mut reader = Reader { runner, vars, said, marks_spam, answers, default_at: 0 };
    let (mut rules, ends) = reader.all(statements)?;
    if !ends && reader.vars.has("DEFAULT") {
        let path = reader.vars.get(b"DEFAULT");
        let unknown =
            Strange::new(reader.default_at, "a text in it is not known before mail comes");
        let path = path.ok_or(unknown)?;
        rules.push(place(runner.folder.join(&path), reader.default_at));
    }
    let Reader { marks_spam, answers, .. } = reader;
    Ok(Sorted { rules, marks_spam, answers }.ended())
}

struct Reader<'r> {
    runner: &'r Runner,
    vars: Vars,
    /// What was printed, which a bounce quotes.
    said: BString,
    marks_spam: Vec<u32>,
    answers: Vec<(u32, Responder)>,
    /// The line that says where mail goes that nothing else takes.
    default_at: u32,
}

impl Reader<'_> {
    /// The rules, and whether nothing behind them counts.
    fn all(&mut self, statements: &[Statement]) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        let mut rules = Vec::new();
        for Statement { line, kind } in statements {
            let (more, ends) = self.one(*line, kind)?;
            rules.extend(more);
            if ends {
                return Ok((rules, true));
            }
        }
        Ok((rules, false))
    }

    fn one(&mut self, line: u32, kind: &Kind) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        match kind {
            Kind::Nothing => {}
            Kind::Set(name, value) => {
                self.vars.set(name, value);
                if name == "DEFAULT" {
                    self.default_at = line;
                }
            }
            Kind::Echo(value) => self.said = self.known(line, value)?,
            Kind::Deliver { to, copy } => {
                let to = self.known(line, to)?;
                let mut rules = self.delivered(line, &to, *copy)?;
                rules.extend((!copy).then_some(Rule::Stop));
                return Ok((rules, !copy));
            }
            Kind::Through(program) => {
                let program = self.vars.expand(program).unwrap_or_else(|| spelled(program));
                match self.vars.handed(line, &program, false, self.runner) {
                    Handed::Marker => self.marks_spam.push(line),
                    _ => return Err(Strange::new(line, "a program changes the message")),
                }
                self.succeeded();
            }
            Kind::Run(command) => {
                let rule = match self.vars.handed(line, command, true, self.runner) {
                    Handed::Answer(called) => self.answered(line, *called),
                    // What it prints is thrown away.
                    Handed::Unknown(why) if why != TO_PROGRAM => {
                        return Err(Strange::new(line, why));
                    }
                    _ => return Err(Strange::new(line, RUNS)),
                };
                self.succeeded();
                return Ok((vec![rule], false));
            }
            Kind::Exit => return Ok((vec![self.exit(line)?, Rule::Stop], true)),
            Kind::Block(statements) => return self.all(statements),
            Kind::If { branches, otherwise } => return self.branches(line, branches, otherwise),
        }
        Ok((Vec::new(), false))
    }

    fn known(&self, line: u32, value: &Value) -> Result<BString, Strange> {
        let unknown = Strange::new(line, "a text in it is not known before mail comes");
        self.vars.expand(value).ok_or(unknown)
    }

    /// A program is taken to exit 0.
    fn succeeded(&mut self) {
        self.vars.set(b"RETURNCODE", &Value::text(b"0"));
    }

    fn answered(&mut self, line: u32, called: Responder) -> Rule<Place> {
        let rule = Rule::answer(Reply::default(), &called);
        self.answers.push((line, called));
        rule
    }

    fn delivered(&mut self, line: u32, to: &[u8], copy: bool) -> Result<Vec<Rule<Place>>, Strange> {
        let strange = |why| Strange::new(line, why);
        match to.trim_ascii() {
            [] => Err(strange("it names no place")),
            [b'!', to @ ..] => {
                let is_plain = to.find_byteset(b"\"'\\<>(),;|&$`").is_none();
                let rules = is_plain.then(|| send(words(to), copy, self.runner)).flatten();
                rules.ok_or(strange("an address is not plain"))
            }
            [b'|', program @ ..] => match self.vars.handed(line, program, copy, self.runner) {
                Handed::Rules(rules) => Ok(rules),
                Handed::Answer(called) => {
                    let answer = self.answered(line, *called);
                    Ok([Some(answer), (!copy).then_some(Rule::Discard)]
                        .into_iter()
                        .flatten()
                        .collect())
                }
                Handed::Unknown(why) => Err(strange(why)),
                Handed::Marker => Err(strange(TO_PROGRAM)),
            },
            path => Ok(match place(self.runner.folder.join(path), line) {
                Rule::Store { into, .. } => vec![Rule::Store { into, copy }],
                Rule::Discard if copy => Vec::new(),
                other => vec![other],
            }),
        }
    }

    /// `exit` ends with the code in `EXITCODE`: the message is gone, or it bounces.
    fn exit(&self, line: u32) -> Result<Rule<Place>, Strange> {
        let code =
            if self.vars.has("EXITCODE") { self.vars.get(b"EXITCODE") } else { Some("0".into()) };
        match code.as_ref().map(|code| code.as_slice()) {
            Some(b"0" | b"99") => Ok(Rule::Discard),
            Some(code) if PERMANENT.contains(&code) => {
                let said = self.said.to_str_lossy().trim().to_owned();
                Ok(Rule::Refuse(if said.is_empty() { "Refused".into() } else { said }))
            }
            Some(_) => Err(Strange::new(line, "mail is put off")),
            None => Err(Strange::new(line, "its exit code hangs on the message")),
        }
    }

    fn branches(
        &mut self,
        line: u32,
        branches: &[(Expression, Vec<Statement>)],
        otherwise: &[Statement],
    ) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        let before = self.vars.clone();
        let mut after = before.clone();
        let mut read = Vec::new();
        for (condition, statements) in branches {
            let test = self.test(condition)?;
            // Such a branch may say anything.
            if test != Test::Not(Box::new(Test::Always)) {
                read.push((test, self.branch(line, statements, &before, &mut after)?));
            }
        }
        let (mut rules, mut ends) = self.branch(line, otherwise, &before, &mut after)?;
        for (test, (then, then_ends)) in read.into_iter().rev() {
            ends &= then_ends;
            if !then.is_empty() || !rules.is_empty() {
                rules = vec![Rule::If { test, then, otherwise: rules }];
            }
        }
        self.vars = after;
        Ok((rules, ends))
    }

    /// One branch. What it sets is not known behind it, and what it prints must not matter there.
    fn branch(
        &mut self,
        line: u32,
        statements: &[Statement],
        before: &Vars,
        after: &mut Vars,
    ) -> Result<(Vec<Rule<Place>>, bool), Strange> {
        let said = self.said.clone();
        let (rules, ends) = self.all(statements)?;
        if !ends && self.said != said {
            return Err(Strange::new(line, "what it prints hangs on the message"));
        }
        self.said = said;
        let own = std::mem::replace(&mut self.vars, before.clone());
        if !ends {
            after.forget(&own);
        }
        Ok((rules, ends))
    }

    /// Whether numbers that are known are so to each other.
    fn compared(&self, left: &Value, sign: &str, right: &Value) -> Option<bool> {
        let number = |value| self.vars.expand(value)?.to_str().ok()?.parse::<u64>().ok();
        let order = number(left)?.cmp(&number(right)?);
        Some(match sign {
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            "==" => order.is_eq(),
            _ => order.is_ne(),
        })
    }

    fn test(&self, expression: &Expression) -> Result<Test, Strange> {
        let all = |inner: &[Expression]| {
            inner.iter().map(|one| self.test(one)).collect::<Result<Vec<Test>, Strange>>()
        };
        Ok(match expression {
            Expression::Search { line, pattern, exact_case } => {
                let strange = Strange::new(*line, "the pattern looks at more than single fields");
                fields(pattern, Dialect::Perl, *exact_case).ok_or(strange)?
            }
            Expression::Recipient { line, address } => {
                let address = self.known(*line, address)?;
                let strange = Strange::new(*line, "the address is no text");
                Test::Recipient(address.to_str().map_err(|_| strange)?.to_owned())
            }
            Expression::Larger(bytes) => Test::Larger(*bytes),
            Expression::Smaller(bytes) => Test::Smaller(*bytes),
            Expression::Compared { line, left, sign, right } => {
                let strange =
                    Strange::new(*line, "it compares what is not known before mail comes");
                constant(self.compared(left, sign, right).ok_or(strange)?)
            }
            Expression::Constant(holds) => constant(*holds),
            Expression::Not(inner) => Test::Not(Box::new(self.test(inner)?)),
            Expression::All(inner) => one_of(all(inner)?, Test::All),
            Expression::Any(inner) => one_of(all(inner)?, Test::Any),
        })
    }
}

fn constant(holds: bool) -> Test {
    if holds { Test::Always } else { Test::Not(Box::new(Test::Always)) }
}

/// A test alone needs no word before it.
fn one_of(mut tests: Vec<Test>, word: fn(Vec<Test>) -> Test) -> Test {
    match (tests.len(), tests.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            tests.extend(last);
            word(tests)
        }
    }
}

/// A value with its variables as they are written.
fn spelled(value: &Value) -> BString {
    let part = |part: &Part| match part {
        Part::Text(text) => text.to_vec(),
        Part::Variable(name) => [b"$".as_slice(), name].concat(),
        Part::Command(command) => [b"`", command.as_slice(), b"`"].concat(),
    };
    value.0.iter().flat_map(part).collect::<Vec<u8>>().into()
}
