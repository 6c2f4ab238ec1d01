//! Programs that a person has decided about: run, dropped, or replaced by an address.

use super::Translator;
use super::asked::PROBE;
use crate::finding::{Disposition, Finding, code};
use crate::model::command::{preline, program_of};
use crate::model::design::{DomainPattern, LocalPattern, Pattern, Pipe, Target, pipe_domain};
use crate::model::{Address, Origin};
use crate::policy::Decision;
use crate::resolve::Act;
use bstr::{BString, ByteSlice as _};

/// Names that no program may run as: pipe(8) refuses two of them, and the third reads all hashes.
const NOBODY_S: &[&str] = &["root", "postfix", "dovecot"];

impl Translator<'_> {
    /// What becomes of mail that is handed to a program, if somebody has said so in `unqmail.toml`.
    pub(super) fn decided(
        &mut self,
        command: &BString,
        pattern: &Pattern,
        origin: &Origin,
        subject: &BString,
        acts: &[Act],
    ) -> Option<Target> {
        let program = program_of(command).to_str_lossy().into_owned();
        let (target, effect) = match self.policy.programs.get(&program)? {
            Decision::Drop(true) => {
                (Target::Discard, "it is no longer; nothing else changes".into())
            }
            Decision::Forward(to) => {
                let to = Address::parse(to.as_bytes()).filter(Self::is_writable)?;
                let effect = format!("mail goes to {to} instead");
                (Target::Address(to), effect)
            }
            Decision::Run(true) => {
                let pipe = self.pipe(command, pattern, origin)?;
                let effect = format!(
                    "Postfix runs it as {} in /{}, where it must be installed",
                    pipe.runs_as, pipe.folder
                );
                (Target::SameLocal(pipe_domain(self.add_pipe(pipe))), effect)
            }
            Decision::Drop(false) | Decision::Run(false) => return None,
        };
        let effect = format!("{effect}{}", self.depending(origin, acts));
        let finding = Finding::new(
            &code::ALIAS_PROGRAM_DECIDED,
            Disposition::Adapted,
            origin.clone(),
            subject,
            "mail is handed to a program",
            effect,
        );
        self.findings.push(finding.with_excerpt(self.line_of(origin, command).as_bstr()));
        Some(target)
    }

    fn add_pipe(&mut self, pipe: Pipe) -> usize {
        let pipes = &mut self.design.pipes;
        pipes.iter().position(|known| *known == pipe).unwrap_or_else(|| {
            pipes.push(pipe);
            pipes.len() - 1
        })
    }

    /// What the program was told by qmail. Nothing where it ran as a user who is not known or may run
    /// nothing, or for domains that are known by what they end in, for it was told the whole name.
    fn pipe(&self, command: &BString, pattern: &Pattern, origin: &Origin) -> Option<Pipe> {
        let DomainPattern::Domain(host) = &pattern.domain else { return None };
        let asked = match &pattern.local {
            LocalPattern::Exact(local) => local.as_bstr().to_owned(),
            LocalPattern::Prefix(front) => [front.as_slice(), PROBE.as_bytes()].concat().into(),
            LocalPattern::Any => PROBE.into(),
            LocalPattern::Odd => return None,
        };
        let around =
            self.rules.surroundings(Address::new(asked.as_slice(), host).to_bytes().as_bstr())?;
        let unix = self.site.unix_users.iter().find(|user| user.uid == around.uid)?;
        let name = unix.name.to_str().ok().filter(|name| is_user_name(name))?;
        let prepend = around.local.get(..around.local.len().checked_sub(asked.len())?)?;
        let (preline, command_line) = preline(command);
        let folder = origin.file.parent();
        let file = origin.file.file_name();
        let front = [b".qmail".as_slice(), &around.dash].concat();
        let default_at = match file.strip_suffix(b"default") {
            Some(file) => file.len().checked_sub(front.len()),
            // An account's own file is run by vdelivermail, which `.qmail-default` names.
            None => (folder != around.home).then_some(0),
        };
        Some(Pipe {
            line: command.trim_ascii().into(),
            command: command_line,
            preline,
            runs_as: name.to_owned(),
            ids: (around.uid, around.gid),
            user: around.user,
            folder,
            home: around.home,
            host: host.clone(),
            prepend: prepend.into(),
            extension_at: around.local.len().checked_sub(around.extension.len())?,
            default_at,
            origin: origin.clone(),
        })
    }
}

/// A name that needs no quotes in `master.cf`, and whose owner may run programs.
fn is_user_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    starts && name.len() <= 32 && name.chars().all(is_part) && !NOBODY_S.contains(&name)
}
