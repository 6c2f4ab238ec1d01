//! `vpasswd` and `vpasswd.cdb`: the accounts of a domain (`vcdb.c` of vpopmail).

use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::root::Root;
use crate::model::password::Password;
use crate::model::quota::{Quota, atoi, leading_number};
use crate::model::restrictions::Restrictions;
use crate::model::site::Inside;
use crate::model::{Account, Address, DomainName, LocalPart, Origin, RelPath};
use crate::source::{cdb, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// A row as it stands: what follows the name and its colon, and where.
struct Row {
    rest: BString,
    origin: Origin,
}

/// What a row tells of an account, wherever it stands. Never shown: it holds a hash.
pub(super) struct Fields<T> {
    pub(super) password: T,
    pub(super) uid: T,
    pub(super) gid: T,
    /// Empty where the home lies in the domain's folder.
    pub(super) home: T,
    pub(super) quota: T,
    /// A clear password is there too.
    pub(super) has_clear: bool,
    pub(super) origin: Origin,
}

/// The accounts of a domain.
#[derive(Default)]
pub(super) struct Accounts {
    /// Sorted by name.
    pub(super) rows: Vec<Account>,
    /// They come from the text, because the database is damaged.
    pub(super) is_damaged: bool,
}

/// Reads the accounts of a domain, sorted by name; `None` where it has neither file.
///
/// Login and delivery go by the database; the text counts only where there is no database, and
/// gives the line numbers.
pub(super) fn read(
    root: &Root,
    folder: &RelPath,
    domain: &DomainName,
    findings: &mut Findings,
) -> Option<Accounts> {
    let mut is_damaged = false;
    let (text, database) = (folder.join("vpasswd"), folder.join("vpasswd.cdb"));
    let in_text = read_file(root, &text, findings)
        .map(|bytes| text_rows(&bytes, &Origin::file(&text), findings));
    let in_database = read_file(root, &database, findings).and_then(|bytes| {
        database_rows(&bytes, &Origin::file(&database))
            .map_err(|damage| {
                is_damaged = true;
                findings.push(Finding::new(
                    &code::FILE_DAMAGED,
                    Disposition::Adapted,
                    Origin::file(&database),
                    [b"@", domain.as_bstr().as_bytes()].concat(),
                    damage.to_string(),
                    "the old server finds none of the accounts; the new one has those of the text beside it",
                ));
            })
            .ok()
    });
    let rows = match (in_database, in_text) {
        (Some(live), Some(text)) => compare(live, &text, domain, findings),
        (Some(rows), None) | (None, Some(rows)) => rows,
        (None, None) if is_damaged => BTreeMap::new(),
        (None, None) => return None,
    };
    Some(Accounts { rows: accounts_of(rows, folder, domain, findings), is_damaged })
}

fn accounts_of(
    rows: BTreeMap<BString, Row>,
    folder: &RelPath,
    domain: &DomainName,
    findings: &mut Findings,
) -> Vec<Account> {
    let account = |(name, row): (BString, Row)| {
        let Some(fields) = split(&row) else {
            findings.push(malformed(row.origin, "the line has too few fields"));
            return None;
        };
        Some(account(&name, &fields, folder, domain, findings))
    };
    rows.into_iter().filter_map(account).collect()
}

/// Lines `name:passwd:uid:gid:gecos:dir:quota[:clear]`; of equal names the first counts.
fn text_rows(bytes: &[u8], file: &Origin, findings: &mut Findings) -> BTreeMap<BString, Row> {
    let mut rows = BTreeMap::new();
    for (number, line) in lines::numbered(bytes).filter(|(_, line)| !line.is_empty()) {
        let origin = file.at(number);
        match line.split_once_str(":") {
            Some((name, rest)) if !name.is_empty() => {
                rows.entry(name.into()).or_insert(Row { rest: rest.into(), origin });
            }
            _ => findings.push(malformed(origin, "the line has no name")),
        }
    }
    rows
}

fn database_rows(bytes: &[u8], file: &Origin) -> Result<BTreeMap<BString, Row>, cdb::Damaged> {
    let mut rows = BTreeMap::new();
    for (name, rest) in cdb::records(bytes)? {
        rows.entry(name).or_insert(Row { rest, origin: file.clone() });
    }
    Ok(rows)
}

/// Never shows the line: it holds a hash and perhaps a password.
pub(super) fn malformed(origin: Origin, message: &'static str) -> Finding {
    let subject = origin.file.as_bstr().to_owned();
    Finding::new(
        &code::ACCOUNT_LINE_MALFORMED,
        Disposition::Dropped,
        origin,
        subject,
        message,
        "vpopmail cannot read the account either; it is not carried over",
    )
}

fn compare(
    mut live: BTreeMap<BString, Row>,
    text: &BTreeMap<BString, Row>,
    domain: &DomainName,
    findings: &mut Findings,
) -> BTreeMap<BString, Row> {
    let mut stale = |name: &BString,
                     origin: &Origin,
                     disposition,
                     message: &'static str,
                     effect: &'static str| {
        let subject = Address::new(name, domain).to_bytes();
        findings.push(Finding::new(
            &code::ACCOUNT_STALE,
            disposition,
            origin.clone(),
            subject,
            message,
            effect,
        ));
    };
    for (name, row) in &mut live {
        match text.get(name) {
            Some(line) if line.rest == row.rest => row.origin = line.origin.clone(),
            Some(line) => {
                row.origin = line.origin.clone();
                stale(
                    name,
                    &line.origin,
                    Disposition::Migrated,
                    "vpasswd and vpasswd.cdb say different things of the account",
                    "login and delivery go by the database, and so does the new server",
                );
            }
            None => stale(
                name,
                &row.origin,
                Disposition::Migrated,
                "the account is in vpasswd.cdb, but not in vpasswd",
                "it works on the old server although vpopmail's tools do not list it; it is carried over",
            ),
        }
    }
    for (name, line) in text.iter().filter(|(name, _)| !live.contains_key(*name)) {
        stale(
            name,
            &line.origin,
            Disposition::Dropped,
            "the account is in vpasswd, but not in vpasswd.cdb",
            "neither login nor delivery knows it on the old server, nor will they on the new one",
        );
    }
    live
}

