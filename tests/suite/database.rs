//! Accounts in a database: the same becomes of every address, people's changes are theirs, and what
//! goes wrong changes nothing.

use crate::support::server::{Kind, Server};
use crate::support::{Atelier, Laid, Ran, atelier, files_under, project, read, snapshot, unqmail};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const FILE: &str = "var/lib/unqmail-accounts/accounts.sqlite";

fn database(target: &Path) -> Connection {
    Connection::open(target.join(FILE)).unwrap()
}

fn run(target: &Path, statement: &str) {
    database(target).execute_batch(statement).unwrap();
}

fn one(target: &Path, query: &str) -> String {
    database(target).query_row(query, [], |row| row.get(0)).unwrap()
}

/// The bundled site, migrated, with its database in a file or on a server.
struct Stored {
    laid: Laid,
    server: Option<Server>,
}

impl Stored {
    fn all() -> Vec<Self> {
        let file = Self { laid: Laid::larch_in("sqlite").migrated(), server: None };
        let on_server = |kind| {
            let server = Server::start(kind);
            Self { laid: Laid::larch_on_server(&server).migrated(), server: Some(server) }
        };
        std::iter::once(file).chain(Kind::ALL.map(on_server)).collect()
    }

    fn run(&self, statement: &str) {
        match &self.server {
            Some(server) => drop(server.run(statement)),
            None => run(&self.laid.target, statement),
        }
    }

    fn one(&self, query: &str) -> String {
        match &self.server {
            Some(server) => server.run(query),
            None => one(&self.laid.target, query),
        }
    }
}

/// The rows that were told, each with its code.
fn findings(ran: &Ran) -> Vec<(&str, &str)> {
    let (mut code, mut told) = ("", Vec::new());
    for line in ran.stdout.lines() {
        if let Some((_, rest)) = line.split_once("[database-") {
            code = rest.split(']').next().unwrap();
        } else if let Some((_, subject)) = line.split_once("accounts.sqlite  ") {
            told.push((code, subject));
        }
    }
    told
}

#[test]
fn the_table_of_addresses_is_the_same_as_with_files() {
    let plan = |laid: &Laid| laid.plan(&["--format", "csv"]).stdout;
    assert_eq!(plan(&Laid::larch()), plan(&Laid::larch_in("sqlite")));
}

/// The plan of the real site with accounts kept in one place or the other.
fn addresses(atelier: &Atelier, backend: &str) -> Value {
    let folder = crate::support::scratch();
    let config = folder.path().join("unqmail.toml");
    let settings = read(&atelier.config);
    fs::write(&config, format!("[new]\nbackend = '{backend}'\n{settings}")).unwrap();
    let [site, config] = [&atelier.site, &config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["plan", site, "--config", config, "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    ran.json()["addresses"].take()
}

#[test]
fn the_real_sites_table_of_addresses_is_the_same_as_with_files() {
    let Some(atelier) = atelier() else { return };
    assert_eq!(addresses(atelier, "files"), addresses(atelier, "sqlite"));
}

/// The rows of the bundled site, as `fixtures/sites/larch/expect/database/TABLE`, but for the prints.
#[test]
fn every_row_is_written_as_kept() {
    let laid = Laid::larch_in("sqlite").migrated();
    let kept = project().join("fixtures/sites/larch/expect/database");
    let connection = database(&laid.target);
    let tables = [
        "domain",
        "alias_domain",
        "mailbox",
        "alias",
        "admin",
        "domain_admins",
        "config",
        "unqmail_alias",
        "unqmail_login",
        "unqmail_limit",
    ];
    for table in tables {
        let mut query =
            connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = query.column_count();
        let mut text = query.column_names().collect::<Vec<_>>().join("|") + "\n";
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let value = |at| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            text += &(0..columns).map(value).collect::<Vec<_>>().join("|");
            text.push('\n');
        }
        crate::golden::same_as(&kept.join(table), text.as_bytes());
    }
}

#[test]
fn a_second_run_writes_nothing_and_hashes_are_for_few() {
    let laid = Laid::larch_in("sqlite").migrated();
    let before = fs::read(laid.target.join(FILE)).unwrap();
    let ran = laid.migrate(&[]);
    assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    assert_eq!(fs::read(laid.target.join(FILE)).unwrap(), before);
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let stat = fs::metadata(laid.target.join(FILE)).unwrap();
    assert_eq!(stat.mode() & 0o777, 0o640);
    let folder = fs::metadata(laid.target.join(FILE).parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o750);
    for file in files_under(&laid.target.join("etc/postfix/unqmail/sql")) {
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640, "{}", file.display());
    }
    assert!(!laid.target.join("etc/dovecot/unqmail/users").exists());
}

