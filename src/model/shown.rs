//! Bytes of the site made fit for a person's screen.

use std::borrow::Cow;
use std::fmt;

/// Displays hostile bytes: valid UTF-8 as text, control and direction-changing characters and
/// stray bytes as `\xNN` or `\u{NNNN}`, so that no name can move a cursor or forge a line.
///
/// ```
/// assert_eq!(unqmail::model::shown(b"a\x1b[2Jb\xff").to_string(), r"a\x1b[2Jb\xff");
/// ```
pub fn shown<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Shown<'_> {
    Shown(bytes.as_ref())
}

/// What [`shown`] returns; the bytes are escaped while they are displayed.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    _ if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    _ if c.is_control() || changes_direction(c) => {
                        write!(f, "\\u{{{:04x}}}", u32::from(c))?;
                    }
                    _ => write!(f, "{c}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Bidirectional controls, line separators and invisible characters that can forge a report line.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Bytes for a cell of a CSV file: a spreadsheet would take one that begins so for a formula.
pub fn cell(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => [b"'", bytes].concat().into(),
        _ => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cell, shown};

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(*cell(b"=1+1@x"), *b"'=1+1@x");
        assert_eq!(*cell(b"joe@x"), *b"joe@x");
    }

    #[test]
    fn text_stays_text_and_controls_are_spelled_out() {
        assert_eq!(shown("é a\nb").to_string(), r"é a\x0ab");
        assert_eq!(shown(b"\xe9t\xe9").to_string(), r"\xe9t\xe9");
        assert_eq!(shown("a\u{202e}b").to_string(), r"a\u{202e}b");
    }
}
