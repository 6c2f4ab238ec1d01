//! How long passes over a large store take, how much memory, and how that compares with the tools
//! that one would use instead, in the same run.
//!
//! ```sh
//! unshare -m cargo bench --bench mail -- --dir=/var/tmp/mail --accounts=2000 --messages=300000
//! unshare -m cargo bench --bench mail -- --dir=/var/tmp/mail --rounds=3 same-warm changed-cold
//! unshare -m cargo bench --bench mail -- --dir=/var/tmp/mail --accounts=6667 --messages=1000000 --alone
//! ```
//!
//! Root makes two images of ext4 in the folder, one with the old server and one for what is written,
//! and keeps the first. Each round runs every tool once; the seconds are medians, and the ratios
//! are medians of the ratios within a round, since a machine has better and worse minutes. With
//! `--alone` no other tool runs: that is how growth is seen.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints, stops where it cannot go on, and prepares its folders itself"
)]

mod store;
mod uidlists;
mod volume;

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use store::Size;
use volume::Volume;

/// Why the benchmark cannot go on.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// How often the running program is looked at.
const TICK: Duration = Duration::from_millis(2);

/// What a run has used.
#[derive(Clone, Copy, Default)]
struct Used {
    /// Seconds.
    wall: f64,
    /// Seconds of all its processes together.
    cpu: f64,
    /// Peak resident memory of the largest process in MiB.
    memory: u64,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    First,
    Link,
    Same,
    Last,
    Changed,
    Verify,
    VerifyRecorded,
}

/// A row of the table: its name, what is done, whether from a cold cache.
const ROWS: &[(&str, Work, bool)] = &[
    ("first-warm", Work::First, false),
    ("first-cold", Work::First, true),
    ("link-warm", Work::Link, false),
    ("link-cold", Work::Link, true),
    ("same-warm", Work::Same, false),
    ("same-cold", Work::Same, true),
    ("last-warm", Work::Last, false),
    ("last-cold", Work::Last, true),
    ("changed-warm", Work::Changed, false),
    ("changed-cold", Work::Changed, true),
    ("verify-cold", Work::Verify, true),
    ("recorded-cold", Work::VerifyRecorded, true),
];

/// Lists of numbers that a known script writes in a second, on one core: the peer of `uidlists`.
const LISTED: f64 = 44_000.0;

/// The folders and what they hold.
struct Bench {
    source: Volume,
    target: Volume,
    size: Size,
    /// Settings with which the last pass does not wait for quiet.
    settings: PathBuf,
    /// Settings with which messages have the owner that they shall have.
    link_settings: PathBuf,
    /// How often the store was changed, by this run and those before.
    changes: usize,
    /// The file that keeps it.
    counter: PathBuf,
    /// Whether the targets hold the store.
    is_filled: bool,
    /// Whether the last run began with a cold cache.
    is_cold: bool,
    /// Whether no other tool runs.
    is_alone: bool,
}

fn main() {
    if let Err(failure) = all() {
        println!("stopped: {failure}");
        std::process::exit(1);
    }
}

