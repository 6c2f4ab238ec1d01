//! Bugs of mail that were found once, each named for what a sysadmin would have seen.

use crate::passes::Joe;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::time::{Duration, SystemTime};

/// Where mail lies on a disk that is not there for a while, its copies were removed.
#[test]
fn a_link_to_nothing_is_no_folder_whose_mail_is_gone() {
    let joe = Joe::new("");
    joe.put(".Work/cur/3.c:2,S", "three");
    joe.put(".Sent/cur/4.d:2,S", "four");
    joe.pass(&[]);
    let aside = joe.old().with_file_name("aside");
    fs::create_dir(&aside).unwrap();
    let linked = ["cur", ".Work", ".Sent/cur"];
    for (name, link) in ["a", "b", "c"].iter().zip(linked) {
        fs::rename(joe.old().join(link), aside.join(name)).unwrap();
        symlink(format!("/not/mounted/{name}"), joe.old().join(link)).unwrap();
    }
    let all = [".Sent/cur/4.d:2,S", ".Work/cur/3.c:2,S", "cur/2.b:2,S", "new/1.a"];
    for pass in [&["--final"][..], &[], &["--final"]] {
        let ran = joe.pass(pass);
        assert_eq!(joe.messages(), all, "{}", ran.all());
    }
    let told = joe.0.plan(&["--format", "json"]).stdout;
    for link in linked {
        assert!(told.contains(&format!("joe/Maildir/{link}\"")), "{link}: {told}");
    }
    // The disk is back.
    for (name, link) in ["a", "b", "c"].iter().zip(linked) {
        joe.remove(link);
        fs::rename(aside.join(name), joe.old().join(link)).unwrap();
    }
    joe.remove("cur/2.b:2,S");
    joe.pass(&["--final"]);
    assert_eq!(joe.messages(), [".Sent/cur/4.d:2,S", ".Work/cur/3.c:2,S", "new/1.a"]);
    assert_eq!(joe.0.verify(&[]).code, 0);
}

/// The check that nothing changes took whatever it could not open for something new, each time.
#[test]
fn the_final_pass_runs_where_names_are_not_what_they_should_be() {
    let joe = Joe::new(
        "fifo home/vpopmail/domains/a.example/joe/Maildir/courierimapkeywords
fifo home/vpopmail/domains/a.example/joe/Maildir/courierimaphieracl
file home/vpopmail/domains/a.example/joe/Maildir/.Sent/courierimapkeywords
",
    );
    joe.put("../mail/3.c:2,S", "three");
    chown(joe.old().join("../mail"), Some(89), Some(89)).unwrap();
    symlink("../../mail", joe.old().join(".Sent/cur")).unwrap();
    joe.pass(&["--final"]);
    assert_eq!(joe.messages(), [".Sent/cur/3.c:2,S", "cur/2.b:2,S", "new/1.a"]);
    // One whose Maildir is none.
    let eve = joe.old().join("../../eve/Maildir");
    fs::remove_dir_all(&eve).unwrap();
    fs::write(&eve, "").unwrap();
    let ran = joe.0.migrate(&["--final"]);
    assert!(!ran.all().contains("site-not-quiet"), "{}", ran.all());
}

/// The kinds and names of the differences that `verify` tells.
fn differences(joe: &Joe, more: &[&str]) -> Vec<(String, String)> {
    let ran = joe.0.verify(&[&["--format", "json"], more].concat());
    let all = ran.json()["differences"].as_array().unwrap().clone();
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.iter().map(|one| (text(one, "kind"), text(one, "subject"))).collect()
}

/// The record kept no dates.
#[test]
fn a_copy_with_another_date_differs_from_its_record() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let copy = fs::File::open(joe.new_home().join("cur/2.b:2,S")).unwrap();
    copy.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    let named = ("message".to_owned(), "var/vmail/a.example/joe/Maildir/cur/2.b:2,S".to_owned());
    for more in [&[][..], &["--recorded"]] {
        assert!(differences(&joe, more).contains(&named), "{more:?}");
    }
}

#[test]
fn two_messages_of_one_name_are_as_recorded() {
    let joe = Joe::new("");
    joe.put("new/2.b", "another");
    joe.pass(&[]);
    let told = differences(&joe, &["--recorded"]);
    assert!(told.iter().all(|(kind, _)| kind != "message"), "{told:?}");
}

