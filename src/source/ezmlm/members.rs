//! Subscriber databases: 53 files of NUL-ended records (`sub-std.c` of ezmlm-idx, `subscribe.c` of
//! ezmlm 0.53).

use super::dump::Dump;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::{Kind, root::Root};
use crate::model::list::Log;
use crate::model::{Address, Origin, RelPath, SharedDomains, Sourced, shown};
use crate::source::{LARGEST_FILE, unlistable, unreadable};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// What the addresses of a database are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The list sends to them: they stand in a file named by their first byte.
    Members,
    /// They are let in or kept out when they post; an entry `@host` is everybody there.
    Senders,
}

/// The databases of one list.
pub(super) struct Databases<'a> {
    pub root: &'a Root,
    /// The list's folder, links followed.
    pub list: &'a RelPath,
    /// What the list has in a database, and the file that tells it.
    pub dump: Option<(Origin, Dump)>,
}

impl Databases<'_> {
    /// Who is in a database, sorted; addresses that differ by case only count once.
    pub(super) fn read(
        &self,
        folder: &RelPath,
        purpose: Purpose,
        findings: &mut Findings,
    ) -> Vec<Sourced<Address>> {
        let mut members = Members::new(purpose);
        let below = folder.strip_prefix(self.list);
        let dumped = self
            .dump
            .as_ref()
            .zip(below)
            .and_then(|((origin, dump), below)| Some((origin, dump.of(below)?)));
        match dumped {
            Some((origin, rows)) => {
                for (address, line) in rows {
                    members.add(address, &origin.at(*line), findings);
                }
            }
            None => self.read_files(folder, &mut members, findings),
        }
        members.found.into_values().collect()
    }

    /// When those in a database came into it, as far as a dump tells; `None` without a dump.
    pub(super) fn log(&self, folder: &RelPath) -> Option<Log> {
        let (_, dump) = self.dump.as_ref()?;
        Some(dump.log(folder.strip_prefix(self.list)?))
    }

    /// Reads `FOLDER/subscribers`. A missing folder is an empty database.
    fn read_files(&self, folder: &RelPath, members: &mut Members, findings: &mut Findings) {
        let folder = folder.join("subscribers");
        let open = self.root.folder(&folder).and_then(|it| Ok((self.root.list_open(&it)?, it)));
        let (entries, open) = match open {
            Ok(open) => open,
            Err(error) if error.is_missing() => return,
            Err(error) => {
                findings.push(unlistable(&folder, &error));
                return;
            }
        };
        for entry in entries {
            // One byte from `@` to `t`; two-byte names that end in `n` are files being written.
            let &[name @ b'@'..=b't'] = entry.name.as_slice() else {
                continue;
            };
            let path = folder.join([name]);
            // Nobody needs one, and it could lead to a file that is nobody's to read.
            if entry.kind == Kind::Link {
                findings.push(unreadable(&path, &"it is a link"));
                continue;
            }
            let bytes = match self.root.read_within(&open, &entry.name.to_str_lossy(), LARGEST_FILE)
            {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(error) => {
                    findings.push(unreadable(&path, &error));
                    continue;
                }
            };
            let origin = Origin::file(&path);
            for record in records(&bytes) {
                match record {
                    Ok(address) => members.add(address, &origin, findings),
                    Err(bytes) => findings.push(malformed(&origin, bytes)),
                }
            }
        }
    }
}

/// The addresses of one database, by their lower case.
struct Members {
    purpose: Purpose,
    found: BTreeMap<Address, Sourced<Address>>,
    domains: SharedDomains,
}

impl Members {
    fn new(purpose: Purpose) -> Self {
        Self { purpose, found: BTreeMap::new(), domains: SharedDomains::default() }
    }

    fn add(&mut self, text: &[u8], origin: &Origin, findings: &mut Findings) {
        match Address::parse(text).filter(|address| is_usable(address, self.purpose)) {
            Some(address) => {
                let address = self.domains.share(address);
                let sourced = || Sourced::new(address.clone(), origin.clone());
                self.found.entry(address.to_lower()).or_insert_with(sourced);
            }
            None => findings.push(malformed(origin, text)),
        }
    }
}

/// Records `T` address NUL; `Err` holds the bytes of one that does not begin or end so.
fn records(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], &[u8]>> {
    let (whole, rest) =
        bytes.rsplit_once_str("\0").map_or((None, bytes), |(whole, rest)| (Some(whole), rest));
    let whole = whole.into_iter().flat_map(|whole| whole.split_str("\0"));
    whole
        .map(|record| record.strip_prefix(b"T").ok_or(record))
        .chain(Some(rest).filter(|rest| !rest.is_empty()).map(Err))
}

/// An address that can stand in a member file of any list manager: no control bytes, no blanks, no
/// comma or quote, a host that is one, no `-` in front, where programs look for options, and no `.`
/// or `/`, which name no file.
fn is_usable(address: &Address, purpose: Purpose) -> bool {
    let local = address.local.as_bstr();
    let odd = |b: &u8| b.is_ascii_control() || *b >= 0x80 || b" \"(),:;<>@[\\]".contains(b);
    let stands = match local.first() {
        Some(first) => purpose == Purpose::Senders || !b"-./".contains(first),
        None => purpose == Purpose::Senders,
    };
    stands && !local.iter().any(odd) && address.domain.is_plain()
}

fn malformed(origin: &Origin, record: &[u8]) -> Finding {
    let record = record.get(..100).unwrap_or(record);
    Finding::new(
        &code::LIST_MEMBER_MALFORMED,
        Disposition::Dropped,
        origin.clone(),
        record,
        format!("{} is no address that a list can send to", shown(record)),
        "the record is left out of the new list",
    )
}

#[cfg(test)]
mod tests {
    use super::{Purpose, is_usable, records};
    use crate::model::Address;

    #[test]
    fn records_begin_with_t_and_end_with_nul() {
        let seen: Vec<_> = records(b"Ta@b\0x\0Tc@d\0Tcut").collect();
        assert_eq!(seen, [Ok(b"a@b".as_slice()), Err(b"x".as_slice()), Ok(b"c@d"), Err(b"Tcut")]);
        assert_eq!(records(b"").count(), 0);
    }

    #[test]
    fn an_address_that_could_become_a_line_an_option_or_a_path_is_refused() {
        let usable =
            |text: &str| is_usable(&Address::parse(text.as_bytes()).unwrap(), Purpose::Members);
        assert!(usable("joe.o'neil+x@example.org"));
        for bad in [
            "a\nb@c.d",
            "-x@c.d",
            ".x@c.d",
            "/x@c.d",
            "\"a\"@c.d",
            "a,b@c.d",
            "a b@c.d",
            "@c.d",
            "a@c d",
            "a@",
            "é@c.d",
        ] {
            assert!(!usable(bad), "{bad:?}");
        }
    }

    #[test]
    fn everybody_at_a_host_is_an_entry_for_senders_only() {
        let usable =
            |text: &str, purpose| is_usable(&Address::parse(text.as_bytes()).unwrap(), purpose);
        assert!(!usable("@c.d", Purpose::Members));
        assert!(usable("@c.d", Purpose::Senders));
        assert!(usable("/x@c.d", Purpose::Senders));
        assert!(!usable("@c d", Purpose::Senders));
        assert!(!usable("a\nb@c.d", Purpose::Senders));
    }
}
