//! What mail programs know of a mailbox: written anew until Dovecot has it, damaged by nothing but
//! its own file, and checked.

use crate::support::{Laid, Ran, SMALL, read};
use std::fs;
use std::path::{Path, PathBuf};

const JOE: &str = "home/vpopmail/domains/a.example/joe/Maildir";

/// Joe's mailbox: two numbered messages and a new one in INBOX, an empty folder with numbers,
/// keywords, subscriptions, a folder of Courier 5 with a name in UTF-8.
fn site() -> Laid {
    Laid::small(&format!(
        "message {JOE}/cur/1267809600.M1P7.mx,S=170:2,S One
message {JOE}/cur/1267809601.M2P7.mx:2,RS Two
message {JOE}/new/1267809602.M3P7.mx Three
file {JOE}/courierimapuiddb
| 1 700000000 9
| 3 1267809601.M2P7.mx
| 8 1267809600.M1P7.mx,S=170
file {JOE}/courierpop3dsizelist
| /2 6 1300000000
| 1267809600.M1P7.mx,S=170:2,S 175 0:1300000000
| 1267809601.M2P7.mx:2, 175 5:1300000000
file {JOE}/courierimapkeywords/:list
| $Label1
| Work
|
| 1267809601.M2P7.mx:0 1
dir {JOE}/.Empty/cur
dir {JOE}/.Empty/new
file {JOE}/.Empty/courierimapuiddb
| 1 700000001 77
message {JOE}/.Entw%C3%BCrfe/cur/1267809603.M4P7.mx:2,D Four
file {JOE}/.Entw%C3%BCrfe/courierimapuiddb
| 1 700000002 6
| 5 1267809603.M4P7.mx
file {JOE}/courierimapsubscribed
| INBOX.Gone
| INBOX.Entw%C3%BCrfe
| INBOX
| #shared.x
"
    ))
}

fn maildir(laid: &Laid) -> PathBuf {
    laid.target.join("var/vmail/a.example/joe/Maildir")
}

fn passes(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.all());
}

const LIST: &str = "3 V700000000 N10
3 PUID5-1300000000 O2 :1267809601.M2P7.mx
8 O1 :1267809600.M1P7.mx,S=170
9 O3 :1267809602.M3P7.mx
";

#[test]
fn a_mailbox_is_written_as_dovecot_reads_it() {
    let site = site();
    // %XX stands for a byte in paths only; the subscription is told in UTF-8.
    fs::write(
        site.site.join(JOE).join("courierimapsubscribed"),
        "INBOX.Gone\nINBOX.Entwürfe\nINBOX\n#shared.x\n",
    )
    .unwrap();
    let laid = site.migrated();
    let at = |name: &str| read(&maildir(&laid).join(name));
    assert_eq!(at("dovecot-uidlist"), LIST);
    assert_eq!(at(".Empty/dovecot-uidlist"), "3 V700000001 N77\n");
    assert_eq!(at(".Entw&APw-rfe/dovecot-uidlist"), "3 V700000002 N6\n5 :1267809603.M4P7.mx\n");
    assert_eq!(at("dovecot-keywords"), "0 $Label1\n1 Work\n");
    assert_eq!(at("subscriptions"), "Gone\nEntw&APw-rfe\nINBOX\n");
    assert!(maildir(&laid).join("cur/1267809601.M2P7.mx:2,RSab").is_file());
    passes(&laid.verify(&[]));
    let again = laid.migrate(&[]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.all());
}

