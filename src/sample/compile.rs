//! What the old server's own programs would make of a text: databases and subscriber files.

use crate::source::cdb;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    /// `users/assign`, as qmail-newu(8) compiles it.
    Assign,
    /// `vpasswd`, as vmkpasswd(8) compiles it.
    Vpasswd,
    /// `morercpthosts`, as qmail-newmrh(8) compiles it.
    Hosts,
    /// `/etc/aliases`, as newaliases(1) of fastforward compiles it; names get no domain.
    Aliases,
    /// `tcp.smtp`, as tcprules(1) compiles it; values are quoted by `"`.
    Rules,
}

impl Database {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "assign" => Self::Assign,
            "vpasswd" => Self::Vpasswd,
            "hosts" => Self::Hosts,
            "aliases" => Self::Aliases,
            "tcprules" => Self::Rules,
            _ => return None,
        })
    }

    /// The database of a text.
    pub(super) fn compile(self, text: &[u8]) -> Vec<u8> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        let records: Vec<(BString, BString)> = match self {
            Self::Assign => return assign(text),
            Self::Vpasswd => lines.filter_map(|line| divided(line, ":")).collect(),
            Self::Hosts => {
                lines.map(|line| (line.to_ascii_lowercase().into(), BString::default())).collect()
            }
            Self::Aliases => lines.filter_map(alias).collect(),
            Self::Rules => lines.filter_map(rule).collect(),
        };
        cdb::build(&records)
    }
}

fn divided(line: &[u8], at: &str) -> Option<(BString, BString)> {
    let (key, data) = line.split_once_str(at)?;
    Some((key.into(), data.into()))
}

/// `name: target, target` as the key `:name@` and a record for each target.
fn alias(line: &[u8]) -> Option<(BString, BString)> {
    let (name, targets) = line.split_once_str(":")?;
    let at: &[u8] = if name.contains(&b'@') { b"" } else { b"@" };
    let mut data = BString::default();
    for target in targets.split_str(",").map(|target| target.trim_ascii().trim_with(|c| c == '"')) {
        let sign: &[u8] =
            if target.starts_with(b"|") || target.starts_with(b"/") { b"" } else { b"&" };
        data.extend_from_slice(&[sign, target, b"\0"].concat());
    }
    Some((BString::from([b":", &*name.to_ascii_lowercase(), at].concat()), data))
}

fn assign(text: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut breaks = BTreeSet::new();
    for line in text.lines().take_while(|line| !line.starts_with(b".")) {
        let Some((name, rest)) = divided(line, ":") else { continue };
        let mut key = BString::from("!");
        key.extend_from_slice(name.get(1..).unwrap_or_default());
        if name.starts_with(b"=") {
            key.push(0);
        } else if name.len() > 1 {
            breaks.extend(name.last().copied());
        }
        // The last colon ends the line.
        records.push((key, BString::from(rest.replace(":", "\0"))));
    }
    records.push((BString::default(), breaks.into_iter().collect::<Vec<u8>>().into()));
    cdb::build(&records)
}

fn rule(line: &[u8]) -> Option<(BString, BString)> {
    let (key, instructions) = divided(line, ":")?;
    let mut data = BString::default();
    let mut parts = instructions.split_str(",");
    if parts.next()? == b"deny" {
        data.push(b'D');
    }
    for part in parts {
        data.push(b'+');
        data.extend(part.iter().copied().filter(|byte| *byte != b'"'));
        data.push(0);
    }
    Some((key, data))
}

/// ezmlm's subscriber files, by name: `T` address NUL, in the file named by the hash of the record
/// in lower case (`subhash.c` of ezmlm-idx).
pub(super) fn members(text: &[u8]) -> BTreeMap<u8, BString> {
    let mut files: BTreeMap<u8, BString> = BTreeMap::new();
    for address in text.lines().filter(|line| !line.is_empty()) {
        let record = files.entry(subscriber_file(address.as_bstr())).or_default();
        record.extend_from_slice(&[b"T", address, b"\0"].concat());
    }
    files
}

fn subscriber_file(address: &BStr) -> u8 {
    let record = [b"T".as_slice(), &address.to_ascii_lowercase()].concat();
    let hash = record.iter().fold(5381_u32, |h, byte| h.wrapping_mul(33) ^ u32::from(*byte));
    64 + u8::try_from(hash % 53).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Database, members};
    use crate::source::cdb::records;

    fn compiled(kind: &str, text: &str) -> Vec<(String, String)> {
        let bytes = Database::named(kind).unwrap().compile(text.as_bytes());
        records(&bytes).unwrap().into_iter().map(|(k, d)| (k.to_string(), d.to_string())).collect()
    }

    #[test]
    fn databases_hold_what_their_programs_put_there() {
        let pair = |key: &str, data: &str| (key.to_owned(), data.to_owned());
        assert_eq!(
            compiled("assign", "+a.example-:a.example:89:89:/d:-::\n=joe:joe:1:1:/h:::\n.\n"),
            [
                pair("!a.example-", "a.example\x0089\x0089\0/d\0-\0\0"),
                pair("!joe\0", "joe\x001\x001\0/h\0\0\0"),
                pair("", "-"),
            ]
        );
        assert_eq!(compiled("vpasswd", "a:b:c\n"), [pair("a", "b:c")]);
        assert_eq!(compiled("hosts", "#x\nA.example\n"), [pair("a.example", "")]);
        assert_eq!(
            compiled("tcprules", "127.:allow,RELAYCLIENT=\"\"\n:deny\n"),
            [pair("127.", "+RELAYCLIENT=\0"), pair("", "D")]
        );
    }

    #[test]
    fn a_member_is_in_the_file_of_its_hash() {
        let files = members(b"joe@example.org\nJOE@example.org\n");
        assert_eq!(files.len(), 1);
        assert_eq!(files.values().next().unwrap(), "Tjoe@example.org\0TJOE@example.org\0");
    }
}
