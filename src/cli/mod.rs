//! The command line: the only place that prints, colours, draws bars and reads the environment.

mod activate;
mod args;
mod demo;
mod exit;
mod explain;
mod migrate;
mod plan;
mod progress;
mod rehearse;
mod term;
mod verify;

pub use exit::Exit;

use crate::fsys::root::Root;
use crate::plan::Plan;
use crate::policy::{Dovecot, Policy};
use anyhow::Context as _;
use args::{Args, Verb};
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;

/// The variable that says what the file of `[database] connection` would.
const CONNECTION: &str = "UNQMAIL_DATABASE";

/// Parses the arguments and runs the verb they name.
pub fn run() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::WrongUse } else { Exit::Done };
            // Nothing is left to say where even this cannot be said.
            let _ = error.print().is_ok();
            return exit;
        }
    };
    // Most of reading is waiting for disks. Without more threads it only takes longer.
    let threads = processors().max(MOST_THREADS.min(8 * processors()));
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().is_ok();
    allow_open_files();
    let result = match args.verb {
        Verb::Plan(args) => plan::run(&args),
        Verb::Migrate(args) => migrate::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Rehearse(args) => rehearse::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Demo(args) => demo::run(&args),
    };
    result.unwrap_or_else(|error| {
        term::error(&error);
        Exit::Failed
    })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// No disk needs more that wait for it.
const MOST_THREADS: usize = 64;

/// So many files may be open at a time, if the host lets them: some dozens for each thread.
const OPEN_FILES: u64 = 1 << 16;

/// Raises the number of files that may be open, which is 1,024 for most processes (getrlimit(2)).
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < most) {
        // With fewer files no more goes wrong than before.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }).is_ok();
    }
}

/// Opens the site, reads the settings and makes the plan.
fn make_plan(
    site: &Path,
    target: Option<&Path>,
    config: Option<&Path>,
) -> anyhow::Result<(Root, Plan)> {
    let root = Root::open(site).context("opening the old server's root")?;
    let (root, policy, dovecot) = open_site(root, target, config)?;
    let plan = Plan::make(&root, policy, dovecot).context("reading the old server")?;
    Ok((root, plan))
}

/// Reads the settings of an open site.
fn open_site(
    mut root: Root,
    target: Option<&Path>,
    config: Option<&Path>,
) -> anyhow::Result<(Root, Policy, Dovecot)> {
    let mut policy = match config {
        Some(path) => {
            let text = crate::fsys::read_text(path)?;
            Policy::parse(&text).with_context(|| format!("reading {}", path.display()))?
        }
        None => Policy::default(),
    };
    if let Some(server) = policy.new.backend.server() {
        let (place, text) = told_connection(&policy)?;
        let read = policy.database.read(&text, server).map_err(anyhow::Error::msg);
        read.with_context(|| format!("reading {place}"))?;
    }
    if let Some(target) = target {
        root.hide(target);
    }
    let dovecot = policy.new.dovecot.unwrap_or_else(installed_dovecot);
    term::say(&format!("reading {} ...", root.path().display()));
    Ok((root, policy, dovecot))
}

/// What tells where the database server is, and where that is told: in the file that the settings
/// name, else in the environment. A command line would show the password to everybody.
fn told_connection(policy: &Policy) -> anyhow::Result<(String, String)> {
    if let Some(path) = &policy.database.connection {
        return Ok((path.display().to_string(), crate::fsys::read_text(path)?));
    }
    let text = std::env::var(CONNECTION).ok();
    let text = text.context(
        "`connection` under [database] must name a file, or UNQMAIL_DATABASE say what it would",
    )?;
    Ok((CONNECTION.to_owned(), text))
}

/// The language of the Dovecot that is installed here, else the newest.
fn installed_dovecot() -> Dovecot {
    let said = std::process::Command::new("dovecot").arg("--version").output();
    let version = said.map(|output| output.stdout).unwrap_or_default();
    if version.starts_with(b"2.3") { Dovecot::V23 } else { Dovecot::V24 }
}
