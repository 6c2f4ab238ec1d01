//! When and as whom somebody came into a list.

use crate::model::Address;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// When somebody was put into a list, and the name that was given then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// In seconds since 1970.
    pub when: i64,
    /// His name, as a `From:` header spells it; empty where none was given.
    pub name: BString,
}

/// Of those in one role, by their address in lower case.
pub type Log = BTreeMap<Address, Joined>;

/// The logs of a list, by role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Of those who get every message.
    pub subscribers: Log,
    /// Of those who get digests.
    pub digest: Log,
    /// Of those who decide about posts.
    pub moderators: Log,
    /// Of those who decide about subscriptions.
    pub subscription_moderators: Log,
    /// Of those who may post without being members.
    pub allowed: Log,
    /// Of those who may not post.
    pub denied: Log,
}

impl Logs {
    /// The log of a role, by the name that reports use.
    pub fn of(&self, role: &str) -> Option<&Log> {
        match role {
            "subscriber" => Some(&self.subscribers),
            "digest" | "held-back" => Some(&self.digest),
            "moderator" => Some(&self.moderators),
            "subscription-moderator" => Some(&self.subscription_moderators),
            "allowed" => Some(&self.allowed),
            "denied" => Some(&self.denied),
            _ => None,
        }
    }
}

impl Joined {
    /// The date, as RFC 3339 writes it in UTC; empty where no calendar has it.
    pub fn date(&self) -> String {
        jiff::Timestamp::from_second(self.when).map(|when| when.to_string()).unwrap_or_default()
    }
}

/// The name in a `From:` header: what stands before the angle brackets, or in parentheses behind the
/// address; empty where there is none.
///
/// ```
/// use unqmail::model::list::name_in;
/// assert_eq!(name_in(b"\"Eve \\\"E\\\" Doe\" <eve@example.org>".into()), "Eve \"E\" Doe");
/// assert_eq!(name_in(b"eve@example.org (Eve Doe)".into()), "Eve Doe");
/// assert_eq!(name_in(b"<eve@example.org>".into()), "");
/// ```
pub fn name_in(from: &BStr) -> BString {
    let from = from.strip_prefix(b"From:").unwrap_or(from);
    let name = match (from.find_byte(b'<'), from.find_byte(b'(')) {
        (Some(at), _) => from.get(..at).unwrap_or_default(),
        (None, Some(at)) => {
            let inner = from.get(at + 1..).unwrap_or_default();
            inner.rsplit_once_str(")").map_or(inner, |(inner, _)| inner)
        }
        (None, None) if from.contains(&b'@') => b"",
        (None, None) => from,
    };
    let mut plain = Vec::new();
    let mut bytes = name.trim_ascii().iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => {}
            b'\\' => plain.extend(bytes.next()),
            byte if byte.is_ascii_control() => plain.push(b' '),
            byte => plain.push(byte),
        }
    }
    plain.trim_ascii().into()
}
