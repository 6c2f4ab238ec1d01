//! The `.qmail` file that counts, and its lines: `qmail-local.c`, dot-qmail(5).

use super::program::{Context, Flow};
use super::{Action, Hop, Kept, Resolver};
use crate::model::dot_qmail::{DotQmail, Instruction};
use crate::model::site::{Home, Spot};
use crate::model::{DomainName, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

/// Write permission for everybody (`conf-patrn`).
const WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;
/// On a `.qmail` file it forbids programs and files.
const FORWARD_ONLY: u32 = 0o100;

const NO_MAILBOX: &str = "Sorry, no mailbox here by that name. (#5.1.1)";

impl Resolver<'_> {
    /// Delivers to a local address on a host.
    pub(super) fn deliver(&self, local: &BStr, host: &DomainName, hop: &mut Hop) {
        if local.is_empty() {
            // `<@host>`: qmail-lspawn ends at once, and says that it delivered.
            let origin = Origin::file(&RelPath::new("var/qmail/control/locals"));
            return hop.act(Action::Discard, &origin);
        }
        let Some(who) = self.deliverer(local, hop) else {
            return;
        };
        let own = Context::new(&who, local, host, None);
        // qmail-lspawn runs nothing as root.
        if who.uid == 0 {
            return hop.defer("Not allowed to perform deliveries as root. (#4.3.0)", &who.origin);
        }
        hop.marks.push(own.mark.clone());
        let Some(home) = self.site.homes.get(&who.home).filter(|home| home.mode.is_some()) else {
            let text = format!("Unable to switch to {}: file does not exist. (#4.3.0)", who.home);
            return hop.defer(text, &who.origin);
        };
        if !self.site.may_use(&who.home, who.uid, who.gid) {
            let text = format!("Unable to switch to {}: access denied. (#4.3.0)", who.home);
            return hop.defer(text, &Origin::file(&who.home));
        }
        let mode = home.mode.unwrap_or_default();
        if mode & STICKY != 0 {
            let text = "Home directory is sticky: user is editing his .qmail file. (#4.2.1)";
            return hop.defer(text, &Origin::file(&who.home));
        }
        if mode & WRITABLE != 0 {
            return hop
                .defer("Uh-oh: home directory is writable. (#4.7.0)", &Origin::file(&who.home));
        }
        match choose(home, &who.dash, &who.extension) {
            Some((file, _)) if !self.site.may_use(&file.origin.file, who.uid, who.gid) => {
                hop.defer("Unable to open .qmail file: access denied. (#4.3.0)", &file.origin);
            }
            Some((file, _)) if file.mode & WRITABLE != 0 => {
                hop.defer("Uh-oh: .qmail file is writable. (#4.7.0)", &file.origin);
            }
            Some((file, matched)) if file.lines.is_empty() => {
                hop.step(
                    format_args!("the file is empty: the default delivery counts"),
                    Some(&file.origin),
                );
                self.default_delivery(&Context { matched, ..own }, hop);
            }
            Some((file, matched)) => self.run_file(file, &Context { matched, ..own }, hop),
            None if !who.dash.is_empty() => {
                hop.step(
                    format_args!("no .qmail file for {}", shown(&who.extension)),
                    Some(&who.origin),
                );
                hop.reject(NO_MAILBOX, &who.origin);
            }
            None => {
                hop.step(format_args!("no .qmail file: the default delivery counts"), None);
                self.default_delivery(&own, hop);
            }
        }
    }

    fn default_delivery(&self, context: &Context<'_>, hop: &mut Hop) {
        let lines = &self.site.control.default_delivery;
        if lines.is_empty() {
            let text = "Uh-oh: first line of .qmail file is blank. (#4.2.1)";
            let file = RelPath::new("var/qmail/control/defaultdelivery");
            return hop.defer(text, &Origin::file(&file).at(1));
        }
        let lines = lines.iter().map(|line| (line.origin.clone(), line.value.as_bstr()));
        self.run_lines(lines, false, context, hop);
    }

    fn run_file(&self, file: &DotQmail, context: &Context<'_>, hop: &mut Hop) {
        hop.step(format_args!("{} counts", file.origin.file.file_name()), Some(&file.origin));
        let first = file.lines.first().map(|line| Instruction::qmail_local(line));
        if first == Some(Instruction::Blank) {
            return hop
                .defer("Uh-oh: first line of .qmail file is blank. (#4.2.1)", &file.origin.at(1));
        }
        self.run_lines(file.numbered(), file.mode & FORWARD_ONLY != 0, context, hop);
    }

    /// What lies at a path that a line names, as far as the deliverer may use it.
    fn spot(&self, name: &BString, context: &Context<'_>) -> Option<&Spot> {
        let path = context.home().join(name);
        let may_use = self.site.may_use(&path, context.who.uid, context.who.gid);
        self.site.spots.get(&path).filter(|_| may_use)
    }

    /// Files and programs at once and in order; forwards all together at the end, and only if no
    /// line failed.
    fn run_lines<'l>(
        &self,
        lines: impl Iterator<Item = (Origin, &'l BStr)>,
        mut forward_only: bool,
        context: &Context<'_>,
        hop: &mut Hop,
    ) {
        let mut forwards = Vec::new();
        let before = hop.actions.len();
        let mut last = None;
        for (origin, line) in lines {
            last.get_or_insert_with(|| origin.clone());
            match Instruction::qmail_local(line) {
                Instruction::Blank | Instruction::Comment | Instruction::Ignored => {}
                Instruction::ListMark => forward_only = true,
                Instruction::Forward(to) => forwards.push((to, origin)),
                Instruction::Maildir(_) | Instruction::Mbox(_) | Instruction::Program(_)
                    if forward_only =>
                {
                    let text =
                        "Uh-oh: .qmail has file or program delivery but has x bit set. (#4.7.0)";
                    return hop.defer(text, &origin);
                }
                Instruction::Maildir(name) => match self.spot(&name, context) {
                    Some(Spot::Maildir(path)) => hop.act(Action::Store(path.clone()), &origin),
                    _ => return hop.defer("Unable to chdir to maildir. (#4.2.1)", &origin),
                },
                Instruction::Mbox(name) => match self.spot(&name, context) {
                    Some(Spot::File(path) | Spot::Room(path)) => {
                        hop.act(Action::Store(path.clone()), &origin);
                    }
                    _ => return hop.defer("Unable to open mailbox file. (#4.2.1)", &origin),
                },
                Instruction::Program(command) => {
                    match self.run(command.as_bstr(), context, &origin, hop) {
                        Flow::Continue => {}
                        Flow::Stop => break,
                        Flow::Failed => return,
                    }
                }
            }
        }
        for (to, origin) in forwards {
            let forward = Action::Forward { to, kept: Kept::Nothing, mark: context.mark.clone() };
            hop.act(forward, &origin);
        }
        if let Some(origin) = last
            && hop.actions.len() == before
        {
            hop.act(Action::Discard, &origin);
        }
    }
}

