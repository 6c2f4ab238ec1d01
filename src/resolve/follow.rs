//! Follows forwards to their end.

use super::{Act, Action, Hop, Resolver, Step};
use crate::model::outcome::{Gathered, Outcome, Outcomes};
use crate::model::{Address, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Messages that one address may lead to before the search is given up.
const MOST_MESSAGES: usize = 2_000;

/// Messages that all looping addresses of a site may lead to: a ring of aliases is followed anew
/// from each of them, and whoever wrote it shall not keep the program busy for hours.
const MOST_LOOPING_MESSAGES: usize = 50_000;

/// What finally becomes of mail for an address.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Where it ends.
    pub outcomes: Outcomes,
    /// How it came to them, recipient after recipient.
    pub steps: Vec<Step>,
}

/// The marks that a message carries, newest first.
#[derive(Debug)]
pub(super) struct Marks {
    mark: BString,
    older: Option<Arc<Self>>,
}

fn carries(marks: Option<&Arc<Marks>>, mark: &BString) -> bool {
    std::iter::successors(marks, |marks| marks.older.as_ref()).any(|marks| marks.mark == *mark)
}

impl Hop {
    /// Whether the message has a `Delivered-To` line for an address, in whatever case.
    pub(super) fn came_by(&self, address: &[u8]) -> bool {
        let marks = std::iter::successors(self.carried.as_ref(), |marks| marks.older.as_ref());
        marks.into_iter().any(|marks| marks.mark.eq_ignore_ascii_case(address))
    }
}

impl Resolver<'_> {
    /// Follows mail for a recipient through every forward that stays on the server.
    ///
    /// A loop ends as qmail ends it: the message that comes to a place for the second time bounces,
    /// and what was stored on the way stays.
    pub fn follow(&self, recipient: &[u8]) -> Resolution {
        // Whether the world could send it at all is no part of what becomes of it.
        let mut steps: Vec<Step> = self.refused_outside(recipient.as_bstr()).into_iter().collect();
        let (outcomes, _) = self.deliver_all(recipient, MOST_MESSAGES, Some(&mut steps));
        Resolution { outcomes: settled(outcomes.into_iter().collect()), steps }
    }

    /// The recipients that mail for an address comes to, itself first; no more than `most`.
    pub fn recipients(&self, recipient: &[u8], most: usize) -> Vec<BString> {
        let mut met = vec![BString::from(recipient)];
        let mut seen: BTreeSet<BString> = met.iter().cloned().collect();
        let mut at = 0;
        while let Some(recipient) = met.get(at).filter(|_| met.len() < most) {
            for act in self.hop(recipient.as_bstr()).actions {
                if let Action::Forward { to, .. } = act.action
                    && seen.insert(to.clone())
                {
                    met.push(to);
                }
            }
            at += 1;
        }
        met
    }

    /// Delivers one message and every one that it causes, as the old server would.
    fn deliver_all(
        &self,
        recipient: &[u8],
        most: usize,
        mut steps: Option<&mut Vec<Step>>,
    ) -> (BTreeSet<Outcome>, usize) {
        let mut outcomes = BTreeSet::new();
        let mut note = |text: String, origin| {
            if let Some(steps) = &mut steps {
                steps.push(Step { text, origin });
            }
        };
        // Each message to come: its recipient and its marks. A list, not recursion: a chain of
        // forwards may be longer than a stack.
        let mut pending: Vec<(BString, Option<Arc<Marks>>)> = vec![(recipient.into(), None)];
        let mut delivered = 0;
        while let Some((recipient, marks)) = pending.pop() {
            delivered += 1;
            if delivered + pending.len() > most {
                outcomes.insert(Outcome::Defer("more messages than can be followed".into()));
                break;
            }
            note(format!("mail for {}", shown(&recipient)), None);
            let mut hop = Hop { carried: marks.clone(), ..Hop::traced() };
            self.run_hop(recipient.as_bstr(), &mut hop);
            for step in hop.steps.into_iter().flatten() {
                note(step.text, step.origin);
            }
            if hop.marks.iter().any(|mark| carries(marks.as_ref(), mark)) {
                note("the message has been here before: it bounces".into(), None);
                outcomes.insert(Outcome::Reject(LOOPING.into()));
                continue;
            }
            let before = pending.len();
            for Act { action, origin } in hop.actions {
                if let Action::Forward { to, mark, .. } = action {
                    note(format!("forwards to {}", shown(&to)), Some(origin));
                    let older = marks.clone();
                    pending.push((to, Some(Arc::new(Marks { mark, older }))));
                } else if let Some(outcome) = self.outcome(action, recipient.as_bstr()) {
                    note(outcome.to_string(), Some(origin));
                    outcomes.insert(outcome);
                }
            }
            // Popped from the end, so turned round to follow the order of the lines.
            if let Some(new) = pending.get_mut(before..) {
                new.reverse();
            }
        }
        (outcomes, delivered)
    }

    /// What an action means to sender and reader; nothing for a forward, which is followed.
    fn outcome(&self, action: Action, recipient: &BStr) -> Option<Outcome> {
        Some(match action {
            Action::Forward { .. } => return None,
            Action::Store(path) => self.stored(&path),
            Action::Remote(address) => Outcome::Forward(address),
            Action::List { address, action, answer } => {
                Outcome::List { address, action, answer: answer.unwrap_or_default() }
            }
            Action::Reply(_) => Outcome::Reply(self.complete(recipient)),
            Action::Run(command) => Outcome::Run(command),
            Action::Reject(text) => Outcome::Reject(text),
            Action::Defer(text) => Outcome::Defer(text),
            Action::Discard => Outcome::Discard,
        })
    }

    fn complete(&self, recipient: &BStr) -> Address {
        Address::parse(recipient)
            .unwrap_or_else(|| Address::new(recipient, &self.site.control.envnoathost()))
    }
}

