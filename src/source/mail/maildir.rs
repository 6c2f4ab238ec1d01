//! Maildirs and their Maildir++ folders: what is there, counted (maildir(5), Courier's README).

use super::aside;
use super::look::{KEYWORDS, Looked, Place};
use super::messages::{Messages, PARTS};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::{Entry, Folder as Open};
use crate::fsys::root::Root;
use crate::fsys::{Error, Kind, Stat};
use crate::model::memory::unique;
use crate::model::message::is_plain;
use crate::model::quota::{Quota, Usage};
use crate::model::seen::{Counts, Memory, Near, Print, Prints, Seen};
use crate::model::store::{Common, Folder, Held, Store, StoreKind};
use crate::model::{Origin, RelPath, shown};
use crate::source::{lines, unlistable};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `maildirsize` is begun anew when it has grown to 5120 bytes; some programs let it grow longer.
const LARGEST_SIZES: u64 = 1 << 20;

/// What Courier and vpopmail keep of the size of a mailbox.
const SIZES: &str = "maildirsize";

/// Names in a Maildir that are no folders, whatever they hold.
const NO_FOLDERS: &[&[u8]] = &[b".", b"..", b".qmail"];

/// Reads an open Maildir that lies at its real path, with its limits where a delivery line names it;
/// `None` where it is no Maildir. How the home looks that it lies in is remembered with it.
pub(super) fn read(
    root: &Root,
    memory: &Memory,
    (open, home): (&Open, Option<Print>),
    is_named: bool,
    findings: &mut Findings,
) -> Option<Store> {
    let path = &open.path;
    let mut store = Store {
        path: path.clone(),
        kind: StoreKind::Maildir,
        folders: Vec::new(),
        counted: Usage::default(),
        deleted: Usage::default(),
        wrong_size: None,
        has_grants: false,
        limits: Quota::default(),
    };
    let (by_names, near) = (memory.by_names, memory.near(path));
    let mut reader = Reader { root, by_names, near, store: &mut store, findings };
    let inbox = Place { maildir: open, folder: b"" };
    // Before the names: what comes after it is seen by the next pass.
    let looked = (!by_names).then(|| Looked::new(Some(inbox)));
    if let Some(looked) = looked.as_ref().filter(|_| !is_named)
        && reader.read_known(open, looked)
    {
        reader.note(|inbox| inbox.home = home);
        return Some(store);
    }
    let entries = match root.list_open(open) {
        Ok(entries) => entries,
        Err(error) => {
            reader.findings.push(unlistable(path, &error));
            return None;
        }
    };
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if !has("cur") && !has("new") {
        return None;
    }
    if is_named && has(SIZES) {
        reader.store.limits = limits(root, open);
    }
    reader.read(BString::default(), path.clone(), Some(inbox), looked);
    for entry in entries.iter().filter(|entry| may_be_folder(&entry.name)) {
        let named = path.join(&entry.name);
        let (real, place) = match entry.kind {
            Kind::Folder => (named, Some(Place { maildir: open, folder: &entry.name })),
            Kind::Link => match followed(root, path, &named, reader.findings) {
                Some(real) => (real, None),
                None => continue,
            },
            Kind::File | Kind::Special => continue,
        };
        reader.read(entry.name.clone(), real, place, None);
    }
    if !by_names {
        let folders = reader.folders(&entries);
        reader.note(|inbox| (inbox.folders, inbox.home) = (folders, home));
    }
    aside::in_maildir(root, open, &entries, findings);
    Some(store)
}

/// Whether a name in a Maildir is one of its folders, if it is a folder.
pub(super) fn may_be_folder(name: &[u8]) -> bool {
    name.starts_with(b".") && !NO_FOLDERS.contains(&name)
}

/// The first line of `maildirsize` (`read_quota_from_maildir` in `vdelivermail.c`).
fn limits(root: &Root, maildir: &Open) -> Quota {
    let bytes = root.read_within(maildir, SIZES, LARGEST_SIZES).ok().flatten();
    bytes.map_or_else(Quota::default, |bytes| Quota::parse(&lines::first_line(&bytes)))
}

