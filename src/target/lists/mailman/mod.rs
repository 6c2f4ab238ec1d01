//! Mailman 3 core: a kit of data files, and the one script that loads them.
//!
//! Mailman keeps its lists in a database of its own, so no file of ours can be one. What the old
//! lists were is written as data, one JSON object a line, and `load` hands it over: by Mailman's
//! REST interface, and by `mailman shell` where that has no word for it. The script is the same on
//! every host and holds no text of the site.

mod kept;
mod members;
mod posting;
mod settings;
mod texts;
mod wiring;

use super::kit::{self, add_line, text};
use super::told::Told;
use super::{Kept, Manager, Run, is_host, last_post, neutral};
use crate::finding::Findings;
use crate::model::design::{Design, MailingList};
use crate::model::{Address, RelPath};
use crate::target::wiring::Wiring;
use crate::target::{Artifact, Audience};
use serde_json::json;
use std::collections::BTreeSet;

/// The emitter of Mailman's kit (`mailman.rest` of 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Mailman;

/// Where the kit lies on the new host. The folder and the script are root's, because root runs it.
const KIT: &str = "etc/mailman3/unqmail";

impl Manager for Mailman {
    fn archive(&self, list: &MailingList) -> RelPath {
        neutral::folder(list).join("archive")
    }

    fn wiring(&self, lists: &[Run<'_>], _: &Design) -> Wiring {
        wiring::wiring(named(lists).into_iter().filter_map(|(run, id)| id.ok().map(|_| run)))
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
        _: &Design,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        let (mut settings, mut people) = (String::new(), String::new());
        for (run, id) in named(lists) {
            let mut told = Told { manager: "Mailman", list: &run.list.list, findings };
            let id = match id {
                Ok(id) => id,
                Err(why) => {
                    told.unusable(why);
                    continue;
                }
            };
            let list = &run.list.list;
            let posting = posting::Posting::of(list);
            let record = json!({
                "list_id": id,
                "fqdn_listname": text(&list.address),
                "mail_host": list.address.domain.to_string(),
                "config": settings::config(run, &posting, &mut told),
                "header_matches": posting.header_matches,
                "footer": texts::footer(list),
                "texts": texts::templates(list, &mut told),
                "post_id": last_post(list).saturating_add(1),
                "archive": format!("/{}", self.archive(run.list)),
            });
            add_line(&mut settings, &record);
            members::add(run, &posting, &id, &mut people, &mut told);
        }
        files.extend([
            kit::file(KIT, "lists.jsonl", settings.as_bytes(), Audience::Root),
            kit::file(KIT, "members.jsonl", people.as_bytes(), Audience::Root),
            kit::file(KIT, "mailman.cfg", include_bytes!("mailman.cfg"), Audience::Everybody),
            kit::file(KIT, "postfix.cfg", include_bytes!("postfix.cfg"), Audience::Everybody),
            kit::file(KIT, "inside.py", include_bytes!("inside.py"), Audience::Everybody),
            kit::file(KIT, "load", include_bytes!("load.py"), Audience::Command),
            kit::word_script("mailman-word", include_bytes!("word.py")),
        ]);
    }
}

/// The lists with Mailman's name for each, or why it has none. Of two with one name the first has it.
fn named<'r, 'a>(lists: &'r [Run<'a>]) -> Vec<(&'r Run<'a>, Result<String, &'static str>)> {
    let mut taken = BTreeSet::new();
    let name = |run: &'r Run<'a>| {
        let id = match list_id(&run.list.list.address) {
            None => Err("Mailman takes no list of such a name"),
            Some(id) if !taken.insert(id.clone()) => {
                Err("another list has the same List-Id in Mailman")
            }
            Some(id) => Ok(id),
        };
        (run, id)
    };
    lists.iter().map(name).collect()
}

/// The name by which Mailman's database knows a list; `None` where Mailman refuses the list's own
/// (`listname_chars`, the validator of addresses).
///
/// A `+` is left out of what Mailman could allow: its LMTP server cuts names there.
fn list_id(address: &Address) -> Option<String> {
    let fits = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(b);
    let local = address.local.as_bstr();
    let stands = !local.is_empty() && !local.starts_with(b".") && local.iter().all(fits);
    (stands && is_host(&address.domain)).then(|| format!("{}.{}", address.local, address.domain))
}

#[cfg(test)]
mod tests;
