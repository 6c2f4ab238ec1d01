//! Names of mail folders (Maildir++, RFC 3501 5.1.3).

use bstr::{BString, ByteSlice as _};

/// The longest name that is made: it leaves room for a number behind it in the 255 bytes that both a
/// file system and Dovecot allow.
const LONGEST: usize = 240;

/// Whether Dovecot can open a Maildir++ folder of this name, its leading dot included: no part is
/// empty, each is printable ASCII in modified UTF-7, and it does not begin with `~`, which stands for
/// somebody's home (`mailbox_list_is_valid_name`), nor is it `INBOX`, which is another folder.
///
/// ```
/// use unqmail::model::folder::is_portable;
/// assert!(is_portable(b".Entw&APw-rfe.2023"));
/// assert!(!is_portable(".Entwürfe".as_bytes()) && !is_portable(b".a..b") && !is_portable(b".a."));
/// ```
pub fn is_portable(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b".") else { return false };
    !rest.starts_with(b"~")
        && rest != b"INBOX"
        && rest.split_str(".").all(|part| !part.is_empty() && is_modified_utf7(part))
}

/// The name that a folder's owner meant, as Dovecot can open it: text in UTF-8, else in ISO 8859-1,
/// becomes modified UTF-7; an empty part, a control character and a `~` in front become `_`, and
/// `INBOX` gets one in front. A name that would be too long loses its end.
///
/// ```
/// use unqmail::model::folder::portable;
/// assert_eq!(portable(".Entwürfe.2023".as_bytes()), ".Entw&APw-rfe.2023");
/// assert_eq!(portable(b".Entw\xfcrfe.R&D."), ".Entw&APw-rfe.R&-D._");
/// ```
pub fn portable(name: &[u8]) -> BString {
    let text = match std::str::from_utf8(name) {
        Ok(text) => text.to_owned(),
        Err(_) => name.iter().copied().map(char::from).collect(),
    };
    let text = text.strip_prefix('.').unwrap_or(&text);
    let mut text = match text.strip_prefix('~') {
        Some(rest) => format!("_{rest}"),
        None if text == "INBOX" => "_INBOX".to_owned(),
        None => text.to_owned(),
    };
    loop {
        let parts = text.split('.');
        let parts =
            parts.map(|part| if part.is_empty() { "_".into() } else { modified_utf7(part) });
        let name = parts.fold(BString::default(), |name, part| {
            [name.as_slice(), b".", part.as_bytes()].concat().into()
        });
        if name.len() <= LONGEST || text.pop().is_none() {
            return name;
        }
    }
}

/// What a folder's name means, its leading dot included: modified UTF-7 is decoded, and what is none
/// stands for itself.
///
/// ```
/// use unqmail::model::folder::meant;
/// assert_eq!(meant(b".Entw&APw-rfe.R&-D"), ".Entwürfe.R&D");
/// ```
pub fn meant(name: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some(at) = rest.find_byte(b'&') {
        let (front, shifted) = rest.split_at(at);
        text.push_str(&front.to_str_lossy());
        let end = shifted.find_byte(b'-').unwrap_or(0);
        let digits = shifted.get(1..end).unwrap_or_default();
        let (decoded, length) =
            match units(digits).and_then(|units| String::from_utf16(&units).ok()) {
                _ if end == 1 => ("&".to_owned(), 2),
                Some(decoded) if end > 1 => (decoded, end + 1),
                _ => ("&".to_owned(), 1),
            };
        text.push_str(&decoded);
        rest = shifted.get(length..).unwrap_or_default();
    }
    text + &rest.to_str_lossy()
}

