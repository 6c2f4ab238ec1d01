//! What a pass need not look at again, because it is as the pass before saw it; and that whatever
//! changes there is seen all the same.

use crate::support::{Laid, Ran, SMALL, read, snapshot};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const MORE: &str = "\
dir home/vpopmail/domains/a.example/joe/Maildir/tmp
file home/vpopmail/domains/a.example/joe/Maildir/cur/1.a:2,S
| one
file home/vpopmail/domains/a.example/joe/Maildir/courierimapuiddb
| 1 700000000 8
| 7 1.a
file home/vpopmail/domains/a.example/joe/Maildir/.Kept/cur/2.b:2,S
| two
dir home/vpopmail/domains/a.example/joe/Maildir/.Kept/new
dir home/vpopmail/domains/a.example/joe/Maildir/.Gone/cur
dir home/vpopmail/domains/a.example/joe/Maildir/.Gone/new
dir home/vpopmail/domains/a.example/eve/Maildir/tmp
";

/// A site whose stamps the passes have come to believe.
struct Settled(Laid);

impl Settled {
    fn new() -> Self {
        let settled = Self(Laid::new(&format!("{SMALL}{MORE}"), "[old]\nquiet_seconds = 0\n"));
        settled.pass(&[]);
        settled.settle();
        settled
    }

    /// Lets every stamp grow old enough to be believed, and has a pass note it.
    fn settle(&self) {
        std::thread::sleep(Duration::from_millis(3100));
        self.pass(&[]);
        assert!(self.pass(&[]).stdout.contains("Nothing to do"));
    }

    fn old(&self, name: &str) -> PathBuf {
        self.0.site.join("home/vpopmail/domains/a.example").join(name)
    }

    fn new_maildir(&self, name: &str) -> PathBuf {
        self.0.target.join("var/vmail/a.example/joe/Maildir").join(name)
    }

    fn pass(&self, more: &[&str]) -> Ran {
        let ran = self.0.migrate(more);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran
    }

    /// Puts a file where one was, as Courier does with what it keeps.
    fn replace(&self, name: &str, text: &str) {
        self.write("joe/Maildir/tmp/new", text);
        fs::rename(self.old("joe/Maildir/tmp/new"), self.old(name)).unwrap();
    }

    /// Writes into a file where it is: no folder gets another date.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.old(name), text).unwrap();
    }
}

#[test]
fn whatever_changes_after_a_pass_with_nothing_to_do_is_seen_by_the_next() {
    let site = Settled::new();
    let kept = |name: &str| site.new_maildir(".Kept").join(name);

    // Files of Courier's that are others now, and one that comes anew.
    site.replace("joe/Maildir/courierimapuiddb", "1 700000001 9\n8 1.a\n");
    site.replace("joe/Maildir/.Kept/courierimapuiddb", "1 700000002 5\n4 2.b\n");
    site.replace("joe/Maildir/courierimapsubscribed", "INBOX\n");
    site.pass(&[]);
    assert!(read(&site.new_maildir("dovecot-uidlist")).contains("V700000001"));
    assert!(read(&kept("dovecot-uidlist")).contains("V700000002"));
    site.settle();

    // Rules of maildrop append to the list of subscriptions.
    site.write("joe/Maildir/courierimapsubscribed", "INBOX\nINBOX.Kept\n");
    site.pass(&[]);
    assert_eq!(read(&site.new_maildir("subscriptions")).lines().last(), Some("Kept"));
    site.settle();

    // One that somebody writes into is seen by the last pass.
    site.write("joe/Maildir/.Kept/courierimapuiddb", "1 700000003 6\n5 2.b\n");
    site.pass(&["--final"]);
    assert!(read(&kept("dovecot-uidlist")).contains("V700000003"));
    site.settle();

    // A keyword, which changes nothing but the folder of keywords.
    fs::create_dir_all(site.old("joe/Maildir/.Kept/courierimapkeywords")).unwrap();
    site.settle();
    site.write("joe/Maildir/.Kept/courierimapkeywords/2.b", "Later\n");
    site.pass(&[]);
    assert!(kept("cur/2.b:2,Sa").exists());
    site.settle();

    // A message whose flags change, one that comes, and a folder that does.
    fs::rename(kept_old(&site, "2.b:2,S"), kept_old(&site, "2.b:2,FS")).unwrap();
    site.write("joe/Maildir/new/3.c", "three");
    fs::create_dir_all(site.old("joe/Maildir/.New/cur")).unwrap();
    site.write("joe/Maildir/.New/cur/4.d:2,", "four");
    site.pass(&[]);
    assert!(kept("cur/2.b:2,FSa").exists() && site.new_maildir(".New/cur/4.d:2,").exists());
    assert_eq!(read(&site.new_maildir("new/3.c")), "three");
    site.settle();

    // A folder that gets another name, and one that is gone.
    fs::rename(site.old("joe/Maildir/.Kept"), site.old("joe/Maildir/.Other")).unwrap();
    fs::remove_dir_all(site.old("joe/Maildir/.Gone")).unwrap();
    site.pass(&["--final"]);
    assert!(site.new_maildir(".Other/cur/2.b:2,FSa").exists());
    assert!(!kept("").exists() && !site.new_maildir(".Gone").exists());
    assert_eq!(site.0.verify(&[]).code, 0);
}

