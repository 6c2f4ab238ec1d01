//! A site that wants to do harm: no name, link or half-written file of it leads a write outside the
//! target, a line into a table, or the program into a crash.

use crate::support::{Laid, Ran, files_under, first_change, read, snapshot};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn is_sane(ran: &Ran) -> bool {
    [0, 1, 3, 4].contains(&ran.code) && !ran.stderr.contains("panicked")
}

/// All verbs on a site; whatever they find, they end in an orderly way.
fn survive(laid: &Laid, what: &str) {
    let waive = "[[waive]]\ncode = \"*\"\nsubject = \"*\"\nreason = \"hostile\"\n";
    fs::write(&laid.config, waive).unwrap();
    for ran in
        [laid.plan(&["--format", "json"]), laid.plan(&[]), laid.migrate(&[]), laid.verify(&[])]
    {
        assert!(is_sane(&ran), "{what}: {}", ran.all());
    }
}

#[test]
fn damaged_files_are_findings_not_crashes() {
    // A generator that is the same at every run.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap()
    };
    for round in 0..16 {
        let laid = Laid::larch();
        let all = files_under(&laid.site);
        let files: Vec<&PathBuf> =
            all.iter().filter(|path| path.is_file() && !path.is_symlink()).collect();
        let mut told = Vec::new();
        for _ in 0..12 {
            let path = files[next() % files.len()];
            let mut bytes = fs::read(path).unwrap();
            match next() % 4 {
                0 => bytes.truncate(next() % (bytes.len() + 1)),
                1 => bytes.extend((0..next() % 300).map(|_| u8::try_from(next() % 256).unwrap())),
                2 if !bytes.is_empty() => {
                    let at = next() % bytes.len();
                    bytes[at] = u8::try_from(next() % 256).unwrap();
                }
                _ => {
                    bytes =
                        bytes.iter().map(|byte| if *byte == b'\n' { 0 } else { *byte }).collect();
                }
            }
            fs::write(path, &bytes).unwrap();
            told.push(path.strip_prefix(&laid.site).unwrap().display().to_string());
        }
        survive(&laid, &format!("round {round}: {told:?}"));
    }
}

#[test]
fn nothing_is_read_or_written_outside_through_links() {
    let laid = Laid::small("");
    let outside = laid.folder.path().join("outside");
    fs::create_dir_all(outside.join("Maildir/new")).unwrap();
    fs::write(outside.join("Maildir/new/1.secret"), "secret").unwrap();
    fs::write(outside.join("secret"), "secret words\n").unwrap();
    let domain = laid.site.join("home/vpopmail/domains/a.example");
    let link = |target: &Path, name: &str| {
        let path = laid.site.join(name);
        drop(fs::remove_file(&path));
        drop(fs::remove_dir_all(&path));
        std::os::unix::fs::symlink(target, path).unwrap();
    };
    let d = "home/vpopmail/domains/a.example";
    link(&outside.join("Maildir"), &format!("{d}/joe/Maildir"));
    link(&outside, &format!("{d}/eve"));
    link(&outside.join("secret"), &format!("{d}/.qmail-leak"));
    link(&outside.join("secret"), "var/qmail/control/smtpgreeting");
    link(Path::new("../../../../../../../../../../../../etc/passwd"), &format!("{d}/.qmail-up"));
    link(Path::new(".qmail-loop"), &format!("{d}/.qmail-loop"));
    assert!(domain.is_dir());
    let before = snapshot(&outside);
    survive(&laid, "links");
    assert_eq!(first_change(&before, &snapshot(&outside)), None);
    for path in files_under(&laid.target).iter().filter(|path| path.is_file()) {
        let text = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("secret"), "{} holds what lies outside", path.display());
        assert!(!text.contains("/bin/bash"), "{} holds the host's passwd", path.display());
    }
}

