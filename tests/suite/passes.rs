//! Pass after pass: what changes on the old server is followed, what is gone goes at the end, and
//! what people do on the new server stays.

use crate::support::{Item, Laid, Ran, SMALL, command, first_change, read, snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const SOON: &str = "[old]\nquiet_seconds = 0\n";

/// Joe's Maildir on the old server and on the new one.
pub struct Joe(pub Laid);

impl Joe {
    pub fn new(more: &str) -> Self {
        let joe = Self(Laid::new(&format!("{SMALL}{more}"), SOON));
        joe.put("new/1.a", "one");
        joe.put("cur/2.b:2,S", "two");
        joe
    }

    pub fn old(&self) -> PathBuf {
        self.0.site.join("home/vpopmail/domains/a.example/joe/Maildir")
    }

    pub fn new_home(&self) -> PathBuf {
        self.0.target.join("var/vmail/a.example/joe/Maildir")
    }

    pub fn put(&self, name: &str, text: &str) {
        let path = self.old().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.old().join(to).parent().unwrap()).unwrap();
        fs::rename(self.old().join(from), self.old().join(to)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.old().join(name)).unwrap();
    }

    pub fn pass(&self, more: &[&str]) -> Ran {
        let ran = self.0.migrate(more);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran
    }

    /// The messages on the new server.
    pub fn messages(&self) -> Vec<String> {
        messages(&self.new_home())
    }
}

