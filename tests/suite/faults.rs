//! System calls that fail, or take long, at the worst moment: strace(1) has them do so.

use crate::support::{Laid, Ran, command, is_message, read, snapshot};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const MAILDIR: &str = "home/vpopmail/domains/a.example/joe/Maildir";

/// A site with these messages of joe's, each of so many bytes, in a folder that Courier has numbered.
fn site(names: impl IntoIterator<Item = String>, bytes: usize) -> Laid {
    let folders = format!("dir {MAILDIR}/new\ndir {MAILDIR}/cur\ndir {MAILDIR}/tmp\n");
    let laid = Laid::small_with(&folders, "[old]\nquiet_seconds = 0\n");
    fs::write(laid.site.join(MAILDIR).join("courierimapuiddb"), "1 700000000 9000\n").unwrap();
    for name in names {
        let text = format!("Subject: {name}\n\n{}", "x".repeat(bytes));
        fs::write(laid.site.join(MAILDIR).join(name), text).unwrap();
    }
    laid
}

/// A pass with what strace(1) shall inject, see its option `-e inject`; into calls on these paths only,
/// if there are any.
fn tampered(laid: &Laid, inject: &str, paths: &[PathBuf]) -> Ran {
    let args = ["migrate".as_ref(), laid.site.as_os_str(), laid.target.as_os_str()];
    let pass = command(args.into_iter().chain(["--config".as_ref(), laid.config.as_os_str()]));
    let mut traced = std::process::Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}")]);
    traced.args(paths.iter().flat_map(|path| ["-P".as_ref(), path.as_os_str()]));
    traced.arg(pass.get_program()).args(pass.get_args());
    traced.output().expect("strace, which tests/run installs").into()
}

fn mailbox(laid: &Laid) -> PathBuf {
    laid.target.join("var/vmail/a.example/joe/Maildir")
}

/// The messages of joe's mailbox on the new server, by name, with what they hold.
fn messages(laid: &Laid) -> BTreeMap<PathBuf, String> {
    let all = snapshot(&mailbox(laid)).into_iter().filter(|(path, _)| is_message(path));
    all.map(|(path, item)| (path, item.content)).collect()
}

