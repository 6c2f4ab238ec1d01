//! What becomes of mail that programs sorted by rules of their own: a case for each construct, under
//! `fixtures/filters`. A file holds the rules, a line `====`, and what is written for them, which is a
//! Sieve script, or the finding that says why there is none.

use crate::support::{Laid, Ran, autoresponse, files_under, project, read};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const D: &str = "home/vpopmail/domains/a.example";
const DIVIDER: &str = "====\n";

/// Every byte that a manifest could take for its own.
pub fn escaped(text: &[u8]) -> String {
    text.iter().fold(String::new(), |mut all, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._/:".contains(byte);
        let written =
            if plain { write!(all, "{}", char::from(*byte)) } else { write!(all, "%{byte:02X}") };
        written.unwrap();
        all
    })
}

/// A site with these rules, and the mailbox whose mail they sort.
pub fn site(kind: &str, rules: &[u8]) -> (String, &'static str) {
    let rules = escaped(rules);
    match kind {
        "maildrop" => {
            let manifest = format!(
                "file {D}/joe/.qmail\n| |preline /usr/bin/maildrop mailfilter\nfile {D}/joe/mailfilter\n\\ {rules}\n{}",
                autoresponse(&format!("{D}/joe"))
            );
            (manifest, "a.example/joe")
        }
        "procmail" => {
            let manifest = format!(
                "owner 0:0\nfile etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n| alias:x:7790:2108::/var/qmail/alias:/bin/false\n| vpopmail:x:89:89::/home/vpopmail:/bin/false\n| ann:x:1001:1001::/home/ann:/bin/sh\nowner 1001:1001\ndir home/ann/Maildir/new\ndir home/ann/Maildir/cur\nfile home/ann/.qmail\n| |preline /usr/bin/procmail\nfile home/ann/.procmailrc\n\\ {rules}\n"
            );
            (manifest, "mx.example/ann")
        }
        _ => (format!("file {D}/.qmail-sorted\n\\ {rules}\n"), "a.example/sorted"),
    }
}

/// The script that sorts the mail, or the finding that says why there is none.
fn told(kind: &str, rules: &[u8]) -> String {
    let (manifest, mailbox) = site(kind, rules);
    told_on(&manifest, mailbox)
}

/// The same of a whole site.
fn told_on(manifest: &str, mailbox: &str) -> String {
    let laid = Laid::small(manifest);
    let plan = laid.plan(&["--format", "json"]);
    assert!([0, 3].contains(&plan.code), "{}", plan.all());
    let ran = laid.migrate(&[]);
    let script = laid.target.join("var/vmail").join(mailbox).join("sieve/unqmail.sieve");
    match fs::read_to_string(script) {
        Ok(script) => {
            assert_eq!(ran.code, 0, "{}", ran.all());
            let (_, rest) = script.split_once('\n').unwrap();
            rest.to_owned()
        }
        Err(_) => stays_out(&plan),
    }
}

fn stays_out(plan: &Ran) -> String {
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let found = findings.iter().find(|finding| {
        ["alias-filter", "alias-program"].contains(&finding["code"].as_str().unwrap())
    });
    let Some(found) = found else { panic!("no finding tells why: {findings:#?}") };
    let file = text(found, "file");
    let file = Path::new(&file).file_name().unwrap().to_str().unwrap();
    format!("{} {file}:{}: {}\n", text(found, "code"), found["line"], text(found, "message"))
}