fn messages(home: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(home).sort_by_file_name().into_iter().map(Result::unwrap);
    all.filter(|entry| entry.file_type().is_file() && crate::support::is_message(entry.path()))
        .map(|entry| entry.path().strip_prefix(home).unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// All mail of a target, with what clients know of it; not the dates of what unqmail writes.
fn mail(target: &Path) -> BTreeMap<PathBuf, Item> {
    let mut items = snapshot(&target.join("var/vmail"));
    for (path, item) in &mut items {
        if !crate::support::is_message(path) {
            item.mtime = (0, 0);
        }
    }
    items
}

#[test]
fn a_change_of_flags_is_a_rename_and_new_to_cur_is_followed() {
    let joe = Joe::new("");
    joe.pass(&[]);
    joe.rename("new/1.a", "cur/1.a:2,");
    joe.rename("cur/2.b:2,S", "cur/2.b:2,FS");
    let ran = joe.pass(&[]);
    assert_eq!(joe.messages(), ["cur/1.a:2,", "cur/2.b:2,FS"]);
    assert!(ran.stdout.contains("0 messages (0 bytes)"), "{}", ran.all());
    assert!(ran.stdout.contains("Renamed: 2 messages"), "{}", ran.all());
}

#[test]
fn a_deletion_is_carried_out_at_the_final_pass_only() {
    let joe = Joe::new("");
    joe.pass(&[]);
    joe.remove("cur/2.b:2,S");
    // The second of the two finds nothing to do, and does not forget what is left for the last one.
    for _ in 0..2 {
        joe.pass(&[]);
        assert_eq!(joe.messages(), ["cur/2.b:2,S", "new/1.a"]);
    }
    let ran = joe.pass(&["--final"]);
    assert_eq!(joe.messages(), ["new/1.a"]);
    assert!(ran.stdout.contains("Removed: 1 message and 0 folders"), "{}", ran.all());
    assert!(joe.pass(&["--final"]).stdout.contains("Nothing to do"));
}

#[test]
fn a_message_that_moves_between_folders_is_moved_and_not_copied() {
    let joe = Joe::new("");
    joe.put(".Kept/cur/3.c:2,S", "three");
    joe.pass(&[]);
    joe.rename("cur/2.b:2,S", ".Kept/cur/2.b:2,S");
    joe.rename(".Kept/cur/3.c:2,S", "cur/3.c:2,RS");
    let ran = joe.pass(&[]);
    assert_eq!(joe.messages(), [".Kept/cur/2.b:2,S", "cur/3.c:2,RS", "new/1.a"]);
    assert!(ran.stdout.contains("Moved: 2 messages into another folder"), "{}", ran.all());
    assert!(ran.stdout.contains("0 messages (0 bytes)"), "{}", ran.all());
    assert_eq!(joe.0.verify(&[]).code, 0);
}

#[test]
fn a_renamed_folder_is_followed_and_the_old_one_goes_at_the_end() {
    let joe = Joe::new("");
    joe.put(".Old/cur/3.c:2,S", "three");
    joe.put(".Old/cur/4.d:2,S", "four");
    joe.pass(&[]);
    joe.rename(".Old", ".Name");
    joe.pass(&[]);
    assert_eq!(joe.messages()[..2], [".Name/cur/3.c:2,S", ".Name/cur/4.d:2,S"]);
    assert!(joe.new_home().join(".Old").is_dir());
    joe.pass(&["--final"]);
    assert!(!joe.new_home().join(".Old").exists());
    assert_eq!(joe.messages().len(), 4);
}

#[test]
fn what_waits_for_the_final_pass_is_not_forgotten_while_another_folder_changes() {
    let joe = Joe::new("");
    joe.put(".Kept/cur/3.c:2,S", "three");
    joe.put(".Gone/cur/4.d:2,S", "four");
    joe.pass(&[]);
    joe.remove(".Kept/cur/3.c:2,S");
    fs::remove_dir_all(joe.old().join(".Gone")).unwrap();
    joe.pass(&[]);
    joe.put("new/5.e", "five");
    joe.pass(&[]);
    joe.pass(&[]);
    let all = [".Gone/cur/4.d:2,S", ".Kept/cur/3.c:2,S", "cur/2.b:2,S", "new/1.a", "new/5.e"];
    assert_eq!(joe.messages(), all);
    joe.pass(&["--final"]);
    assert_eq!(joe.messages(), all[2..]);
}

#[test]
fn a_folder_in_which_somebody_keeps_something_stays() {
    let joe = Joe::new("");
    joe.put(".Gone/cur/3.c:2,S", "three");
    joe.put(".Own/cur/4.d:2,S", "four");
    joe.pass(&[]);
    fs::write(joe.new_home().join(".Gone/cur/9.trial:2,S"), "saved in a trial").unwrap();
    fs::remove_dir_all(joe.old().join(".Gone")).unwrap();
    fs::create_dir_all(joe.new_home().join(".Trial/new")).unwrap();
    fs::write(joe.new_home().join(".Trial/new/8.trial"), "another").unwrap();
    let ran = joe.pass(&["--final"]);
    assert!(ran.stdout.contains("warning[message-foreign]"), "{}", ran.all());
    assert!(ran.stdout.contains("did not bring: 2"), "{}", ran.all());
    let left = [".Gone/cur/9.trial:2,S", ".Own/cur/4.d:2,S", ".Trial/new/8.trial"];
    assert_eq!(joe.messages()[..3], left);
}

#[test]
fn a_mailbox_moves_with_its_account() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let domains = joe.0.site.join("home/vpopmail/domains/a.example");
    // Its folder moves: nothing changes for its reader.
    fs::rename(domains.join("joe"), domains.join("0")).unwrap();
    let vpasswd = read(&domains.join("vpasswd"));
    fs::write(domains.join("vpasswd"), vpasswd.replace("a.example/joe:", "a.example/0:")).unwrap();
    assert!(joe.pass(&["--final"]).stdout.contains("Nothing to do"));
    assert_eq!(joe.messages(), ["cur/2.b:2,S", "new/1.a"]);
    // Its name changes: its mail moves to the new one, and the former goes at the end.
    let vpasswd = read(&domains.join("vpasswd"));
    fs::write(domains.join("vpasswd"), vpasswd.replace("joe:", "jim:")).unwrap();
    let waive = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'joe is gone'\n";
    fs::write(&joe.0.config, format!("{SOON}{waive}")).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&joe.new_home().join("cur/2.b:2,S"));
    let ran = joe.pass(&[]);
    assert!(ran.stdout.contains("Moved: 2 messages"), "{}", ran.all());
    assert!(ran.stdout.contains("0 messages (0 bytes)"), "{}", ran.all());
    let jim = joe.0.target.join("var/vmail/a.example/jim/Maildir");
    assert_eq!(messages(&jim), ["cur/2.b:2,S", "new/1.a"]);
    assert_eq!(inode(&jim.join("cur/2.b:2,S")), before);
    assert!(joe.messages().is_empty());
    assert_eq!(joe.0.verify(&["--recorded"]).code, 0);
    joe.pass(&["--final"]);
    assert!(!joe.0.target.join("var/vmail/a.example/joe").exists());
    assert_eq!(messages(&jim), ["cur/2.b:2,S", "new/1.a"]);
    assert!(joe.pass(&["--final"]).stdout.contains("Nothing to do"));
}