/// The next pass, without anything in its way, has all of it right.
fn is_completed(laid: &Laid) {
    let ran = laid.migrate(&["--final"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_copy_that_cannot_be_written_costs_nothing_but_itself() {
    let names =
        || (0..20).map(|number| format!("cur/{}.M{number}P1.mx:2,S", 1_200_000_000 + number));
    let bad = "cur/1200000007.M7P1.mx:2,S";
    for call in ["write", "utimensat", "fchown"] {
        let laid = site(names(), 5000);
        let ran = tampered(&laid, &format!("{call}:error=EIO"), &[mailbox(&laid).join(bad)]);
        assert!(ran.code != 0 && ran.all().contains("M7P1.mx:2,S"), "{call}: {}", ran.all());
        let there = messages(&laid);
        let is_left = there.contains_key(Path::new(bad));
        assert_eq!((there.len(), is_left), (19, false), "{call}: {}", ran.all());
        is_completed(&laid);
        assert_eq!(messages(&laid).len(), 20);
    }
}

#[test]
fn a_record_that_cannot_be_written_or_put_in_place_leaves_the_mailbox_to_the_next_pass() {
    let names = || (0..9).map(|number| format!("new/{}.M{number}P1.mx", 1_200_000_000 + number));
    for (call, name) in [
        ("write", ".brought.unqmail-new"),
        ("write", "begun"),
        ("write", "digests"),
        ("write", "written"),
        ("renameat", "."),
    ] {
        let laid = site(names(), 100);
        let folder = laid.target.join("var/lib/unqmail/mail/a.example/joe");
        let record = if name == "." { folder } else { folder.join(name) };
        let ran = tampered(&laid, &format!("{call}:error=EIO"), &[record]);
        // The program's own words: not strace, but it failed.
        let is_told = ran.stdout.contains("failed: ") && ran.stdout.contains("Input/output error");
        assert!(ran.code != 0 && is_told, "{call} {name}: {}", ran.all());
        is_completed(&laid);
        assert_eq!(messages(&laid).len(), 9, "{call} {name}");
    }
}

/// Two mailboxes with more mail each than is waited for at once, so that the second wait of the thread
/// which waits is in the middle of the run; strace counts the calls of each thread.
#[test]
fn a_wait_that_fails_in_the_middle_of_a_run_is_believed_though_the_last_one_does_not() {
    let laid = site([], 0);
    // What servers are told is on the disk before.
    assert_eq!(laid.migrate(&[]).code, 0);
    for number in 0..129 {
        let text = format!("Subject: {number}\n\n{}", "x".repeat(1 << 20));
        for user in ["joe", "eve"] {
            let cur = laid.site.join(format!("home/vpopmail/domains/a.example/{user}/Maildir/cur"));
            fs::write(cur.join(format!("{}.M{number}P1.mx:2,S", 1_200_000_000 + number)), &text)
                .unwrap();
        }
    }
    let ran = tampered(&laid, "syncfs:error=EIO:when=2", &[]);
    assert_ne!(ran.code, 0, "{}", ran.all());
    assert!(ran.all().contains("cannot wait for the disk"), "{}", ran.all());
    // Whose mail the disk did not take nobody knows: only the record before it counts.
    let records = walkdir::WalkDir::new(laid.target.join("var/lib/unqmail/mail")).into_iter();
    let records = records.map(Result::unwrap).filter(|entry| entry.file_name() == "brought");
    let tell = |entry: &walkdir::DirEntry| read(entry.path()).contains("M128P1.mx");
    assert_eq!(records.filter(tell).count(), 1);
    is_completed(&laid);
    assert_eq!(messages(&laid).len(), 129);
}

/// Each listing takes so long that messages are read meanwhile: they move from `new` to `cur`.
#[test]
fn messages_that_are_read_between_two_listings_of_a_pass_are_there_once() {
    let names = (0..60).map(|number| format!("new/{}.M{number}P1.mx", 1_200_000_000 + number));
    let laid = site(names, 100);
    assert_eq!(laid.migrate(&[]).code, 0);
    let whole = messages(&laid);
    let (maildir, is_over) = (laid.site.join(MAILDIR), AtomicBool::new(false));
    let moved = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut moved = 0;
            for (path, number) in whole.keys().zip(0..) {
                let name = path.file_name().unwrap().to_str().unwrap();
                if is_over.load(Relaxed) && number > 40 {
                    break;
                }
                fs::rename(maildir.join(path), maildir.join(format!("cur/{name}:2,S"))).unwrap();
                moved += 1;
                std::thread::sleep(Duration::from_millis(15));
            }
            moved
        });
        for _ in 0..2 {
            let folders = ["new", "cur"].map(|part| maildir.join(part));
            let ran = tampered(&laid, "getdents64:delay_exit=40000", &folders);
            assert_eq!(ran.code, 0, "{}", ran.all());
            let unique =
                |path: &PathBuf| path.to_str().unwrap().split(['/', ':']).nth(1).map(str::to_owned);
            let there = messages(&laid);
            let names: std::collections::BTreeSet<_> = there.keys().map(unique).collect();
            assert_eq!((there.len(), names.len()), (60, 60), "{there:?}");
        }
        is_over.store(true, Relaxed);
        reader.join().unwrap()
    });
    assert!(moved > 40);
    is_completed(&laid);
    let parts = |part: &str| fs::read_dir(mailbox(&laid).join(part)).unwrap().count();
    assert_eq!((parts("new"), parts("cur")), (60 - moved, moved));
    let contents = |messages: &BTreeMap<PathBuf, String>| {
        messages.values().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(contents(&messages(&laid)), contents(&whole));
}
