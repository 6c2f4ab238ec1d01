//! What `unqmail.toml` says about things that are not there.

use super::Plan;
use crate::finding::{Disposition, Finding, code};
use crate::model::{DomainName, Origin, RelPath};
use std::collections::BTreeSet;

impl Plan {
    /// Tells names of lists and domains that the old server does not have. Everything must be read.
    pub(super) fn report_settings(&mut self) {
        let lists: BTreeSet<String> =
            self.site.lists.iter().map(|list| lowered(&list.address.to_string())).collect();
        let is_domain = |name: &str| self.design.serves(&DomainName::new(name));
        let lists_of = self.policy.lists.of.keys().map(|name| ("of", name, true));
        let dumps = self.policy.lists.dump.keys().map(|name| ("dump", name, false));
        let idle = lists_of.chain(dumps).filter(|(_, name, may_be_domain)| {
            let is_named = *may_be_domain && !name.contains('@') && is_domain(name);
            !is_named && !lists.contains(&lowered(name))
        });
        let findings: Vec<Finding> = idle
            .map(|(table, name, _)| {
                let line = self.policy.lists.line_of(table, name);
                let file = Origin::file(&RelPath::new("unqmail.toml"));
                Finding::new(
                    &code::LIST_SETTING_IDLE,
                    Disposition::Manual,
                    file.at(line),
                    name,
                    format!("[lists.{table}] names what the old server does not have"),
                    "the line has no effect",
                )
            })
            .collect();
        self.findings.extend(findings);
    }
}

fn lowered(name: &str) -> String {
    name.to_ascii_lowercase()
}
