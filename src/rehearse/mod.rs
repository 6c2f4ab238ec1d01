//! Asks the real servers: they run on a target in private. Every mailbox is opened, and what clients
//! are told of it is held against what the old server told them. Every address is sent a message of
//! its own, and where each ends is held against what was predicted from the files.
//!
//! Four witnesses tell where a message ended: the answer to RCPT and DATA, Postfix's log, the
//! folders that were written to, and the mail servers of a made-up world.

mod client;
mod letter;
mod log;
mod mailboxes;
mod sample;
mod traces;

pub use mailboxes::Mailboxes;
pub use sample::sample;

use crate::fsys::{self, root::Root};
use crate::mail::Progress;
use crate::model::Address;
use crate::model::outcome::{Outcome, Outcomes};
use crate::plan::Plan;
use crate::predict::{self, Foreseen, NewServer};
use crate::stage::{self, Stage};
use bstr::{BStr, BString, ByteSlice as _};
use letter::{Letter, Said};
use log::{Ended, Journeys};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Messages that are sent side by side.
const SENDERS: usize = 8;

/// Messages that may be on their way at a time, so that no queue grows without bound.
const MOST_UNDER_WAY: usize = 1000;

/// Stages on which an address is tried whose mailbox the rehearsal itself has filled.
const MOST_ROUNDS: usize = 10;

/// How long the servers may be silent before what is still under way is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the servers stay silent when what a message caused has reached its end too.
const CALM: Duration = Duration::from_secs(1);

/// What was predicted and what was seen.
#[derive(Debug, Default)]
pub struct Rehearsed {
    /// Every address that was asked about.
    pub rows: Vec<Row>,
    /// Addresses that no mail client can write: they hold a line end or NUL.
    pub unasked: Vec<BString>,
    /// What clients were told of their mailboxes.
    pub mailboxes: Mailboxes,
    /// Somebody asked to stop before the end.
    pub stopped: bool,
    /// How long it took.
    pub took: Duration,
}

/// One address.
#[derive(Clone, Debug)]
pub struct Row {
    /// As it was asked for.
    pub address: BString,
    /// What the files say.
    pub predicted: Outcomes,
    /// What the servers did; empty where they came to no end.
    pub seen: Vec<Outcome>,
    /// Further messages that it caused: copies for the members of a list, answers.
    pub caused: usize,
    /// Whether both are the same to sender and reader.
    pub agrees: bool,
}

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The servers do not run.
    #[error(transparent)]
    Stage(#[from] stage::Error),
    /// The target's files say nothing that could be held against them.
    #[error("{0}; has `unqmail migrate` written this target?")]
    Target(#[from] predict::Error),
    /// A file cannot be read.
    #[error(transparent)]
    Files(#[from] fsys::Error),
    /// The servers cannot be talked to.
    #[error("talking to the servers: {0}")]
    Talk(#[from] io::Error),
}

/// What is asked about.
#[derive(Debug)]
pub struct Asked {
    /// Addresses that are written to.
    pub addresses: Vec<BString>,
    /// Every mailbox is opened, not only those in which mail for these addresses ends.
    pub all_mailboxes: bool,
}

/// Opens mailboxes as their clients do; then sends a message to each address on a stage of its own,
/// and follows it to its end.
///
/// The target is only read. Nothing leaves the machine.
///
/// # Errors
/// Without root, where a server is missing or does not start, or where the target is incomplete.
pub fn rehearse(
    plan: &Plan,
    site: &Root,
    target: &Path,
    asked: Asked,
    progress: &dyn Progress,
) -> Result<Rehearsed, Error> {
    let begun = Instant::now();
    let new = plan.read_target(&Root::open(target)?)?;
    let Asked { addresses, all_mailboxes } = asked;
    let (mut asked, unasked): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| letter::can_be_written(address.as_bstr()));
    let reached = (!all_mailboxes).then(|| accounts(&new, &asked));
    let mailboxes = plan.design.mailboxes.values().filter(|mailbox| mailbox.is_reachable);
    let mailboxes: Vec<_> = mailboxes
        .filter(|mailbox| reached.as_ref().is_none_or(|some| some.contains(&mailbox.address)))
        .collect();
    let mailboxes = mailboxes::ask(plan, site, target, &mailboxes, progress)?;
    let mut rows = Vec::new();
    for left in (0..MOST_ROUNDS).rev() {
        if progress.stopped() {
            break;
        }
        let round = round(plan, &new, target, asked, progress)?;
        // The rehearsal itself may have filled a small mailbox: on a new stage it has room again.
        // And what failed for the moment is tried again, as a server does.
        let (again, settled): (Vec<_>, Vec<_>) =
            round.into_iter().partition(|row| !row.agrees && row.may_pass());
        asked = again.iter().map(|row| row.address.clone()).collect();
        let is_last = again.is_empty() || settled.is_empty() || left == 0 || progress.stopped();
        rows.extend(settled);
        if is_last {
            rows.extend(again);
            break;
        }
    }
    rows.sort_by(|a, b| a.address.cmp(&b.address));
    let (stopped, took) = (progress.stopped(), begun.elapsed());
    Ok(Rehearsed { rows, unasked, mailboxes, stopped, took })
}

/// The accounts in which mail for addresses ends.
fn accounts(new: &NewServer, addresses: &[BString]) -> BTreeSet<Address> {
    let mut foreseen = Foreseen::default();
    let mut accounts = BTreeSet::new();
    for address in addresses {
        let outcomes = new.outcomes(address, &mut foreseen);
        accounts.extend(outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Deliver { account, .. } => Some(account.clone()),
            _ => None,
        }));
    }
    accounts
}

