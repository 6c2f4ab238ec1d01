//! Loads the accounts into their database, before any file is written: where that fails, nothing has
//! changed.

use super::{Applied, files};
use crate::database::{self, Kept, Why};
use crate::finding::{Code, Disposition, Finding, code};
use crate::fsys;
use crate::fsys::tree::Tree;
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use crate::target::sql::{FILE, PANEL_USER};

pub(super) fn load(plan: &Plan, tree: &Tree, applied: &mut Applied) -> fsys::Result<()> {
    if plan.tables.is_empty() {
        return Ok(());
    }
    let path = RelPath::new(FILE);
    let id = |file: &str, name: &str| files::id_of(tree, file, name).unwrap_or(0);
    let owner = (id("etc/passwd", PANEL_USER), id("etc/group", "postfix"));
    let mut database = database::open(tree, plan.database(&path), Some(owner))?;
    let loaded = database::load(&mut *database, &plan.tables)?;
    applied.rows = loaded.written();
    applied.findings.extend(loaded.kept.iter().map(|kept| finding(kept, &path)));
    Ok(())
}

fn finding(kept: &Kept, path: &RelPath) -> Finding {
    let (code, message, effect): (&'static Code, _, _) = match kept.why {
        Why::Edited => (
            &code::DATABASE_ROW_EDITED,
            "was changed or removed in the database after unqmail wrote it",
            "it stays as it is",
        ),
        Why::Conflicting => (
            &code::DATABASE_ROW_CONFLICTING,
            "was changed in the database, and on the old server since",
            "it stays as it is in the database; what is new on the old server is not in it",
        ),
        Why::Foreign => (
            &code::DATABASE_ROW_CONFLICTING,
            "was in the database already, and says something else",
            "it stays as it is; what the old server says is not in it",
        ),
    };
    let message = format!("the row in the table {} {message}", kept.table);
    Finding::new(code, Disposition::Manual, Origin::file(path), &kept.key, message, effect)
}
