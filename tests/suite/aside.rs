//! What lies beside the mail, and where nobody looks for it: counted and told, with its place.

use crate::support::{Laid, SMALL};
use std::fs;

const JOE: &str = "home/vpopmail/domains/a.example/joe";
const BOX: &str = "| From a@b.example Mon Jan  2 03:04:05 2006\n| Subject: x\n|\n| text\n";

/// Findings of a code: place, subject and message.
fn told(laid: &Laid, code: &str) -> Vec<(String, String, String)> {
    let plan = laid.plan(&["--format", "json"]).json();
    let all = plan["findings"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.filter(|finding| finding["code"] == code)
        .map(|one| (text(&one["file"]), text(&one["subject"]), text(&one["message"])))
        .collect()
}

#[test]
fn mail_where_no_program_looks_is_counted_once_for_each_home() {
    let user = "| alias:x:7790:2108";
    let users = SMALL.replace(user, &format!("| cleo:x:1002:1002::/home/cleo:/bin/sh\n{user}"));
    let laid = Laid::new(
        &format!(
            "{users}file {JOE}/Mail/letters\n{BOX}file {JOE}/Mail/more/old\n{BOX}\
             message {JOE}/Mail/mh/1 One\nmessage {JOE}/Mail/mh/2 Two\nfile {JOE}/Mail/mh/notes\n| none\n\
             file {JOE}/mbox\n{BOX}file {JOE}/notes\n| nothing\nfile {JOE}/.cache/x\n{BOX}\
             message {JOE}/Maildir/Archive/cur/1.a:2,S Lost\n\
             message {JOE}/Maildir/.A/cur/2.b:2,S Seen\n\
             message {JOE}/Maildir/.A/.B/cur/3.c:2,S Lost\n\
             dir {JOE}/Maildir/.A/new\ndir {JOE}/Maildir/.A/tmp\n\
             dir {JOE}/Maildir/.A/courierimapkeywords\n\
             file var/qmail/control/locals\n| mx.example\nowner 1002:1002\n\
             file home/cleo/mail/sent\n{BOX}file home/cleo/src/main.c\n| int main;\n"
        ),
        "",
    );
    let mut found = told(&laid, "store-aside");
    found.sort();
    let at = |place: &str, first: &str, messages: u64, boxes: u64| {
        let message = format!(
            "mail lies where no mail program looks: messages: {messages}, mboxes: {boxes}, the first at {first}"
        );
        (first.to_owned(), place.to_owned(), message)
    };
    let expected = [
        at("home/cleo", "home/cleo/mail/sent", 0, 1),
        at(JOE, &format!("{JOE}/Mail/letters"), 2, 3),
        at(&format!("{JOE}/Maildir/.A"), &format!("{JOE}/Maildir/.A/.B/cur"), 1, 0),
        at(&format!("{JOE}/Maildir"), &format!("{JOE}/Maildir/Archive/cur"), 1, 0),
    ];
    assert_eq!(found, expected);
    // A pass tells the same when it knows the folders already.
    assert_eq!(laid.migrate(&[]).code, 0);
    let again = laid.migrate(&[]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.all());
}

#[test]
fn what_sqwebmail_keeps_for_its_user_is_told() {
    let laid = Laid::small(&format!(
        "file {JOE}/Maildir/sqwebmail-sig\n| Joe\nfile {JOE}/Maildir/sqwebmail-addressbook\n| a: b@c\n\
         file {JOE}/Maildir/sqwebmail-pass\n| secret\n\
         file home/vpopmail/domains/a.example/eve/Maildir/sqwebmail-timestamp\n| 1\n"
    ));
    let (file, subject, message) = told(&laid, "store-webmail").remove(0);
    assert_eq!(file, format!("{JOE}/Maildir/sqwebmail-addressbook"));
    assert_eq!(subject, format!("{JOE}/Maildir"));
    assert_eq!(message, "sqwebmail keeps for its user: addresses, a signature");
    assert_eq!(told(&laid, "store-webmail").len(), 1);
}

/// Courier gave a folder without rights of its own those of the nearest folder above it.
#[test]
fn a_folder_has_the_rights_of_the_one_above_it() {
    let maildir = format!("{JOE}/Maildir");
    let grant = |right: &str| format!("| owner aceilrstwx\n| user=eve@a.example {right}\n");
    let laid = Laid::small(&format!(
        "message {maildir}/cur/1.a:2,S One\n\
         message {maildir}/.T.In.Deep/cur/2.b:2,S Two\nmessage {maildir}/.Gone.In/cur/3.c:2,S Three\n\
         message {maildir}/.T.Own/cur/4.d:2,S Four\nmessage {maildir}/.T/cur/5.e:2,S Five\n\
         file {maildir}/.T/courierimapacl\n{}file {maildir}/.T.Own/courierimapacl\n| owner aceilrstwx\n\
         file {maildir}/courierimaphieracl/Gone\n{}file {maildir}/courierimaphieracl/Void\n{}",
        grant("lr"),
        grant("ls"),
        grant("lw"),
    ));
    assert_eq!(laid.migrate(&[]).code, 0);
    let acl = |folder: &str| {
        let new = laid.target.join("var/vmail/a.example/joe/Maildir");
        fs::read_to_string(new.join(folder).join("dovecot-acl")).unwrap_or_default()
    };
    let eve = |rights: &str| format!("owner akeiplrstwx\nuser=eve@a.example {rights}\n");
    for (folder, wanted) in [
        (".T", eve("lr")),
        (".T.In.Deep", eve("lr")),
        (".T.Own", String::new()),
        (".Gone.In", eve("ls")),
        ("", String::new()),
    ] {
        assert_eq!(acl(folder), wanted, "{folder}");
    }
    let shared = told(&laid, "folder-shared");
    assert_eq!(shared.len(), 5, "{shared:?}");
    let inherited = shared.iter().find(|(_, subject, _)| subject.ends_with(".T.In.Deep")).unwrap();
    assert_eq!(inherited.0, format!("{maildir}/.T/courierimapacl"));
    assert!(inherited.2.contains("as one above it: user=eve@a.example lr"), "{inherited:?}");
    assert!(shared.iter().any(|(file, ..)| file.ends_with("courierimaphieracl/Void")));
    assert_eq!(laid.verify(&[]).code, 0);

    // Others follow when the rights above them change, though nothing in them has.
    let old = laid.site.join(&maildir);
    fs::write(old.join(".T/courierimapacl"), "owner aceilrstwx\n").unwrap();
    fs::remove_file(old.join("courierimaphieracl/Gone")).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    for folder in [".T", ".T.In.Deep", ".Gone.In"] {
        assert_eq!(acl(folder), "", "{folder}");
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(laid.migrate(&[]).code, 0);
    fs::write(old.join("courierimapacl"), "owner aceilrstwx\nuser=eve@a.example lrs\n").unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!([".Gone.In", ".T.Own"].map(acl), [eve("lrs"), String::new()]);
    assert_eq!(laid.verify(&[]).code, 0);
}
