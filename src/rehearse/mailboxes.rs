//! Asks the real servers for what clients are told of their mailboxes.

use super::client::{Client, maildir};
use crate::fsys::root::Root;
use crate::mail::Progress;
use crate::model::design::Mailbox;
use crate::plan::Plan;
use crate::predict::Told;
use crate::stage::Stage;
use crate::verify::Difference;
use crate::verify::clients::{self, Found};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Clients at a time.
const CLIENTS: usize = 8;

/// What clients were told of their mailboxes.
#[derive(Debug, Default)]
pub struct Mailboxes {
    /// How many were asked for.
    pub asked: usize,
    /// How many of each kind of thing were compared.
    pub checked: BTreeMap<&'static str, u64>,
    /// What clients notice, by mailbox.
    pub differences: Vec<(BString, Difference)>,
}

/// Opens mailboxes by IMAP and POP3, on a stage on which nothing else happens, and holds what the
/// servers tell against what the old server told. Those too that nobody may log in to: it is about
/// the mail.
pub(super) fn ask(
    plan: &Plan,
    site: &Root,
    target: &Path,
    mailboxes: &[&Mailbox],
    progress: &dyn Progress,
) -> Result<Mailboxes, super::Error> {
    if mailboxes.is_empty() {
        return Ok(Mailboxes::default());
    }
    let (stage, files) = (Stage::start(target)?, Root::open(target)?);
    let stores = clients::mailboxes(plan);
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Mailboxes::default()));
    let work = || {
        while let Some(mailbox) = mailboxes.get(next.fetch_add(1, Ordering::Relaxed)) {
            if progress.stopped() {
                return;
            }
            let address = mailbox.address.to_bytes();
            let inbox = Told::read(&files, &maildir(&mailbox.home())).ok();
            let found = match Client::open(&stage, address.as_bstr(), inbox) {
                Ok(mut client) => {
                    let stores = stores.get(&mailbox.home()).map(Vec::as_slice).unwrap_or_default();
                    clients::compare(site, stores, plan.design.pop3, &mut client)
                }
                Err(error) => {
                    let mut found = Found::default();
                    found.compare("login", &address, "let in", error.to_string());
                    found
                }
            };
            // Whoever was asked to stop hangs up on the servers.
            if progress.stopped() {
                return;
            }
            progress.done(1, 0);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.asked += 1;
            for (kind, count) in found.checked {
                *all.checked.entry(kind).or_insert(0) += count;
            }
            all.differences.extend(found.differences.into_iter().map(|one| (address.clone(), one)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(work);
        }
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.differences.sort();
    Ok(all)
}
