//! Bugs that were found once, each named for what a sysadmin would have seen.

use crate::support::{Laid, SMALL};
use serde_json::Value;

const D: &str = "home/vpopmail/domains/a.example";

/// What becomes of mail for an address on the new server, and the verdict.
fn told(laid: &Laid, address: &str) -> (Value, String) {
    let ran = laid.explain(&[address, "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let told = ran.json();
    (told["new"].clone(), told["verdict"].as_str().unwrap().to_owned())
}

fn is_same(laid: &Laid, address: &str) {
    let (new, verdict) = told(laid, address);
    assert_eq!(verdict, "same", "{address}: {new}");
}

#[test]
fn a_catch_all_that_waits_holds_back_no_mailbox() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' '|/usr/local/bin/x'\n"
    ));
    is_same(&laid, "joe@a.example");
    let (new, _) = told(&laid, "whoever@a.example");
    assert!(new[0]["defer"].is_string(), "{new}");
}

#[test]
fn a_catch_all_that_only_sorts_keeps_no_account_waiting() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| |/usr/bin/spamc | /usr/bin/maildrop /etc/mailfilter\n"
    ));
    let (new, _) = told(&laid, "joe@a.example");
    assert_eq!(new[0]["deliver"], "joe@a.example", "{new}");
    assert!(laid.explain(&["joe@a.example"]).all().contains("alias-filter"));
    let (new, _) = told(&laid, "whoever@a.example");
    assert!(new[0]["defer"].is_string(), "{new}");
}

#[test]
fn bounces_of_bounces_that_were_thrown_away_reach_nobody() {
    let laid = Laid::small("owner 0:0\nfile var/qmail/control/doublebounceto\n|\n").migrated();
    let main = std::fs::read_to_string(laid.target.join("etc/postfix/main.cf")).unwrap();
    assert!(main.contains("\nnotify_classes = ") && !main.contains("2bounce"), "{main}");
}

#[test]
fn no_target_names_a_made_up_address() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-sales-default\n| |forward \"$DEFAULT@shop.example\"\n\
         file {D}/.qmail-move-default\n| |forward \"$EXT@shop.example\"\n"
    ));
    is_same(&laid, "sales-zoe@a.example");
    is_same(&laid, "move-zoe@a.example");
    let laid = Laid::small(&format!(
        "file {D}/.qmail-sales-default\n| |forward \"$DEFAULT-x@shop.example\"\n"
    ));
    let (new, _) = told(&laid, "sales-zoe@a.example");
    assert!(new[0]["defer"].is_string(), "{new}");
    assert_eq!(laid.plan(&[]).code, 3);
}

/// `$DEFAULT` behind a front was an error, and mail for all of its addresses waited.
#[test]
fn a_forward_to_what_stands_behind_a_front_goes_there() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-sales-default\n| |forward \"$DEFAULT\"@shop.example\n\
         file {D}/.qmail-two-default\n| |forward \"to-$DEFAULT@shop.example\" \"$EXT@b.example\"\n\
         file {D}/.qmail-home-default\n| |forward \"$DEFAULT@a.example\"\n\
         file {D}/.qmail-default\n| |forward \"any-$EXT@far.example\"\n"
    ));
    for local in
        ["sales-zoe", "sales-a.b", "sales-a b", "two-zoe", "home-nobody", "whoever", "no \\\"body"]
    {
        is_same(&laid, &format!("{local}@a.example"));
    }
    let (new, _) = told(&laid, "two-zoe@a.example");
    assert!(new.to_string().contains("\"to-zoe@shop.example\""), "{new}");
    assert_eq!(laid.plan(&[]).code, 0, "{}", laid.plan(&[]).all());
}

/// What a line compares with a name was decided by a name that nobody has.
#[test]
fn a_name_that_a_line_asks_for_has_its_own_way() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| |if [ \"$EXT\" = spam ]; then exit 100; fi\n\
         | | /home/vpopmail/bin/vdelivermail '' joe@a.example\n\
         file {D}/.qmail-mx-default\n| |[ \"$EXT2\" != foo ] || exit 99\n| &eve@a.example\n\
         file {D}/.qmail-pre-default\n| |test \"$DEFAULT\" = x.y && exit 100\n| &eve@a.example\n"
    ));
    for local in ["spam", "other", "mx-foo", "mx-bar", "pre-x.y", "pre-x"] {
        is_same(&laid, &format!("{local}@a.example"));
    }
    for refused in ["spam@a.example", "pre-x.y@a.example"] {
        let (new, _) = told(&laid, refused);
        assert!(new[0]["reject"].is_string(), "{refused}: {new}");
    }
}

#[test]
fn a_catch_all_of_two_targets_keeps_both() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| |forward \"$EXT@other.example\"\n| &someone@third.example\n"
    ));
    is_same(&laid, "whoever@a.example");
}