#[test]
fn a_domain_gets_another_name_at_the_last_pass_and_no_message_is_copied() {
    let joe = Joe::new("message home/vpopmail/domains/a.example/eve/Maildir/.K/cur/3.e:2,S Eve\n");
    joe.pass(&[]);
    let site = &joe.0.site;
    let renamed = |name: &str| {
        let text = read(&site.join(name)).replace("a.example", "b.example");
        fs::write(site.join(name), text).unwrap();
    };
    fs::rename(
        site.join("home/vpopmail/domains/a.example"),
        site.join("home/vpopmail/domains/b.example"),
    )
    .unwrap();
    for name in ["home/vpopmail/domains/b.example/vpasswd", "var/qmail/control/virtualdomains"] {
        renamed(name);
    }
    let assign = "+b.example-:b.example:89:89:/home/vpopmail/domains/b.example:-::\n.\n";
    fs::write(site.join("var/qmail/users/assign"), assign).unwrap();
    fs::remove_file(site.join("var/qmail/users/cdb")).unwrap();
    let waive = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'a trial'\n";
    fs::write(&joe.0.config, format!("{SOON}{waive}")).unwrap();
    let ran = joe.pass(&["--final"]);
    assert!(ran.stdout.contains("Moved: 3 messages"), "{}", ran.all());
    assert!(ran.stdout.contains("0 messages (0 bytes)"), "{}", ran.all());
    assert!(!joe.0.target.join("var/vmail/a.example").exists());
    let all = messages(&joe.0.target.join("var/vmail"));
    assert_eq!(
        all,
        [
            "b.example/eve/Maildir/.K/cur/3.e:2,S",
            "b.example/joe/Maildir/cur/2.b:2,S",
            "b.example/joe/Maildir/new/1.a"
        ]
    );
}

/// Names, sizes and dates can be made up.
#[test]
fn nobody_gets_mail_of_an_account_that_is_gone_by_the_names_of_its_messages() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let domain = joe.0.site.join("home/vpopmail/domains/a.example");
    let date = fs::metadata(joe.old().join("new/1.a")).unwrap().modified().unwrap();
    fs::remove_dir_all(domain.join("joe")).unwrap();
    let vpasswd = read(&domain.join("vpasswd"));
    let rows: Vec<&str> = vpasswd.lines().filter(|row| !row.starts_with("joe:")).collect();
    fs::write(domain.join("vpasswd"), rows.join("\n") + "\n").unwrap();
    let made_up = domain.join("eve/Maildir/new/1.a");
    fs::write(&made_up, "eve").unwrap();
    fs::File::options().write(true).open(&made_up).unwrap().set_modified(date).unwrap();
    let waive = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'joe is gone'\n";
    fs::write(&joe.0.config, format!("{SOON}{waive}")).unwrap();
    joe.pass(&[]);
    let eve = joe.0.target.join("var/vmail/a.example/eve/Maildir");
    assert_eq!(read(&eve.join("new/1.a")), "eve");
    assert_eq!(joe.messages().len(), 2);
    joe.pass(&["--final"]);
    assert_eq!(messages(&joe.0.target.join("var/vmail")), ["a.example/eve/Maildir/new/1.a"]);
}