#[test]
fn each_construct_becomes_what_its_case_says() {
    let mut wrong = Vec::new();
    for path in files_under(&project().join("fixtures/filters")) {
        let case = read(&path);
        let kind = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let (rules, want) = case.split_once(DIVIDER).unwrap_or((&case, ""));
        let told = told(kind, rules.as_bytes());
        let out = path.file_stem().unwrap().to_str().unwrap().starts_with("stays-out");
        if told.starts_with("alias-") != out {
            wrong.push(format!("{}:\n{told}", path.display()));
        } else if std::env::var_os("UNQMAIL_BLESS").is_some() {
            fs::write(&path, format!("{rules}{DIVIDER}{told}")).unwrap();
        } else if told != want {
            wrong.push(format!("{}:\n{told}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_answer_in_rules_is_told_with_its_line_and_what_is_lost() {
    let case = read(&project().join("fixtures/filters/maildrop/answer-web-page.txt"));
    let (rules, _) = case.split_once(DIVIDER).unwrap();
    let at = rules.lines().position(|line| line.contains("mailbot")).unwrap() + 1;
    let plan = Laid::small(&site("maildrop", rules.as_bytes()).0).plan(&["--format", "json"]);
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    let told = findings.iter().find(|finding| finding["code"] == "alias-answer-adapted").unwrap();
    assert!(told["file"].as_str().unwrap().ends_with("/joe/mailfilter"), "{told}");
    assert_eq!(told["line"], at, "{told}");
    let lost =
        "once in 259200 seconds, and only mail that names the address in To or Cc; more fields";
    assert!(told["effect"].as_str().unwrap().contains(lost), "{told}");
}

#[test]
fn a_user_without_rules_has_a_mailbox_and_no_script() {
    let (manifest, mailbox) = site("procmail", b"");
    let laid = Laid::small(&manifest.replace("/.procmailrc", "/.other")).migrated();
    let explained = laid.explain(&["ann@mx.example"]);
    assert!(explained.all().contains("alias-filter-adapted"), "{}", explained.all());
    assert!(!laid.target.join("var/vmail").join(mailbox).join(".dovecot.sieve").exists());
}

#[test]
fn rules_of_the_host_and_of_named_files_count_in_their_places() {
    let own = b"INCLUDERC=$PMDIR/lists.rc\n:0\n* ^X-C: x\n.C/\n";
    let (manifest, mailbox) = site("procmail", own);
    let host = "owner 0:0\nfile etc/procmailrc\n| PMDIR=$HOME/pm\n| MAILDIR=$HOME/Maildir\n| :0\n| * ^X-A: x\n| .A/\n";
    let named = |rules: &str| format!("{manifest}file home/ann/pm/lists.rc\n| # c\n{rules}{host}");
    let script = told_on(&named("| :0\n| * ^X-B: x\n| .B/\n"), mailbox);
    let places = ["x-a", "x-b", "x-c"].map(|field| script.find(field).expect(&script));
    assert!(places.is_sorted(), "{script}");
    let out = told_on(&named("| :0\n| | /usr/local/bin/x\n"), mailbox);
    assert!(out.starts_with("alias-filter lists.rc:3: "), "{out}");

    let (manifest, mailbox) = site("maildrop", b"include \"more\"\nto \"Maildir\"\n");
    let more = |rules: &str| format!("{manifest}file {D}/joe/more\n{rules}");
    let script = told_on(&more("| if (/^X-A: x/)\n|   to \"Maildir/.A/\"\n"), mailbox);
    assert!(script.contains("INBOX.A"), "{script}");
    let out = told_on(&more("|\n| `date`\n"), mailbox);
    assert!(out.starts_with("alias-filter more:2: "), "{out}");
    // maildrop fails without the file.
    let out = told_on(&manifest, mailbox);
    assert!(out.starts_with("alias-filter mailfilter:1: "), "{out}");
    // A file that names itself comes to an end.
    let out = told_on(&more("| include \"more\"\n"), mailbox);
    assert!(out.starts_with("alias-filter more:1: "), "{out}");
}

/// A user's rules name what he may not read: it counts as little as for his own program.
#[test]
fn a_named_file_of_somebody_else_is_not_read() {
    let (manifest, mailbox) = site("procmail", b"INCLUDERC=/etc/secret\n");
    let secret = "owner 0:0\nfile etc/secret 600\n| :0\n| * ^X-Password: x\n| .A/\n";
    let out = told_on(&format!("{manifest}{secret}"), mailbox);
    assert!(out.starts_with("alias-filter .procmailrc:1: "), "{out}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is planned is read back by other code, which refuses what Sieve would.
    #[test]
    fn no_text_of_a_rule_becomes_a_command(
        text in "[a-z\"\\\\;{}()\\[\\]*?.,:#$%&|<>@ -]{0,30}|\\PC{0,20}",
        kind in prop::sample::select(["maildrop", "procmail", "lines"].as_slice()),
    ) {
        let rules = match kind {
            "maildrop" => format!(
                "if (/^Subject:.*{text}/)\n  to \"Maildir/.{text}\"\nif (/^X-A: {text}$/)\n{{\n  echo \"{text}\"\n  EXITCODE=100\n  exit\n}}\n"
            ),
            "procmail" => format!(
                "MAILDIR=$HOME/Maildir\n:0\n* ^Subject:.*{text}\n.{text}/\n:0\n* ^X-A: {text}\n! eve@a.example\n"
            ),
            _ => format!(
                "|bouncesaying '{text}' egrep '^Subject:.*{text}'\n&eve@a.example\n"
            ),
        };
        let (manifest, _) = site(kind, rules.as_bytes());
        let plan = Laid::small(&manifest).plan(&["--format", "json"]);
        prop_assert!([0, 3].contains(&plan.code), "{}", plan.all());
        prop_assert!(!plan.json()["findings"].to_string().contains("address-differs"), "{}", plan.all());
    }
}
