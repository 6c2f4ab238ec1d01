//! The rules for clients of the SMTP server: the database that tcprules(1) compiles, and its text.

use super::damaged;
use super::scripts::smtp_rules;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::network::{Client, ClientRule, Network};
use crate::model::{Origin, RelPath};
use crate::source::{Reading, cdb, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Where run scripts usually keep the rules.
const PLACES: &[&str] = &["etc/tcp.smtp", "etc/tcprules.d/tcp.smtp", "home/vpopmail/etc/tcp.smtp"];

/// A rule by the key that `tcpserver` looks it up by.
type Rules = BTreeMap<BString, ClientRule>;

/// The rules that a script names count, else those in a usual place.
pub(super) fn read(reading: &mut Reading<'_>, scripts: &[(RelPath, Vec<u8>)]) {
    let of_vpopmail = reading.site.folders_of_domains().into_iter();
    let of_vpopmail = of_vpopmail.map(|folder| folder.join("etc/tcp.smtp"));
    let named = smtp_rules(scripts);
    let mut places = named.clone();
    places.extend(PLACES.iter().map(RelPath::new).chain(of_vpopmail));
    // tcpserver reads only databases, so the first place with one counts; else the first text.
    let database = |place: &RelPath| RelPath::new([place.as_bstr().as_bytes(), b".cdb"].concat());
    let has_none =
        |place: &RelPath| !reading.root.stat(&database(place)).is_ok_and(|stat| stat.is_some());
    places.sort_by_key(|place| (!named.contains(place), has_none(place)));
    for path in places {
        let live = database(&path);
        let text = read_file(reading.root, &path, &mut reading.findings);
        let live_bytes = read_file(reading.root, &live, &mut reading.findings);
        let text = text.map(|bytes| from_text(&bytes, &Origin::file(&path), &mut reading.findings));
        let live = live_bytes.and_then(|bytes| from_database(&bytes, &live, &mut reading.findings));
        let rules = match (text, live) {
            (Some(text), Some(live)) => compared(&text, live, &mut reading.findings),
            (Some(rules), None) | (None, Some(rules)) => rules,
            (None, None) => continue,
        };
        reading.site.control.clients = rules.into_values().collect();
        return;
    }
}

fn from_text(bytes: &[u8], file: &Origin, findings: &mut Findings) -> Rules {
    let mut rules = Rules::new();
    for (number, line) in lines::numbered(bytes) {
        let line = lines::trimmed(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let Some(parsed) = parse(line, &file.at(number)) else {
            findings.push(
                Finding::new(
                    &code::SITE_TCPRULES_MALFORMED,
                    Disposition::Dropped,
                    file.at(number),
                    file.file.as_bstr(),
                    "tcprules does not understand the line",
                    "tcprules refuses the whole file, so the old server goes by an older database",
                )
                .with_excerpt(line.as_bstr()),
            );
            continue;
        };
        // Of equal addresses a lookup finds the first.
        for (key, rule) in parsed {
            rules.entry(key).or_insert(rule);
        }
    }
    rules
}

/// `D` for a refusal, `+NAME=value` and a NUL for each variable (`tcprules.c`).
fn from_database(bytes: &[u8], path: &RelPath, findings: &mut Findings) -> Option<Rules> {
    let records = match cdb::records(bytes) {
        Ok(records) => records,
        Err(damage) => {
            let effect = "who may relay is taken from the text beside it, if there is one";
            findings.push(damaged(path, damage, effect));
            return None;
        }
    };
    let mut rules = Rules::new();
    for (key, data) in records {
        let settings = data.split_str("\0").filter_map(|part| part.strip_prefix(b"+"));
        let variables = settings.filter_map(|part| part.split_once_str("="));
        let rule = ClientRule {
            client: client(&key),
            allow: !data.starts_with(b"D"),
            variables: variables.map(|(name, value)| (name.into(), value.into())).collect(),
            origin: Origin::file(path),
        };
        rules.entry(key).or_insert(rule);
    }
    Some(rules)
}

/// The rules of the database, which are the live ones, with the lines of the text where it says
/// the same.
fn compared(text: &Rules, mut live: Rules, findings: &mut Findings) -> Rules {
    let same = |a: &ClientRule, b: &ClientRule| a.allow == b.allow && a.variables == b.variables;
    let mut stale = |origin: &Origin, key: &BString, message: &'static str| {
        findings.push(Finding::new(
            &code::SITE_TCPRULES_STALE,
            Disposition::Migrated,
            origin.clone(),
            key,
            message,
            "the SMTP server goes by the database, and so does the new one",
        ));
    };
    for (key, rule) in text {
        match live.get_mut(key) {
            Some(found) if same(found, rule) => found.origin = rule.origin.clone(),
            Some(_) => stale(&rule.origin, key, "tcp.smtp and tcp.smtp.cdb disagree on a client"),
            None => stale(&rule.origin, key, "the rule is in tcp.smtp, but not in tcp.smtp.cdb"),
        }
    }
    for (key, rule) in live.iter().filter(|(key, _)| !text.contains_key(*key)) {
        stale(&rule.origin, key, "the rule is in tcp.smtp.cdb, but not in tcp.smtp");
    }
    live
}

/// `address:allow,NAME="value",…` or `address:deny,…`; the byte after `=` ends the value. A range
/// stands for as many keys.
fn parse(line: &[u8], origin: &Origin) -> Option<Vec<(BString, ClientRule)>> {
    let (address, instructions) = line.split_once_str(":")?;
    let (verb, mut rest) = match instructions.find_byte(b',') {
        Some(at) => (instructions.get(..at)?, instructions.get(at..)?),
        None => (instructions, b"".as_slice()),
    };
    let allow = match verb {
        b"allow" => true,
        b"deny" => false,
        _ => return None,
    };
    let mut variables = Vec::new();
    while let Some(setting) = rest.strip_prefix(b",") {
        let (name, value) = setting.split_once_str("=")?;
        let (quote, value) = value.split_first()?;
        let end = value.find_byte(*quote)?;
        variables.push((name.into(), value.get(..end)?.into()));
        rest = value.get(end + 1..)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let rule = |key: BString| {
        let (variables, origin) = (variables.clone(), origin.clone());
        (key.clone(), ClientRule { client: client(&key), allow, variables, origin })
    };
    Some(expanded(address).into_iter().map(rule).collect())
}

/// `1.2.3-5.` is `1.2.3.`, `1.2.4.` and `1.2.5.`; names have no ranges (`doaddressdata`).
fn expanded(address: &[u8]) -> Vec<BString> {
    let range = || {
        if address.find_byteset(b"=@").is_some() {
            return None;
        }
        let (front, back) = address.split_once_str("-")?;
        let front_end = front.rfind_not_byteset(b"0123456789").map_or(0, |at| at + 1);
        let back_start = back.find_not_byteset(b"0123456789").unwrap_or(back.len());
        let from: u8 = front.get(front_end..)?.to_str().ok()?.parse().ok()?;
        let to: u8 = back.get(..back_start)?.to_str().ok()?.parse().ok()?;
        let (front, back) = (front.get(..front_end)?, back.get(back_start..)?);
        let one = |number: u8| [front, number.to_string().as_bytes(), back].concat().into();
        Some((from..=to).map(one).collect())
    };
    range().unwrap_or_else(|| vec![address.into()])
}

fn client(address: &[u8]) -> Client {
    match address {
        b"" => Client::Default,
        b"=" => Client::AnyNamed,
        [b'=', b'.', ..] => Client::HostsUnder(host(address)),
        [b'=', ..] => Client::Host(host(address)),
        _ => network(address).map_or_else(|| Client::Other(address.into()), Client::Network),
    }
}

fn host(address: &[u8]) -> BString {
    address.get(1..).unwrap_or_default().to_ascii_lowercase().into()
}

/// `1.2.3.4`, `1.2.3.` (tcprules(1)) and `10.0.0.0/8` (ucspi-tcp6).
fn network(address: &[u8]) -> Option<Network> {
    if let Some((front, bits)) = address.split_once_str("/") {
        let address: std::net::IpAddr = front.to_str().ok()?.parse().ok()?;
        return Network::new(address, bits.to_str().ok()?.parse().ok()?);
    }
    let open = address.ends_with(b".");
    let parts: Vec<&[u8]> = address.strip_suffix(b".").unwrap_or(address).split_str(".").collect();
    if parts.len() > 4 || (parts.len() < 4) != open {
        return None;
    }
    let mut octets = [0_u8; 4];
    for (part, octet) in parts.iter().zip(&mut octets) {
        *octet = part.to_str().ok()?.parse().ok()?;
    }
    Network::new(Ipv4Addr::from(octets).into(), u8::try_from(parts.len() * 8).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(address: &str) -> Vec<String> {
        let shown = |key: &BString| match client(key) {
            Client::Network(network) => network.to_string(),
            other => format!("{other:?}"),
        };
        expanded(address.as_bytes()).iter().map(shown).collect()
    }

    #[test]
    fn addresses_become_networks() {
        assert_eq!(networks("127."), ["127.0.0.0/8"]);
        assert_eq!(networks("192.168.10."), ["192.168.10.0/24"]);
        assert_eq!(networks("10.0.0.9-11"), ["10.0.0.9/32", "10.0.0.10/32", "10.0.0.11/32"]);
        assert_eq!(networks("10.1.2-3."), ["10.1.2.0/24", "10.1.3.0/24"]);
        assert_eq!(networks("203.0.113.66"), ["203.0.113.66/32"]);
        assert_eq!(networks("10.9.8.7/8"), ["10.0.0.0/8"]);
        assert_eq!(networks("1.2.3"), ["Other(\"1.2.3\")"]);
        assert_eq!(networks("joe@1.2.3.4"), ["Other(\"joe@1.2.3.4\")"]);
    }

    #[test]
    fn hosts_begin_with_an_equals_sign() {
        assert_eq!(client(b"=.Spam.example"), Client::HostsUnder(".spam.example".into()));
        assert_eq!(client(b"=a-b.example"), Client::Host("a-b.example".into()));
        assert_eq!(networks("=a1-3.example"), ["Host(\"a1-3.example\")"]);
        assert_eq!(client(b"="), Client::AnyNamed);
        assert_eq!(client(b""), Client::Default);
    }

    #[test]
    fn any_byte_quotes_a_value() {
        let file = Origin::file(&RelPath::new("etc/tcp.smtp"));
        let parsed = parse(b"127.:allow,RELAYCLIENT=\"\",X=/a,b/", &file).unwrap();
        assert!(parsed[0].1.relays());
        assert_eq!(parsed[0].1.variable("X").unwrap(), "a,b");
        assert!(!parse(b":deny", &file).unwrap()[0].1.allow);
        for bad in ["127.", "127.:maybe", "127.:allow,X", "127.:allow,X=\"a", "127.:allow X"] {
            assert!(parse(bad.as_bytes(), &file).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_database_counts_where_the_text_says_something_else() {
        let mut findings = Findings::default();
        let text = b"127.:allow,RELAYCLIENT=\"\"\n10.:allow,RELAYCLIENT=\"\"\n9.:deny\n";
        let text = from_text(text, &Origin::file(&RelPath::new("t")), &mut findings);
        let database = cdb::build(&[
            ("127.".into(), "+RELAYCLIENT=\0".into()),
            ("10.".into(), "D".into()),
            ("".into(), "".into()),
        ]);
        let live = from_database(&database, &RelPath::new("c"), &mut findings).unwrap();
        let rules = compared(&text, live, &mut findings);
        let shown: Vec<_> = rules.values().map(|r| (r.allow, r.relays(), r.origin.line)).collect();
        assert_eq!(shown, [(true, false, 0), (false, false, 0), (true, true, 1)]);
        let found: Vec<_> = findings.iter().map(|f| (f.code.id, f.subject.to_string())).collect();
        let stale = |key: &str| ("site-tcprules-stale", key.to_owned());
        assert_eq!(found, [stale("10."), stale("9."), stale("")]);
    }
}