#[test]
fn an_alias_behind_a_refused_front_works() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-info-default\n| |bouncesaying closed\n\
         file {D}/.qmail-info-ok\n| &joe@a.example\n\
         file {D}/.qmail-info-vip-default\n| &eve@a.example\n"
    ));
    is_same(&laid, "info-x@a.example");
    is_same(&laid, "info-ok@a.example");
    is_same(&laid, "info-vip-x@a.example");
}

#[test]
fn of_two_accounts_on_one_store_the_owner_keeps_the_mail() {
    let laid = Laid::small(&format!(
        "file {D}/vpasswd\n\
         | joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Joe:/{D}/joe:NOQUOTA\n\
         | zoe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Zoe:/{D}/zoe:NOQUOTA\n\
         link {D}/zoe joe\n"
    ));
    is_same(&laid, "joe@a.example");
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 3);
    assert!(plan.stdout.contains("account-store-shared"), "{}", plan.stdout);
}

#[test]
fn one_name_that_no_table_takes_does_not_stop_the_plan() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-andr%E9\n| &joe@a.example\nfile {D}/.qmail-a%0Ab-default\n| &eve@a.example\n"
    ));
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 3, "{}", plan.all());
    assert!(plan.stdout.contains("alias-name-unusable"), "{}", plan.stdout);
    is_same(&laid, "joe@a.example");
}

#[test]
fn a_finding_of_another_kind_explains_no_difference() {
    // Not open to the world is no reason for going elsewhere.
    let laid = Laid::small(&format!(
        "file var/qmail/control/rcpthosts\n| mx.example\n\
         file {D}/.qmail-sales-default\n| |forward \"$DEFAULT-x@shop.example\"\n"
    ));
    assert_eq!(laid.plan(&[]).code, 3);
}

/// A list of one member at `local@host`, its folder `club`, its address `club@a.example`.
fn list(local: &str, host: &str, editor: &str) -> String {
    format!(
        "file {D}/club/outlocal\n| {local}\nfile {D}/club/outhost\n| {host}\n\
         file {D}/club/key\n| 00112233\nfile {D}/club/lock\nfile {D}/club/headerremove\n| x\n\
         file {D}/club/public\n\
         file {D}/club/editor\n| |/usr/bin/ezmlm-send '/{D}/club'\n{editor}\
         file {D}/club/manager\n| |/usr/bin/ezmlm-manage '/{D}/club'\n\
         members {D}/club/subscribers\n| joe@a.example\n\
         link {D}/.qmail-club /{D}/club/editor\n\
         link {D}/.qmail-club-default /{D}/club/manager\n"
    )
}

#[test]
fn a_list_takes_no_mailbox_over() {
    let laid = Laid::small(&list("eve", "a.example", ""));
    is_same(&laid, "eve@a.example");
    let plan = laid.plan(&["--format", "json"]);
    assert!(plan.stdout.contains("list-address-taken"), "{}", plan.stdout);
}

#[test]
fn a_list_that_lives_in_an_alias_domain_takes_posts_in_both() {
    let assign = "cdb var/qmail/users/cdb assign\n\
        | +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n\
        | +b.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n| .\n\
        file var/qmail/control/virtualdomains\n| a.example:a.example\n| b.example:b.example\n";
    let laid = Laid::small(&format!("{assign}{}", list("club", "b.example", "")));
    is_same(&laid, "club@a.example");
    is_same(&laid, "club@b.example");
    is_same(&laid, "club-subscribe@a.example");
}

#[test]
fn a_copy_beside_a_list_keeps_the_list() {
    let laid = Laid::small(&list("club", "a.example", "| &copy@elsewhere.example\n"));
    is_same(&laid, "club@a.example");
}

#[test]
fn a_next_hop_for_a_domain_that_lives_here_takes_none_of_its_mail() {
    let laid = Laid::small(
        "file var/qmail/control/smtproutes\n| a.example:backup.example\n| .example:relay.example\n",
    );
    is_same(&laid, "joe@a.example");
    is_same(&laid, "alias@mx.example");
}

#[test]
fn an_alias_behind_a_domain_of_the_alias_user_keeps_its_own_way() {
    let laid = Laid::small(
        "file var/qmail/control/virtualdomains\n| a.example:a.example\n| w.example:alias-w\n\
         owner 7790:2108\nfile var/qmail/alias/.qmail-w-stop\n| #\n\
         file var/qmail/alias/.qmail-w-default\n| &joe@a.example\n",
    );
    is_same(&laid, "stop@w.example");
    is_same(&laid, "whoever@w.example");
}

#[test]
fn mail_for_a_program_is_put_off_at_the_door() {
    let laid = Laid::small(&format!("file {D}/.qmail-tickets\n| |/usr/local/bin/ticket\n"));
    let waive = "[[waive]]\ncode = \"alias-program\"\nsubject = \"*\"\nreason = \"x\"\n";
    std::fs::write(&laid.config, waive).unwrap();
    let laid = laid.migrated();
    let rows = laid.target.join("etc/postfix/unqmail/refused_recipients");
    let rows = std::fs::read_to_string(rows).unwrap();
    assert!(rows.contains("tickets@a.example 450 4.3.0"), "{rows}");
}