/// Sends a message to each address on one stage.
fn round(
    plan: &Plan,
    new: &NewServer,
    target: &Path,
    addresses: Vec<BString>,
    progress: &dyn Progress,
) -> Result<Vec<Row>, Error> {
    let stage = Stage::start(target)?;
    for port in new.ports() {
        stage.post_on(port)?;
    }
    // What is handed to a list manager has ended there, whatever that makes of it.
    for port in new.list_ports() {
        stage.swallow_on(port)?;
    }
    let played = play(&stage, &addresses, progress)?;
    let mut seen = played.seen(new, &stage)?;
    // A message that was never sent says nothing.
    let sent = addresses.into_iter().enumerate();
    let sent = sent.filter(|(number, _)| played.said.contains_key(number));
    let mut foreseen = Foreseen::default();
    let rows = sent.map(|(number, address)| {
        let sender = letter::sender(number);
        let predicted = new.outcomes_from(sender.as_bytes(), &address, &mut foreseen);
        let (seen, caused) = seen.remove(&number).unwrap_or_default();
        let seen: Vec<Outcome> = seen.into_iter().collect();
        let agrees = plan.is_same(&seen, &predicted);
        Row { address, predicted, seen, caused, agrees }
    });
    Ok(rows.collect())
}

impl Row {
    /// Whether another try may end otherwise: a mailbox on the way had no room (RFC 3463, 5.2.2),
    /// or a server failed for the moment.
    fn may_pass(&self) -> bool {
        let is_passing = |outcome: &Outcome| match outcome {
            Outcome::Reject(text) => text.contains_str(" 5.2.2 "),
            Outcome::Defer(_) => true,
            _ => false,
        };
        self.seen.iter().any(is_passing)
    }
}

/// What the four witnesses have to say, messages by their number.
#[derive(Default)]
struct Played {
    said: BTreeMap<usize, Said>,
    journeys: Journeys,
    posted: Vec<stage::Posted>,
}

/// Sends all messages and listens until everything has ended.
fn play(stage: &Stage, addresses: &[BString], progress: &dyn Progress) -> Result<Played, Error> {
    let (next, running) = (AtomicUsize::new(0), AtomicUsize::new(SENDERS));
    let (told, ended) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let send_all = || -> io::Result<()> {
        let mut line = None;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(address) = addresses.get(number).filter(|_| !progress.stopped()) else {
                return Ok(());
            };
            while number > ended.load(Ordering::Relaxed) + MOST_UNDER_WAY && !progress.stopped() {
                std::thread::sleep(Duration::from_millis(10));
            }
            let said = Letter { number, to: address.as_bstr() }.send(stage, &mut line)?;
            told.lock().unwrap_or_else(PoisonError::into_inner).push((number, said));
        }
    };
    let mut played = Played::default();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let sent = send_all();
                    running.fetch_sub(1, Ordering::Relaxed);
                    sent
                })
            })
            .collect();
        let mut quiet_since = Instant::now();
        loop {
            let was_last = running.load(Ordering::Relaxed) == 0;
            let lines = stage.take_log();
            if !lines.is_empty() {
                quiet_since = Instant::now();
            }
            for line in &lines {
                played.journeys.hear(line);
            }
            played.posted.append(&mut stage.take_posted());
            played
                .said
                .extend(std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner)));
            let count = played.ended();
            let before = ended.swap(count, Ordering::Relaxed);
            progress.done(u64::try_from(count.saturating_sub(before)).unwrap_or(0), 0);
            let enough = if count == played.said.len() { CALM } else { PATIENCE };
            if progress.stopped() || (was_last && quiet_since.elapsed() > enough) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for sender in senders {
            let sent = sender.join().unwrap_or_else(|_| Err(io::Error::other("a sender failed")));
            // Whoever was asked to stop hangs up on the servers.
            if !progress.stopped() {
                sent?;
            }
        }
        Ok::<(), Error>(())
    })?;
    Ok(played)
}

