//! What Postfix's maps and Dovecot find in a database: the answers of the queries as written, for
//! every key that has one.
//!
//! A table of the database comes as a text: the names of its columns in the first line, then a row a
//! line, divided by tabs, `\t`, `\n`, `\r` and `\\` for the bytes that a field cannot hold.

use super::{Error, Files};
use crate::model::RelPath;
use bstr::ByteSlice as _;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where the tables are asked for.
pub(super) const FOLDER: &str = "database";

/// What Dovecot is told instead of the passwd-file's path.
pub(super) const DOVECOT: &str = "etc/dovecot/unqmail/sql.conf";

/// The answers of the map whose file has this name, as a table that postmap(1) would read.
pub(super) fn answers(map: &RelPath, files: &dyn Files) -> Result<Arc<Vec<u8>>, Error> {
    let conf = files.read(map)?.ok_or_else(|| Error::Missing(map.clone()))?;
    let has =
        |name: &str| conf.lines().any(|line| line.starts_with(format!("{name} =").as_bytes()));
    let malformed = |what: &str| Error::Malformed { path: map.clone(), line: 0, what: what.into() };
    if !has("query") {
        return Err(malformed("no query"));
    }
    let name = map.file_name().to_str_lossy();
    let answers = match &*name {
        "domains.cf" => domains(files)?,
        "alias_domains.cf" => active_alias_domains(files)?
            .into_iter()
            .map(|(name, real)| (name, vec![real]))
            .collect(),
        "mailboxes.cf" => mailboxes(files)?,
        "aliases.cf" => aliases(files)?,
        "aliases_of_domains.cf" => aliases_of_domains(files)?,
        _ => return Err(malformed("a query that is not known")),
    };
    let mut text = Vec::new();
    for (key, values) in answers {
        text.extend(format!("{key} {}\n", values.join(", ")).into_bytes());
    }
    Ok(Arc::new(text))
}

/// What Dovecot finds, as a passwd-file.
pub(super) fn users(conf: &[u8], files: &dyn Files) -> Result<Arc<Vec<u8>>, Error> {
    let id = |name: &str| -> Result<String, Error> {
        let malformed = |what: String| {
            let path = RelPath::new(DOVECOT);
            Error::Malformed { path, line: 0, what }
        };
        let text = conf.to_str_lossy();
        let front = text.split_once(&format!(" AS {name},")).map(|(front, _)| front);
        let id = front.and_then(|front| front.rsplit(' ').next()).map(str::to_owned);
        id.ok_or_else(|| malformed(format!("no {name} is selected")))
    };
    let (uid, gid) = (id("uid")?, id("gid")?);
    let limits: BTreeMap<String, String> = Table::read("unqmail_limit", files)?
        .rows(["username", "messages"])?
        .map(|[username, messages]| (username, messages))
        .collect();
    let mut accounts = BTreeMap::new();
    let rows = Table::read("mailbox", files)?;
    for [username, password, maildir, quota, active] in
        rows.rows(["username", "password", "maildir", "quota", "active"])?
    {
        if active == "1" {
            let home = maildir.trim_end_matches('/');
            let messages = limits.get(&username).map_or("0", String::as_str);
            let rule = format!("userdb_quota_rule=*:bytes={quota}:messages={messages}");
            let row = format!("{password}:{uid}:{gid}::/var/vmail/{home}::{rule}\n");
            accounts.insert(username, row);
        }
    }
    let logins: BTreeMap<String, String> = Table::read("unqmail_login", files)?
        .rows(["name", "username"])?
        .map(|[name, username]| (name, username))
        .collect();
    let mut text = String::new();
    for (name, row) in accounts.iter().filter(|(name, _)| !logins.contains_key(*name)) {
        text.extend([name, ":", row]);
    }
    for (name, username) in &logins {
        if let Some(row) = accounts.get(username) {
            text.extend([name, ":", row]);
        }
    }
    Ok(Arc::new(text.into_bytes()))
}

/// The values that a key has.
type Answers = BTreeMap<String, Vec<String>>;

fn domains(files: &dyn Files) -> Result<Answers, Error> {
    let aliases = active_alias_domains(files)?;
    let domains = Table::read("domain", files)?;
    let rows = domains.rows(["domain", "backupmx", "active"])?;
    let own = rows.filter(|[name, backup, active]| {
        backup == "0" && active == "1" && !aliases.contains_key(name)
    });
    Ok(own.map(|[name, ..]| (name, vec!["-".to_owned()])).collect())
}

fn active_alias_domains(files: &dyn Files) -> Result<BTreeMap<String, String>, Error> {
    let table = Table::read("alias_domain", files)?;
    let rows = table.rows(["alias_domain", "target_domain", "active"])?;
    let active = rows.filter(|[_, _, active]| active == "1");
    Ok(active.map(|[name, real, _]| (name, real)).collect())
}

fn active_aliases(files: &dyn Files) -> Result<BTreeMap<String, String>, Error> {
    let table = Table::read("alias", files)?;
    let rows = table.rows(["address", "goto", "active"])?;
    let active = rows.filter(|[_, _, active]| active == "1");
    Ok(active.map(|[address, goto, _]| (address, goto)).collect())
}

