//! What the sysadmin decides: `unqmail.toml`. Every setting has a default with which the whole job
//! runs.

use crate::finding::Waiver;
use crate::model::Address;
use crate::model::connection::{self, Connection};
use crate::model::design::{Ids, ListManager};
use crate::model::memory::Pop3;
use crate::model::password::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;

/// The settings of `unqmail.toml`; docs/settings.md describes each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The new host's full name; by default the old one's.
    pub hostname: Option<String>,
    /// The old server.
    pub old: Old,
    /// The new server.
    pub new: New,
    /// Certificates.
    pub tls: Tls,
    /// How people log in.
    pub login: Login,
    /// Where the database server is.
    pub database: Database,
    /// What runs the mailing lists.
    pub lists: Lists,
    /// What becomes of programs that mail is handed to, by their name as the lines have it.
    pub programs: BTreeMap<String, Decision>,
    /// Findings that are accepted.
    pub waive: Vec<Waiver>,
}

/// Facts of the old server that its files do not tell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Old {
    /// qmail's home.
    pub qmail: String,
    /// vpopmail was built with `--enable-qmail-ext`: `user-anything` reaches `user`. By default what
    /// the site's files prove.
    pub user_extensions: Option<bool>,
    /// A file with what vpopmail has in a database.
    pub dump: Option<PathBuf>,
    /// The program that served POP3; by default what the site's files tell.
    pub pop3: Option<Pop3>,
    /// For so many seconds nothing may change on it before the last pass.
    pub quiet_seconds: u64,
}

/// Choices for the new server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct New {
    /// Dovecot's version; by default that of the program on this host, else 2.4.
    pub dovecot: Option<Dovecot>,
    /// The kind of Postfix's lookup tables.
    pub map_type: MapType,
    /// Where accounts and aliases are kept.
    pub backend: Backend,
    /// User and group that own all mail.
    pub mail_ids: [u32; 2],
    /// User and group that own all lists.
    pub list_ids: [u32; 2],
}

/// A line of Dovecot versions with one configuration language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Dovecot {
    /// 2.3.
    #[serde(rename = "2.3")]
    V23,
    /// 2.4.
    #[serde(rename = "2.4")]
    V24,
}

/// The kind of Postfix's lookup tables (`DATABASE_README`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapType {
    /// LMDB, package postfix-lmdb.
    #[default]
    Lmdb,
    /// Constant databases, package postfix-cdb.
    Cdb,
    /// Berkeley DB, going away.
    Hash,
    /// The text itself, read at start.
    Texthash,
}

/// Where accounts and aliases are kept on the new server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// In files, which the sysadmin edits.
    #[default]
    Files,
    /// In an SQLite database, which a web panel edits.
    Sqlite,
    /// The same on a PostgreSQL server.
    Postgresql,
    /// The same on a MariaDB server.
    Mysql,
}

/// Where the database server is, if accounts are kept on one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// A file that tells it; it holds a password, so it is another one.
    pub connection: Option<PathBuf>,
    /// What that file says.
    #[serde(skip)]
    pub server: Option<Connection>,
}

/// What is said of a connection that is to be encrypted: it never is without a word.
const NO_TLS: &str = "it asks for TLS, which is not supported: name a socket, or a server on this host \
    or reached by a tunnel";

/// The file that `[database] connection` names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    host: String,
    port: Option<u16>,
    name: String,
    user: String,
    #[serde(default)]
    password: String,
}

/// Certificates, by path on the new host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate with its chain, PEM.
    pub certificate: Option<String>,
    /// Its key, PEM; by default in the same file.
    pub key: Option<String>,
}

/// How people log in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Passwords may cross the network without TLS, as they could before.
    pub plaintext: bool,
    /// The domain of login names without one; by default vpopmail's.
    pub default_domain: Option<String>,
}

/// What runs the mailing lists.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lists {
    /// What runs those that `of` does not name.
    pub manager: ListManager,
    /// What runs a list, by its address, or the lists of a domain, by its name.
    pub of: BTreeMap<String, ListManager>,
    /// Files that tell who is in a list whose members are in a database, by its address.
    pub dump: BTreeMap<String, PathBuf>,
    /// The lines of `of` and `dump`, by table and name.
    #[serde(skip)]
    lines: BTreeMap<(&'static str, String), u32>,
}

