//! `/etc/aliases`, where the host hands unknown local users to `fastforward` (fastforward(1),
//! newaliases(1) of the fastforward package).

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::site::AliasEntry;
use crate::model::{Origin, RelPath};
use crate::source::{Reading, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Reads the text behind the database that `~alias/.qmail-default` names.
pub(super) fn read(reading: &mut Reading<'_>) {
    let Some(alias) = reading.site.unix_user("alias".into()) else {
        return;
    };
    let Some(home) = reading.site.homes.get(&alias.home) else {
        return;
    };
    let line = home
        .files
        .values()
        .flat_map(|file| &file.lines)
        .find(|line| line.contains_str("fastforward"));
    let Some(database) = line.and_then(|line| {
        line.fields_with(|c| c.is_ascii_whitespace()).find(|word| word.ends_with(b".cdb"))
    }) else {
        return;
    };
    let text = RelPath::new(database.strip_suffix(b".cdb").unwrap_or(database));
    let Some(bytes) = read_file(reading.root, &text, &mut reading.findings) else {
        reading.findings.push(Finding::new(
            &code::ALIAS_TABLE_MISSING,
            Disposition::Manual,
            Origin::file(&RelPath::new(database)),
            database,
            "fastforward reads a database whose text is not beside it",
            "none of its aliases is carried over",
        ));
        return;
    };
    let mut table = parse(&bytes, &Origin::file(&text), &mut reading.findings);
    for entry in table.values_mut() {
        include(reading, entry);
    }
    reading.site.alias_table = table;
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
