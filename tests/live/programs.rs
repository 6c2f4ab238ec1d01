//! Programs that are let run see what qmail told them, and their exit codes mean what they did.

use crate::delivery::letter;
use crate::stage;
use crate::support::{Laid, atelier, atelier_with, read, unqmail, unqmail_with};
use crate::wire::{HERE, send};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

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
    let mut manifest = String::new();
    for (name, line) in &lines {
        let name: String = name.replace('$', "%24");
        manifest += &format!("file {d}/{name}\n| {line}\n");
    }
    manifest += &format!("file {d}/.qmail-both\n| &eve@a.example\n| |/usr/local/bin/lost\n");
    let programs = all_run(&Laid::small(&manifest).plan(&["--format", "json"]).json());
    (manifest, programs)
}

/// Settings that let every program of a plan run.
fn all_run(plan: &Value) -> String {
    let programs = plan["programs"].as_array().expect("programs are listed").iter();
    let lines = programs.map(|one| format!("{} = {{ run = true }}\n", one["program"]));
    format!("[programs]\n{}", lines.collect::<String>())
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

/// A program that the recordings have seen run, and what it was told.
struct Recorded {
    to: String,
    program: String,
    /// The file in which the stub tells it.
    name: String,
    told: Vec<String>,
    folder: String,
}

/// Programs of the site that the recordings replaced by a stub. One domain stands for its alias
/// domains, and nothing runs for domains that are known by what they end in.
fn recorded(rows: &[Value]) -> Vec<Recorded> {
    let mut found = Vec::new();
    for row in rows {
        let to = row["rcpt"].as_str().unwrap();
        for run in row["exec"].as_array().into_iter().flatten() {
            let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
            let command = text("cmd").replace("preline ", "");
            let Some(program) = command.trim().strip_prefix("/usr/local/bin/") else { continue };
            let is_wild = to.to_lowercase().ends_with("wild.example");
            if program.starts_with("ezmlm") || is_wild {
                continue;
            }
            let host = text("host");
            let real = host.replace("dupont-atelier", "atelier-dupont");
            let local = text("local").replace(&host, &real);
            let name = format!("{local}-{}", run["uid"]);
            let mut told = vec![
                format!("EXT={}", text("ext")),
                format!("LOCAL={local}"),
                format!("HOST={real}"),
                "SENDER=p@far.example".to_owned(),
                format!("uid={}", run["uid"]),
                format!("cwd={}", text("cwd")),
            ];
            told.extend(run["default"].as_str().map(|default| format!("DEFAULT={default}")));
            let program = program.split(' ').next().unwrap().to_owned();
            found.push(Recorded { to: to.to_owned(), program, name, told, folder: text("cwd") });
        }
    }
    found
}

/// Puts a stub in the place of each program: it tells what it was told and ends as a file says.
fn put_stubs(stage: &Stage, recorded: &[Recorded]) {
    let stub = "#!/bin/sh\n{ env; echo \"uid=$(id -u)\"; echo \"cwd=$(pwd)\"; } > \"/var/tmp/told/$LOCAL-$(id -u)\"\n\
        cat > /dev/null\necho gone\nexit \"$(cat /var/tmp/code)\"\n";
    let mut prepare = String::from(
        "set -e; rm /run/unqmail-rehearsal; mkdir -m 1777 /var/tmp/told; mount -t tmpfs tmpfs /home
        mount -t tmpfs tmpfs /usr/local/bin; chmod 755 /var/tmp/stub\n",
    );
    for one in recorded {
        prepare += &format!(
            "mkdir -p '{}'; cp /var/tmp/stub /usr/local/bin/{}\n",
            one.folder, one.program
        );
    }
    let file = stage.root().join("var/tmp/stub");
    fs::write(file, stub).unwrap();
    let ran = stage.command("sh").args(["-c", &prepare]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn programs_of_the_real_site_are_told_what_was_recorded_and_end_as_before() {
    let Some(plain) = atelier() else { return };
    let args = ["plan", plain.site.to_str().unwrap(), "--format", "json"];
    let settings = all_run(&unqmail(args).json());
    let Some((atelier, target, _)) = atelier_with(&settings) else { return };
    let recorded = recorded(&atelier.truth("deliver"));
    let stage = stage(target.path());
    put_stubs(&stage, &recorded);
    let root = stage.root();
    for (code, ends) in
        [(0, "status=sent"), (99, "status=sent"), (100, "status=bounced"), (111, "status=deferred")]
    {
        fs::write(root.join("var/tmp/code"), code.to_string()).unwrap();
        stage.take_log();
        for one in &recorded {
            let sent = send(&stage, HERE, "p@far.example", one.to.as_bytes(), &letter("probe"));
            assert_eq!(sent, Ok(()), "{}", one.to);
        }
        let ended = |one: &Recorded| {
            let name = format!("orig_to=<{}>", one.to);
            let is_own = |line: &String| line.contains("relay=unqmail-") && line.contains(&name);
            stage.log().into_iter().find(is_own)
        };
        let begun = Instant::now();
        let is_over = || recorded.iter().all(|one| ended(one).is_some());
        while !is_over() && begun.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(100));
        }
        for one in &recorded {
            let line = ended(one);
            let is_so = line.as_ref().is_some_and(|line| line.contains(ends));
            assert!(is_so, "{code} {}: {line:?}\n{}", one.to, stage.log().join("\n"));
        }
    }
    let told: Vec<(String, String)> = fs::read_dir(root.join("var/tmp/told"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(&path)))
        .collect();
    for one in &recorded {
        // An address of its own has lost its capitals where a table names it.
        let own = told.iter().find(|(name, _)| *name == one.name);
        let lower = || told.iter().find(|(name, _)| name.eq_ignore_ascii_case(&one.name));
        let (_, told) = own.or_else(lower).unwrap_or_else(|| panic!("{}: {told:?}", one.to));
        for line in &one.told {
            let is_there = told.lines().any(|own| own.eq_ignore_ascii_case(line));
            assert!(is_there, "{}: {line}\n{told}", one.to);
        }
    }
    assert!(recorded.len() > 15, "{}", recorded.len());
}

/// Mail to programs, robots and filters: of every address that reached one when it was recorded.
#[test]
fn a_rehearsal_finds_all_programs_of_the_real_site_as_predicted() {
    let Some(plain) = atelier() else { return };
    let args = ["plan", plain.site.to_str().unwrap(), "--format", "json"];
    let settings = all_run(&unqmail(args).json());
    let Some((atelier, target, config)) = atelier_with(&settings) else { return };
    let rows = atelier.truth("deliver");
    let reach = rows.iter().filter(|row| {
        let mut outcomes = row["outcome"].as_array().unwrap().iter();
        outcomes.any(|outcome| {
            outcome["program"].as_str().is_some_and(|program| !program.contains("ezmlm"))
        })
    });
    let tried: BTreeSet<&str> = reach.map(|row| row["rcpt"].as_str().unwrap()).collect();
    let input = tried.iter().copied().collect::<Vec<_>>().join("\n");
    let paths = [atelier.site.as_path(), target.path(), &config].map(|path| path.to_str().unwrap());
    let args = ["rehearse", paths[0], paths[1], "--config", paths[2], "--format", "json"];
    let ran = unqmail_with([&args[..], &["--addresses", "-"]].concat(), input.as_bytes());
    let report = ran.json();
    assert_eq!(ran.code, 0, "{report:#}");
    assert_eq!(
        (report["asked"].as_u64(), report["differing"].as_u64()),
        (Some(tried.len() as u64), Some(0))
    );
    assert!(tried.len() > 50, "{}", tried.len());
}
