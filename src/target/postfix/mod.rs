//! Postfix: `main.cf`, `master.cf` and the tables they name.

mod domains;
mod escape;
mod groups;
mod lists;
mod main_cf;
mod master_cf;
mod pipes;
mod posters;
mod rows;
mod scripts;
mod sql;
mod tables;

use super::wiring::Wiring;
use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::design::Design;

/// The emitter of Postfix's files.
#[derive(Clone, Copy, Debug)]
pub struct Postfix;

impl Target for Postfix {
    fn id(&self) -> &'static str {
        "postfix"
    }

    fn emit(
        &self,
        design: &Design,
        choices: Choices<'_>,
        wiring: &Wiring,
        files: &mut Vec<Artifact>,
        _: &mut Findings,
    ) {
        let tables = tables::Tables::new(design, wiring);
        let settings = main_cf::settings(design, choices, wiring, &tables);
        files.push(Artifact::text("etc/postfix/main.cf", main_cf::render(&settings)));
        let services = master_cf::services(design, wiring);
        files.push(Artifact::text("etc/postfix/master.cf", master_cf::render(&services)));
        files.push(scripts::postconf(&settings, &services));
        files.push(scripts::build_tables(choices, &tables, design.spam.is_some()));
        files.extend(pipes::artifacts(design));
        files.extend(sql::artifacts(choices));
        files.extend(tables.artifacts());
    }
}
