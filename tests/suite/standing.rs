//! What stands on the new server and is not unqmail's stays there, and is told.

use crate::support::{Laid, Ran, SMALL, read};
use std::fs;
use std::path::{Path, PathBuf};

const OLD: &str = "home/vpopmail/domains/a.example/joe/Maildir";

/// Joe has two messages, keywords, rights, numbers and subscriptions.
fn site() -> Laid {
    let manifest = format!(
        "{SMALL}message {OLD}/cur/1267809601.a:2,S One
message {OLD}/new/1267809602.b Two
message {OLD}/.Team/cur/1267809603.c:2,S Three
file {OLD}/courierimapsubscribed
| INBOX.Team
file {OLD}/courierimapuiddb
| 1 700000000 9
| 7 1267809601.a
file {OLD}/.Team/courierimapacl
| owner aceilrstwx
| user=eve@a.example lrs
file {OLD}/courierimapkeywords/:list
| Work
|
| 1267809601.a:0
"
    );
    Laid::new(&manifest, "[old]\nquiet_seconds = 0\n")
}

fn maildir(laid: &Laid) -> PathBuf {
    laid.target.join("var/vmail/a.example/joe/Maildir")
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What differs but for owners and modes of what the test itself has put there.
fn differences(laid: &Laid, more: &[&str]) -> Vec<String> {
    let more = [&["--format", "json"], more].concat();
    let json = laid.verify(&more).json();
    let all = json["differences"].as_array().unwrap().iter();
    let own = all.filter(|one| one["kind"] != "owner" && one["kind"] != "mode");
    own.map(ToString::to_string).collect()
}

fn told(ran: &Ran, code: &str) -> bool {
    ran.stdout.contains(&format!("[{code}]"))
}

#[test]
fn a_message_that_has_the_name_of_another_is_not_overwritten() {
    let laid = site();
    let new = maildir(&laid);
    put(&new.join("cur/1267809601.a:2,Sa"), "somebody else's");
    fs::create_dir_all(new.join("new/1267809602.b")).unwrap();
    for pass in [&[][..], &[], &["--final"]] {
        let ran = laid.migrate(pass);
        assert_eq!(ran.code, 1, "{pass:?}: {}", ran.all());
        assert!(told(&ran, "message-in-the-way"), "{pass:?}: {}", ran.all());
        assert!(ran.stdout.contains("joe/Maildir/cur/1267809601.a:2,Sa"), "{}", ran.all());
        assert!(ran.stdout.contains("this first: 2"), "{}", ran.all());
        assert_eq!(read(&new.join("cur/1267809601.a:2,Sa")), "somebody else's");
        assert!(new.join("new/1267809602.b").is_dir());
        // The rest goes on.
        assert!(new.join(".Team/cur/1267809603.c:2,S").is_file());
        assert_eq!(laid.verify(&[]).code, 4);
    }
    // Nor does it go with the message that has its name, or keep late mail from being told.
    fs::remove_file(laid.site.join(OLD).join("cur/1267809601.a:2,S")).unwrap();
    assert_eq!(laid.migrate(&["--final"]).code, 1);
    assert_eq!(read(&new.join("cur/1267809601.a:2,Sa")), "somebody else's");
    fs::write(laid.site.join(OLD).join("cur/1267809601.a:2,S"), "late").unwrap();
    let ran = laid.migrate(&["--late"]);
    assert!(ran.code == 1 && told(&ran, "message-in-the-way"), "{}", ran.all());
    // Out of the way, both are in the mailbox.
    fs::rename(new.join("cur/1267809601.a:2,Sa"), new.join("cur/1267809601.kept:2,S")).unwrap();
    fs::remove_dir(new.join("new/1267809602.b")).unwrap();
    assert_eq!(laid.migrate(&["--late"]).code, 0);
    assert_eq!(read(&new.join("cur/1267809601.kept:2,S")), "somebody else's");
    assert_eq!(read(&new.join("cur/1267809601.a:2,Sa")), "late");
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(differences(&laid, &[]), [""; 0]);
}

#[test]
fn a_message_of_another_name_that_dovecot_would_take_for_the_same_stays() {
    let laid = site();
    let new = maildir(&laid);
    put(&new.join("cur/1267809602.b:2,F"), "somebody else's");
    let ran = laid.migrate(&[]);
    assert!(ran.code == 1 && told(&ran, "message-in-the-way"), "{}", ran.all());
    assert_eq!(read(&new.join("cur/1267809602.b:2,F")), "somebody else's");
    assert!(!new.join("new/1267809602.b").exists());
    assert!(new.join("cur/1267809601.a:2,Sa").is_file());
}

/// Somebody had copied the mail with rsync before.
#[test]
fn the_same_message_that_lies_there_already_is_taken_over() {
    let laid = site();
    let (old, new) = (laid.site.join(OLD), maildir(&laid));
    for (from, to) in [("cur/1267809601.a:2,S", "cur/1267809601.a:2,"), ("new/1267809602.b", "")] {
        let to = new.join(if to.is_empty() { from } else { to });
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(old.join(from), to).unwrap();
    }
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(differences(&laid, &["--recorded"]), [""; 0]);
    assert!(!new.join("cur/1267809601.a:2,").exists());
}

#[test]
fn a_file_for_dovecot_that_is_somebody_elses_is_not_overwritten() {
    let laid = site();
    let new = maildir(&laid);
    let files = [
        ("subscriptions", "Mine\n", "Team\n"),
        ("dovecot-keywords", "3 Work\n", "0 Work\n"),
        (".Team/dovecot-acl", "owner lr\n", "owner akeiplrstwx\nuser=eve@a.example lrs\n"),
        ("dovecot-uidlist", "1 700000009 3\n1 x\n", "3 V700000000 N10\n7 :1267809601.a\n"),
    ];
    for (name, text, _) in files {
        put(&new.join(name), text);
    }
    for pass in [&[][..], &[], &["--final"]] {
        let ran = laid.migrate(pass);
        assert_eq!(ran.code, 1, "{}", ran.all());
        for (name, text, ours) in files {
            assert_eq!(read(&new.join(name)), text, "{pass:?}");
            let beside = read(&new.join(format!("{name}.unqmail")));
            assert!(beside.starts_with(ours), "{name}: {beside}");
            assert!(ran.stdout.contains(&format!("joe/Maildir/{name}")), "{}", ran.all());
        }
        assert!(told(&ran, "file-foreign"), "{}", ran.all());
        // The keyword has the letter that the file gives it.
        assert!(new.join("cur/1267809601.a:2,Sd").is_file());
    }
    for (name, ..) in files {
        fs::remove_file(new.join(name)).unwrap();
    }
    assert_eq!(laid.migrate(&[]).code, 0);
    for (name, _, ours) in files {
        assert!(read(&new.join(name)).starts_with(ours), "{name}");
        assert!(!new.join(format!("{name}.unqmail")).exists(), "{name}");
    }
    assert_eq!(differences(&laid, &[]), [""; 0]);
}

#[test]
fn ours_is_kept_up_to_date_until_somebody_changes_it() {
    let laid = site();
    let (old, new) = (laid.site.join(OLD).join("courierimapsubscribed"), maildir(&laid));
    let (file, beside) = (new.join("subscriptions"), new.join("subscriptions.unqmail"));
    for (text, wanted) in [("INBOX.Team\nINBOX\n", "Team\nINBOX\n"), ("INBOX\n", "INBOX\n")] {
        fs::write(&old, text).unwrap();
        assert_eq!(laid.migrate(&[]).code, 0);
        assert_eq!(read(&file), wanted);
    }
    fs::write(&file, "INBOX\nMine\n").unwrap();
    let ran = laid.migrate(&["--thorough"]);
    assert!(ran.code == 0 && told(&ran, "file-edited"), "{}", ran.all());
    fs::write(&old, "INBOX.Team\n").unwrap();
    let ran = laid.migrate(&[]);
    assert!(ran.code == 1 && told(&ran, "file-foreign"), "{}", ran.all());
    assert_eq!(read(&file), "INBOX\nMine\n");
    assert_eq!(read(&beside), "Team\n");
    fs::rename(&beside, &file).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    fs::remove_file(&old).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    assert!(!file.exists());
}