/// Courier follows a link to a folder; so does this, unless it leads to another user's mail or is
/// no folder at all.
fn followed(
    root: &Root,
    store: &RelPath,
    link: &RelPath,
    findings: &mut Findings,
) -> Option<RelPath> {
    let owner = root.stat(store).ok().flatten()?.uid;
    let target = root.stat(link).ok().flatten().filter(|stat| stat.kind == Kind::Folder);
    let real = root.real(link).ok().filter(|real| !store.starts_with(real));
    let follows = target.zip(real).filter(|(stat, _)| stat.uid == owner);
    let (disposition, effect) = match &follows {
        Some((_, real)) => (
            Disposition::Adapted,
            format!("the messages of {real} are copied; afterwards the two are separate folders"),
        ),
        None => (Disposition::Dropped, "nothing is read through it".to_owned()),
    };
    let message = if follows.is_some() {
        "a mail folder is a link to another folder of the same owner"
    } else {
        "a mail folder is a link to nothing, to no folder, or to another owner's folder"
    };
    let origin = Origin::file(link);
    findings.push(Finding::new(
        &code::FOLDER_LINK,
        disposition,
        origin,
        link.as_bstr(),
        message,
        effect,
    ));
    follows.map(|(_, real)| real)
}

/// Courier would have read there with the rights of the mailbox's owner only.
fn strangers_part(part: &RelPath) -> Finding {
    Finding::new(
        &code::FOLDER_LINK,
        Disposition::Dropped,
        Origin::file(part),
        part.as_bstr(),
        "the messages of a folder are a link to another owner's folder",
        "nothing is read through it",
    )
}

