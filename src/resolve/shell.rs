//! What a command line comes to: which of its commands run, what they do, and its exit code.
//! Nothing is ever run.
//!
//! A program that is not known is taken to exit 0, and what follows it is told on that footing.

use super::program::{Context, Flow, SENDER};
use super::{Act, Action, Hop, Kept, Resolver};
use crate::model::command::{Simple, Word, expand};
use crate::model::script::{self, Script};
use crate::model::site::Tested;
use crate::model::{Account, Address, Origin};
use bstr::{BStr, BString, ByteSlice as _};

/// Programs that only wrap another one.
const WRAPPERS: &[&str] = &["preline", "exec", "env", "nice"];

/// Programs that hand the message on to the one behind them.
const FILTERS: &[&str] = &["spamc", "spamassassin"];

/// Programs that put a message into an account's mailbox.
const DELIVERERS: &[&str] = &["vdelivermail", "deliver", "dovecot-lda"];

/// Programs whose effect is none that matters to the message.
const WITHOUT_EFFECT: &[&str] =
    &["true", ":", "qreceipt", "qbiff", "maildirwatch", "sleep", "echo", "printf"];

/// Programs that look for something in the message; a plain one has nothing of the kind.
const SEARCHES: &[&str] = &["grep", "egrep", "fgrep"];

/// Programs whose answer is known without the message.
const SURE: &[&str] = &["true", "false", "test", "["];

/// A command line on its way.
pub(super) struct Shell<'s, 'h> {
    pub(super) rules: &'s Resolver<'s>,
    /// The whole line, which stands for whatever in it is not known.
    pub(super) line: &'s BStr,
    pub(super) context: &'s Context<'s>,
    pub(super) origin: &'s Origin,
    pub(super) hop: &'h mut Hop,
    /// What it has printed, which a bounce quotes.
    pub(super) said: BString,
}

/// How a part of the line ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) code: u8,
    /// What the failure means to the message, where the program says so itself.
    pub(super) failure: Option<Act>,
    /// Nothing after it is run.
    exits: bool,
}

impl Ended {
    fn with(code: u8) -> Self {
        Self { code, ..Self::default() }
    }
}

impl Shell<'_, '_> {
    /// Runs a part of the line.
    pub(super) fn run(&mut self, script: &Script) -> Ended {
        match script {
            Script::Command { words, into } => self.command(words, into.is_some()),
            Script::Pipeline(parts) => self.pipeline(parts),
            Script::Sequence(parts) => {
                let mut ended = Ended::default();
                for part in parts {
                    ended = self.run(part);
                    if ended.exits {
                        break;
                    }
                }
                ended
            }
            Script::And(left, right) | Script::Or(left, right) => {
                let ended = self.run(left);
                let goes_on = (ended.code == 0) == matches!(script, Script::And(..));
                if goes_on && !ended.exits { self.run(right) } else { ended }
            }
            Script::Not(inner) => match self.run(inner) {
                ended if ended.exits => ended,
                ended => Ended::with(u8::from(ended.code == 0)),
            },
            Script::If(branches, otherwise) => {
                for (condition, branch) in branches {
                    match self.run(condition) {
                        ended if ended.exits => return ended,
                        ended if ended.code == 0 => return self.run(branch),
                        _ => {}
                    }
                }
                otherwise.as_ref().map_or_else(Ended::default, |branch| self.run(branch))
            }
            Script::Subshell(inner) => Ended { exits: false, ..self.run(inner) },
        }
    }

    /// The message goes through all parts; the last one decides.
    fn pipeline(&mut self, parts: &[Script]) -> Ended {
        let Some((last, before)) = parts.split_last() else {
            return Ended::default();
        };
        let hands_on = |part: &Script| match part {
            Script::Command { words, .. } => {
                let name = unwrapped(words).0;
                name == "cat" || is_in(FILTERS, &name) || is_in(WITHOUT_EFFECT, &name)
            }
            _ => false,
        };
        if !before.iter().all(hands_on) {
            self.unknown();
        }
        Ended { exits: false, ..self.run(last) }
    }

    /// A program that is not known, or that decides by the message.
    pub(super) fn unknown(&mut self) -> Ended {
        let action = Action::Run(self.line.trim_ascii().into());
        let is_told =
            self.hop.actions.iter().any(|act| act.action == action && act.origin == *self.origin);
        if !is_told {
            self.hop.act(action, self.origin);
        }
        Ended::default()
    }

