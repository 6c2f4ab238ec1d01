//! Command lines in `.qmail` files: what the known ones do. Nothing is ever run.
//!
//! A program that is not known is taken to exit 0, and what follows it is told on that footing.

use super::spawn::Deliverer;
use super::{Action, Hop, Resolver};
use crate::model::command::{Simple, Word, expand, simple_commands};
use crate::model::{DomainName, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

/// How a delivery goes on after a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Exit 0: the next line.
    Continue,
    /// Exit 99: no further line, but the forwards so far.
    Stop,
    /// The failure was recorded; nothing more happens.
    Failed,
}

/// The environment of a delivery (qmail-command(8)).
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) who: &'a Deliverer,
    /// The local part with its prefix.
    pub(super) local: &'a BStr,
    /// The domain as the sender wrote it, in lower case.
    pub(super) host: &'a DomainName,
    /// Where in the extension `$DEFAULT` begins.
    pub(super) matched: Option<usize>,
    /// The `Delivered-To` value that forwards are marked with.
    pub(super) mark: BString,
}

/// Programs that only wrap another one.
const WRAPPERS: &[&str] = &["preline", "exec", "env", "nice"];

/// Programs whose effect is none that matters to the message.
const WITHOUT_EFFECT: &[&str] = &["true", ":", "qreceipt", "qbiff", "maildirwatch"];

/// Programs that look at the message or a file; a plain message fails their test.
const TESTS: &[&str] = &["grep", "egrep", "fgrep", "test", "[", "false"];

/// Exit codes that make a message bounce (`qmail-local.c`).
const PERMANENT: &[u8] = &[100, 64, 65, 70, 76, 77, 78, 112];

impl<'a> Context<'a> {
    pub(super) fn new(
        who: &'a Deliverer,
        local: &'a BStr,
        host: &'a DomainName,
        matched: Option<usize>,
    ) -> Self {
        let mut context = Self { who, local, host, matched, mark: BString::default() };
        context.mark = context.own_mark();
        context
    }

    /// The same delivery, its forwards marked by another program.
    pub(super) fn marked(&self, mark: BString) -> Self {
        Self { mark, ..*self }
    }

    pub(super) fn home(&self) -> &RelPath {
        &self.who.home
    }

    pub(super) fn dash(&self) -> &[u8] {
        &self.who.dash
    }

    pub(super) fn extension(&self) -> &BStr {
        self.who.extension.as_bstr()
    }

    /// The part of the extension that a `-default` file matched.
    pub(super) fn default(&self) -> Option<&BStr> {
        Some(self.who.extension.get(self.matched?..)?.as_bstr())
    }

    /// `forward` and its kin mark the message as `qmail-local` does, whoever called them.
    pub(super) fn own_mark(&self) -> BString {
        [self.local.as_bytes(), b"@", self.host.as_ref()].concat().into()
    }

    /// The value of a variable that qmail sets.
    fn variable(&self, name: &[u8]) -> Option<BString> {
        let value = match name {
            b"EXT" => self.extension().to_owned(),
            b"HOST" => self.host.as_bstr().to_owned(),
            b"LOCAL" => self.local.to_owned(),
            b"DEFAULT" => self.default()?.to_owned(),
            b"RECIPIENT" => [self.local.as_bytes(), b"@", self.host.as_ref()].concat().into(),
            _ => return None,
        };
        Some(value)
    }
}

/// A command without its wrappers and without assignments in front.
fn unwrapped(words: &Simple) -> (BString, &[Word]) {
    let mut words = words.as_slice();
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
    /// Tells what a program line of a `.qmail` file does.
    pub(super) fn run(
        &self,
        line: &BStr,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let commands = simple_commands(line);
        if let Some(flow) = self.run_list_program(&commands, context, origin, hop) {
            return flow;
        }
        let mut said: Option<BString> = None;
        for words in &commands {
            let (name, arguments) = unwrapped(words);
            let texts = || expand(arguments, |name| context.variable(name));
            match name.to_str().unwrap_or_default() {
                "vdelivermail" => {
                    return self.vdelivermail(&texts(), arguments, context, origin, hop);
                }
                "fastforward" => return self.fastforward(&texts(), context, origin, hop),
                "forward" => {
                    for to in texts() {
                        let mark = context.own_mark();
                        hop.act(Action::Forward { to, keeps_local: false, mark }, origin);
                    }
                    return Flow::Continue;
                }
                "bouncesaying" | "condredirect" | "except" => {
                    return conditional(&name, &texts(), line, context, origin, hop);
                }
                "autorespond" | "qmail-autoresponder" | "vacation" => {
                    hop.step(format_args!("an autoresponder answers"), Some(origin));
                    hop.act(Action::Reply(line.trim_ascii().into()), origin);
                    return Flow::Continue;
                }
                "echo" => said = Some(bstr::join(" ", texts()).into()),
                "exit" => {
                    let code = texts()
                        .first()
                        .and_then(|code| code.to_str().ok()?.parse().ok())
                        .unwrap_or(0);
                    return exit(code, said.unwrap_or_default(), origin, hop);
                }
                "cat" if line.contains_str(">/dev/null") || line.contains_str("> /dev/null") => {}
                other if WITHOUT_EFFECT.contains(&other) => {}
                _ => {
                    hop.step(format_args!("runs {}", shown(line.trim_ascii())), Some(origin));
                    hop.act(Action::Run(line.trim_ascii().into()), origin);
                    return Flow::Continue;
                }
            }
        }
        Flow::Continue
    }
}

/// `bouncesaying TEXT [PROGRAM…]`, `condredirect ADDRESS PROGRAM…`, `except PROGRAM…`.
fn conditional(
    name: &[u8],
    arguments: &[BString],
    line: &BStr,
    context: &Context<'_>,
    origin: &Origin,
    hop: &mut Hop,
) -> Flow {
    let (first, test) = match name {
        b"except" => (BString::default(), arguments),
        _ => match arguments.split_first() {
            Some((first, test)) => (first.clone(), test),
            None => return exit(100, BString::default(), origin, hop),
        },
    };
    let succeeds = succeeds(test);
    if !test.is_empty() {
        hop.step(format_args!("runs {}", shown(line.trim_ascii())), Some(origin));
        hop.act(Action::Run(line.trim_ascii().into()), origin);
    }
    match (name, succeeds) {
        (b"bouncesaying", true) => {
            hop.reject(first, origin);
            Flow::Failed
        }
        (b"condredirect", true) => {
            let mark = context.own_mark();
            hop.act(Action::Forward { to: first, keeps_local: false, mark }, origin);
            Flow::Stop
        }
        (b"except", true) => exit(100, BString::default(), origin, hop),
        _ => Flow::Continue,
    }
}

/// What an exit code does to the delivery.
fn exit(code: u8, said: BString, origin: &Origin, hop: &mut Hop) -> Flow {
    match code {
        0 => Flow::Continue,
        99 => {
            hop.step(format_args!("exit 99: no line after this one counts"), Some(origin));
            Flow::Stop
        }
        code if PERMANENT.contains(&code) => {
            hop.reject(said, origin);
            Flow::Failed
        }
        _ => {
            hop.defer(said, origin);
            Flow::Failed
        }
    }
}

/// Whether a test succeeds for a plain message.
fn succeeds(test: &[BString]) -> bool {
    let name = test.first().map(|first| first.rsplit_str("/").next().unwrap_or_default().as_bstr());
    name.is_none_or(|name| !TESTS.iter().any(|test| name == *test))
}
