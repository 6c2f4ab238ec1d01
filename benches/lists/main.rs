//! How long the lists of a site take from reading to writing, and how much memory.
//!
//! ```sh
//! cargo bench --bench lists
//! cargo bench --bench lists -- --dir=/var/tmp/lists --members=200000 --lists=1000
//! ```
//!
//! Two sites: one list with so many members, and so many lists of fifty. Each is laid out once and
//! kept; every pass writes to a target of its own, and the faster of two counts. All targets go at the
//! end: ext4 without a journal creates files many times slower where others were removed just before.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints, stops where it cannot go on, and prepares its folders itself"
)]

mod site;
#[path = "../support/used.rs"]
mod used;

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use used::{Used, run};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let front = format!("--{name}=");
        arguments.iter().find_map(|argument| argument.strip_prefix(&front).map(str::to_owned))
    };
    let number = |name: &str, usual| option(name).and_then(|it| it.parse().ok()).unwrap_or(usual);
    let folder =
        option("dir").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).into(), PathBuf::from);
    let mut targets = Vec::new();
    println!("{:<22} {:<7} {:<8} {:>8} {:>8} {:>8}", "", "manager", "", "wall s", "cpu s", "MiB");
    for (lists, members) in [(1, number("members", 200_000)), (number("lists", 1000), 50)] {
        let path = folder.join(format!("lists-{lists}-{members}"));
        if !path.join("site/var/qmail/control/me").exists() {
            site::lay(&path.join("site"), lists, members).expect("a folder that can be written to");
        }
        for manager in ["mlmmj", "mailman", "sympa", "alias"] {
            let told = format!("{lists} with {members} members");
            targets.extend(measure(&path, manager, &told));
        }
    }
}

/// Plans, migrates and verifies one site, and hands over the targets that were written.
fn measure(path: &Path, manager: &str, told: &str) -> Vec<TempDir> {
    let config = path.join("unqmail.toml");
    std::fs::write(&config, format!("[lists]\nmanager = \"{manager}\"\n"))
        .expect("a folder that can be written to");
    let text = |path: &Path| path.to_str().expect("a folder whose name is UTF-8").to_owned();
    let (site, config) = (text(&path.join("site")), text(&config));
    let mut best: [Option<Used>; 3] = [None, None, None];
    let target = || TempDir::new_in(path).expect("a folder that can be written to");
    let targets = vec![target(), target()];
    for target in &targets {
        let target = text(target.path());
        for (verb, best) in ["plan", "migrate", "verify"].iter().zip(&mut best) {
            let mut words = vec![*verb, &site];
            words.extend((*verb != "plan").then_some(target.as_str()));
            let used = run(&[&words[..], &["--config", &config]].concat());
            assert_eq!(used.code, Some(0), "{verb} of {told}");
            if best.as_ref().is_none_or(|best| used.wall < best.wall) {
                *best = Some(used);
            }
        }
    }
    for (verb, used) in ["plan", "migrate", "verify"].iter().zip(best.into_iter().flatten()) {
        println!(
            "{told:<22} {manager:<7} {verb:<8} {:>8.2} {:>8.2} {:>8}",
            used.wall.as_secs_f64(),
            used.cpu,
            used.memory
        );
    }
    targets
}