/// What the folders of a Maildir are read with.
pub(super) struct Reader<'a> {
    root: &'a Root,
    /// Stamps are not to be trusted.
    by_names: bool,
    pub(super) near: Near<'a>,
    pub(super) store: &'a mut Store,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    /// Reads one folder, unless it is as an earlier pass saw it; it may have been looked at already.
    pub(super) fn read(
        &mut self,
        name: BString,
        path: RelPath,
        place: Option<Place<'_>>,
        looked: Option<Looked<'_>>,
    ) {
        // Both have one path in memory then.
        let (path, known) = match self.near.get(&path) {
            Some((path, known)) => (path.clone(), Some(known)),
            None => (path, None),
        };
        if self.by_names
            && let Some(known) = known.filter(|known| self.has_names(place, known))
        {
            return self.add_known(name, path, known, known.source);
        }
        let is_same = |prints: &Prints| known.is_some_and(|known| prints.is(&known.source));
        let mut looked = looked.unwrap_or_else(|| Looked::new(place));
        if !self.by_names
            && let Some(known) = known.filter(|_| is_same(&looked.prints()))
        {
            return self.add_known(name, path, known, looked.prints());
        }
        let Self { root, store, findings, .. } = self;
        looked.begin_names();
        let parts = PARTS.map(|name| {
            let opened = match place {
                Some(place) => {
                    Messages::open_in(root, &store.path, place.maildir, &place.within(name))
                }
                None => Messages::open(root, &store.path, &path.join(name)),
            };
            (opened, path.join(name))
        });
        let parts = parts.map(|(opened, part)| {
            let listed = opened.and_then(|open| {
                open.map(|open| Ok((looked.list(open.folder())?, open))).transpose()
            });
            looked.end_part();
            (part, listed)
        });
        let source = looked.all_prints();
        let by_names = Prints { stamps: None, ..source };
        if let Some(known) = known.filter(|_| is_same(&by_names)) {
            return self.add_known(name, path, known, source);
        }
        let told = findings.len();
        findings.extend(name_twice(&parts));
        let mut counts = Counts::default();
        let mut wrong_size = None;
        let mut is_folder = name.is_empty();
        let mut has_cur = is_folder;
        let mut odd_names = (0, None);
        let mut common = Common::Unknown;
        let mut touched = Touched::since(known.and_then(|known| known.latest));
        let in_trash = name == ".Trash" || name.starts_with(b".Trash.");
        for (part, opened) in parts {
            let is_cur = part.file_name() == "cur";
            let (entries, messages) = match opened {
                Ok(Some(opened)) => opened,
                Ok(None) => {
                    findings.push(strangers_part(&part));
                    continue;
                }
                Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    is_folder = true;
                    has_cur |= is_cur;
                    findings.push(unlistable(&part, &error));
                    continue;
                }
            };
            is_folder = true;
            has_cur |= is_cur;
            for entry in entries.iter().filter(|entry| !entry.name.starts_with(b".")) {
                match examine(&messages, entry, &mut common, findings) {
                    Ok(Some((bytes, ctime))) => {
                        touched.note(&entry.name, ctime);
                        if !is_plain(&entry.name) {
                            odd_names.0 += 1;
                            odd_names.1.get_or_insert_with(|| part.join(&entry.name));
                        }
                        if states_wrong_size(&entry.name, bytes) {
                            wrong_size.get_or_insert_with(|| part.join(&entry.name));
                        }
                        counts.all.add(bytes);
                        if !in_trash {
                            let is_deleted = is_marked_deleted(&entry.name);
                            let usage =
                                if is_deleted { &mut counts.deleted } else { &mut counts.counted };
                            usage.add(bytes);
                        }
                    }
                    Ok(None) => {}
                    Err(error) => {
                        findings.push(crate::source::unreadable(&part.join(&entry.name), &error));
                    }
                }
            }
        }
        if let (count, Some(first)) = &odd_names {
            findings.push(odd_name(first, *count));
        }
        if !is_folder {
            return;
        }
        let seen = Seen { source, counts, latest: looked.latest(), ..Seen::default() };
        let touched = touched.names.map(Box::new);
        let folder = Folder::seen(name, path, Arc::new(seen));
        let mut folder = Folder { is_seen: false, common, touched, ..folder };
        if !has_cur && folder.messages > 0 {
            findings.push(unseen(&folder));
        }
        if !folder.name.is_empty() {
            aside::in_folder(root, &folder.path, looked.links, findings);
        }
        if findings.len() > told || wrong_size.is_some() {
            folder.seen = None;
        }
        store.wrong_size = store.wrong_size.take().or(wrong_size);
        store.add(folder, &counts);
    }

    /// Whether a folder has the names that an earlier pass saw, which need neither memory nor order to
    /// tell. What cannot be looked at is told when it is read.
    fn has_names(&self, place: Option<Place<'_>>, known: &Seen) -> bool {
        let has = |place: Place<'_>| -> Option<bool> {
            // Noted, so that what Courier puts into them meanwhile is seen; INBOX is noted already, and
            // so is a folder of keywords that comes.
            if !place.folder.is_empty() {
                self.root.stat_in(place.maildir, place.folder).ok()?;
            }
            let keywords = place.within(KEYWORDS);
            if place.maildir.stat(&keywords).ok()?.is_some() {
                self.root.stat_in(place.maildir, &keywords).ok()?;
            }
            let mut look = place.kept()?;
            for part in PARTS {
                let name = place.within(part);
                let part = Messages::open_in(self.root, &self.store.path, place.maildir, &name);
                look.names(part.ok()?.as_ref().map(Messages::folder)).ok()?;
            }
            let names = look.settled();
            Some(Prints { stamps: None, names }.is(&known.source))
        };
        place.and_then(has).unwrap_or(false)
    }
}

/// Whether a name states another size than the message has: `,S=BYTES` before the flags
/// (`maildirquota.html`).
fn states_wrong_size(name: &[u8], bytes: u64) -> bool {
    let unique = name.split(|byte| *byte == b':').next().unwrap_or_default();
    let stated = unique.split(|byte| *byte == b',').find_map(|field| field.strip_prefix(b"S="));
    let number = stated.map(|stated| stated.to_str().ok().and_then(|text| text.parse().ok()));
    number.is_some_and(|number| number != Some(bytes))
}

