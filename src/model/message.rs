//! File names of messages in a Maildir (maildir(5)).

use super::memory::unique;
use bstr::{BStr, BString, ByteSlice as _, ByteVec as _};

/// Whether Dovecot reads a name as it is meant, and can add all flags and keywords to it. It takes
/// everything up to the first `:` for the name, keeps names in the lines of a file, where an empty one
/// spoils all of it, and believes a size with line ends of two bytes, `,W=`, which nobody has counted: a
/// wrong one breaks the message even where sizes in names are not to be believed
/// (`maildir_broken_filename_sizes`, 2.3.19).
///
/// ```
/// use unqmail::model::message::is_plain;
/// assert!(is_plain(b"1700000000.M1P2.mx,S=5:2,FS") && is_plain(b"with blanks:2,"));
/// assert!(!is_plain(b"1700000000.M1:P2:2,S") && !is_plain(b"two\nlines") && !is_plain(b"1.x,W=7"));
/// ```
pub fn is_plain(name: &[u8]) -> bool {
    let is_odd = |byte: &u8| *byte == b':' || byte.is_ascii_control();
    let unique = unique(name);
    let has_size = unique.windows(SIZE.len()).any(|front| front == SIZE);
    (1..=LONGEST).contains(&unique.len()) && !unique.iter().any(is_odd) && !has_size
}

/// So many of the 255 bytes of a file name are left by `:2,`, six flags and 26 keywords.
const LONGEST: usize = 220;

/// The size that is not believed.
const SIZE: &[u8] = b",W=";

/// The name of a message's copy: its own, made plain, with the letters of its keywords behind its
/// flags. Small letters that it had there meant nothing to Courier, so they go.
///
/// ```
/// use unqmail::model::message::renamed;
/// assert_eq!(renamed(b"1.mx,S=5:2,FS", b"bc"), "1.mx,S=5:2,FSbc");
/// assert_eq!(renamed(b"1.mx:2,Sa", b""), "1.mx:2,S");
/// assert_eq!(renamed(b"1.mx", b""), "1.mx");
/// ```
pub fn renamed(name: &[u8], letters: &[u8]) -> BString {
    let own = unique(name);
    let info = name.get(own.len()..).unwrap_or_default();
    let mut new = if is_plain(name) { own.to_owned() } else { plain(own) };
    match info.strip_prefix(b":2,") {
        Some(flags) => {
            let end = flags.find_byte(b',').unwrap_or(flags.len());
            let (flags, rest) = flags.split_at(end);
            new.push_str(b":2,");
            new.extend(flags.iter().filter(|flag| !flag.is_ascii_lowercase()));
            new.push_str(letters);
            new.push_str(rest);
        }
        None if letters.is_empty() => new.push_str(info),
        None => {
            new.push_str(b":2,");
            new.push_str(letters);
        }
    }
    new
}

/// Replaces what makes a name odd, and tells it from others by a digest of the old one.
fn plain(own: &BStr) -> BString {
    // Room for what is added, and for flags, in the 255 bytes of a file name.
    let own_bytes = own.get(..own.len().min(200)).unwrap_or_default();
    let fit = own_bytes.iter().map(|byte| match byte {
        b':' | b'\0'..=b'\x1f' | b'\x7f' => b'_',
        other => *other,
    });
    let digest: String = blake3::hash(own).to_hex().chars().take(8).collect();
    let mut name: Vec<u8> = fit.collect::<Vec<u8>>().replace(SIZE, b",w=");
    name.extend_from_slice(b",U=");
    name.extend_from_slice(digest.as_bytes());
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{is_plain, renamed};
    use crate::model::memory::unique;
    use proptest::prelude::*;

    #[test]
    fn odd_names_become_plain_and_stay_apart() {
        let (a, b) = (renamed(b"1.M:2.mx:2,S", b"a"), renamed(b"1.M\n2.mx:2,S", b"a"));
        assert!(a.starts_with(b"1.M_2.mx,U=") && a.ends_with(b":2,Sa"), "{a}");
        assert_ne!(unique(&a), unique(&b));
        assert_eq!(renamed(b"1.mx:1,x", b""), "1.mx:1,x");
        assert!(
            renamed(b":2,S", b"").starts_with(b",U=") && renamed(b":2,S", b"").ends_with(b":2,S")
        );
        assert!(renamed(b"1.x,S=5,W=7:2,", b"").starts_with(b"1.x,S=5,w=7,U="));
        assert_eq!(renamed(b"1.mx:2,RSb,junk", b"a"), "1.mx:2,RSa,junk");
        assert_eq!(renamed(b"1.mx", b"a"), "1.mx:2,a");
        let long = [&[b'x'; 250], b":2,S".as_slice()].concat();
        assert_eq!(renamed(&long, b"abc").len(), 200 + ",U=12345678:2,Sabc".len());
    }

    proptest! {
        #[test]
        fn a_renamed_message_is_plain_and_stays_as_it_is(name in prop::collection::vec(1_u8.., 1..60)) {
            let once = renamed(&name, b"");
            prop_assert!(is_plain(&once), "{once}");
            prop_assert_eq!(renamed(&once, b""), once);
        }
    }
}
