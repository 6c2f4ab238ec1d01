//! Killed anywhere, run again: the target is the same as after one run that nothing disturbed.

use crate::support::{Item, Laid, command, first_change, is_message, snapshot};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A target without what tells of the runs themselves.
fn result(target: &Path) -> BTreeMap<PathBuf, Item> {
    let mut items = snapshot(target);
    items.retain(|path, _| !path.starts_with("var/lib"));
    for item in items.values_mut() {
        // Folders get their dates from what happens in them; configuration from when it is written.
        if item.kind == 'd' || item.kind == 'l' {
            item.mtime = (0, 0);
        }
    }
    for (path, item) in &mut items {
        if !is_message(path) {
            item.mtime = (0, 0);
        }
    }
    items
}

fn start(laid: &Laid, signal_after: Duration, signal: &str) -> Option<i32> {
    let args = ["migrate".as_ref(), laid.site.as_os_str(), laid.target.as_os_str()];
    let config = ["--config".as_ref(), laid.config.as_os_str(), "--jobs".as_ref(), "1".as_ref()];
    let mut child = command(args.into_iter().chain(config))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(signal_after);
    let id = child.id().to_string();
    let kill =
        std::process::Command::new("kill").args([signal, &id]).stderr(Stdio::null()).status();
    drop(kill);
    child.wait().unwrap().code()
}

#[test]
fn killed_at_any_moment_the_next_run_completes_it() {
    let whole = result(&Laid::larch().migrated().target);
    let mut torn = 0;
    for step in 0..30 {
        let laid = Laid::larch();
        if start(&laid, Duration::from_micros(step * 800), "-KILL").is_none() {
            torn += 1;
        }
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(first_change(&whole, &result(&laid.target)), None, "killed after step {step}");
        assert_eq!(laid.verify(&[]).code, 0);
    }
    assert!(torn > 5, "only {torn} runs were killed before their end");
}

#[test]
fn a_run_that_is_stopped_says_that_it_can_go_on() {
    // Enough messages for the signal to arrive among them.
    let messages: String = (0..3000)
        .map(|n| {
            format!(
                "message home/vpopmail/domains/a.example/joe/Maildir/cur/{n}.a:2,S Number {n}\n"
            )
        })
        .collect();
    let laid = Laid::small(&messages);
    let stopped = (1..200).any(|step| {
        let code = start(&laid, Duration::from_millis(step * 3), "-INT");
        assert!([Some(0), Some(5), None].contains(&code), "{code:?}");
        code == Some(5)
    });
    assert!(stopped, "no run was stopped");
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(laid.verify(&[]).code, 0);
}
