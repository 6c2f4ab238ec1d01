//! Names of folders and messages that trip servers up: each is there, can be opened, and has the
//! number and the name by which clients know it.

use crate::stage;
use crate::support::{Laid, SMALL};
use crate::wire::{Host, Line, outside};
use std::collections::BTreeSet;

const JOE: &str = "home/vpopmail/domains/a.example/joe/Maildir";

/// The password behind the hashes of the small site.
const PASSWORD: &str = "spring-apple";

/// Folders of the old server, as they lie on its disk; `%XX` is a byte.
const FOLDERS: &[&str] = &[
    ".Sent",
    ".~tilde",
    ".a*b",
    ".p%25q",
    ".INBOX",
    ".inbox",
    ".INBOX.Sub",
    ".Entw%C3%BCrfe",
    ".Entw&APw-rfe",
    ".caf%E9",
    ".a..b",
    ".trail.",
    "..x",
    ".%20lead",
    ".trail%20",
    ".sp%20ace",
    ".%22quote%22",
    ".back%5Cslash",
    ".tab%09",
    ".line%0Afeed",
    ".R&D",
    ".dovecot",
    ".new",
    ".cur",
    ".tmp",
    ".maildirfolder",
    ".&AOk",
    ".Trash.x",
    ".{curly}",
    ".(paren)",
    ".%23shared",
    ".%E6%97%A5%E6%9C%AC",
    ".%F0%9F%98%80",
    ".subscriptions",
    ".&",
    ".&-",
    ".~",
    ".~root.x",
];

/// The name at the end of an answer to LIST or LSUB, as it must be sent again.
fn name(line: &str) -> String {
    line.split_once(") \".\" ").unwrap_or_else(|| panic!("{line}")).1.to_owned()
}

fn log_in(stage: &dyn Host, number: usize) -> Line {
    let mut line = Line::open(stage, 143, outside(number));
    let (_, said) = line.imap(&format!("LOGIN joe@a.example {PASSWORD}"));
    assert!(said.starts_with("t OK"), "{said}");
    line
}

/// A site with all those folders, each with one message and numbers of its own.
pub fn folders() -> String {
    let mut manifest = format!("message {JOE}/cur/1.inbox:2,S In INBOX\n");
    let mut subscribed = format!("file {JOE}/courierimapsubscribed\n| INBOX\n");
    for (number, folder) in (100..).zip(FOLDERS.iter().copied().chain([LONG])) {
        manifest += &format!(
            "message {JOE}/{folder}/cur/{number}.a:2,S In a folder\n\
             dir {JOE}/{folder}/new\n\
             file {JOE}/{folder}/courierimapuiddb\n| 1 700000{number} {}\n| {number} {number}.a\n",
            number + 1,
        );
        // A name of two lines cannot stand in the list.
        if !folder.contains("%0A") {
            subscribed += &format!("\\ INBOX{folder}%0A\n");
        }
    }
    format!("{SMALL}{manifest}{subscribed}")
}

#[test]
fn every_folder_can_be_opened_whatever_its_name() {
    let laid = Laid::new(&folders(), "").migrated();
    open_folders(&stage(&laid.target));
}

