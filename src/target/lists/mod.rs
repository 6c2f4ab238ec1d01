//! mlmmj: a spool folder for each list, and what must run now and then.

mod access;
mod spool;
mod texts;

use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::DomainName;
use crate::model::design::{Design, DomainPattern, Role};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The emitter of mlmmj's files (TUNABLES of mlmmj 1.3 and 1.5).
#[derive(Clone, Copy, Debug)]
pub struct Mlmmj;

impl Target for Mlmmj {
    fn id(&self) -> &'static str {
        "mlmmj"
    }

    fn emit(
        &self,
        design: &Design,
        _: Choices,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        for list in design.lists.values() {
            let aliases = design.domains.iter().filter_map(|(pattern, domain)| {
                match (pattern, &domain.role) {
                    (DomainPattern::Domain(name), Role::AliasOf(real))
                        if *real == list.list.address.domain =>
                    {
                        Some(name.clone())
                    }
                    _ => None,
                }
            });
            let aliases: Vec<DomainName> = aliases.collect();
            spool::emit(list, &aliases, files, findings);
        }
        files.push(cron(design));
    }
}

/// Sends digests and retries what could not be sent; one line for each domain, because
/// `mlmmj-maintd -d` looks at the folders directly beneath it only.
fn cron(design: &Design) -> Artifact {
    let folders: BTreeSet<String> =
        design.lists.values().map(|list| list.folder.parent().to_string()).collect();
    let mut text = String::from("# Written by unqmail: crontab(5).\nMAILTO=root\n");
    for folder in folders {
        // A `%` would end the command in a crontab.
        let folder = folder.replace('%', "\\%");
        let _ = writeln!(text, "17 */2 * * * mlmmj /usr/bin/mlmmj-maintd -F -d '/{folder}'");
    }
    Artifact::text("etc/cron.d/unqmail", text)
}