#[test]
fn mail_that_its_own_server_cannot_read_is_told() {
    let joe = Joe::new("");
    joe.pass(&[]);
    let vmail = joe.0.target.join("var/vmail");
    for (name, mode) in [("", 0o500), ("a.example/joe/Maildir/cur", 0o500)] {
        fs::set_permissions(vmail.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let message = joe.new_home().join("cur/2.b:2,S");
    fs::set_permissions(message, fs::Permissions::from_mode(0o200)).unwrap();
    let mode = |path: &str| ("mode".to_owned(), format!("var/vmail{path}"));
    let told = ["", "/a.example/joe/Maildir/cur", "/a.example/joe/Maildir/cur/2.b:2,S"].map(mode);
    assert_eq!(differences(&joe, &[]), told);
    chown(vmail, Some(0), Some(0)).unwrap();
    assert!(differences(&joe, &[]).contains(&("owner".to_owned(), "var/vmail".to_owned())));
}

/// Nobody made the folder of their homes, in which the mail user makes these.
#[test]
fn accounts_without_mail_get_room_for_it() {
    let joe = Joe::new("");
    for user in ["joe", "eve"] {
        let home = joe.0.site.join("home/vpopmail/domains/a.example").join(user);
        fs::remove_dir_all(home).unwrap();
    }
    joe.pass(&[]);
    assert_eq!(fs::metadata(joe.0.target.join("var/vmail")).unwrap().uid(), 5000);
    let ran = joe.0.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

/// Killed while it made a folder that was gone on the old server before the next run, a run left one of
/// another name behind.
#[test]
fn a_folder_that_was_never_quite_made_goes() {
    let joe = Joe::new("");
    joe.pass(&[]);
    for part in ["new", "cur"] {
        fs::create_dir_all(joe.new_home().join("unqmail-.Work").join(part)).unwrap();
    }
    fs::write(joe.new_home().join("unqmail-.Work/maildirfolder"), "").unwrap();
    joe.put("new/5.e", "five");
    joe.pass(&[]);
    assert!(!joe.new_home().join("unqmail-.Work").exists());
}

/// A folder whose name was that of one that is being made became that one.
#[test]
fn a_folder_with_the_name_of_one_that_is_being_made_keeps_its_mail() {
    let joe = Joe::new("");
    joe.put(".unqmail-.zed/cur/3.c:2,S", "three");
    joe.put(".zed/cur/4.d:2,S", "four");
    joe.pass(&[]);
    assert_eq!(joe.0.verify(&[]).code, 0);
    assert!(joe.messages().contains(&".unqmail-.zed/cur/3.c:2,S".to_owned()));
}

/// They lost their keywords, and nobody could set a flag.
#[test]
fn names_without_room_for_flags_are_shorter_and_keep_their_keywords() {
    let joe = Joe::new("");
    let long = format!("3.{}", "x".repeat(246));
    joe.put(&format!("cur/{long}:2,S"), "three");
    joe.put("courierimapkeywords/:list", &format!("$Label1\n\n{long}:0\n"));
    joe.pass(&[]);
    let told = joe.0.plan(&["--format", "json"]).stdout;
    assert!(told.contains("message-name-odd"), "{told}");
    assert!(joe.messages()[1].ends_with(":2,Sa"), "{:?}", joe.messages());
    let ran = joe.0.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn what_courier_keeps_behind_a_link_to_nothing_is_told() {
    let joe = Joe::new("");
    let kept = [
        "courierimapuiddb",
        "courierpop3dsizelist",
        "courierimapsubscribed",
        "courierimapkeywords",
    ];
    for name in kept {
        symlink("/not/there", joe.old().join(name)).unwrap();
    }
    let told = joe.0.plan(&["--format", "json"]).stdout;
    for name in kept {
        assert!(told.contains(&format!("joe/Maildir/{name}\"")), "{name}: {told}");
    }
}

/// Courier tells an empty name for it, which is none for Dovecot.
#[test]
fn a_message_without_a_name_differs_in_nothing() {
    let joe = Joe::new("");
    joe.put("cur/:2,S", "three");
    joe.pass(&[]);
    let ran = joe.0.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}