/// Opens every folder and finds its message in it.
pub fn open_folders(stage: &dyn Host) {
    let mut line = log_in(stage, 1);
    let (listed, _) = line.imap("LIST \"\" \"*\"");
    let mut numbers = BTreeSet::new();
    let mut odd = Vec::new();
    for listed in listed.iter().filter(|line| !line.contains("\\No")) {
        let (told, said) = line.imap(&format!("EXAMINE {}", name(listed)));
        let validity =
            told.iter().find_map(|line| line.split_once("[UIDVALIDITY ")?.1.split(']').next());
        let count = told.iter().filter(|line| line.ends_with(" 1 EXISTS")).count();
        match validity.and_then(|validity| validity.strip_prefix("700000")) {
            Some(number) if said.starts_with("t OK") && count == 1 => {
                let (fetched, _) = line.imap("UID FETCH 1:* (UID)");
                assert_eq!(fetched, [format!("* 1 FETCH (UID {number})")], "{listed}");
                numbers.insert(number.to_owned());
            }
            _ => odd.push(format!("{listed}: {told:?} {said}")),
        }
    }
    // INBOX has no numbers of the old server, and all others theirs.
    assert_eq!(odd.len(), 1, "{odd:#?}");
    let missing: Vec<_> = (100..)
        .zip(FOLDERS.iter().chain([&LONG]))
        .filter(|(number, _)| !numbers.contains(&number.to_string()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {listed:#?}\n{}", stage.log().join("\n"));
    let (told, _) = line.imap("LSUB \"\" \"*\"");
    let told: BTreeSet<String> = told.iter().map(|line| name(line)).collect();
    let there = listed.iter().filter(|line| !line.contains("\\No")).map(|line| name(line));
    let there: BTreeSet<String> = there.filter(|name| !name.contains("line_feed")).collect();
    assert_eq!(told, there);
}

/// As long as a name on a disk may be.
const LONG: &str = ".long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-na";

/// A message's file name, its number, and its name for POP3 clients of Courier.
const MESSAGES: &[(&str, u32, &str)] = &[
    ("10.zero", 9, "10.zero"),
    ("11.a%20b:2,S", 8, "11.a+20b"),
    ("12.caf%E9:2,S", 7, "12.caf+E9"),
    ("13.it's+%22q%22:2,FS", 6, "13.it+27s+2B+22q+22"),
    ("14.M1:P2.mx:2,S", 5, "14.M1"),
    ("15.line%0Afeed:2,S", 4, "15.line+0Afeed"),
    ("16.wrong,S=99999:2,S", 3, "16.wrong,S=99999"),
    ("17.wrong,S=5,W=7:2,S", 2, "17.wrong,S=5,W=7"),
    ("18.numbered:2,", 1, "UID44-1300000000"),
];

/// A site with all those messages.
pub fn messages() -> String {
    let mut manifest = String::new();
    let mut uids = format!("file {JOE}/courierimapuiddb\n| 1 700000000 20\n");
    for (name, uid, _) in MESSAGES {
        match *name {
            "10.zero" => manifest += &format!("file {JOE}/cur/{name}\n"),
            _ => manifest += &format!("message {JOE}/cur/{name} Hello\n"),
        }
        // A name with a line feed could never stand in the list: its line is about another one.
        if !name.contains("%0A") {
            let unique = name.rsplit_once(':').map_or(*name, |(unique, _)| unique);
            uids += &format!("\\ {uid} {unique}%0A\n");
        }
    }
    let list = format!(
        "file {JOE}/courierpop3dsizelist\n| /2 50 1300000000\n| 18.numbered:2,S 9 44:1300000000\n"
    );
    format!("{SMALL}{manifest}{uids}{list}")
}

#[test]
fn every_message_can_be_read_whatever_its_name() {
    let laid = Laid::new(&messages(), "").migrated();
    read_messages(&stage(&laid.target));
}

/// Reads every message by IMAP and by POP3.
pub fn read_messages(stage: &dyn Host) {
    let mut line = log_in(stage, 1);
    line.imap("SELECT INBOX");
    let (fetched, said) = line.imap("UID FETCH 1:* (RFC822.SIZE)");
    assert!(said.starts_with("t OK"), "{said}\n{}", stage.log().join("\n"));
    let uids: Vec<u32> = fetched
        .iter()
        .filter_map(|line| line.split_once("UID ")?.1.split(' ').next()?.parse().ok())
        .collect();
    // The one that could not be numbered comes last.
    assert_eq!(uids, [1, 2, 3, 5, 6, 7, 8, 9, 20]);
    let mut line = Line::open(stage, 110, outside(2));
    for command in ["USER joe@a.example".to_owned(), format!("PASS {PASSWORD}"), "UIDL".to_owned()]
    {
        line.send(command.as_bytes());
        assert!(line.read().starts_with("+OK"));
    }
    for (number, (_, _, uidl)) in (1..).zip(MESSAGES) {
        assert_eq!(line.read(), format!("{number} {uidl}"));
    }
    assert_eq!(line.read(), ".");
    for (number, (name, ..)) in (1..).zip(MESSAGES) {
        line.send(format!("RETR {number}").as_bytes());
        let said = line.read();
        assert!(said.starts_with("+OK"), "{name}: {said}");
        let size: usize = said.split(' ').nth(1).unwrap().parse().unwrap();
        let mut bytes = 0;
        loop {
            let line = line.read();
            if line == "." {
                break;
            }
            bytes += line.len() + 2;
        }
        // Of an empty message the server still ends a line.
        assert_eq!(size, if size == 0 { bytes - 2 } else { bytes }, "{name}");
    }
    let complaints: Vec<String> =
        stage.log().into_iter().filter(|line| line.contains("Error:")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
