//! Mail that was sorted by programs of the old server goes to the same folders and people, and every
//! script that is written is one for Pigeonhole.

use crate::delivery::until_queue_is_empty;
use crate::stage;
use crate::support::{Laid, autoresponse, files_under, migrated_atelier, project, read, unqmail};
use crate::wire::{HERE, send};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

const D: &str = "home/vpopmail/domains/a.example";
const HASH: &str = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";

fn lines(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| format!("{all}| {line}\n"))
}

/// A site on which every case of `fixtures/filters` has an account, a user or an address of its own;
/// and the mailboxes whose scripts are written, `DOMAIN/USER`.
pub fn every_case() -> (String, Vec<String>) {
    let (mut accounts, mut files, mut mailboxes) = (String::new(), String::new(), Vec::new());
    let mut users = String::new();
    for name in ["joe", "eve"] {
        accounts += &format!("| {name}:{HASH}:1:0:X:/{D}/{name}:NOQUOTA\n");
    }
    for (number, path) in files_under(&project().join("fixtures/filters")).iter().enumerate() {
        let kind = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let case = read(path);
        let (rules, told) = case.split_once("====\n").unwrap();
        if told.starts_with("alias-") {
            continue;
        }
        let name = format!("c{number}");
        match kind {
            "maildrop" => {
                accounts += &format!("| {name}:{HASH}:1:0:X:/{D}/{name}:NOQUOTA\n");
                files += &format!(
                    "dir {D}/{name}/Maildir/new\ndir {D}/{name}/Maildir/cur\nfile {D}/{name}/.qmail\n| |maildrop mailfilter\nfile {D}/{name}/mailfilter\n{}{}",
                    lines(rules),
                    autoresponse(&format!("{D}/{name}"))
                );
                mailboxes.push(format!("a.example/{name}"));
            }
            "procmail" => {
                users += &format!("| {name}:x:{0}:{0}::/home/{name}:/bin/sh\n", 2000 + number);
                files += &format!(
                    "owner {0}:{0}\ndir home/{name}/Maildir/new\ndir home/{name}/Maildir/cur\nfile home/{name}/.qmail\n| |procmail\nfile home/{name}/.procmailrc\n{1}owner 89:89\n",
                    2000 + number,
                    lines(rules)
                );
                mailboxes.push(format!("mx.example/{name}"));
            }
            _ => {
                files += &format!(
                    "file {D}/.qmail-{name}\n{}",
                    lines(rules).replace(&format!("/{D}/joe/"), &format!("/{D}/eve/"))
                );
                mailboxes.push(format!("a.example/{name}"));
            }
        }
    }
    let passwd = "owner 0:0\nfile etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n| alias:x:7790:2108::/var/qmail/alias:/bin/false\n| vpopmail:x:89:89::/home/vpopmail:/bin/false\n";
    (format!("{passwd}{users}owner 89:89\nfile {D}/vpasswd\n{accounts}{files}"), mailboxes)
}

/// Subjects of what lies in each folder of a mailbox; the INBOX has no name.
fn sorted(stage: &Stage, mailbox: &str) -> BTreeSet<(String, String)> {
    let maildir = stage.root().join("var/vmail").join(mailbox).join("Maildir");
    let mut found = BTreeSet::new();
    let folders = fs::read_dir(&maildir).into_iter().flatten().flatten();
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with('.')).chain([String::new()]);
    for name in names {
        for message in fs::read_dir(maildir.join(&name).join("new")).into_iter().flatten().flatten()
        {
            let text = fs::read(message.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            found.insert((subject.unwrap_or_default().to_owned(), name.clone()));
        }
    }
    found
}