/// The names of the messages that have changed since an earlier pass.
struct Touched {
    /// See [`Seen::latest`].
    since: i64,
    /// `None` once there are too many of them: then any may have.
    names: Option<BTreeSet<BString>>,
}

impl Touched {
    /// More than these are not kept.
    const MOST: usize = 1000;

    fn since(latest: Option<i64>) -> Self {
        Self { since: latest.unwrap_or_default(), names: latest.map(|_| BTreeSet::new()) }
    }

    fn note(&mut self, name: &BString, ctime: i64) {
        if ctime >= self.since
            && let Some(mut names) = self.names.take().filter(|names| names.len() < Self::MOST)
        {
            names.insert(name.clone());
            self.names = Some(names);
        }
    }
}

/// The size in bytes and the ctime of a message; `None` for what is none, which is told.
fn examine(
    messages: &Messages<'_>,
    entry: &Entry,
    common: &mut Common,
    findings: &mut Findings,
) -> Result<Option<(u64, i64)>, Error> {
    let path = || messages.folder().path.join(&entry.name);
    let mut hold = |stat: &Stat| {
        let (ids, device) = ((stat.uid, stat.gid), stat.inode.0);
        common.add(Held { ids, mode: stat.mode, device });
    };
    match entry.kind {
        Kind::File => {
            // It may have been moved since the listing; the copy looks again.
            let Some(stat) = messages.stat(&entry.name)? else { return Ok(Some((0, i64::MAX))) };
            if !messages.is_strangers(&stat) {
                hold(&stat);
                return Ok(Some((stat.size, stat.ctime)));
            }
            findings.push(no_message(&path(), "second name of somebody else's file"));
        }
        Kind::Link => {
            if let Some(linked) = messages.linked(&entry.name) {
                hold(&linked.stat);
                findings.push(link_message(&path(), &linked.inside));
                // What it leads to may lie anywhere in the store.
                return Ok(Some((linked.stat.size, i64::MAX)));
            }
            findings.push(no_message(&path(), entry.kind.name()));
        }
        Kind::Folder | Kind::Special => findings.push(no_message(&path(), entry.kind.name())),
    }
    Ok(None)
}

fn is_marked_deleted(name: &[u8]) -> bool {
    name.rsplit_once_str(":2,").is_some_and(|(_, flags)| flags.contains(&b'T'))
}

/// Courier lists a folder only if it has a `cur` (`maildir_list` in `maildirlist.C`).
fn unseen(folder: &Folder) -> Finding {
    Finding::new(
        &code::FOLDER_UNSEEN,
        Disposition::Migrated,
        Origin::file(&folder.path),
        folder.path.as_bstr(),
        format!("Courier did not show this folder; messages in it: {}", folder.messages),
        "the new server shows it",
    )
}

/// A part of a folder with what was found in it, if it could be listed.
type Part<'r> = (RelPath, Result<Option<(Vec<Entry>, Messages<'r>)>, Error>);

