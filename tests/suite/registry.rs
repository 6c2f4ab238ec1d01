//! The registries are whole: every code, source and target has its page, every code a case that
//! triggers it.

use crate::support::{Laid, Ran, files_under, project, read};
use std::collections::BTreeSet;
use std::fs;
use unqmail::finding::code::CODES;
use unqmail::model::design::ListManager;
use unqmail::source::SOURCES;
use unqmail::target::TARGETS;

/// Codes that no site can trigger by itself, and why.
const NOT_FROM_A_SITE: &[(&str, &str)] = &[
    ("site-owners-lost", "told of a copy made without root's rights; see tests/suite/cli.rs"),
    ("database-row-conflicting", "told of the target; see tests/suite/database.rs"),
    ("database-row-edited", "told of the target; see tests/suite/database.rs"),
    ("file-edited", "told of the target; see tests/suite/cli.rs"),
    ("file-foreign", "told of the target; see tests/suite/cli.rs"),
    ("message-foreign", "told of the target; see tests/suite/passes.rs"),
    ("message-in-the-way", "told of the target; see tests/suite/standing.rs"),
    ("message-outdated", "told of the target; see tests/suite/passes.rs"),
    ("site-not-quiet", "told at --final only; see tests/suite/passes.rs"),
    ("site-queue-undelivered", "told at --final only; see tests/suite/passes.rs"),
    ("store-unlinkable", "told at --link only; see tests/suite/link.rs"),
    ("store-unrecorded", "told of the target; see tests/suite/passes.rs"),
    ("target-too-small", "told of the target; see tests/suite/crash.rs"),
    ("uid-numbered-anew", "told of the target; see tests/suite/clients.rs"),
    ("address-lost", "told where no other finding explains a loss: a gap in the others"),
];

fn codes_of(plan: &Ran) -> BTreeSet<String> {
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_code_has_a_case_that_triggers_it() {
    let mut triggered = codes_of(&Laid::larch().plan(&["--format", "json"]));
    let cases = files_under(&project().join("fixtures/findings")).into_iter();
    for path in cases.filter(|path| path.extension().is_some_and(|end| end == "txt")) {
        let (code, manifest) = (path.file_stem().unwrap().to_str().unwrap(), read(&path));
        let settings = fs::read_to_string(path.with_extension("toml")).unwrap_or_default();
        let laid = if manifest.starts_with("# alone") {
            Laid::new(&manifest, &settings)
        } else {
            Laid::small_with(&manifest, &settings)
        };
        let plan = laid.plan(&["--format", "json"]);
        assert!([0, 3].contains(&plan.code), "{code}: {}", plan.all());
        let codes = codes_of(&plan);
        assert!(codes.contains(code), "{} triggers {codes:?}", path.display());
        triggered.extend(codes);
    }
    for code in CODES {
        let elsewhere = NOT_FROM_A_SITE.iter().any(|(id, _)| *id == code.id);
        assert!(elsewhere || triggered.contains(code.id), "no case triggers {}", code.id);
    }
}

#[test]
fn a_clean_site_has_only_notes_and_no_certificate() {
    let codes = codes_of(&Laid::small("").plan(&["--format", "json"]));
    let expected = [
        "alias-system-added",
        "password-schemes-weak",
        "site-extensions-unproven",
        "site-no-certificate",
    ];
    assert_eq!(codes, expected.map(str::to_owned).into());
}

#[test]
fn codes_are_sorted_and_begin_with_their_subject() {
    const SUBJECTS: &[&str] = &[
        "account", "address", "alias", "database", "domain", "file", "folder", "list", "message",
        "password", "site", "store", "target", "uid",
    ];
    assert!(CODES.is_sorted_by_key(|code| code.id));
    for code in CODES {
        let (subject, _) = code.id.split_once('-').unwrap();
        assert!(SUBJECTS.contains(&subject), "{}", code.id);
        assert!(!code.help.ends_with('.') && !code.help.is_empty(), "{}", code.id);
    }
}

#[test]
fn every_code_has_a_page_with_the_same_parts() {
    let pages = project().join("docs/findings");
    for code in CODES {
        let page = code.page;
        assert!(page.starts_with(&format!("# {}\n", code.id)), "{}", code.id);
        for part in ["## What it means", "## What becomes of it", "## What to do", "## Example"] {
            assert!(page.contains(part), "docs/findings/{}.md has no {part:?}", code.id);
        }
    }
    for path in files_under(&pages) {
        let id = path.file_stem().unwrap().to_str().unwrap();
        assert!(CODES.iter().any(|code| code.id == id), "{} is no code's", path.display());
    }
}

#[test]
fn every_source_target_and_list_manager_has_a_page() {
    let ids = SOURCES.iter().map(|source| ("sources", source.id()));
    let managers = ListManager::ALL.iter().map(|manager| ("targets", manager.name()));
    let targets = TARGETS.iter().map(|target| ("targets", target.id()));
    for (folder, id) in ids.chain(targets).chain(managers) {
        let page = project().join("docs").join(folder).join(format!("{id}.md"));
        assert!(page.is_file(), "{} is missing", page.display());
    }
}
