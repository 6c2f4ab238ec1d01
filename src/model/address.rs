//! Mail addresses as qmail sees them: bytes, split at the last `@`.

use bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

// A site has millions of addresses in thousands of domains, and most of what is known of an
// account is known by its address: so the bytes are shared, and a clone costs nothing.

/// The part of an address before its last `@`, byte for byte as it was written.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPart(Arc<[u8]>);

/// The part of an address after its last `@`; ASCII letters are folded to lower case.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Arc<[u8]>);

/// A mail address. Ordered by domain first, so that sorted lists stay together by domain.
///
/// ```
/// use unqmail::model::Address;
/// let address = Address::parse(b"Joe@EXAMPLE.org").unwrap();
/// assert_eq!(address.to_string(), "Joe@example.org");
/// assert!(Address::parse(b"joe").is_none());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// After the last `@`.
    pub domain: DomainName,
    /// Before the last `@`.
    pub local: LocalPart,
}

impl LocalPart {
    /// Takes the bytes as they are.
    pub fn new<B: AsRef<[u8]>>(bytes: B) -> Self {
        Self(bytes.as_ref().into())
    }

    /// The bytes as they were written.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// The same with ASCII letters in lower case, as every program on the old server looks it up.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        if self.0.iter().any(u8::is_ascii_uppercase) {
            Self(self.0.to_ascii_lowercase().into())
        } else {
            self.clone()
        }
    }
}

impl DomainName {
    /// Takes the bytes and folds ASCII letters to lower case.
    pub fn new<B: AsRef<[u8]>>(bytes: B) -> Self {
        Self(bytes.as_ref().to_ascii_lowercase().into())
    }

    /// The name's bytes, ASCII lower case.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// The suffixes `.b.c`, `.c` of `a.b.c`, longest first, as qmail tries wildcards.
    pub fn suffixes(&self) -> impl Iterator<Item = &BStr> {
        self.0.find_iter(".").filter_map(|at| self.0.get(at..)).map(ByteSlice::as_bstr)
    }

    /// The name without the dot at its end, which means nothing but to the DNS (RFC 1034, 3.1).
    #[must_use]
    pub fn without_dot(&self) -> Self {
        self.0.strip_suffix(b".").map_or_else(|| self.clone(), Self::new)
    }

    /// Whether it is an address of a host in brackets, `[192.0.2.1]`, which takes mail too (qmail-remote(8)).
    pub fn is_literal(&self) -> bool {
        let inner = self.0.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]"));
        let inner = inner.and_then(|name| name.to_str().ok());
        inner.is_some_and(|name| name.parse::<Ipv4Addr>().is_ok())
    }

    /// Whether the name can stand in a table or a path as it is: letters, digits, `-`, `_`, `.`,
    /// no empty label.
    pub fn is_plain(&self) -> bool {
        !self.0.is_empty()
            && self.0.split_str(".").all(|label| {
                !label.is_empty()
                    && label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            })
    }
}

impl Address {
    /// Whether every program takes it as it stands: atoms of ASCII, at a plain domain (RFC 5322,
    /// 3.2.3).
    pub fn is_plain(&self) -> bool {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"!#$&'*+-/=?^_`{|}~".contains(b);
        let local = self.local.as_bstr();
        local.split_str(".").all(|part| !part.is_empty() && part.iter().all(is_part))
            && !local.starts_with(b"-")
            && self.domain.is_plain()
    }

    /// Puts an address together from its parts.
    pub fn new<L: AsRef<[u8]>>(local: L, domain: &DomainName) -> Self {
        Self { local: LocalPart::new(local), domain: domain.clone() }
    }

    /// The address of a name in a domain, which shares the bytes of both.
    pub fn of(local: &LocalPart, domain: &DomainName) -> Self {
        Self { local: local.clone(), domain: domain.clone() }
    }

    /// Splits at the last `@`; `None` where there is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (local, domain) = bytes.rsplit_once_str("@")?;
        Some(Self { local: LocalPart::new(local), domain: DomainName::new(domain) })
    }

    /// The same address with its local part in lower case, as it is looked up.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        Self { local: self.local.to_lower(), domain: self.domain.clone() }
    }

    /// `local@domain` as bytes.
    pub fn to_bytes(&self) -> BString {
        [&self.local.0, b"@".as_slice(), &self.domain.0].concat().into()
    }
}

/// The names of domains in which many addresses are, each of which is there once.
#[derive(Debug, Default)]
pub struct SharedDomains(BTreeSet<DomainName>);

impl SharedDomains {
    /// The same address, its domain's bytes shared with those that came before.
    pub fn share(&mut self, mut address: Address) -> Address {
        match self.0.get(&address.domain) {
            Some(known) => address.domain = known.clone(),
            None => drop(self.0.insert(address.domain.clone())),
        }
        address
    }
}

macro_rules! shown_as_bytes {
    ($name:ty, $self:ident => $bytes:expr) => {
        impl fmt::Display for $name {
            fn fmt(&$self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                super::shown(&$bytes).fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&$self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", $bytes.as_bstr())
            }
        }
    };
}

shown_as_bytes!(LocalPart, self => self.0);
shown_as_bytes!(DomainName, self => self.0);
shown_as_bytes!(Address, self => self.to_bytes());

impl AsRef<[u8]> for LocalPart {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for DomainName {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, DomainName};

    #[test]
    fn the_last_at_sign_divides() {
        let address = Address::parse(b"\"a@b\"@c.example").unwrap();
        assert_eq!(address.local.as_bstr(), "\"a@b\"");
        assert_eq!(address.domain.as_bstr(), "c.example");
    }

    #[test]
    fn suffixes_start_at_each_dot() {
        let name = DomainName::new("a.b.example");
        assert_eq!(name.suffixes().collect::<Vec<_>>(), [".b.example", ".example"]);
    }

    #[test]
    fn only_host_name_bytes_are_plain() {
        assert!(DomainName::new("mail-1.example").is_plain());
        for odd in ["", "a b", "a..b", "a/b", "a\n", ".example", "é.example"] {
            assert!(!DomainName::new(odd).is_plain(), "{odd:?}");
        }
    }
}