#[test]
fn mail_that_nobody_owns_is_named_wherever_it_lies() {
    let laid = Laid::small(&format!(
        "message {D}/0/former/Maildir/cur/1.a:2,S One\n\
         message {D}/joe/OldMaildir/cur/2.a:2,S Two\n\
         message {D}/backup/cur/3.a:2,S Three\n\
         file var/spool/mail/leaver\n| From a@b.example Mon Nov 23 09:00:00 2009\n| Subject: x\n|\n| x\n|\n"
    ));
    let plan = laid.plan(&["--format", "json"]).json();
    let findings = plan["findings"].as_array().unwrap();
    let orphaned = findings.iter().filter(|finding| finding["code"] == "store-orphaned");
    let places: Vec<&str> = orphaned.map(|finding| finding["file"].as_str().unwrap()).collect();
    for place in ["0/former/Maildir", "joe/OldMaildir", "a.example/backup", "var/spool/mail/leaver"]
    {
        assert!(places.iter().any(|at| at.ends_with(place)), "{place}: {places:?}");
    }
}

#[test]
fn an_alias_of_an_included_file_reaches_everybody_in_it() {
    let laid = Laid::small(
        "owner 7790:2108\nfile var/qmail/alias/.qmail-default\n| |fastforward -d /etc/aliases.cdb\n\
         owner 0:0\nfile etc/aliases\n| staff: :include:/etc/staff\n\
         file etc/staff\n| # everybody\n| joe@a.example\n| eve@a.example\n",
    );
    let (new, verdict) = told(&laid, "staff@mx.example");
    assert_eq!((verdict.as_str(), new.as_array().unwrap().len()), ("adapted", 2), "{new}");
}

#[test]
fn clients_may_relay_by_the_database_wherever_vpopmail_lives() {
    let v = "var/vpopmail";
    let laid = Laid::small(&format!(
        "file etc/passwd\n| alias:x:7790:2108::/var/qmail/alias:/bin/false\n\
         cdb var/qmail/users/cdb assign\n\
         | +a.example-:a.example:89:89:/{v}/domains/a.example:-::\n| .\n\
         file {v}/domains/a.example/vpasswd\n\
         | joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:J:/{v}/domains/a.example/joe:NOQUOTA\n\
         file {v}/etc/vlimits.default\n| disable_pop\n\
         cdb {v}/etc/tcp.smtp.cdb tcprules\n| 10.1.:allow,RELAYCLIENT=\"\"\n| :allow\n\
         file etc/tcp.smtp\n| 192.168.:allow,RELAYCLIENT=\"\"\n"
    ));
    let waive = "[[waive]]\ncode = \"*\"\nsubject = \"*\"\nreason = \"x\"\n";
    std::fs::write(&laid.config, waive).unwrap();
    let laid = laid.migrated();
    let read = |path: &str| std::fs::read_to_string(laid.target.join(path)).unwrap();
    let main = read("etc/postfix/main.cf");
    assert!(main.contains("10.1.0.0/16") && !main.contains("192.168"), "{main}");
    assert!(read("etc/dovecot/unqmail/deny-pop3").contains("joe@a.example"));
}

#[test]
fn exceptions_below_a_wildcard_are_sent_on() {
    let laid = Laid::small(
        "file var/qmail/control/virtualdomains\n| a.example:a.example\n| .w.example:alias-w\n\
         | .no.w.example:\n| skip.w.example:\n| bob@host.w.example:\n| .own.w.example:alias-o\n\
         owner 7790:2108\nfile var/qmail/alias/.qmail-w-default\n| &joe@a.example\n\
         file var/qmail/alias/.qmail-o-default\n| &eve@a.example\n",
    );
    for address in [
        "any@x.w.example",
        "any@x.no.w.example",
        "any@skip.w.example",
        "bob@host.w.example",
        "ann@host.w.example",
        "any@x.own.w.example",
    ] {
        is_same(&laid, address);
    }
    let (new, _) = told(&laid, "any@x.no.w.example");
    assert_eq!(new[0]["forward"], "any@x.no.w.example");
    assert_eq!(laid.plan(&[]).code, 0);
}

/// They left by their own MX, whatever `smtproutes` said, or were to stay here.
#[test]
fn exceptions_leave_by_the_next_hop_of_their_domain() {
    let laid = Laid::small(
        "file var/qmail/control/virtualdomains\n| a.example:a.example\n| out@a.example:\n\
         | .w.example:alias-w\n| skip.w.example:\n| bob@host.w.example:\n\
         file var/qmail/control/smtproutes\n| .w.example:relay.example:26\n| :outer.example\n\
         owner 7790:2108\nfile var/qmail/alias/.qmail-w-default\n| &joe@a.example\n",
    )
    .migrated();
    let transport = laid.target.join("etc/postfix/unqmail/transport");
    let rows = std::fs::read_to_string(transport).unwrap();
    for row in [
        "out@a.example smtp:[outer.example]",
        "bob@host.w.example smtp:[relay.example]:26",
        "skip.w.example smtp:[relay.example]:26",
        ".w.example lmtp:",
    ] {
        let is_row = |line: &str| line.replace('\t', " ").starts_with(row);
        assert!(rows.lines().any(is_row), "{row}: {rows}");
    }
}

