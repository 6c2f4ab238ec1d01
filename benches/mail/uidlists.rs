//! Lists of numbers from Courier's files on one thread: the files are read, the messages listed, and
//! the lists written.

use crate::Failure;
use bstr::BString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use unqmail::mail::numbers::{Former, list};
use unqmail::model::memory::{Pop3, unique};

/// Writes the lists of all folders of the store; tells messages and seconds.
pub(crate) fn write(domains: &Path, to: &Path) -> Result<(usize, f64), Failure> {
    std::fs::create_dir_all(to)?;
    let mut folders = Vec::new();
    for domain in entries(domains)? {
        for account in entries(&domain)? {
            let maildir = account.join("Maildir");
            if maildir.is_dir() {
                folders.extend(entries(&maildir)?.into_iter().filter(|path| is_folder(path)));
                folders.push(maildir);
            }
        }
    }
    let begun = Instant::now();
    let mut messages = 0;
    for (number, folder) in folders.iter().enumerate() {
        let is_inbox = folder.ends_with("Maildir");
        let mut names: Vec<BString> = Vec::new();
        for part in ["new", "cur"] {
            for entry in std::fs::read_dir(folder.join(part))? {
                names.push(unique(&entry?.file_name().into_vec()).to_owned());
            }
        }
        names.sort_unstable();
        let file = |name: &str| std::fs::read(folder.join(name)).ok();
        let pop3 = is_inbox.then_some(Pop3::Courier);
        let list = list(&names, file, &Former::new(), pop3, |_| Ok(Vec::new()))?;
        std::fs::write(to.join(number.to_string()), list.render())?;
        messages += names.len();
    }
    Ok((messages, begun.elapsed().as_secs_f64()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut entries = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            entries.push(entry?.path());
        }
    }
    Ok(entries)
}

fn is_folder(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