/// Looks for messages of one name, whatever their flags and wherever in the folder they lie.
fn name_twice(parts: &[Part<'_>]) -> Option<Finding> {
    let listed = parts.iter().filter_map(|(part, listed)| Some((part, listed.as_ref().ok()?)));
    let entries = listed.flat_map(|(part, listed)| {
        let entries = listed.iter().flat_map(|(entries, _)| entries);
        let messages = entries.filter(|it| it.kind == Kind::File && !it.name.starts_with(b"."));
        messages.map(move |entry| (unique(&entry.name), part, entry))
    });
    let mut names: Vec<_> = entries.collect();
    names.sort_by_key(|(unique, ..)| *unique);
    let mut twice = names.array_windows().filter(|[(a, ..), (b, ..)]| a == b).peekable();
    let [_, (_, part, entry)] = *twice.peek()?;
    let path = part.join(&entry.name);
    Some(Finding::new(
        &code::MESSAGE_NAME_TWICE,
        Disposition::Migrated,
        Origin::file(&path),
        part.parent().as_bstr(),
        format!(
            "messages in this folder with the name of another one: {}, this one first",
            twice.count()
        ),
        "they are copied; Dovecot gives such a message another name, and clients take it for a new one",
    ))
}

fn odd_name(path: &RelPath, count: u64) -> Finding {
    Finding::new(
        &code::MESSAGE_NAME_ODD,
        Disposition::Adapted,
        Origin::file(path),
        path.parent().parent().as_bstr(),
        format!(
            "Dovecot would misread the names of {count} messages in this folder, this one first"
        ),
        "the copies have other names, with the same flags, dates and numbers",
    )
}

fn link_message(path: &RelPath, to: &RelPath) -> Finding {
    Finding::new(
        &code::MESSAGE_NOT_A_FILE,
        Disposition::Adapted,
        Origin::file(path),
        path.as_bstr(),
        format!("a message is a link to {to} of the same mailbox"),
        "the file is copied as a message of its own, with the date that it has",
    )
}

fn no_message(path: &RelPath, what: &str) -> Finding {
    Finding::new(
        &code::MESSAGE_NOT_A_FILE,
        Disposition::Dropped,
        Origin::file(path),
        path.as_bstr(),
        format!("a {what} lies where messages are: {}", shown(path.file_name())),
        "it is not opened and not carried over",
    )
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_and_odd_things_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("m").join(name);
        for name in ["new", "cur", "tmp", ".Trash/cur", ".Sent/cur", ".not-a-folder", "cur/folder"]
        {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        for (name, text) in [
            ("new/1", "12345"),
            ("cur/2:2,S", "123"),
            ("cur/3:2,T", "1"),
            ("cur/.hidden", "x"),
            (".Trash/cur/4:2,", "12"),
            (".Sent/cur/5:2,S", "1234567"),
            ("../elsewhere", "secret"),
        ] {
            std::fs::write(at(name), text).unwrap();
        }
        for (to, link) in [
            ("/etc/passwd", "cur/link"),
            ("../.Sent/cur/5:2,S", "cur/6:2,"),
            ("/m/cur/3:2,T", "cur/7:2,"),
            ("../../elsewhere", "cur/8:2,"),
            ("9:2,", "cur/9:2,"),
        ] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        std::os::unix::fs::symlink(".Sent", at(".Shared")).unwrap();
        std::os::unix::fs::symlink("/nowhere", at(".Gone")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut findings = Findings::default();
        let memory = Memory::default();
        let open = root.folder(&RelPath::new("m")).unwrap();
        let store = read(&root, &memory, (&open, None), true, &mut findings).unwrap();
        let folders: Vec<_> =
            store.folders.iter().map(|f| (f.name.to_string(), f.messages, f.bytes)).collect();
        assert_eq!(
            folders,
            [
                (String::new(), 5, 17),
                (".Sent".into(), 1, 7),
                (".Shared".into(), 1, 7),
                (".Trash".into(), 1, 2)
            ]
        );
        assert_eq!(store.counted, Usage { bytes: 30, messages: 6 });
        let told = |f: &Finding| (f.code.id, f.subject.to_string(), f.disposition.name());
        let mut codes: Vec<_> = findings.iter().map(told).collect();
        codes.sort_unstable();
        assert_eq!(
            codes,
            [
                ("folder-link", "m/.Gone".to_owned(), "dropped"),
                ("folder-link", "m/.Shared".to_owned(), "adapted"),
                ("message-not-a-file", "m/cur/6:2,".to_owned(), "adapted"),
                ("message-not-a-file", "m/cur/7:2,".to_owned(), "adapted"),
                ("message-not-a-file", "m/cur/8:2,".to_owned(), "dropped"),
                ("message-not-a-file", "m/cur/9:2,".to_owned(), "dropped"),
                ("message-not-a-file", "m/cur/folder".to_owned(), "dropped"),
                ("message-not-a-file", "m/cur/link".to_owned(), "dropped"),
            ]
        );
    }

    #[test]
    fn a_maildir_that_looks_as_before_has_its_folders_from_memory_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["m/new", "m/cur", "m/.Sent/cur", "m.old/cur", "m.old/.a/cur", "m.old/.later"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        // Younger ones are not known again.
        std::thread::sleep(std::time::Duration::from_secs(3));
        let root = Root::open(dir.path()).unwrap();
        let read = |maildir: &str, memory: &Memory| {
            let open = root.folder(&RelPath::new(maildir)).unwrap();
            read(&root, memory, (&open, None), false, &mut Findings::default()).unwrap().folders
        };
        let names = |folders: &[Folder]| {
            folders.iter().map(|folder| folder.name.to_string()).collect::<Vec<_>>()
        };
        let none = Memory::default();
        let first = [read("m", &none), read("m.old", &none)];
        let counted = first.each_ref().map(|folders| folders[0].seen.as_ref().unwrap().folders);
        // What is no folder yet may become one, and the Maildir looks the same.
        assert_eq!(counted, [Some(2), None]);
        let seen = first.iter().flatten().map(|f| (f.path.clone(), f.seen.clone().unwrap()));
        let memory = Memory::from(seen.clone().collect::<Vec<_>>());
        for (maildir, first) in ["m", "m.old"].iter().zip(&first) {
            let again = read(maildir, &memory);
            assert!(again.iter().all(|folder| folder.is_seen));
            assert_eq!(names(&again), names(first));
        }
        std::fs::create_dir(dir.path().join("m.old/.later/cur")).unwrap();
        assert_eq!(names(&read("m.old", &memory)), ["", ".a", ".later"]);
        let partly =
            Memory::from(seen.filter(|(path, _)| path.file_name() != ".Sent").collect::<Vec<_>>());
        assert_eq!(names(&read("m", &partly)), ["", ".Sent"]);
        std::fs::create_dir_all(dir.path().join("m/.New/cur")).unwrap();
        assert_eq!(names(&read("m", &memory)), ["", ".New", ".Sent"]);
    }

    #[test]
    fn what_courier_puts_into_a_folder_that_the_last_pass_knows_is_seen_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["new", "cur", ".Sent/new", ".Sent/cur", ".Sent/courierimapkeywords"] {
            std::fs::create_dir_all(dir.path().join("m").join(name)).unwrap();
        }
        std::fs::write(dir.path().join("m/.Sent/cur/1:2,S"), "12").unwrap();
        // Younger ones are not known again.
        std::thread::sleep(std::time::Duration::from_secs(3));
        let mut root = Root::open(dir.path()).unwrap();
        let read = |root: &Root, memory: &Memory| {
            let open = root.folder(&RelPath::new("m")).unwrap();
            read(root, memory, (&open, None), false, &mut Findings::default()).unwrap().folders
        };
        let folders = read(&root, &Memory::default()).into_iter();
        let seen = folders.map(|folder| (folder.path, folder.seen.unwrap()));
        let mut memory = Memory::from(seen.collect::<Vec<_>>());
        memory.by_names = true;
        for _ in 0..2 {
            assert!(root.changed().is_empty());
            root.watch();
            assert!(read(&root, &memory).iter().all(|folder| folder.is_seen));
        }
        std::fs::write(dir.path().join("m/.Sent/courierimapuiddb"), "1 1 1\n").unwrap();
        std::fs::write(dir.path().join("m/.Sent/courierimapkeywords/.1.a"), "").unwrap();
        let changed = root.changed();
        assert_eq!(changed, ["m/.Sent", "m/.Sent/courierimapkeywords"].map(RelPath::new));
        std::fs::write(dir.path().join("m/.Sent/cur/2:2,S"), "12").unwrap();
        let folders = read(&root, &memory);
        assert_eq!(folders.iter().map(|folder| folder.is_seen).collect::<Vec<_>>(), [true, false]);
    }
}