#[test]
fn fastforward_asks_for_the_domain_before_the_bare_name_and_ends_where_it_finds() {
    let laid = Laid::small(
        "owner 7790:2108\nfile var/qmail/alias/.qmail-default\n\
         | |fastforward -p -d /etc/aliases.cdb\n| &eve@a.example\n\
         owner 0:0\nfile etc/aliases\n| info: eve@a.example\n| @mx.example: joe@a.example\n\
         cdb etc/aliases.cdb aliases etc/aliases\n",
    );
    let (new, verdict) = told(&laid, "info@mx.example");
    assert_eq!(verdict, "same", "{new}");
    assert_eq!((new.as_array().unwrap().len(), &new[0]["deliver"]), (1, &"joe@a.example".into()));
}

#[test]
fn a_catch_all_takes_no_name_that_no_account_can_have() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' joe@a.example\n\
         file {D}/.qmail-odd%20one\n| &eve@a.example\n\
         file {D}/.qmail-wide-default\n| &eve@a.example\n"
    ));
    for refused in ["no body@a.example", "no%body@a.example", "nob\u{f6}dy@a.example"] {
        let (new, verdict) = told(&laid, refused);
        assert!(new[0]["reject"].is_string() && verdict == "same", "{refused}: {new}");
    }
    for taken in ["whoever@a.example", "odd one@a.example", "wide-o n e@a.example", "a.b@a.example"]
    {
        let (new, verdict) = told(&laid, taken);
        assert!(new[0]["deliver"].is_string() && verdict == "same", "{taken}: {new}");
    }
}

#[test]
fn a_domain_that_lives_here_is_not_passed_on_with_its_parent() {
    let manifest = SMALL.replace("| mx.example\nfile", "| mx.example\n| .example\nfile");
    let laid = Laid::new(&manifest, "").migrated();
    let text =
        std::fs::read_to_string(laid.target.join("etc/postfix/unqmail/relay_domains")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|row| !row.starts_with('#')).collect();
    assert_eq!(rows, ["!a.example", "!mx.example", ".example"]);
    is_same(&laid, "x@other.example");
}

#[test]
fn a_program_that_calls_itself_ends() {
    let laid = Laid::small(&format!(
        "file {D}/joe/.qmail\n| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n"
    ));
    is_same(&laid, "joe@a.example");
}

#[test]
fn extensions_of_the_alias_user_are_known() {
    let laid = Laid::small("file var/qmail/alias/.qmail-info\n| &joe@a.example\n");
    is_same(&laid, "alias-info@mx.example");
    is_same(&laid, "info@mx.example");
}

#[test]
fn a_name_quoted_for_its_front_keeps_its_local_part() {
    let laid =
        Laid::small(&format!("file {D}/.qmail-(-default\n| |forward \"$EXT@far.example\"\n"));
    is_same(&laid, "(-x@a.example");
}

#[test]
fn an_entry_for_one_address_is_not_for_its_namesakes() {
    let manifest = SMALL.to_owned()
        .replace("| a.example:a.example\n", "| a.example:a.example\n| joe@a.example:alias-x\n| c.example:c.example\n")
        .replace("| .\nfile etc/passwd", "| +c.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n| .\nfile etc/passwd");
    let laid = Laid::new(&manifest, "");
    is_same(&laid, "joe@a.example");
    is_same(&laid, "joe@c.example");
    is_same(&laid, "eve@c.example");
}

#[test]
fn an_account_behind_a_refused_front_gets_its_mail() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-j-default\n| |bouncesaying \"no\"\nfile {D}/.qmail-j-keep\n| ./mbox\n"
    ));
    is_same(&laid, "j-x@a.example");
    let (new, verdict) = told(&laid, "j-keep@a.example");
    assert!(new[0]["deliver"].is_string() && verdict == "adapted", "{new}");
}

#[test]
fn mail_that_a_forward_brings_to_an_account_without_an_address_is_refused() {
    let manifest = SMALL.to_owned().replace("| a.example:a.example\n", "| a.example:alias-x\n");
    let laid = Laid::new(&manifest, "");
    is_same(&laid, "joe@a.example");
    is_same(&laid, "root@mx.example");
}

