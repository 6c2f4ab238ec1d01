//! Sympa 6.2: a kit of data files, and the one script that loads them.
//!
//! A list of Sympa's is a folder with a `config` of its own, and its people are in a database. The
//! folders are written here as texts in data files, one JSON object a line; `load` puts them where
//! Sympa looks, and hands people over by `sympa restore`. The script is the same on every host and
//! holds no text of the site.

mod config;
mod kept;
mod losses;
mod members;
mod scenario;
mod wiring;

use super::kit::{self, add_line, text};
use super::told::Told;
use super::{Kept, Manager, Run, is_host, last_post, neutral};
use crate::finding::Findings;
use crate::model::design::{Design, MailingList};
use crate::model::{Address, DomainName, RelPath};
use crate::target::wiring::Wiring;
use crate::target::{Artifact, Audience};
use serde_json::json;
use std::collections::BTreeMap;

/// The emitter of Sympa's kit.
#[derive(Clone, Copy, Debug)]
pub struct Sympa;

/// Where the kit lies on the new host. The folder and the script are root's, because root runs it.
const KIT: &str = "etc/unqmail/sympa";

/// Names for the address that takes commands in a domain (`email`); the first that is free counts.
const ROBOTS: &[&str] = &["sympa", "sympa-robot", "sympa-commands", "unqmail-sympa"];

/// Ends of names that are addresses of other lists (`list_check_suffixes`, `return_path_suffix`).
const SUFFIXES: &[&str] =
    &["-request", "-owner", "-editor", "-subscribe", "-unsubscribe", "-return"];

/// Names that are no list's (`Sympa::Aliases::check_new_listname`).
const RESERVED: &[&str] = &["listmaster", "bounce"];

/// The longest name (`Sympa::Constants::LIST_LEN`).
const LONGEST_NAME: usize = 50;

impl Manager for Sympa {
    fn archive(&self, list: &MailingList) -> RelPath {
        neutral::folder(list).join("archive")
    }

    fn wiring(&self, lists: &[Run<'_>], design: &Design) -> Wiring {
        let usable: Vec<_> = lists.iter().filter(|run| is_name(&run.list.list.address)).collect();
        wiring::wiring(&usable, &robots(&usable, design), design)
    }

    fn commands(&self) -> &'static str {
        super::SOME_COMMANDS
    }

    fn kept(&self, list: &MailingList) -> Vec<Kept> {
        kept::of(list)
    }

    fn emit(
        &self,
        lists: &[Run<'_>],
        design: &Design,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        let (mut settings, mut people, mut domains) = (String::new(), String::new(), String::new());
        let mut usable = Vec::new();
        for run in lists {
            let list = &run.list.list;
            let mut told = Told { manager: "Sympa", list, findings };
            if !is_name(&list.address) {
                told.unusable("Sympa takes no list of such a name");
                continue;
            }
            usable.push(run);
            let record = json!({
                "list": text(&list.address),
                "files": folder(run, &mut told),
                "last_post": last_post(list),
                "archive": format!("/{}", self.archive(run.list)),
            });
            add_line(&mut settings, &record);
            members::add(run, &mut people, &mut told);
        }
        for (domain, email) in robots(&usable, design) {
            add_line(&mut domains, &json!({"domain": domain.to_string(), "email": email}));
        }
        files.extend([
            kit::file(KIT, "robots.jsonl", domains.as_bytes(), Audience::Root),
            kit::file(KIT, "lists.jsonl", settings.as_bytes(), Audience::Root),
            kit::file(KIT, "members.jsonl", people.as_bytes(), Audience::Root),
            kit::file(KIT, "sympa.conf", include_bytes!("sympa.conf"), Audience::Everybody),
            kit::file(KIT, "load", include_bytes!("load.py"), Audience::Command),
            kit::word_script("sympa-word", include_bytes!("word.py")),
        ]);
    }
}

/// The files of a list's folder, by their path in it.
fn folder(run: &Run<'_>, told: &mut Told<'_>) -> BTreeMap<&'static str, String> {
    let list = &run.list.list;
    let mut files = scenario::files(list);
    files.insert("config", config::render(&config::of(run, told)));
    let footer = super::texts::trailer(list);
    if !footer.is_empty() {
        files.insert("message_footer", footer);
    }
    files
}

/// Whether Sympa takes a list of this name (`Sympa::Regexps::listname`, `host`). A `+` is left out of
/// what it allows: the tables hand words over behind one.
fn is_name(address: &Address) -> bool {
    let local = address.local.as_bstr();
    let fits = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(b);
    let is_one_of = |names: &[&str]| names.iter().any(|name| local == name);
    let begins = local.first().is_some_and(u8::is_ascii_alphanumeric);
    begins
        && local.iter().all(fits)
        && local.len() <= LONGEST_NAME
        && !SUFFIXES.iter().any(|suffix| local.ends_with(suffix.as_bytes()))
        && !is_one_of(RESERVED)
        && !is_one_of(ROBOTS)
        && is_host(&address.domain)
}

/// The domains of the lists, which Sympa calls robots, and the name that takes commands in each: one
/// that nobody has there.
fn robots<'a>(lists: &[&Run<'a>], design: &Design) -> BTreeMap<&'a DomainName, &'static str> {
    let is_free = |domain: &DomainName, name: &str| {
        let at = design.real(&Address::new(name, domain));
        !design.mailboxes.contains_key(&at)
            && !design.lists.contains_key(&at)
            && design.route_of(&at).is_none()
    };
    let domains = lists.iter().map(|run| &run.list.list.address.domain);
    let robot = |domain| {
        let free = ROBOTS.iter().find(|name| is_free(domain, name)).or_else(|| ROBOTS.last());
        (domain, free.copied().unwrap_or_default())
    };
    domains.map(robot).collect()
}

#[cfg(test)]
mod tests;
