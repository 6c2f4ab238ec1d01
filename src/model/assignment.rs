//! `users/cdb`: which home a local address belongs to.

use super::{Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// One record of `users/cdb` (qmail-users(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The user field; vpopmail puts the real domain here.
    pub user: BString,
    /// Numeric user that delivers.
    pub uid: u32,
    /// Numeric group that delivers.
    pub gid: u32,
    /// Folder with the `.qmail` files.
    pub home: RelPath,
    /// What stands between `.qmail` and the extension, usually `-` or nothing.
    pub dash: BString,
    /// What the extension begins with.
    pub pre: BString,
    /// The line of `users/assign` that agrees with the record, or the database itself.
    pub origin: Origin,
}

/// In what state the database is that `qmail-lspawn` reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compiled {
    /// It is there and whole.
    #[default]
    Whole,
    /// There is only its text, which nothing but `qmail-newu` reads.
    Missing,
    /// It is there and cannot be searched, so all local mail is put off.
    Damaged,
}

/// All assignments, by name in lower case without the leading `=` or `+`.
#[derive(Clone, Debug, Default)]
pub struct Assignments {
    /// Names that must match whole.
    pub exact: BTreeMap<BString, Assignment>,
    /// Names that match as a prefix.
    pub wild: BTreeMap<BString, Assignment>,
    /// The bytes at which a prefix may end.
    pub breaks: BString,
    /// Where the names come from the text alone: why they do not count.
    pub compiled: Compiled,
}

impl Assignment {
    /// A record from which `qmail-lspawn` can deliver nothing.
    pub fn of_root(user: &[u8], origin: &Origin) -> Self {
        Self {
            user: user.into(),
            uid: 0,
            gid: 0,
            home: RelPath::default(),
            dash: BString::default(),
            pre: BString::default(),
            origin: origin.clone(),
        }
    }
}

impl Assignments {
    /// Finds the record for a local address: the exact name, else the longest prefix that ends at
    /// a break byte (`qmail-lspawn.c`). Returns the record and the unmatched rest, case kept.
    pub fn lookup<'a>(&'a self, local: &'a [u8]) -> Option<(&'a Assignment, &'a BStr)> {
        let lower = local.to_ascii_lowercase();
        if let Some(found) = self.exact.get(lower.as_bstr()) {
            return Some((found, BStr::new("")));
        }
        (0..=lower.len()).rev().find_map(|end| {
            let prefix = lower.get(..end)?;
            let may_end = prefix.last().is_none_or(|last| self.breaks.contains(last));
            let found = may_end.then(|| self.wild.get(prefix.as_bstr())).flatten()?;
            Some((found, local.get(end..)?.as_bstr()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Assignment, Assignments};
    use crate::model::{Origin, RelPath};

    fn assignments(names: &[&str]) -> Assignments {
        let mut all = Assignments::default();
        for name in names {
            let record = Assignment {
                user: (*name).into(),
                uid: 89,
                gid: 89,
                home: RelPath::new("home"),
                dash: "-".into(),
                pre: "".into(),
                origin: Origin::file(&RelPath::new("var/qmail/users/cdb")),
            };
            match name.split_at(1) {
                ("=", exact) => all.exact.insert(exact.into(), record),
                (_, wild) => {
                    all.breaks.extend(wild.bytes().last());
                    all.wild.insert(wild.into(), record)
                }
            };
        }
        all
    }

    #[test]
    fn the_longest_prefix_wins_and_the_rest_keeps_its_case() {
        let all = assignments(&["=joe", "+joe-", "+joe-news-", "+a.example-"]);
        let lookup = |local: &'static str| {
            let (found, rest) = all.lookup(local.as_bytes())?;
            Some((found.user.to_string(), rest.to_string()))
        };
        assert_eq!(lookup("JOE"), Some(("=joe".into(), String::new())));
        assert_eq!(lookup("joe-News.1"), Some(("+joe-".into(), "News.1".into())));
        assert_eq!(lookup("joe-news-X"), Some(("+joe-news-".into(), "X".into())));
        assert_eq!(lookup("a.example-Bob"), Some(("+a.example-".into(), "Bob".into())));
        assert_eq!(lookup("joes"), None);
    }

    #[test]
    fn an_empty_prefix_catches_everything() {
        let all = assignments(&["+"]);
        assert_eq!(all.lookup(b"x").unwrap().1, "x");
    }
}
