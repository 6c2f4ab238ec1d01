//! Late mail is brought to where Dovecot serves the mailbox and people have worked in it: it appears
//! once and whole, with higher numbers, and nothing that was deleted or moved comes back.

use crate::stage;
use crate::support::{Laid, Ran, SMALL, unqmail};
use crate::wire::{Host, Line, outside};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const JOE: &str = "home/vpopmail/domains/a.example/joe/Maildir";

/// A site on which Joe has numbered messages in two folders.
pub fn site() -> String {
    format!(
        "{SMALL}message {JOE}/cur/1267809600.a:2,S Stays
message {JOE}/cur/1267809601.b:2,S Goes
message {JOE}/cur/1267809602.c:2,S Moves
message {JOE}/.Kept/cur/1267809603.d:2,S Kept
dir {JOE}/.Kept/new
file {JOE}/courierimapuiddb
| 1 700000000 20
| 7 1267809600.a
| 8 1267809601.b
| 9 1267809602.c
file {JOE}/.Kept/courierimapuiddb
| 1 700000001 5
| 4 1267809603.d
"
    )
}

/// A client's session.
fn log_in(host: &dyn Host) -> Line {
    let mut line = Line::open(host, 143, outside(1));
    let (_, said) = line.imap("LOGIN joe@a.example spring-apple");
    assert!(said.starts_with("t OK"), "{said}");
    line
}

fn ask(line: &mut Line, command: &str) -> Vec<String> {
    let (told, said) = line.imap(command);
    assert!(said.starts_with("t OK"), "{command}: {said}");
    told
}

/// The messages of a folder as a client is told of them: number and subject.
fn listed(line: &mut Line, folder: &str) -> Vec<(u32, String)> {
    ask(line, &format!("SELECT \"{folder}\""));
    let told = ask(line, "UID FETCH 1:* (UID ENVELOPE)");
    let message = |line: &String| {
        let (_, rest) = line.split_once("(UID ")?;
        let (uid, envelope) = rest.split_once(" ENVELOPE (")?;
        // The date comes first, then the subject.
        let mut texts = envelope.trim_start_matches("NIL").split('"');
        let subject = if envelope.starts_with("NIL") { texts.nth(1) } else { texts.nth(3) };
        Some((uid.parse().ok()?, subject?.to_owned()))
    };
    told.iter().filter_map(message).collect()
}

fn owned(messages: &[(u32, &str)]) -> Vec<(u32, String)> {
    messages.iter().map(|(uid, subject)| (*uid, (*subject).to_owned())).collect()
}

/// Brings late mail to a server that runs.
pub fn bring_late_mail(laid: &Laid, host: &dyn Host, root: &Path) {
    let late = || -> Ran {
        let paths = [&laid.site, root, &laid.config].map(|path| path.to_str().unwrap());
        let ran = unqmail(["migrate", paths[0], paths[1], "--late", "--config", paths[2]]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran
    };
    let mut line = log_in(host);
    assert_eq!(listed(&mut line, "INBOX.Kept"), owned(&[(4, "Kept")]));
    let told = listed(&mut line, "INBOX");
    assert_eq!(told, owned(&[(7, "Stays"), (8, "Goes"), (9, "Moves")]));
    ask(&mut line, "UID STORE 8 +FLAGS (\\Deleted)");
    ask(&mut line, "EXPUNGE");
    ask(&mut line, "UID MOVE 9 INBOX.Kept");
    ask(&mut line, "UID STORE 7 +FLAGS (\\Flagged)");

    let old = laid.site.join(JOE);
    let put = |name: &str, subject: &str, lines: usize| {
        let text = format!("Subject: {subject}\n\n{}", "a line of a late message\n".repeat(lines));
        fs::create_dir_all(old.join(name).parent().unwrap()).unwrap();
        fs::write(old.join(name), &text).unwrap();
        text.len()
    };
    let size = put("new/1267900001.e", "Late", 1 << 20);
    put("cur/1267900002.f:2,S", "Late and read", 1);
    put(".Kept/cur/1267900003.g:2,S", "Late in a folder", 1);
    put(".New/cur/1267900004.h:2,S", "Late in a new folder", 1);
    fs::create_dir_all(old.join(".New/new")).unwrap();
    // Whoever looks at any moment sees the message whole or not at all.
    let maildir = root.join("var/vmail/a.example/joe/Maildir");
    let is_over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let (mut sizes, mut in_tmp) = (Vec::new(), false);
            while !is_over.load(Ordering::Relaxed) {
                let stat = fs::metadata(maildir.join("new/1267900001.e"));
                sizes.extend(stat.ok().map(|stat| stat.len()));
                sizes.dedup();
                in_tmp |= fs::read_dir(maildir.join("tmp")).unwrap().next().is_some();
            }
            (sizes, in_tmp)
        });
        assert!(late().stdout.contains("4 messages"));
        // One more look at the whole.
        std::thread::sleep(std::time::Duration::from_millis(50));
        is_over.store(true, Ordering::Relaxed);
        looks.join().unwrap()
    });
    assert_eq!(seen, (vec![u64::try_from(size).unwrap()], true));

    // The session goes on and is told of it, with numbers above all that were given out.
    let told = ask(&mut line, "NOOP");
    assert!(told.iter().any(|line| line == "* 3 EXISTS"), "{told:?}");
    let inbox = owned(&[(7, "Stays"), (20, "Late"), (21, "Late and read")]);
    let kept = owned(&[(4, "Kept"), (5, "Moves"), (6, "Late in a folder")]);
    for mut line in [line, log_in(host)] {
        assert_eq!(listed(&mut line, "INBOX"), inbox);
        let told = ask(&mut line, "UID FETCH 7 (FLAGS)");
        assert!(told.iter().any(|line| line.contains("\\Flagged")), "{told:?}");
        assert_eq!(listed(&mut line, "INBOX.Kept"), kept);
        assert_eq!(listed(&mut line, "INBOX.New"), owned(&[(1, "Late in a new folder")]));
    }

    // Once more nothing is late; what is deleted now does not come back either, nor what the old
    // server renames or moves meanwhile.
    assert!(late().stdout.contains("Nothing to do"));
    let mut line = log_in(host);
    ask(&mut line, "SELECT INBOX");
    ask(&mut line, "UID STORE 20 +FLAGS (\\Deleted)");
    ask(&mut line, "EXPUNGE");
    fs::rename(old.join("new/1267900001.e"), old.join("cur/1267900001.e:2,RS")).unwrap();
    fs::rename(old.join("cur/1267809601.b:2,S"), old.join("cur/1267809601.b:2,FS")).unwrap();
    late();
    assert_eq!(listed(&mut log_in(host), "INBOX"), owned(&[(7, "Stays"), (21, "Late and read")]));
    let complaints: Vec<String> =
        host.log().into_iter().filter(|line| line.contains("Error:")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn late_mail_appears_once_and_nothing_that_was_deleted_comes_back() {
    let laid = Laid::new(&site(), "[old]\nquiet_seconds = 0\n").migrated();
    assert_eq!(laid.migrate(&["--final"]).code, 0);
    let stage = stage(&laid.target);
    bring_late_mail(&laid, &stage, &stage.root());
}
