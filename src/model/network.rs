//! Networks and the rules for clients that connect.

use super::Origin;
use bstr::BString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP network: address and prefix length in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// The network's address, host bits zero.
    pub address: IpAddr,
    /// Bits that count.
    pub prefix: u8,
}

impl Network {
    /// The network of an address, host bits cleared; `None` where the prefix is too long.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) => {
                let host = 32_u32.checked_sub(prefix.into())?;
                let mask = u32::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let host = 128_u32.checked_sub(prefix.into())?;
                let mask = u128::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Some(Self { address, prefix })
    }

    /// Whether every address of `other` lies in this network.
    pub fn contains(self, other: Self) -> bool {
        if other.prefix < self.prefix {
            return false;
        }
        match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                same_front(a.to_bits().into(), b.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                same_front(a.to_bits(), b.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }

    /// The network that holds this one and `other` and nothing else.
    pub fn parent_with(self, other: Self) -> Option<Self> {
        let parent = Self::new(self.address, self.prefix.checked_sub(1)?)?;
        let halves = self != other && self.prefix == other.prefix && parent.contains(other);
        halves.then_some(parent)
    }
}

fn same_front(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let shift = width.saturating_sub(prefix.into());
    a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}/{}", self.prefix),
            IpAddr::V6(address) => write!(f, "[{address}]/{}", self.prefix),
        }
    }
}

/// Whom a rule of `tcp.smtp` is for (tcprules(1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// Clients by address.
    Network(Network),
    /// `=host`: the client's host name.
    Host(BString),
    /// `=.domain`: every host name under it; stored with the leading dot.
    HostsUnder(BString),
    /// `=`: any client whose name is known.
    AnyNamed,
    /// The empty address: every client that no other rule matches.
    Default,
    /// Something else, such as `user@ip`.
    Other(BString),
}

/// What a rule of `tcp.smtp` does with the clients it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRule {
    /// The clients.
    pub client: Client,
    /// Connections are accepted.
    pub allow: bool,
    /// Environment variables that are set, in order.
    pub variables: Vec<(BString, BString)>,
    /// The line.
    pub origin: Origin,
}

impl ClientRule {
    /// The value of a variable that the rule sets.
    pub fn variable(&self, name: &str) -> Option<&BString> {
        self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether the clients may send anywhere.
    pub fn relays(&self) -> bool {
        self.allow && self.variable("RELAYCLIENT").is_some_and(|value| value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_network_contains_its_parts_only() {
        let net = |address: &str, prefix| Network::new(address.parse().unwrap(), prefix).unwrap();
        let wide = net("10.1.0.0", 16);
        assert!(wide.contains(net("10.1.2.3", 24)));
        assert!(!wide.contains(net("10.2.0.0", 24)));
        assert!(!net("10.1.2.0", 24).contains(wide));
        assert!(net("0.0.0.0", 0).contains(wide));
        assert!(!net("::", 0).contains(wide));
    }

    #[test]
    fn only_two_halves_have_a_parent() {
        let net = |address: &str, prefix| Network::new(address.parse().unwrap(), prefix).unwrap();
        let parent = net("10.0.0.8", 32).parent_with(net("10.0.0.9", 32));
        assert_eq!(parent, Some(net("10.0.0.8", 31)));
        assert_eq!(net("10.0.0.9", 32).parent_with(net("10.0.0.10", 32)), None);
        assert_eq!(net("10.0.0.9", 32).parent_with(net("10.0.0.9", 32)), None);
        assert_eq!(net("0.0.0.0", 0).parent_with(net("0.0.0.0", 0)), None);
    }
}