#[test]
fn numbers_follow_the_old_server_until_dovecot_has_the_folder() {
    let laid = site().migrated();
    let old = laid.site.join(JOE);
    let list = maildir(&laid).join("dovecot-uidlist");
    // Courier numbers the new message, and its owner takes a keyword away.
    let db = read(&old.join("courierimapuiddb")).replace("700000000 9", "700000000 12");
    fs::write(old.join("courierimapuiddb"), format!("{db}11 1267809602.M3P7.mx\n")).unwrap();
    fs::write(old.join("courierimapkeywords/1267809601.M2P7.mx"), "Work\n").unwrap();
    passes(&laid.migrate(&[]));
    assert!(read(&list).contains("N12") && read(&list).contains("\n11 O3 :1267809602.M3P7.mx"));
    assert!(maildir(&laid).join("cur/1267809601.M2P7.mx:2,RSb").is_file());
    passes(&laid.verify(&[]));
    // Dovecot opens the folder: its numbers count from now on.
    let own = read(&list).replace("N12", "N12 G0123456789abcdef0123456789abcdef");
    fs::write(&list, &own).unwrap();
    fs::write(maildir(&laid).join("dovecot.index.log"), "").unwrap();
    fs::write(old.join("courierimapsubscribed"), "INBOX.Other\n").unwrap();
    passes(&laid.migrate(&[]));
    assert_eq!(read(&list), own);
    fs::write(
        old.join("courierimapuiddb"),
        read(&old.join("courierimapuiddb")).replace("11 ", "10 "),
    )
    .unwrap();
    let ran = laid.migrate(&[]);
    passes(&ran);
    assert!(ran.stdout.contains("uid-numbered-anew"), "{}", ran.all());
    assert_eq!(read(&list), own);
    assert!(!read(&maildir(&laid).join("subscriptions")).contains("Other"));
}

