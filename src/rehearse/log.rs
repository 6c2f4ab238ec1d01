//! What Postfix's log tells of the messages in its queue (`qmgr(8)`, and the delivery agents).

use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Handed over by this service: `lmtp`, `smtp`, `pipe`, `discard`.
    Sent(String),
    /// Failed for good, with these words.
    Bounced(BString),
    /// Kept in the queue, with these words.
    Deferred(BString),
}

/// The way of each message so far, by its queue id.
#[derive(Debug, Default)]
pub(super) struct Journeys(BTreeMap<BString, Journey>);

#[derive(Debug, Default)]
struct Journey {
    /// How many recipients it has, once that is known.
    recipients: Option<usize>,
    /// The ends, by recipient; a later try counts.
    ends: BTreeMap<BString, Ended>,
    is_removed: bool,
}

impl Journeys {
    /// Takes a line of the log; what is not about a message is passed over.
    pub(super) fn hear(&mut self, line: &str) {
        let line = BStr::new(line);
        let Some((service, id, text)) = divided(line) else { return };
        if text == b"removed" {
            self.0.entry(id).or_default().is_removed = true;
        } else if let Some((_, count)) = text.split_once_str(", nrcpt=") {
            let digits = count.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let count = count.get(..digits).and_then(|digits| digits.to_str().ok()?.parse().ok());
            self.0.entry(id).or_default().recipients = count;
        } else if let Some((to, ended)) = end(service, text.as_bstr()) {
            self.0.entry(id).or_default().ends.insert(to, ended);
        }
    }

    /// Whether every recipient of a message has come to an end, if only for now.
    pub(super) fn is_over(&self, id: &BStr) -> bool {
        self.0.get(id).is_some_and(|journey| {
            journey.is_removed || journey.recipients.is_some_and(|all| journey.ends.len() >= all)
        })
    }

    /// The ends of a message, by recipient.
    pub(super) fn ends(&self, id: &BStr) -> impl Iterator<Item = (&BString, &Ended)> {
        self.0.get(id).into_iter().flat_map(|journey| &journey.ends)
    }
}

/// Service, queue id and the rest of `… postfix/SERVICE[123]: ID: REST`.
fn divided(line: &BStr) -> Option<(&str, BString, &[u8])> {
    let (front, rest) = line.split_once_str("]: ")?;
    let (program, _) = front.rsplit_once_str("[")?;
    let (_, service) = program.rsplit_once_str("/")?;
    let (id, text) = rest.split_once_str(": ")?;
    let is_id = !id.is_empty() && id.iter().all(u8::is_ascii_alphanumeric);
    is_id.then_some((service.to_str().ok()?, id.into(), text))
}

/// Recipient and end of `to=<…>, …, status=sent (…)`.
fn end(service: &str, text: &BStr) -> Option<(BString, Ended)> {
    let text = text.strip_prefix(b"to=<")?;
    let (to, rest) = text.split_at_checked(address_end(text)?)?;
    let (_, status) = rest.split_once_str(", status=")?;
    let (status, words) = status.split_once_str(" (")?;
    let words: BString = words.strip_suffix(b")").unwrap_or(words).into();
    let ended = match status {
        b"sent" => Ended::Sent(service.to_owned()),
        b"deferred" => Ended::Deferred(words),
        _ => Ended::Bounced(words),
    };
    Some((to.into(), ended))
}

/// Where the closing bracket is that no quote hides.
fn address_end(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quoted => drop(bytes.next()),
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Ended, Journeys};
    use bstr::BString;

    #[test]
    fn a_message_is_over_when_each_recipient_is() {
        let mut journeys = Journeys::default();
        let id = BString::from("4F2A");
        for line in [
            "<22>Nov 25 03:10:11 postfix/qmgr[7]: 4F2A: from=<a@x>, size=3, nrcpt=2 (queue active)",
            "<22>Nov 25 03:10:11 postfix/lmtp[8]: 4F2A: to=<b@x>, orig_to=<c@x>, relay=mx, delay=0, status=sent (250 Saved)",
            "postfix/smtpd[9]: connect from localhost[127.0.0.1]",
        ] {
            journeys.hear(line);
        }
        assert!(!journeys.is_over(id.as_ref()));
        journeys.hear(
            "postfix/error[9]: 4F2A: to=<\"q>, status=sent (\"@x>, relay=none, status=bounced (no (5.1.1))",
        );
        assert!(journeys.is_over(id.as_ref()));
        let ends: Vec<_> =
            journeys.ends(id.as_ref()).map(|(to, end)| (to.to_string(), end)).collect();
        assert_eq!(
            ends[0],
            ("\"q>, status=sent (\"@x".into(), &Ended::Bounced("no (5.1.1)".into()))
        );
        assert_eq!(ends[1], ("b@x".into(), &Ended::Sent("lmtp".into())));
    }
}
