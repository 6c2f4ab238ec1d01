//! Maildirs and their Maildir++ folders (maildir(5), Courier's README).

use super::aside;
use super::folder::Reader;
use super::look::{Looked, Place};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::Kind;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::model::quota::{Quota, Usage};
use crate::model::seen::{Memory, Print};
use crate::model::store::{Store, StoreKind};
use crate::model::{Origin, RelPath};
use crate::source::{lines, unlistable};
use bstr::BString;

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
    let (disposition, effect) = if let Some((_, real)) = &follows {
        let effect = "are copied; afterwards the two are separate folders";
        (Disposition::Adapted, format!("the messages of {real} {effect}"))
    } else {
        let effect = "nothing is read through it; what an earlier pass brought stays";
        (Disposition::Dropped, effect.to_owned())
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;
    use crate::model::store::Folder;

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