#[test]
fn what_people_changed_stays_and_what_nobody_touched_follows() {
    for stored in Stored::all() {
        let laid = &stored.laid;
        stored.run(
        "UPDATE mailbox SET password = '{SHA512-CRYPT}$6$new', modified = '2026-01-01' WHERE username = 'adam@larch.example';
         UPDATE mailbox SET modified = '2026-01-01' WHERE username = 'gina@larch.example';
         UPDATE alias SET goto = 'eve@larch.example' WHERE address = 'info@larch.example';
         DELETE FROM alias WHERE address = 'team@larch.example';
         INSERT INTO alias (address, goto, domain) VALUES ('new@larch.example', 'eve@larch.example', 'larch.example');",
    );
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let edited = ["adam@larch.example", "info@larch.example", "team@larch.example"];
        assert_eq!(findings(&ran), edited.map(|row| ("row-edited", row)), "{}", ran.all());
        // The old server says something new about one of them, and about one that nobody touched.
        let vpasswd = laid.site.join("home/vpopmail/domains/larch.example/vpasswd");
        let text = read(&vpasswd);
        let changed =
            text.replace("$1$larch001$", "$1$larch00x$").replace("$5$larch005$", "$5$larch00x$");
        assert_ne!(text, changed);
        fs::write(&vpasswd, changed).unwrap();
        drop(fs::remove_file(vpasswd.with_extension("cdb")));
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let told = findings(&ran);
        assert_eq!(told.len(), 3, "{}", ran.all());
        assert!(told.contains(&("row-conflicting", "adam@larch.example")), "{told:?}");
        let password = |user: &str| {
            stored.one(&format!("SELECT password FROM mailbox WHERE username = '{user}'"))
        };
        assert_eq!(password("adam@larch.example"), "{SHA512-CRYPT}$6$new");
        assert!(password("gina@larch.example").contains("$5$larch00x$"));
        assert_eq!(
            stored.one("SELECT goto FROM alias WHERE address = 'info@larch.example'"),
            "eve@larch.example"
        );
        assert_eq!(
            stored.one("SELECT goto FROM alias WHERE address = 'new@larch.example'"),
            "eve@larch.example"
        );
        let gone = "SELECT count(*) || '' FROM alias WHERE address = 'team@larch.example'";
        assert_eq!(stored.one(gone), "0");
    }
}

#[test]
fn what_the_old_server_has_no_more_goes_unless_somebody_changed_it() {
    for stored in Stored::all() {
        let laid = &stored.laid;
        stored.run(
            "UPDATE alias SET goto = 'x@outside.example' WHERE address = 'info@larch.example'",
        );
        let home = laid.site.join("home/vpopmail/domains/larch.example");
        for name in [".qmail-info", ".qmail-team"] {
            fs::remove_file(home.join(name)).unwrap();
        }
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let count = |address: &str| {
            stored.one(&format!("SELECT count(*) || '' FROM alias WHERE address = '{address}'"))
        };
        assert_eq!(
            (count("team@larch.example"), count("info@larch.example")),
            ("0".into(), "1".into())
        );
        assert_eq!(findings(&ran).len(), 1, "{}", ran.all());
    }
}

