//! Lists pass after pass: what goes with the old server's, and what stays because somebody else has
//! it.

use crate::support::{Laid, Ran, read};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const CLUB: &str = "home/vpopmail/domains/a.example/club";
const SPOOL: &str = "var/spool/mlmmj/a.example/club";

/// A list with two archived posts.
const LIST: &str = "\
file home/vpopmail/domains/a.example/club/outlocal
| club
file home/vpopmail/domains/a.example/club/outhost
| a.example
file home/vpopmail/domains/a.example/club/key
| k
file home/vpopmail/domains/a.example/club/archived
file home/vpopmail/domains/a.example/club/editor
| |/usr/bin/ezmlm-send '/home/vpopmail/domains/a.example/club'
members home/vpopmail/domains/a.example/club/subscribers
| joe@b.example
members home/vpopmail/domains/a.example/club/digest/subscribers
| dan@b.example
| joe@b.example
file home/vpopmail/domains/a.example/club/archive/0/01 744
| Subject: one
|
| One.
file home/vpopmail/domains/a.example/club/archive/0/02 744
| Subject: two
|
| Two.
link home/vpopmail/domains/a.example/.qmail-club /home/vpopmail/domains/a.example/club/editor
";

fn post(laid: &Laid, number: &str) -> PathBuf {
    laid.target.join(SPOOL).join("archive").join(number)
}

fn remove_list(laid: &Laid) {
    fs::remove_file(laid.site.join("home/vpopmail/domains/a.example/.qmail-club")).unwrap();
    fs::remove_dir_all(laid.site.join(CLUB)).unwrap();
}

