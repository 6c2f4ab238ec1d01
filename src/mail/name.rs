//! Names of Maildir messages (maildir(5)).

use bstr::{BStr, ByteSlice as _};

/// The part of a name that stays when flags change: what stands before the last `:2,`.
///
/// ```
/// assert_eq!(unqmail::mail::base(b"1700000000.M1P2.mx,S=5:2,FS"), "1700000000.M1P2.mx,S=5");
/// assert_eq!(unqmail::mail::base(b"1700000000.M1P2.mx"), "1700000000.M1P2.mx");
/// ```
pub fn base(name: &[u8]) -> &BStr {
    name.rsplit_once_str(":2,").map_or(name, |(base, _)| base).as_bstr()
}
