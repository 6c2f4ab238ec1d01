//! What differs between a folder of the old server and its copy, told from names; messages that an
//! earlier pass brought are looked at only in folders that changed since.

use super::changed::Looks;
use super::keywords::Letters;
use super::name::base;
use super::numbers::Former;
use super::record::Known;
use super::standing::is_in_the_way;
use super::{Job, Mailbox, Moved, PARTS, Part, Pass, convert, folder};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::message::{is_plain, renamed};
use bstr::{BStr, BString};
use std::cmp::Ordering;

/// A message's name on the old server and on the new one.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) old: BString,
    /// Where it is another one: because of keywords, or because Dovecot would misread the old one.
    new: Option<BString>,
}

impl Names {
    fn new(old: BString, letters: &Letters) -> Self {
        let new = renamed(&old, letters.of(base(&old)));
        // A name that would be too long for a file goes without its keywords.
        let new = if new.len() > 255 { renamed(&old, b"") } else { new };
        Self { new: Some(new).filter(|new| *new != old), old }
    }

    pub(super) fn new_name(&self) -> &BString {
        self.new.as_ref().unwrap_or(&self.old)
    }
}

/// A message in a folder of the target.
#[derive(Debug)]
pub(super) struct There {
    /// Which of [`PARTS`].
    pub(super) part: usize,
    pub(super) name: BString,
    /// A pass completed it.
    pub(super) is_sure: bool,
    /// Its size and date tell that it is whole.
    pub(super) is_trusted: bool,
}

/// A message of the old server, and what has to be done about it.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which of the folders that go into one.
    pub(super) from: usize,
    /// Which of [`PARTS`].
    pub(super) part: usize,
    pub(super) names: Names,
    /// Something has its name on the target.
    pub(super) is_named: bool,
    /// A pass completed it.
    pub(super) is_sure: bool,
    /// The same message under another name.
    pub(super) other: Option<There>,
    /// An earlier pass brought it, or was about to.
    pub(super) is_ours: bool,
    /// Size and date of what is there tell that it is whole.
    pub(super) is_trusted: bool,
}

impl Wanted {
    /// The part of its name that stays, on the new server.
    pub(super) fn unique(&self) -> &BStr {
        base(self.names.new_name())
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.unique(), self.part, self.names.new_name()).cmp(&(
            other.unique(),
            other.part,
            other.names.new_name(),
        ))
    }
}

/// What has to be done about a folder.
#[derive(Debug)]
pub(super) struct Work {
    /// Its name on the target; INBOX has none.
    pub(super) name: BString,
    pub(super) path: RelPath,
    /// It is there with all its parts.
    pub(super) is_there: bool,
    pub(super) is_served: bool,
    /// Keywords in the order of their letters.
    pub(super) keywords: Vec<BString>,
    pub(super) formers: Former,
    /// Messages that are not there as they should be.
    pub(super) wanted: Vec<Wanted>,
    /// Messages of earlier passes that the old server has no more.
    pub(super) departed: Vec<There>,
    /// Files in `tmp` that a pass left behind when it was killed.
    pub(super) stale: Vec<BString>,
}

