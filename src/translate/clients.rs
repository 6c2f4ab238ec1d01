//! Who may connect, who may relay, and which senders and recipients are refused.

use super::Translator;
use super::spam::is_for_spam;
use crate::finding::{Disposition, code};
use crate::model::design::{NetworkRule, RefusedClient};
use crate::model::network::{Client, ClientRule};
use crate::model::{Sourced, shown};
use bstr::{BString, ByteSlice as _};
use std::cmp::Reverse;

/// Variables that need no counterpart.
const HARMLESS: &[&str] = &["RELAYCLIENT", "BADMIMETYPE", "CHKUSER_START", "NOP0FCHECK"];

impl Translator<'_> {
    pub(super) fn translate_clients(&mut self) {
        let rules = &self.site.control.clients;
        let mut networks = Vec::new();
        let mut refused = Vec::new();
        let mut odd = Vec::new();
        for rule in rules {
            match &rule.client {
                Client::Network(network) => {
                    networks.push(NetworkRule {
                        network: *network,
                        relays: rule.relays(),
                        origin: rule.origin.clone(),
                    });
                    refused.push(RefusedClient::Network(*network, !rule.allow));
                }
                Client::Host(name) | Client::HostsUnder(name) => {
                    refused.push(RefusedClient::Host(name.clone(), !rule.allow));
                    if rule.relays() {
                        odd.push((rule, "clients may relay by their host name"));
                    }
                }
                Client::Default if !rule.allow => {
                    odd.push((rule, "every client without a rule is refused"));
                }
                Client::Default if rule.relays() => {
                    odd.push((rule, "every client without a rule may relay"));
                }
                Client::Default => {}
                Client::AnyNamed | Client::Other(_) => {
                    odd.push((rule, "the rule has no counterpart"));
                }
            }
        }
        // tcprules asks for the longest match; networks by length say the same.
        networks.sort_by_key(|rule| (Reverse(rule.network.prefix), rule.network.address));
        networks.dedup_by(|a, b| a.network == b.network);
        refused.sort_by_key(|client| match client {
            RefusedClient::Network(network, _) => {
                (0, Reverse(usize::from(network.prefix)), network.to_string())
            }
            RefusedClient::Host(name, _) => (1, Reverse(name.len()), name.to_string()),
        });
        let odd: Vec<(ClientRule, &str)> =
            odd.into_iter().map(|(rule, what)| (rule.clone(), what)).collect();
        self.design.networks = joined(without_needless(networks));
        self.design.refused_clients = needed(refused);
        for (rule, what) in odd {
            self.find(
                &code::SITE_CLIENT_RULE_DROPPED,
                Disposition::Manual,
                &rule.origin,
                "tcp.smtp",
                what,
                "the new server does not do so; see mynetworks and smtpd_client_restrictions",
            );
        }
        self.report_variables();
        self.translate_senders();
        self.translate_recipients();
    }

    fn report_variables(&mut self) {
        let mut found = Vec::new();
        for rule in &self.site.control.clients {
            for (name, value) in &rule.variables {
                let usual = HARMLESS.iter().any(|known| name == known)
                    || is_for_spam(name.as_bstr(), value.as_bstr());
                if !usual || (name == "RELAYCLIENT" && !value.is_empty()) {
                    let setting = format!("{}=\"{}\"", shown(name), shown(value));
                    // rblsmtpd(1): a text is what such a client gets, for each of its messages.
                    let refuses = name == "RBLSMTPD" && !value.is_empty();
                    found.push((rule.origin.clone(), setting, refuses));
                }
            }
        }
        for (origin, setting, refuses) in found {
            let effect = if refuses {
                "rblsmtpd takes no mail from them; the new server does"
            } else {
                "the new server treats these clients like all others in this respect"
            };
            self.find(
                &code::SITE_CLIENT_VARIABLE_DROPPED,
                Disposition::Dropped,
                &origin,
                "tcp.smtp",
                format!("{setting} is set for some clients"),
                effect,
            );
        }
    }

    /// `badmailfrom`: addresses, and `@host` for every sender at exactly that host.
    fn translate_senders(&mut self) {
        let (plain, patterns) = self.divided("badmailfrom");
        self.design.refused_senders = plain;
        for entry in patterns {
            self.find(
                &code::SITE_SENDER_RULE_DROPPED,
                Disposition::Manual,
                &entry.origin,
                &entry.value,
                "the entry is neither an address nor @host: a pattern of a patched qmail-smtpd",
                "the new server does not refuse these senders",
            );
        }
    }

    /// `badrcptto` and its kin: the same of recipients.
    fn translate_recipients(&mut self) {
        for name in ["badrcptto", "badmailto", "badrcpttonorelay", "badmailtonorelay"] {
            let (plain, patterns) = self.divided(name);
            self.design.refused_recipients.extend(plain);
            for entry in patterns {
                self.find(
                    &code::SITE_RECIPIENT_RULE_DROPPED,
                    Disposition::Manual,
                    &entry.origin,
                    &entry.value,
                    "the entry is neither an address nor @host: a pattern of a patched qmail-smtpd",
                    "the new server does not refuse mail for these recipients",
                );
            }
        }
        sorted(&mut self.design.refused_recipients);
    }

    /// The entries of a list that are an address or `@host`, sorted, and the others.
    fn divided(&self, name: &str) -> (Vec<Sourced<BString>>, Vec<Sourced<BString>>) {
        let is_plain = |entry: &Sourced<BString>| {
            let (local, host) = entry.value.rsplit_once_str("@").unwrap_or((b"", b""));
            let is_name_byte = |b: &u8| b.is_ascii_alphanumeric() || b".+_-=".contains(b);
            let local_is_plain = local.iter().all(is_name_byte) && !local.starts_with(b"-");
            crate::model::DomainName::new(host).is_plain() && local_is_plain
        };
        let entries = self.site.control.lists.get(name).cloned().unwrap_or_default();
        let (mut plain, patterns): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_plain);
        sorted(&mut plain);
        (plain, patterns)
    }
}

