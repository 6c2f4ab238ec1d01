//! Mail in an mbox, which other programs rewrite: each message is there once, and whole.

use crate::support::{Laid, SMALL, read};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

const MBOX: &str = "home/cleo/Mailbox";

const CLEO: &str = "\
file var/qmail/control/locals
| mx.example
owner 1002:1002
file home/cleo/.qmail
| ./Mailbox
file home/cleo/Mailbox 600
| From ann@example.net Mon Nov 23 09:00:00 2009
| Subject: First in the mbox
|
| >From here on it is quoted.
|
| From ann@example.net Mon Nov 23 10:00:00 2009
| Subject: Second in the mbox
|
| The end.
|
";

struct Cleo(Laid);

impl Cleo {
    /// A user whose mail lies in an mbox, on the new server too.
    fn migrated() -> Self {
        let user = "| alias:x:7790:2108";
        let users = SMALL.replace(user, &format!("| cleo:x:1002:1002::/home/cleo:/bin/sh\n{user}"));
        let cleo = Self(Laid::new(&format!("{users}{CLEO}"), ""));
        cleo.pass(&[]);
        cleo
    }

    fn pass(&self, more: &[&str]) -> String {
        let ran = self.0.migrate(more);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout
    }

    fn cur(&self) -> PathBuf {
        let domains = fs::read_dir(self.0.target.join("var/vmail")).unwrap();
        let homes = domains.map(|domain| domain.unwrap().path().join("cleo/Maildir/cur"));
        homes.into_iter().find(|cur| cur.is_dir()).unwrap()
    }

    /// Names and texts of the messages, sorted by subject.
    fn messages(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(self.cur()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = files
            .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), read(&file)))
            .collect();
        let subject = |text: &str| text.split_once("Subject: ").unwrap().1.to_owned();
        all.sort_by_key(|(_, text)| subject(text));
        all
    }

    fn edit(&self, from: &str, to: &str) {
        let mbox = self.0.site.join(MBOX);
        let text = read(&mbox);
        assert!(text.contains(from), "{text}");
        fs::write(mbox, text.replacen(from, to, 1)).unwrap();
    }

    fn append(&self, text: &str) {
        let mbox = self.0.site.join(MBOX);
        fs::write(&mbox, read(&mbox) + text).unwrap();
    }
}

/// A message that somebody had read on the old server was in the mailbox twice.
#[test]
fn a_message_that_is_read_in_its_mbox_after_the_switch_is_no_late_one() {
    let cleo = Cleo::migrated();
    let before = cleo.messages();
    cleo.edit(
        "Subject: Second in the mbox\n",
        "Status: RO\nX-UID: 7\nSubject: Second in the mbox\n",
    );
    assert!(cleo.pass(&["--late"]).contains("Nothing to do"));
    assert_eq!(cleo.messages(), before);
}

#[test]
fn what_an_mbox_says_of_a_message_follows_pass_by_pass() {
    let cleo = Cleo::migrated();
    for (more, flags) in [("Status: O\n", ""), ("Status: RO\nX-Status: F\n", "FS")] {
        cleo.edit("Subject: Second in the mbox\n", &format!("{more}Subject: Second in the mbox\n"));
        cleo.pass(&[]);
        let all = cleo.messages();
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[1].0.ends_with(&format!(".mbox:2,{flags}")), "{all:?}");
        assert!(all[1].1.contains(more), "{all:?}");
        assert_eq!(cleo.0.verify(&[]).code, 0);
        assert!(cleo.pass(&[]).contains("Nothing to do"));
        cleo.edit(more, "");
    }
}

/// Only their bytes were compared.
#[test]
fn a_message_of_an_mbox_with_other_flags_or_another_date_differs() {
    let cleo = Cleo::migrated();
    let all = cleo.messages();
    let [one, two] = [0, 1].map(|at| cleo.cur().join(&all[at].0));
    let file = fs::File::open(one).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    fs::rename(&two, two.with_file_name(format!("{}S", all[1].0))).unwrap();
    let ran = cleo.0.verify(&["--format", "json"]);
    let told = ran.json()["differences"].to_string();
    assert!(told.contains("date 0") && told.contains("its name and flags"), "{told}");
}

/// In a folder that Dovecot serves only the flags follow.
#[test]
fn a_message_of_an_mbox_that_dovecot_knows_is_not_changed_beneath_it() {
    let cleo = Cleo::migrated();
    fs::write(cleo.cur().with_file_name("dovecot.index.log"), "index").unwrap();
    let before = cleo.messages();
    cleo.edit("Subject: Second in the mbox\n", "Status: RO\nSubject: Second in the mbox\n");
    cleo.pass(&[]);
    let after = cleo.messages();
    assert_eq!((after.len(), &after[1].1), (2, &before[1].1));
    assert!(after[1].0.ends_with(":2,S"), "{after:?}");
}

/// What an earlier pass brought of a message that was being written then stayed beside the whole one.
#[test]
fn a_message_that_was_half_written_is_there_once_when_it_is_whole() {
    let third = "From a@b.example Mon Jan  2 03:04:05 2006\nSubject: Third\n\nfirst half";
    for pass in [&[][..], &["--late"]] {
        let cleo = Cleo::migrated();
        cleo.append(third);
        cleo.pass(pass);
        let half = cleo.messages().remove(2);
        assert!(half.1.ends_with("first half"), "{half:?}");
        // Its reader has filed it meanwhile.
        let kept = cleo.cur().parent().unwrap().join(".Kept/cur");
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(kept.with_file_name(part)).unwrap();
        }
        fs::rename(cleo.cur().join(&half.0), kept.join(format!("{}S", half.0))).unwrap();
        cleo.append(" and second half\n\n");
        cleo.pass(&["--late"]);
        let texts: Vec<String> = cleo.messages().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(texts[2], "Subject: Third\n\nfirst half and second half\n");
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
        assert!(cleo.pass(&["--late"]).contains("Nothing to do"));
    }
}