fn all() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let front = format!("--{name}=");
        arguments.iter().find_map(|argument| argument.strip_prefix(&front))
    };
    let number = |name: &str, usual: usize| {
        option(name).map_or(Ok(usual), str::parse).map_err(|_| format!("--{name} is no number"))
    };
    let folder: PathBuf = option("dir").unwrap_or(env!("CARGO_TARGET_TMPDIR")).into();
    let size = Size { accounts: number("accounts", 334)?, messages: number("messages", 50_000)? };
    let rounds = number("rounds", 5)?;
    let name = format!("source-{}-{}", size.accounts, size.messages);
    // 16 KiB on the disk for each message, twice in the target: for us and for a peer.
    let gib = u64::try_from(size.messages)? * 16 / (1 << 20) + 1;
    let (source, is_new) = Volume::open(&folder, &name, gib)?;
    if is_new {
        store::lay(&source.at, size)?;
    }
    let (target, _) = Volume::open(&folder, &format!("{name}-target"), 2 * gib)?;
    let settings = folder.join("settings.toml");
    std::fs::write(&settings, "[old]\nquiet_seconds = 0\n")?;
    let link_settings = folder.join("link.toml");
    std::fs::write(&link_settings, "[new]\nmail_ids = [89, 89]\n")?;
    // A store that is kept keeps what earlier runs changed in it, too.
    let counter = folder.join(format!("{name}.changes"));
    if is_new {
        std::fs::write(&counter, "0")?;
    }
    let changes = std::fs::read_to_string(&counter)?.trim().parse()?;
    let mut bench = Bench {
        source,
        target,
        size,
        settings,
        link_settings,
        changes,
        counter,
        is_filled: false,
        is_cold: false,
        is_alone: arguments.iter().any(|argument| argument == "--alone"),
    };
    println!("{} accounts, {} messages, {rounds} rounds", size.accounts, size.messages);
    println!("| work | tool | wall s | cpu s | MiB | times as fast |\n|---|---|---|---|---|---|");
    let asked: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| *asked == name);
    for (name, work, cold) in ROWS {
        if is_asked(name) {
            row(&mut bench, name, *work, *cold, rounds)?;
        }
    }
    if is_asked("uidlists") {
        bench.uidlists(rounds)?;
    }
    Ok(())
}

fn row(
    bench: &mut Bench,
    name: &str,
    work: Work,
    cold: bool,
    rounds: usize,
) -> Result<(), Failure> {
    let tools = bench.tools(work);
    let mut used: Vec<Vec<Used>> = vec![Vec::new(); tools.len()];
    for round in 0..rounds {
        if work == Work::Changed {
            bench.fill()?;
            store::change(&bench.source.at, bench.size, bench.changes)?;
            bench.changes += 1;
            std::fs::write(&bench.counter, bench.changes.to_string())?;
        }
        for at in 0..tools.len() {
            // Nobody is always first.
            let at = (at + round) % tools.len();
            used[at].push(bench.time(tools[at], work, cold)?);
        }
    }
    for (at, tool) in tools.iter().enumerate() {
        let median_of = |pick: &dyn Fn(&Used) -> f64| median(used[at].iter().map(pick).collect());
        let ratios = used[at].iter().zip(&used[0]).map(|(peer, own)| peer.wall / own.wall);
        println!(
            "| {name} | {tool} | {:.2} | {:.2} | {} | {:.2} |",
            median_of(&|used| used.wall),
            median_of(&|used| used.cpu),
            used[at].iter().map(|used| used.memory).max().unwrap_or_default(),
            median(ratios.collect())
        );
    }
    Ok(())
}

