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

/// The domain's own folder with another action for mail that no account takes.
fn with_catch_all(site: &str, action: &str) -> String {
    site.replace("'' bounce-no-mailbox", &format!("'' {action}"))
}

#[test]
fn a_folder_for_all_other_names_is_a_home_even_if_it_is_no_accounts() {
    let site = accounts(&[("joe", "NOQUOTA", &[])]);
    let plain = with_catch_all(&site, "/srv/rest")
        + "message srv/rest/Maildir/new/1.a Kept\ndir srv/rest/Maildir/cur\n";
    assert_eq!(fates(&plain, "nobody@a.example"), ["file srv/rest/Maildir"]);
    let with_lines = plain.clone() + "file srv/rest/.qmail\n| &joe@a.example\n";
    assert_eq!(fates(&with_lines, "nobody@a.example"), ["deliver joe@a.example"]);
    let laid = Laid::small(&plain);
    let told = laid.explain(&["nobody@a.example", "--format", "json"]).json();
    assert_eq!(told["verdict"], "adapted", "{told}");
    assert!(laid.migrate(&[]).code == 0);
    let kept = crate::support::files_under(&laid.target);
    assert!(kept.iter().any(|path| path.to_string_lossy().contains("1.a")), "mail is carried over");
}

#[test]
fn a_name_that_vpopmail_cannot_hold_bounces_and_no_name_at_all_is_any_other() {
    let site = with_catch_all(&accounts(&[("joe", "NOQUOTA", &[])]), "joe@a.example");
    assert_eq!(fates(&site, "@a.example"), ["deliver joe@a.example"]);
    assert_eq!(fates(&site, "a:b@a.example"), ["reject invalid username"]);
}

#[test]
fn the_part_behind_the_first_dash_chooses_the_file_whoever_is_found() {
    let home = "home/vpopmail/domains/a.example";
    let site = accounts(&[("anne-marie", "NOQUOTA", &["&x@b.example"])])
        + &format!("file {home}/anne-marie/.qmail-marie\n| &y@b.example\n");
    assert_eq!(fates(&site, "anne-marie@a.example"), ["forward y@b.example"]);
}

#[test]
fn a_file_that_vdelivermail_cannot_read_is_none() {
    if !can_give_files_away() {
        return;
    }
    let home = "home/vpopmail/domains/a.example";
    let site = accounts(&[("joe", "NOQUOTA", &[])])
        + &format!("owner 0:0\nfile {home}/joe/.qmail 600\n| &x@b.example\n");
    assert_eq!(fates(&site, "joe@a.example"), ["deliver joe@a.example"]);
}

#[test]
fn a_line_is_read_499_bytes_at_a_time() {
    let long = format!("#{}", "x".repeat(498));
    let line = format!("{long}&z@b.example");
    let site = accounts(&[("joe", "NOQUOTA", &[line.as_str()])]);
    assert_eq!(fates(&site, "joe@a.example"), ["forward z@b.example"]);
}

#[test]
fn a_mailbox_without_its_parts_waits_and_a_home_that_is_gone_is_made() {
    let home = "home/vpopmail/domains/a.example";
    let site = accounts(&[("joe", "NOQUOTA", &[])])
        + &format!("file {home}/vpasswd\n| half:$1$a$b:1:0:H:/{home}/half:NOQUOTA\n")
        + &format!("| gone:$1$a$b:1:0:G:/{home}/gone:NOQUOTA\n")
        + &format!("dir {home}/half/Maildir/cur\n");
    assert!(fates(&site, "half@a.example")[0].starts_with("defer"));
    assert_eq!(fates(&site, "gone@a.example"), ["deliver gone@a.example"]);
}

#[test]
fn a_home_that_is_gone_is_made_where_its_link_leads() {
    let site = "link home/vpopmail/domains/b.example a.example\n\
        file var/qmail/control/virtualdomains\n| b.example:b.example\n\
        cdb var/qmail/users/cdb assign\n\
        | +b.example-:b.example:89:89:/home/vpopmail/domains/b.example:-::\n| .\n\
        file home/vpopmail/domains/a.example/vpasswd\n\
        | new:$1$a$b:1:0:N:/home/vpopmail/domains/b.example/new:NOQUOTA\n";
    let told = Laid::small(site).explain(&["new@b.example", "--format", "json"]).json();
    assert_eq!(told["old"][0]["path"], "home/vpopmail/domains/a.example/new/Maildir", "{told}");
}

