//! `verify` names the culprit after any one thing on the target is changed.

use crate::support::{Laid, atelier, files_under, read, scratch, unqmail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One change to a target, and what the report must name.
struct Change {
    what: &'static str,
    path: PathBuf,
    edit: fn(Vec<u8>) -> Vec<u8>,
    named: String,
}

/// Changes one byte of one message, one hash, one alias row and one list member.
fn changes(target: &Path, message: &str, account: &str, alias: &str, list: &str) -> Vec<Change> {
    let at = |path: &str| target.join(path);
    let change = |what, path: PathBuf, named: &str, edit| Change {
        what,
        path,
        named: named.to_owned(),
        edit,
    };
    let message = files_under(&at("var/vmail"))
        .into_iter()
        .find(|path| path.to_str().is_some_and(|path| path.contains(message)))
        .expect("the message");
    let named = message.file_name().unwrap().to_str().unwrap().to_owned();
    let members = files_under(&at(&format!("var/spool/mlmmj/{list}/subscribers.d")));
    vec![
        change("a byte of a message", message, &named, |mut bytes| {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
            bytes
        }),
        change("a hash", at("etc/dovecot/unqmail/users"), account, |bytes| {
            // The first account's: one letter in the middle of its hash.
            let text = String::from_utf8(bytes).unwrap();
            let at = text.find("$1$").unwrap() + 14;
            let letter = if &text[at..=at] == "a" { "b" } else { "a" };
            format!("{}{letter}{}", &text[..at], &text[at + 1..]).into()
        }),
        change("an alias row", at("etc/postfix/unqmail/aliases"), alias, |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            // Every row loses its first target's domain's last letter in turn: the first one does.
            let (row, at) = text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .find_map(|line| Some((line, line.find(char::is_whitespace)?)))
                .unwrap();
            text.replacen(row, &format!("{} nobody@nowhere.example", &row[..at]), 1).into()
        }),
        change("a list member", members[0].clone(), list.split_once('/').unwrap().1, |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replacen('@', "-x@", 1).into()
        }),
    ]
}

fn check(site: &Path, target: &Path, config: &Path, changes: Vec<Change>) {
    let [site, target, config] = [site, target, config].map(|path| path.to_str().unwrap());
    let verify =
        |format: &str| unqmail(["verify", site, target, "--config", config, "--format", format]);
    let clean = verify("text");
    assert_eq!(clean.code, 0, "{}", clean.all());
    for Change { what, path, edit, named } in changes {
        let stat = fs::metadata(&path).unwrap();
        let before = fs::read(&path).unwrap();
        let set = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(stat.modified().unwrap()).unwrap();
        };
        set(&edit(before.clone()));
        let ran = verify("text");
        assert_eq!(ran.code, 4, "{what}: {}", ran.all());
        assert!(ran.stdout.contains(&named), "{what}: no {named} in {}", ran.all());
        let report = verify("json").json();
        assert_eq!(report["format"], "unqmail.verify/1");
        let differences = report["differences"].to_string();
        assert!(differences.contains(&named), "{what}: no {named} in {differences}");
        set(&before);
    }
    assert_eq!(verify("text").code, 0);
}

fn first_name(path: &Path) -> String {
    let text = read(path);
    let row = text.lines().find(|line| !line.starts_with('#')).unwrap();
    row.split([':', ' ', '\t']).next().unwrap().to_owned()
}

#[test]
fn each_change_is_named_on_the_bundled_site() {
    let laid = Laid::larch().migrated();
    let account = first_hashed(&laid.target.join("etc/dovecot/unqmail/users"));
    let alias = first_name(&laid.target.join("etc/postfix/unqmail/aliases"));
    let changes = changes(&laid.target, "1267809600.M1P7", &account, &alias, "larch.example/news");
    check(&laid.site, &laid.target, &laid.config, changes);
}

#[test]
fn each_change_is_named_on_the_real_site() {
    let Some(atelier) = atelier() else { return };
    let folder = scratch();
    let target = folder.path().join("target");
    let [site, to, config] =
        [&atelier.site, &target, &atelier.config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["migrate", site, to, "--config", config]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let account = first_hashed(&target.join("etc/dovecot/unqmail/users"));
    let alias = first_name(&target.join("etc/postfix/unqmail/aliases"));
    let changes =
        changes(&target, "1106502398.28404", &account, &alias, "assoc-jardins.example.org/membres");
    check(&atelier.site, &target, &atelier.config, changes);
}

/// The first account of a passwd-file with an MD5 hash.
fn first_hashed(path: &Path) -> String {
    let text = read(path);
    let row = text.lines().find(|line| line.contains("$1$")).unwrap();
    row.split(':').next().unwrap().to_owned()
}

#[test]
fn a_message_that_is_gone_and_one_with_other_flags_are_named() {
    let laid = Laid::larch().migrated();
    let cur = laid.target.join("var/vmail/larch.example/adam/Maildir/cur");
    fs::remove_file(cur.join("1267809601.M2P7.mx:2,FPRS")).unwrap();
    fs::rename(cur.join("1267809600.M1P7.mx,S=240:2,RS"), cur.join("1267809600.M1P7.mx,S=240:2,S"))
        .unwrap();
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stdout.contains("1267809601.M2P7.mx:2,FPRS")
            && ran.stdout.contains("M1P7.mx,S=240:2,RS"),
        "{}",
        ran.all()
    );
    // The next migration repairs both.
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(laid.verify(&[]).code, 0);
}

