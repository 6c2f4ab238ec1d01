//! The verb that asks the real servers.

use crate::support::{Laid, SMALL, command, migrated_atelier, unqmail_with};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn rehearse(laid: &Laid, more: &[&str]) -> crate::support::Ran {
    let [site, target, config] =
        [&laid.site, &laid.target, &laid.config].map(|path| path.to_str().unwrap());
    unqmail_with([&["rehearse", site, target, "--config", config], more].concat(), b"")
}

#[test]
fn mail_for_the_bundled_site_ends_as_predicted() {
    let laid = Laid::larch().migrated();
    let ran = rehearse(&laid, &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("Mail ends where the plan says, and no client notices the move"),
        "{}",
        ran.all()
    );
    // A share of each kind is fewer, and both reports are of one run.
    let ran = rehearse(&laid, &["--sample", "20", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let report = ran.json();
    assert_eq!((report["asked"].as_u64(), report["differing"].as_u64()), (Some(20), Some(0)));
    let seen = |kind: &str| {
        let rows = report["addresses"].as_array().unwrap();
        rows.iter().any(|row| row["seen"].as_array().unwrap().iter().any(|o| !o[kind].is_null()))
    };
    assert!(seen("deliver") && seen("forward") && seen("reject"), "{report:#}");
}

/// The world of a rehearsal speaks no TLS, and takes what would go by it.
#[test]
fn mail_for_a_next_hop_on_port_465_goes_there() {
    let laid = Laid::small(
        "file var/qmail/control/smtproutes\n| far.example:relay.example:465\n| :other.example:465\n\
         file home/vpopmail/domains/a.example/.qmail-out\n| &zoe@far.example\n| &zoe@near.example\n",
    )
    .migrated();
    let ran = rehearse(&laid, &["--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let report = ran.json();
    assert_eq!(report["differing"], 0, "{report:#}");
    let seen = report["addresses"].to_string();
    assert!(seen.contains("zoe@far.example") && seen.contains("zoe@near.example"), "{report:#}");
}

/// Neither of them runs there: what is handed over has arrived.
#[test]
fn mail_for_lists_on_mailman_and_sympa_is_handed_over_as_predicted() {
    for manager in ["mailman", "sympa"] {
        let laid = Laid::larch_on(manager).migrated();
        let ran = rehearse(&laid, &[]);
        assert_eq!(ran.code, 0, "{manager}: {}", ran.all());
        assert!(ran.stdout.contains("Mail ends where the plan says"), "{manager}: {}", ran.all());
    }
}

/// Each mailbox is opened by Dovecot itself, also one that nobody may log in to; whoever damages what
/// clients know is found out, whether Dovecot takes the file as it is or throws it away.
#[test]
fn a_client_that_would_notice_the_move_is_named() {
    let d = "home/vpopmail/domains/a.example";
    let mut manifest = format!(
        "{SMALL}file {d}/vpasswd\n| joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Joe:/{d}/joe:NOQUOTA\n\
         | eve:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:10:No IMAP, no POP3:/{d}/eve:NOQUOTA\n"
    );
    // A name that IMAP has to tell as a literal, and one that it has not.
    for (user, odd) in [("joe", "caf%E9"), ("eve", "b")] {
        let folder = format!("{d}/{user}/Maildir");
        manifest += &format!(
            "message {folder}/cur/1.a:2,FS One\nmessage {folder}/cur/2.{odd}:2,R Two\n\
             message {folder}/new/3.c Three\nmessage {folder}/.Sent/cur/4.d:2,S Four\n\
             file {folder}/courierimapuiddb\n| 1 700000000 9\n| 7 1.a\n\
             file {folder}/.Sent/courierimapuiddb\n| 1 700000001 9\n| 8 4.d\n\
             file {folder}/courierpop3dsizelist\n| /2 6 1300000000\n| 1.a:2,S 9 5:1300000000\n\
             file {folder}/courierimapkeywords/:list\n| Work\n|\n| 1.a:0\n\
             file {folder}/courierimapsubscribed\n| INBOX\n| INBOX.Sent\n"
        );
    }
    let laid = Laid::new(&manifest, "").migrated();
    let (mut told, more) = (Vec::new(), ["--format", "json", "--sample", "1000"]);
    let mut ask = || {
        let ran = rehearse(&laid, &more);
        let report = ran.json();
        assert_eq!(report["mailboxes"], 2, "{report:#}");
        let differences = report["mailbox_differences"].as_array().unwrap();
        told = differences
            .iter()
            .map(|one| {
                let part = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                [part("mailbox"), part("kind"), part("old"), part("new")].join(" ")
            })
            .collect();
        (ran.code, told.join("\n"))
    };
    assert_eq!(ask(), (0, String::new()));
    let list = laid.target.join("var/vmail/a.example/eve/Maildir/dovecot-uidlist");
    let whole = fs::read_to_string(&list).unwrap();
    for (from, to, difference) in [
        ("V700000000", "V700000009", "eve@a.example uidvalidity 700000000 700000009"),
        ("\n7 ", "\n6 ", "eve@a.example uid 7 6"),
        ("PUID5", "PUID6", "eve@a.example uidl UID5-1300000000 UID6-1300000000"),
        ("3 V7", "9 V7", "eve@a.example uidvalidity 700000000"),
    ] {
        assert!(whole.contains(from), "{whole}");
        fs::write(&list, whole.replace(from, to)).unwrap();
        let (code, told) = ask();
        assert_eq!(code, 4, "{to}: {told}");
        assert!(told.contains(difference) && !told.contains("joe"), "{to}: {told}");
    }
    fs::write(&list, whole).unwrap();
    let flags = laid.target.join("var/vmail/a.example/joe/Maildir/cur/1.a:2,FSa");
    fs::rename(&flags, flags.with_file_name("1.a:2,F")).unwrap();
    fs::remove_file(laid.target.join("var/vmail/a.example/joe/Maildir/.Sent/cur/4.d:2,S")).unwrap();
    fs::write(laid.target.join("var/vmail/a.example/joe/Maildir/subscriptions"), "INBOX\n")
        .unwrap();
    let (_, told) = ask();
    for difference in ["flags FS F", "flags S no such message", "keywords Work ", "subscription"] {
        assert!(told.contains(&format!("joe@a.example {difference}")), "{told}");
    }
}

/// A prediction that is wrong is found out: somebody has edited a table so that the servers read
/// it otherwise than the plan does.
#[test]
fn a_target_whose_servers_do_something_else_is_found_out() {
    let laid = Laid::larch().migrated();
    let main = laid.target.join("etc/postfix/master.cf");
    let text = fs::read_to_string(&main).unwrap();
    let other = text.replace("lmtp unix - - n - 20 lmtp", "lmtp unix - - n - 20 discard");
    assert_ne!(text, other);
    fs::write(&main, other).unwrap();
    let ran = rehearse(&laid, &["--sample", "40"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("differs"), "{}", ran.all());
    assert!(ran.stdout.contains("= seen:      thrown away"), "{}", ran.all());
}

#[test]
fn a_folder_that_is_no_target_is_refused_with_its_name_for_it() {
    let mut laid = Laid::larch();
    laid.target = laid.folder.path().join("empty");
    fs::create_dir(&laid.target).unwrap();
    let ran = rehearse(&laid, &[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("has `unqmail migrate` written this target?"), "{}", ran.all());
}

/// What belongs to a stage of the process with this id: processes, by their arguments, and mounts.
fn remains(of: u32) -> BTreeSet<String> {
    let name = format!("unqmail-stage-{of}-");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()))
        .flat_map(|entry| ["cmdline", "mountinfo"].map(|file| entry.path().join(file)))
        .filter(|path| {
            let text = fs::read(path).unwrap_or_default();
            text.windows(name.len()).any(|part| part == name.as_bytes())
        })
        .map(|path| path.display().to_string())
        .collect()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn stopping_leaves_no_process_mount_or_namespace_and_two_at_once_agree() {
    let laid = Laid::larch().migrated();
    let start = || {
        let mut child = command(["rehearse".as_ref(), laid.site.as_os_str()]);
        child.arg(&laid.target).arg("--config").arg(&laid.config);
        child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut stopped, mut killed, going) = (start(), start(), start());
    let ids = [stopped.id(), killed.id(), going.id()];
    for id in ids {
        wait_for("no stage was set", || !remains(id).is_empty());
    }
    let signal = |child: &std::process::Child, signal: &str| {
        let id = child.id().to_string();
        assert!(command_of("kill", &[signal, &id]));
    };
    signal(&stopped, "-INT");
    signal(&killed, "-KILL");
    assert_eq!(stopped.wait().unwrap().code(), Some(5));
    killed.wait().unwrap();
    // Neither end has disturbed the third.
    let going = going.wait_with_output().unwrap();
    assert_eq!(going.status.code(), Some(0), "{}", String::from_utf8_lossy(&going.stdout));
    for id in ids {
        wait_for("something of a stage is left", || remains(id).is_empty());
    }
}

fn command_of(program: &str, args: &[&str]) -> bool {
    std::process::Command::new(program).args(args).status().unwrap().success()
}

#[test]
fn all_addresses_of_the_real_site_end_as_predicted() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let report = report(&atelier.site, target, &atelier.config, &[], b"");
    let (asked, took) = (report["asked"].as_u64().unwrap(), report["seconds"].as_u64().unwrap());
    eprintln!("{asked} addresses of the real site were rehearsed in {took} s");
    assert!(asked > 800);
    let checked = &report["checked"];
    assert_eq!((&report["mailboxes"], &checked["folder"]), (&271.into(), &681.into()));
    assert_eq!((&checked["flags"], &checked["uidl"]), (&5156.into(), &3246.into()));
}

/// Every address that was tried on the old server, asked of the new one: of those that reach no
/// program and no robot at least 97 % end as the old server ended them (`tests/suite/atelier.rs`
/// proves that the old way is told as it was), and a finding explains each of the others.
#[test]
fn what_was_recorded_on_the_old_server_happens_on_the_new_one() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let truth = atelier.truth("deliver").into_iter();
    let tried: BTreeSet<String> =
        truth.map(|row| row["rcpt"].as_str().unwrap().to_owned()).collect();
    let input = tried.iter().cloned().collect::<Vec<_>>().join("\n");
    let more = ["--addresses", "-"];
    report(&atelier.site, target, &atelier.config, &more, input.as_bytes());
    // The servers did what is predicted, for each of them; now the prediction against the old way.
    let [site, config] = [&atelier.site, &atelier.config].map(|path| path.to_str().unwrap());
    let args = ["explain", site, "-", "--format", "json", "--config", config];
    let told = unqmail_with(args, input.as_bytes());
    assert_eq!(told.code, 0, "{}", told.stderr);
    let (mut plain, mut same, mut unexplained) = (0_u32, 0_u32, Vec::new());
    for line in told.stdout.lines() {
        let told: Value = serde_json::from_str(line).unwrap();
        let old = told["old"].as_array().unwrap();
        if old.iter().any(|outcome| !outcome["run"].is_null() || !outcome["reply"].is_null()) {
            continue;
        }
        plain += 1;
        if told["verdict"] == "same" {
            same += 1;
        } else if told["findings"].as_array().unwrap().is_empty() {
            unexplained.push(told["address"].clone());
        }
    }
    eprintln!("{same} of {plain} addresses without programs end as they did");
    assert!(tried.len() == 1371 && plain > 1300, "{} {plain}", tried.len());
    assert!(same * 100 >= plain * 97, "{same} of {plain}");
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// The report of a rehearsal in which nothing differs.
fn report(site: &Path, target: &Path, config: &Path, more: &[&str], input: &[u8]) -> Value {
    let [site, target, config] = [site, target, config].map(|path| path.to_str().unwrap());
    let args = ["rehearse", site, target, "--config", config, "--format", "json"];
    let ran = unqmail_with([&args, more].concat(), input);
    let report = ran.json();
    let rows = report.get("addresses").and_then(Value::as_array).unwrap();
    let agrees = |row: &&Value| row.get("agrees") == Some(&Value::Bool(true));
    let differing: Vec<_> = rows.iter().filter(|row| !agrees(row)).collect();
    assert_eq!(report.get("mailbox_differences"), Some(&Value::Array(Vec::new())));
    assert!(differing.is_empty() && ran.code == 0, "{differing:#?}\n{}", ran.stderr);
    report
}