#[test]
fn a_domain_needs_no_dot() {
    let site = "file var/qmail/control/virtualdomains\n| intranet:intranet\n\
        cdb var/qmail/users/cdb assign\n\
        | +intranet-:intranet:89:89:/home/vpopmail/domains/intranet:-::\n| .\n\
        file home/vpopmail/domains/intranet/.qmail-default\n\
        | | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n\
        file home/vpopmail/domains/intranet/vpasswd\n\
        | joe:$1$a$b:1:0:J:/home/vpopmail/domains/intranet/joe:NOQUOTA\n\
        dir home/vpopmail/domains/intranet/joe/Maildir/new\n";
    assert_eq!(fates(site, "joe@intranet"), ["deliver joe@intranet"]);
    assert!(fates(site, "zoe@intranet")[0].starts_with("reject"));
}

/// Owners say something only where a site can be laid out with them.
fn can_give_files_away() -> bool {
    unqmail::fsys::tree::Tree::open(crate::support::scratch().path()).unwrap().may_chown()
}

/// Unix users joe and the alias user, for mail to the host's own name.
const UNIX: &str = "file var/qmail/control/locals\n| mx.example\n\
    cdb var/qmail/users/cdb assign\n| =joe:joe:1000:1000:/home/joe:::\n\
    | +joe-:joe:1000:1000:/home/joe:-::\n| .\nowner 1000:1000\ndir home/joe/Maildir/new\n";

#[test]
fn whoever_delivers_needs_permission_for_every_step() {
    if !can_give_files_away() {
        return;
    }
    let cases = [
        ("file home/joe/.qmail-x\n| ./Maildir/\n", "x", "file"),
        ("dir home/joe/Maildir 700\nfile home/joe/.qmail-x\n| ./Maildir/\n", "x", "file"),
        (
            "owner 2:2\ndir srv/m 700\nmessage srv/m/new/1 A\nowner 1000:1000\n\
          file home/joe/.qmail-x\n| /srv/m/\n",
            "x",
            "defer",
        ),
        (
            "owner 2:2\nmessage srv/m/new/1 A\nowner 1000:1000\n\
          file home/joe/.qmail-x\n| /srv/m/\n",
            "x",
            "defer",
        ),
        (
            "owner 2:2\nfile srv/box 600\n| \nowner 1000:1000\n\
          file home/joe/.qmail-x\n| /srv/box\n",
            "x",
            "defer",
        ),
        ("dir srv/own 700\nfile home/joe/.qmail-x\n| /srv/own/box\n", "x", "file"),
        ("owner 2:2\nfile home/joe/.qmail-x 600\n| ./Maildir/\n", "x", "defer"),
        (
            "owner 2:2\ndir srv/l 700\nfile srv/l/editor\n| ./Maildir/\n\
          link home/joe/.qmail-x /srv/l/editor\n",
            "x",
            "defer",
        ),
        ("file home/joe/.qmail-x\n| /srv/file/\nfile srv/file\n| x\n", "x", "defer"),
        ("dir home/joe 777\nfile home/joe/.qmail-x\n| #\n", "x", "defer"),
        ("dir home/joe 775\nfile home/joe/.qmail-x\n| #\n", "x", "discard"),
        ("dir home/joe 1755\nfile home/joe/.qmail-x\n| #\n", "x", "defer"),
    ];
    for (more, extension, want) in cases {
        let told = fates(
            &format!("owner 1000:1000\n{more}{UNIX}"),
            &format!("joe-{extension}@mx.example"),
        );
        assert!(told[0].starts_with(want), "{more}: {told:?}");
    }
    let behind_a_door = UNIX.replace("home/joe", "srv/door/joe");
    let site = format!(
        "owner 2:2\ndir srv/door 750\nowner 1000:1000\nfile srv/door/joe/.qmail-x\n| #\n{behind_a_door}"
    );
    assert!(fates(&site, "joe-x@mx.example")[0].starts_with("defer"));
}

