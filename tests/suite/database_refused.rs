//! Accounts that a database cannot take, and databases that take nothing: all of it is told, no row is
//! written, and the files stay as they are.

use crate::support::server::{Kind, Server};
use crate::support::{Laid, snapshot};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Settings for each database; a plan asks no server.
fn everywhere() -> [String; 3] {
    ["sqlite", "postgresql", "mysql"].map(|backend| {
        format!("[new]\nbackend = '{backend}'\n[database]\nconnection = 'CONNECTION'\n")
    })
}

/// Names the server in a file beside the settings.
fn named(laid: Laid) -> Laid {
    let file = laid.folder.path().join("connection.toml");
    fs::write(&file, "host = '/nowhere'\nname = 'mail'\nuser = 'mail'\n").unwrap();
    let settings = fs::read_to_string(&laid.config).unwrap();
    fs::write(&laid.config, settings.replace("CONNECTION", file.to_str().unwrap())).unwrap();
    laid
}

#[test]
fn what_no_column_holds_is_named_by_plan_and_nothing_is_written() {
    let d = "home/vpopmail/domains/a.example";
    let hash = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";
    let long = format!("$6$larch001${}", "a".repeat(300));
    let site = format!(
        "file {d}/vpasswd\n| joe:{long}:1:0:Joe:/{d}/joe:NOQUOTA\n\
         | eve:{hash}:1:0:Eve:/{d}/eve:NOQUOTA\n\
         file {d}/.qmailadmin-limits\n| maxpopaccounts 9999999999\n\
         file {d}/.qmail-%ff\n| &x@outside.example\n"
    );
    for settings in everywhere() {
        let laid = named(Laid::small_with(&site, &settings));
        let ran = laid.plan(&[]);
        assert_eq!(ran.code, 3, "{settings}{}", ran.all());
        for told in [
            "longer than 255 characters, which the column password",
            "larger number than the column mailboxes",
            "bytes that no lookup table takes",
        ] {
            assert!(ran.stdout.contains(told), "{settings}{told}: {}", ran.all());
        }
        assert!(!ran.all().contains("aaaaaaaa"), "a hash is shown: {}", ran.all());
        assert_eq!(laid.migrate(&[]).code, 3, "{settings}");
        assert!(!laid.target.join("etc").exists(), "{settings}");
    }
}

/// Everything on the target but what every run writes for itself.
fn files(laid: &Laid) -> Vec<(PathBuf, String)> {
    let items = snapshot(&laid.target).into_iter();
    let items = items.filter(|(path, _)| !path.starts_with("var/lib"));
    items.map(|(path, item)| (path, item.content)).collect()
}

/// A target with files that differ, so that a run would write some.
fn changed(laid: Laid) -> Laid {
    let laid = laid.migrated();
    fs::remove_file(laid.target.join("etc/postfix/main.cf")).unwrap();
    laid
}

#[test]
fn an_sqlite_file_on_a_disk_that_is_full_or_read_only_takes_nothing() {
    let mounts = [
        ("disk is full", "mount -t tmpfs -o size=64k none \"$folder\""),
        ("readonly", "mount --bind \"$folder\" \"$folder\"; mount -o remount,bind,ro \"$folder\""),
    ];
    for (said, mount) in mounts {
        let laid = changed(Laid::larch_in("sqlite"));
        // Rows have to be written.
        let database = laid.target.join("var/lib/unqmail-accounts/accounts.sqlite");
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.execute_batch("DELETE FROM alias; DELETE FROM unqmail_written").unwrap();
        drop(connection);
        let before = (files(&laid), fs::read(&database).unwrap());
        let script = format!(
            "folder=\"$2/var/lib/unqmail-accounts\"\n{mount}\n\"$4\" migrate \"$1\" \"$2\" --config \"$3\""
        );
        let mut run = Command::new("unshare");
        run.args(["--mount", "sh", "-euc", &script, "script"]);
        run.args([&laid.site, &laid.target, &laid.config]).arg(env!("CARGO_BIN_EXE_unqmail"));
        let output = run.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}: {stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert_eq!((files(&laid), fs::read(&database).unwrap()), before, "{said}");
    }
}

#[test]
fn a_server_that_may_only_be_read_takes_nothing() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let laid = changed(Laid::larch_on_server(&server));
        server.run("DELETE FROM alias; DELETE FROM unqmail_written");
        server.run(match kind {
            Kind::Postgresql => "ALTER DATABASE mail SET default_transaction_read_only = on",
            Kind::Mariadb => "SET GLOBAL read_only = ON",
        });
        let before = files(&laid);
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 1, "{}", ran.all());
        let told = ["read-only transaction", "--read-only"];
        assert!(told.iter().any(|told| ran.stderr.contains(told)), "{}", ran.all());
        assert_eq!(server.run("SELECT count(*) FROM alias"), "0");
        assert_eq!(files(&laid), before);
    }
}

/// Somebody has made an alias that the collation takes for one of the old server's: the server refused
/// all rows.
#[test]
fn a_row_that_mariadb_takes_for_another_stays_and_is_told() {
    let server = Server::start(Kind::Mariadb);
    let laid = changed(Laid::larch_on_server(&server));
    server.run(
        "DELETE FROM alias; DELETE FROM unqmail_written;
         INSERT INTO alias (address, goto, domain) VALUES ('TEAM@larch.example', 'x@outside.example', 'larch.example')",
    );
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.all().contains("database-row-conflicting"), "{}", ran.all());
    let there = "SELECT goto FROM alias WHERE address = 'team@larch.example'";
    assert_eq!(server.run(there), "x@outside.example");
    assert!(server.run("SELECT count(*) FROM alias").parse::<u32>().unwrap() > 1);
}

#[test]
fn a_table_of_an_engine_without_transactions_is_refused() {
    let server = Server::start(Kind::Mariadb);
    let laid = changed(Laid::larch_on_server(&server));
    server.run("ALTER TABLE alias ENGINE=MyISAM");
    let before = files(&laid);
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("alias has the engine MyISAM"), "{}", ran.all());
    assert_eq!(files(&laid), before);
}

/// The server could be told to cut what does not fit; our connection is not.
#[test]
fn letters_beyond_ascii_stand_beside_what_mariadb_compares() {
    let server = Server::start(Kind::Mariadb);
    server.run("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
    let d = "home/vpopmail/domains/a.example";
    let site = format!("file {d}/.qmail-j%c3%b6e\n| &x@outside.example\n");
    let laid = Laid::small_with(&site, &server.settings()).migrated();
    let own = "SELECT goto FROM unqmail_alias WHERE address = 'j\u{f6}e@a.example'";
    assert_eq!(server.run(own), "x@outside.example");
    assert_eq!(server.run("SELECT count(*) FROM alias WHERE address LIKE 'j%e@%'"), "1");
    let ran = laid.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_server_may_be_told_by_the_environment() {
    let server = Server::start(Kind::Mariadb);
    let laid = Laid::small_with("", "[new]\nbackend = 'mysql'\n");
    let migrate = |connection: &str| {
        let words = [laid.site.as_path(), &laid.target, "--config".as_ref(), &laid.config];
        let mut migrate = crate::support::command(["migrate".as_ref()].into_iter().chain(words));
        migrate.env("UNQMAIL_DATABASE", connection).output().unwrap()
    };
    let ran = migrate("host = 'db'\npassword = 'my secret'\n");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("UNQMAIL_DATABASE") && !said.contains("secret"), "{said}");
    let ran = migrate(&server.connection());
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(server.run("SELECT count(*) FROM mailbox"), "2");
}
