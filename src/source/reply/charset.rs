//! Texts in the character sets and transfer encodings that answers are written in (RFC 2045).

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use bstr::ByteSlice as _;

/// A text in UTF-8. Where no character set is named, bytes that are no UTF-8 are those of a web
/// page of its time, which means Windows-1252. `None` for a set that is not known.
pub(super) fn to_utf8(bytes: &[u8], named: Option<&str>) -> Option<String> {
    let name = named.map(str::to_ascii_lowercase);
    match name.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => {
            Some(bytes.to_str().map_or_else(|_| windows_1252(bytes), str::to_owned))
        }
        Some("iso-8859-1" | "latin1" | "windows-1252" | "cp1252") => Some(windows_1252(bytes)),
        Some("iso-8859-15" | "latin9") => Some(bytes.iter().copied().map(latin_9).collect()),
        Some(_) => None,
    }
}

/// The characters of bytes from 0x80 to 0x9f; a space for the five that have none.
const HIGH: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

fn windows_1252(bytes: &[u8]) -> String {
    let char_of = |byte: u8| match byte {
        0x80..=0x9f => HIGH.chars().nth(usize::from(byte - 0x80)).unwrap_or(' '),
        byte => char::from(byte),
    };
    bytes.iter().copied().map(char_of).collect()
}

fn latin_9(byte: u8) -> char {
    match byte {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        byte => char::from(byte),
    }
}

/// A body without its transfer encoding; `None` for one that is not known or damaged.
pub(super) fn decoded(body: &[u8], encoding: Option<&str>) -> Option<Vec<u8>> {
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "7bit" | "8bit" | "binary") => Some(body.to_vec()),
        Some("quoted-printable") => Some(quoted_printable(body)),
        Some("base64") => {
            let text: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            let config = GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent);
            GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).ok()
        }
        Some(_) => None,
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let end = if line.ends_with(b"\n") { b"\n".as_slice() } else { b"" };
        let line = line.trim_ascii_end();
        let (line, end) = line.strip_suffix(b"=").map_or((line, end), |line| (line, b""));
        let mut rest = line;
        while let Some((&byte, after)) = rest.split_first() {
            let hex = after.get(..2).filter(|_| byte == b'=').and_then(|hex| hex.to_str().ok());
            let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            text.push(decoded.unwrap_or(byte));
            rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
        }
        text.extend_from_slice(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{decoded, to_utf8};

    #[test]
    fn old_sets_become_utf_8() {
        assert_eq!(to_utf8(b"\xe9\x80", None).unwrap(), "é€");
        assert_eq!(to_utf8("é".as_bytes(), None).unwrap(), "é");
        assert_eq!(to_utf8(b"\xa4", Some("ISO-8859-15")).unwrap(), "€");
        assert_eq!(to_utf8(b"x", Some("koi8-r")), None);
    }

    #[test]
    fn transfer_encodings_are_taken_off() {
        assert_eq!(decoded(b"a=E9=\nb  \n=", Some("Quoted-Printable")).unwrap(), b"a\xe9b\n");
        assert_eq!(decoded(b"aGk=\n", Some("base64")).unwrap(), b"hi");
        assert_eq!(decoded(b"?", Some("base64")), None);
        assert_eq!(decoded(b"x", Some("x-uuencode")), None);
    }
}