#[test]
fn a_damaged_database_of_names_puts_all_local_mail_off_and_a_missing_one_leaves_only_alias() {
    let assign = "file var/qmail/users/assign\n\
        | +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n| .\n";
    let damaged = format!("{assign}file var/qmail/users/cdb\n| no database\n");
    let without_breaks = format!("{assign}cdb var/qmail/users/cdb hosts\n| !a.example-\n");
    for site in [damaged, without_breaks] {
        let laid = Laid::small(&site);
        let told = laid.explain(&["joe@a.example", "--format", "json"]).json();
        assert!(told["old"][0]["defer"].is_string(), "{told}");
        assert_eq!(told["new"][0]["deliver"], "joe@a.example");
        assert_eq!((&told["verdict"], laid.plan(&[]).code), (&"adapted".into(), 3));
    }
    let laid = Laid::new(
        &crate::support::SMALL
            .replace("cdb var/qmail/users/cdb assign", "file var/qmail/users/assign"),
        "",
    );
    let told = laid.explain(&["joe@a.example", "--format", "json"]).json();
    assert!(told["old"][0]["reject"].is_string(), "{told}");
    assert_eq!(told["verdict"], "adapted");
}

#[test]
fn a_damaged_database_of_accounts_holds_nobody() {
    let site = accounts(&[("joe", "NOQUOTA", &[])])
        + "file home/vpopmail/domains/a.example/vpasswd.cdb\n| no database\n";
    assert!(fates(&site, "joe@a.example")[0].starts_with("reject"));
    let told = Laid::small(&site).explain(&["joe@a.example", "--format", "json"]).json();
    assert_eq!(
        (&told["verdict"], &told["new"][0]["deliver"]),
        (&"adapted".into(), &"joe@a.example".into())
    );
}

#[test]
fn a_record_with_half_a_number_or_half_its_fields_delivers_as_qmail_reads_it() {
    let site = "file var/qmail/control/locals\n| mx.example\ncdb var/qmail/users/cdb assign\n\
        | =odd:joe:1000x:1000:/home/joe:::\n| =none:joe:x:1000:/home/joe:::\n| .\n\
        owner 1000:1000\nfile home/joe/.qmail\n| &x@b.example\n";
    assert_eq!(fates(site, "odd@mx.example"), ["forward x@b.example"]);
    assert!(fates(site, "none@mx.example")[0].starts_with("defer"));
    assert_eq!(fates(site, "@mx.example"), ["discard"]);
}

#[test]
fn a_program_line_does_what_the_shell_would_make_of_it() {
    let cases: &[(&str, &[&str])] = &[
        ("|true && exit 100", &["reject"]),
        ("|false && exit 100 || exit 0", &["discard"]),
        ("|false && exit 100", &["defer"]),
        ("|false || exit 99", &["discard"]),
        ("|{ echo 'Gone away'; exit 100; }", &["reject Gone away"]),
        ("|(exit 100)", &["reject"]),
        ("|(exit 100) || forward x@b.example", &["forward x@b.example"]),
        ("|! false", &["discard"]),
        ("|test -f there && exit 99 || exit 100", &["discard"]),
        ("|test -f gone && exit 99 || exit 100", &["reject"]),
        ("|[ -d Maildir -a ! -s empty ] && exit 100; exit 99", &["reject"]),
        ("|if [ \"$EXT\" = x-Y.z ]; then exit 100; else exit 99; fi", &["reject"]),
        ("|sh -c 'test -e there && exit 100'", &["reject"]),
        ("|bouncesaying closed test -f there", &["reject closed"]),
        ("|bouncesaying closed test -f gone", &["discard"]),
        ("|forward \"$EXT2@b.example\"", &["forward Y.z@b.example"]),
        (
            "|forward \"$EXT3@b.example\" \"$HOST2@b.example\"",
            &["forward @b.example", "forward mx@b.example"],
        ),
        ("|exit 0 2>&1 >/dev/null; exit 100", &["discard"]),
        ("|exec true; exit 100", &["discard"]),
        (
            "|grep -q '^X: y' && exit 99 || exit 100",
            &["run grep -q '^X: y' && exit 99 || exit 100", "reject"],
        ),
        ("|case $EXT in x) exit 100;; esac", &["run case $EXT in x) exit 100;; esac"]),
        ("|forward \"$SENDER\"", &["run forward \"$SENDER\""]),
        ("|cat >> /var/log/box", &["run cat >> /var/log/box"]),
        ("|dot-forward .forward", &["discard"]),
        ("|dot-forward there", &["run dot-forward there"]),
    ];
    for (line, want) in cases {
        let site = format!(
            "{UNIX}file home/joe/there\n| x\nfile home/joe/empty\nfile home/joe/.qmail-x-default\n| {line}\n"
        );
        let mut told = fates(&site, "joe-x-Y.z@mx.example");
        told.sort();
        let mut want = want.to_vec();
        want.sort_unstable();
        let fits = told.len() == want.len()
            && told.iter().zip(&want).all(|(told, want)| told.starts_with(want));
        assert!(fits, "{line}: {told:?}");
    }
}

