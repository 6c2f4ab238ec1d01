//! Unix users, as `qmail-getpw` sees them (`qmail-getpw.c`, passwd(5), shadow(5)).

use crate::finding::{Disposition, Finding, code};
use crate::model::password::Password;
use crate::model::unix::UnixUser;
use crate::model::{Origin, RelPath};
use crate::source::{Reading, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// `qmail-getpw` looks no longer name up (`GETPW_USERLEN`).
const LONGEST_NAME: usize = 31;

pub(super) fn read(reading: &mut Reading<'_>) {
    let (passwd, shadow) = (RelPath::new("etc/passwd"), RelPath::new("etc/shadow"));
    let hashes = read_file(reading.root, &shadow, &mut reading.findings).map(|bytes| {
        lines::numbered(&bytes)
            .filter_map(|(_, line)| {
                let mut fields = line.split(|&b| b == b':');
                Some((BString::from(fields.next()?), Password::read(fields.next()?)))
            })
            .collect::<BTreeMap<_, _>>()
    });
    let file = Origin::file(&passwd);
    let Some(bytes) = read_file(reading.root, &passwd, &mut reading.findings) else {
        // One that is there and cannot be read is told by the look at it.
        if reading.root.stat(&passwd).is_ok_and(|stat| stat.is_none()) {
            reading.findings.push(Finding::new(
                &code::SITE_PASSWD_MISSING,
                Disposition::Dropped,
                file,
                "etc/passwd",
                "the host has no users: there is no etc/passwd",
                "mail of Unix users and of ~alias is not carried over, and their addresses are refused",
            ));
        }
        return;
    };
    let first = reading.site.unix_users.len();
    for (number, line) in lines::numbered(&bytes) {
        let origin = file.at(number);
        // `+…` and `-…` lines ask a network service (NIS), which is not on this disk.
        if line.is_empty() || matches!(line.first(), Some(b'+' | b'-' | b'#')) {
            continue;
        }
        let Some(mut user) = parse(line, origin.clone()) else {
            reading.findings.push(Finding::new(
                &code::SITE_PASSWD_MALFORMED,
                Disposition::Dropped,
                origin,
                "etc/passwd",
                "the line has too few fields or a uid that is no number",
                "the user does not exist for the old server, nor for the new one",
            ));
            continue;
        };
        if let Some(hash) = hashes.as_ref().and_then(|hashes| hashes.get(&user.name)) {
            user.password = hash.clone();
        }
        user.gets_mail = gets_mail(reading, &user);
        reading.site.unix_users.push(user);
    }
    restore_owners(reading, first, &file);
}

/// A copy that was made without keeping owners belongs to whoever made it. There `qmail-getpw`'s
/// question, who owns a home, has no answer any more, and every home counts as its user's.
fn restore_owners(reading: &mut Reading<'_>, first: usize, file: &Origin) {
    let owner = |path: &RelPath| reading.root.stat(path).ok().flatten().map(|stat| stat.uid);
    let Some(maker) = owner(&RelPath::default()) else { return };
    let users = reading.site.unix_users.get(first..).unwrap_or_default();
    let owners: Vec<Option<u32>> = users.iter().map(|user| owner(&user.home)).collect();
    if owners.iter().flatten().any(|uid| *uid != maker) {
        return;
    }
    // On a whole server `/` is root's too; but the home of `alias`, which qmail's installation makes,
    // is not.
    let is_homeless = |(user, owner): (&UnixUser, &Option<u32>)| {
        user.name == "alias" && user.uid != 0 && *owner == Some(0)
    };
    if maker == 0 && !users.iter().zip(&owners).any(is_homeless) {
        return;
    }
    reading.site.owners_lost = true;
    let users = reading.site.unix_users.get_mut(first..).unwrap_or_default();
    for (user, owner) in users.iter_mut().zip(owners) {
        user.gets_mail = owner.is_some() && user.uid != 0 && has_usable_name(user);
    }
    reading.findings.push(Finding::new(
        &code::SITE_OWNERS_LOST,
        Disposition::Adapted,
        file.clone(),
        "etc/passwd",
        "every file of this copy belongs to one user: it was made without keeping owners",
        "homes are taken to be their users', which qmail would have checked",
    ));
}

fn parse(line: &[u8], origin: Origin) -> Option<UnixUser> {
    let fields: Vec<&[u8]> = line.split(|&b| b == b':').collect();
    let [name, password, uid, gid, _gecos, home, _shell] = fields.as_slice() else {
        return None;
    };
    Some(UnixUser {
        name: (*name).into(),
        uid: uid.to_str().ok()?.parse().ok()?,
        gid: gid.to_str().ok()?.parse().ok()?,
        home: RelPath::new(home),
        password: Password::read(password),
        gets_mail: false,
        origin,
    })
}

fn gets_mail(reading: &Reading<'_>, user: &UnixUser) -> bool {
    let owns_home = || {
        let stat = reading.root.stat(&user.home).ok().flatten();
        // Whether it is a folder only qmail-local asks.
        stat.is_some_and(|stat| stat.uid == user.uid)
    };
    user.uid != 0 && has_usable_name(user) && owns_home()
}

fn has_usable_name(user: &UnixUser) -> bool {
    !user.name.is_empty()
        && user.name.len() <= LONGEST_NAME
        && !user.name.iter().any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::model::password::Password;
    use crate::model::{Origin, RelPath};

    #[test]
    fn a_passwd_line_has_seven_fields() {
        let origin = Origin::file(&RelPath::new("etc/passwd")).at(3);
        let user = parse(b"joe:x:1001:100:Joe,,,:/home/joe:/bin/sh", origin.clone()).unwrap();
        assert_eq!((user.uid, user.gid), (1001, 100));
        assert_eq!(user.home, RelPath::new("home/joe"));
        assert_eq!(user.password, Password::Locked);
        assert!(parse(b"joe:x:1001", origin.clone()).is_none());
        assert!(parse(b"joe:x:one:100::/:", origin).is_none());
    }
}