fn wait_for(stage: &Stage, what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}\n{}", stage.log().join("\n"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Rules of maildrop, procmail and a line that decides, and a line that marks spam.
fn site() -> String {
    format!(
        "file {D}/joe/.qmail
| |preline /usr/bin/maildrop mailfilter
file {D}/joe/mailfilter
{}file {D}/.qmail-urgent
| |condredirect bob@far.example grep -q '^Subject:.*URGENT'
| /{D}/eve/Maildir/
file {D}/eve/.qmail
| |/usr/bin/spamc
| /{D}/eve/Maildir/
file {D}/vpasswd
| joe:{HASH}:1:0:X:/{D}/joe:NOQUOTA
| eve:{HASH}:1:0:X:/{D}/eve:NOQUOTA
| deletes:{HASH}:1:32768:X:/{D}/deletes:NOQUOTA
| without:{HASH}:1:16384:X:/{D}/without:NOQUOTA
| own:{HASH}:1:0:X:/{D}/own:NOQUOTA
file {D}/own/.qmail
| |preline /usr/bin/maildrop mailfilter
file {D}/own/mailfilter
| if (/^X-Spam-Flag: YES/)
|   to \"Maildir/.Bulk\"
file {D}/.qmail-both
| &deletes@a.example
| &without@a.example
owner 0:0
file etc/passwd
| root:x:0:0:root:/root:/bin/sh
| alias:x:7790:2108::/var/qmail/alias:/bin/false
| vpopmail:x:89:89::/home/vpopmail:/bin/false
| ann:x:1001:1001::/home/ann:/bin/sh
owner 1001:1001
dir home/ann/Maildir/new
dir home/ann/Maildir/cur
dir home/ann/Maildir/.Spam/new
dir home/ann/Maildir/.Spam/cur
file home/ann/.qmail
| |preline procmail
file home/ann/.procmailrc
{}",
        lines(
            "if (/^Subject: no/)\n{\n  echo \"Not \\\"now\\\"\"\n  EXITCODE=100\n  exit\n}\ncc \"!bob@far.example\"\nif (/^Subject: lost/)\n{\n  to \"/dev/null\"\n}\nif (/^Subject:.*\\[Club\\]/ && $SIZE < 100000)\n  to \"Maildir/.Envoy&AOk-s.Club/\"\nto \"Maildir\""
        ),
        lines(
            "MAILDIR=$HOME/Maildir\nDEFAULT=$MAILDIR/\n:0 c\n* ^TO_ann@mx\\.example\n.Copies/\n\n:0:\n* ^Subject:.*(sale|offer)\n.Offers/"
        ),
    )
}

#[test]
fn mail_goes_where_filters_of_the_old_server_put_it() {
    let laid = Laid::small(&site()).migrated();
    let stage = stage(&laid.target);
    let post = |to: &str, subject: &str, more: &str| {
        let letter = format!("From: p@far.example\nTo: {to}\nSubject: {subject}\n{more}\nHello.");
        let sent = send(&stage, HERE, "p@far.example", to.as_bytes(), &letter);
        assert_eq!(sent, Ok(()), "{to} {subject}");
    };
    for subject in ["plain", "a [club] b", "lost", "no"] {
        post("joe@a.example", subject, "");
    }
    for subject in ["plain", "a SALE"] {
        post("ann@mx.example", subject, "");
    }
    for subject in ["calm", "very URGENT"] {
        post("urgent@a.example", subject, "");
    }
    // Spam is filed whoever gets it, into the folder that he has.
    post("ann@mx.example", "bad", "X-Spam-Flag: YES\n");
    post("joe@a.example", "bad", "X-Spam-Flag: YES\n");
    // But not of whoever had it deleted, had none looked for, or has rules that say where it goes.
    post("both@a.example", "bad", "X-Spam-Flag: YES\n");
    post("own@a.example", "bad", "X-Spam-Flag: YES\n");
    post("deletes@a.example", "good", "");
    let has = |mailbox: &str, want: &[(&str, &str)]| {
        let want =
            want.iter().map(|(subject, folder)| ((*subject).to_owned(), (*folder).to_owned()));
        let want: BTreeSet<(String, String)> = want.collect();
        wait_for(&stage, &format!("{mailbox}: {:?}", sorted(&stage, mailbox)), || {
            sorted(&stage, mailbox) == want
        });
    };
    has("a.example/joe", &[("plain", ""), ("a [club] b", ".Envoy&AOk-s.Club"), ("bad", ".Junk")]);
    has("a.example/eve", &[("calm", "")]);
    has("a.example/without", &[("bad", "")]);
    has("a.example/own", &[("bad", ".Bulk")]);
    has("a.example/deletes", &[("good", "")]);
    has(
        "mx.example/ann",
        &[
            ("plain", ""),
            ("plain", ".Copies"),
            ("a SALE", ".Copies"),
            ("a SALE", ".Offers"),
            ("bad", ".Spam"),
        ],
    );
    until_queue_is_empty(&stage);
    let mut to_bob = Vec::new();
    for one in stage.take_posted() {
        let text = String::from_utf8_lossy(&one.text).into_owned();
        if one.recipients == [b"bob@far.example".to_vec()] {
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            to_bob.push(subject.unwrap().to_owned());
        } else if one.recipients == [b"p@far.example".to_vec()] {
            assert!(text.contains("Not \"now\""), "{text}");
        }
    }
    to_bob.sort();
    assert_eq!(to_bob, ["a [club] b", "lost", "plain", "very URGENT"]);
}