fn passed(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_post_that_was_deleted_on_the_old_server_goes_at_the_final_pass() {
    let laid = Laid::small(LIST).migrated();
    // The new list manager has archived one since.
    fs::write(post(&laid, "3"), "Subject: three\n\nThree.\n").unwrap();
    fs::remove_file(laid.site.join(CLUB).join("archive/0/01")).unwrap();
    passed(&laid.migrate(&[]));
    assert!(post(&laid, "1").exists(), "only the final pass removes");
    passed(&laid.migrate(&["--final"]));
    assert!(!post(&laid, "1").exists());
    assert!(post(&laid, "2").exists() && post(&laid, "3").exists());
    // What was changed here is not ours any more.
    fs::write(post(&laid, "2"), "Subject: two\n\nTwo, and more.\n").unwrap();
    fs::remove_file(laid.site.join(CLUB).join("archive/0/02")).unwrap();
    passed(&laid.migrate(&["--final"]));
    assert!(post(&laid, "2").exists());
}

#[test]
fn posts_stay_where_their_folder_cannot_be_read() {
    let laid = Laid::small(LIST).migrated();
    let waived = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 't'\n";
    fs::write(&laid.config, waived).unwrap();
    let folder = laid.site.join(CLUB).join("archive/0");
    let aside = laid.site.join(CLUB).join("archive/aside");
    fs::rename(&folder, &aside).unwrap();
    std::os::unix::fs::symlink("aside", &folder).unwrap();
    let ran = laid.migrate(&["--final"]);
    assert!(post(&laid, "1").exists() && post(&laid, "2").exists(), "{}", ran.all());
}

#[test]
fn a_list_that_is_gone_leaves_nothing_behind() {
    let laid = Laid::small(LIST).migrated();
    remove_list(&laid);
    passed(&laid.migrate(&[]));
    assert!(post(&laid, "1").exists(), "only the final pass removes");
    passed(&laid.migrate(&["--final"]));
    for left in [
        "var/spool/mlmmj/a.example",
        "var/lib/unqmail/lists/a.example",
        "var/lib/unqmail/posts/a.example",
    ] {
        assert!(!laid.target.join(left).exists(), "{left}");
    }
    passed(&laid.verify(&[]));
}

#[test]
fn what_the_new_list_manager_has_made_of_a_list_that_is_gone_stays_and_is_told() {
    let laid = Laid::small(LIST).migrated();
    fs::write(post(&laid, "3"), "Subject: three\n\nThree.\n").unwrap();
    let members = laid.target.join(SPOOL).join("subscribers.d/j");
    fs::write(&members, "joe@b.example\njim@b.example\n").unwrap();
    remove_list(&laid);
    let ran = laid.migrate(&["--final"]);
    assert!(post(&laid, "3").exists() && members.exists() && !post(&laid, "1").exists());
    assert!(!laid.target.join(SPOOL).join("incoming").exists());
    assert!(
        ran.all().contains("note[file-edited]: the old server has the list no more"),
        "{}",
        ran.all()
    );
    assert!(ran.all().contains(&format!("--> {SPOOL}\n")), "{}", ran.all());
}

#[test]
fn a_post_a_member_file_or_a_file_beside_of_somebody_else_is_never_overwritten() {
    let laid = Laid::small(LIST);
    let write = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine\n").unwrap();
    };
    let conf = laid.target.join("etc/postfix/main.cf");
    let foreign = [
        post(&laid, "1"),
        laid.target.join(SPOOL).join("subscribers.d/j"),
        conf.clone(),
        conf.with_file_name("main.cf.unqmail"),
    ];
    for path in &foreign {
        write(path);
    }
    let ran = laid.migrate(&["--final"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    for path in &foreign {
        assert_eq!(read(path), "mine\n", "{}", path.display());
    }
    assert!(post(&laid, "2").exists());
    let shown = |path: &Path| path.strip_prefix(&laid.target).unwrap().display().to_string();
    for path in &foreign {
        assert!(ran.all().contains(&shown(path)), "{}: {}", path.display(), ran.all());
    }
    // It is an older one of ours that is replaced beside.
    fs::remove_file(conf.with_file_name("main.cf.unqmail")).unwrap();
    assert_eq!(laid.migrate(&[]).code, 1);
    fs::write(laid.site.join("var/qmail/control/databytes"), "1000000\n").unwrap();
    assert_eq!(laid.migrate(&[]).code, 1);
    assert!(read(&conf.with_file_name("main.cf.unqmail")).contains("message_size_limit = 1000000"));
}

#[test]
fn members_for_digests_that_are_not_sent_stay_members_and_get_nothing() {
    for (manager, file, wanted) in [
        ("mlmmj", "var/spool/mlmmj/a.example/club/nomailsubs.d/d", "dan@b.example\n"),
        ("alias", "etc/postfix/unqmail/aliases", "club@a.example joe@b.example\n"),
        ("mailman", "etc/mailman3/unqmail/lists.jsonl", "\"digests_enabled\":false"),
        ("sympa", "etc/unqmail/sympa/members.jsonl", "\"reception\":\"nomail\""),
    ] {
        let settings = format!("[lists]\nmanager = '{manager}'\n");
        let laid = Laid::small_with(LIST, &settings).migrated();
        let text = read(&laid.target.join(file));
        assert!(text.contains(wanted), "{manager}: {text}");
        let plan = laid.plan(&[]).all();
        assert!(plan.contains("sends no digests, and has 2 members for them"), "{plan}");
        passed(&laid.verify(&[]));
    }
    let sends = format!("{LIST}file {CLUB}/digested\n").replace(
        "ezmlm-send '/home",
        "ezmlm-send '/home/vpopmail/domains/a.example/club'\n| |if test -e '/home/vpopmail/domains/a.example/club/digested' && /usr/bin/ezmlm-tstdig '/home/vpopmail/domains/a.example/club'; then /usr/bin/ezmlm-get '/home",
    );
    let laid = Laid::small(&sends).migrated();
    assert!(laid.target.join(SPOOL).join("digesters.d/d").exists());
    assert!(!laid.plan(&[]).all().contains("sends no digests"));
}

#[test]
fn what_ezmlm_reject_does_by_odd_options_is_told_with_its_line() {
    let odd = LIST.replace("|/usr/bin/ezmlm-send", "|/usr/bin/ezmlm-reject -qfb '/home/vpopmail/domains/a.example/club'\n| |/usr/bin/ezmlm-send");
    let plan = Laid::small(&odd).plan(&["--format", "json"]).json();
    let findings = plan["findings"].as_array().unwrap();
    let told = |words: &str| {
        let is_it = |it: &&serde_json::Value| it["message"].as_str().unwrap().contains(words);
        findings.iter().find(is_it).unwrap_or_else(|| panic!("{words}: {findings:?}"))["line"]
            .clone()
    };
    for words in
        ["drops posts without a word", "the list's -request", "subject or text begins with"]
    {
        assert_eq!(told(words), 1);
    }
    let usual = LIST.replace("|/usr/bin/ezmlm-send", "|/usr/bin/ezmlm-reject -QF '/home/vpopmail/domains/a.example/club'\n| |/usr/bin/ezmlm-send");
    assert!(!Laid::small(&usual).plan(&[]).all().contains("without a word"));
}

/// Files that only say that they are large, a pipe where a file should be, and a folder that leads to
/// itself.
#[test]
fn no_file_of_a_list_takes_the_memory_or_the_time_it_asks_for() {
    let laid = Laid::small(LIST);
    let list = laid.site.join(CLUB);
    for (name, size) in [
        ("Log", 1 << 30),
        ("headeradd", 100 << 20),
        ("text/top", 100 << 20),
        ("mod/pending/1700000000.1", 1 << 30),
        ("num", 1 << 30),
    ] {
        let path = list.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(&path).unwrap();
        file.set_len(size).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o744)).unwrap();
    }
    fs::remove_file(list.join("key")).unwrap();
    let mut pipes = std::process::Command::new("mkfifo");
    assert!(pipes.args(["key", "prefix"]).current_dir(&list).status().unwrap().success());
    std::os::unix::fs::symlink("digest", list.join("digest/digest")).unwrap();
    let begun = std::time::Instant::now();
    let plan = laid.plan(&["--format", "json"]).json();
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    let findings = plan["findings"].as_array().unwrap();
    for name in ["Log", "headeradd", "text/top", "num", "prefix"] {
        let file = format!("{CLUB}/{name}");
        let is_it = |it: &serde_json::Value| it["code"] == "file-unreadable" && it["file"] == file;
        assert!(findings.iter().any(is_it), "{name}: {findings:?}");
    }
}
