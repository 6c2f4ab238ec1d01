//! Texts for headers and footers, made fit for programs that copy bytes.

use bstr::ByteSlice as _;
use std::fmt::Write as _;

/// A header value in ASCII; other bytes become one encoded word (RFC 2047, Q).
pub(super) fn header(value: &[u8]) -> String {
    let line = value.split_str("\n").next().unwrap_or_default().trim_ascii();
    if line.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        return String::from_utf8_lossy(line).into_owned();
    }
    let charset = if line.to_str().is_ok() { "utf-8" } else { "iso-8859-1" };
    let mut word = format!("=?{charset}?Q?");
    for &byte in line {
        match byte {
            b' ' => word.push('_'),
            b if b.is_ascii_alphanumeric() => word.push(char::from(b)),
            b => {
                let _ = write!(word, "={b:02X}");
            }
        }
    }
    word + "?="
}

/// Whether a line is a header field that can be copied into every message as it is.
pub(super) fn is_header_line(line: &[u8]) -> bool {
    let Some((name, _)) = line.split_once_str(":") else {
        return false;
    };
    is_field_name(name)
        && line.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
        && !line.contains_str("<#")
}

/// Whether this can be the name of a header field.
pub(super) fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Whether this can be a MIME type.
pub(super) fn is_type(name: &[u8]) -> bool {
    let stands = |b: &u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+/".contains(b);
    !name.is_empty() && name.iter().all(stands)
}

/// A footer: lines that end in LF, without tags and control bytes.
pub(super) fn footer(text: &[u8]) -> String {
    let mut footer = String::new();
    for line in text.lines() {
        // Old versions put `!A` and `!R` where addresses were to be filled in.
        if line.contains_str("<#") || matches!(line, b"!A" | b"!R") {
            continue;
        }
        footer.extend(line.to_str_lossy().chars().filter(|c| !c.is_control() || *c == '\t'));
        footer.push('\n');
    }
    footer
}

#[cfg(test)]
mod tests {
    use super::{footer, header, is_header_line};

    #[test]
    fn headers_are_one_line_of_ascii() {
        assert_eq!(header(b"[club]\nX-Evil: 1"), "[club]");
        assert_eq!(header("[été 1]".as_bytes()), "=?utf-8?Q?=5B=C3=A9t=C3=A9_1=5D?=");
        assert_eq!(header(b"[\xe9]"), "=?iso-8859-1?Q?=5B=E9=5D?=");
    }

    #[test]
    fn only_whole_header_fields_are_copied() {
        assert!(is_header_line(b"Reply-To: a@b"));
        for bad in ["no colon", "A B: c", ": x", "X: a\tb", "X: <#n#>", "X: \u{e9}"] {
            assert!(!is_header_line(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_footer_ends_its_last_line() {
        assert_eq!(footer(b"--\nbye <#n#>\n!A\nlast"), "--\nlast\n");
    }
}
