//! Accounts in a database, asked by the real Postfix and Dovecot: the queries give the answers of the
//! flat tables, and a change counts at once.

use crate::stage;
use crate::support::server::{Kind, Server};
use crate::support::{IN_SQLITE, Laid, atelier_with, migrated_atelier, project, scratch, unqmail};
use crate::wire::{HERE, imap_login, outside, send};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use unqmail::stage::Stage;

const FILE: &str = "/var/lib/unqmail-accounts/accounts.sqlite";

/// The values of a key, whatever their order.
type Answers = BTreeMap<String, BTreeSet<String>>;

fn answers<'l>(lines: impl Iterator<Item = &'l str>, between: char) -> Answers {
    let rows = lines.filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (key, values) = line.split_once(between)?;
        let values = values.split(',').map(|value| value.trim().to_owned());
        Some((key.to_owned(), values.collect()))
    });
    rows.collect()
}

/// The rows of a flat table. No key of these sites holds a blank.
fn flat(target: &Path, table: &str) -> Answers {
    let path = target.join("etc/postfix/unqmail").join(table);
    answers(fs::read_to_string(path).unwrap().lines(), ' ')
}

/// What Postfix's own program finds for many keys.
fn asked(stage: &Stage, map: &str, keys: &BTreeSet<String>) -> Answers {
    let mut postmap = stage.command("postmap");
    postmap.args(["-q", "-", map]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = postmap.stderr(Stdio::inherit()).spawn().unwrap();
    let text = keys.iter().fold(String::new(), |text, key| text + key + "\n");
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    answers(String::from_utf8(output.stdout).unwrap().lines(), '\t')
}

/// Asks everything that either side could know, and names that nobody has.
fn queries_agree(files: &Path, stored: &Path, kind: &str) {
    let stage = stage(stored);
    let tables = ["domains", "alias_domains", "mailboxes", "aliases"].map(|name| flat(files, name));
    let [domains, alias_domains, mailboxes, aliases] = &tables;
    let mut keys: BTreeSet<String> = tables.iter().flat_map(Answers::keys).cloned().collect();
    let locals: BTreeSet<String> = keys
        .iter()
        .filter_map(|key| key.split_once('@'))
        .map(|(local, _)| local.to_owned())
        .collect();
    let locals = locals.iter().filter(|local| !local.starts_with('"'));
    for name in domains.keys().chain(alias_domains.keys()) {
        keys.extend(locals.clone().map(|local| format!("{local}@{name}")));
        keys.insert(format!("o'brien\\\\' OR 1=1 --@{name}"));
        // Letters that a database may not know, or take for others.
        keys.extend(
            ["\u{65e5}\u{672c}", "\u{1f332}", "ad\u{e0}m"].map(|it| format!("{it}@{name}")),
        );
    }
    let sql = |name: &str| format!("proxy:{kind}:/etc/postfix/unqmail/sql/{name}.cf");
    let found = |name: &str| asked(&stage, &sql(name), &keys);
    assert_eq!(&found("domains"), domains);
    assert_eq!(&found("alias_domains"), alias_domains);
    // An account with forwards is an address here too; its alias row is asked first.
    let mut there = found("mailboxes");
    there.extend(asked(&stage, "lmdb:/etc/postfix/unqmail/mailboxes", &keys));
    for (key, value) in mailboxes {
        assert_eq!(there.get(key), Some(value), "{key}");
    }
    let more = there.keys().filter(|key| !mailboxes.contains_key(*key));
    for key in more {
        assert!(aliases.contains_key(key), "{key} is an address all of a sudden");
    }
    let mut there = found("aliases_of_domains");
    there.extend(found("aliases"));
    for key in &keys {
        let (wanted, is) = (aliases.get(key), there.get(key));
        // An account's row leads to itself.
        let is_itself = wanted.is_none()
            && mailboxes.contains_key(key)
            && is.is_some_and(|is| *is == BTreeSet::from([key.clone()]));
        assert!(wanted == is || is_itself, "{key}: {wanted:?} became {is:?}");
    }
    assert_eq!(stage.said(), "");
}

#[test]
fn queries_answer_as_the_bundled_site_s_tables() {
    let (files, stored) = (Laid::larch().migrated(), Laid::larch_in("sqlite").migrated());
    queries_agree(&files.target, &stored.target, "sqlite");
}

#[test]
fn a_server_answers_as_the_bundled_site_s_tables() {
    let files = Laid::larch().migrated();
    for kind in Kind::ALL {
        let server = Server::start(kind);
        // What is quoted is quoted as the server wants it.
        if kind == Kind::Mariadb {
            server.run("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
        }
        let stored = Laid::larch_on_server(&server).migrated();
        queries_agree(&files.target, &stored.target, kind.map_type());
    }
}

#[test]
fn queries_answer_as_the_real_site_s_tables() {
    let Some((_, files)) = migrated_atelier() else { return };
    let (_, stored, _) = atelier_with(IN_SQLITE).unwrap();
    queries_agree(files, stored.path(), "sqlite");
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let (_, stored, _) = atelier_with(&server.settings()).unwrap();
        queries_agree(files, stored.path(), kind.map_type());
    }
}

#[test]
fn mail_for_the_bundled_site_ends_as_predicted_from_the_database() {
    ends_as_predicted(Laid::larch_in("sqlite"));
    for kind in Kind::ALL {
        let server = Server::start(kind);
        ends_as_predicted(Laid::larch_on_server(&server));
    }
}

fn ends_as_predicted(laid: Laid) {
    let laid = laid.migrated();
    let [site, target, config] =
        [&laid.site, &laid.target, &laid.config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["rehearse", site, target, "--config", config]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("Mail ends where the plan says"), "{}", ran.all());
}

/// A change as the web panel makes it, by its user and no other.
fn change(stage: &Stage, statement: &str) {
    let mut sqlite = stage.command("setpriv");
    sqlite.args([
        "--reuid=www-data",
        "--regid=www-data",
        "--clear-groups",
        "sqlite3",
        FILE,
        statement,
    ]);
    let output = sqlite.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_change_in_the_panel_counts_at_once() {
    let laid = Laid::larch_in("sqlite").migrated();
    let stage = stage(&laid.target);
    let post = |to: &str| {
        send(&stage, outside(1), "x@outside.example", to.as_bytes(), "Subject: x\n\nx\n")
    };
    for unknown in ["new@larch.example", "new@larch-mail.example", "nobody@larch-mail.example"] {
        let said = post(unknown).unwrap_err();
        assert!(said.starts_with("550 5.1.1"), "{unknown}: {said}");
    }
    assert_eq!(post("adam@larch-mail.example"), Ok(()));
    change(
        &stage,
        "INSERT INTO mailbox (username, password, name, maildir, local_part, domain)
         VALUES ('new@larch.example', '{PLAIN}new-leaf', '', 'larch.example/new/', 'new', 'larch.example');
         INSERT INTO alias (address, goto, domain) VALUES ('new@larch.example', 'new@larch.example', 'larch.example');
         UPDATE mailbox SET password = '{PLAIN}winter-apple' WHERE username = 'adam@larch.example';
         UPDATE mailbox SET active = 0 WHERE username = 'eve@larch.example';
         UPDATE alias SET active = 0 WHERE address = 'info@larch.example'",
    );
    for known in ["new@larch.example", "new@larch-mail.example"] {
        assert_eq!(post(known), Ok(()), "{known}");
    }
    assert!(post("info@larch.example").unwrap_err().starts_with("550"));
    assert!(imap_login(&stage, HERE, "new@larch.example", "new-leaf"));
    assert!(imap_login(&stage, HERE, "adam@larch-mail.example", "winter-apple"));
    assert!(!imap_login(&stage, HERE, "adam@larch.example", "spring-apple"));
    assert!(!imap_login(&stage, HERE, "eve@larch.example", "river-birch"));
    let refused: Vec<_> = stage.log().into_iter().filter(|line| line.contains("rror:")).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Nobody but the panel and the servers reads a hash.
#[test]
fn other_users_of_the_host_cannot_read_the_database() {
    let laid = Laid::larch_in("sqlite").migrated();
    let stage = stage(&laid.target);
    let mut reading = stage.command("setpriv");
    reading.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat", FILE]);
    assert!(!reading.output().unwrap().status.success());
}

/// Columns of every table: name, type, whether it may be nothing, default, place in the key.
fn columns(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = connection.prepare(tables).unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let columns = |name: &String| {
        let mut query = connection.prepare(&format!("PRAGMA table_info({name})")).unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            let [kind, default] = [2, 4].map(|at| row.get::<_, Option<String>>(at).unwrap());
            let numbers = [3, 5].map(|at| row.get::<_, u32>(at).unwrap());
            let name = row.get::<_, String>(1).unwrap();
            Ok(format!("{name} {:?} {default:?} {numbers:?}", kind.map(|kind| kind.to_lowercase())))
        };
        query.query_map([], row).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    names.map(|name| (name.clone(), columns(&name))).collect()
}

/// Lets PostfixAdmin bring a database up to date; what it says.
fn postfixadmin_upgrades(folder: &Path, kind: &str, database: &Path) -> String {
    let mut upgrade = Command::new(project().join("tests/postfixadmin"));
    let made = upgrade.args([folder, Path::new(kind), database]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).into_owned()
}

#[test]
fn the_tables_are_those_that_postfixadmin_makes() {
    let folder = scratch();
    let path = folder.path().join("own.sqlite");
    postfixadmin_upgrades(folder.path(), "sqlite", &path);
    let laid = Laid::larch_in("sqlite").migrated();
    let ours = laid.target.join(FILE.trim_start_matches('/'));
    let (wanted, mut there) = (columns(&path), columns(&ours));
    there.retain(|name, _| !name.starts_with("unqmail_"));
    assert!(wanted.len() > 10, "{wanted:#?}");
    assert_eq!(there, wanted);
    let version = |path: &Path| -> String {
        let query = "SELECT value FROM config WHERE name = 'version'";
        Connection::open(path).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(version(&ours), version(&path));
    // And its upgrade finds nothing to do on ours.
    let before = columns(&ours);
    let said = postfixadmin_upgrades(folder.path(), "sqlite", &ours);
    assert!(said.contains("up to date"), "{said}");
    assert_eq!(columns(&ours), before);
}

/// What a server says of its tables, in PostgreSQL's words and in MariaDB's.
fn described(server: &Server) -> String {
    server.run(match server.kind {
        Kind::Postgresql => "SELECT table_name, column_name, column_default, is_nullable, data_type, character_maximum_length
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'unqmail%'
            ORDER BY table_name, ordinal_position",
        Kind::Mariadb => "SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name, extra
            FROM information_schema.columns WHERE table_schema = 'mail' AND table_name NOT LIKE 'unqmail%'
            ORDER BY table_name, ordinal_position;
            SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics
            WHERE table_schema = 'mail' AND table_name NOT LIKE 'unqmail%' ORDER BY 1, 2, 3;
            SELECT table_name, engine, table_collation FROM information_schema.tables
            WHERE table_schema = 'mail' AND table_name NOT LIKE 'unqmail%' ORDER BY 1",
    })
}

#[test]
fn the_tables_on_a_server_are_those_that_postfixadmin_makes() {
    let folder = scratch();
    for kind in Kind::ALL {
        let (theirs, own) = (Server::start(kind), Server::start(kind));
        postfixadmin_upgrades(folder.path(), kind.map_type(), &theirs.socket());
        drop(Laid::larch_on_server(&own).migrated());
        let wanted = described(&theirs);
        assert!(wanted.lines().count() > 100, "{wanted}");
        assert_eq!(described(&own), wanted);
        let said = postfixadmin_upgrades(folder.path(), kind.map_type(), &own.socket());
        assert!(said.contains("up to date"), "{said}");
        assert_eq!(described(&own), wanted);
    }
}