/// By their text, each once.
fn sorted(entries: &mut Vec<Sourced<BString>>) {
    entries.sort_by(|a, b| a.value.cmp(&b.value));
    entries.dedup_by(|a, b| a.value.eq_ignore_ascii_case(&b.value));
}

/// Without networks that may not relay and lie in none that may.
fn without_needless(rules: Vec<NetworkRule>) -> Vec<NetworkRule> {
    let relays: Vec<_> = rules.iter().filter(|rule| rule.relays).map(|rule| rule.network).collect();
    rules
        .into_iter()
        .filter(|rule| rule.relays || relays.iter().any(|wide| wide.contains(rule.network)))
        .collect()
}

/// Neighbours with the same rule become one network, so that a range is not sixteen entries.
fn joined(rules: Vec<NetworkRule>) -> Vec<NetworkRule> {
    let mut joined: Vec<NetworkRule> = Vec::new();
    for rule in rules {
        joined.push(rule);
        while let [.., a, b] = joined.as_slice()
            && a.relays == b.relays
            && let Some(parent) = a.network.parent_with(b.network)
            && !joined.iter().any(|rule| rule.network == parent)
        {
            joined.pop();
            if let Some(last) = joined.last_mut() {
                last.network = parent;
            }
        }
    }
    joined.sort_by_key(|rule| (Reverse(rule.network.prefix), rule.network.address));
    joined
}

/// Without clients that are let in and are in no wider group that is refused.
fn needed(clients: Vec<RefusedClient>) -> Vec<RefusedClient> {
    let refuses = |client: &RefusedClient| {
        matches!(client, RefusedClient::Network(_, true) | RefusedClient::Host(_, true))
    };
    let refused: Vec<RefusedClient> =
        clients.iter().filter(|client| refuses(client)).cloned().collect();
    let inside = |client: &RefusedClient| {
        refused.iter().any(|wide| match (wide, client) {
            (RefusedClient::Network(wide, _), RefusedClient::Network(net, _)) => {
                wide.contains(*net)
            }
            (RefusedClient::Host(wide, _), RefusedClient::Host(name, _)) => {
                wide.starts_with(b".") && name.ends_with(wide)
            }
            _ => false,
        })
    };
    clients.into_iter().filter(|client| refuses(client) || inside(client)).collect()
}