#[test]
fn the_default_delivery_is_what_qmail_is_started_with() {
    let joe = "file var/qmail/control/locals\n| mx.example\nfile etc/passwd\n\
        | joe:x:1000:1000:Joe:/home/joe:/bin/sh\n| alias:x:7790:2108::/var/qmail/alias:/bin/false\n\
        owner 1000:1000\ndir home/joe/Maildir/new\nmessage home/joe/box/new/1.a Old\n";
    let start = |path: &str, line: &str| {
        format!("{joe}owner 0:0\nfile {path} 755\n| #!/bin/sh\n| {line}\n")
    };
    let cases = [
        ("service/qmail-send/run", "exec qmail-start ./box/ splogger qmail", "home/joe/box"),
        ("var/qmail/supervise/send/run", "exec qmail-start '&x@b.example'", ""),
        ("var/qmail/rc", "qmail-start \"`cat /etc/delivery`\" splogger qmail", "home/joe/box"),
    ];
    for (path, line, store) in cases {
        let site = start(path, line) + "file etc/delivery\n| ./box/\n";
        let told = Laid::small(&site).explain(&["joe@mx.example", "--format", "json"]).json();
        let want = if store.is_empty() {
            told["old"][0]["forward"] == "x@b.example"
        } else {
            told["old"][0]["path"] == store
        };
        assert!(want, "{path}: {told}");
    }
}

#[test]
fn what_smtp_refuses_from_outside_is_said_and_stays_refused() {
    let site = "file var/qmail/control/virtualdomains\n| a.example:a.example\n| in.example:a.example\n\
        file var/qmail/control/badrcptto\n| eve@a.example\n| @gone.example\n\
        file var/qmail/control/morercpthosts\n| in.example\n";
    let laid = Laid::small(site);
    let outside = |address: &str| {
        let told = laid.explain(&[address, "--format", "json"]).json();
        told["trace"][0].as_str().unwrap().to_owned()
    };
    assert!(outside("eve@a.example").contains("refused, it is in badrcptto"));
    assert!(outside("Eve@A.example").contains("refused, it is in badrcptto"));
    assert!(outside("x@in.example").contains("not in rcpthosts"));
    assert!(!outside("joe@a.example").contains("from outside"));
    laid.migrate(&[]);
    let table = crate::support::read(&laid.target.join("etc/postfix/unqmail/inner_domains"));
    for refused in ["eve@a.example", "gone.example", "in.example"] {
        assert!(table.lines().any(|line| line.starts_with(refused)), "{refused}: {table}");
    }
}

#[test]
fn fastforward_asks_the_database_that_its_line_names() {
    let site = "file var/qmail/control/locals\n| mx.example\nowner 7790:2108\n\
        file var/qmail/alias/.qmail-default\n| #|fastforward /etc/none.cdb\n| |fastforward -p -d /etc/a.cdb\n\
        | |fastforward -d /etc/b.cdb\nfile var/qmail/alias/.qmail-lost\n| |fastforward /etc/lost.cdb\n\
        file var/qmail/alias/.qmail-stop\n| |fastforward /etc/b.cdb\n\
        owner 0:0\nfile etc/a\n| sales: old@b.example\ncdb etc/a.cdb aliases\n| sales: x@b.example\n\
        cdb etc/b.cdb aliases\n| info: y@b.example\n| stop: |exit 99\nfile etc/lost\n| lost: z@b.example\n";
    assert_eq!(fates(site, "sales@mx.example"), ["forward x@b.example"]);
    assert_eq!(fates(site, "info@mx.example"), ["forward y@b.example"]);
    assert!(fates(site, "nobody@mx.example")[0].starts_with("reject"));
    assert!(fates(site, "lost@mx.example")[0].starts_with("defer"));
    assert!(fates(site, "stop@mx.example")[0].starts_with("defer"));
}
