//! A mail program that had everything before the move fetches no message again: mbsync, with the
//! messages and the state that it had from the old server.

use crate::mailboxes::{PASSWORD, opened, text};
use crate::stage;
use crate::support::{Atelier, migrated_atelier, scratch};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The letters of a message's flags in the client's own Maildir.
fn letters(flags: &Value) -> String {
    let letter = |flag: &Value| match flag.as_str().unwrap() {
        "\\Draft" => Some('D'),
        "\\Flagged" => Some('F'),
        "$Forwarded" => Some('P'),
        "\\Answered" => Some('R'),
        "\\Seen" => Some('S'),
        "\\Deleted" => Some('T'),
        _ => None,
    };
    let mut letters: Vec<char> = flags.as_array().unwrap().iter().filter_map(letter).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// The folders that the old server had numbered, and UIDNEXT of each.
fn numbered(mailbox: &Value) -> impl Iterator<Item = (&str, u64, &Value)> {
    let folders = mailbox["folders"].as_array().unwrap().iter();
    folders.filter(|folder| folder["uiddb_present_on_site"] == true).map(|folder| {
        let next = text(folder, "uiddb_header").rsplit(' ').next().unwrap();
        (text(folder, "name"), next.parse().unwrap(), &folder["uidvalidity"])
    })
}

/// Lays out what the client had: messages, and its state (`SYNC STATE` of mbsync); how many.
fn lay_out(client: &Path, atelier: &Atelier, mailbox: &Value, messages: &[&Value]) -> usize {
    let owner = text(mailbox, "mailbox");
    let mut settings = format!(
        "IMAPStore far\nHost 127.0.0.1\nPort 143\nUser \"{owner}\"\nPass {PASSWORD}\n\
         SSLType None\nAuthMechs LOGIN\n\nMaildirStore near\nPath {0}/\nInbox {0}/none\n",
        client.display()
    );
    let mut all = 0;
    for (number, (name, next, validity)) in numbered(mailbox).enumerate() {
        let folder = client.join(format!("f{number}"));
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let mut known: Vec<&&Value> = messages
            .iter()
            .filter(|message| text(message, "folder") == name && message["new"] == false)
            .collect();
        known.sort_by_key(|message| message["imap_uid"].as_u64());
        let mut state = format!(
            "FarUidValidity {validity}\nNearUidValidity 1\nMaxPulledUid {}\nMaxPushedUid {}\n\n",
            next - 1,
            known.len()
        );
        for (near, message) in (1..).zip(&known) {
            let flags = letters(&message["imap_flags"]);
            state += &format!("{} {near} {flags}\n", message["imap_uid"]);
            let from = atelier.site.join(text(message, "path"));
            fs::copy(from, folder.join(format!("cur/{near}.client,U={near}:2,{flags}"))).unwrap();
        }
        all += known.len();
        fs::write(folder.join(".mbsyncstate"), state).unwrap();
        fs::write(folder.join(".uidvalidity"), format!("1\n{}\n", known.len())).unwrap();
        let name = name.replace('.', "/").replace('\\', "\\\\").replace('"', "\\\"");
        settings += &format!(
            "\nChannel f{number}\nFar \":far:{name}\"\nNear \":near:f{number}\"\nSync All\n\
             Create None\nExpunge None\nSyncState *\n"
        );
    }
    fs::write(client.join("settings"), settings).unwrap();
    all
}

/// Lets the client, mbsync where the new server listens, synchronise; what it sent that is about more
/// than numbers and flags, and everything that it said.
fn synchronise(mut mbsync: Command, client: &Path) -> (Vec<String>, String) {
    let run = mbsync.arg("-c").arg(client.join("settings")).args(["-Dn", "-a"]);
    let ran = run.env("HOME", client).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(ran.status.success(), "{said}");
    // Text is fetched, or a change is told to the server.
    let is_more = |line: &&str| {
        let words = ["BODY", " APPEND ", " STORE ", " EXPUNGE"];
        line.contains(">>> ") && words.iter().any(|word| line.contains(word))
    };
    (said.lines().filter(is_more).map(str::to_owned).collect(), said)
}

/// The messages of a mailbox.
fn own<'m>(messages: &'m [Value], mailbox: &Value) -> Vec<&'m Value> {
    messages.iter().filter(|message| message["mailbox"] == mailbox["mailbox"]).collect()
}

/// Lets a client of each mailbox synchronise that had everything: none fetches anything again.
pub(crate) fn fetch_nothing_again(atelier: &Atelier, mbsync: &(dyn Fn() -> Command + Sync)) {
    let (mailboxes, messages) = (atelier.truth("mailboxes"), atelier.truth("messages"));
    let (next, known) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    let work = || {
        while let Some(mailbox) = mailboxes.get(next.fetch_add(1, Ordering::Relaxed)) {
            if numbered(mailbox).next().is_none() {
                continue;
            }
            let client = scratch();
            let count = lay_out(client.path(), atelier, mailbox, &own(&messages, mailbox));
            known.fetch_add(count, Ordering::Relaxed);
            let (more, said) = synchronise(mbsync(), client.path());
            if !more.is_empty() {
                wrong.lock().unwrap().push(format!("{}: {said}", mailbox["mailbox"]));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} clients notice: {}", wrong.len(), wrong[0]);
    assert_eq!(known.into_inner(), 3416);
}

#[test]
fn a_client_that_had_everything_fetches_nothing_again() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let copy = opened(target);
    let stage = stage(copy.path());
    fetch_nothing_again(atelier, &|| stage.command("mbsync"));

    // The test would notice: with other numbers a mailbox is fetched anew.
    let (mailboxes, messages) = (atelier.truth("mailboxes"), atelier.truth("messages"));
    let is_large = |m: &&Value| numbered(m).any(|(name, next, _)| name == "INBOX" && next > 3);
    let mailbox = mailboxes.iter().find(is_large).unwrap();
    let (user, domain) = text(mailbox, "mailbox").split_once('@').unwrap();
    let list = copy.path().join(format!("var/vmail/{domain}/{user}/Maildir/dovecot-uidlist"));
    let old = fs::read_to_string(&list).unwrap();
    let (head, rows) = old.split_once('\n').unwrap();
    let rows = rows.lines().map(|row| format!("9{row}\n")).collect::<Vec<_>>().concat();
    let (head, _) = head.split_once(" N").unwrap();
    drop(stage);
    fs::write(&list, format!("{head} N99999\n{rows}")).unwrap();
    let client = scratch();
    lay_out(client.path(), atelier, mailbox, &own(&messages, mailbox));
    let stage = self::stage(copy.path());
    let (more, said) = synchronise(stage.command("mbsync"), client.path());
    assert!(more.iter().any(|line| line.contains("BODY")), "{said}");
}
