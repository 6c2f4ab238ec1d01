//! The walls of the crate: which module may use which, and who may touch files and the terminal.

use crate::support::{files_under, project, read};
use std::collections::{BTreeMap, BTreeSet};
use unqmail::model::design::ListManager;

/// The parts of a module that must not know each other.
const STRANGERS: &[(&str, &[&str])] = &[
    (
        "source",
        &["courier", "dot_qmail", "ezmlm", "mail", "maildrop", "procmail", "qmail", "vpopmail"],
    ),
    ("target", &["database", "dovecot", "host", "lists", "postfix"]),
    ("target/lists", &["alias", "mailman", "mlmmj", "sympa"]),
];

/// What only some modules may name: a text, and where it is allowed.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("clap::", &["cli"]),
    ("indicatif::", &["cli"]),
    ("anyhow::", &["cli"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("std::env::", &["cli", "stage"]),
    ("std::process::Command", &["cli", "stage"]),
    ("rustix::fs", &["fsys", "stage"]),
    ("mysql::", &["database"]),
    ("postgres::", &["database"]),
    ("rusqlite::", &["database"]),
    ("SystemTime", &[]),
];

/// The text of a module's files without their unit tests, by path below `src`.
fn modules() -> BTreeMap<String, String> {
    let src = project().join("src");
    let files = files_under(&src).into_iter().filter(|path| path.extension().is_some());
    files
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            let text = read(&path);
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            (name, code)
        })
        .collect()
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The names that follow a text, wherever it stands.
fn names_after<'t>(text: &'t str, front: &str) -> BTreeSet<&'t str> {
    let name_of = |rest: &'t str| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    };
    let mut names = BTreeSet::new();
    for rest in text.split(front).skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split(['{', '}', ',']).map(|n| name_of(n.trim()))),
            None => {
                names.insert(name_of(rest));
            }
        }
    }
    names.remove("");
    names
}

/// What each module may use of the others, as the table of the page says.
fn may_use(page: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    fn names(cell: &str) -> BTreeSet<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }
    let row = |line| {
        let (module, rest) = str::split_once(line, " | ")?;
        let (_, used) = rest.rsplit_once(" | ")?;
        Some((names(module).pop_first()?, names(used)))
    };
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

#[test]
fn modules_use_only_what_they_may() {
    let page = read(&project().join("docs/architecture.md"));
    let may_use = may_use(&page);
    for (path, text) in modules().iter().filter(|(path, _)| *path != "lib.rs" && *path != "main.rs")
    {
        let own = top(path);
        let allowed = may_use.get(own).unwrap_or_else(|| panic!("{path}: not in the table"));
        for used in names_after(text, "crate::") {
            let fine = used == own || allowed.contains(used) || !may_use.contains_key(used);
            assert!(fine, "src/{path} uses {used}, which {own} may not");
        }
    }
}

#[test]
fn readers_and_emitters_do_not_know_each_other() {
    for (module, parts) in STRANGERS {
        for (path, text) in &modules() {
            let below = path.strip_prefix(&format!("{module}/")).unwrap_or_default();
            let Some(own) = parts.iter().find(|part| top(below) == **part) else { continue };
            for other in parts.iter().filter(|other| *other != own) {
                let front = format!("{}::{other}", module.replace('/', "::"));
                assert!(!text.contains(&front), "src/{path} uses {front}");
            }
        }
    }
}

#[test]
fn what_serves_mail_knows_no_list_manager() {
    // An alias is Postfix's own word.
    let managers = ListManager::ALL.iter().filter(|manager| **manager != ListManager::Alias);
    let mut names: Vec<&str> = managers.map(|manager| manager.name()).collect();
    names.push("ListManager");
    for (path, text) in &modules() {
        let is_outside = path.starts_with("target/") && !path.starts_with("target/lists/");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = code.flat_map(|line| names.iter().filter(move |name| line.contains(**name)));
        let named: Vec<_> = named.filter(|_| is_outside).collect();
        assert!(named.is_empty(), "src/{path} knows {named:?}");
    }
}

#[test]
fn the_terminal_the_clock_and_files_have_one_place_each() {
    for (path, text) in &modules() {
        for (name, places) in ONLY_IN {
            let fine = places.contains(&top(path)) || !text.contains(name);
            assert!(fine, "src/{path} names {name}");
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in modules().iter().filter(|(path, _)| path.ends_with(".rs")) {
        assert!(text.starts_with("//! "), "src/{path} has no first sentence");
    }
}

#[test]
fn no_file_needs_a_table_of_contents() {
    let src = project().join("src");
    for path in files_under(&src) {
        let lines = read(&path).lines().count();
        assert!(lines <= 800, "{} has {lines} lines", path.display());
    }
}
