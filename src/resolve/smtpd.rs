//! What `qmail-smtpd` says to a recipient before the message is in the queue: `smtp_rcpt()` in
//! `qmail-smtpd.c` and `rcpthosts.c`, with the badrcptto patches.

use super::{Resolver, Step};
use crate::model::{Address, shown};
use bstr::BStr;

/// Lists of recipients that are refused; each line is an address or `@host`.
const REFUSED: &[&str] = &["badrcptto", "badmailto", "badrcpttonorelay", "badmailtonorelay"];

impl Resolver<'_> {
    /// Why the recipient is refused from outside, where it is: from clients that may not relay.
    pub(super) fn refused_outside(&self, recipient: &BStr) -> Option<Step> {
        // Without a host it is always taken.
        let address = Address::parse(recipient)?;
        let control = &self.site.control;
        let host = [b"@", address.domain.as_ref()].concat();
        let whole = address.to_bytes();
        let listed = REFUSED.iter().find_map(|name| {
            let mut entries = control.lists.get(name)?.iter();
            let entry = entries.find(|entry| {
                [whole.as_slice(), &host].iter().any(|key| entry.value.eq_ignore_ascii_case(key))
            })?;
            Some((name, &entry.origin))
        });
        if let Some((name, origin)) = listed {
            let text = format!("from outside: refused, it is in {name}");
            return Some(Step::new(text, Some(origin)));
        }
        let rcpthosts = control.lists.get("rcpthosts")?;
        let takes = |key: &BStr| {
            let mut entries = rcpthosts.iter().chain(&control.more_rcpthosts);
            entries.any(|entry| entry.value.eq_ignore_ascii_case(key))
        };
        let mut keys = std::iter::once(address.domain.as_bstr()).chain(address.domain.suffixes());
        (!keys.any(takes)).then(|| {
            let domain = shown(address.domain.as_bstr()).to_string();
            Step::new(format!("from outside: refused, {domain} is not in rcpthosts"), None)
        })
    }
}
