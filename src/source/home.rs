//! Folders with `.qmail` files.

use super::access::guard;
use super::{read_file, unlistable, unreadable};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::folder::{Entry, Folder};
use crate::fsys::print::Look;
use crate::fsys::root::Root;
use crate::fsys::{Kind, Stat};
use crate::model::access::Guard;
use crate::model::dot_qmail::{DotFiles, DotQmail};
use crate::model::seen::Print;
use crate::model::site::{Home, Inside};
use crate::model::{Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Reads all `.qmail` files of a folder (dot-qmail(5)).
///
/// What is no regular file once links are followed is left out, as `qmail-local` leaves it out; a
/// folder `.qmail-x` may hold the files of addresses with a `/` in them. While the folder looks as it is
/// known to, nothing but a Maildir is in it, and it is not listed.
pub(super) fn read_home(
    root: &Root,
    known: Option<Print>,
    path: &RelPath,
    findings: &mut Findings,
) -> Home {
    let (files, inside) = (DotFiles::default(), Inside::UNKNOWN);
    let missing = Home { mode: None, files, inside };
    let mut look = Look::new(b"");
    let opened = root.folder(path).and_then(|open| Ok(look.stat(&open, b".")?.zip(Some(open))));
    let (stat, open) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return missing,
        Err(error) => {
            if !error.is_missing() {
                findings.push(unlistable(path, &error));
            }
            return missing;
        }
    };
    let look = look.settled().filter(|_| open.is_real);
    if look.is_some() && look == known {
        let maildir = parts(root, &open, &stat);
        let inside = Inside {
            is_real: true,
            has_maildir: true,
            has_others: false,
            has_spam_settings: false,
            maildir,
            look,
        };
        return Home { mode: Some(stat.mode), files: DotFiles::default(), inside };
    }
    let mut files = BTreeMap::new();
    let mut inside = Inside::UNKNOWN;
    match root.list_open(&open) {
        Ok(entries) => {
            let look = look.filter(|_| entries.iter().all(is_usual));
            inside = Inside { look, ..looked(root, &open, &stat, &entries) };
            let (start, key) = (BStr::new(".qmail"), BStr::new(""));
            read_files(root, &open, entries, start, key, &mut files, findings);
        }
        Err(error) => findings.push(unlistable(path, &error)),
    }
    Home { mode: Some(stat.mode), files: files.into(), inside }
}

/// Where vpopmail keeps when an account had its last login.
const LAST_LOGIN: &str = "lastauth";

fn is_maildir(entry: &Entry) -> bool {
    entry.name == "Maildir" && entry.kind == Kind::Folder
}

/// Whether every home may hold it, and nobody asks for more of it than that it is there; vpopmail
/// writes into `lastauth` as it is (`vset_lastauth` in `vcdb.c`).
fn is_usual(entry: &Entry) -> bool {
    is_maildir(entry) || (entry.name == LAST_LOGIN && entry.kind == Kind::File)
}

/// The permissions of a home and of `tmp` and `new` in its Maildir, if that is one.
fn parts(root: &Root, folder: &Folder, home: &Stat) -> Option<[Guard; 3]> {
    let part = |path: &str| {
        let stat = root.stat_in(folder, path).ok().flatten();
        stat.filter(|stat| stat.kind == Kind::Folder).map(|stat| guard(&stat))
    };
    Some([guard(home), part("Maildir/tmp")?, part("Maildir/new")?])
}

/// Folders of `SpamAssassin` and Razor.
const SPAM_SETTINGS: &[&str] = &[".spamassassin", ".razor"];

fn looked(root: &Root, folder: &Folder, home: &Stat, entries: &[Entry]) -> Inside {
    let is_plain = folder.is_real && entries.iter().any(is_maildir);
    Inside {
        is_real: folder.is_real,
        has_maildir: entries.iter().any(|entry| entry.name == "Maildir"),
        has_spam_settings: entries.iter().any(|e| SPAM_SETTINGS.iter().any(|name| e.name == *name)),
        has_others: entries.iter().any(|e| match e.kind {
            Kind::Folder => !is_maildir(e),
            Kind::File => !e.name.starts_with(b".") && e.name != LAST_LOGIN,
            Kind::Link | Kind::Special => false,
        }),
        maildir: is_plain.then(|| parts(root, folder, home)).flatten(),
        look: None,
    }
}

