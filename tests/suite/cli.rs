//! The program as a sysadmin meets it: verbs, exit statuses, what it prints and what it never does.

use crate::support::{Laid, command, project, read, scratch, snapshot, unqmail, unqmail_with};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

#[test]
fn help_is_no_error_and_nonsense_is() {
    assert_eq!(unqmail(["--help"]).code, 0);
    assert_eq!(unqmail(["plan", "--help"]).code, 0);
    for nonsense in [&["plan"][..], &["frobnicate"], &["plan", "/x", "--format", "xml"], &[]] {
        assert_eq!(unqmail(nonsense).code, 2, "{nonsense:?}");
    }
}

#[test]
fn a_folder_without_qmail_is_named() {
    let empty = scratch();
    let path = empty.path().to_str().unwrap();
    for verb in ["plan", "explain"] {
        let ran = unqmail([verb, path, "joe@a.example"].into_iter().take(if verb == "plan" {
            2
        } else {
            3
        }));
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains(path) && ran.stderr.contains("holds no qmail"),
            "{}",
            ran.all()
        );
    }
    let ran = unqmail(["plan", "/nowhere/at/all"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("/nowhere/at/all"), "{}", ran.all());
}

#[test]
fn an_error_finding_refuses_until_it_is_waived() {
    let program = "file home/vpopmail/domains/a.example/.qmail-tickets\n| |/usr/local/bin/ticket\n";
    let laid = Laid::small(program);
    assert_eq!(laid.plan(&[]).code, 3);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("alias-program") && ran.stderr.contains("nothing was written"));
    assert!(!laid.target.exists());
    let waiver =
        "[[waive]]\ncode = \"alias-program\"\nsubject = \"tickets@a.example\"\nreason = \"x\"\n";
    fs::write(&laid.config, waiver).unwrap();
    assert_eq!(laid.plan(&[]).code, 0);
    assert_eq!(laid.migrate(&[]).code, 0);
    fs::write(&laid.config, waiver.replace("alias-program", "*").replace("tickets@a.example", "*"))
        .unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("EVERY ERROR FINDING"), "{}", ran.all());
}

#[test]
fn a_waiver_that_covers_nothing_is_named() {
    let laid = Laid::small("");
    let waiver = "[[waive]]\ncode = \"alias-progam\"\nsubject = \"*\"\nreason = \"typing error\"\n";
    fs::write(&laid.config, waiver).unwrap();
    let ran = laid.plan(&[]);
    assert!(ran.stdout.contains("covers nothing: code \"alias-progam\""), "{}", ran.all());
}

#[test]
fn a_wrong_setting_is_named_and_nothing_is_done() {
    let laid = Laid::small("");
    fs::write(&laid.config, "[new]\nmap_tpye = \"lmdb\"\n").unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("map_tpye"), "{}", ran.all());
    assert!(!laid.target.exists());
}

#[test]
fn the_second_run_changes_nothing_and_says_so() {
    let laid = Laid::larch().migrated();
    let before = snapshot(&laid.target);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    let mut after = snapshot(&laid.target);
    // The lock is taken anew, and stamps that were too young for the first run are remembered.
    let ours = ["lib/unqmail", "unqmail/lock", "unqmail/folders"];
    let is_ours = |path: &Path| ours.iter().any(|end| path.ends_with(end));
    after.retain(|path, _| !is_ours(path));
    for (path, item) in &after {
        assert_eq!(before.get(path), Some(item), "{}", path.display());
    }
}

#[test]
fn two_runs_on_one_target_do_not_meet() {
    let laid = Laid::small("").migrated();
    let lock = fs::File::open(laid.target.join("var/lib/unqmail/lock")).unwrap();
    lock.lock().unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("another"), "{}", ran.all());
    lock.unlock().unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
}

#[test]
fn a_file_of_somebody_else_is_never_overwritten() {
    let laid = Laid::small("");
    let file = laid.target.join("etc/postfix/main.cf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "# mine\n").unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("file-foreign"), "{}", ran.all());
    assert_eq!(read(&file), "# mine\n");
    assert!(read(&file.with_extension("cf.unqmail")).contains("virtual_mailbox_domains"));
}

#[test]
fn a_file_that_was_edited_stays_until_there_is_something_new() {
    let laid = Laid::small("").migrated();
    let file = laid.target.join("etc/postfix/main.cf");
    let edited = read(&file) + "# edited\n";
    fs::write(&file, &edited).unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("file-edited"), "{}", ran.all());
    fs::write(laid.site.join("var/qmail/control/databytes"), "1000000\n").unwrap();
    let ran = laid.migrate(&[]);
    assert!(ran.stdout.contains("file-foreign"), "{}", ran.all());
    assert_eq!(read(&file), edited);
}

#[test]
fn what_is_gone_on_the_old_server_goes_on_the_new_one() {
    let laid = Laid::larch().migrated();
    let list = "var/spool/mlmmj/larch.example/news";
    let (prefix, members) = (
        laid.target.join(list).join("control/prefix"),
        laid.target.join(list).join("subscribers.d/q"),
    );
    assert!(prefix.is_file() && members.is_file());
    let old = laid.site.join("home/vpopmail/domains/larch.example/news");
    fs::remove_file(old.join("prefix")).unwrap();
    for file in fs::read_dir(old.join("subscribers")).unwrap() {
        let path = file.unwrap().path();
        if fs::read_to_string(&path).unwrap().contains("quin@") {
            fs::remove_file(path).unwrap();
        }
    }
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("Removed: 2 files"), "{}", ran.all());
    assert!(!prefix.exists() && !members.exists());
    assert_eq!(laid.verify(&[]).code, 0);
}