#[test]
fn a_loop_through_an_extension_is_found() {
    let laid = Laid::new(
        &(SMALL.to_owned()
            + &format!(
                "file {D}/joe/.qmail\n| &eve@a.example\nfile {D}/.qmail-eve\n| &joe-x@a.example\n"
            )),
        "[old]\nuser_extensions = true\n",
    );
    let (new, verdict) = told(&laid, "eve@a.example");
    assert!(new[0]["reject"].is_string() && verdict != "lost", "{new} {verdict}");
}

#[test]
fn an_account_that_refuses_does_so_for_its_extensions_beside_a_catch_all() {
    let laid = Laid::new(
        &(SMALL.to_owned().replace("bounce-no-mailbox", "delete")
            + &format!("file {D}/joe/.qmail\n| |bouncesaying \"no\"\n")),
        "[old]\nuser_extensions = true\n",
    );
    is_same(&laid, "joe-x@a.example");
    is_same(&laid, "joe@a.example");
}

#[test]
fn the_extensions_of_an_account_that_bounces_are_not_for_the_catch_all() {
    let laid = Laid::small(&format!(
        "file {D}/vpasswd\n| joe:$1$a$b:1:16:Joe:/{D}/joe:NOQUOTA\n\
         | eve:$1$a$b:1:0:Eve:/{D}/eve:NOQUOTA\nfile {D}/eve/.qmail-x\n| #\n\
         file {D}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' eve@a.example\n"
    ));
    is_same(&laid, "joe@a.example");
    is_same(&laid, "joe-x@a.example");
    is_same(&laid, "whoever@a.example");
}

#[test]
fn what_the_old_server_told_by_smaller_rules_is_the_same_on_the_new_one() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-no\n| |true && exit 100\n\
         file {D}/.qmail-gone\n| |false || exit 99\n\
         file {D}/.qmail-late\n| /srv/closed/\n\
         file {D}/.qmail-part-default\n| |forward \"$EXT2@b.example\"\n\
         file var/qmail/control/envnoathost\n| far.example\nfile {D}/.qmail-bare\n| &x\n"
    ));
    for address in ["no", "gone", "late", "bare"] {
        is_same(&laid, &format!("{address}@a.example"));
    }
    let (new, verdict) = told(&laid, "part-zoe@a.example");
    assert!(verdict == "same" || new[0]["defer"].is_string(), "{new}");
    is_same(&laid, "@a.example");
    let plan = laid.plan(&["--format", "json"]);
    assert!(plan.stdout.contains("site-bare-domains-differ"), "{}", plan.stdout);
}

#[test]
fn a_forward_that_an_entry_for_everything_keeps_here_is_explained() {
    let laid = Laid::small(&format!(
        "file var/qmail/control/virtualdomains\n| a.example:a.example\n| :alias-rest\n\
         file {D}/.qmail-away\n| &x@b.example\n"
    ));
    assert_eq!(told(&laid, "away@a.example").1, "adapted");
    assert!(!laid.plan(&["--format", "json"]).stdout.contains("address-differs"));
}

/// In a domain with lists, a catch-all and no account `migrate` stopped, because what stood behind a
/// list's name and a plus went to the list manager.
#[test]
fn a_catch_all_has_what_stands_behind_a_list_and_a_plus() {
    let b = "home/vpopmail/domains/b.example";
    let assign = "| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
    let manifest = SMALL
        .replace("| a.example\n| mx", "| a.example\n| b.example\n| mx")
        .replace("| a.example:a.example\n", "| a.example:a.example\n| b.example:b.example\n")
        .replace(assign, &format!("{assign}{}", assign.replace("a.example", "b.example")));
    let list = format!(
        "file {b}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' joe@a.example\n\
         file {b}/vpasswd\n\
         file {b}/news/outlocal\n| news\n\
         file {b}/news/outhost\n| b.example\n\
         file {b}/news/key\n| k\n\
         file {b}/news/public\n\
         file {b}/news/editor\n| |/usr/bin/ezmlm-send '/{b}/news'\n\
         file {b}/news/manager\n| |/usr/bin/ezmlm-manage '/{b}/news'\n\
         link {b}/.qmail-news /{b}/news/editor\n\
         link {b}/.qmail-news-default /{b}/news/manager\n"
    );
    for manager in ["mlmmj", "mailman", "sympa"] {
        let laid =
            Laid::new(&(manifest.clone() + &list), &format!("[lists]\nmanager = '{manager}'\n"));
        is_same(&laid, "news+x@b.example");
        is_same(&laid, "news+help@b.example");
        is_same(&laid, "whoever@b.example");
        let (new, _) = told(&laid, "news-help@b.example");
        assert_eq!(new[0]["list"], "news@b.example", "{manager}: {new}");
    }
}

/// Mail for an alias with nothing but a broken address in it went to the catch-all, or to a domain
/// that the address happened to name.
#[test]
fn an_alias_that_leads_nowhere_is_refused() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' joe@a.example\n\
         file {D}/.qmail-info\n\\ &partner@remote.example%0D%0A\n\
         file {D}/.qmail-away\n|  &joe@other.example\n"
    ));
    for address in ["info@a.example", "away@a.example"] {
        let (new, _) = told(&laid, address);
        assert!(new[0]["reject"].is_string(), "{address}: {new}");
    }
}

