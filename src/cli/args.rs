//! The arguments, declared.

use super::term::Reader;
use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Moves a mail server from qmail, vpopmail, ezmlm and Courier to Postfix, Dovecot and a list manager.
///
/// SITE is a folder that holds the old server's root file system: /, a mount, or a copy. Nothing in
/// it is ever written. TARGET is the folder that becomes the root of the new server.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 refused because of error findings that are not
/// waived, 4 a difference was found, 5 stopped early: run it again to go on.
#[derive(Debug, Parser)]
#[command(name = "unqmail", version, max_term_width = 100)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Report what a migration would do; writes nothing else.
    Plan(PlanArgs),
    /// Carry the plan out; each run brings TARGET up to date.
    Migrate(MigrateArgs),
    /// Check TARGET against SITE, from the files alone.
    Verify(VerifyArgs),
    /// Ask the real servers: run them on TARGET in private, send a message to every address, and see
    /// where each ends. Needs root, Linux, Postfix, Dovecot and the list managers in use.
    Rehearse(RehearseArgs),
    /// Tell what happens to mail for an address, before and after, or what a finding means.
    Explain(ExplainArgs),
    /// Lay out a small old server, then plan, migrate and verify it.
    Demo(DemoArgs),
}

#[derive(Debug, Arguments)]
pub(super) struct PlanArgs {
    /// The old server's root.
    pub(super) site: PathBuf,
    /// Settings; every one has a default.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(super) format: PlanFormat,
    /// Write the report there instead of to standard output.
    #[arg(long, value_name = "PATH")]
    pub(super) out: Option<PathBuf>,
    /// Show every finding, not the first three of each code.
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PlanFormat {
    /// For a person.
    Text,
    /// `unqmail.plan/1`, for a program.
    Json,
    /// The table of addresses, for a spreadsheet.
    Csv,
}

#[derive(Debug, Arguments)]
pub(super) struct MigrateArgs {
    /// The old server's root.
    pub(super) site: PathBuf,
    /// The new server's root.
    pub(super) target: PathBuf,
    /// Settings; every one has a default.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The last pass, made while the old server is stopped: what is gone there goes here too.
    /// Refused while anything on the old server still moves or waits in its queue.
    #[arg(long = "final", conflicts_with = "late")]
    pub(super) last: bool,
    /// After the switch: only add messages that reached the old server late, and change nothing
    /// else in TARGET, which Dovecot may be serving.
    #[arg(long)]
    pub(super) late: bool,
    /// Look at size and date of every message, also in folders that have not changed since the last
    /// pass: a program may have written into a message that was brought already.
    #[arg(long, conflicts_with = "late")]
    pub(super) thorough: bool,
    /// Only the mail of these: user@domain, @domain or domain; may be given more than once.
    /// Configuration files are written whole all the same.
    #[arg(long, value_name = "PATTERN")]
    pub(super) only: Vec<OsString>,
    /// SITE and TARGET are on one file system: messages get a second name there instead of a copy.
    /// Refused where owner or mode of one would have to change, unless the file system makes clones.
    #[arg(long)]
    pub(super) link: bool,
    /// Threads that copy mail; by default four for each processor.
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
}

#[derive(Debug, Arguments)]
pub(super) struct VerifyArgs {
    /// The old server's root.
    pub(super) site: PathBuf,
    /// The new server's root.
    pub(super) target: PathBuf,
    /// Settings; the same as for the migration.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Read each message of the new server only, and hold it against the digest that was taken when
    /// it was copied. What changed on the old server since, under the same name, is not seen.
    #[arg(long)]
    pub(super) recorded: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Write the report there instead of to standard output.
    #[arg(long, value_name = "PATH")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Arguments)]
pub(super) struct RehearseArgs {
    /// The old server's root.
    pub(super) site: PathBuf,
    /// The new server's root; it is only read.
    pub(super) target: PathBuf,
    /// Settings; the same as for the migration.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Write the report there instead of to standard output.
    #[arg(long, value_name = "PATH")]
    pub(super) out: Option<PathBuf>,
    /// At most so many addresses: a share of each kind in each domain.
    #[arg(long, value_name = "N", conflicts_with = "addresses")]
    pub(super) sample: Option<usize>,
    /// These addresses, one a line, instead of those of the plan; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) addresses: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

impl Format {
    /// Who reads it.
    pub(super) fn reader(self) -> Reader {
        match self {
            Self::Text => Reader::Person,
            Self::Json => Reader::Program,
        }
    }
}

#[derive(Debug, Arguments)]
pub(super) struct ExplainArgs {
    /// The old server's root and addresses, `-` to read them from standard input; or one finding's
    /// code.
    #[arg(value_name = "SITE ADDRESS... | CODE", required = true)]
    pub(super) what: Vec<OsString>,
    /// Settings; every one has a default.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Arguments)]
pub(super) struct DemoArgs {
    /// Where to lay the old server and the new one out.
    #[arg(default_value = "target/demo")]
    pub(super) folder: PathBuf,
}
