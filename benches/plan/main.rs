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

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the running program is looked at.
const TICK: Duration = Duration::from_millis(5);

/// What a run has used.
#[derive(Default)]
struct Used {
    wall: Duration,
    /// Seconds of all threads together.
    cpu: f64,
    /// Peak resident memory in MiB.
    memory: u64,
}

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

fn run(words: &[&str]) -> Used {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_unqmail"))
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program to start");
    let mut used = Used::default();
    loop {
        look_at(&child, &mut used);
        if child.try_wait().expect("a child to wait for").is_some() {
            used.wall = start.elapsed();
            return used;
        }
        sleep(TICK);
    }
}

/// Peak memory and processor time so far, as proc(5) tells them; nothing once the child has ended.
fn look_at(child: &Child, used: &mut Used) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id()));
    let (status, stat) = (read("status").unwrap_or_default(), read("stat").unwrap_or_default());
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(kib) = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()) {
        used.memory = kib.div_ceil(1024);
    }
    // The name of the program, which could hold blanks, ends at the last parenthesis.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    if let (Some(user), Some(system)) = (ticks(11), ticks(12)) {
        // A hundred a second on every Linux (USER_HZ).
        used.cpu = (user + system) / 100.0;
    }
}
