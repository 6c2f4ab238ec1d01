//! How messages of a Maildir are told apart, and in which order they came.

use bstr::{BStr, ByteSlice as _};
use std::cmp::Ordering;

pub use crate::model::memory::unique as base;

/// The order in which Dovecot numbers new messages: by the seconds in front of the name, then by
/// the microseconds that follow `M`, then by the name (`maildir_filename_sort_cmp`).
pub(super) fn arrival(name: &BStr) -> (u64, u64, &BStr) {
    let (seconds, rest) = number(name);
    let unique = rest.strip_prefix(b".").unwrap_or_default();
    let unique = unique.split_once_str(".").map_or(unique, |(unique, _)| unique);
    let micros = unique.find_byte(b'M').and_then(|at| unique.get(at + 1..));
    (seconds, micros.map_or(0, |rest| number(rest).0), name)
}

/// The order in which Courier lists messages to POP3 clients: by the number in front of the name,
/// then byte by byte, as signed numbers (`msglist::operator<` in `pop3dserver.C`).
pub(super) fn courier_order(a: &BStr, b: &BStr) -> Ordering {
    #[expect(clippy::cast_possible_wrap, reason = "bytes are signed there")]
    let signed = |byte: &u8| *byte as i8;
    number(a).0.cmp(&number(b).0).then_with(|| a.iter().map(signed).cmp(b.iter().map(signed)))
}

/// The number in front and what follows it.
fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (front, rest) = text.split_at_checked(digits).unwrap_or((text, b""));
    (crate::model::quota::leading_number(front), rest)
}

#[cfg(test)]
mod tests {
    use super::{arrival, courier_order};
    use bstr::BStr;
    use std::cmp::Ordering::{Greater, Less};

    #[test]
    fn arrivals_are_sorted_by_time_and_then_by_microseconds() {
        let sorted = ["9.x", "17.M2P1.mx", "17.M10P1.mx", "18.a", "18.b"];
        assert!(sorted.is_sorted_by_key(|name| arrival(BStr::new(name))));
    }

    #[test]
    fn courier_sorts_by_number_and_then_by_signed_bytes() {
        let order = |a: &[u8], b: &[u8]| courier_order(BStr::new(a), BStr::new(b));
        assert_eq!(order(b"9.z", b"10.a"), Less);
        assert_eq!(order(b"17.M10", b"17.M2"), Less);
        assert_eq!(order(b"17.\xe9", b"17.a"), Less);
        assert_eq!(order(b"17.ab", b"17.a"), Greater);
    }
}