/// One odd line in `locals` took the mail of every Unix user.
#[test]
fn an_odd_local_domain_takes_only_itself() {
    let laid = Laid::small("file var/qmail/control/locals\n|  odd.example\n| mx.example\n");
    is_same(&laid, "postmaster@mx.example");
}

/// Domains in `rcpthosts` that an entry for everything served became domains to pass mail on for,
/// which runs in a circle where their MX is this host.
#[test]
fn an_entry_for_everything_serves_what_mail_is_taken_for() {
    let laid = Laid::small(&format!(
        "file var/qmail/control/virtualdomains\n| a.example:a.example\n| :a.example\n\
         file var/qmail/control/rcpthosts\n| a.example\n| extra.example\n| mx.example\n\
         file {D}/.qmail-all\n| &joe@a.example\n"
    ));
    is_same(&laid, "joe@extra.example");
    is_same(&laid, "all@extra.example");
    is_same(&laid, "nobody@extra.example");
}

/// Mail for every account of a copy that `cp -r` had made was put off, and nothing said why.
#[test]
fn a_copy_that_root_made_without_owners_has_its_users() {
    let laid = Laid::small(&format!("message {D}/joe/Maildir/new/1.a Hello\n"));
    let lost = std::process::Command::new("chown").args(["-Rh", "0:0"]).arg(&laid.site).status();
    assert!(lost.unwrap().success());
    is_same(&laid, "joe@a.example");
    let (new, _) = told(&laid, "joe@a.example");
    assert!(new[0]["deliver"].is_string(), "{new}");
    assert!(laid.plan(&["--format", "json"]).stdout.contains("site-owners-lost"));
}

/// Where vpasswd names homes by the path behind a link every store was told to be nobody's.
#[test]
fn a_home_by_another_spelling_of_its_path_is_known() {
    let laid = Laid::small(&format!(
        "link srv/mail /home/vpopmail/domains\nmessage {D}/zoe/Maildir/new/1.a Hello\n\
         message {D}/zoe/other/new/1.a Hello\n\
         file {D}/vpasswd\n| zoe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Zoe:/srv/mail/a.example/zoe:NOQUOTA\n"
    ));
    let told = laid.plan(&["--format", "json"]).stdout;
    assert_eq!(told.matches("store-orphaned").count(), 1, "{told}");
}

#[test]
fn a_mailbox_that_needs_no_list_of_numbers_differs_in_nothing() {
    let maildir = "home/vpopmail/domains/a.example/joe/Maildir";
    let laid = Laid::small(&format!(
        "file {maildir}/new/1.a\n| one\nfile {maildir}/new/2.b\n| two\n\
         date 2010-01-01T00:00:05Z\nfile {maildir}/new/100.c\n| three\n"
    ))
    .migrated();
    let list = laid.target.join("var/vmail/a.example/joe/Maildir/dovecot-uidlist");
    assert!(!list.exists());
    let verified = laid.verify(&[]);
    assert_eq!(verified.code, 0, "{}", verified.all());
}

/// Two mailboxes for each account, and its mail copied twice.
#[test]
fn a_folder_under_two_names_is_one_domain_and_its_alias() {
    let record = "| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
    let more = format!(
        "{}{}{}",
        record.replace("+a.example-:a.", "+c.example-:c."),
        record.replace("a.example", "b.example"),
        record.replace("+a.example-:a.", "+d.example-:b."),
    );
    let manifest = SMALL
        .replace(
            "| a.example:a",
            "| b.example:b.example\n| c.example:c.example\n| d.example:d.example\n| a.example:a",
        )
        .replace(record, &format!("{record}{more}"));
    let laid = Laid::new(
        &format!(
            "{manifest}link home/vpopmail/domains/b.example a.example\n\
             message {D}/joe/Maildir/cur/1.a:2,S Hello\n\
             file {D}/.qmail-team\n| &joe@a.example\n"
        ),
        "",
    );
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 0, "{}", plan.all());
    let totals = &plan.json()["totals"];
    assert_eq!((&totals["domains"], &totals["alias_domains"]), (&1.into(), &3.into()), "{totals}");
    assert_eq!((&totals["accounts"], &totals["messages"]), (&2.into(), &1.into()), "{totals}");
    for host in ["a.example", "b.example", "c.example", "d.example"] {
        for local in ["joe", "team", "nobody"] {
            is_same(&laid, &format!("{local}@{host}"));
        }
    }
    let laid = laid.migrated();
    let users = std::fs::read_to_string(laid.target.join("etc/dovecot/unqmail/users")).unwrap();
    for host in ["a.example", "b.example", "c.example", "d.example"] {
        assert!(users.contains(&format!("joe@{host}:")), "{users}");
    }
    assert!(!laid.target.join("var/vmail/b.example").exists());
}