impl Bench {
    /// Ours first.
    fn tools(&self, work: Work) -> &'static [&'static str] {
        match work {
            _ if self.is_alone => &["unqmail"],
            Work::First => &["unqmail", "rsync", "tar"],
            Work::Link => &["unqmail", "cp"],
            _ => &["unqmail", "rsync"],
        }
    }

    /// Runs a tool once, its target prepared, until everything is on the disk.
    fn time(&mut self, tool: &str, work: Work, cold: bool) -> Result<Used, Failure> {
        match work {
            Work::First => {
                self.target.fresh()?;
                self.is_filled = false;
            }
            Work::Link => run("rm", ["-rf".as_ref(), self.linked().as_os_str()])?,
            _ => self.fill()?,
        }
        if cold {
            self.source.cold()?;
            self.target.cold()?;
        } else if matches!(work, Work::First | Work::Link) {
            self.source.warm()?;
        } else if self.is_cold {
            self.source.look()?;
            self.target.look()?;
        }
        self.is_cold = cold;
        let mut command = self.command(tool, work);
        if work != Work::Link {
            return measured(&mut command, &self.target.at);
        }
        let used = measured(&mut command, &self.source.at)?;
        run("rm", ["-rf".as_ref(), self.linked().as_os_str()])?;
        Ok(used)
    }

    /// Writes the lists of numbers of the whole store. Only messages a second count here.
    fn uidlists(&self, rounds: usize) -> Result<(), Failure> {
        let (from, to) =
            (self.source.at.join("home/vpopmail/domains"), self.target.at.join("lists"));
        let mut rates = Vec::new();
        for _ in 0..rounds {
            let (messages, seconds) = uidlists::write(&from, &to)?;
            rates.push(f64::from(u32::try_from(messages)?) / seconds);
        }
        let rate = median(rates);
        println!("uidlists: {rate:.0} messages/s, {:.2} times as fast", rate / LISTED);
        Ok(())
    }

    /// Where messages are linked to: names of one file are on one file system.
    fn linked(&self) -> PathBuf {
        self.source.at.join("linked")
    }

    /// Brings the targets of both up to date.
    fn fill(&mut self) -> Result<(), Failure> {
        if !self.is_filled {
            self.target.fresh()?;
            for tool in self.tools(Work::Same) {
                measured(&mut self.command(tool, Work::First), &self.target.at)?;
            }
            // A folder that has changed just now is looked at twice.
            std::thread::sleep(Duration::from_secs(3));
            measured(&mut self.command("unqmail", Work::Same), &self.target.at)?;
            self.is_filled = true;
        }
        Ok(())
    }

    fn command(&self, tool: &str, work: Work) -> Command {
        let site = self.source.at.as_path();
        let mail = site.join("home/vpopmail/domains");
        let to = self.target.at.join(tool);
        let shell = |script: String| {
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            command
        };
        let (from, to_shown) = (mail.display(), to.display());
        match (tool, work) {
            ("unqmail", Work::Verify | Work::VerifyRecorded) => {
                let mut command = unqmail("verify", site, &to);
                command.args((work == Work::VerifyRecorded).then_some("--recorded"));
                command
            }
            ("unqmail", Work::Link) => {
                let mut command = unqmail("migrate", site, &self.linked());
                command.arg("--link").arg("--config").arg(&self.link_settings);
                command
            }
            ("cp", _) => {
                let linked = self.linked();
                let linked = linked.display();
                shell(format!("mkdir {linked} && cp -al {from}/. {linked}/"))
            }
            ("unqmail", _) => {
                let mut command = unqmail("migrate", site, &to);
                if work == Work::Last {
                    command.arg("--final").arg("--config").arg(&self.settings);
                }
                command
            }
            ("tar", _) => {
                shell(format!("mkdir -p {to_shown} && tar -C {from} -c . | tar -C {to_shown} -x"))
            }
            (_, Work::First) => {
                shell(format!("mkdir -p {to_shown} && rsync -aH {from}/ {to_shown}/"))
            }
            (_, Work::Verify | Work::VerifyRecorded) => {
                shell(format!("rsync -nacH --delete {from}/ {to_shown}/"))
            }
            _ => shell(format!("rsync -aH --delete {from}/ {to_shown}/")),
        }
    }
}

fn unqmail(verb: &str, site: &Path, target: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unqmail"));
    command.arg(verb).arg(site).arg(target);
    command
}

/// Runs a command and waits until what it wrote is on the disk.
fn measured(command: &mut Command, target: &Path) -> Result<Used, Failure> {
    let before = children_cpu();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak(child.id()));
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(TICK),
        }
    };
    run("sync", [OsStr::new("-f"), target.as_os_str()])?;
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said)?;
        return Err(format!("{command:?} ended with {status}: {said}").into());
    }
    Ok(Used { wall, cpu: children_cpu() - before, memory })
}

/// Runs a helper that must succeed.
pub(crate) fn run<'a>(
    program: &str,
    words: impl IntoIterator<Item = &'a OsStr>,
) -> Result<(), Failure> {
    let status = Command::new(program).args(words).status()?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}").into()) }
}

/// Peak resident memory in MiB of a process that still runs (proc(5)); of a shell, its own.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default().div_ceil(1024)
}

/// Processor seconds of all children that have ended.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, which could hold blanks, ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    // A hundred a second on every Linux (USER_HZ).
    (ticks(14).unwrap_or_default() + ticks(15).unwrap_or_default()) / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