#[test]
fn each_change_in_the_database_is_named_by_verify_and_no_hash_is_shown() {
    let laid = Laid::larch_in("sqlite").migrated();
    let changes = [
        (
            "UPDATE mailbox SET password = '{X}secret' WHERE username = 'adam@larch.example'",
            "adam@larch.example",
        ),
        (
            "UPDATE mailbox SET quota = 7 WHERE username = 'gina@larch.example'",
            "gina@larch.example",
        ),
        ("DELETE FROM alias WHERE address = 'info@larch.example'", "info@larch.example"),
        (
            "UPDATE alias SET goto = 'x@outside.example' WHERE address = '@hazel.example'",
            "hazel.example",
        ),
        ("DELETE FROM unqmail_login WHERE name = 'ben@larch.example'", "ben@larch.example"),
        ("UPDATE domain SET active = 0 WHERE domain = 'fir.example'", "fir.example"),
        (
            "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('y.example', 'fir.example')",
            "y.example",
        ),
    ];
    let good = fs::read(laid.target.join(FILE)).unwrap();
    for (change, subject) in changes {
        run(&laid.target, change);
        let ran = laid.verify(&[]);
        assert_eq!(ran.code, 4, "{change}: {}", ran.all());
        assert!(ran.stdout.contains(subject), "{change}: {}", ran.all());
        assert!(!ran.all().contains("secret") && !ran.all().contains("$1$"), "{}", ran.all());
        fs::write(laid.target.join(FILE), &good).unwrap();
    }
    fs::remove_file(laid.target.join(FILE)).unwrap();
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 4, "{}", ran.all());
}

/// Everything on the target but the database itself and what every run writes for itself.
fn others(laid: &Laid) -> Vec<(PathBuf, String)> {
    let items = snapshot(&laid.target).into_iter();
    let items = items.filter(|(path, _)| !path.starts_with("var/lib"));
    items.map(|(path, item)| (path, item.content)).collect()
}

#[test]
fn a_row_that_is_refused_undoes_all_rows_and_leaves_the_files() {
    let laid = Laid::larch_in("sqlite").migrated();
    run(
        &laid.target,
        "DELETE FROM alias; DELETE FROM mailbox; DELETE FROM unqmail_written;
         CREATE TRIGGER no BEFORE INSERT ON alias WHEN NEW.address = 'team@larch.example'
         BEGIN SELECT RAISE(ABORT, 'the disk says no'); END;",
    );
    let main = laid.target.join("etc/postfix/main.cf");
    fs::remove_file(&main).unwrap();
    let before = others(&laid);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("the disk says no"), "{}", ran.all());
    assert_eq!(one(&laid.target, "SELECT count(*) || '' FROM mailbox"), "0");
    assert_eq!(others(&laid), before);
    run(&laid.target, "DROP TRIGGER no");
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(laid.verify(&[]).code, 0);
}

