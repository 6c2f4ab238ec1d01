//! What differs between a folder of the old server and its copy, told from names; messages that an
//! earlier pass brought are looked at only in folders that changed since.

use super::changed::Looks;
use super::keywords::Letters;
use super::name::base;
use super::numbers::Former;
use super::record::Known;
use super::standing::is_in_the_way;
use super::{Half, Job, Mailbox, Moved, Part, Pass, convert, folder};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::message::{is_plain, renamed};
use bstr::{BStr, BString, ByteSlice as _};
use std::io::ErrorKind;

/// A message's name on the old server and on the new one.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) old: BString,
    /// Where it is another one: because of keywords, or because Dovecot would misread the old one.
    new: Option<Box<BString>>,
}

impl Names {
    fn new(old: BString, letters: &Letters) -> Self {
        let new = renamed(&old, letters.of(base(&old)));
        // Behind its flags a name may have anything, and as much: then it goes without its keywords.
        let new = if new.len() > 255 { renamed(&old, b"") } else { new };
        Self { new: (new != old).then(|| Box::new(new)), old }
    }

    pub(super) fn new_name(&self) -> &BString {
        self.new.as_deref().unwrap_or(&self.old)
    }
}

/// A message in a folder of the target.
#[derive(Debug)]
pub(super) struct There {
    pub(super) half: Half,
    pub(super) name: BString,
    /// A pass completed it.
    pub(super) is_sure: bool,
    /// Its size and date tell that it is whole.
    pub(super) is_trusted: bool,
}

impl There {
    fn new(half: Half, name: BString) -> Self {
        Self { half, name, is_sure: false, is_trusted: false }
    }
}

/// A message of the old server, and what has to be done about it. A folder may have millions.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which of the folders that go into one.
    pub(super) from: usize,
    pub(super) half: Half,
    pub(super) names: Names,
    /// Something has its name on the target.
    pub(super) is_named: bool,
    /// A pass completed it.
    pub(super) is_sure: bool,
    /// The same message under another name.
    pub(super) other: Option<Box<There>>,
    /// It is not there as it should be.
    is_open: bool,
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

    /// What messages are sorted by.
    fn place(&self) -> (&BStr, Half, &BStr) {
        (self.unique(), self.half, self.names.new_name().as_bstr())
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
    /// The folder holds after the pass what the record says of it.
    pub(super) is_as_recorded: bool,
}

/// Compares one folder. What is known of it then tells the unique names that it has after the pass.
pub(super) fn compare<'a>(
    job: &Job<'a>,
    mailbox: &Mailbox<'_>,
    name: &BString,
    parts: &[Part<'a>],
    known: &mut Known,
    moved: &mut Moved,
) -> Result<Work> {
    let (path, open) = (mailbox.folder(name), mailbox.open(name)?);
    let (tree, folder) = (mailbox.tree.root(), open.as_ref());
    let is_served = folder::is_served(tree, folder)?;
    let letters = Letters::of_folder(job.root, mailbox, parts, (folder, is_served))?;
    let (mut source, is_whole) = messages(job, parts, &letters, moved);
    let mut formers = Former::new();
    for Wanted { names, .. } in source.iter().filter(|wanted| !is_plain(&wanted.names.old)) {
        formers.insert(base(names.new_name()).to_owned(), base(&names.old).to_owned());
    }
    source.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
    // What a pass brought and has its name still is as it should be, and not kept in mind twice.
    let is_left = |half, name: &[u8]| !marks_named(&mut source, known, half, name);
    let (mut target, stale, is_there) = listed_where(tree, folder, is_left)?;
    target.sort_unstable_by(|a, b| {
        (base(&a.name), a.half, &a.name).cmp(&(base(&b.name), b.half, &b.name))
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
        is_as_recorded: false,
    };
    let has_brought = !known.brought.is_empty();
    let looks = has_brought.then(|| Looks::new(job, (tree, folder), parts)).flatten();
    let departed = Vec::new();
    let mut merge =
        Merge { job, parts, folder, is_served, is_whole, known, looks, departed, moved };
    // Of what was brought, what is there after the pass; and what comes to it.
    let (mut stays, mut new) = (vec![false; merge.known.brought.len()], Vec::new());
    let (mut rest, mut target) = (source.as_mut_slice(), target.into_iter().peekable());
    let mut theirs = Vec::<There>::new();
    loop {
        let first = rest.first().map(Wanted::unique).into_iter();
        let first = first.chain(target.peek().map(|there| base(&there.name))).min();
        let Some(unique) = first.map(ToOwned::to_owned) else { break };
        let own = rest.iter().take_while(|wanted| wanted.unique() == unique).count();
        let (own, others) = rest.split_at_mut(own);
        rest = others;
        while let Some(there) = target.next_if(|there| base(&there.name) == unique) {
            theirs.push(there);
        }
        if merge.decide(&unique, own.iter_mut().collect(), &mut theirs) {
            let place = merge.known.brought.binary_search(&unique).ok();
            match place.and_then(|place| stays.get_mut(place)) {
                Some(stays) => *stays = true,
                None => new.push(unique),
            }
        }
        theirs.clear();
    }
    work.departed = merge.departed;
    source.retain(|wanted| wanted.is_open);
    source.shrink_to_fit();
    work.wanted = source;
    work.is_as_recorded = new.is_empty() && !stays.contains(&false);
    let mut stays = stays.into_iter();
    known.brought.retain(|_| stays.next().unwrap_or_default());
    known.brought.append(&mut new);
    known.brought.sort_unstable();
    Ok(work)
}

/// The two sides of a folder, gone through by unique names.
struct Merge<'m, 'a> {
    job: &'m Job<'a>,
    parts: &'m [Part<'a>],
    /// The folder on the target.
    folder: Option<&'m Open>,
    is_served: bool,
    /// All messages of the old server are known.
    is_whole: bool,
    known: &'m Known,
    looks: Option<Looks<'a>>,
    /// See [`Work::departed`].
    departed: Vec<There>,
    moved: &'m mut Moved,
}

