//! The verb that asks the real servers.

use crate::support::{Laid, command, migrated_atelier, unqmail_with};
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
    assert!(ran.stdout.contains("Mail ends where the plan says"), "{}", ran.all());
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
    assert!(differing.is_empty() && ran.code == 0, "{differing:#?}\n{}", ran.stderr);
    report
}
