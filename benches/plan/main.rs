//! How long `plan` and `explain` take on a large site, and how much memory.
//!
//! ```sh
//! cargo bench --bench plan -- 100000 1000000
//! cargo bench --bench plan -- --dir=/var/tmp/sites 1000000
//! ```
//!
//! Each site is laid out once and kept in the folder, by its number of accounts; every command runs
//! twice, and the second time, with a warm cache, is the one that is printed.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints, stops where it cannot go on, and asks /proc about its child"
)]

mod site;
#[path = "../support/used.rs"]
mod used;

use std::path::{Path, PathBuf};
use used::run;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.iter().find_map(|argument| argument.strip_prefix("--dir="));
    let folder =
        folder.map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).into(), PathBuf::from);
    let sizes: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    println!("{:>9}  {:<22} {:>8} {:>8} {:>8}", "accounts", "command", "wall s", "cpu s", "MiB");
    for accounts in if sizes.is_empty() { vec![10_000] } else { sizes } {
        let path = folder.join(format!("site-{accounts}"));
        if !path.join("var/qmail/control/me").exists() {
            site::lay(&path, accounts).expect("a folder that can be written to");
        }
        let path = path.to_str().expect("a folder whose name is UTF-8");
        let last = site::name(accounts.div_ceil(1000) - 1);
        let (direct, forwarded) =
            (format!("{}@{last}", site::account(1)), format!("desk.3@{last}"));
        for (name, words) in [
            ("plan", vec!["plan", path]),
            ("plan --format json", vec!["plan", path, "--format", "json", "--out", "/dev/null"]),
            ("explain an account", vec!["explain", path, &direct]),
            ("explain a forward", vec!["explain", path, &forwarded]),
        ] {
            run(&words);
            let used = run(&words);
            println!(
                "{accounts:>9}  {name:<22} {:>8.2} {:>8.2} {:>8}",
                used.wall.as_secs_f64(),
                used.cpu,
                used.memory
            );
        }
    }
}