fn mailboxes(files: &dyn Files) -> Result<Answers, Error> {
    let known = active_aliases(files)?;
    let table = Table::read("mailbox", files)?;
    let rows = table.rows(["username", "maildir", "active"])?;
    let active = rows.filter(|[username, _, active]| active == "1" && known.contains_key(username));
    Ok(active.map(|[name, maildir, _]| (name, vec![format!("{maildir}Maildir/")])).collect())
}

fn aliases(files: &dyn Files) -> Result<Answers, Error> {
    let shown = active_aliases(files)?;
    let mut answers = Answers::new();
    for [address, goto] in Table::read("unqmail_alias", files)?.rows(["address", "goto"])? {
        answers.entry(address).or_default().push(goto);
    }
    for (name, real) in active_alias_domains(files)? {
        let (own, real) = (format!("@{name}"), format!("@{real}"));
        if shown.contains_key(&real) && !shown.contains_key(&own) {
            answers.entry(own).or_default().push(real);
        }
    }
    for (address, goto) in shown {
        answers.entry(address).or_default().insert(0, goto);
    }
    Ok(answers)
}

fn aliases_of_domains(files: &dyn Files) -> Result<Answers, Error> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, real) in active_alias_domains(files)? {
        names.entry(real).or_default().push(name);
    }
    let mut answers = Answers::new();
    for address in active_aliases(files)?.into_keys() {
        let Some((local, domain)) = address.rsplit_once('@') else { continue };
        for name in names.get(domain).into_iter().flatten().filter(|_| !local.is_empty()) {
            answers.insert(format!("{local}@{name}"), vec![address.clone()]);
        }
    }
    Ok(answers)
}

/// A table of the database.
struct Table {
    path: RelPath,
    text: Arc<Vec<u8>>,
}

impl Table {
    fn read(name: &str, files: &dyn Files) -> Result<Self, Error> {
        let path = RelPath::new(FOLDER).join(name);
        let text = files.read(&path)?.ok_or_else(|| Error::Missing(path.clone()))?;
        Ok(Self { path, text })
    }

    /// The values of some columns, row by row.
    fn rows<const N: usize>(
        &self,
        columns: [&str; N],
    ) -> Result<impl Iterator<Item = [String; N]>, Error> {
        let mut lines = self.text.lines();
        let names: Vec<&[u8]> = lines.next().unwrap_or_default().split_str("\t").collect();
        let mut places = [0; N];
        for (place, column) in places.iter_mut().zip(columns) {
            let found = names.iter().position(|name| *name == column.as_bytes());
            *place = found.ok_or_else(|| Error::Malformed {
                path: self.path.clone(),
                line: 1,
                what: format!("no column {column}"),
            })?;
        }
        Ok(lines.map(move |line| {
            let fields: Vec<&[u8]> = line.split_str("\t").collect();
            places.map(|at| unescaped(fields.get(at).copied().unwrap_or_default()))
        }))
    }
}

fn unescaped(field: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter().copied();
    while let Some(byte) = rest.next() {
        match (byte, byte == b'\\') {
            (_, true) => bytes.extend(rest.next().map(|next| match next {
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                other => other,
            })),
            (byte, false) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{aliases, aliases_of_domains, domains, mailboxes, users};
    use crate::model::RelPath;
    use std::sync::Arc;

    #[expect(clippy::unnecessary_wraps, reason = "the form of every source of files")]
    fn files(path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, super::Error> {
        let text = match path.to_string().as_str() {
            "database/domain" => {
                "domain\tbackupmx\tactive\na.example\t0\t1\nb.example\t0\t1\nc.example\t0\t0\n"
            }
            "database/alias_domain" => {
                "alias_domain\ttarget_domain\tactive\nb.example\ta.example\t1\n"
            }
            "database/alias" => {
                "address\tgoto\tactive\n@a.example\tx@y\t1\njoe@a.example\tjoe@a.example,x@y\t1\neve@a.example\teve@a.example\t0\n"
            }
            "database/unqmail_alias" => "address\tgoto\njoe@a.example\tp@q\n",
            "database/mailbox" => {
                "username\tpassword\tmaildir\tquota\tactive\njoe@a.example\t{CRYPT}*\ta.example/joe/\t7\t1\neve@a.example\t{X}h\ta.example/eve/\t0\t1\n"
            }
            "database/unqmail_login" => "name\tusername\njoe@b.example\tjoe@a.example\n",
            "database/unqmail_limit" => "username\tmessages\n",
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(text.as_bytes().to_vec())))
    }

    #[test]
    fn queries_are_answered_as_the_database_would() {
        let keys = |answers: super::Answers| answers.into_keys().collect::<Vec<_>>();
        assert_eq!(keys(domains(&files).unwrap()), ["a.example"]);
        assert_eq!(keys(mailboxes(&files).unwrap()), ["joe@a.example"]);
        assert_eq!(keys(aliases_of_domains(&files).unwrap()), ["joe@b.example"]);
        let aliases = aliases(&files).unwrap();
        assert_eq!(aliases["joe@a.example"], ["joe@a.example,x@y", "p@q"]);
        assert_eq!(aliases["@b.example"], ["@a.example"]);
        let found = users(b"SELECT 5000 AS uid, 5000 AS gid, x", &files).unwrap();
        let found = String::from_utf8(found.to_vec()).unwrap();
        let names: Vec<&str> = found.lines().filter_map(|row| row.split(':').next()).collect();
        assert_eq!(names, ["eve@a.example", "joe@a.example", "joe@b.example"]);
    }
}
