//! `courierpop3dsizelist`: the UIDLs of an INBOX (`pop3dserver.C`, Courier-IMAP 4.14 and 5.0).
//!
//! ```text
//! /3 NEXT VALIDITY                version 3
//! FILENAME SIZE N:VALIDITY:UTF8
//! /2 NEXT VALIDITY                version 2
//! FILENAME SIZE N:VALIDITY
//! /1 NEXT                         version 1
//! FILENAME SIZE N
//! FILENAME SIZE                   version 0
//! ```
//!
//! FILENAME may have flags and hold blanks, so lines are read from the right. N = 0 stands for the
//! name itself (`print_uidl`).

use super::uids::{fields, strict_number};
use crate::model::memory::{PopNames, Uidl, unique};
use bstr::{BStr, ByteSlice as _};
use std::collections::BTreeSet;

/// Reads the file.
///
/// # Errors
/// Says what is wrong where nothing in it can be believed; Courier named such mail anew.
///
/// ```
/// use unqmail::model::memory::Uidl;
/// let names = unqmail::source::courier::sizelist(b"/2 3 17\na b:2,S 93 2:17\n").unwrap();
/// assert_eq!(names.uidl("a b".into()), Some(Uidl::Number(2, 17)));
/// ```
pub fn sizelist(bytes: &[u8]) -> Result<PopNames<'_>, &'static str> {
    let mut lines = bytes.split_str("\n").peekable();
    let mut names = PopNames::default();
    let mut version = 0;
    if bytes.starts_with(b"/") {
        let mut header = fields(lines.next().and_then(|line| line.get(1..)).unwrap_or_default());
        let mut number = || strict_number(header.next()?);
        version =
            number().filter(|version| (1..=3).contains(version)).ok_or("an unknown version")?;
        number().ok_or("its first line has no number of the next message")?;
        names.validity = if version == 1 { 0 } else { number().unwrap_or(0) };
    }
    // A line is at least a letter, a digit, a blank and its end.
    names.uidls.reserve_exact(bytes.find_iter("\n").count().min(bytes.len() / 4));
    while let Some(line) = lines.next() {
        let is_whole = lines.peek().is_some();
        if !is_whole && line.is_empty() {
            break;
        }
        match record(line, version) {
            Some(record) if is_whole => names.uidls.push(record),
            _ => names.odd_lines += 1,
        }
    }
    // A text of any other kind has no version either.
    if version == 0 && names.uidls.is_empty() && names.odd_lines > 0 {
        return Err("it has neither a version nor a line with a name and a size");
    }
    settle(&mut names);
    Ok(names)
}

/// Two messages must never have one UIDL: the first keeps it, the other gets its own name. Of two
/// lines about one message the first counts, as for Courier.
fn settle(names: &mut PopNames<'_>) {
    let before = names.uidls.len();
    if !names.uidls.is_sorted_by_key(|(name, _)| *name) {
        names.uidls.sort_by_key(|(name, _)| *name);
    }
    names.uidls.dedup_by_key(|(name, _)| *name);
    names.odd_lines += before - names.uidls.len();
    let numbered = |uidl: &Uidl| match uidl {
        Uidl::Number(number, validity) => Some((*number, *validity)),
        Uidl::Name => None,
    };
    let numbers = || names.uidls.iter().filter_map(|(_, uidl)| numbered(uidl));
    if numbers().is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut seen: Vec<(u64, u64)> = numbers().collect();
    seen.sort_unstable();
    let twice: Vec<(u64, u64)> =
        seen.windows(2).filter(|pair| pair.first() == pair.last()).flatten().copied().collect();
    let mut given = BTreeSet::new();
    for (_, uidl) in &mut names.uidls {
        let number = numbered(uidl).filter(|number| twice.binary_search(number).is_ok());
        if number.is_some_and(|number| !given.insert(number)) {
            *uidl = Uidl::Name;
            names.odd_lines += 1;
        }
    }
}

/// What stands before the last blank, and what behind it.
fn last_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.rfind_byte(b' ')?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

fn record(line: &[u8], version: u64) -> Option<(&BStr, Uidl)> {
    let (rest, last) = last_field(line)?;
    let (name, size, uidl) = if version == 0 {
        (rest, last, Uidl::Name)
    } else {
        let (name, size) = last_field(rest)?;
        let mut parts = last.split(|byte| *byte == b':');
        let number = strict_number(parts.next()?)?;
        let validity = if version == 1 { 0 } else { strict_number(parts.next()?)? };
        let uidl = if number == 0 { Uidl::Name } else { Uidl::Number(number, validity) };
        (name, size, uidl)
    };
    strict_number(size)?;
    let name = unique(name);
    (!name.is_empty() && !name.contains(&b'/')).then_some((name, uidl))
}

#[cfg(test)]
mod tests {
    use super::sizelist;
    use crate::model::memory::Uidl::{self, Name, Number};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn read(text: &str) -> (u64, Vec<(String, Uidl)>, usize) {
        let names = sizelist(text.as_bytes()).unwrap();
        let uidls = names.uidls.iter().map(|(name, uidl)| (name.to_string(), *uidl)).collect();
        (names.validity, uidls, names.odd_lines)
    }

    #[test]
    fn all_four_versions_are_read() {
        let a = |uidl| vec![("a,S=9".to_owned(), uidl)];
        assert_eq!(read("/3 3 17\na,S=9:2,S 93 1:16:0\n"), (17, a(Number(1, 16)), 0));
        assert_eq!(read("/2 3 17\na,S=9:2, 93 0:17\n"), (17, a(Name), 0));
        assert_eq!(read("/2 3 17\na,S=9:2, 93 4:0\n"), (17, a(Number(4, 0)), 0));
        assert_eq!(read("/1 3\na,S=9 93 2\n"), (0, a(Number(2, 0)), 0));
        assert_eq!(read("a,S=9:2,S 93\n"), (0, a(Name), 0));
        assert_eq!(read("/2 3\n"), (0, vec![], 0));
        assert_eq!(read(""), (0, vec![], 0));
    }

    #[test]
    fn contradictions_are_counted_and_no_uidl_stands_twice() {
        let text = "/2 9 17\na 1 3:17\nb 1 3:17\na 1 4:17\nc 1\nd 1 x:17\ne 1 5:17";
        let uidls = vec![("a".into(), Number(3, 17)), ("b".into(), Name)];
        assert_eq!(read(text), (17, uidls, 5));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["/4 1 1\n", "/x\n", "/2\n", "no list at all\n", "\0\0\0"] {
            assert!(sizelist(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            head in prop::sample::select(vec!["", "/1 9\n", "/2 9 9\n", "/3 9 9\n"]),
            rest in prop::collection::vec("[ab:]{0,2} [0-9]{0,2} [0-9]{0,2}:?[0-9]?\n?", 0..30),
        ) {
            if let Ok(names) = sizelist(format!("{head}{}", rest.concat()).as_bytes()) {
                prop_assert!(names.uidls.is_sorted_by(|a, b| a.0 < b.0));
                let numbered = |uidl: &Uidl| match uidl { Number(n, v) => Some((*n, *v)), Name => None };
                let all: Vec<_> = names.uidls.iter().filter_map(|(_, uidl)| numbered(uidl)).collect();
                prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
            }
        }

        #[test]
        fn noise_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(sizelist(&bytes));
        }
    }
}
