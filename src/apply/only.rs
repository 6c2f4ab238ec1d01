//! Which accounts and lists a pass is for, so that a site can move in waves.

use crate::model::Address;
use bstr::{BString, ByteSlice as _};

/// Patterns of addresses: `user@domain`, `@domain` or `domain`; none stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only(Vec<BString>);

impl Only {
    /// Takes patterns as the person wrote them; capital letters do not matter.
    pub fn new<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Self {
        let lower = |pattern: P| BString::from(pattern.as_ref().to_ascii_lowercase());
        Self(patterns.into_iter().map(lower).collect())
    }

    /// Whether everything is meant.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is meant.
    pub fn covers(&self, address: &Address) -> bool {
        self.is_all() || self.covers_text(&address.to_bytes())
    }

    /// Whether the address, written out, is meant.
    pub fn covers_text(&self, address: &[u8]) -> bool {
        self.is_all() || self.0.iter().any(|pattern| matches(pattern, address))
    }

    /// The patterns that mean none of these addresses.
    pub fn idle(&self, addresses: &[&Address]) -> Vec<&BString> {
        let means =
            |pattern: &BString| addresses.iter().any(|one| matches(pattern, &one.to_bytes()));
        self.0.iter().filter(|pattern| !means(pattern)).collect()
    }
}

fn matches(pattern: &BString, address: &[u8]) -> bool {
    let address = address.to_ascii_lowercase();
    let domain = address.rsplit_once_str("@").map(|(_, domain)| domain).unwrap_or_default();
    match pattern.rsplit_once_str("@") {
        Some((b"", wanted)) => domain == wanted,
        Some(_) => address == **pattern,
        None => domain == **pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::Only;

    #[test]
    fn patterns_are_addresses_or_domains() {
        let only = Only::new(["Joe@a.example", "@b.example", "c.example"]);
        let covered = |text: &str| only.covers_text(text.as_bytes());
        assert!(["joe@A.example", "x@b.example", "y@c.example"].into_iter().all(covered));
        assert!(!["eve@a.example", "x@sub.b.example", "c.example"].into_iter().any(covered));
        assert!(Only::default().covers_text(b"anybody@x.example"));
    }
}