#[test]
fn late_mail_is_added_and_what_a_reader_has_done_stays() {
    let joe = Joe::new("");
    for (name, text) in [("cur/3.c:2,S", "three"), (".Kept/cur/4.d:2,S", "four")] {
        joe.put(name, text);
    }
    fs::write(joe.old().join("courierimapuiddb"), "1 700000000 9\n3 2.b\n").unwrap();
    joe.pass(&[]);
    joe.pass(&["--final"]);
    // The new server is in use: one message is deleted, one moved, one flagged; Dovecot has files.
    let new = joe.new_home();
    fs::remove_file(new.join("cur/2.b:2,S")).unwrap();
    fs::rename(new.join("cur/3.c:2,S"), new.join(".Kept/cur/3.c:2,S")).unwrap();
    fs::rename(new.join("new/1.a"), new.join("cur/1.a:2,S")).unwrap();
    fs::write(new.join("dovecot.index.log"), "index").unwrap();
    fs::write(new.join("cur/7.own:2,"), "arrived here").unwrap();
    fs::write(joe.0.target.join("etc/dovecot/dovecot.conf"), "edited").unwrap();
    // And the old server takes two more, one of which somebody reads there.
    joe.put("new/5.late", "five");
    joe.put("cur/6.late:2,S", "six");
    let before = snapshot(&joe.0.target);
    let ran = joe.pass(&["--late"]);
    assert!(ran.stdout.contains("2 messages"), "{}", ran.all());
    let mut after = snapshot(&joe.0.target);
    for late in ["new/5.late", "cur/6.late:2,S"] {
        let path = Path::new("var/vmail/a.example/joe/Maildir").join(late);
        assert!(after.remove(&path).is_some(), "{late}");
    }
    let dateless = |mut items: BTreeMap<PathBuf, Item>| {
        items.retain(|path, _| !path.starts_with("var/lib"));
        items.values_mut().filter(|item| item.kind == 'd').for_each(|item| item.mtime = (0, 0));
        items
    };
    assert_eq!(first_change(&dateless(before), &dateless(after)), None);
    // Deleted in their turn they do not come back either.
    fs::remove_file(new.join("new/5.late")).unwrap();
    assert!(joe.pass(&["--late"]).stdout.contains("Nothing to do"));
    assert!(!new.join("new/5.late").exists());
}

/// A message that somebody filed on the old server after the switch was in the mailbox twice.
#[test]
fn late_mail_is_not_what_a_reader_moved_on_the_old_server() {
    let joe = Joe::new("");
    joe.put(".Kept/cur/4.d:2,S", "four");
    joe.pass(&[]);
    joe.pass(&["--final"]);
    fs::rename(joe.old().join("new/1.a"), joe.old().join(".Kept/cur/1.a:2,S")).unwrap();
    let ran = joe.pass(&["--late"]);
    assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    assert!(!joe.new_home().join(".Kept/cur/1.a:2,S").exists());
}