impl Played {
    /// How many messages have come to an end.
    fn ended(&self) -> usize {
        let is_over = |said: &&Said| match said {
            Said::Queued(id) => self.journeys.is_over(id.as_bstr()),
            Said::Refused(_) => true,
        };
        self.said.values().filter(is_over).count()
    }

    /// Where each message ended, and how many further messages it caused.
    fn seen(
        &self,
        new: &NewServer,
        stage: &Stage,
    ) -> Result<BTreeMap<usize, (BTreeSet<Outcome>, usize)>, Error> {
        let mut seen: BTreeMap<usize, (BTreeSet<Outcome>, usize)> = BTreeMap::new();
        let mut numbers: BTreeMap<&BStr, usize> = BTreeMap::new();
        for (number, said) in &self.said {
            match said {
                Said::Queued(id) => drop(numbers.insert(id.as_bstr(), *number)),
                Said::Refused(outcome) => {
                    seen.entry(*number).or_default().0.insert(outcome.clone());
                }
            }
        }
        for (number, from) in self.posted.iter().filter_map(|one| letter::answered(&one.text)) {
            seen.entry(number).or_default().0.insert(Outcome::Reply(from));
        }
        for number in self.posted.iter().filter_map(|one| letter::refused(&one.text)) {
            let refused = Outcome::Reject("a script refuses it".into());
            seen.entry(number).or_default().0.insert(refused);
        }
        // What was stored or sent belongs to a message, or was caused by one.
        let mut found = |text: &[u8], outcome: &mut dyn FnMut(&mut BTreeSet<Outcome>)| {
            let ids = letter::queue_ids(text);
            if let Some(number) = ids.iter().find_map(|id| numbers.get(id.as_bstr())) {
                outcome(&mut seen.entry(*number).or_default().0);
            } else if let Some(number) = letter::number(text) {
                seen.entry(number).or_default().1 += 1;
            }
        };
        for trace in traces::stored(&stage.written())? {
            found(&trace.text, &mut |outcomes| {
                let account = new.account_at(&trace.home).unwrap_or_default();
                outcomes.insert(Outcome::Deliver { account, path: trace.maildir.clone() });
            });
        }
        for posted in &self.posted {
            found(&posted.text, &mut |outcomes| {
                let recipients = posted.recipients.iter().filter_map(|to| Address::parse(to));
                outcomes.extend(recipients.map(Outcome::Forward));
            });
        }
        for (id, number) in numbers {
            let outcomes = &mut seen.entry(number).or_default().0;
            for (to, ended) in self.journeys.ends(id) {
                match ended {
                    Ended::Bounced(text) => drop(outcomes.insert(Outcome::Reject(text.clone()))),
                    Ended::Deferred(text) => drop(outcomes.insert(Outcome::Defer(text.clone()))),
                    Ended::Sent(service) if service == "discard" => {
                        outcomes.insert(Outcome::Discard);
                    }
                    Ended::Sent(service) if service == "pipe" || service == "lmtp" => {
                        let program = || new.program(to.as_bstr());
                        outcomes.extend(new.list_command(to.as_bstr()).or_else(program));
                    }
                    // Folders and the world have told of these.
                    Ended::Sent(_) => {}
                }
            }
            // Taken and kept nowhere.
            if outcomes.is_empty() && self.journeys.is_over(id) {
                outcomes.insert(Outcome::Discard);
            }
        }
        Ok(seen)
    }
}
