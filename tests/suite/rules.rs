//! The old server's rules where its files are odd: what `explain` says of an address.

use crate::support::Laid;

const DEFAULT: &str = "\
owner 89:89
file home/vpopmail/domains/a.example/.qmail-default
| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox
";

/// A domain with these accounts, each with a quota and perhaps lines of its own `.qmail`.
fn accounts(rows: &[(&str, &str, &[&str])]) -> String {
    let home = "home/vpopmail/domains/a.example";
    let mut text = format!("{DEFAULT}file {home}/vpasswd\n");
    for (name, quota, _) in rows {
        text.push_str(&format!("| {name}:$1$a$b:1:0:{name}:/{home}/{name}:{quota}\n"));
    }
    for (name, _, lines) in rows {
        for part in ["new", "cur", "tmp"] {
            text.push_str(&format!("dir {home}/{name}/Maildir/{part}\n"));
        }
        if !lines.is_empty() {
            text.push_str(&format!("file {home}/{name}/.qmail\n"));
        }
        for line in *lines {
            text.push_str(&format!("| {line}\n"));
        }
    }
    text
}

/// What the old server does with mail for an address on a small site with this added.
fn fates(more: &str, address: &str) -> Vec<String> {
    let ran = Laid::small(more).explain(&[address, "--format", "json"]);
    let told = ran.json();
    let old = told["old"].as_array().unwrap_or_else(|| panic!("{}", ran.all()));
    let text = |outcome: &serde_json::Value| match outcome {
        serde_json::Value::Object(fields) => {
            let (kind, value) = fields.iter().next().unwrap();
            format!("{kind} {}", value.as_str().unwrap_or_default()).trim_end().to_owned()
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    old.iter().map(text).collect()
}

const LOOPING: &str = "reject mail is looping";

#[test]
fn the_second_of_two_accounts_that_forward_to_each_other_keeps_no_copy() {
    let site = accounts(&[
        ("anna", "NOQUOTA", &["&bob@a.example", "/home/vpopmail/domains/a.example/anna/Maildir/"]),
        ("bob", "NOQUOTA", &["&anna@a.example", "/home/vpopmail/domains/a.example/bob/Maildir/"]),
    ]);
    assert_eq!(fates(&site, "anna@a.example"), ["deliver anna@a.example", LOOPING]);
    assert_eq!(fates(&site, "bob@a.example"), ["deliver bob@a.example", LOOPING]);
}

#[test]
fn accounts_that_all_forward_to_each_other_are_followed_in_a_moment() {
    let names: Vec<String> = (0..10).map(|number| format!("u{number}")).collect();
    let lines: Vec<String> = names.iter().map(|name| format!("&{name}@a.example")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let rows: Vec<(&str, &str, &[&str])> =
        names.iter().map(|name| (name.as_str(), "NOQUOTA", lines.as_slice())).collect();
    assert!(fates(&accounts(&rows), "u9@a.example").contains(&LOOPING.to_owned()));
}

#[test]
fn a_quota_smaller_than_a_message_refuses_and_a_path_goes_by_maildirsize() {
    let home = "home/vpopmail/domains/a.example";
    let site = accounts(&[
        ("tiny", "1S", &[]),
        ("path", "1S", &["./Maildir/"]),
        ("sized", "NOQUOTA", &["./Maildir/"]),
    ]) + &format!("file {home}/sized/Maildir/maildirsize\n| 10S\n| 0 0\n");
    assert_eq!(fates(&site, "tiny@a.example"), ["reject user is over quota"]);
    assert_eq!(fates(&site, "path@a.example"), ["deliver path@a.example"]);
    assert_eq!(fates(&site, "sized@a.example"), ["reject user is over quota"]);
}

#[test]
fn a_recipient_from_windows_loses_the_carriage_return_behind_its_host() {
    let site = accounts(&[("crlf", "NOQUOTA", &[])])
        + "file home/vpopmail/domains/a.example/crlf/.qmail\n\\ x@b.example%0D%0A\n";
    assert_eq!(fates(&site, "crlf@a.example"), ["forward x@b.example"]);
}

#[test]
fn programs_around_the_delivery_do_not_hide_the_accounts() {
    for line in [
        "| /usr/bin/spamc -f | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox",
        "|/usr/bin/nice -n 10 /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox",
        "|if test -f /x; then /v/vdelivermail '' delete; else /v/vdelivermail '' bounce-no-mailbox; fi",
        "|/var/qmail/bin/preline -f /usr/libexec/dovecot/deliver -d $EXT@$USER",
    ] {
        let site = accounts(&[("joe", "NOQUOTA", &[])])
            .replace("| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox", line);
        assert_eq!(fates(&site, "joe@a.example"), ["deliver joe@a.example"], "{line}");
        assert!(!fates(&site, "nobody@a.example")[0].starts_with("deliver"), "{line}");
    }
}

#[test]
fn exit_99_in_an_accounts_file_ends_the_domains_file_too() {
    let site = accounts(&[("bob", "NOQUOTA", &["|exit 99"])]).replacen(
        "\nfile home/vpopmail/domains/a.example/vpasswd",
        "\n| ./x\nfile home/vpopmail/domains/a.example/vpasswd",
        1,
    );
    assert_eq!(fates(&site, "bob@a.example"), ["discard"]);
}

#[test]
fn false_alone_defers_and_what_stands_behind_or_is_not_run() {
    let site = accounts(&[("f", "NOQUOTA", &["|false"]), ("o", "NOQUOTA", &["|true || exit 100"])]);
    assert!(fates(&site, "f@a.example")[0].starts_with("defer"));
    assert_eq!(fates(&site, "o@a.example"), ["discard"]);
}

#[test]
fn nothing_is_delivered_as_root_or_by_an_empty_file_that_everybody_may_write() {
    let site = "file var/qmail/control/locals\n| mx.example\ncdb var/qmail/users/cdb assign\n\
        | =zero:zero:0:0:/home/zero:::\n| =joe:joe:1000:1000:/home/joe:::\n| .\n\
        dir home/zero/Maildir/new\ndir home/zero/Maildir/cur\n\
        dir home/joe/Maildir/new\ndir home/joe/Maildir/cur\nfile home/joe/.qmail 666\n";
    for address in ["zero@mx.example", "joe@mx.example"] {
        assert!(fates(site, address)[0].starts_with("defer"), "{address}");
    }
}