#[test]
fn late_mail_of_an_account_that_has_not_moved_is_left_and_told() {
    let joe = Joe::new("message home/vpopmail/domains/a.example/eve/Maildir/new/1.e Eve\n");
    joe.pass(&["--only", "joe@a.example"]);
    let ran = joe.0.migrate(&["--late"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("error[store-unrecorded]"), "{}", ran.all());
    assert!(!joe.0.target.join("var/vmail/a.example/eve").exists());
    joe.pass(&["--late", "--only", "joe@a.example"]);
}

#[test]
fn a_site_moves_in_waves() {
    let joe = Joe::new("message home/vpopmail/domains/a.example/eve/Maildir/new/1.e Eve\n");
    joe.pass(&["--only", "JOE@a.example"]);
    let eve = joe.0.target.join("var/vmail/a.example/eve/Maildir");
    assert_eq!(joe.messages().len(), 2);
    assert!(!eve.exists());
    // Configuration is whole all the same.
    assert!(read(&joe.0.target.join("etc/dovecot/unqmail/users")).contains("eve@a.example"));
    // Joe has moved: what he deletes on the new server is his to say.
    fs::remove_file(joe.new_home().join("new/1.a")).unwrap();
    joe.pass(&["--final", "--only", "eve@a.example"]);
    assert_eq!(messages(&eve), ["new/1.e"]);
    assert_eq!(joe.messages().len(), 1);
    joe.pass(&["--only", "@a.example"]);
    joe.pass(&["--final", "--only", "eve@a.example", "--only", "a.example"]);
    assert_eq!(joe.messages().len(), 2);
    let ran = joe.0.migrate(&["--only", "nobody@a.example"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert_eq!(joe.0.migrate(&["--final", "--late"]).code, 2);
}

#[test]
fn the_final_pass_refuses_while_something_moves() {
    let joe = Joe::new("");
    joe.pass(&[]);
    fs::write(&joe.0.config, "[old]\nquiet_seconds = 1\n").unwrap();
    let before = snapshot(&joe.0.target);
    let paths = ["migrate".as_ref(), joe.0.site.as_os_str(), joe.0.target.as_os_str()];
    let more = ["--config".as_ref(), joe.0.config.as_os_str(), "--final".as_ref()];
    let child = command(paths.into_iter().chain(more))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    joe.put("new/5.e", "five");
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("error[site-not-quiet]") && said.contains("joe/Maildir/new"), "{said}");
    assert_eq!(first_change(&before, &snapshot(&joe.0.target)), None);
    joe.pass(&["--final"]);
}

#[test]
fn the_final_pass_refuses_while_mail_waits_in_the_queue() {
    let joe = Joe::new(
        "file var/qmail/queue/mess/3/12345
| Subject: x
file var/qmail/queue/mess/0/23
| Subject: y
",
    );
    let queue = joe.0.site.join("var/qmail/queue");
    for (name, bytes) in [
        ("local/3/12345", &b"Ta.example-joe@a.example\0Da.example-eve@a.example\0"[..]),
        ("remote/3/12345", b"Tfar@away.example\0"),
        ("todo/0/23", b"u89\0p1\0Fsender@b.example\0Teve@a.example\0"),
    ] {
        fs::create_dir_all(queue.join(name).parent().unwrap()).unwrap();
        fs::write(queue.join(name), bytes).unwrap();
    }
    joe.pass(&[]);
    let ran = joe.0.migrate(&["--final"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("error[site-queue-undelivered]"), "{}", ran.all());
    for (who, waits) in [
        ("  joe@a.example", true),
        ("  far@away.example", true),
        ("queue/mess/0/23  eve@a.example", true),
        ("queue/mess/3/12345  eve@a.example", false),
    ] {
        assert_eq!(ran.stderr.contains(who), waits, "{who}: {}", ran.all());
    }
    let waive = "[[waive]]\ncode = 'site-queue-undelivered'\nsubject = '*'\nreason = 'late'\n";
    fs::write(&joe.0.config, format!("{SOON}{waive}")).unwrap();
    joe.pass(&["--final"]);
}

#[test]
fn a_pass_tells_what_it_took_and_a_plan_what_it_will() {
    let joe = Joe::new("");
    let ran = joe.pass(&[]);
    assert!(ran.stdout.contains("This pass took 0."), "{}", ran.all());
    assert!(ran.stdout.contains("The next one takes about 0."), "{}", ran.all());
    let plan = joe.0.plan(&[]);
    assert!(plan.stdout.contains("first pass  about 1 s,"), "{}", plan.all());
    assert!(plan.stdout.contains("of downtime"), "{}", plan.all());
    let cost = &joe.0.plan(&["--format", "json"]).json()["cost"];
    assert_eq!(cost["last_seconds"], 1);
    assert!(cost["free"].as_u64() > Some(8192), "{cost}");
}

#[test]
fn a_mailbox_that_cannot_be_read_any_more_is_not_taken_for_gone() {
    let joe = Joe::new("");
    joe.pass(&[]);
    joe.rename("new", "../lost/new");
    joe.rename("cur", "../lost/cur");
    let waive = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'a trial'\n";
    fs::write(&joe.0.config, format!("{SOON}{waive}")).unwrap();
    let ran = joe.pass(&["--final"]);
    assert!(ran.stdout.contains("cannot be read any more"), "{}", ran.all());
    assert_eq!(joe.messages().len(), 2);
}

#[test]
fn the_second_of_two_runs_is_refused_at_once() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let tree = unqmail::fsys::tree::Tree::open(&joe.0.target).unwrap();
    let path = unqmail::model::RelPath::new("var/lib/unqmail/lock");
    let held = unqmail::fsys::lock::Lock::take(&tree, &path).unwrap();
    let ran = joe.0.migrate(&["--final"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("another unqmail is at work"), "{}", ran.all());
    assert!(!ran.stderr.contains("reading"), "{}", ran.all());
    drop(held);
    joe.pass(&["--final"]);
}

#[test]
fn nothing_that_a_killed_run_leaves_behind_survives() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let tmp = joe.new_home().join("tmp");
    joe.put("cur/3.c:2,S", "three");
    fs::write(tmp.join(".unqmail-3.c:2,S"), "thr").unwrap();
    fs::write(tmp.join("7.dovecots"), "being delivered").unwrap();
    joe.pass(&[]);
    assert!(!tmp.join(".unqmail-3.c:2,S").exists());
    assert!(tmp.join("7.dovecots").exists());
}

#[test]
fn nothing_is_read_through_a_link_and_no_mode_is_taken_over() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let joe = Joe::new("fifo home/vpopmail/domains/a.example/joe/Maildir/cur/4.fifo:2,S\n");
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    fs::set_permissions(joe.old().join("cur/2.b:2,S"), fs::Permissions::from_mode(0o6777)).unwrap();
    symlink("/etc/passwd", joe.old().join("cur/3.link:2,S")).unwrap();
    joe.pass(&[]);
    joe.pass(&["--final"]);
    symlink("/etc/hostname", joe.old().join("new/8.link")).unwrap();
    joe.pass(&["--late"]);
    assert_eq!(joe.messages(), ["cur/2.b:2,S", "new/1.a"]);
    assert_eq!(mode(&joe.new_home().join("cur/2.b:2,S")), 0o600);
}

#[test]
fn killed_during_the_final_pass_the_next_one_completes_it() {
    let prepared = || {
        let joe = Joe::new("");
        for n in 10..200 {
            joe.put(&format!("cur/{n}.x:2,S"), "text");
        }
        joe.pass(&[]);
        for n in 10..150 {
            joe.remove(&format!("cur/{n}.x:2,S"));
        }
        for n in 200..300 {
            joe.put(&format!(".New/cur/{n}.x:2,S"), "text");
        }
        joe
    };
    let whole = prepared();
    whole.pass(&["--final"]);
    let whole = whole.messages();
    for step in 0..12 {
        let joe = prepared();
        let paths = ["migrate".as_ref(), joe.0.site.as_os_str(), joe.0.target.as_os_str()];
        let more = ["--config".as_ref(), joe.0.config.as_os_str(), "--final".as_ref()];
        let mut child = command(paths.into_iter().chain(more))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(4 + step * 2));
        drop(child.kill());
        child.wait().unwrap();
        // What it may have begun to bring goes again before the next.
        joe.remove(".New/cur/250.x:2,S");
        joe.pass(&["--final"]);
        let mut expected = whole.clone();
        expected.retain(|name| !name.contains("/250.x"));
        assert_eq!(joe.messages(), expected, "killed at step {step}");
        let ran = joe.pass(&["--final"]);
        assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
        assert!(!ran.stdout.contains("message-foreign"), "{}", ran.all());
    }
}