/// The hash of an account without a domain was lost, and so was its mail.
#[test]
fn an_account_without_a_domain_keeps_its_password_and_mail() {
    let record = "| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
    let own = "| =solo:solo:89:89:/home/vpopmail/users/solo:::\n| +solo-:solo:89:89:/home/vpopmail/users/solo:-::\n";
    let manifest = SMALL.replace(record, &format!("{own}{record}"));
    let users = "home/vpopmail/users";
    let laid = Laid::new(
        &format!(
            "{manifest}file {users}/vpasswd\n\
             | solo:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:2:Solo:/{users}/solo:NOQUOTA\n\
             dir {users}/solo/Maildir/new\n\
             message {users}/solo/Maildir/cur/1.a:2,S Hello\n\
             file {users}/solo/.qmail-x\n| &joe@a.example\n"
        ),
        "",
    );
    is_same(&laid, "solo@mx.example");
    is_same(&laid, "solo-x@mx.example");
    is_same(&laid, "joe-x@a.example");
    let (new, _) = told(&laid, "solo@mx.example");
    assert_eq!(new[0]["deliver"], "solo@mx.example", "{new}");
    let laid = laid.migrated();
    let read = |path: &str| std::fs::read_to_string(laid.target.join(path)).unwrap();
    let users = read("etc/dovecot/unqmail/users");
    assert!(users.contains("solo@mx.example:{MD5-CRYPT}$1$larch001$"), "{users}");
    assert!(read("etc/dovecot/unqmail/deny-pop3").contains("solo@mx.example"));
    assert!(laid.target.join("var/vmail/mx.example/solo/Maildir/cur/1.a:2,S").exists());
    assert_eq!(laid.verify(&[]).code, 0, "{}", laid.verify(&[]).all());
}

/// What an account without a domain gets is told by `users/cdb` alone.
#[test]
fn an_account_without_a_domain_and_a_record_gets_no_mail_and_logs_in() {
    let users = "home/vpopmail/users";
    let laid = Laid::small(&format!(
        "file var/qmail/control/locals\n| host.example\n\
         file {users}/vpasswd\n\
         | solo:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Solo:/{users}/solo:NOQUOTA\n\
         | vpopmail:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:A Unix user too:/{users}/vpopmail:1S\n\
         | root:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:An alias too:/{users}/root:NOQUOTA\n\
         dir {users}/solo/Maildir/new\n\
         message {users}/solo/Maildir/cur/1.a:2,S Hello\n"
    ));
    for local in ["solo", "solo-x", "vpopmail", "root"] {
        is_same(&laid, &format!("{local}@host.example"));
    }
    let (new, _) = told(&laid, "solo@host.example");
    assert!(new[0]["reject"].is_string(), "{new}");
    let laid = laid.migrated();
    let users = std::fs::read_to_string(laid.target.join("etc/dovecot/unqmail/users")).unwrap();
    assert!(users.contains("\nsolo@host.example:"), "{users}");
    assert!(laid.target.join("var/vmail/host.example/solo/Maildir/cur/1.a:2,S").exists());
    assert_eq!(laid.verify(&[]).code, 0, "{}", laid.verify(&[]).all());
}

/// A record of `users/cdb` for some names of an alias domain was not seen.
#[test]
fn a_record_for_a_name_in_an_alias_domain_counts_there_alone() {
    let record = "| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
    let own = "| =al.example-joe:joe:1001:1001:/home/joe:-:own:\n\
        | +al.example-vip-:joe:1001:1001:/home/joe:-:vip-:\n";
    let manifest = SMALL
        .replace("| a.example:a", "| al.example:al.example\n| a.example:a")
        .replace(record, &format!("{own}{record}{}", record.replace("+a.", "+al.")));
    let laid = Laid::new(
        &format!(
            "{manifest}owner 1001:1001\nfile home/joe/.qmail-own\n| far@remote.example\n\
             file home/joe/.qmail-vip-default\n| far2@remote.example\n\
             file home/joe/.qmail-vip-one\n| far3@remote.example\n\
             owner 89:89\nfile {D}/.qmail-vip-two\n| &eve@a.example\n\
             file {D}/.qmail-vip-default\n| &joe@a.example\n"
        ),
        "",
    );
    for local in ["joe", "eve", "vip-one", "vip-two", "vip-three", "nobody"] {
        is_same(&laid, &format!("{local}@al.example"));
        is_same(&laid, &format!("{local}@a.example"));
    }
    let (new, _) = told(&laid, "joe@al.example");
    assert_eq!(new[0]["forward"], "far@remote.example", "{new}");
    assert_eq!(laid.plan(&[]).code, 0, "{}", laid.plan(&[]).all());
}

