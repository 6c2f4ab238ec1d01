//! What a run of the program takes.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the running program is looked at.
const TICK: Duration = Duration::from_millis(5);

/// What a run has used.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    /// Seconds of all threads together.
    pub(crate) cpu: f64,
    /// Peak resident memory in MiB.
    pub(crate) memory: u64,
    /// The exit status.
    pub(crate) code: Option<i32>,
}

/// Runs the program to its end.
pub(crate) fn run(words: &[&str]) -> Used {
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
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            used.wall = start.elapsed();
            used.code = status.code();
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