/// A Unix user can put links to anything into his own mailbox, and root reads it.
#[test]
fn nobody_gets_mail_or_files_of_others_through_links() {
    let laid = Laid::small(
        "file etc/passwd
| root:x:0:0:root:/root:/bin/sh
| alias:x:7790:2108::/var/qmail/alias:/bin/false
| vpopmail:x:89:89::/home/vpopmail:/bin/false
| ann:x:1001:1001::/home/ann:/bin/sh
| bob:x:1002:1002::/home/bob:/bin/sh
| cyd:x:1003:1003::/home/cyd:/bin/sh
| dan:x:1004:1004::/home/dan:/bin/sh
| eve:x:1005:1005::/home/eve:/bin/sh
| fay:x:1006:1006::/home/fay:/bin/sh
file var/qmail/users/assign
file var/qmail/control/locals
| mx.example
owner 0:0
file etc/shadow 600
| root:secret
owner 1001:1001
message home/ann/Maildir/cur/1.a:2,S secret
dir home/ann/Maildir/new
owner 1002:1002
link home/bob/Maildir/cur ../../ann/Maildir/cur
dir home/bob/Maildir/new
owner 1003:1003
link home/cyd/Mailbox /etc/shadow
dir home/cyd/Maildir/new
message home/cyd/Maildir/cur/2.b:2,S Own
owner 1004:1004
file home/dan/.qmail
| /etc/shadow
| ./box
| ./mail/
link home/dan/box /etc/shadow
link home/dan/mail ../ann/Maildir
owner 1005:1005
link home/eve/Maildir ../ann/Maildir
owner 1006:1006
dir home/fay
",
    );
    let at = |name: &str| laid.site.join(name);
    fs::hard_link(at("etc/shadow"), at("home/cyd/Maildir/cur/3.c:2,S")).unwrap();
    fs::hard_link(at("etc/shadow"), at("home/fay/Mailbox")).unwrap();
    fs::hard_link(at("home/cyd/Maildir/cur/2.b:2,S"), at("home/cyd/Maildir/cur/4.d:2,S")).unwrap();
    survive(&laid, "links");
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let home = |user: &str| laid.target.join("var/vmail/mx.example").join(user);
    for path in files_under(&laid.target.join("var/vmail")) {
        let is_anns = path.starts_with(home("ann"));
        assert!(is_anns || !read(&path).contains("secret"), "{} leaks", path.display());
    }
    assert!(home("ann").join("Maildir/cur/1.a:2,S").is_file());
    assert!(home("cyd").join("Maildir/cur/4.d:2,S").is_file());
    let plan = laid.plan(&["--all"]).stdout;
    for told in
        ["bob/Maildir/cur", "cyd/Maildir/cur/3.c", "cyd/Mailbox", "eve/Maildir", "fay/Mailbox"]
    {
        assert!(plan.contains(&format!("--> home/{told}")), "{told}: {plan}");
    }
    assert_eq!(laid.verify(&[]).code, 0, "{}", laid.verify(&[]).all());
}

#[test]
fn links_on_the_target_lead_no_write_outside() {
    for place in [
        "etc",
        "etc/postfix",
        "var",
        "var/vmail",
        "var/vmail/larch.example",
        "var/spool",
        "var/lib",
    ] {
        let laid = Laid::larch();
        let outside = laid.folder.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        let path = laid.target.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 1, "{place}: {}", ran.all());
        assert!(snapshot(&outside).len() == 1, "{place}: something was written outside");
    }
}

/// Names that would be a row, a comment, a path or a command if they were written as they are.
const NAMES: &[&str] = &[
    "a%0Ab", "a%0D%0Ab", "a%09b", "%22q%22", "a%20b", "a|b", "$(id)", "`id`", "a;b", "a,b", "a:b",
    "#c", "-n", "..", "a%00b", "%E9t%E9", "%C3%A9", "a%25b", "a@b", "<x>", "a\\b", "a'b", "{x}",
    "!x", "+x", "*", "?", "[a]", "a/b", "%7F", "%1B[31m",
];