fn kept_old(site: &Settled, name: &str) -> PathBuf {
    site.old("joe/Maildir/.Kept/cur").join(name)
}

#[test]
fn a_home_that_is_added_moved_or_damaged_after_such_a_pass_is_seen() {
    let site = Settled::new();
    let line = |user: &str, home: &str| {
        format!(
            "{user}:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:X:/home/vpopmail/domains/a.example/{home}:NOQUOTA\n"
        )
    };
    fs::create_dir_all(site.old("ann/Maildir/cur")).unwrap();
    fs::create_dir_all(site.old("ann/Maildir/new")).unwrap();
    site.write("ann/Maildir/new/5.e", "five");
    site.write(
        "vpasswd",
        &format!("{}{}{}", line("ann", "ann"), line("joe", "joe"), line("eve", "eve")),
    );
    site.pass(&[]);
    let of_ann = site.0.target.join("var/vmail/a.example/ann/Maildir");
    assert_eq!(read(&of_ann.join("new/5.e")), "five");
    site.settle();

    // Without its `tmp` the old server could not deliver any more, and there a plan tells so.
    let before = site.0.plan(&[]).stdout;
    fs::remove_dir(site.old("eve/Maildir/tmp")).unwrap();
    assert_ne!(site.0.plan(&[]).stdout, before);
    fs::create_dir(site.old("eve/Maildir/tmp")).unwrap();

    // A Maildir that is a link from now on, and a home that lies elsewhere.
    fs::rename(site.old("ann/Maildir"), site.old("ann/mail")).unwrap();
    std::os::unix::fs::symlink("mail", site.old("ann/Maildir")).unwrap();
    site.write("ann/mail/new/6.f", "six");
    fs::rename(site.old("joe"), site.old("joseph")).unwrap();
    site.write(
        "vpasswd",
        &format!("{}{}{}", line("ann", "ann"), line("joe", "joseph"), line("eve", "eve")),
    );
    site.write("joseph/Maildir/new/7.g", "seven");
    site.pass(&["--final"]);
    assert_eq!(read(&of_ann.join("new/6.f")), "six");
    assert_eq!(read(&site.new_maildir("new/7.g")), "seven");
    assert_eq!(site.0.verify(&[]).code, 0);
}

#[test]
fn instructions_in_a_home_that_held_only_mail_are_seen_by_the_next_pass() {
    let site = Settled::new();
    let aliases = || read(&site.0.target.join("etc/postfix/unqmail/aliases"));
    assert!(!aliases().contains("ann@b.example"));
    site.write("joe/.qmail", "&ann@b.example\n");
    site.pass(&[]);
    assert!(aliases().contains("ann@b.example"));
    site.settle();
    fs::remove_file(site.old("joe/.qmail")).unwrap();
    site.pass(&[]);
    assert!(!aliases().contains("ann@b.example"));
    site.settle();
}

#[test]
fn what_somebody_does_to_a_copy_is_seen_by_the_final_pass() {
    let site = Settled::new();
    fs::write(site.new_maildir("new/9.i"), "Dovecot's own").unwrap();
    fs::remove_file(site.new_maildir(".Kept/cur/2.b:2,S")).unwrap();
    site.pass(&["--final"]);
    assert!(site.new_maildir("new/9.i").exists());
    assert_eq!(read(&site.new_maildir(".Kept/cur/2.b:2,S")), "two\n");
    let before = snapshot(&site.new_maildir(""));
    site.pass(&["--final"]);
    assert_eq!(
        snapshot(&site.new_maildir("")).keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
}

#[test]
fn a_copy_that_a_pass_has_just_changed_is_not_listed_by_the_next() {
    let site = Settled::new();
    site.write("joe/Maildir/cur/3.c:2,S", "three\n");
    std::thread::sleep(Duration::from_millis(3100));
    site.pass(&[]);
    let copy = site.new_maildir("cur/1.a:2,S");
    fs::remove_file(&copy).unwrap();
    assert!(site.pass(&[]).stdout.contains("Nothing to do") && !copy.exists());
    site.pass(&["--final"]);
    assert_eq!(read(&copy), "one\n");
}

#[test]
fn a_copy_that_somebody_removes_is_brought_again_by_the_next_pass() {
    let site = Settled::new();
    fs::remove_dir_all(site.new_maildir(".Kept")).unwrap();
    site.pass(&[]);
    assert_eq!(read(&site.new_maildir(".Kept/cur/2.b:2,S")), "two\n");
    site.settle();
    fs::remove_dir_all(site.0.target.join("var/vmail/a.example/joe")).unwrap();
    site.pass(&[]);
    assert_eq!(read(&site.new_maildir("cur/1.a:2,S")), "one\n");
    assert_eq!(read(&site.new_maildir(".Kept/cur/2.b:2,S")), "two\n");
}
