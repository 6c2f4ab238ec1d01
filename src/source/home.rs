//! Folders with `.qmail` files.

use super::{read_file, unlistable, unreadable};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::Kind;
use crate::fsys::root::{Folder, Root};
use crate::model::dot_qmail::{DotFiles, DotQmail};
use crate::model::site::Home;
use crate::model::{Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Reads all `.qmail` files of a folder (dot-qmail(5)).
///
/// What is no regular file once links are followed is left out, as `qmail-local` leaves it out; a
/// folder `.qmail-x` may hold the files of addresses with a `/` in them.
pub(super) fn read_home(root: &Root, path: &RelPath, findings: &mut Findings) -> Home {
    let missing = Home { mode: None, files: DotFiles::default() };
    let opened = root.folder(path).and_then(|open| Ok((open.itself()?, open)));
    let (stat, open) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            if !error.is_missing() {
                findings.push(unlistable(path, &error));
            }
            return missing;
        }
    };
    let mut files = BTreeMap::new();
    read_files(root, &open, BStr::new(".qmail"), BStr::new(""), &mut files, findings);
    Home { mode: Some(stat.mode), files: files.into() }
}

/// Reads the names in `folder` that begin with `start`, under keys that begin with `key`.
fn read_files(
    root: &Root,
    folder: &Folder,
    start: &BStr,
    key: &BStr,
    files: &mut BTreeMap<BString, DotQmail>,
    findings: &mut Findings,
) {
    let entries = match root.list_open(folder) {
        Ok(entries) => entries,
        Err(error) => return findings.push(unlistable(&folder.path, &error)),
    };
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
                files.insert(key, DotQmail { origin, links_to, mode: stat.mode, lines });
            }
            Ok(Some(stat)) if stat.kind == Kind::Folder && start == ".qmail" => {
                let below: BString = [key.as_bytes(), b"/"].concat().into();
                match root.folder(&path) {
                    Ok(open) => {
                        read_files(root, &open, BStr::new(""), below.as_bstr(), files, findings);
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
