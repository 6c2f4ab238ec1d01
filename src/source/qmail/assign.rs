//! `users/cdb` and `users/assign` (qmail-users(5), `qmail-newu.c`).

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::assignment::{Assignment, Assignments, Compiled};
use crate::model::quota::leading_number;
use crate::model::{Origin, RelPath, shown};
use crate::source::{Reading, cdb, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// The database counts. The text gives line numbers; where there is no usable database it tells
/// which domains and users there would be.
pub(super) fn read(reading: &mut Reading<'_>) {
    let folder = reading.layout.qmail.join("users");
    let text = folder.join("assign");
    // s/qmail calls the database assign.cdb.
    let there = |path: &RelPath| reading.root.stat(path).is_ok_and(|stat| stat.is_some());
    let names = ["cdb", "assign.cdb"].map(|name| folder.join(name));
    let database = names.iter().find(|path| there(path)).cloned();
    let is_there = database.is_some();
    let database = database.unwrap_or_else(|| folder.join("cdb"));
    let findings = &mut reading.findings;
    let from_text = read_file(reading.root, &text, findings)
        .map(|bytes| parse_text(&bytes, &Origin::file(&text), findings));
    let from_database = read_file(reading.root, &database, findings).and_then(|bytes| {
        parse_database(&bytes, &Origin::file(&database))
            .map_err(|damage| {
                findings.push(super::damaged(
                    &database,
                    damage,
                    "the old server puts off all local mail; the new one goes by users/assign",
                ));
            })
            .ok()
    });
    reading.site.assignments = match (from_database, from_text) {
        (Some(mut live), Some(text)) => {
            compare(&mut live, &text, findings);
            Some(live)
        }
        (Some(live), None) => Some(live),
        // What is wrong with the database has been told.
        (None, text) if is_there => {
            Some(Assignments { compiled: Compiled::Damaged, ..text.unwrap_or_default() })
        }
        (None, Some(text)) => {
            findings.push(Finding::new(
                &code::SITE_ASSIGN_NOT_COMPILED,
                Disposition::Adapted,
                Origin::file(&text_path(&folder)),
                "users/assign",
                "users/assign is there, users/cdb is not",
                "qmail ignores the text without its database; the new server goes by the text",
            ));
            Some(Assignments { compiled: Compiled::Missing, ..text })
        }
        (None, None) => None,
    };
}

fn text_path(folder: &RelPath) -> RelPath {
    folder.join("assign")
}

/// Records `!name\0` (whole) and `!name` (prefix) with `user\0uid\0gid\0home\0dash\0pre`; the record
/// with the empty key holds the bytes at which a prefix may end.
fn parse_database(bytes: &[u8], origin: &Origin) -> Result<Assignments, cdb::Damaged> {
    let mut all = Assignments::default();
    let mut breaks = None;
    for (key, data) in cdb::records(bytes)? {
        if key.is_empty() {
            breaks.get_or_insert(data);
            continue;
        }
        let Some(name) = key.strip_prefix(b"!") else {
            continue;
        };
        let fields: Vec<&[u8]> = data.split(|&b| b == 0).collect();
        // A record that is cut short puts mail off, as one of root's does.
        let cut = |user: &&[u8]| Assignment::of_root(user, origin);
        let Some(record) = assignment(&fields, origin).or_else(|| fields.first().map(cut)) else {
            continue;
        };
        // Of equal keys a lookup finds the first.
        match name.strip_suffix(b"\0") {
            Some(exact) => all.exact.entry(exact.into()).or_insert(record),
            None => all.wild.entry(name.into()).or_insert(record),
        };
    }
    // qmail-newu always writes the record, and qmail-lspawn can do nothing without it.
    all.breaks = breaks.ok_or(cdb::Damaged::lacks("the record with the empty key"))?;
    Ok(all)
}

/// Lines `=name:user:uid:gid:home:dash:pre:` and `+name:…` up to a line that begins with a dot.
fn parse_text(bytes: &[u8], file: &Origin, findings: &mut Findings) -> Assignments {
    let mut all = Assignments::default();
    let mut ended = false;
    for (number, line) in lines::numbered(bytes) {
        if line.starts_with(b".") {
            ended = true;
            break;
        }
        let origin = file.at(number);
        let fields: Vec<&[u8]> = line.split(|&b| b == b':').collect();
        let record = match fields.as_slice() {
            [name, rest @ .., _] if name.len() > 1 || *name == b"+" => {
                let (uid, gid) = (rest.get(1), rest.get(2));
                let are_numbers = [uid, gid]
                    .into_iter()
                    .flatten()
                    .all(|id| id.to_str().is_ok_and(|id| id.parse::<u32>().is_ok()));
                assignment(rest, &origin).filter(|_| are_numbers)
            }
            _ => None,
        };
        let (Some(record), Some(name)) = (record, fields.first().and_then(|name| name.get(1..)))
        else {
            // vpopmail leaves an empty first line in the file it makes.
            if !line.is_empty() {
                findings.push(malformed(
                    &origin,
                    line,
                    "the line has too few fields or a uid that is no number",
                ));
            }
            continue;
        };
        let name = BString::from(name.to_ascii_lowercase());
        if line.starts_with(b"+") {
            if let Some(last) = name.last().filter(|last| !all.breaks.contains(*last)) {
                all.breaks.push(*last);
            }
            all.wild.entry(name).or_insert(record);
        } else {
            all.exact.entry(name).or_insert(record);
        }
    }
    if !ended {
        findings.push(malformed(file, b"", "no line with a dot ends the file"));
    }
    all
}

fn malformed(origin: &Origin, line: &[u8], message: &'static str) -> Finding {
    let finding = Finding::new(
        &code::SITE_ASSIGN_MALFORMED,
        Disposition::Dropped,
        origin.clone(),
        "users/assign",
        message,
        "qmail-newu refuses the whole file, so the database stays as it was",
    );
    if line.is_empty() { finding } else { finding.with_excerpt(line.as_bstr()) }
}

/// The digits in front, kept in 32 bits (`scan_ulong`); without any it is root's number.
fn number(field: &[u8]) -> u32 {
    u32::try_from(leading_number(field) % (1 << 32)).unwrap_or_default()
}

fn assignment(fields: &[&[u8]], origin: &Origin) -> Option<Assignment> {
    let [user, uid, gid, home, dash, pre, ..] = fields else {
        return None;
    };
    Some(Assignment {
        user: (*user).into(),
        uid: number(uid),
        gid: number(gid),
        home: RelPath::new(home),
        dash: (*dash).into(),
        pre: (*pre).into(),
        origin: origin.clone(),
    })
}

/// Gives the database's records their lines in the text, and tells where the two disagree.
fn compare(live: &mut Assignments, text: &Assignments, findings: &mut Findings) {
    compare_kind('=', &mut live.exact, &text.exact, findings);
    compare_kind('+', &mut live.wild, &text.wild, findings);
}

fn compare_kind(
    kind: char,
    live: &mut BTreeMap<BString, Assignment>,
    text: &BTreeMap<BString, Assignment>,
    findings: &mut Findings,
) {
    let mut stale =
        |name: &BString, origin: &Origin, message: &'static str, effect: &'static str| {
            findings.push(Finding::new(
                &code::SITE_ASSIGN_STALE,
                Disposition::Adapted,
                origin.clone(),
                format!("{kind}{}", shown(name)),
                message,
                effect,
            ));
        };
    for (name, record) in live.iter_mut() {
        match text.get(name) {
            Some(line) if same(line, record) => record.origin = line.origin.clone(),
            Some(line) => stale(
                name,
                &line.origin,
                "users/assign says something else than users/cdb",
                "the old server goes by users/cdb, and so does the new one",
            ),
            None => stale(
                name,
                &record.origin,
                "the name is in users/cdb, but not in users/assign",
                "mail still reaches it on the old server, and will on the new one",
            ),
        }
    }
    for (name, line) in text.iter().filter(|(name, _)| !live.contains_key(*name)) {
        stale(
            name,
            &line.origin,
            "the name is in users/assign, but not in users/cdb",
            "the line has no effect on the old server, and none on the new one",
        );
    }
}

fn same(a: &Assignment, b: &Assignment) -> bool {
    a.user == b.user
        && (a.uid, a.gid) == (b.uid, b.gid)
        && a.home == b.home
        && a.dash == b.dash
        && a.pre == b.pre
}

#[cfg(test)]
mod tests {
    use super::{compare, parse_database, parse_text};
    use crate::finding::Findings;
    use crate::model::{Origin, RelPath};
    use crate::source::cdb;

    fn file() -> Origin {
        Origin::file(&RelPath::new("var/qmail/users/assign"))
    }

    fn codes(findings: &Findings) -> Vec<(&str, u32)> {
        findings.iter().map(|f| (f.code.id, f.origin.line)).collect()
    }

    #[test]
    fn the_text_ends_at_the_dot() {
        let mut findings = Findings::default();
        let text = b"=Joe:joe:1:2:/home/joe:::\n+a.example-:a.example:89:89:/d:-::\n.\n=eve:eve:3:4:/e:::\n";
        let all = parse_text(text, &file(), &mut findings);
        assert!(findings.is_empty());
        assert_eq!(all.exact.len(), 1);
        assert_eq!(all.exact[b"joe".as_slice()].home, RelPath::new("home/joe"));
        assert_eq!(all.wild.values().next().unwrap().origin.line, 2);
        assert_eq!(all.breaks, "-");
    }

    #[test]
    fn bad_lines_and_a_missing_dot_are_told() {
        let mut findings = Findings::default();
        parse_text(b"=joe:joe:x:2:/home/joe:::\nrubbish\n", &file(), &mut findings);
        let seen = codes(&findings);
        let code = "site-assign-malformed";
        assert_eq!(seen, [(code, 1), (code, 2), (code, 0)]);
    }

    #[test]
    fn the_database_counts_and_the_text_gives_the_lines() {
        let mut findings = Findings::default();
        let records = [
            ("!joe\0".into(), "joe\x001\x002\x00/home/joe\0\0".into()),
            ("!old\0".into(), "old\x001\x002\x00/home/old\0\0".into()),
            ("".into(), "-".into()),
        ];
        let text = b"=joe:joe:1:2:/home/joe:::\n=new:new:1:2:/home/new:::\n.\n";
        let text = parse_text(text, &file(), &mut findings);
        let mut live = parse_database(&cdb::build(&records), &file()).unwrap();
        compare(&mut live, &text, &mut findings);
        assert_eq!(live.exact[b"joe".as_slice()].origin.line, 1);
        assert_eq!(codes(&findings), [("site-assign-stale", 0), ("site-assign-stale", 2)]);
        assert!(!live.exact.contains_key(b"new".as_slice()));
    }
}
