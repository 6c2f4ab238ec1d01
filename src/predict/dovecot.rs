//! Reads Dovecot's passwd-file (AuthDatabase/PasswdFile).

use super::Error;
use crate::model::RelPath;
use crate::model::password::Secret;
use crate::model::quota::Quota;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

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

/// Reads the file; login names are looked up in lower case.
pub(super) fn users(path: &RelPath, text: &[u8]) -> Result<BTreeMap<BString, User>, Error> {
    let mut users = BTreeMap::new();
    for (line, row) in (1..).zip(text.split_str("\n")) {
        if row.is_empty() || row.starts_with(b"#") || row.starts_with(b":") {
            continue;
        }
        let malformed =
            |what: &str| Error::Malformed { path: path.clone(), line, what: what.to_owned() };
        let fields: Vec<&[u8]> = row.splitn(8, |&b| b == b':').collect();
        let [name, password, uid, gid, _, home, _, extra] = fields.as_slice() else {
            return Err(malformed("fewer than eight fields"));
        };
        let id = |field: &[u8]| field.to_str().ok().and_then(|id| id.parse().ok());
        let ids = id(uid).zip(id(gid)).ok_or_else(|| malformed("the ids are no numbers"))?;
        let (scheme, hash) =
            match password.strip_prefix(b"{").and_then(|rest| rest.split_once_str("}")) {
                // No password matches it.
                Some((_, b"*")) => (None, b"".as_slice()),
                Some((scheme, hash)) => (Some(scheme.to_str_lossy().into_owned()), hash),
                None if password.is_empty() => (None, b"".as_slice()),
                None => return Err(malformed("the password names no scheme")),
            };
        let home = RelPath::new(home);
        let quota = quota(extra).ok_or_else(|| malformed("the quota is not understood"))?;
        let user = User { scheme, hash: Secret::new(hash), ids, home, quota, line };
        // Dovecot puts a backslash before a quote when it looks a name up.
        let name = name.to_ascii_lowercase().replace("\\'", "'");
        if users.insert(BString::from(name), user).is_some() {
            return Err(malformed("the user stands here for the second time"));
        }
    }
    Ok(users)
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
    use super::users;
    use crate::model::RelPath;
    use crate::model::quota::Quota;

    #[test]
    fn both_versions_of_a_quota_are_read() {
        let text = b"# c\na@x:{MD5-CRYPT}$1$a$b:5000:5000::/var/vmail/x/%2Ea::userdb_quota_rule=*:bytes=5:messages=6\nb@x::1:2::/h::userdb_quota_storage_size=7B userdb_quota_message_count=8\n";
        let users = users(&RelPath::new("u"), text).unwrap();
        let a = &users[bstr::BStr::new("a@x")];
        assert_eq!(
            (a.scheme.as_deref(), a.quota),
            (Some("MD5-CRYPT"), Quota { bytes: 5, messages: 6 })
        );
        assert_eq!(a.home, RelPath::new("var/vmail/x/%2Ea"));
        let b = &users[bstr::BStr::new("b@x")];
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
        ] {
            assert!(users(&RelPath::new("u"), bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