#[test]
fn the_old_server_is_no_target() {
    let laid = Laid::small("");
    let site = laid.site.to_str().unwrap();
    let before = snapshot(&laid.site);
    let ran = unqmail(["migrate", site, &format!("{site}/../site")]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert_eq!(snapshot(&laid.site), before);
}

#[test]
fn a_run_that_failed_prints_no_steps() {
    let laid = Laid::larch();
    fs::create_dir_all(laid.target.join("var")).unwrap();
    fs::write(laid.target.join("var/vmail"), "in the way").unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(
        !ran.stdout.contains("To activate") && ran.stdout.contains("not complete"),
        "{}",
        ran.all()
    );
}

#[test]
fn reports_go_where_they_are_sent() {
    let laid = Laid::small("");
    let file = laid.folder.path().join("plan.json");
    let ran = laid.plan(&["--format", "json", "--out", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    let plan: serde_json::Value = serde_json::from_str(&read(&file)).unwrap();
    assert_eq!(plan["format"], "unqmail.plan/1");
}

#[test]
fn a_closed_pipe_is_no_failure_and_hides_none() {
    let laid = Laid::larch();
    let tries = [
        ("text", unqmail::sample::SETTINGS, 0),
        ("csv", unqmail::sample::SETTINGS, 0),
        ("text", "", 3),
    ];
    for (format, settings, code) in tries {
        fs::write(&laid.config, settings).unwrap();
        let config = ["--config".as_ref(), laid.config.as_os_str()];
        let args = ["plan".as_ref(), laid.site.as_os_str(), "--format".as_ref(), format.as_ref()];
        let args = args.into_iter().chain(config);
        let mut child =
            command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said}");
        assert!(!said.contains("pipe"), "{said}");
    }
}

#[test]
fn no_password_and_no_hash_is_ever_printed() {
    let laid = Laid::larch();
    let runs = [
        laid.plan(&["--all"]),
        laid.plan(&["--format", "json"]),
        laid.plan(&["--format", "csv"]),
        laid.explain(&["adam@larch.example", "leo@larch.example"]),
        laid.migrate(&[]),
        laid.verify(&[]),
    ];
    let manifest = unqmail::sample::SITE;
    let secrets: Vec<&str> = manifest
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(":$"))
        .flat_map(|line| [line.split(':').nth(1).unwrap(), line.rsplit(':').next().unwrap()])
        .filter(|secret| secret.len() > 6)
        .collect();
    assert!(secrets.len() > 20);
    for ran in runs {
        for secret in &secrets {
            assert!(!ran.all().contains(secret), "{secret} in {}", ran.all());
        }
    }
}

#[test]
fn hashes_lie_where_only_their_programs_can_read_them() {
    let laid = Laid::larch().migrated();
    for (path, item) in snapshot(&laid.target) {
        let text = fs::read(laid.target.join(&path)).unwrap_or_default();
        let has_hash = text
            .windows(4)
            .any(|four| [b"$1$l", b"$6$l", b"$5$l"].contains(&four.try_into().unwrap()));
        assert!(!has_hash || item.mode & 0o007 == 0, "{} is {:o}", path.display(), item.mode);
    }
}

#[test]
fn explain_tells_both_ways() {
    let laid = Laid::larch();
    let ran = laid.explain(&["team@larch.example"]);
    assert_eq!(ran.code, 0);
    for part in [".qmail-team:1", "adam@larch.example", "someone@outside.example", "same"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let site = laid.site.to_str().unwrap();
    let ran =
        unqmail_with(["explain", site, "-", "--format", "json"], b"eve@larch.example\nno\xe9@x\n");
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["address"], "eve@larch.example");
    assert_eq!(lines[0]["verdict"], "same");
    assert_eq!(
        (&lines[1]["address"], &lines[1]["address_encoding"]),
        (&"no\u{e9}@x".into(), &"latin1".into())
    );
}

#[test]
fn explain_prints_the_page_of_a_code() {
    let ran = unqmail(["explain", "alias-program"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stdout, read(&project().join("docs/findings/alias-program.md")));
    assert_eq!(unqmail(["explain", "no-such-code"]).code, 2);
}

#[test]
fn the_demonstration_runs_without_root_and_says_what_is_left_out() {
    use std::os::unix::process::CommandExt as _;
    // Beside the build nobody else may have a place; and the program must be readable there.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let program = folder.path().join("unqmail");
    fs::copy(env!("CARGO_BIN_EXE_unqmail"), &program).unwrap();
    let demo = folder.path().join("demo");
    let mut run = std::process::Command::new(&program);
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)).unwrap();
        run.uid(65534).gid(65534);
    }
    let output = run.arg("demo").arg(&demo).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("site-owners-lost") && said.contains("Owners are left"), "{said}");
    // What is copied to the new host belongs to nobody there.
    assert!(said.contains("--chown=root:root") && said.contains("chown -R vmail:vmail"), "{said}");
}

#[test]
fn the_demonstration_runs_through_and_again() {
    let folder = scratch();
    let demo = folder.path().join("demo");
    for _ in 0..2 {
        let ran = unqmail(["demo".as_ref(), demo.as_os_str()]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(
            ran.stdout.contains("nothing differs") && ran.stderr.contains("Next:"),
            "{}",
            ran.all()
        );
    }
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("letter"), "dear").unwrap();
    let ran = unqmail(["demo".as_ref(), mine.as_os_str()]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("holds other things"), "{}", ran.all());
    assert_eq!(read(&mine.join("letter")), "dear");
}
