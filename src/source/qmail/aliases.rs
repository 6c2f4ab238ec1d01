//! Alias databases, such as that of `/etc/aliases`, where mail is handed to `fastforward`
//! (fastforward(1), newaliases(1) of the fastforward package).

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::assignment::Compiled;
use crate::model::command::{Word, simple_commands};
use crate::model::site::{AliasEntry, AliasTable};
use crate::model::{Origin, RelPath};
use crate::source::{Reading, cdb, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// Reads every database that a `.qmail` file hands to `fastforward`.
pub(super) fn read(reading: &mut Reading<'_>) {
    let mut databases = BTreeSet::new();
    for (folder, home) in &reading.site.homes {
        let lines = home.files.values().flat_map(|file| &file.lines);
        for line in lines.filter_map(|line| line.strip_prefix(b"|")) {
            databases.extend(database_of(line).map(|name| folder.join(name)));
        }
    }
    for database in databases {
        let table = read_table(reading, &database);
        reading.site.alias_tables.insert(database, table);
    }
}

/// The database of a line that runs `fastforward`: what stands behind its options.
fn database_of(line: &[u8]) -> Option<BString> {
    simple_commands(line).into_iter().find_map(|words| {
        let mut texts = words.iter().map(Word::text);
        texts.find(|text| text.rsplit_str("/").next() == Some(b"fastforward"))?;
        texts.find(|text| !text.starts_with(b"-"))
    })
}

/// The database counts; the text beside it gives line numbers, and the aliases where the database
/// cannot be read.
fn read_table(reading: &mut Reading<'_>, database: &RelPath) -> AliasTable {
    let name = database.as_bstr();
    let text = RelPath::new(name.strip_suffix(b".cdb").unwrap_or(name));
    let is_there = reading.root.stat(database).is_ok_and(|stat| stat.is_some());
    let bytes = read_file(reading.root, database, &mut reading.findings);
    let live = bytes.map(|bytes| cdb::records(&bytes));
    let in_text = if text == *database {
        None
    } else {
        read_file(reading.root, &text, &mut reading.findings)
    };
    let has_text = in_text.is_some();
    let mut in_text = in_text
        .map(|bytes| parse(&bytes, &Origin::file(&text), &mut reading.findings))
        .unwrap_or_default();
    for entry in in_text.values_mut() {
        include(reading, entry);
    }
    match live {
        Some(Ok(records)) => {
            let mut entries = BTreeMap::new();
            for (key, data) in records {
                let Some(key) = key.strip_prefix(b":") else { continue };
                let key = BString::from(key.strip_suffix(b"@").unwrap_or(key));
                let line = in_text.get(&key).map(|entry| entry.origin.clone());
                let origin = line.unwrap_or_else(|| Origin::file(database));
                let targets = targets_of(reading, &data);
                // Of equal names a lookup finds the first.
                entries.entry(key).or_insert(AliasEntry { targets, origin });
            }
            AliasTable { entries, compiled: Compiled::Whole }
        }
        Some(Err(damage)) => {
            let effect =
                "the old server puts off mail for its aliases; the new one goes by the text";
            reading.findings.push(super::damaged(database, damage, effect));
            AliasTable { entries: in_text, compiled: Compiled::Damaged }
        }
        None => {
            let effect = if has_text {
                "the old server puts off mail for its aliases; the new one goes by the text"
            } else {
                "none of its aliases is carried over"
            };
            if !is_there {
                reading.findings.push(Finding::new(
                    &code::ALIAS_TABLE_MISSING,
                    Disposition::Manual,
                    Origin::file(database),
                    database.as_bstr(),
                    "fastforward reads a database that is not there",
                    effect,
                ));
            }
            AliasTable { entries: in_text, compiled: Compiled::Missing }
        }
    }
}

/// Records `&address`, `|program`, `!program`, or the path of a list of such, each with a NUL behind
/// it (`dodata`, `dofile` in `fastforward.c`).
fn targets_of(reading: &mut Reading<'_>, data: &[u8]) -> Vec<BString> {
    let mut targets = Vec::new();
    for record in data.split(|&b| b == 0).filter(|record| !record.is_empty()) {
        match record {
            [b'&', address @ ..] => targets.push(address.into()),
            [b'!', program @ ..] => targets.push([b"|", program].concat().into()),
            // newinclude compiles the addresses of `LIST` into `LIST.bin`.
            [b'/' | b'.', ..] if record.ends_with(b".bin") => {
                let path = RelPath::new(record);
                let list = read_file(reading.root, &path, &mut reading.findings);
                let Some(list) = list else {
                    targets.push(record.into());
                    continue;
                };
                let addresses = list.split(|&b| b == 0);
                targets
                    .extend(addresses.filter_map(|one| one.strip_prefix(b"&")).map(BString::from));
            }
            other => targets.push(other.into()),
        }
    }
    targets
}

/// Puts the lines of a file in the place of `:include:FILE` (newinclude(1)).
fn include(reading: &mut Reading<'_>, entry: &mut AliasEntry) {
    let mut targets = Vec::new();
    for target in std::mem::take(&mut entry.targets) {
        let Some(file) = target.strip_prefix(b":include:").map(<[u8]>::trim_ascii) else {
            targets.push(target);
            continue;
        };
        let path = RelPath::new(file);
        let Some(bytes) = read_file(reading.root, &path, &mut reading.findings) else {
            reading.findings.push(Finding::new(
                &code::ALIAS_TABLE_MISSING,
                Disposition::Manual,
                entry.origin.clone(),
                path.as_bstr(),
                "an alias names a file of addresses that is not there",
                "what the file held is not carried over",
            ));
            continue;
        };
        let lines = lines::numbered(&bytes).map(|(_, line)| line.trim_ascii());
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        targets.extend(lines.flat_map(split_targets));
    }
    entry.targets = targets;
}

/// Entries `name: target, target` with continuation lines; names in lower case.
fn parse(bytes: &[u8], file: &Origin, findings: &mut Findings) -> BTreeMap<BString, AliasEntry> {
    let mut entries: Vec<(u32, BString)> = Vec::new();
    for (number, line) in lines::numbered(bytes) {
        let text = lines::trimmed(line);
        match entries.last_mut() {
            _ if text.trim_ascii().is_empty() || text.starts_with(b"#") => {}
            Some((_, entry)) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                entry.extend_from_slice(text);
            }
            _ => entries.push((number, text.into())),
        }
    }
    let mut table = BTreeMap::new();
    for (number, entry) in entries {
        let origin = file.at(number);
        let Some((name, targets)) = split_name(&entry) else {
            findings.push(
                Finding::new(
                    &code::ALIAS_TABLE_MALFORMED,
                    Disposition::Dropped,
                    origin,
                    file.file.as_bstr(),
                    "the line has no colon",
                    "newaliases refuses the whole file, so the old server goes by an older database",
                )
                .with_excerpt(entry.as_bstr()),
            );
            continue;
        };
        // Of equal names fastforward finds the first.
        table.entry(name).or_insert_with(|| AliasEntry { targets: split_targets(targets), origin });
    }
    table
}