/// The names in the tables of `[lists]`, with their places.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Places {
    lists: ListPlaces,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListPlaces {
    of: BTreeMap<Spanned<String>, toml::Value>,
    dump: BTreeMap<Spanned<String>, toml::Value>,
}

/// What becomes of a program that mail is handed to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It runs on the new server.
    Run(bool),
    /// It is left out.
    Drop(bool),
    /// Mail goes to this address instead.
    Forward(String),
}

impl Default for Old {
    fn default() -> Self {
        Self {
            qmail: "/var/qmail".into(),
            user_extensions: None,
            dump: None,
            pop3: None,
            quiet_seconds: 5,
        }
    }
}

impl Default for New {
    fn default() -> Self {
        let Ids { mail, lists } = Ids::default();
        Self {
            dovecot: None,
            map_type: MapType::default(),
            backend: Backend::default(),
            mail_ids: mail.into(),
            list_ids: lists.into(),
        }
    }
}

impl Default for Login {
    fn default() -> Self {
        Self { plaintext: true, default_domain: None }
    }
}

impl Lists {
    /// What runs a list: what is said of itself counts before what is said of its domain.
    pub fn manager_of(&self, list: &Address) -> ListManager {
        let said = |name: &[u8]| {
            let entry = self.of.iter().find(|(key, _)| key.as_bytes().eq_ignore_ascii_case(name));
            entry.map(|(_, manager)| *manager)
        };
        said(&list.to_bytes()).or_else(|| said(list.domain.as_ref())).unwrap_or(self.manager)
    }
}

impl Lists {
    /// The line of a name in one of the tables, `of` or `dump`; 0 where it is not known.
    pub fn line_of(&self, table: &'static str, name: &str) -> u32 {
        self.lines.get(&(table, name.to_owned())).copied().unwrap_or(0)
    }

    fn keep_lines(&mut self, text: &str, places: ListPlaces) {
        let ListPlaces { of, dump } = places;
        let names = of.into_keys().map(|name| ("of", name));
        for (table, name) in names.chain(dump.into_keys().map(|name| ("dump", name))) {
            let front = text.get(..name.span().start).unwrap_or_default();
            let line = u32::try_from(front.matches('\n').count()).unwrap_or(u32::MAX);
            self.lines.insert((table, name.into_inner()), line.saturating_add(1));
        }
    }
}

impl MapType {
    /// Postfix's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lmdb => "lmdb",
            Self::Cdb => "cdb",
            Self::Hash => "hash",
            Self::Texthash => "texthash",
        }
    }
}

impl Backend {
    /// The kind of server that rows go to, if they go to one.
    pub fn server(self) -> Option<connection::Server> {
        match self {
            Self::Files | Self::Sqlite => None,
            Self::Postgresql => Some(connection::Server::Postgresql),
            Self::Mysql => Some(connection::Server::Mysql),
        }
    }
}

impl Database {
    /// Takes what the file says that `connection` names.
    ///
    /// # Errors
    /// Names what is missing or wrong, and no value.
    pub fn read(&mut self, text: &str, server: connection::Server) -> Result<(), &'static str> {
        // The parser's own message would show the line, and with it the password.
        let is_of_tls = |key: &String| ["ssl", "tls"].iter().any(|front| key.starts_with(front));
        if text.parse::<toml::Table>().is_ok_and(|table| table.keys().any(is_of_tls)) {
            return Err(NO_TLS);
        }
        let Server { host, port, name, user, password } = toml::from_str(text)
            .map_err(|_| "it must have host, name and user, and may have port and password")?;
        let port = port.unwrap_or(server.usual_port());
        let server = Connection { server, host, port, name, user, password: Secret::new(password) };
        if !server.is_plain() {
            return Err("a value is empty, or holds a blank or one of '\"\\#$%{};");
        }
        self.server = Some(server);
        Ok(())
    }
}

