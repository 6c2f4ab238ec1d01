//! `Log`: who was put into a list and taken out of it, a line each (`log.c`).
//!
//! `SECONDS EVENT ADDRESS[ COMMENT]`, where EVENT is `+` or `-` and a word that may be missing, and the
//! comment of a `+` is what stood in the `From:` header. The file is only ever added to, and a line
//! may be cut short.

use crate::finding::Findings;
use crate::fsys::root::Root;
use crate::model::list::{Joined, Log, name_in};
use crate::model::{Address, RelPath, Sourced};
use crate::source::read_file;
use bstr::ByteSlice as _;
use std::collections::BTreeSet;

/// When those who are in a database came into it, as far as the log beside it knows.
pub(super) fn read(
    root: &Root,
    folder: &RelPath,
    members: &[Sourced<Address>],
    findings: &mut Findings,
) -> Log {
    if members.is_empty() {
        return Log::new();
    }
    let Some(text) = read_file(root, &folder.join("Log"), findings) else { return Log::new() };
    let wanted: BTreeSet<Address> = members.iter().map(|member| member.value.to_lower()).collect();
    let mut log = Log::new();
    for (address, joined) in text.lines().filter_map(entry) {
        if wanted.contains(&address) {
            log.insert(address, joined);
        }
    }
    log
}

/// The address that a line puts in, in lower case, and what it says of it. Who was put in twice, or
/// taken out in between, came with the last line.
fn entry(line: &[u8]) -> Option<(Address, Joined)> {
    let (seconds, rest) = line.split_once_str(" ")?;
    let when = seconds.to_str().ok()?.parse().ok()?;
    let rest = rest.strip_prefix(b"+")?;
    // 0.53 has no blank between its `+` and the address.
    let (word, behind) = rest.split_once_str(" ").unwrap_or((rest, b""));
    let (address, comment) = if word.contains(&b'@') {
        (word, behind)
    } else {
        behind.split_once_str(" ").unwrap_or((behind, b""))
    };
    let address = Address::parse(address)?.to_lower();
    Some((address, Joined { when, name: name_in(comment.as_bstr()) }))
}

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn lines_that_put_somebody_in_are_read_and_others_are_not() {
        let read = |line: &str| {
            let (address, joined) = entry(line.as_bytes())?;
            Some(format!("{address} {} {}", joined.when, joined.name))
        };
        let is =
            |line: &str, wanted: &str| assert_eq!(read(line).as_deref(), Some(wanted), "{line}");
        is("1700000000 + Eve@Example.org", "eve@example.org 1700000000 ");
        is("1700000000 +manual eve@example.org", "eve@example.org 1700000000 ");
        is(
            "1700000000 + eve@example.org Eve Doe <eve@example.org>",
            "eve@example.org 1700000000 Eve Doe",
        );
        is("1700000000 +eve@example.org", "eve@example.org 1700000000 ");
        for bad in
            ["", "1 - eve@example.org", "x + eve@example.org", "1700000000 +", "1 + eve", "1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
