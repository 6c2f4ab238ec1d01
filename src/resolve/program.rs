//! Command lines in `.qmail` files: what the known ones do. Nothing is ever run.
//!
//! A program that is not known is taken to exit 0, and what follows it is told on that footing.

use super::send::Routed;
use super::shell::{Shell, delivers};
use super::spawn::Deliverer;
use super::{Hop, Resolver};
use crate::model::command::{Simple, Word, simple_commands};
use crate::model::script::{self, Script};
use crate::model::{DomainName, Origin, RelPath};
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
    /// The folder that programs run in.
    pub(super) folder: &'a RelPath,
}

/// Stands for whoever sent the message.
pub(super) const SENDER: &str = "sender@sender.invalid";

/// Exit codes that make a message bounce (`qmail-local.c`).
const PERMANENT: &[u8] = &[100, 64, 65, 70, 76, 77, 78, 112];

/// A program line, divided as the shell divides it.
#[derive(Debug)]
pub(super) struct ProgramLine {
    commands: Vec<Simple>,
    /// Which command depends on which; `None` where nothing of the line is understood.
    script: Option<Script>,
}

impl ProgramLine {
    pub(super) fn read(line: &BStr) -> Self {
        let commands = simple_commands(line);
        let script = script::parse(line).or_else(|| {
            // What the shell does here is not followed; a delivery in it most likely happens.
            let words = commands.iter().rfind(|words| delivers(words))?.clone();
            Some(Script::Command { words, into: None })
        });
        Self { commands, script }
    }
}

/// The texts that a line compares with something that depends on the address: `spam` in
/// `[ "$EXT" = spam ]`.
pub(super) fn compared(line: &BString) -> Vec<BString> {
    let Some(command) = line.strip_prefix(b"|").filter(|line| line.contains(&b'$')) else {
        return Vec::new();
    };
    let is_sign = |word: &Word| ["=", "==", "!="].iter().any(|sign| word.text() == *sign);
    let commands = simple_commands(command);
    let threes = commands.iter().flat_map(|words| words.windows(3));
    let text = |three: &[Word]| match three {
        [a, sign, b] if is_sign(sign) && a.is_plain() != b.is_plain() => {
            Some(if a.is_plain() { a.text() } else { b.text() })
        }
        _ => None,
    };
    threes.filter_map(text).filter(|text| !text.is_empty()).collect()
}

impl<'a> Context<'a> {
    pub(super) fn new(
        who: &'a Deliverer,
        local: &'a BStr,
        host: &'a DomainName,
        matched: Option<usize>,
    ) -> Self {
        let mark = BString::default();
        let mut context = Self { who, local, host, matched, mark, folder: &who.home };
        context.mark = context.own_mark();
        context
    }

    /// The same delivery, its forwards marked by another program.
    pub(super) fn marked(&self, mark: BString) -> Self {
        Self { mark, ..*self }
    }

    /// The same delivery, in another folder.
    pub(super) fn within<'b>(&'b self, folder: &'b RelPath) -> Context<'b> {
        Context { mark: self.mark.clone(), folder, ..*self }
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

    /// The value of a variable that qmail sets. Those that tell of the sender have a value that
    /// nothing else has.
    pub(super) fn variable(&self, name: &[u8]) -> Option<BString> {
        let extension = |dashes: usize| {
            let parts = self.extension().splitn(dashes + 1, |b| *b == b'-');
            parts.last().filter(|_| self.extension().find_iter("-").count() >= dashes)
        };
        let host = |labels: usize| {
            (0..labels).fold(self.host.as_bstr(), |host, _| {
                host.rsplit_once_str(".").map_or(host, |(front, _)| front.as_bstr())
            })
        };
        let value = match name {
            b"EXT" => self.extension().to_owned(),
            b"EXT2" => extension(1).unwrap_or_default().into(),
            b"EXT3" => extension(2).unwrap_or_default().into(),
            b"EXT4" => extension(3).unwrap_or_default().into(),
            b"USER" => self.who.user.clone(),
            b"HOME" => [b"/", self.who.home.as_bstr().as_bytes()].concat().into(),
            b"HOST" => self.host.as_bstr().to_owned(),
            b"HOST2" => host(1).to_owned(),
            b"HOST3" => host(2).to_owned(),
            b"HOST4" => host(3).to_owned(),
            b"LOCAL" => self.local.to_owned(),
            b"DEFAULT" => self.default()?.to_owned(),
            b"RECIPIENT" => [self.local.as_bytes(), b"@", self.host.as_ref()].concat().into(),
            b"SENDER" | b"NEWSENDER" | b"RPLINE" | b"UFLINE" | b"DTLINE" => SENDER.into(),
            _ => return None,
        };
        Some(value)
    }
}

/// What qmail would tell a program that is run for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// `$USER`.
    pub user: BString,
    /// The user that it runs as.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// `$HOME`.
    pub home: RelPath,
    /// What stands between `.qmail` and the extension in names of files.
    pub dash: BString,
    /// `$LOCAL`.
    pub local: BString,
    /// `$EXT`.
    pub extension: BString,
}

impl Resolver<'_> {
    /// What a program would be told that is run for a recipient; nothing where that is remote.
    pub fn surroundings(&self, recipient: &BStr) -> Option<Surroundings> {
        let mut hop = Hop::default();
        let Routed::Local { local, .. } = self.route(recipient, &mut hop) else { return None };
        let Deliverer { user, uid, gid, home, dash, extension, .. } =
            self.deliverer(local.as_bstr(), &mut hop)?;
        Some(Surroundings { user, uid, gid, home, dash, local, extension })
    }

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
        let read;
        let program = if let Some(program) = self.programs.get(line) {
            program
        } else {
            read = ProgramLine::read(line);
            &read
        };
        if let Some(flow) = self.run_list_program(&program.commands, context, origin, hop) {
            return flow;
        }
        let mut shell = Shell { rules: self, line, context, origin, hop, said: BString::default() };
        let ended = match &program.script {
            Some(script) => shell.run(script),
            None => shell.unknown(),
        };
        let said = shell.said;
        if let Some(failure) = ended.failure.filter(|_| ended.code != 0) {
            hop.actions.push(failure);
            return Flow::Failed;
        }
        exit(ended.code, said, origin, hop)
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