#[test]
fn a_source_that_changes_while_it_is_read_is_complete_after_the_next_pass() {
    let joe = Joe::new("");
    for n in 10..400 {
        joe.put(&format!("new/{n}.x"), "text");
    }
    let moving = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in
                (10..400).cycle().take_while(|_| moving.load(std::sync::atomic::Ordering::Relaxed))
            {
                let [new, cur, kept, flagged] = [
                    format!("new/{n}.x"),
                    format!("cur/{n}.x:2,S"),
                    format!(".K/cur/{n}.x:2,S"),
                    format!("cur/{n}.x:2,FS"),
                ]
                .map(|name| joe.old().join(name));
                fs::create_dir_all(kept.parent().unwrap()).unwrap();
                // Each goes on to its next place, and from the last one to the first.
                let ways = [(&kept, &new), (&flagged, &kept), (&cur, &flagged), (&new, &cur)];
                assert!(ways.iter().any(|(from, to)| fs::rename(from, to).is_ok()));
            }
        });
        for _ in 0..8 {
            joe.pass(&[]);
        }
        moving.store(false, std::sync::atomic::Ordering::Relaxed);
    });
    joe.pass(&[]);
    joe.pass(&["--final"]);
    assert_eq!(joe.messages(), messages(&joe.old()));
    assert_eq!(joe.messages().len(), 392);
    let verified = joe.0.verify(&[]);
    assert_eq!(verified.code, 0, "{}", verified.all());
}

/// A restored backup, or a reader that was killed between link(2) and unlink(2).
#[test]
fn two_messages_of_one_name_are_both_brought_and_stay() {
    let joe = Joe::new("");
    joe.put("new/2.b", "another");
    joe.put("cur/2.b:2,RS", "a third");
    let both = ["cur/2.b:2,RS", "cur/2.b:2,S", "new/1.a", "new/2.b"];
    for more in [&[][..], &[], &["--final"]] {
        joe.pass(more);
        assert_eq!(joe.messages(), both, "{more:?}");
        assert_eq!(read(&joe.new_home().join("new/2.b")), "another");
        assert_eq!(read(&joe.new_home().join("cur/2.b:2,RS")), "a third");
    }
    // One of them changes its flags, one goes.
    joe.rename("cur/2.b:2,S", "cur/2.b:2,FS");
    joe.pass(&[]);
    assert_eq!(joe.messages(), ["cur/2.b:2,FS", "cur/2.b:2,RS", "new/1.a", "new/2.b"]);
    assert_eq!(read(&joe.new_home().join("cur/2.b:2,FS")), "two");
    joe.remove("new/2.b");
    joe.remove("cur/2.b:2,RS");
    joe.pass(&["--final"]);
    assert_eq!(joe.messages(), ["cur/2.b:2,FS", "new/1.a"]);
    assert_eq!(read(&joe.new_home().join("cur/2.b:2,FS")), "two");
    let verified = joe.0.verify(&[]);
    assert_eq!(verified.code, 0, "{}", verified.all());
}

