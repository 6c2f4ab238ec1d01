//! What is written for the bundled site, as plain files under `fixtures/sites/larch/expect`.
//!
//! `UNQMAIL_BLESS=1 cargo test` writes them anew; the difference is then for the reviewer.

use crate::support::{Laid, files_under, is_message, project, snapshot};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn expect() -> PathBuf {
    project().join("fixtures/sites/larch/expect")
}

/// Compares bytes with a kept file, or keeps them.
pub fn same_as(path: &Path, bytes: &[u8]) {
    if std::env::var_os("UNQMAIL_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(path, bytes).unwrap();
    }
    let kept = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if kept != bytes {
        let (kept, new) = (String::from_utf8_lossy(&kept), String::from_utf8_lossy(bytes));
        let line = kept.lines().zip(new.lines()).take_while(|(a, b)| a == b).count();
        panic!(
            "{}:{} was\n  {}\nand is\n  {}",
            path.display(),
            line + 1,
            kept.lines().nth(line).unwrap_or("(the end)"),
            new.lines().nth(line).unwrap_or("(the end)"),
        );
    }
}

fn with_dovecot(version: &str) -> Laid {
    let laid = Laid::larch();
    let settings =
        format!("[new]\ndovecot = \"{version}\"\n{}", fs::read_to_string(&laid.config).unwrap());
    fs::write(&laid.config, settings).unwrap();
    laid
}

#[test]
fn the_plan_reads_as_kept() {
    let laid = with_dovecot("2.3");
    same_as(&expect().join("plan.txt"), laid.plan(&["--all"]).stdout.as_bytes());
    same_as(&expect().join("addresses.csv"), laid.plan(&["--format", "csv"]).stdout.as_bytes());
}

#[test]
fn every_file_is_written_as_kept() {
    let laid = with_dovecot("2.3").migrated();
    let kept = expect().join("new-server");
    let mut written = BTreeSet::new();
    for tree in ["etc", "var/lib/unqmail/lists", "var/spool"] {
        for path in files_under(&laid.target.join(tree)) {
            let below = path.strip_prefix(&laid.target).unwrap().to_owned();
            if path.is_symlink() {
                let target = format!("link to {}\n", fs::read_link(&path).unwrap().display());
                same_as(&kept.join(&below), target.as_bytes());
            } else {
                same_as(&kept.join(&below), &fs::read(&path).unwrap());
            }
            written.insert(below);
        }
    }
    for path in files_under(&kept) {
        let below = path.strip_prefix(&kept).unwrap();
        assert!(written.contains(below), "{} is no longer written", below.display());
    }
}

#[test]
fn dovecot_2_4_is_written_as_kept() {
    let laid = with_dovecot("2.4").migrated();
    for name in ["dovecot.conf", "unqmail/users"] {
        let bytes = fs::read(laid.target.join("etc/dovecot").join(name)).unwrap();
        same_as(&expect().join("dovecot-2.4").join(name), &bytes);
    }
}

#[test]
fn the_mail_lies_as_kept() {
    let laid = with_dovecot("2.3").migrated();
    let is_root = unqmail::fsys::tree::Tree::open(&laid.target).unwrap().may_chown();
    let mut text = String::new();
    for (path, item) in snapshot(&laid.target.join("var/vmail")) {
        let is_dated = item.kind == 'f' && is_message(&path);
        let date = if is_dated { item.mtime.0.to_string() } else { "-".to_owned() };
        let short: String = item.content.chars().take(16).collect();
        let path = format!("{:?}", path.display().to_string());
        writeln!(
            text,
            "{} {:04o} {:>6} {date:>10} {short:16} {path}",
            item.kind, item.mode, item.bytes
        )
        .unwrap();
        if is_root {
            let own = if path == "\"\"" { (0, 0) } else { (5000, 5000) };
            assert!(item.owner == own || path == "\"\"", "{path} belongs to {:?}", item.owner);
        }
    }
    same_as(&expect().join("mail.txt"), text.as_bytes());
}

#[test]
fn two_migrations_are_the_same_to_the_byte() {
    let (a, b) = (Laid::larch().migrated(), Laid::larch().migrated());
    for tree in ["etc", "var/spool", "var/vmail"] {
        let strip = |laid: &Laid| {
            let items = snapshot(&laid.target.join(tree)).into_iter();
            let items =
                items.map(|(path, item)| (path, item.kind, item.mode, item.owner, item.content));
            items.collect::<Vec<_>>()
        };
        assert_eq!(strip(&a), strip(&b), "{tree}");
    }
}