/// Encodes text (RFC 3501 5.1.3).
fn modified_utf7(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut encoded = String::new();
    let (mut bits, mut held, mut shifted) = (0_u32, 0, false);
    let digit = |bits: u32| DIGITS.get((bits & 0x3f) as usize).copied().map_or('A', char::from);
    // The end is marked by a character that ends a shift and is then taken off.
    for letter in text.chars().chain(['.']) {
        let letter = if letter.is_control() { '_' } else { letter };
        if letter.is_ascii() {
            if shifted {
                if held > 0 {
                    encoded.push(digit(bits << (6 - held)));
                }
                encoded.push('-');
                (bits, held, shifted) = (0, 0, false);
            }
            encoded.push(letter);
            if letter == '&' {
                encoded.push('-');
            }
            continue;
        }
        if !shifted {
            encoded.push('&');
            shifted = true;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            bits = bits << 16 | u32::from(*unit);
            held += 16;
            while held >= 6 {
                held -= 6;
                encoded.push(digit(bits >> held));
            }
            bits &= (1 << held) - 1;
        }
    }
    encoded.pop();
    encoded
}

fn is_modified_utf7(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find_byte(b'&') {
        let (front, shifted) = rest.split_at(at);
        let Some(end) = shifted.find_byte(b'-') else { return false };
        let digits = shifted.get(1..end).unwrap_or_default();
        if !is_printable(front) || !(digits.is_empty() || is_shifted(digits)) {
            return false;
        }
        rest = shifted.get(end + 1..).unwrap_or_default();
    }
    is_printable(rest)
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// Whether base64 digits hold whole UTF-16 units that need the shift.
fn is_shifted(digits: &[u8]) -> bool {
    let printable = |unit: &u16| (0x20..0x7f).contains(unit);
    units(digits)
        .is_some_and(|units| !units.iter().any(printable) && String::from_utf16(&units).is_ok())
}

/// The UTF-16 units that base64 digits hold; `None` where something is left over.
fn units(digits: &[u8]) -> Option<Vec<u16>> {
    let mut bits: u32 = 0;
    let mut held = 0;
    let mut units = Vec::new();
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x3f_ffff;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push(u16::try_from(bits >> held & 0xffff).unwrap_or_default());
        }
    }
    let padding = bits & ((1 << held) - 1);
    (held < 6 && padding == 0).then_some(units)
}

#[cfg(test)]
mod tests {
    use super::{is_portable, meant, portable};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_made_portable_is(name in prop::collection::vec(any::<u8>(), 1..40)) {
            prop_assert!(is_portable(&portable(&name)), "{:?}", portable(&name));
        }

        #[test]
        fn what_a_portable_name_means_is_made_portable_again(name in "\\.[a-z&é日😀.-]{1,20}") {
            let name = portable(name.as_bytes());
            prop_assert_eq!(portable(meant(&name).as_bytes()), name);
        }

        #[test]
        fn what_is_long_is_cut_to_fit(name in "\\.[aé日.]{200,255}") {
            let name = portable(name.as_bytes());
            prop_assert!(is_portable(&name) && name.len() <= 240, "{name}");
        }
    }

    #[test]
    fn names_keep_what_their_owner_meant() {
        for (meant, name) in [
            (".Réunion", ".R&AOk-union"),
            (".日本", ".&ZeVnLA-"),
            (".😀.x", ".&2D3eAA-.x"),
            (".a\tb", ".a_b"),
            (".~", "._"),
            (".INBOX", "._INBOX"),
            (".INBOX.a", ".INBOX.a"),
            (".&AGE-", ".&-AGE-"),
        ] {
            assert_eq!(portable(meant.as_bytes()), name);
        }
    }

    #[test]
    fn shifted_text_is_whole_and_needed() {
        for good in [".Sent", ".a.b", ".&-", ".R&AOk-union", ".&2DzfyQ-", ".a b", ".a.~peter"] {
            assert!(is_portable(good.as_bytes()), "{good}");
        }
        for bad in [
            ".&",
            ".&AOk",
            ".&AO-",
            ".&AGE-",
            ".&2Dw-",
            ".&A!k-",
            ".",
            "..",
            ".a..b",
            ".tab\t",
            ".é",
            "Sent",
            ".~peter.mail",
        ] {
            assert!(!is_portable(bad.as_bytes()), "{bad}");
        }
    }
}