#[test]
fn a_message_that_is_written_into_is_copied_anew() {
    let joe = Joe::new("");
    joe.put(".Kept/cur/3.c:2,S", "three");
    joe.pass(&[]);
    let copy = |name: &str| read(&joe.new_home().join(name));
    // Another size, in a folder where something else changed too.
    joe.put("cur/2.b:2,S", "two and more");
    joe.put("new/4.d", "four");
    let ran = joe.pass(&[]);
    assert_eq!(copy("cur/2.b:2,S"), "two and more");
    assert!(ran.stdout.contains("Copied anew: 1 message that changed"), "{}", ran.all());
    assert!(joe.pass(&[]).stdout.contains("Nothing to do"));
    // Another date only, of a message that is flagged at the same time.
    joe.put("cur/2.b:2,S", "two or more.");
    joe.rename("cur/2.b:2,S", "cur/2.b:2,FS");
    joe.pass(&[]);
    assert_eq!(copy("cur/2.b:2,FS"), "two or more.");
    assert_eq!(joe.messages().len(), 4);
    // A folder in which nothing has another name is not looked at, but for the asking.
    joe.pass(&[]);
    joe.put(".Kept/cur/3.c:2,S", "three or four");
    assert_eq!(joe.0.verify(&[]).code, 4);
    let ran = joe.pass(&["--thorough", "--final"]);
    assert!(ran.stdout.contains("Copied anew: 1 message"), "{}", ran.all());
    assert_eq!(joe.0.verify(&[]).code, 0);
    assert_eq!(joe.0.verify(&["--recorded"]).code, 0);
}

#[test]
fn a_message_that_dovecot_knows_is_not_changed_beneath_it() {
    let joe = Joe::new("");
    joe.put("cur/3.c:2,S", "three");
    joe.pass(&[]);
    fs::write(joe.new_home().join("dovecot.index.log"), "index").unwrap();
    joe.put("cur/2.b:2,S", "two and more");
    joe.put("cur/3.c:2,S", "three and more");
    joe.rename("cur/3.c:2,S", "cur/3.c:2,FS");
    for _ in 0..2 {
        let ran = joe.pass(&[]);
        assert!(ran.stdout.contains("warning[message-outdated]"), "{}", ran.all());
        assert_eq!(joe.messages(), ["cur/2.b:2,S", "cur/3.c:2,FS", "new/1.a"]);
        assert_eq!(read(&joe.new_home().join("cur/2.b:2,S")), "two");
        assert_eq!(read(&joe.new_home().join("cur/3.c:2,FS")), "three");
    }
    fs::remove_file(joe.new_home().join("dovecot.index.log")).unwrap();
    joe.pass(&[]);
    assert_eq!(joe.0.verify(&[]).code, 0);
}