impl Merge<'_, '_> {
    /// Decides what is to be done about the messages of one unique name, usually one on each side, and
    /// whether the folder has the name after the pass.
    fn decide(
        &mut self,
        unique: &BString,
        mut mine: Vec<&mut Wanted>,
        theirs: &mut Vec<There>,
    ) -> bool {
        if mine.len() > 1 {
            // One that moved from `new` to `cur` between the two listings is met in both.
            mine.retain(|wanted| {
                let is_there = is_still_there(self.job, self.parts, wanted);
                if wanted.is_named && !is_there {
                    theirs.push(There::new(wanted.half, wanted.names.new_name().clone()));
                }
                is_there
            });
        }
        let is_sure = self.known.is_brought(unique.as_bstr());
        let is_ours = is_sure || self.known.begun.contains(unique);
        let is_met = !is_ours && !mine.is_empty() && !theirs.is_empty();
        if is_met {
            let mine: Vec<&Wanted> = mine.iter().map(|wanted| &**wanted).collect();
            let there = (self.folder, &**theirs);
            if is_in_the_way(self.job, self.parts, &mine, there, self.moved) {
                return false;
            }
        }
        let is_trusted = self.known.is_trusted(unique);
        let is_kept = !mine.is_empty();
        for wanted in &mut mine {
            self.look_for(wanted, theirs, is_trusted);
        }
        for wanted in mine.into_iter().filter(|wanted| wanted.is_open) {
            wanted.other = if wanted.is_named { None } else { theirs.pop().map(Box::new) };
            (wanted.is_sure, wanted.is_trusted) = (is_sure, is_trusted);
            wanted.is_ours = is_ours || is_met;
        }
        let departs = !theirs.is_empty() && is_ours && self.is_whole;
        if departs {
            let left = theirs.drain(..).map(|there| There { is_sure, is_trusted, ..there });
            self.departed.extend(left);
        } else if !is_ours && self.is_whole {
            self.moved.foreign += u64::try_from(theirs.len()).unwrap_or(u64::MAX);
        }
        let may_return = !self.is_whole || (departs && self.job.pass != Pass::Final);
        is_kept || (is_sure && may_return)
    }

    /// Whether a message has its name on the target, and is what it should be.
    fn look_for(&mut self, wanted: &mut Wanted, theirs: &mut Vec<There>, is_trusted: bool) {
        let is_it = |t: &There| t.half == wanted.half && t.name == *wanted.names.new_name();
        let at = theirs.iter().position(is_it);
        wanted.is_named |= at.map(|at| theirs.swap_remove(at)).is_some();
        let is_changed = || self.looks.as_ref().is_some_and(|looks| looks.is_changed(wanted));
        let is_old = wanted.is_named && is_trusted && is_changed();
        self.moved.outdated += u64::from(is_old && self.is_served);
        self.moved.replaced += u64::from(is_old && !self.is_served);
        wanted.is_open = !(wanted.is_named && is_trusted && (!is_old || self.is_served));
        if !wanted.is_open {
            self.moved.present += 1;
            self.job.progress.done(1, 0);
        }
    }
}