    fn command(&mut self, words: &Simple, writes: bool) -> Ended {
        if name_of(words.first()).is_some_and(|name| name == "exec") && words.len() > 1 {
            let inner = words.get(1..).unwrap_or_default().to_vec();
            return Ended { exits: true, ..self.command(&inner, writes) };
        }
        let (name, arguments) = unwrapped(words);
        let (rules, context, origin) = (self.rules, self.context, self.origin);
        let texts = expand(arguments, |name| context.variable(name));
        match name.to_str().unwrap_or_default() {
            _ if writes => self.unknown(),
            "vdelivermail" => {
                let flow = rules.vdelivermail(&texts, arguments, context, origin, self.hop);
                self.ended(flow)
            }
            // EX_USAGE of sysexits(3): a blank in a name has made two arguments of it.
            "deliver" | "dovecot-lda" if has_stray(&texts) => {
                self.said = "unknown argument".into();
                Ended::with(64)
            }
            "deliver" | "dovecot-lda" => match rules.lda_account(&texts) {
                Some(Some(account)) => {
                    let flow = rules.store(account, origin, self.hop);
                    self.ended(flow)
                }
                // EX_NOUSER is no exit code that qmail takes for permanent.
                Some(None) => {
                    self.said = "unknown user".into();
                    Ended::with(67)
                }
                None => self.unknown(),
            },
            "fastforward" => {
                let flow = rules.fastforward(&texts, context, origin, self.hop);
                self.ended(flow)
            }
            "forward" if !texts.iter().any(|to| to.contains_str(SENDER)) => {
                for to in texts {
                    let mark = context.own_mark();
                    self.hop.act(Action::Forward { to, kept: Kept::Nothing, mark }, origin);
                }
                Ended::default()
            }
            "bouncesaying" | "condredirect" | "except" => self.conditional(&name, &texts),
            "autorespond" | "qmail-autoresponder" | "vacation" | "mailbot" => {
                self.hop.step(format_args!("an autoresponder answers"), Some(origin));
                self.hop.act(Action::Reply(self.line.trim_ascii().into()), origin);
                Ended::default()
            }
            "exit" => {
                // What is no number is a failure for every shell, bash(1) even takes -1 for 255.
                let code = texts.first().map_or(0, |code| {
                    let code = code.to_str().ok().and_then(|code| code.parse::<u64>().ok());
                    code.and_then(|code| u8::try_from(code % 256).ok()).unwrap_or(u8::MAX)
                });
                Ended { exits: true, ..Ended::with(code) }
            }
            _ => {
                if name == "echo" || name == "printf" {
                    self.said = bstr::join(" ", &texts).into();
                }
                let words: Vec<BString> = std::iter::once(name).chain(texts).collect();
                self.program(&words)
            }
        }
    }

    /// What a flow means to the line it stands in: a failure counts only if nothing catches it.
    fn ended(&mut self, flow: Flow) -> Ended {
        match flow {
            Flow::Continue => Ended::default(),
            Flow::Stop => Ended::with(99),
            Flow::Failed => {
                let failure = self.hop.actions.pop();
                let is_final =
                    failure.as_ref().is_some_and(|act| matches!(act.action, Action::Reject(_)));
                Ended { code: if is_final { 100 } else { 111 }, failure, exits: false }
            }
        }
    }

    /// A program by its name and arguments, as another program may run it too.
    fn program(&mut self, words: &[BString]) -> Ended {
        let Some((name, arguments)) = words.split_first() else {
            return Ended::default();
        };
        let name: BString = name.rsplit_str("/").next().unwrap_or_default().into();
        match (name.to_str().unwrap_or_default(), arguments) {
            ("false", _) => Ended::with(1),
            ("cat", []) => Ended::default(),
            // Without the file dot-forward(1) does nothing.
            ("dot-forward", [file]) if !self.is_there(BStr::new("-e"), file) => Ended::default(),
            ("test" | "[", _) if arguments.iter().any(|word| word.contains_str(SENDER)) => {
                self.unknown();
                Ended::with(1)
            }
            ("test" | "[", _) => {
                let end = usize::from(name == "[");
                let operands = arguments.get(..arguments.len().saturating_sub(end));
                Ended::with(u8::from(!self.holds(operands.unwrap_or_default())))
            }
            ("sh" | "bash", [option, text, ..]) if option == "-c" => match script::parse(text) {
                Some(script) => Ended { exits: false, ..self.run(&script) },
                None => self.unknown(),
            },
            // What a filter prints goes nowhere if nothing stands behind it.
            (other, _) if WITHOUT_EFFECT.contains(&other) || FILTERS.contains(&other) => {
                Ended::default()
            }
            (other, _) if SEARCHES.contains(&other) => {
                self.unknown();
                Ended::with(1)
            }
            _ => self.unknown(),
        }
    }

    /// Whether `test` succeeds: `-a` binds tighter than `-o`.
    fn holds(&self, operands: &[BString]) -> bool {
        let alternatives = operands.split(|operand| operand == "-o");
        alternatives
            .into_iter()
            .any(|all| all.split(|operand| operand == "-a").all(|one| self.holds_one(one)))
    }