/// The file by the whole extension, else the longest `-default`; with where in the extension the
/// part begins that only `default` matched.
pub(super) fn choose<'h>(
    home: &'h Home,
    dash: &[u8],
    extension: &[u8],
) -> Option<(&'h DotQmail, Option<usize>)> {
    choose_of(|name| home.files.get(name).filter(|file| !file.is_row), dash, extension)
}

/// The same of what a database has, where `default` alone is a name like others.
pub(super) fn choose_row<'h>(home: &'h Home, extension: &[u8]) -> Option<&'h DotQmail> {
    let is_meant = |name: &BStr| name != "-default" || extension == b"default";
    let get = |name: &BStr| home.files.get(name).filter(|file| file.is_row && is_meant(name));
    choose_of(get, b"-", extension).map(|(row, _)| row)
}

fn choose_of<'h>(
    get: impl Fn(&BStr) -> Option<&'h DotQmail>,
    dash: &[u8],
    extension: &[u8],
) -> Option<(&'h DotQmail, Option<usize>)> {
    let safe: BString = extension.to_ascii_lowercase().replace(".", ":").into();
    let name = |rest: &[u8]| BString::from([dash, rest].concat());
    if let Some(file) = get(name(&safe).as_bstr()) {
        let literal = safe.strip_suffix(b"default").map(<[u8]>::len);
        return Some((file, literal));
    }
    (0..=safe.len()).rev().find_map(|end| {
        let front = safe.get(..end)?;
        let may_end = front.last().is_none_or(|last| *last == b'-');
        let file = may_end.then(|| get(name(&[front, b"default"].concat()).as_bstr())).flatten()?;
        Some((file, Some(end)))
    })
}