/// What is said of a database, and what is done to it before.
type Spoil = (&'static str, fn(&Path));

#[test]
fn a_database_that_is_damaged_locked_or_in_nobodys_format_is_told_and_left() {
    let spoil: [Spoil; 4] = [
        ("not a database", |file| fs::write(file, "no database at all, but a text\n").unwrap()),
        ("no file", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("no file", |file| {
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", file).unwrap();
        }),
        ("version 1800", |file| {
            let old = "UPDATE config SET value = '1800' WHERE name = 'version'";
            Connection::open(file).unwrap().execute_batch(old).unwrap();
        }),
    ];
    for (said, spoil) in spoil {
        let laid = Laid::larch_in("sqlite").migrated();
        spoil(&laid.target.join(FILE));
        fs::remove_file(laid.target.join("etc/postfix/main.cf")).unwrap();
        let before = others(&laid);
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 1, "{said}: {}", ran.all());
        assert!(ran.stderr.contains(said), "{said}: {}", ran.all());
        assert_eq!(others(&laid), before, "{said}");
    }
}

#[test]
fn who_administered_a_domain_does_so_within_its_limits() {
    let d = "home/vpopmail/domains/a.example";
    let laid = Laid::small_with(
        &format!(
            "file {d}/vpasswd\n| joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:4096:Joe:/{d}/joe:NOQUOTA\n\
             | eve:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Eve:/{d}/eve:1000000S,50C\n\
             file {d}/.qmailadmin-limits\n| maxpopaccounts: 5\n| maxaliases: 2\n| maxforwards: 3\n| quota: 100\n"
        ),
        "[new]\nbackend = 'sqlite'\n",
    )
    .migrated();
    let row = |query: &str| one(&laid.target, query);
    assert_eq!(
        row(
            "SELECT mailboxes || ' ' || aliases || ' ' || quota FROM domain WHERE domain = 'a.example'"
        ),
        "5 5 100"
    );
    assert_eq!(
        row("SELECT group_concat(username || '@' || domain) FROM domain_admins"),
        "joe@a.example@a.example"
    );
    assert_eq!(row("SELECT password FROM admin"), "{MD5-CRYPT}$1$larch001$zAMYfZwqsSw9y8cWx232D.");
    assert_eq!(
        row(
            "SELECT m.quota || ' ' || l.messages FROM mailbox m JOIN unqmail_limit l USING (username)"
        ),
        "1000000 50"
    );
    let ran = laid.plan(&["--format", "json"]);
    assert!(!ran.stdout.contains("account-restriction-dropped"), "{}", ran.all());
}

#[test]
fn a_backend_that_is_not_there_is_wrong_use() {
    let ran = Laid::larch_in("oracle").plan(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("backend"), "{}", ran.all());
    // A server must be named, by a file that tells where it is; what is in it is never shown.
    let ran = Laid::larch_in("postgresql").plan(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("[database]"), "{}", ran.all());
    let laid = Laid::small_with(
        "",
        "[new]\nbackend = 'postgresql'\n[database]\nconnection = 'CONNECTION'\n",
    );
    let file = laid.folder.path().join("connection.toml");
    fs::write(&file, "host = 'db'\npassword = 'my secret'\n").unwrap();
    let settings = read(&laid.config).replace("CONNECTION", file.to_str().unwrap());
    fs::write(&laid.config, settings).unwrap();
    let ran = laid.plan(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(
        ran.stderr.contains("connection.toml") && !ran.all().contains("secret"),
        "{}",
        ran.all()
    );
}

#[test]
fn a_server_takes_all_rows_or_none_and_is_missed_when_it_is_gone() {
    for kind in Kind::ALL {
        all_rows_or_none(Server::start(kind));
    }
}

fn all_rows_or_none(mut server: Server) {
    let laid = Laid::larch_on_server(&server).migrated();
    assert_eq!(laid.verify(&[]).code, 0);
    let ran = laid.migrate(&[]);
    assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    server.run("DELETE FROM alias; DELETE FROM mailbox; DELETE FROM unqmail_written; ALTER TABLE alias ADD CONSTRAINT sorry CHECK (address <> 'team@larch.example')");
    fs::remove_file(laid.target.join("etc/postfix/main.cf")).unwrap();
    let before = others(&laid);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("sorry"), "{}", ran.all());
    assert_eq!(server.run("SELECT count(*) FROM mailbox"), "0");
    assert_eq!(others(&laid), before);
    server.run("ALTER TABLE alias DROP CONSTRAINT sorry");
    server.stop();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("cannot be reached"), "{}", ran.all());
    assert_eq!(others(&laid), before);
    assert_eq!(laid.verify(&[]).code, 4);
}

#[test]
fn whoever_changes_his_mind_gets_the_other_kind() {
    let laid = Laid::larch_in("sqlite").migrated();
    let settings = read(&laid.config);
    fs::write(&laid.config, settings.replace("'sqlite'", "'files'")).unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(laid.verify(&[]).code, 0);
    assert!(laid.target.join("etc/dovecot/unqmail/users").exists());
    assert!(!laid.target.join("etc/dovecot/unqmail/sql.conf").exists());
    let mode = fs::metadata(laid.target.join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