#[test]
fn a_damaged_file_costs_its_own_folder_and_no_more() {
    let damages: &[(&str, &[u8])] = &[
        ("courierimapuiddb", b""),
        ("courierimapuiddb", b"1 700000000"),
        ("courierimapuiddb", b"\xff\xfe\0\0garbage\n\n\n"),
        ("courierimapuiddb", b"1 0 0\n"),
        ("courierimapuiddb", b"1 99999999999999999999 4294967295\n"),
        ("courierimapuiddb", b"1 700000000 4294967295\n4294967295 1267809600.M1P7.mx,S=170\n"),
        ("courierimapuiddb", b"1 7 2\n3 1267809600.M1P7.mx,S=170\n3 1267809601.M2P7.mx\n3 x\n"),
        ("courierimapuiddb", b"1 7 9\n3 1267809601.M2P7.mx\n8 126780"),
        ("courierpop3dsizelist", b"/9 1 1\n"),
        (
            "courierpop3dsizelist",
            b"/2 1 1\n\n\n a b c\n1267809600.M1P7.mx,S=170:2,S 1 5:5\n1267809601.M2P7.mx 1 5:5\n",
        ),
        (
            "courierpop3dsizelist",
            b"/3 1 1\n1267809600.M1P7.mx,S=170:2,S 99999999999999999999999 1:1:0\n",
        ),
        (
            "courierimapkeywords/:list",
            b"a\0b\n(bad)\nGood\n\n1267809601.M2P7.mx:0 1 2 99999999999999999999 -1\n",
        ),
        ("courierimapsubscribed", b"\xff\n\0\nINBOX.\xff\xfe\nINBOX..\nINBOX"),
        ("courierimapacl", b"\0\nowner\n user=x lrs\n-owner z\nuser=\"a\\b lr\n"),
    ];
    let whole = site().migrated();
    let sub = ".Empty/dovecot-uidlist";
    let untouched = read(&maildir(&whole).join(sub));
    for (name, bytes) in damages {
        let laid = site();
        let shown = format!("{name} with {:?}", bytes.escape_ascii().to_string());
        fs::write(laid.site.join(JOE).join(name), bytes).unwrap();
        let plan = laid.plan(&["--format", "json"]).json();
        let codes: Vec<&str> = plan["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["code"].as_str().unwrap())
            .collect();
        let told = match *name {
            "courierimapkeywords/:list" => "folder-keywords-dropped",
            "courierimapsubscribed" | "courierimapacl" => "",
            _ => "uid-not-kept",
        };
        assert!(told.is_empty() || codes.contains(&told), "{shown}: {codes:?}");
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{shown}: {}", ran.all());
        let ran = laid.verify(&[]);
        assert_eq!(ran.code, 0, "{shown}: {}", ran.all());
        assert_eq!(read(&maildir(&laid).join(sub)), untouched, "{shown}");
        let ran = laid.migrate(&[]);
        assert!(ran.stdout.contains("Nothing to do"), "{shown}: {}", ran.all());
    }
}

#[test]
fn a_file_that_is_a_folder_or_a_fifo_keeps_nobody_waiting() {
    for name in
        ["courierimapuiddb", "courierpop3dsizelist", "courierimapsubscribed", "courierimapacl"]
    {
        for what in ["dir", "fifo"] {
            let manifest = format!(
                "{SMALL}message {JOE}/cur/1267809600.M1P7.mx:2,S One\n{what} {JOE}/{name}\n"
            );
            let waiver = "[[waive]]\ncode = 'file-unreadable'\nsubject = '*'\nreason = 'x'\n";
            let laid = Laid::new(&manifest, waiver);
            let codes = laid.plan(&["--format", "json"]).stdout;
            let told = ["file-unreadable", "uid-not-kept"].iter().any(|code| codes.contains(code));
            assert!(told, "{name} as {what}: {codes}");
            passes(&laid.migrate(&[]));
            passes(&laid.verify(&[]));
        }
    }
}

#[test]
fn whoever_changes_what_clients_know_is_named() {
    let laid = site().migrated();
    let edits: &[(&str, &str, &str, &str)] = &[
        ("dovecot-uidlist", "V700000000", "V700000009", "uidvalidity"),
        ("dovecot-uidlist", "N10", "N4", "uidnext"),
        ("dovecot-uidlist", "\n8 ", "\n7 ", "uid"),
        ("dovecot-uidlist", "PUID5", "PUID6", "uidl"),
        ("dovecot-uidlist", "O1 ", "O7 ", "uidl"),
        ("dovecot-uidlist", "\n8 ", "\n2 ", "UIDs do not ascend"),
        ("dovecot-keywords", "Work", "Play", "keywords"),
        ("subscriptions", "Gone", "Gine", "subscription"),
    ];
    for (name, from, to, kind) in edits {
        let path = maildir(&laid).join(name);
        let before = read(&path);
        assert!(before.contains(from), "{name}: {before}");
        fs::write(&path, before.replace(from, to)).unwrap();
        let ran = laid.verify(&[]);
        assert_eq!(ran.code, 4, "{name} {to}: {}", ran.all());
        assert!(ran.stdout.contains(kind), "{name} {to}: {}", ran.all());
        fs::write(&path, before).unwrap();
    }
    passes(&laid.verify(&[]));
}

#[test]
fn qmail_pop3d_lists_by_date_and_names_by_file() {
    let manifest = format!(
        "date 2010-03-05T17:20:00Z
message {JOE}/cur/1267809600.M1P7.mx:2,S One
date 2010-03-04T17:20:00Z
message {JOE}/cur/1267809601.M2P7.mx:2,S Two
"
    );
    let laid = Laid::small(&manifest).migrated();
    let list = read(&maildir(&laid).join("dovecot-uidlist"));
    assert_eq!(list, "3 V1 N3\n1 O2 :1267809600.M1P7.mx\n2 O1 :1267809601.M2P7.mx\n");
    passes(&laid.verify(&[]));
    // For Courier the order is that of names, which is Dovecot's own.
    let laid = Laid::new(&format!("{SMALL}{manifest}"), "[old]\npop3 = \"courier\"\n").migrated();
    assert!(!maildir(&laid).join("dovecot-uidlist").exists());
    passes(&laid.verify(&[]));
}

#[test]
fn a_folder_keeps_the_26_keywords_that_most_messages_have() {
    let names: Vec<String> = (0..30).map(|n| format!("k{n}")).collect();
    let mut manifest = format!("file {JOE}/courierimapkeywords/:list\n");
    for name in &names {
        manifest += &format!("| {name}\n");
    }
    manifest += "|\n";
    let all: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    manifest += &format!("| 1.a:{}\n| 2.b:{}\n", all.join(" "), all[4..].join(" "));
    manifest += &format!("message {JOE}/cur/1.a:2,S One\nmessage {JOE}/cur/2.b:2, Two\n");
    let laid = Laid::small(&manifest).migrated();
    let keywords = read(&maildir(&laid).join("dovecot-keywords"));
    assert!(keywords.starts_with("0 k4\n") && keywords.ends_with("25 k29\n"), "{keywords}");
    assert!(maildir(&laid).join("cur/2.b:2,abcdefghijklmnopqrstuvwxyz").is_file());
    passes(&laid.verify(&[]));
}

#[test]
fn rights_come_and_go_with_those_of_the_old_server() {
    let laid = Laid::small(&format!(
        "message {JOE}/.Team/cur/1.a:2,S One\n\
         file {JOE}/.Team/courierimapacl\n| owner aceilrstwx\n| administrators aceilrstwx\n| user=eve@a.example lrs\n"
    ))
    .migrated();
    let acl = maildir(&laid).join(".Team/dovecot-acl");
    assert_eq!(read(&acl), "owner akeiplrstwx\nuser=eve@a.example lrs\n");
    assert!(read(&laid.target.join("etc/dovecot/dovecot.conf")).contains("acl"));
    fs::write(laid.site.join(JOE).join(".Team/courierimapacl"), "owner aceilrstwx\n").unwrap();
    passes(&laid.migrate(&[]));
    assert!(!acl.exists());
    assert!(!read(&laid.target.join("etc/dovecot/dovecot.conf")).contains("acl"));
}

#[test]
fn a_message_that_is_a_link_into_its_own_mailbox_is_a_message() {
    let d = "home/vpopmail/domains/a.example";
    let laid = Laid::small(&format!(
        "message {JOE}/.Sent/cur/1267809600.a:2,S Sent
link {JOE}/cur/1267809601.b:2,RS ../.Sent/cur/1267809600.a:2,S
link {JOE}/cur/1267809602.c:2,S /{d}/eve/Maildir/cur/1267809603.d:2,S
link {JOE}/cur/1267809604.e:2,S /etc/passwd
message {d}/eve/Maildir/cur/1267809603.d:2,S Not for Joe
file {JOE}/courierimapuiddb
| 1 700000000 9
| 3 1267809601.b
| 4 1267809602.c
"
    ));
    let old = laid.site.join(JOE);
    fs::hard_link(old.join(".Sent/cur/1267809600.a:2,S"), old.join("cur/1267809605.f:2,S"))
        .unwrap();
    let laid = laid.migrated();
    let cur = maildir(&laid).join("cur");
    let mut names: Vec<_> = fs::read_dir(&cur).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["1267809601.b:2,RS", "1267809605.f:2,S"]);
    let original = old.join(".Sent/cur/1267809600.a:2,S");
    for name in names {
        let copy = cur.join(name);
        assert!(fs::symlink_metadata(&copy).unwrap().is_file());
        assert_eq!(read(&copy), read(&original));
        let date = |path: &Path| fs::symlink_metadata(path).unwrap().modified().unwrap();
        assert_eq!(date(&copy), date(&original));
    }
    let list = read(&maildir(&laid).join("dovecot-uidlist"));
    assert_eq!(list, "3 V700000000 N10\n3 :1267809601.b\n9 :1267809605.f\n");
    passes(&laid.verify(&[]));
    let again = laid.migrate(&[]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.all());
    fs::remove_file(cur.join("1267809601.b:2,RS")).unwrap();
    assert_eq!(laid.verify(&[]).code, 4);
}
