//! Debian's PostfixAdmin on what was written, served by PHP: people manage what is theirs, with the
//! passwords of the old server, and IMAP and SMTP follow at once.

use crate::stage;
use crate::support::{Laid, project, scratch};
use crate::wire::{HERE, imap_login, outside, send};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use unqmail::stage::Stage;

/// Somebody in front of the panel.
struct Person<'s> {
    stage: &'s Stage,
    cookies: String,
}

impl<'s> Person<'s> {
    fn new(stage: &'s Stage, folder: &Path, name: &str) -> Self {
        Self { stage, cookies: folder.join(name).to_str().unwrap().to_owned() }
    }

    fn curl(&self, page: &str, more: &[String]) -> String {
        let mut curl = self.stage.command("curl");
        curl.args(["-s", "-S", "-L", "-b", &self.cookies, "-c", &self.cookies]).args(more);
        let output = curl.arg(format!("http://127.0.0.1:8080/{page}")).output().unwrap();
        assert!(output.status.success(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Fills a page's form in and sends it; what the page says then.
    fn fill(&self, page: &str, fields: &[(&str, &str)]) -> String {
        let form = self.curl(page, &[]);
        let token =
            form.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = ("token", token.unwrap_or_else(|| panic!("{page}: {form}")));
        let fields = [&[token], fields].concat();
        let words = fields
            .iter()
            .flat_map(|(name, value)| ["--data-urlencode".to_owned(), format!("{name}={value}")]);
        self.curl(page, &words.collect::<Vec<_>>())
    }

    fn log_in(&self, page: &str, name: &str, password: &str) -> String {
        let fields =
            [("fUsername", name), ("fPassword", password), ("lang", "en"), ("submit", "Login")];
        self.fill(page, &fields)
    }
}

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
    let folder = scratch();
    serve(&stage, folder.path());

    let adam = Person::new(&stage, folder.path(), "adam");
    let said = adam.log_in("users/login.php", "adam@larch.example", "spring-appl");
    assert!(!said.contains("Logout"), "a wrong password lets nobody in");
    let said = adam.log_in("users/login.php", "adam@larch.example", "spring-apple");
    assert!(said.contains("Logout"), "{said}");
    let password = "Winter-apple77";
    let fields = [
        ("fPassword_current", "spring-apple"),
        ("fPassword", password),
        ("fPassword2", password),
        ("submit", "Change Password"),
    ];
    let said = adam.fill("users/password.php", &fields);
    assert!(said.contains("has been changed"), "{said}");
    assert!(imap_login(&stage, HERE, "adam@larch.example", password));
    assert!(imap_login(&stage, HERE, "adam@larch-mail.example", password));
    assert!(!imap_login(&stage, HERE, "adam@larch.example", "spring-apple"));
    let forward =
        [("fGoto", "friend@outside.example"), ("fForward_and_store", "1"), ("submit", "Save")];
    adam.fill("users/edit-alias.php", &forward);
    let post = |to: &str| {
        send(&stage, outside(1), "x@outside.example", to.as_bytes(), "Subject: x\n\nx\n")
    };
    assert_eq!(post("adam@larch.example"), Ok(()));
    let arrived = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let posted = stage.take_posted();
        posted.iter().flat_map(|one| &one.recipients).any(|to| to == b"friend@outside.example")
    });
    assert!(arrived, "the forward is followed");

    let master = Person::new(&stage, folder.path(), "master");
    let said = master.log_in("login.php", "postmaster@alder.example", "green-door");
    assert!(said.contains("Add Mailbox"), "{said}");
    // Five accounts are allowed, and four are there.
    let add = |name: &str, domain: &str| {
        let fields = [
            ("table", "mailbox"),
            ("value[local_part]", name),
            ("value[domain]", domain),
            ("value[password]", "Blue-heron42"),
            ("value[password2]", "Blue-heron42"),
            ("value[name]", name),
            ("value[quota]", "0"),
            ("value[active]", "1"),
            ("submit", "Save"),
        ];
        master.fill("edit.php?table=mailbox", &fields)
    };
    assert!(post("anna@alder.example").is_ok(), "the domain has a catch-all");
    let said = add("anna", "larch.example");
    assert!(said.contains("Invalid value given for domain"), "outside of the domain: {said}");
    let said = add("anna", "alder.example");
    assert!(said.contains("has been added"), "{said}");
    let said = add("bert", "alder.example");
    assert!(said.contains("reached your limit"), "{said}");
    assert!(imap_login(&stage, HERE, "anna@alder.example", "Blue-heron42"));
    let alias = |name: &str, domain: &str| {
        let fields = [
            ("table", "alias"),
            ("value[localpart]", name),
            ("value[domain]", domain),
            ("value[goto]", "anna@alder.example"),
            ("value[active]", "1"),
            ("submit", "Save"),
        ];
        master.fill("edit.php?table=alias", &fields)
    };
    let said = alias("desk", "alder.example");
    assert!(said.contains("has been created"), "{said}");
    let said = alias("desk", "larch.example");
    assert!(said.contains("Invalid value given for domain"), "{said}");
    assert!(post("desk@larch.example").unwrap_err().starts_with("550"));
    assert_eq!(post("desk@alder.example"), Ok(()));
    let mailbox = stage.root().join("var/vmail/alder.example/anna/Maildir/new");
    let stored = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        fs::read_dir(&mailbox).is_ok_and(|mut all| all.next().is_some())
    });
    assert!(stored, "mail for the new alias reaches the new account");

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
