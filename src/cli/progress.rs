//! Progress: a bar on a screen, a plain line now and then elsewhere.

use super::term;
use crate::mail::Progress;
use crate::report::{grouped, size};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Without a screen a line is enough this often.
const QUIET: Duration = Duration::from_secs(10);

/// Counts messages while they are done, and hears Ctrl-C.
#[derive(Debug)]
pub(super) struct Bar {
    /// `None` where nobody would see it.
    shown: Option<ProgressBar>,
    verb: &'static str,
    total: u64,
    messages: AtomicU64,
    bytes: AtomicU64,
    started: Instant,
    /// Seconds since the start at which the next plain line is due.
    due: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Bar {
    /// A bar for so many messages.
    pub(super) fn new(verb: &'static str, total: u64) -> Self {
        let shown = term::has_screen().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(8);
            let bar = ProgressBar::with_draw_target(Some(total), target);
            let style = ProgressStyle::with_template(
                "{msg} [{bar:40}] {human_pos}/{human_len}  {eta} left",
            );
            let bar = match style {
                Ok(style) => bar.with_style(style.progress_chars("=> ")),
                Err(_) => bar,
            };
            bar.with_message(verb)
        });
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The second one ends the process at once.
            let second =
                signal_hook::flag::register_conditional_shutdown(signal, 5, Arc::clone(&stop));
            let first = signal_hook::flag::register(signal, Arc::clone(&stop));
            if second.and(first).is_err() {
                term::say("Ctrl-C will end the run at once: no handler can be set");
            }
        }
        Self {
            shown,
            verb,
            total,
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            started: Instant::now(),
            due: AtomicU64::new(QUIET.as_secs()),
            stop,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.shown.iter().for_each(ProgressBar::finish_and_clear);
    }
}

impl Progress for Bar {
    fn done(&self, messages: u64, bytes: u64) {
        if let Some(bar) = &self.shown {
            bar.inc(messages);
            return;
        }
        let messages = self.messages.fetch_add(messages, Ordering::Relaxed) + messages;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let (now, due) = (self.started.elapsed().as_secs(), self.due.load(Ordering::Relaxed));
        let next = now + QUIET.as_secs();
        if now >= due
            && self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            term::say(&format!(
                "{} {} of {} messages, {}",
                self.verb,
                grouped(messages),
                grouped(self.total),
                size(bytes)
            ));
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
