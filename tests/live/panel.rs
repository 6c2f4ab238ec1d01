//! Debian's PostfixAdmin on what was written, served by PHP and used by a real browser: people manage what is theirs, with the
//! passwords of the old server, and IMAP and SMTP follow at once.

use crate::browser::Browser;
use crate::stage;
use crate::support::server::{Kind, Server};
use crate::support::{Laid, project, scratch};
use crate::wire::{HERE, imap_login, outside, send};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use unqmail::stage::Stage;

/// Lets PHP serve the panel inside, as the user who does so on Debian.
fn serve(stage: &Stage, folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let made = Command::new(project().join("tests/postfixadmin")).arg(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let panel = folder.join("postfixadmin");
    let config = stage.command("cat").arg("/etc/postfixadmin/config.local.php").output().unwrap();
    fs::write(panel.join("config.local.php"), config.stdout).unwrap();
    let mut php = stage.command("setpriv");
    php.args([
        "--reuid=www-data",
        "--regid=www-data",
        "--clear-groups",
        "php",
        "-S",
        "127.0.0.1:8080",
    ]);
    php.arg("-t").arg(panel.join("public")).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends with the stage.
    drop(php.spawn().unwrap());
    for _ in 0..500 {
        if stage.connect(8080, None).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("PHP does not answer");
}

#[test]
fn people_manage_what_is_theirs_in_postfixadmin() {
    let laid = Laid::larch_in("sqlite").migrated();
    let stage = stage(&laid.target);
    people_manage_what_is_theirs(&stage);
    // The next pass leaves all of it. The stage's changes are not on the target, so they are made there.
    let there = laid.target.join("var/lib/unqmail-accounts/accounts.sqlite");
    fs::copy(stage.written().join("lib/unqmail-accounts/accounts.sqlite"), &there).unwrap();
    drop(stage);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("database-row-edited"), "{}", ran.all());
    let kept = rusqlite::Connection::open(&there).unwrap();
    let count = "SELECT count(*) FROM mailbox WHERE password LIKE '{SHA512-CRYPT}%' AND username IN ('adam@larch.example', 'anna@alder.example')";
    assert_eq!(kept.query_row(count, [], |row| row.get::<_, u32>(0)), Ok(2));
}

#[test]
fn people_manage_what_is_theirs_on_a_server() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let laid = Laid::larch_on_server(&server).migrated();
        people_manage_what_is_theirs(&stage(&laid.target));
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(ran.stdout.contains("database-row-edited"), "{}", ran.all());
    }
}

fn people_manage_what_is_theirs(stage: &Stage) {
    let folder = scratch();
    serve(stage, folder.path());
    let browser = Browser::start(stage, folder.path());
    let post =
        |to: &str| send(stage, outside(1), "x@outside.example", to.as_bytes(), "Subject: x\n\nx\n");
    let log_in = |page: &str, name: &str, password: &str| {
        browser.send(page, &[("fUsername", name), ("fPassword", password), ("lang", "English")])
    };

    let said = log_in("users/login.php", "adam@larch.example", "spring-appl");
    assert!(!said.contains("Logout"), "a wrong password lets nobody in: {said}");
    let said = log_in("users/login.php", "adam@larch.example", "spring-apple");
    assert!(said.contains("Logout"), "{said}");
    browser.picture("user");
    let password = "Winter-apple77";
    let fields =
        [("fPassword_current", "spring-apple"), ("fPassword", password), ("fPassword2", password)];
    let said = browser.send("users/password.php", &fields);
    assert!(said.contains("has been changed"), "{said}");
    browser.picture("password");
    assert!(imap_login(stage, HERE, "adam@larch.example", password));
    assert!(imap_login(stage, HERE, "adam@larch-mail.example", password));
    assert!(!imap_login(stage, HERE, "adam@larch.example", "spring-apple"));
    browser.open("users/edit-alias.php");
    browser.fill("fGoto", "friend@outside.example");
    browser.click("#fForward_and_store1");
    browser.picture("forward");
    browser.click("[name='submit']");
    // The panel's first page follows once it is written.
    let is_done = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        browser.text().contains("Change your email forwarding")
    });
    assert!(is_done, "{}", browser.text());
    assert_eq!(post("adam@larch.example"), Ok(()));
    let arrived = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let posted = stage.take_posted();
        posted.iter().flat_map(|one| &one.recipients).any(|to| to == b"friend@outside.example")
    });
    assert!(arrived, "the forward is followed");

    browser.forget();
    let said = log_in("login.php", "postmaster@alder.example", "green-door");
    assert!(said.contains("Add Mailbox"), "{said}");
    // A domain that is not on the page is put there, as somebody would who means harm.
    let choose = |domain: &str| {
        browser.run(&format!(
            "const s = document.querySelector(\"[name='value[domain]']\");
             const o = new Option('{domain}', '{domain}'); s.add(o); s.value = '{domain}';"
        ));
    };
    // Five accounts are allowed, and four are there.
    let add = |name: &str, domain: &str| {
        browser.open("edit.php?table=mailbox");
        let password = "Blue-heron42";
        for (field, value) in
            [("local_part", name), ("password", password), ("password2", password)]
        {
            browser.fill(&format!("value[{field}]"), value);
        }
        choose(domain);
        browser.picture("account");
        browser.click("[name='submit']");
        browser.text()
    };
    assert!(post("anna@alder.example").is_ok(), "the domain has a catch-all");
    let said = add("anna", "larch.example");
    assert!(said.contains("Invalid value given for domain"), "outside of the domain: {said}");
    let said = add("anna", "alder.example");
    assert!(said.contains("has been added"), "{said}");
    let said = add("bert", "alder.example");
    assert!(said.contains("reached your limit"), "{said}");
    browser.picture("limit");
    assert!(imap_login(stage, HERE, "anna@alder.example", "Blue-heron42"));
    let alias = |name: &str, domain: &str| {
        browser.open("edit.php?table=alias");
        browser.fill("value[localpart]", name);
        browser.fill("value[goto]", "anna@alder.example");
        choose(domain);
        browser.click("[name='submit']");
        browser.text()
    };
    let said = alias("desk", "alder.example");
    assert!(said.contains("has been created"), "{said}");
    let said = alias("desk", "larch.example");
    assert!(said.contains("Invalid value given for domain"), "{said}");
    browser.picture("outside");
    assert!(post("desk@larch.example").unwrap_err().starts_with("550"));
    assert_eq!(post("desk@alder.example"), Ok(()));
    let mailbox = stage.root().join("var/vmail/alder.example/anna/Maildir/new");
    let stored = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        fs::read_dir(&mailbox).is_ok_and(|mut all| all.next().is_some())
    });
    assert!(stored, "mail for the new alias reaches the new account");
}
