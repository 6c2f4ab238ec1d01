//! Programs that are let run see what qmail told them, and their exit codes mean what they did.

use crate::delivery::letter;
use crate::stage;
use crate::support::{Laid, unqmail};
use crate::wire::{HERE, send};
use std::fs;
use std::time::{Duration, Instant};

/// Programs as lines of shell: nothing has to be installed for them.
fn site() -> (String, String) {
    let d = "home/vpopmail/domains/a.example";
    let tell = "{ env; pwd; id -un; cat; } > /var/tmp/";
    let lines = [
        (".qmail-orders-default", format!("|{tell}told")),
        (".qmail-lined", "|preline -f cat > /var/tmp/lined".to_owned()),
        (".qmail-stops", "|perl -e \"exit 99\"".to_owned()),
        (".qmail-fails", "|perl -e \"print qq(gone); exit 100\"".to_owned()),
        (".qmail-waits", "|perl -e \"exit 1\" 0".to_owned()),
        (".qmail-it's$x", "|: > '/var/tmp/it'\"'\"'s'; id > /var/tmp/quoted".to_owned()),
    ];
    let (mut manifest, mut programs) = (String::new(), String::from("[programs]\n"));
    for (name, line) in &lines {
        let name: String = name.replace('$', "%24");
        manifest += &format!("file {d}/{name}\n| {line}\n");
    }
    manifest += &format!("file {d}/.qmail-both\n| &eve@a.example\n| |/usr/local/bin/lost\n");
    let plan = Laid::small(&manifest).plan(&["--format", "json"]);
    let plan = plan.json();
    let listed = plan.pointer("/programs").and_then(|all| all.as_array());
    for program in listed.expect("programs are listed") {
        let program = program.pointer("/program").and_then(|name| name.as_str()).unwrap();
        programs += &format!("{} = {{ run = true }}\n", serde_json::to_string(program).unwrap());
    }
    (manifest, programs)
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_program_sees_what_qmail_told_it_and_its_exit_code_means_what_it_did() {
    let (manifest, programs) = site();
    let laid = Laid::small_with(&manifest, &programs).migrated();
    let stage = stage(&laid.target);
    let root = stage.root();
    // This is no rehearsal.
    let prepare = "rm /run/unqmail-rehearsal && mount -t tmpfs tmpfs /home && \
        mkdir -p /home/vpopmail/domains/a.example";
    let ran = stage.command("sh").args(["-c", prepare]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    for to in ["orders-Big-one", "lined", "stops", "fails", "waits", "it's$x"] {
        let to = format!("{to}@a.example");
        let said = send(&stage, HERE, "who@far.example", to.as_bytes(), &letter("probe"));
        assert_eq!(said, Ok(()), "{to}");
    }
    let log = || stage.log().join("\n");
    let read = |name: &str| fs::read_to_string(root.join("var/tmp").join(name)).unwrap_or_default();
    let has = |part: &str| log().contains(part);
    wait_for("all six are tried", || {
        let tried = log().matches("relay=unqmail-vpopmail").count();
        tried >= 6
    });
    let told = read("told");
    for line in [
        "SENDER=who@far.example",
        "NEWSENDER=who@far.example",
        "LOCAL=a.example-orders-Big-one",
        "EXT=orders-Big-one",
        "EXT2=Big-one",
        "EXT3=one",
        "DEFAULT=Big-one",
        "HOST=a.example",
        "HOST2=a",
        "RECIPIENT=a.example-orders-Big-one@a.example",
        "USER=a.example",
        "HOME=/home/vpopmail/domains/a.example",
        "/home/vpopmail/domains/a.example",
        "vpopmail",
        "Subject: probe",
    ] {
        assert!(told.lines().any(|own| own == line), "{line}: {told}\n{}", log());
    }
    let lined = read("lined");
    let head =
        "Return-Path: <who@far.example>\nDelivered-To: a.example-lined@a.example\nReceived: ";
    assert!(lined.starts_with(head), "{lined}");
    assert!(read("quoted").contains("(vpopmail)"), "{}", log());
    assert!(root.join("var/tmp/it's").exists());
    let ended = |to: &str, how: &str| {
        let mut lines = stage.log().into_iter();
        lines.any(|line| line.contains(&format!("orig_to=<{to}@a.example>")) && line.contains(how))
    };
    assert!(ended("stops", "status=sent"), "{}", log());
    assert!(ended("fails", "status=bounced") && has("gone"), "{}", log());
    assert!(ended("waits", "status=deferred"), "{}", log());
}

#[test]
fn a_rehearsal_hands_mail_to_programs_and_runs_none() {
    let (manifest, programs) = site();
    let laid = Laid::small_with(&manifest, &programs).migrated();
    let [site, target, config] =
        [&laid.site, &laid.target, &laid.config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["rehearse", site, target, "--config", config]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}