#[test]
fn no_name_becomes_a_row_of_its_own() {
    let d = "home/vpopmail/domains/a.example";
    let mut manifest = String::new();
    for name in
        NAMES.iter().filter(|name| !name.contains("%00") && !name.contains('/') && **name != "..")
    {
        manifest += &format!("file {d}/.qmail-{name}\n| &joe@a.example\n");
        manifest += &format!("file {d}/.qmail-{name}-default\n| &eve@a.example\n");
    }
    manifest += &format!(
        "file {d}/vpasswd\n| joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:J:/{d}/joe:NOQUOTA\n"
    );
    for name in NAMES.iter().filter(|name| !name.contains("%0A") && !name.contains(':')) {
        manifest +=
            &format!("\\ {name}:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:J:/{d}/joe:NOQUOTA%0A\n");
    }
    manifest += &format!("file {d}/.qmail-targets\n");
    for name in NAMES {
        manifest += &format!("\\ &{name}@a.example%0A&x@{name}%0A\n");
    }
    let laid = Laid::small(&manifest);
    survive(&laid, "names");
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let plain = Laid::small("").migrated();
    let tables = "etc/postfix/unqmail";
    for path in files_under(&laid.target.join(tables)) {
        let name = path.file_name().unwrap();
        let text = fs::read(&path).unwrap();
        assert!(!text.contains(&0) && !text.contains(&b'\r') && !text.contains(&0x1b), "{name:?}");
        assert!(std::str::from_utf8(&text).is_ok(), "{name:?} is not UTF-8");
        // A table with a row that the program's own reader does not take would fail `verify`.
        let known = plain.target.join(tables).join(name).is_file();
        assert!(known, "{name:?} is a file that a harmless site has not");
    }
    let users = read(&laid.target.join("etc/dovecot/unqmail/users"));
    for row in users.lines().filter(|row| !row.starts_with('#')) {
        assert_eq!(row.split(':').count(), 8, "{row}");
        assert!(row.split(':').nth(5).unwrap().starts_with("/var/vmail/a.example/"), "{row}");
    }
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn terminal_codes_in_names_are_not_printed() {
    let laid = Laid::small("file home/vpopmail/domains/a.example/%1B[31mred%1B]0;title%07\n| x\n");
    let ran = laid.plan(&["--all"]);
    assert!(ran.stdout.contains("file-unclaimed"), "{}", ran.all());
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{7}'), "{:?}", ran.stdout);
}

#[test]
fn endless_forwards_end() {
    let d = "home/vpopmail/domains/a.example";
    let mut manifest = String::new();
    for n in 0..1010 {
        manifest += &format!("file {d}/.qmail-chain{n}\n| &chain{}@a.example\n", n + 1);
    }
    manifest += &format!("file {d}/.qmail-wide\n");
    for n in 0..1010 {
        manifest += &format!("| &chain{n}@a.example\n");
    }
    let laid = Laid::small(&manifest);
    survive(&laid, "a long chain");
}

#[test]
fn a_long_chain_and_a_wide_file_are_followed_to_their_end() {
    let d = "home/vpopmail/domains/a.example";
    let mut manifest = String::new();
    for n in 0..10_000 {
        let next = if n == 9_999 { "joe".to_owned() } else { format!("chain{}", n + 1) };
        manifest += &format!("file {d}/.qmail-chain{n}\n| &{next}@a.example\n");
    }
    manifest += &format!("file {d}/.qmail-wide\n");
    for n in 0..100_000 {
        manifest += &format!("| &somebody{n}@far.example\n");
    }
    let laid = Laid::small(&manifest);
    let before = Instant::now();
    let ran = laid.plan(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(before.elapsed().as_secs() < 120, "it took {:?}", before.elapsed());
}

#[test]
fn a_ring_of_forwards_keeps_nobody_busy() {
    let d = "home/vpopmail/domains/a.example";
    let ring: String = (0..300)
        .map(|n| format!("file {d}/.qmail-ring{n}\n| &ring{}@a.example\n", (n + 1) % 300))
        .collect();
    let laid = Laid::small(&ring);
    let ran = laid.plan(&["--format", "json"]);
    assert!(is_sane(&ran), "{}", ran.all());
    assert!(ran.stdout.contains("alias-loop"), "{}", ran.all());
}
