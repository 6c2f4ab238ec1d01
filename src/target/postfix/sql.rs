//! The maps that ask the database (`sqlite_table(5)`, `pgsql_table(5)`, `mysql_table(5)`). Each answers what the flat table of its name
//! would, so that no other setting differs.
//!
//! Postfix quotes what it puts into a query; `%u` and `%d` are the parts of an address, and a query
//! that names them is not asked for a domain alone.

use crate::model::RelPath;
use crate::model::connection::{Connection, Server};
use crate::target::sql::{Dialect, FILE, FOLDER, PANEL_USER};
use crate::target::{Artifact, Audience, Choices, Content};

/// The maps: name and query.
fn maps(dialect: Dialect<'_>) -> [(&'static str, String); 5] {
    let mailbox = dialect.joined(&["maildir", "'Maildir/'"]);
    let catch_all = dialect.joined(&["'@'", "target_domain"]);
    let address = dialect.joined(&["'%u@'", "target_domain"]);
    [
        (
            "domains",
            "SELECT '-' FROM domain WHERE domain = '%s' AND active = YES AND backupmx = NO AND NOT EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = '%s' AND active = YES)".to_owned(),
        ),
        (
            "alias_domains",
            "SELECT target_domain FROM alias_domain WHERE alias_domain = '%s' AND active = YES".to_owned(),
        ),
        (
            "mailboxes",
            format!("SELECT {mailbox} FROM mailbox WHERE username = '%s' AND active = YES AND EXISTS (SELECT 1 FROM alias WHERE address = '%s' AND active = YES)"),
        ),
        (
            "aliases",
            // What the panel has, what only unqmail knows, and for an alias domain the catch-all of
            // its real one.
            format!("SELECT goto FROM alias WHERE address = '%s' AND active = YES UNION ALL SELECT goto FROM unqmail_alias WHERE address = '%s' UNION ALL SELECT {catch_all} FROM alias_domain WHERE substr('%s', 1, 1) = '@' AND alias_domain = substr('%s', 2) AND active = YES AND EXISTS (SELECT 1 FROM alias WHERE address = {catch_all} AND active = YES) AND NOT EXISTS (SELECT 1 FROM alias WHERE address = '%s' AND active = YES)"),
        ),
        (
            "aliases_of_domains",
            format!("SELECT {address} FROM alias_domain WHERE alias_domain = '%d' AND active = YES AND EXISTS (SELECT 1 FROM alias WHERE address = {address} AND active = YES)"),
        ),
    ]
}

/// The maps' files; what they say is nobody's but Postfix's.
pub(super) fn artifacts(choices: Choices<'_>) -> Vec<Artifact> {
    let Some(dialect) = Dialect::of(choices) else { return Vec::new() };
    let place = match dialect {
        Dialect::Sqlite => format!("dbpath = /{FILE}\n"),
        Dialect::Postgresql(server) | Dialect::Mysql(server) => place(server),
    };
    let file = |(name, query): (&str, String)| Artifact {
        path: RelPath::new(format!("etc/postfix/unqmail/sql/{name}.cf")),
        content: Content::file(format!(
            "# Written by unqmail: asks what the table {name} would say.\n{place}query = {}\n",
            dialect.query(&query)
        )),
        audience: Audience::Group("postfix"),
    };
    maps(dialect).into_iter().map(file).collect()
}

/// Where a server is, and who asks.
fn place(connection: &Connection) -> String {
    let Connection { server, host, port, name, user, password } = connection;
    let password = password.reveal();
    let host = match (connection.socket(), server) {
        (None, _) => format!("{host}:{port}"),
        (Some(socket), Server::Mysql) => format!("unix:{socket}"),
        // `unix:` has no place for another port, and a URI has all.
        (Some(_), Server::Postgresql) => format!(
            "postgresql://{}:{}@/{}?host={}&port={port}",
            encoded(user.as_bytes()),
            encoded(password),
            encoded(name.as_bytes()),
            encoded(host.as_bytes())
        ),
    };
    format!("hosts = {host}\nuser = {user}\npassword = {password}\ndbname = {name}\n")
}

/// A part of a URI (RFC 3986).
fn encoded(part: &[u8]) -> String {
    let byte = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    part.iter().map(byte).collect()
}

/// Whether the database answers in the place of a table.
pub(super) fn replaces(choices: Choices<'_>, table: &str) -> bool {
    Dialect::of(choices).is_some() && ["domains", "alias_domains", "aliases"].contains(&table)
}

/// The map in the place of a table, where the database is asked. proxymap(8) asks it, so that not
/// every process has a connection of its own.
pub(super) fn map(choices: Choices<'_>, name: &str) -> Option<String> {
    let dialect = Dialect::of(choices)?;
    Some(format!("proxy:{}:$config_directory/unqmail/sql/{name}.cf", dialect.name()))
}

/// The end of `build-tables`: gives the database to those who use it. The web panel writes it, and
/// the journal of a change lies beside it; Postfix's group reads it.
pub(super) fn rights(choices: Choices<'_>) -> String {
    let maps = "chgrp postfix sql/*\nchmod 0640 sql/*\n";
    match Dialect::of(choices) {
        None => return String::new(),
        Some(Dialect::Postgresql(_) | Dialect::Mysql(_)) => return maps.to_owned(),
        Some(Dialect::Sqlite) => {}
    }
    format!(
        "{maps}owner=root\ngetent passwd {PANEL_USER} >/dev/null && owner={PANEL_USER}\nchown \"$owner:postfix\" /{FOLDER} /{FILE}\nchmod 0750 /{FOLDER}\nchmod 0640 /{FILE}\n"
    )
}