/// A row without the quota field still gets mail and can log in, without a quota.
fn split(row: &Row) -> Option<Fields<&[u8]>> {
    let fields: Vec<&[u8]> = row.rest.splitn(7, |&b| b == b':').collect();
    let [password, uid, gid, _gecos, home, ref more @ ..] = *fields.as_slice() else {
        return None;
    };
    let quota = more.first().copied().unwrap_or_default();
    let has_clear = more.get(1).is_some_and(|clear| !clear.is_empty());
    Some(Fields { password, uid, gid, home, quota, has_clear, origin: row.origin.clone() })
}

pub(super) fn account<T: AsRef<[u8]>>(
    name: &BString,
    fields: &Fields<T>,
    folder: &RelPath,
    domain: &DomainName,
    findings: &mut Findings,
) -> Account {
    // `atoi`, kept in 32 bits.
    let gid = u32::try_from(atoi(fields.gid.as_ref()).rem_euclid(1 << 32)).unwrap_or_default();
    let home = fields.home.as_ref();
    let home = if home.is_empty() { folder.join(name) } else { RelPath::new(home) };
    let reachable = name.iter().all(|byte| is_looked_up(*byte));
    if !reachable {
        findings.push(Finding::new(
            &code::ACCOUNT_UNREACHABLE,
            Disposition::Adapted,
            fields.origin.clone(),
            Address::new(name, domain).to_bytes(),
            "the account's name has bytes that no lookup ever asks for, such as capital letters",
            "no mail and no login ever reach it; its stored mail is carried over to a mailbox without login",
        ));
    }
    Account {
        name: LocalPart::new(name),
        password: Password::read(fields.password.as_ref()),
        has_clear: fields.has_clear,
        apop: leading_number(fields.uid.as_ref()) == 2,
        restrictions: Restrictions(gid),
        home,
        inside: Inside::UNKNOWN,
        quota: Quota::parse(fields.quota.as_ref()),
        reachable,
        origin: fields.origin.clone(),
    }
}