/// Has sievec take a script, without a word.
pub fn compile(stage: &Stage, script: &str) {
    let ran = stage.command("sievec").args([script, "/tmp/script.svbin"]).output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{script}: {ran:?}");
}

#[test]
fn every_case_is_a_script_for_sievec() {
    let (manifest, mailboxes) = every_case();
    let laid = Laid::small(&manifest).migrated();
    let stage = stage(&laid.target);
    for mailbox in &mailboxes {
        compile(&stage, &format!("/var/vmail/{mailbox}/.dovecot.sieve"));
    }
    compile(&stage, "/etc/dovecot/unqmail-spam.sieve");
    assert!(mailboxes.len() > 20, "{mailboxes:?}");
    assert!(Path::new(&stage.root().join("etc/dovecot/unqmail-spam.svbin")).exists());
}

/// Each script beneath a target's folder of all mail, as its hosts name it.
fn scripts(target: &Path) -> Vec<String> {
    let mut files = files_under(&target.join("var/vmail"));
    files.retain(|path| path.extension().is_some_and(|end| end == "sieve"));
    let names = files.iter().map(|path| path.strip_prefix(target).unwrap().to_str().unwrap());
    names.map(|name| format!("/{name}")).collect()
}

#[test]
fn every_script_of_the_real_site_is_one_for_sievec() {
    let Some((_, target)) = migrated_atelier() else { return };
    let stage = stage(target);
    let scripts = scripts(target);
    for script in &scripts {
        compile(&stage, script);
    }
    // A file and a link to it for each of six autoresponders and two filters.
    assert_eq!(scripts.len(), 16, "{scripts:?}");
}

#[test]
fn each_filter_of_the_real_site_files_as_before() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let stage = stage(target);
    stage.post_on(587).unwrap();
    let post = |to: &str, subject: &str, more: &str| {
        let letter = format!("From: p@far.example\nTo: {to}\nSubject: {subject}\n{more}\nHello.");
        assert_eq!(send(&stage, HERE, "p@far.example", to.as_bytes(), &letter), Ok(()), "{to}");
    };
    let mut want: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut wanted = |subject: &str, mailbox: &str, folder: &str| {
        want.entry(mailbox.to_owned()).or_default().insert((subject.to_owned(), folder.to_owned()));
    };
    let mut count = 0;
    for (number, row) in atelier.truth("deliver").iter().enumerate() {
        let outcomes = row["outcome"].as_array().unwrap();
        let sorts = |outcome: &Value| {
            let program = outcome["program"].as_str().unwrap_or_default();
            ["maildrop", "condredirect"].iter().any(|name| program.contains(name))
        };
        if outcomes.iter().any(sorts) {
            let (to, subject) = (row["rcpt"].as_str().unwrap(), format!("plain {number}"));
            post(to, &subject, "");
            for maildir in outcomes.iter().filter_map(|outcome| outcome["maildir"].as_str()) {
                let mut parts = maildir.trim_end_matches("/Maildir").rsplit('/');
                let user = parts.next().unwrap();
                let domain = parts.find(|part| part.len() > 1).unwrap();
                wanted(&subject, &format!("{domain}/{user}"), "");
            }
            count += 1;
        }
    }
    assert_eq!(count, 3);
    // What the recordings have no probe for, by the words of the two files.
    post("mathieu.muller@atelier-dupont.example", "bad", "X-Spam-Flag: YES\n");
    wanted("bad", "atelier-dupont.example/mathieu.muller", ".Spam");
    post("filtre@atelier-dupont.example", "URGENT", "");
    wanted("URGENT", "atelier-dupont.example/vincent.michel", "");
    until_queue_is_empty(&stage);
    for mailbox in want.keys() {
        let mut there = sorted(&stage, mailbox);
        there.retain(|(subject, _)| {
            subject.starts_with("plain ") || ["bad", "URGENT"].contains(&subject.as_str())
        });
        assert_eq!(there, want[mailbox], "{mailbox}\n{}", stage.log().join("\n"));
    }
}

#[test]
fn a_rehearsal_finds_every_filter_as_predicted() {
    let (manifest, _) = every_case();
    let laid = Laid::small(&manifest).migrated();
    let [site, target, config] =
        [&laid.site, &laid.target, &laid.config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["rehearse", site, target, "--config", config]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}
