//! Which home delivers for a local address: `qmail-lspawn.c` and `qmail-getpw.c`.

use super::{Hop, Resolver};
use crate::model::assignment::{Assignments, Compiled};
use crate::model::{Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

/// Who delivers, where, and by which extension.
#[derive(Clone, Debug)]
pub(super) struct Deliverer {
    pub(super) user: BString,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: RelPath,
    pub(super) dash: BString,
    /// Case kept, as the sender wrote it.
    pub(super) extension: BString,
    pub(super) origin: Origin,
}

impl Resolver<'_> {
    /// The records of `users/cdb`, unless nobody can read them.
    pub(super) fn assignments(&self) -> Option<&Assignments> {
        let all = self.site.assignments.as_ref();
        all.filter(|all| self.mends || all.compiled == Compiled::Whole)
    }

    /// `users/cdb` first, then Unix users, then `alias`. `None`, with the mail put off, where
    /// the database is damaged or there is no user `alias`.
    pub(super) fn deliverer(&self, local: &BStr, hop: &mut Hop) -> Option<Deliverer> {
        let found = self.site.assignments.as_ref().map(|all| all.compiled);
        if found == Some(Compiled::Damaged) && !self.mends {
            let file = Origin::file(&RelPath::new("var/qmail/users/cdb"));
            hop.defer("Trouble reading users/cdb in qmail-lspawn.", &file);
            return None;
        }
        let assigned = self.assignments().and_then(|all| all.lookup(local));
        if let Some((record, rest)) = assigned {
            let extension: BString = [record.pre.as_slice(), rest].concat().into();
            hop.step(
                format_args!("users/cdb: {} delivers in {}", shown(&record.user), record.home),
                Some(&record.origin),
            );
            return Some(Deliverer {
                user: record.user.clone(),
                uid: record.uid,
                gid: record.gid,
                home: record.home.clone(),
                dash: record.dash.clone(),
                extension,
                origin: record.origin.clone(),
            });
        }
        let found = self.by_name(local, hop);
        if found.is_none() {
            let origin = Origin::file(&RelPath::new("etc/passwd"));
            hop.defer("Unable to find alias user! (#4.3.0)", &origin);
        }
        found
    }

    /// The longest prefix that is a user's name and ends at a `-` or at the end (`qmail-getpw`).
    fn by_name(&self, local: &BStr, hop: &mut Hop) -> Option<Deliverer> {
        let lower = local.to_ascii_lowercase();
        let ends = std::iter::once(lower.len()).chain(lower.rfind_iter("-"));
        let user = ends.into_iter().find_map(|end| {
            let user = *self.users.get(lower.get(..end)?.as_bstr())?;
            user.gets_mail.then_some((user, end))
        });
        let (user, dash, extension) = match user {
            Some((user, end)) if end == lower.len() => (user, "", BString::default()),
            Some((user, end)) => (user, "-", local.get(end + 1..).unwrap_or_default().into()),
            None => (*self.users.get(BStr::new("alias"))?, "-", local.to_owned()),
        };
        hop.step(
            format_args!("Unix user {} delivers in {}", shown(&user.name), user.home),
            Some(&user.origin),
        );
        Some(Deliverer {
            user: user.name.clone(),
            uid: user.uid,
            gid: user.gid,
            home: user.home.clone(),
            dash: dash.into(),
            extension,
            origin: user.origin.clone(),
        })
    }
}