#[test]
fn a_file_that_others_can_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let laid = Laid::larch().migrated();
    let users = laid.target.join("etc/dovecot/unqmail/users");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("etc/dovecot/unqmail/users"), "{}", ran.all());
}

#[test]
fn the_digests_of_what_was_copied_tell_a_damaged_copy() {
    let laid = Laid::larch().migrated();
    assert_eq!(laid.verify(&["--recorded"]).code, 0);
    let copy = files_under(&laid.target.join("var/vmail"))
        .into_iter()
        .find(|path| path.parent().is_some_and(|folder| folder.ends_with("cur")))
        .unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    bytes[0] ^= 1;
    fs::write(&copy, bytes).unwrap();
    let ran = laid.verify(&["--recorded"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("the bytes that were copied"), "{}", ran.all());
}

#[test]
fn whatever_in_a_home_others_can_read_is_named_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let laid = Laid::larch().migrated();
    let maildir = laid.target.join("var/vmail/larch.example/adam/Maildir");
    let message = maildir.join("cur/1267809600.M1P7.mx,S=240:2,RS");
    let within = maildir.join("cur/folder/within");
    fs::create_dir_all(&within).unwrap();
    let stray = within.join("stray");
    fs::write(&stray, "").unwrap();
    let own = fs::metadata(&message).unwrap();
    for path in [&stray, &within, within.parent().unwrap()] {
        use std::os::unix::fs::{MetadataExt as _, chown};
        chown(path, Some(own.uid()), Some(own.gid())).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let count = |laid: &Laid| {
        let report = laid.verify(&["--format", "json"]).json();
        let count = |kind: &str| report["checked"][kind].as_u64().unwrap();
        (count("owners and modes"), count("messages"))
    };
    let before = count(&laid);
    for path in [&message, &stray] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o604)).unwrap();
        let ran = laid.verify(&[]);
        assert_eq!(ran.code, 4, "{}", ran.all());
        let name = path.file_name().unwrap().to_str().unwrap();
        let of_mode = |line: &&str| line.starts_with("mode ") && line.ends_with(name);
        assert_eq!(ran.stdout.lines().filter(of_mode).count(), 1, "{}", ran.all());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(count(&laid), before);
    fs::remove_dir_all(within.parent().unwrap()).unwrap();
    assert_eq!(count(&laid), (before.0 - 3, before.1));
}

#[test]
fn a_message_that_cannot_be_opened_is_named_and_the_others_are_checked() {
    let laid = Laid::larch().migrated();
    let cur = laid.target.join("var/vmail/larch.example/adam/Maildir/cur");
    let [lost, damaged] =
        ["1267809600.M1P7.mx,S=240:2,RS", "1267809601.M2P7.mx:2,FPRS"].map(|name| cur.join(name));
    fs::remove_file(&lost).unwrap();
    fs::create_dir(&lost).unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[0] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    for what in ["is a folder, not a regular file", "other bytes"] {
        assert!(ran.stdout.contains(what), "no {what} in {}", ran.all());
    }
}

/// Sixteen messages are open at a time, on both sides and by each thread: more than the 24 files that
/// the host allows a process that asks for no more.
#[test]
fn a_host_that_allows_few_open_files_is_asked_for_more() {
    let maildir = "home/vpopmail/domains/a.example/joe/Maildir";
    let message =
        |n: usize| format!("message {maildir}/cur/{}.M{n}P1.mx:2,S word\n", 1_200_000_000 + n);
    let laid = Laid::small(&(0..40).map(message).collect::<String>());
    for verb in ["migrate", "verify"] {
        let ran = Command::new("sh")
            .args([
                "-c",
                "ulimit -Sn 24; exec \"$@\"",
                "limited",
                env!("CARGO_BIN_EXE_unqmail"),
                verb,
            ])
            .args([&laid.site, &laid.target])
            .arg("--config")
            .arg(&laid.config)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{verb}: {said}{}", String::from_utf8_lossy(&ran.stderr));
    }
}
