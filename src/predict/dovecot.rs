//! Reads Dovecot's passwd-file (AuthDatabase/PasswdFile).

use super::Error;
use super::rows::{Rows, TOO_LONG};
use crate::model::RelPath;
use crate::model::password::Secret;
use crate::model::quota::Quota;
use bstr::{BStr, BString, ByteSlice as _};
use std::fmt;
use std::sync::Arc;

/// A row `user:{SCHEME}hash:uid:gid:gecos:home:shell:extra`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The scheme's name; `None` where the field is empty and nobody can log in.
    pub scheme: Option<String>,
    /// The hash.
    pub hash: Secret,
    /// Numeric user and group.
    pub ids: (u32, u32),
    /// The home, relative to the new server's root.
    pub home: RelPath,
    /// The limits, as either version of Dovecot spells them.
    pub quota: Quota,
    /// The line, from 1.
    pub line: u32,
}

/// Every user, by login name in lower case.
///
/// There may be millions: a row is divided when it is asked for.
pub struct Users(Rows);

impl fmt::Debug for Users {
    /// The text holds hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.0.all().len())
    }
}

impl Users {
    /// Reads the file. A row that Dovecot would refuse and a name that stands there twice are
    /// errors.
    pub(super) fn read(path: &RelPath, bytes: &Arc<Vec<u8>>) -> Result<Self, Error> {
        let malformed = |line: u32, what: &str| Error::Malformed {
            path: path.clone(),
            line,
            what: what.to_owned(),
        };
        let mut rows = Rows::new(bytes);
        let mut next = 0;
        for (line, row) in (1..).zip(bytes.split_str("\n")) {
            let at = next;
            next += row.len() + 1;
            if row.is_empty() || row.starts_with(b"#") || row.starts_with(b":") {
                continue;
            }
            let (name, rest) = row.split_once_str(":").unwrap_or((row, b""));
            User::parse(rest, line).map_err(|what| malformed(line, what))?;
            let added = if name.iter().any(|byte| byte.is_ascii_uppercase() || *byte == b'\\') {
                // Dovecot puts a backslash before a quote when it looks a name up.
                rows.add_changed(line, &name.to_ascii_lowercase().replace("\\'", "'"), rest)
            } else {
                rows.add(line, (at, name), (at + name.len() + 1, rest))
            };
            added.ok_or_else(|| malformed(line, TOO_LONG))?;
        }
        let twice = |line| malformed(line, "the user stands here for the second time");
        Ok(Self(rows.index().map_err(twice)?))
    }

    /// The user of a login name, in whatever case it is asked for.
    pub fn get(&self, name: &BString) -> Option<User> {
        let row = self.0.find(&name.to_ascii_lowercase())?;
        User::parse(self.0.rest(row), row.line).ok()
    }

    /// All login names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &BStr> {
        self.0.all().iter().map(|row| self.0.name(row).as_bstr())
    }
}

impl User {
    /// Divides what follows the name and its colon; says what is wrong with it.
    fn parse(rest: &[u8], line: u32) -> Result<Self, &'static str> {
        let mut fields = rest.splitn(7, |&b| b == b':');
        let mut field = || fields.next().ok_or("fewer than eight fields");
        let (password, uid, gid) = (field()?, field()?, field()?);
        let (_, home, _, extra) = (field()?, field()?, field()?, field()?);
        let id = |field: &[u8]| field.to_str().ok().and_then(|id| id.parse().ok());
        let ids = id(uid).zip(id(gid)).ok_or("the ids are no numbers")?;
        let (scheme, hash) =
            match password.strip_prefix(b"{").and_then(|rest| rest.split_once_str("}")) {
                // No password matches it.
                Some((_, b"*")) => (None, b"".as_slice()),
                Some((scheme, hash)) => (Some(scheme.to_str_lossy().into_owned()), hash),
                None if password.is_empty() => (None, b"".as_slice()),
                None => return Err("the password names no scheme"),
            };
        let quota = quota(extra).ok_or("the quota is not understood")?;
        Ok(Self { scheme, hash: Secret::new(hash), ids, home: RelPath::new(home), quota, line })
    }
}

/// `userdb_quota_rule=*:bytes=N:messages=M` (2.3), or `userdb_quota_storage_size=NB` and
/// `userdb_quota_message_count=M` (2.4).
fn quota(extra: &[u8]) -> Option<Quota> {
    let mut quota = Quota::default();
    let number = |text: &str| text.trim_end_matches('B').parse::<u64>().ok();
    for word in extra.to_str().ok()?.split(' ').filter(|word| !word.is_empty()) {
        let Some((name, value)) = word.split_once('=') else {
            continue;
        };
        match name {
            "userdb_quota_rule" => {
                for part in value.strip_prefix("*:")?.split(':') {
                    match part.split_once('=')? {
                        ("bytes", bytes) => quota.bytes = number(bytes)?,
                        ("messages", messages) => quota.messages = number(messages)?,
                        _ => return None,
                    }
                }
            }
            "userdb_quota_storage_size" => quota.bytes = number(value)?,
            "userdb_quota_message_count" => quota.messages = number(value)?,
            _ => {}
        }
    }
    Some(quota)
}

#[cfg(test)]
mod tests {
    use super::Users;
    use crate::model::RelPath;
    use crate::model::quota::Quota;

    #[test]
    fn both_versions_of_a_quota_are_read() {
        let text = b"# c\na@x:{MD5-CRYPT}$1$a$b:5000:5000::/var/vmail/x/%2Ea::userdb_quota_rule=*:bytes=5:messages=6\nb@x::1:2::/h::userdb_quota_storage_size=7B userdb_quota_message_count=8\n";
        let users = Users::read(&RelPath::new("u"), &text.to_vec().into()).unwrap();
        let a = users.get(&"A@x".into()).unwrap();
        assert_eq!(
            (a.scheme.as_deref(), a.quota),
            (Some("MD5-CRYPT"), Quota { bytes: 5, messages: 6 })
        );
        assert_eq!(a.home, RelPath::new("var/vmail/x/%2Ea"));
        let b = users.get(&"b@x".into()).unwrap();
        assert_eq!(
            (b.scheme.as_deref(), b.ids, b.quota),
            (None, (1, 2), Quota { bytes: 7, messages: 8 })
        );
    }

    #[test]
    fn broken_rows_are_refused() {
        for bad in [
            "a@x:{X}h:1:2",
            "a@x:h:1:2::/h::",
            "a@x::x:2::/h::",
            "a@x::1:2::/h::userdb_quota_rule=*:bytes=x",
            "a@x::1:2::/h::\nb@x::1:2::/h::\nA@x::1:2::/h::",
        ] {
            let bytes = bad.as_bytes().to_vec().into();
            assert!(Users::read(&RelPath::new("u"), &bytes).is_err(), "{bad}");
        }
    }
}