/// Names are looked up in lower case, and only if they hold nothing else than these bytes
/// (`is_username_valid` in `vpopmail.c`).
fn is_looked_up(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$&'*+-./=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(text: &str) -> (Vec<Account>, Vec<(&'static str, u32)>) {
        let mut findings = Findings::default();
        let folder = RelPath::new("d/example.org");
        let rows =
            text_rows(text.as_bytes(), &Origin::file(&folder.join("vpasswd")), &mut findings);
        let found = accounts_of(rows, &folder, &DomainName::new("example.org"), &mut findings);
        (found, findings.iter().map(|f| (f.code.id, f.origin.line)).collect())
    }

    #[test]
    fn a_row_has_seven_fields_and_perhaps_a_clear_password() {
        let (found, findings) =
            accounts("eve:$1$a$b:1:10:Eve:/d/example.org/0/eve:5K,10C:se:cret\n");
        assert_eq!(findings, []);
        let eve = &found[0];
        assert_eq!(eve.quota, Quota { bytes: 5120, messages: 10 });
        assert_eq!(eve.home, RelPath::new("d/example.org/0/eve"));
        assert!(eve.has_clear);
        assert!(eve.restrictions.contains(Restrictions::NO_POP));
    }

    #[test]
    fn a_row_without_quota_still_counts_and_a_shorter_one_does_not() {
        let (found, findings) = accounts("a:h:1:0:A:/home/a\nb:h:1:0:B\n\n:x\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].quota.is_unlimited());
        let code = "account-line-malformed";
        assert_eq!(findings, [(code, 4), (code, 2)]);
    }

    #[test]
    fn a_field_of_restrictions_that_is_no_plain_number_still_makes_an_account() {
        let (found, findings) = accounts("a:h:1::A:/a:\nb:h:1: 2x:B:/b:\nc:h:1:-1:C:/c:\n");
        assert_eq!(findings, []);
        let bits: Vec<u32> = found.iter().map(|account| account.restrictions.0).collect();
        assert_eq!(bits, [0, 2, u32::MAX]);
    }

    #[test]
    fn capital_letters_are_never_reached() {
        let (found, findings) = accounts("Zupper:h:2:0:Z::NOQUOTA\n");
        assert!(!found[0].reachable && found[0].apop);
        assert_eq!(found[0].home, RelPath::new("d/example.org/Zupper"));
        assert_eq!(findings, [("account-unreachable", 1)]);
    }

    #[test]
    fn the_database_counts_where_the_two_disagree() {
        let mut findings = Findings::default();
        let row = |rest: &str, line| Row {
            rest: rest.into(),
            origin: Origin::file(&RelPath::new("v")).at(line),
        };
        let live = [("a", "1"), ("b", "2"), ("c", "3")].map(|(n, r)| (n.into(), row(r, 0)));
        let text =
            [("a", "1", 1), ("b", "9", 2), ("d", "4", 3)].map(|(n, r, l)| (n.into(), row(r, l)));
        let rows = compare(live.into(), &text.into(), &DomainName::new("x.example"), &mut findings);
        let seen: Vec<_> =
            rows.iter().map(|(n, r)| (n.to_string(), r.rest.to_string(), r.origin.line)).collect();
        let want = [("a", "1", 1), ("b", "2", 2), ("c", "3", 0)];
        assert_eq!(seen, want.map(|(n, r, l)| (n.to_owned(), r.to_owned(), l)));
        assert_eq!(findings.len(), 3);
    }
}