/// So many ends are remembered at a time.
const MOST_KNOWN: usize = 1 << 16;

/// Of an address with more outcomes it is worth while to remember them though it was asked for itself.
const FEW: usize = 64;

/// What qmail tells the sender of a message that comes back.
const LOOPING: &str = "This message is looping: it already has my Delivered-To line. (#5.4.6)";

/// An address that has an effect is not thrown away, whatever else it does.
fn settled(outcomes: Outcomes) -> Outcomes {
    match &*outcomes {
        [] => [Outcome::Discard].into(),
        all if all.len() > 1 && all.contains(&Outcome::Discard) => {
            all.iter().filter(|outcome| **outcome != Outcome::Discard).cloned().collect()
        }
        _ => outcomes,
    }
}

/// What becomes of mail for many addresses: forwards that several of them share are followed once,
/// so that a long chain of aliases costs each of them one step.
#[derive(Debug, Default)]
pub struct Followed {
    /// By recipient; `None` for one that leads into a loop, whose end depends on where the message
    /// came from.
    known: BTreeMap<BString, Option<Outcomes>>,
    /// Messages followed for looping addresses so far.
    looping: usize,
}

/// A recipient whose forwards are being followed.
struct Open {
    recipient: BString,
    forwards: std::vec::IntoIter<BString>,
    found: Gathered,
    loops: bool,
    /// It has one outcome and forwards nothing, and is asked for again as easily as remembered.
    is_end: bool,
}

impl Followed {
    fn deliver(&mut self, rules: &Resolver<'_>, recipient: &[u8]) -> Outcomes {
        let most = MOST_MESSAGES.min(MOST_LOOPING_MESSAGES.saturating_sub(self.looping));
        let (outcomes, delivered) = rules.deliver_all(recipient, most, None);
        self.looping += delivered;
        outcomes.into_iter().collect()
    }

    /// The same as [`Resolver::follow`] without the way there.
    pub fn outcomes(&mut self, rules: &Resolver<'_>, recipient: &[u8]) -> Outcomes {
        if self.known.len() > MOST_KNOWN {
            self.known.clear();
        }
        let mut path = vec![open(rules, recipient.into())];
        let mut on_path: BTreeSet<BString> = BTreeSet::from([recipient.into()]);
        while let Some(top) = path.last_mut() {
            if let Some(next) = top.forwards.next() {
                match self.known.get(&next) {
                    Some(Some(found)) => top.found.share(found),
                    Some(None) => top.loops = true,
                    None if on_path.contains(&next) => top.loops = true,
                    None => {
                        on_path.insert(next.clone());
                        path.push(open(rules, next));
                    }
                }
                continue;
            }
            let Some(Open { recipient, found, loops, is_end, .. }) = path.pop() else { break };
            on_path.remove(&recipient);
            let Some(parent) = path.last_mut() else {
                // The address that was asked for; most of those nobody forwards to.
                let found = if loops { self.deliver(rules, &recipient) } else { found.settle() };
                if !loops && found.len() > FEW {
                    self.known.insert(recipient, Some(Arc::clone(&found)));
                }
                return settled(found);
            };
            parent.loops |= loops;
            if is_end {
                parent.found.append(found);
            } else {
                let found = found.settle();
                parent.found.share(&found);
                self.known.insert(recipient, (!loops).then_some(found));
            }
        }
        Outcomes::default()
    }
}

fn open(rules: &Resolver<'_>, recipient: BString) -> Open {
    let hop = rules.hop(recipient.as_bstr());
    let mut forwards = Vec::new();
    let mut found = Gathered::default();
    let actions = hop.actions.len();
    for Act { action, .. } in hop.actions {
        if let Action::Forward { to, .. } = action {
            forwards.push(to);
        } else if let Some(outcome) = rules.outcome(action, recipient.as_bstr()) {
            found.add(outcome);
        }
    }
    let is_end = forwards.is_empty() && actions <= 1;
    Open { recipient, forwards: forwards.into_iter(), found, loops: false, is_end }
}