/// Compares one folder; also tells the unique names that it has after the pass, sorted.
pub(super) fn compare<'a>(
    job: &Job<'a>,
    mailbox: &Mailbox<'_>,
    name: &BString,
    parts: &[Part<'a>],
    known: &Known,
    moved: &mut Moved,
) -> Result<(Work, Vec<BString>)> {
    let (path, open) = (mailbox.folder(name), mailbox.open(name)?);
    let (tree, folder) = (mailbox.tree.root(), open.as_ref());
    let is_served = folder::is_served(tree, folder)?;
    let letters = Letters::of_folder(job.root, mailbox, parts, (folder, is_served))?;
    let failures = moved.failures.len();
    let mut source = messages(job, parts, &letters, moved);
    let is_whole = moved.failures.len() == failures;
    let mut formers = Former::new();
    for Wanted { names, .. } in source.iter().filter(|wanted| !is_plain(&wanted.names.old)) {
        formers.insert(base(names.new_name()).to_owned(), base(&names.old).to_owned());
    }
    source.sort_unstable_by(Wanted::order);
    let (mut target, stale, is_there) = listed(tree, folder)?;
    target.sort_unstable_by(|a, b| {
        (base(&a.name), a.part, &a.name).cmp(&(base(&b.name), b.part, &b.name))
    });
    let mut work = Work {
        name: name.clone(),
        path,
        is_there,
        is_served,
        keywords: letters.names,
        formers,
        wanted: Vec::new(),
        departed: Vec::new(),
        stale,
    };
    let has_brought = !known.brought.is_empty();
    let looks = has_brought.then(|| Looks::new(job, (tree, folder), parts)).flatten();
    let is_changed = |wanted: &Wanted| looks.as_ref().is_some_and(|looks| looks.is_changed(wanted));
    let mut kept = Vec::with_capacity(source.len());
    let (mut source, mut target) = (source.into_iter().peekable(), target.into_iter().peekable());
    // Those of one unique name: usually one on each side.
    let (mut mine, mut theirs, mut open) = (Vec::new(), Vec::<There>::new(), Vec::new());
    loop {
        let first = source.peek().map(Wanted::unique).into_iter();
        let first = first.chain(target.peek().map(|there| base(&there.name))).min();
        let Some(unique) = first.map(ToOwned::to_owned) else { break };
        while let Some(wanted) = source.next_if(|wanted| wanted.unique() == unique) {
            mine.push(wanted);
        }
        while let Some(there) = target.next_if(|there| base(&there.name) == unique) {
            theirs.push(there);
        }
        if mine.len() > 1 {
            // One that moved from `new` to `cur` between the two listings is met in both.
            mine.retain(|wanted| is_still_there(job, parts, wanted));
        }
        let is_sure = known.is_brought(&unique);
        let is_ours = is_sure || known.begun.contains(&unique);
        let is_met = !is_ours && !mine.is_empty() && !theirs.is_empty();
        if is_met && is_in_the_way(job, parts, &mine, (folder, &theirs), moved) {
            mine.clear();
            theirs.clear();
            continue;
        }
        let is_trusted = known.is_trusted(&unique);
        let is_kept = !mine.is_empty();
        for wanted in mine.drain(..) {
            let is_it = |t: &There| t.part == wanted.part && t.name == *wanted.names.new_name();
            let at = theirs.iter().position(is_it);
            at.map(|at| theirs.swap_remove(at));
            let is_old = at.is_some() && is_sure && is_changed(&wanted);
            moved.outdated += u64::from(is_old && is_served);
            moved.replaced += u64::from(is_old && !is_served);
            if at.is_some() && is_sure && (!is_old || is_served) {
                moved.present += 1;
                job.progress.done(1, 0);
            } else {
                open.push((at.is_some(), wanted));
            }
        }
        for (is_named, wanted) in open.drain(..) {
            let other = if is_named { None } else { theirs.pop() };
            let is_ours = is_ours || is_met;
            work.wanted.push(Wanted { is_named, is_sure, other, is_ours, is_trusted, ..wanted });
        }
        let departs = !theirs.is_empty() && is_ours && is_whole;
        if is_ours || !is_whole {
            let left = theirs.drain(..).map(|there| There { is_sure, is_trusted, ..there });
            work.departed.extend(left.filter(|_| departs));
        } else {
            moved.foreign += u64::try_from(theirs.len()).unwrap_or(u64::MAX);
            theirs.clear();
        }
        if is_kept || (departs && is_sure && job.pass != Pass::Final) {
            kept.push(unique);
        }
    }
    Ok((work, kept))
}

/// The messages of all folders that go into one, in no order. What cannot be listed is a failure.
pub(super) fn messages(
    job: &Job<'_>,
    parts: &[Part<'_>],
    letters: &Letters,
    moved: &mut Moved,
) -> Vec<Wanted> {
    let mut messages = Vec::new();
    let wanted = |from, part, names| Wanted {
        from,
        part,
        names,
        is_named: false,
        is_sure: false,
        other: None,
        is_ours: false,
        is_trusted: false,
    };
    for (from, part) in parts.iter().enumerate() {
        if !part.is_maildir() {
            match convert::names(job, part.store) {
                Ok(names) => messages
                    .extend(names.into_iter().map(|old| wanted(from, 1, Names { old, new: None }))),
                Err(error) => moved.failures.push(error),
            }
            continue;
        }
        let mut missing = Vec::new();
        for (at, sub) in PARTS.iter().enumerate() {
            let names = part.messages(job.root, sub);
            match names.and_then(|open| open.map_or(Ok(Vec::new()), |open| open.names())) {
                Ok(names) => messages.extend(
                    names.into_iter().map(|old| wanted(from, at, Names::new(old, letters))),
                ),
                Err(error) if error.is_missing() => missing.push(error),
                Err(error) => moved.failures.push(error),
            }
        }
        // Both are gone since the plan was made: no proof that its messages are.
        if missing.len() == PARTS.len() && job.pass == Pass::Final {
            moved.failures.extend(missing.pop());
        }
    }
    messages
}

fn is_still_there(job: &Job<'_>, parts: &[Part<'_>], wanted: &Wanted) -> bool {
    let Some(part) = parts.get(wanted.from).filter(|part| part.is_maildir()) else { return true };
    let sub = PARTS.get(wanted.part).copied().unwrap_or_default();
    let path = part.folder.path.join(sub).join(&wanted.names.old);
    job.root.stat_link(&path).is_ok_and(|stat| stat.is_some())
}

/// The messages of a folder of the target, what was left behind in its `tmp`, and whether it has all
/// parts.
pub(super) fn listed(
    root: &Root,
    folder: Option<&Open>,
) -> Result<(Vec<There>, Vec<BString>, bool)> {
    let list = |sub: &str| {
        let open = folder.map_or(Ok(None), |folder| root.enter(folder, sub))?;
        open.map(|open| root.list_open(&open)).transpose()
    };
    let mut is_there = true;
    let mut messages = Vec::new();
    for (part, sub) in PARTS.iter().enumerate() {
        let entries = list(sub)?;
        is_there &= entries.is_some();
        let entries = entries.into_iter().flatten().filter(|e| !e.name.starts_with(b"."));
        messages.extend(entries.map(|entry| There {
            part,
            name: entry.name,
            is_sure: false,
            is_trusted: false,
        }));
    }
    let tmp = list("tmp")?;
    is_there &= tmp.is_some();
    let stale = tmp.into_iter().flatten().map(|entry| entry.name);
    Ok((messages, stale.filter(|name| name.starts_with(b".unqmail-")).collect(), is_there))
}