/// One thing that happens on the old server, or a pass.
#[derive(Clone, Debug)]
enum Step {
    Deliver(usize),
    See(usize),
    Flag(usize, &'static str),
    Delete(usize),
    Move(usize, usize),
    RenameFolder(usize, usize),
    RemoveFolder(usize),
    Keyword(usize),
    Subscribe(usize),
    Pass,
    Killed(u64),
}

const FOLDERS: [&str; 4] = ["", ".A", ".B", ".B.C"];

fn step() -> impl Strategy<Value = Step> {
    let folder = 0..FOLDERS.len();
    prop_oneof![
        4 => folder.clone().prop_map(Step::Deliver),
        3 => any::<usize>().prop_map(Step::See),
        3 => (any::<usize>(), prop_oneof![Just("F"), Just("RS"), Just("")])
            .prop_map(|(which, flags)| Step::Flag(which, flags)),
        2 => any::<usize>().prop_map(Step::Delete),
        3 => (any::<usize>(), folder.clone()).prop_map(|(which, to)| Step::Move(which, to)),
        1 => (1..FOLDERS.len(), 1..FOLDERS.len()).prop_map(|(a, b)| Step::RenameFolder(a, b)),
        1 => (1..FOLDERS.len()).prop_map(Step::RemoveFolder),
        1 => any::<usize>().prop_map(Step::Keyword),
        1 => folder.prop_map(Step::Subscribe),
        3 => Just(Step::Pass),
        1 => (1_u64..25).prop_map(Step::Killed),
    ]
}

/// Does one step on Joe's old Maildir; what cannot be done is left out.
fn act(joe: &Joe, number: usize, step: &Step) {
    let old = joe.old();
    let all = messages(&old);
    let pick = |which: usize| all.get(which % all.len().max(1));
    let unique =
        |name: &str| name.split(':').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let folder_of = |name: &str| {
        let (front, _) = name.rsplit_once('/').unwrap();
        front.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
    };
    let at =
        |folder: &str, rest: &str| format!("{folder}/{rest}").trim_start_matches('/').to_owned();
    match step {
        Step::Deliver(folder) => {
            joe.put(&at(FOLDERS[*folder], &format!("new/{number}.m")), &"x".repeat(number));
            fs::create_dir_all(old.join(FOLDERS[*folder]).join("cur")).unwrap();
        }
        Step::See(which) => {
            if let Some(name) = pick(*which) {
                joe.rename(name, &at(&folder_of(name), &format!("cur/{}:2,S", unique(name))));
            }
        }
        Step::Flag(which, flags) => {
            if let Some(name) = pick(*which) {
                joe.rename(name, &at(&folder_of(name), &format!("cur/{}:2,{flags}", unique(name))));
            }
        }
        Step::Delete(which) => pick(*which).into_iter().for_each(|name| joe.remove(name)),
        Step::Move(which, to) => {
            if let Some(name) = pick(*which) {
                joe.rename(name, &at(FOLDERS[*to], &format!("cur/{}:2,S", unique(name))));
            }
        }
        Step::RenameFolder(from, to) => {
            if old.join(FOLDERS[*from]).exists() && !old.join(FOLDERS[*to]).exists() {
                joe.rename(FOLDERS[*from], FOLDERS[*to]);
            }
        }
        Step::RemoveFolder(folder) => drop(fs::remove_dir_all(old.join(FOLDERS[*folder]))),
        Step::Keyword(which) => {
            fs::create_dir_all(old.join("courierimapkeywords")).unwrap();
            let rows: String =
                pick(*which).iter().map(|name| format!("{}:0\n", unique(name))).collect();
            fs::write(old.join("courierimapkeywords/:list"), format!("Work\n\n{rows}")).unwrap();
        }
        Step::Subscribe(folder) => {
            fs::write(old.join("courierimapsubscribed"), format!("INBOX{}\n", FOLDERS[*folder]))
                .unwrap();
        }
        Step::Pass => drop(joe.pass(&[])),
        Step::Killed(after) => {
            let paths = ["migrate".as_ref(), joe.0.site.as_os_str(), joe.0.target.as_os_str()];
            let more = ["--config".as_ref(), joe.0.config.as_os_str()];
            let mut child = command(paths.into_iter().chain(more))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(*after));
            drop(child.kill());
            child.wait().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24), max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_changes_the_final_pass_leaves_what_a_fresh_migration_makes(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let joe = Joe::new("");
        for (number, step) in steps.iter().enumerate() {
            act(&joe, number + 10, step);
        }
        let ran = joe.pass(&["--final"]);
        prop_assert!(!ran.stdout.contains("message-foreign"), "{}", ran.all());
        let passes = mail(&joe.0.target);
        let fresh = joe.0.folder.path().join("fresh");
        let [site, to, config] =
            [&joe.0.site, &fresh, &joe.0.config].map(|path| path.to_str().unwrap());
        let ran = crate::support::unqmail(["migrate", site, to, "--config", config]);
        prop_assert_eq!(ran.code, 0, "{}", ran.all());
        prop_assert_eq!(first_change(&mail(&fresh), &passes), None);
        let ran = joe.pass(&["--final"]);
        prop_assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    }
}
