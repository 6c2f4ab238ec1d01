//! Bugs of mail that were found once, each named for what a sysadmin would have seen.

use crate::passes::Joe;
use std::fs;
use std::os::unix::fs::{chown, symlink};

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
