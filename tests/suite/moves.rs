//! Folders and accounts that change places on the old server between two passes: their mail follows,
//! with its numbers, and none is copied.

use crate::support::{Laid, Ran, SMALL, read};
use std::fs;
use std::path::PathBuf;

const D: &str = "home/vpopmail/domains/a.example";

fn site() -> Laid {
    let manifest = format!(
        "{SMALL}message {D}/joe/Maildir/cur/1.a:2,S One
message {D}/joe/Maildir/.A/cur/3.c:2,S Three
message {D}/joe/Maildir/.B/cur/4.d:2,S Four
file {D}/joe/Maildir/courierimapuiddb
| 1 700000000 9
| 2 1.a
file {D}/joe/Maildir/.A/courierimapuiddb
| 1 700000001 8
| 5 3.c
file {D}/joe/Maildir/.B/courierimapuiddb
| 1 700000002 7
| 6 4.d
"
    );
    Laid::new(&manifest, "[old]\nquiet_seconds = 0\n")
}

fn old(laid: &Laid) -> PathBuf {
    laid.site.join(D).join("joe/Maildir")
}

fn new(laid: &Laid) -> PathBuf {
    laid.target.join("var/vmail/a.example/joe/Maildir")
}

fn pass(laid: &Laid, more: &[&str]) -> Ran {
    let ran = laid.migrate(more);
    assert_eq!(ran.code, 0, "{}", ran.all());
    ran
}

fn is_followed(laid: &Laid, folders: &[(&str, &str, &str)]) {
    for (folder, message, list) in folders {
        assert!(new(laid).join(folder).join("cur").join(message).is_file(), "{folder}");
        assert_eq!(read(&new(laid).join(folder).join("dovecot-uidlist")), *list, "{folder}");
    }
    assert_eq!(laid.verify(&[]).code, 0);
}

#[test]
fn two_folders_that_swap_their_names_keep_their_numbers() {
    let laid = site();
    pass(&laid, &[]);
    for (from, to) in [(".A", ".T"), (".B", ".A"), (".T", ".B")] {
        fs::rename(old(&laid).join(from), old(&laid).join(to)).unwrap();
    }
    let ran = pass(&laid, &["--final"]);
    assert!(ran.stdout.contains("Moved: 2 messages"), "{}", ran.all());
    assert!(ran.stdout.contains(" 0 messages (0 bytes)"), "{}", ran.all());
    is_followed(
        &laid,
        &[
            (".A", "4.d:2,S", "3 V700000002 N7\n6 :4.d\n"),
            (".B", "3.c:2,S", "3 V700000001 N8\n5 :3.c\n"),
        ],
    );
}

#[test]
fn a_folder_whose_name_changes_in_its_case_only_is_followed() {
    let laid = site();
    pass(&laid, &[]);
    fs::rename(old(&laid).join(".A"), old(&laid).join(".a")).unwrap();
    let ran = pass(&laid, &["--final"]);
    assert!(ran.stdout.contains("Moved: 1 message "), "{}", ran.all());
    is_followed(&laid, &[(".a", "3.c:2,S", "3 V700000001 N8\n5 :3.c\n")]);
    assert!(!new(&laid).join(".A").exists());
}

#[test]
fn an_account_that_is_made_anew_has_its_new_mail_and_numbers_only() {
    let laid = site();
    pass(&laid, &[]);
    fs::remove_dir_all(old(&laid)).unwrap();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(old(&laid).join(part)).unwrap();
    }
    fs::write(old(&laid).join("cur/1.a:2,S"), "another of the same name").unwrap();
    fs::write(old(&laid).join("courierimapuiddb"), "1 700000077 4\n3 1.a\n").unwrap();
    pass(&laid, &["--final", "--thorough"]);
    is_followed(&laid, &[("", "1.a:2,S", "3 V700000077 N4\n3 :1.a\n")]);
    assert_eq!(read(&new(&laid).join("cur/1.a:2,S")), "another of the same name");
    assert!(!new(&laid).join(".A").exists());
}

#[test]
fn an_account_that_moves_to_another_domain_keeps_its_numbers() {
    let laid = site();
    let other = "home/vpopmail/domains/b.example";
    let domain = |name: &str| laid.site.join("home/vpopmail/domains").join(name);
    fs::create_dir_all(domain("b.example")).unwrap();
    fs::copy(
        domain("a.example").join(".qmail-default"),
        domain("b.example").join(".qmail-default"),
    )
    .unwrap();
    fs::write(domain("b.example").join("vpasswd"), "").unwrap();
    let assign = format!(
        "+a.example-:a.example:89:89:/{D}:-::\n+b.example-:b.example:89:89:/{other}:-::\n.\n"
    );
    fs::write(laid.site.join("var/qmail/users/assign"), assign).unwrap();
    fs::remove_file(laid.site.join("var/qmail/users/cdb")).unwrap();
    for (file, more) in [("virtualdomains", "b.example:b.example\n"), ("rcpthosts", "b.example\n")]
    {
        let file = laid.site.join("var/qmail/control").join(file);
        fs::write(&file, read(&file) + more).unwrap();
    }
    let waive = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'a trial'\n";
    fs::write(&laid.config, format!("[old]\nquiet_seconds = 0\n{waive}")).unwrap();
    pass(&laid, &[]);
    let rows = read(&domain("a.example").join("vpasswd"));
    let (joe, others): (Vec<&str>, Vec<&str>) =
        rows.lines().partition(|row| row.starts_with("joe:"));
    fs::write(domain("a.example").join("vpasswd"), others.join("\n") + "\n").unwrap();
    fs::write(domain("b.example").join("vpasswd"), joe[0].replace(D, other) + "\n").unwrap();
    fs::rename(domain("a.example").join("joe"), domain("b.example").join("joe")).unwrap();
    let ran = pass(&laid, &["--final"]);
    assert!(ran.stdout.contains("Moved: 3 messages"), "{}", ran.all());
    assert!(ran.stdout.contains(" 0 messages (0 bytes)"), "{}", ran.all());
    let moved = laid.target.join("var/vmail/b.example/joe/Maildir");
    assert_eq!(read(&moved.join("dovecot-uidlist")), "3 V700000000 N9\n2 :1.a\n");
    assert_eq!(read(&moved.join(".B/dovecot-uidlist")), "3 V700000002 N7\n6 :4.d\n");
    assert!(!laid.target.join("var/vmail/a.example/joe").exists());
}