/// The messages of all folders that go into one, in no order, and whether these are all of them: what
/// a link leads to that is not followed may be there again. What cannot be listed is a failure.
pub(super) fn messages(
    job: &Job<'_>,
    parts: &[Part<'_>],
    letters: &Letters,
    moved: &mut Moved,
) -> (Vec<Wanted>, bool) {
    let failures = moved.failures.len();
    let (mut messages, mut are_all) = (Vec::new(), true);
    let wanted = |from, half, names| Wanted {
        from,
        half,
        names,
        is_named: false,
        is_sure: false,
        other: None,
        is_open: false,
        is_ours: false,
        is_trusted: false,
    };
    for (from, part) in parts.iter().enumerate() {
        if !part.is_maildir() {
            match convert::names(job, part.store) {
                Ok(names) => messages.extend(
                    names.into_iter().map(|old| wanted(from, Half::Cur, Names { old, new: None })),
                ),
                Err(error) => moved.failures.push(error),
            }
            continue;
        }
        let mut missing = Vec::new();
        for half in Half::BOTH {
            let open = part.messages(job.root, half);
            match open.and_then(|open| open.map(|open| open.names()).transpose()) {
                Ok(Some(names)) => messages.extend(
                    names.into_iter().map(|old| wanted(from, half, Names::new(old, letters))),
                ),
                Ok(None) => are_all = false,
                Err(error) if error.source.kind() == ErrorKind::NotFound => missing.push(error),
                Err(error) => moved.failures.push(error),
            }
        }
        // Both are gone since the plan was made: no proof that its messages are.
        if missing.len() == Half::BOTH.len() && job.pass == Pass::Final {
            moved.failures.extend(missing.pop());
        }
    }
    (messages, are_all && moved.failures.len() == failures)
}

fn is_still_there(job: &Job<'_>, parts: &[Part<'_>], wanted: &Wanted) -> bool {
    let Some(part) = parts.get(wanted.from).filter(|part| part.is_maildir()) else { return true };
    let path = part.folder.path.join(wanted.half.name()).join(&wanted.names.old);
    job.root.stat_link(&path).is_ok_and(|stat| stat.is_some())
}

/// Marks the message, of those of the old server, that a pass brought and has this very name on the
/// target; whether there is one.
fn marks_named(source: &mut [Wanted], known: &Known, half: Half, name: &[u8]) -> bool {
    let there = (base(name), half, name.as_bstr());
    let at = source.partition_point(|wanted| wanted.place() < there);
    let wanted = source.get_mut(at).filter(|wanted| wanted.place() == there);
    let wanted = wanted.filter(|_| known.is_brought(base(name)));
    wanted.map(|wanted| wanted.is_named = true).is_some()
}

/// The messages of a folder of the target, what was left behind in its `tmp`, and whether it has all
/// parts.
pub(super) fn listed(
    root: &Root,
    folder: Option<&Open>,
) -> Result<(Vec<There>, Vec<BString>, bool)> {
    listed_where(root, folder, |_, _| true)
}

/// As [`listed`], but only those messages that are asked for by part and name.
fn listed_where(
    root: &Root,
    folder: Option<&Open>,
    mut is_asked: impl FnMut(Half, &[u8]) -> bool,
) -> Result<(Vec<There>, Vec<BString>, bool)> {
    let mut is_there = true;
    let mut each = |sub: &str, take: &mut dyn FnMut(&[u8])| {
        let open = folder.map_or(Ok(None), |folder| root.enter(folder, sub))?;
        is_there &= open.is_some();
        open.map_or(Ok(()), |open| {
            open.each(|name, _| {
                take(name);
                Ok(())
            })
        })
    };
    let (mut messages, mut stale) = (Vec::new(), Vec::new());
    for half in Half::BOTH {
        each(half.name(), &mut |name| {
            if !name.starts_with(b".") && is_asked(half, name) {
                messages.push(There::new(half, name.into()));
            }
        })?;
    }
    each("tmp", &mut |name| {
        if name.starts_with(b".unqmail-") {
            stale.push(name.into());
        }
    })?;
    messages.sort_unstable_by(|a, b| (a.half, &a.name).cmp(&(b.half, &b.name)));
    Ok((messages, stale, is_there))
}