impl Policy {
    /// Parses `unqmail.toml`.
    ///
    /// # Errors
    /// Names the line of an unknown key or a wrong value.
    ///
    /// ```
    /// use unqmail::policy::{MapType, Policy};
    /// let policy = Policy::parse("[new]\nmap_type = 'cdb'\n").unwrap();
    /// assert_eq!(policy.new.map_type, MapType::Cdb);
    /// assert!(Policy::parse("colour = 'red'").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut policy: Self = toml::from_str(text)?;
        let places: Places = toml::from_str(text)?;
        policy.lists.keep_lines(text, places.lists);
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Decision, Dovecot, ListManager, MapType, Policy};
    use crate::model::connection::Server;

    #[test]
    fn an_empty_file_is_the_default() {
        let policy = Policy::parse("").unwrap();
        assert_eq!(policy.new.map_type, MapType::Lmdb);
        assert_eq!(policy.new.mail_ids, [5000, 5000]);
        assert!(policy.login.plaintext);
        assert!(policy.waive.is_empty());
    }

    #[test]
    fn settings_and_waivers_are_read() {
        let text = "hostname = 'mx.example'\n[new]\ndovecot = '2.4'\n[[waive]]\ncode = 'alias-program'\nsubject = '@a.example'\nreason = 'gone'\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.new.dovecot, Some(Dovecot::V24));
        assert_eq!(policy.waive[0].reason, "gone");
    }

    #[test]
    fn a_program_is_run_dropped_or_replaced() {
        let text = "[programs]\n'/bin/a' = { run = true }\n'b c' = { forward = 'x@y' }\n";
        let programs = Policy::parse(text).unwrap().programs;
        assert_eq!(programs.get("/bin/a"), Some(&Decision::Run(true)));
        assert_eq!(programs.get("b c"), Some(&Decision::Forward("x@y".into())));
        let text = "[programs]\na = { run = true, drop = true }\n";
        assert!(Policy::parse(text).is_err());
    }

    #[test]
    fn a_server_is_told_by_a_file_of_its_own_whose_password_is_never_shown() {
        let mut database = super::Database::default();
        let good =
            "host = '/run/mysqld/mysqld.sock'\nname = 'mail'\nuser = 'mail'\npassword = 'abc'\n";
        assert_eq!(database.read(good, Server::Mysql), Ok(()));
        assert!(!format!("{database:?}").contains("abc"));
        let with_tls = format!("{good}sslmode = 'require'\n");
        assert!(database.read(&with_tls, Server::Mysql).unwrap_err().contains("TLS"));
        for bad in
            ["password = 'abc'", "host = 'a b'\nport = 1\nname = 'x'\nuser = 'y'", "host = 1"]
        {
            assert!(!database.read(bad, Server::Mysql).unwrap_err().contains("abc"));
        }
    }

    #[test]
    fn what_is_said_of_a_list_counts_before_what_is_said_of_its_domain() {
        let text = "[lists.of]\n'Example.org' = 'alias'\n'news@example.org' = 'mailman'\n";
        let lists = Policy::parse(text).unwrap().lists;
        let of = |list: &str| lists.manager_of(&Address::parse(list.as_bytes()).unwrap());
        assert_eq!(of("News@example.org"), ListManager::Mailman);
        assert_eq!(of("club@example.org"), ListManager::Alias);
        assert_eq!(of("club@example.com"), ListManager::Mlmmj);
        let error = Policy::parse("[lists]\nmanager = 'majordomo'\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("mlmmj"), "{error}");
    }

    #[test]
    fn the_names_of_lists_have_their_lines() {
        let text = "[lists]\nmanager = 'alias'\n[lists.dump]\n# one\n'a@b.example' = '/tmp/a'\n[lists.of]\n'b.example' = 'mlmmj'\n";
        let lists = Policy::parse(text).unwrap().lists;
        assert_eq!(lists.line_of("dump", "a@b.example"), 5);
        assert_eq!(lists.line_of("of", "b.example"), 7);
        assert_eq!(lists.line_of("of", "x"), 0);
    }

    #[test]
    fn a_typing_error_names_its_line() {
        let error = Policy::parse("[new]\nmap_typ = 'cdb'\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("map_typ"), "{error}");
    }
}
