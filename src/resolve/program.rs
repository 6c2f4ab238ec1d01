//! Command lines in `.qmail` files: what the known ones do. Nothing is ever run.
//!
//! A program that is not known is taken to exit 0, and what follows it is told on that footing.

use super::spawn::Deliverer;
use super::{Action, Hop, Resolver};
use crate::model::command::{Simple, Word, expand, simple_commands};
use crate::model::{Account, Address, DomainName, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

/// Programs that may run within each other.
const MOST_NESTED: usize = 16;

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

/// Programs that hand the message on to the one behind them.
const FILTERS: &[&str] = &["spamc", "spamassassin", "ifspamh"];

/// Programs that put a message into an account's mailbox.
const DELIVERERS: &[&str] = &["vdelivermail", "deliver", "dovecot-lda"];

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
            b"USER" => self.who.user.clone(),
            b"HOST" => self.host.as_bstr().to_owned(),
            b"LOCAL" => self.local.to_owned(),
            b"DEFAULT" => self.default()?.to_owned(),
            b"RECIPIENT" => [self.local.as_bytes(), b"@", self.host.as_ref()].concat().into(),
            _ => return None,
        };
        Some(value)
    }
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
    /// Tells what a program line of a `.qmail` file does.
    pub(super) fn run(
        &self,
        line: &BStr,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        // An account whose own file calls vdelivermail runs itself until the host gives up.
        if hop.depth == MOST_NESTED {
            hop.defer("programs call each other without end", origin);
            return Flow::Failed;
        }
        hop.depth += 1;
        let flow = self.run_line(line, context, origin, hop);
        hop.depth -= 1;
        flow
    }

    fn run_line(&self, line: &BStr, context: &Context<'_>, origin: &Origin, hop: &mut Hop) -> Flow {
        let commands = simple_commands(line);
        if let Some(flow) = self.run_list_program(&commands, context, origin, hop) {
            return flow;
        }
        let delivers = |words: &Simple| is_in(DELIVERERS, &unwrapped(words).0);
        let is_conditional = line.trim_ascii_start().starts_with(b"if ");
        // A test fails for a plain message, so the last branch counts.
        let last_branch = commands.iter().rposition(delivers).filter(|_| is_conditional);
        let mut said: Option<BString> = None;
        for (at, words) in commands.iter().enumerate() {
            let (name, arguments) = unwrapped(words);
            if last_branch.is_some_and(|last| at < last) {
                continue;
            }
            let texts = || expand(arguments, |name| context.variable(name));
            match name.to_str().unwrap_or_default() {
                "vdelivermail" => {
                    return self.vdelivermail(&texts(), arguments, context, origin, hop);
                }
                "deliver" | "dovecot-lda" if self.lda_account(&texts()).is_some() => {
                    return match self.lda_account(&texts()).flatten() {
                        Some(account) => self.store(account, origin, hop),
                        // EX_NOUSER is no exit code that qmail takes for permanent.
                        None => exit(67, "unknown user".into(), origin, hop),
                    };
                }
                // The message goes on to the program behind it.
                other if FILTERS.contains(&other) && commands.iter().skip(at + 1).any(delivers) => {
                }
                "false" if commands.len() == 1 => return exit(1, BString::default(), origin, hop),
                "true" | ":" if line.contains_str("||") => return Flow::Continue,
                "false" if line.contains_str("&&") => {
                    return exit(1, BString::default(), origin, hop);
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