    fn holds_one(&self, operands: &[BString]) -> bool {
        match operands {
            [not, rest @ ..] if not == "!" && !rest.is_empty() => !self.holds_one(rest),
            [one] => !one.is_empty(),
            [option, operand] if option == "-n" => !operand.is_empty(),
            [option, operand] if option == "-z" => operand.is_empty(),
            [option, path] => self.is_there(option.as_bstr(), path),
            [a, sign, b] if sign == "=" || sign == "==" => a == b,
            [a, sign, b] if sign == "!=" => a != b,
            _ => false,
        }
    }

    fn is_there(&self, option: &BStr, path: &BString) -> bool {
        let found = self.rules.site.tested.get(&self.context.folder.join(path));
        match option.as_bytes() {
            b"-f" => matches!(found, Some(Tested::File | Tested::EmptyFile)),
            b"-s" => matches!(found, Some(Tested::File | Tested::Folder)),
            b"-d" => found == Some(&Tested::Folder),
            b"-e" | b"-r" | b"-w" | b"-x" => found.is_some(),
            _ => false,
        }
    }

    /// `bouncesaying TEXT [PROGRAM…]`, `condredirect ADDRESS PROGRAM…`, `except PROGRAM…`: a
    /// program that puts the message off is passed on, any other failure is an answer.
    fn conditional(&mut self, name: &BString, arguments: &[BString]) -> Ended {
        let (first, test) = match arguments.split_first() {
            _ if name == "except" => (BString::default(), arguments),
            Some((first, test)) => (first.clone(), test),
            None => return Ended::with(100),
        };
        let is_sure = name == "bouncesaying"
            && test
                .first()
                .is_none_or(|program| SURE.iter().any(|known| program.ends_with_str(known)));
        if !is_sure {
            self.unknown();
        }
        match (name.as_slice(), self.program(test).code) {
            (_, 111) => Ended::with(111),
            (b"bouncesaying", 0) => {
                let failure = Act { action: Action::Reject(first), origin: self.origin.clone() };
                Ended { failure: Some(failure), ..Ended::with(100) }
            }
            (b"condredirect", 0) => {
                let mark = self.context.own_mark();
                let forward = Action::Forward { to: first, kept: Kept::Nothing, mark };
                self.hop.act(forward, self.origin);
                Ended::with(99)
            }
            (b"except", 0) => Ended::with(100),
            _ => Ended::default(),
        }
    }
}

/// Whether a command puts the message into an account's mailbox.
pub(super) fn delivers(words: &Simple) -> bool {
    is_in(DELIVERERS, &unwrapped(words).0)
}

/// Whether what follows `-d USER` is neither an option nor the end.
fn has_stray(arguments: &[BString]) -> bool {
    let user = arguments.iter().position(|argument| argument == "-d");
    let after = user.and_then(|at| arguments.get(at + 2));
    after.is_some_and(|word| !word.starts_with(b"-"))
}

fn name_of(word: Option<&Word>) -> Option<BString> {
    let text = word?.text();
    Some(text.rsplit_str("/").next().unwrap_or_default().into())
}

fn is_in(names: &[&str], name: &BString) -> bool {
    names.iter().any(|known| name == *known)
}

/// A command without its wrappers and without assignments in front.
fn unwrapped(words: &Simple) -> (BString, &[Word]) {
    let mut words = words.as_slice();
    // A wrapper or filter may have options with values before the program that it runs.
    if name_of(words.first()).is_some_and(|name| is_in(WRAPPERS, &name) || is_in(FILTERS, &name))
        && let Some(at) =
            words.iter().position(|word| name_of(Some(word)).is_some_and(|n| is_in(DELIVERERS, &n)))
    {
        words = words.get(at..).unwrap_or_default();
    }
    loop {
        let Some((first, rest)) = words.split_first() else {
            return (BString::default(), &[]);
        };
        let text = first.text();
        let name = text.rsplit_str("/").next().unwrap_or_default().as_bstr().to_owned();
        let is_wrapper = WRAPPERS.iter().any(|wrapper| name == *wrapper);
        if !is_wrapper && !text.contains(&b'=') && !text.starts_with(b"-") || rest.is_empty() {
            return (name, rest);
        }
        words = rest;
    }
}

impl Resolver<'_> {
    /// `deliver -d USER@DOMAIN`: `None` where it is not called so, `Some(None)` for a user whom
    /// Dovecot does not find.
    #[expect(
        clippy::option_option,
        reason = "no account named is another thing than one that is not there"
    )]
    fn lda_account(&self, arguments: &[BString]) -> Option<Option<&Account>> {
        let at = arguments.iter().position(|argument| argument == "-d")?;
        let user = Address::parse(arguments.get(at + 1)?)?;
        let domain = self.domain_of(&user.domain);
        Some(domain.and_then(|domain| domain.account(&user.local)).filter(|found| found.reachable))
    }
}
