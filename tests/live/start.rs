//! The servers start on the emitted files unchanged and complain of nothing.

use crate::stage;
use crate::support::{Laid, migrated_atelier};
use std::fs;

/// Nobody said anything while the stage was set: not build-tables, not `postfix check`, not
/// `doveconf`, not the servers themselves.
fn complains_of_nothing(target: &std::path::Path) {
    let stage = stage(target);
    assert_eq!(stage.said(), "");
    // Tables that a program outside this project reads as they were meant.
    let tables = "etc/postfix/unqmail";
    for (name, key) in [("mailboxes", "nobody@unqmail.invalid"), ("transport", "unqmail.invalid")] {
        let kind = ["lmdb", "cdb", "texthash", "hash"]
            .into_iter()
            .find(|kind| {
                let main = fs::read_to_string(target.join("etc/postfix/main.cf")).unwrap();
                main.contains(&format!("{kind}:"))
            })
            .unwrap();
        let mut postmap = stage.command("postmap");
        postmap.args(["-q", key]).arg(format!("{kind}:/{tables}/{name}"));
        let output = postmap.output().unwrap();
        assert!(output.status.success(), "{name}: {key} is not found");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_servers_start_on_the_bundled_site() {
    complains_of_nothing(&Laid::larch().migrated().target);
}

#[test]
fn the_servers_start_with_every_kind_of_table() {
    for kind in ["texthash", "cdb", "hash"] {
        let laid = Laid::larch();
        let settings = fs::read_to_string(&laid.config).unwrap();
        let settings = format!("[new]\nmap_type = \"{kind}\"\n{settings}");
        fs::write(&laid.config, settings).unwrap();
        complains_of_nothing(&laid.migrated().target);
    }
}

#[test]
fn the_servers_start_on_the_real_site() {
    let Some((_, target)) = migrated_atelier() else { return };
    complains_of_nothing(target);
}
