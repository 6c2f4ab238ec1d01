//! `courierimapuiddb`: the UIDs of a folder (`imapscanclient.C`, Courier-IMAP 4.14 and 5.0).
//!
//! ```text
//! 1 UIDVALIDITY NEXTUID
//! UID FILENAME
//! ```
//!
//! FILENAME is what stands before the flags, and may hold blanks.

use crate::model::memory::{LARGEST_UID, Numbers};
use crate::model::quota::leading_number;
use bstr::{BStr, ByteSlice as _};

/// Reads the file.
///
/// # Errors
/// Says what is wrong where nothing in it can be believed; Courier numbered such a folder anew.
///
/// ```
/// let numbers = unqmail::source::courier::uids(b"1 700000000 9\n3 a b\n8 c\n").unwrap();
/// assert_eq!((numbers.validity, numbers.next, numbers.uid("a b".into())), (700000000, 9, Some(3)));
/// assert!(unqmail::source::courier::uids(b"2 700000000 9\n").is_err());
/// ```
pub fn uids(bytes: &[u8]) -> Result<Numbers<'_>, &'static str> {
    let mut lines = bytes.split_str("\n");
    let mut header = fields(lines.next().unwrap_or_default());
    if header.next() != Some(b"1") {
        return Err("its first line does not begin with 1");
    }
    let mut number = || u32::try_from(strict_number(header.next()?)?).ok();
    let (Some(validity), Some(next)) = (number(), number()) else {
        return Err("its first line has no three numbers of 32 bits");
    };
    if validity == 0 || next == 0 || next > LARGEST_UID {
        return Err("its first line has a number that is no UIDVALIDITY or no UIDNEXT");
    }
    let mut numbers = Numbers { validity, next, ..Numbers::default() };
    // A line is at least a digit, a blank, a letter and its end.
    numbers.uids.reserve_exact(bytes.find_iter("\n").count().min(bytes.len() / 4));
    // Every line ends with LF; what follows the last one was cut short.
    let mut pending = lines.next();
    while let Some(line) = pending {
        pending = lines.next();
        if pending.is_none() && line.is_empty() {
            break;
        }
        match record(line) {
            Some((uid, name)) if pending.is_some() => numbers.uids.push((name, uid)),
            _ => numbers.odd_lines += 1,
        }
    }
    settle(&mut numbers);
    Ok(numbers)
}

/// The header's numbers and the UIDs must fit each other: a UID that is not below UIDNEXT raises
/// it, one that stands for two messages counts for the first, and of two lines about one message
/// the later counts.
fn settle(numbers: &mut Numbers<'_>) {
    let uids = &mut numbers.uids;
    let before = uids.len();
    if !uids.is_sorted_by(|a, b| a.1 < b.1) {
        uids.sort_by_key(|(_, uid)| *uid);
        uids.dedup_by_key(|(_, uid)| *uid);
    }
    if let Some((_, last)) = uids.last()
        && *last >= numbers.next
    {
        numbers.next = last + 1;
        numbers.odd_lines += 1;
    }
    uids.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
    uids.dedup_by_key(|(name, _)| *name);
    numbers.odd_lines += before - uids.len();
}

fn record(line: &[u8]) -> Option<(u32, &BStr)> {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, name) = line.split_at_checked(digits)?;
    let uid = u32::try_from(strict_number(number)?).ok()?;
    let name = name.trim_ascii_start().as_bstr();
    // A name with a `/` is no name of a file.
    ((1..LARGEST_UID).contains(&uid) && !name.is_empty() && !name.contains(&b'/'))
        .then_some((uid, name))
}

/// The parts of a line that blanks divide.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// A field of digits and nothing else.
pub(super) fn strict_number(field: &[u8]) -> Option<u64> {
    let is_number = !field.is_empty() && field.len() < 20 && field.iter().all(u8::is_ascii_digit);
    is_number.then(|| leading_number(field))
}

#[cfg(test)]
mod tests {
    use super::uids;
    use crate::model::memory::LARGEST_UID;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn read(text: &str) -> (u32, u32, Vec<(String, u32)>, usize) {
        let numbers = uids(text.as_bytes()).unwrap();
        let uids = numbers.uids.iter().map(|(name, uid)| (name.to_string(), *uid)).collect();
        (numbers.validity, numbers.next, uids, numbers.odd_lines)
    }

    #[test]
    fn a_whole_file_is_read() {
        let text = "1 712345678 4\n1 17.M1P1.mx,S=90\n3 17.M2P2.mx with blanks\n";
        let uids = vec![("17.M1P1.mx,S=90".into(), 1), ("17.M2P2.mx with blanks".into(), 3)];
        assert_eq!(read(text), (712_345_678, 4, uids, 0));
        assert_eq!(read("1 5 1\n"), (5, 1, vec![], 0));
    }

    #[test]
    fn lines_that_contradict_others_are_counted() {
        let one = |text: &str| {
            let (_, next, uids, odd) = read(text);
            (next, uids, odd)
        };
        // A UID twice, a name twice, one above UIDNEXT, a line cut short, words.
        assert_eq!(one("1 5 9\n3 a\n3 b\n"), (9, vec![("a".into(), 3)], 1));
        assert_eq!(one("1 5 9\n3 a\n4 a\n"), (9, vec![("a".into(), 4)], 1));
        assert_eq!(one("1 5 9\n12 a\n"), (13, vec![("a".into(), 12)], 1));
        assert_eq!(one("1 5 9\n3 a\n4 b"), (9, vec![("a".into(), 3)], 1));
        assert_eq!(one("1 5 9\nx\n0 a\n4 ../b\n\n7\n"), (9, vec![], 5));
    }

    #[test]
    fn a_file_without_a_sane_head_is_refused() {
        for bad in
            ["", "\n", "1\n", "1 2\n", "2 5 6\n", "1 0 6\n", "1 5 0\n", "1 x 6\n", "11 5 6\n"]
        {
            assert!(uids(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(uids(b"1 4294967296 6\n").is_err() && uids(b"1 5 4294967295\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            head in prop::sample::select(vec!["", "1 5 9\n", "1 5 4293000000\n"]),
            rest in prop::collection::vec("[0-9]{0,10} ?[ab/\n]{0,3}", 0..40),
        ) {
            let text = format!("{head}{}", rest.concat());
            if let Ok(numbers) = uids(text.as_bytes()) {
                let uids: BTreeSet<u32> = numbers.uids.iter().map(|(_, uid)| *uid).collect();
                prop_assert_eq!(uids.len(), numbers.uids.len());
                prop_assert!(uids.iter().all(|uid| (1..numbers.next).contains(uid)));
                prop_assert!(numbers.next <= LARGEST_UID);
                prop_assert!(numbers.uids.is_sorted_by(|a, b| a.0 < b.0));
            }
        }

        #[test]
        fn noise_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(uids(&bytes));
        }
    }
}
