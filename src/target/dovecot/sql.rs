//! Asks the database who may log in and where the mail lies (AuthDatabase/SQL), in either version's
//! language. Dovecot quotes what it puts into a query.

use crate::model::connection::Connection;
use crate::policy::Dovecot as Version;
use crate::target::Choices;
use crate::target::sql::{Dialect, FILE};

/// The account of a name: its own, or that of another one to log in by.
const ACCOUNT: &str = "username = COALESCE((SELECT username FROM unqmail_login WHERE name = 'NAME'), 'NAME') AND active = YES";

/// How many messages it may hold; 0 is no limit.
const MESSAGES: &str = "COALESCE((SELECT messages FROM unqmail_limit WHERE unqmail_limit.username = mailbox.username), 0)";

/// The file that `dovecot.conf` names, where the database is asked.
pub(super) fn conf(choices: Choices<'_>, (uid, gid): (u32, u32)) -> Option<String> {
    let dialect = Dialect::of(choices)?;
    let driver = dialect.name();
    let name = match choices.dovecot {
        Version::V23 => "%u",
        Version::V24 => "%{user}",
    };
    let account = dialect.query(&ACCOUNT.replace("NAME", name));
    let limits = match choices.dovecot {
        Version::V23 => {
            let rule = dialect.joined(&["'*:bytes='", "quota", "':messages='", MESSAGES]);
            format!("{rule} AS quota_rule")
        }
        Version::V24 => {
            let size = dialect.joined(&["quota", "'B'"]);
            format!("{size} AS quota_storage_size, {MESSAGES} AS quota_message_count")
        }
    };
    let password = format!("SELECT password FROM mailbox WHERE {account}");
    let home = dialect.joined(&["'/var/vmail/'", &dialect.without_slash("maildir")]);
    let user = format!(
        "SELECT {home} AS home, {uid} AS uid, {gid} AS gid, {limits} FROM mailbox WHERE {account}"
    );
    let every = dialect.query("SELECT username AS user FROM mailbox WHERE active = YES");
    let place = place(dialect, choices.dovecot);
    let head = "# Written by unqmail: who may log in, and where the mail lies.\n";
    Some(match choices.dovecot {
        Version::V23 => format!(
            "{head}driver = {driver}\n{place}default_pass_scheme = CRYPT\npassword_query = {password}\nuser_query = {user}\niterate_query = {every}\n"
        ),
        Version::V24 => format!(
            "{head}sql_driver = {driver}\n{place}passdb sql {{\n  default_password_scheme = CRYPT\n  query = {password}\n}}\nuserdb sql {{\n  query = {user}\n  iterate_query = {every}\n}}\n"
        ),
    })
}

/// Where the database is, in either version's words.
fn place(dialect: Dialect<'_>, version: Version) -> String {
    match (dialect, version) {
        (Dialect::Sqlite, Version::V23) => format!("connect = /{FILE}\n"),
        (Dialect::Sqlite, Version::V24) => format!("sqlite_path = /{FILE}\n"),
        (Dialect::Postgresql(server), Version::V24) => {
            format!("pgsql {} {{\n  parameters {{\n{}  }}\n}}\n", server.host, told(server, "    "))
        }
        (Dialect::Mysql(server), Version::V24) => {
            format!("mysql {} {{\n{}}}\n", server.host, told(server, "  "))
        }
        (Dialect::Postgresql(server) | Dialect::Mysql(server), Version::V23) => {
            let words = told(server, "").replace(" = ", "=").replace('\n', " ");
            format!("connect = host={} {}\n", server.host, words.trim_end())
        }
    }
}

/// What a server is told, a line each. A password that is empty is not asked for.
fn told(server: &Connection, front: &str) -> String {
    let Connection { port, name, user, password, .. } = server;
    let password = match password.reveal() {
        none if none.is_empty() => String::new(),
        password => format!("{front}password = {password}\n"),
    };
    format!("{front}port = {port}\n{front}dbname = {name}\n{front}user = {user}\n{password}")
}

/// The part of `dovecot.conf` that tells where accounts are looked up.
pub(super) fn lookup(choices: Choices<'_>) -> String {
    let is_stored = Dialect::of(choices).is_some();
    let text = match (choices.dovecot, is_stored) {
        (Version::V23, false) => FILES_23,
        (Version::V24, false) => FILES_24,
        (Version::V23, true) => STORED_23,
        (Version::V24, true) => STORED_24,
    };
    text.to_owned()
}

const FILES_23: &str = "passdb {
  driver = passwd-file
  args = scheme=CRYPT username_format=%Lu /etc/dovecot/unqmail/users
}
userdb {
  driver = passwd-file
  args = username_format=%Lu /etc/dovecot/unqmail/users
}
";

const FILES_24: &str = "passdb users {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/unqmail/users
  default_password_scheme = CRYPT
}
userdb users {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/unqmail/users
}
";

const STORED_23: &str = "passdb {
  driver = sql
  args = /etc/dovecot/unqmail/sql.conf
}
userdb {
  driver = sql
  args = /etc/dovecot/unqmail/sql.conf
}
# A database in a file is the web panel's, and Postfix's group may read it.
service auth {
  extra_groups = postfix
}
service auth-worker {
  extra_groups = postfix
}
";

const STORED_24: &str = "!include /etc/dovecot/unqmail/sql.conf
# A database in a file is the web panel's, and Postfix's group may read it.
service auth {
  extra_groups = postfix
}
service auth-worker {
  extra_groups = postfix
}
";