/// Mail for a host that begins with TLS was sent to it without.
#[test]
fn a_relay_on_port_465_is_spoken_to_by_tls() {
    let laid = Laid::small(
        "file var/qmail/control/smtproutes\n| far.example:relay.example:465\n| :[192.0.2.7]:465\n\
         | near.example:relay.example:26\n",
    )
    .migrated();
    let read = |path: &str| std::fs::read_to_string(laid.target.join(path)).unwrap();
    let transport = read("etc/postfix/unqmail/transport");
    assert!(transport.contains("far.example smtp-tls:[relay.example]:465"), "{transport}");
    assert!(transport.contains("near.example smtp:[relay.example]:26"), "{transport}");
    let main = read("etc/postfix/main.cf");
    assert!(main.contains("default_transport = smtp-tls") && main.contains("[192.0.2.7]:465"));
    let master = read("etc/postfix/master.cf");
    assert!(master.contains("smtp-tls unix") && master.contains("smtp_tls_wrappermode=yes"));
}

/// Lines that were not understood were quoted whole.
#[test]
fn no_finding_shows_the_password_of_a_relay() {
    let laid = Laid::small(
        "file var/qmail/control/smtproutes\n| relay.example joe hidden1\n| a.far:r.example joe hidden2\n\
         | a.far:r.example:x joe hidden3\r\n| b.far:r.example:26|joe|hidden4\r\n",
    );
    for more in [&[][..], &["--format", "json"]] {
        let ran = laid.plan(more);
        assert!(ran.all().contains("site-control-malformed"), "{}", ran.all());
        assert!(!ran.all().contains("hidden"), "{}", ran.all());
    }
}

/// Such a name stood in `main.cf` as it was; an empty one for HELO stopped all mail that leaves.
#[test]
fn a_host_without_a_usable_name_is_told() {
    for me in ["", " \n", "mx.example\r\n"] {
        let laid = Laid::small("file var/qmail/control/helohost\n");
        std::fs::write(laid.site.join("var/qmail/control/me"), me).unwrap();
        let ran = laid.plan(&[]);
        assert_eq!(ran.code, 3, "{}", ran.all());
        assert!(ran.all().contains("error[site-no-name]"), "{}", ran.all());
        let waive =
            "hostname = 'new.example'\n[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'x'\n";
        std::fs::write(&laid.config, waive).unwrap();
        let laid = laid.migrated();
        let main = std::fs::read_to_string(laid.target.join("etc/postfix/main.cf")).unwrap();
        assert!(main.contains("\nmyhostname = new.example\n"), "{main}");
        assert!(!main.contains('\r') && !main.contains("smtp_helo_name"), "{main}");
    }
}

/// It went to the domain that the other one is an alias of.
#[test]
fn an_exception_in_an_alias_domain_leaves() {
    let laid = Laid::small(
        "cdb var/qmail/users/cdb assign\n\
         | +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n\
         | +b.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n| .\n\
         file var/qmail/control/virtualdomains\n| a.example:a.example\n| b.example:b.example\n\
         | joe@b.example:\n",
    );
    is_same(&laid, "joe@b.example");
    let (new, _) = told(&laid, "joe@b.example");
    assert_eq!(new[0]["forward"], "joe@b.example", "{new}");
    is_same(&laid, "joe@a.example");
    is_same(&laid, "eve@b.example");
    let plan = laid.plan(&["--format", "json"]).json();
    let all = plan["addresses"].as_array().unwrap();
    let named = |one: &&Value| one["address"] == "joe@b.example";
    assert_eq!(all.iter().filter(named).count(), 1, "{plan}");
}

/// They were left out as no addresses.
#[test]
fn forwards_to_a_host_by_its_number_and_to_a_name_with_a_dot_work() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-number\n| &root@[10.0.0.5]\nfile {D}/.qmail-dot\n| &ann@far.example.\n"
    ));
    for (local, to) in [("number", "root@[10.0.0.5]"), ("dot", "ann@far.example")] {
        is_same(&laid, &format!("{local}@a.example"));
        let (new, _) = told(&laid, &format!("{local}@a.example"));
        assert_eq!(new[0]["forward"], to, "{new}");
    }
}

/// Each such domain had an address that was lost, one with a blank in it.
#[test]
fn a_blank_in_a_name_loses_no_address_where_dovecot_delivers() {
    let laid = Laid::small(&format!(
        "file {D}/.qmail-default\n| |/var/qmail/bin/preline -f /usr/libexec/dovecot/deliver -d $EXT@$USER\n"
    ));
    is_same(&laid, "joe@a.example");
    let (new, verdict) = told(&laid, "nobody here@a.example");
    assert_eq!(verdict, "adapted", "{new}");
    assert_eq!(laid.plan(&[]).code, 0, "{}", laid.plan(&[]).all());
}

/// It was taken for success, and the mail for thrown away.
#[test]
fn a_line_that_exits_with_no_number_puts_mail_off() {
    let laid = Laid::small(&format!("file {D}/.qmail-odd\n| |exit -1\n"));
    let (new, _) = told(&laid, "odd@a.example");
    assert!(new[0]["defer"].is_string(), "{new}");
}