/// Reads the files of `folder` whose names begin with `start`, under keys that begin with `key`.
fn read_files(
    root: &Root,
    folder: &Folder,
    entries: Vec<Entry>,
    start: &BStr,
    key: &BStr,
    files: &mut BTreeMap<BString, DotQmail>,
    findings: &mut Findings,
) {
    for entry in entries {
        let Some(rest) = entry.name.strip_prefix(start.as_bytes()) else {
            continue;
        };
        let key: BString = [key.as_bytes(), rest].concat().into();
        let path = folder.path.join(&entry.name);
        match root.stat(&path) {
            Ok(Some(stat)) if stat.kind == Kind::File => {
                let Some(bytes) = read_file(root, &path, findings) else { continue };
                let lines = super::lines::numbered(&bytes).map(|(_, line)| line.into());
                let mut lines: Vec<BString> = lines.collect();
                // Most files have one line, and a vector room for four.
                lines.shrink_to_fit();
                let origin = Origin::file(&path);
                warn_if_unreachable(key.as_bstr(), &origin, findings);
                let is_link = entry.kind == Kind::Link;
                let links_to = is_link.then(|| root.real(&path).ok()).flatten();
                files.insert(key, DotQmail { origin, links_to, mode: stat.mode, is_row: false, lines });
            }
            Ok(Some(stat)) if stat.kind == Kind::Folder && start == ".qmail" => {
                let below: BString = [key.as_bytes(), b"/"].concat().into();
                let opened = root.folder(&path);
                match opened.and_then(|open| Ok((root.list_open(&open)?, open))) {
                    Ok((entries, open)) => {
                        let (start, key) = (BStr::new(""), below.as_bstr());
                        read_files(root, &open, entries, start, key, files, findings);
                    }
                    Err(error) => findings.push(unlistable(&path, &error)),
                }
            }
            Ok(None) if entry.kind == Kind::Link => findings.push(Finding::new(
                &code::ALIAS_LINK_DANGLING,
                Disposition::Dropped,
                Origin::file(&path),
                path.as_bstr(),
                "a .qmail link leads to nothing",
                "the old server treats the address as if the link were not there, and so does the new one",
            )),
            Ok(_) => {}
            Err(error) => findings.push(unreadable(&path, &error)),
        }
    }
}

/// `qmail-local` looks names up in lower case and with `:` for `.`, so other names are never found.
fn warn_if_unreachable(key: &BStr, origin: &Origin, findings: &mut Findings) {
    let odd = key.iter().find(|byte| byte.is_ascii_uppercase() || **byte == b'.');
    if let Some(odd) = odd {
        findings.push(Finding::new(
            &code::ALIAS_UNREACHABLE,
            Disposition::Dropped,
            origin.clone(),
            origin.file.as_bstr(),
            format!("a .qmail name with {:?} in it is never looked up", shown(&[*odd]).to_string()),
            "no mail reaches it on the old server, and none will on the new one",
        ));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_looks_as_before_is_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["joe/Maildir/tmp", "joe/Maildir/new", "ann/Maildir", "eve/.Mail"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("joe/lastauth"), "").unwrap();
        std::fs::write(dir.path().join("ann/.qmail"), "&joe\n").unwrap();
        // Younger ones are not known again.
        std::thread::sleep(std::time::Duration::from_secs(3));
        let root = Root::open(dir.path()).unwrap();
        let read = |known: Option<Print>, name: &str| {
            read_home(&root, known, &RelPath::new(name), &mut Findings::default())
        };
        let first = ["joe", "ann", "eve"].map(|name| read(None, name));
        let looks = first.each_ref().map(|home| home.inside.look);
        assert!(looks[0].is_some() && looks[1..] == [None, None]);

        assert_eq!(read(looks[0], "joe").inside, first[0].inside);

        // To be wrong about a home with instructions shows that they are not looked for.
        let ann = root.folder(&RelPath::new("ann")).unwrap();
        let mut look = Look::new(b"");
        look.stat(&ann, b".").unwrap();
        assert!(!first[1].files.is_empty() && !read(looks[0], "ann").files.is_empty());
        assert!(read(look.settled(), "ann").files.is_empty());
    }
}
