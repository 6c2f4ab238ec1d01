//! What was written, run by the real servers: Postfix, Dovecot and mlmmj start on it unchanged, in
//! private namespaces, and do what the old server did.
//!
//! Needs root and the servers; where one is missing the tests fail and name it.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by a panic, touches files as it likes, and has no users"
)]

#[path = "../support/mod.rs"]
mod support;

mod aliases;
mod answers;
mod browser;
mod database;
mod delivery;
mod filters;
mod late;
mod lists;
mod logins;
mod mailboxes;
mod mailman;
mod mlmmj;
mod oddities;
mod panel;
mod posts;
mod programs;
mod rehearse;
mod start;
mod sympa;
mod synchronised;
mod trixie;
mod wire;

use std::path::Path;
use unqmail::stage::Stage;

/// The servers on a target. What waits in this host's own queue is thrown out of their copy of it.
fn stage(target: &Path) -> Stage {
    let stage =
        Stage::start(target).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
    let cleared = stage.command("postsuper").args(["-d", "ALL"]).output().unwrap();
    assert!(cleared.status.success(), "{cleared:?}");
    stage
}