fn split_name(entry: &[u8]) -> Option<(BString, &[u8])> {
    let (name, targets) = match entry.strip_prefix(b"\"") {
        Some(quoted) => {
            let (name, rest) = quoted.split_once_str("\"")?;
            (name, rest.trim_ascii_start().strip_prefix(b":")?)
        }
        None => entry.split_once_str(":")?,
    };
    Some((name.trim_ascii().to_ascii_lowercase().into(), targets))
}

/// Divides at commas outside quotes; a quoted target loses its quotes.
fn split_targets(text: &[u8]) -> Vec<BString> {
    let mut targets = vec![BString::default()];
    let mut quoted = false;
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => targets.push(BString::default()),
            _ => targets.iter_mut().next_back().into_iter().for_each(|target| target.push(byte)),
        }
    }
    let trimmed = targets.iter().map(|target| BString::from(target.trim_ascii()));
    trimmed.filter(|target| !target.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::finding::Findings;
    use crate::model::{Origin, RelPath};

    #[test]
    fn entries_go_on_over_lines_and_quotes_hold_together() {
        let mut findings = Findings::default();
        let text = b"# comment\nRoot: joe,\n  eve@b.example\n\nprog: \"|/bin/x a, b\"\n\"odd name\": me\nbad\n";
        let file = Origin::file(&RelPath::new("etc/aliases"));
        let table = parse(text, &file, &mut findings);
        let seen: Vec<_> = table
            .iter()
            .map(|(name, entry)| (name.to_string(), entry.targets.join(&b'|'), entry.origin.line))
            .collect();
        assert_eq!(
            seen,
            [
                ("odd name".into(), b"me".to_vec(), 6),
                ("prog".into(), b"|/bin/x a, b".to_vec(), 5),
                ("root".into(), b"joe|eve@b.example".to_vec(), 2),
            ]
        );
        assert_eq!(findings.len(), 1);
    }
}
