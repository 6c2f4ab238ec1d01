//! Text files read line by line, as qmail's `control.c` reads them.

use crate::model::{Origin, Sourced};
use bstr::{BString, ByteSlice as _};

/// The first line without blanks and tabs at its end; a `#` or a carriage return is kept
/// (`control_readline`). `None` never: an empty file holds an empty line.
///
/// ```
/// assert_eq!(unqmail::source::lines::first_line(b"mx.example \nmore"), "mx.example");
/// ```
pub fn first_line(bytes: &[u8]) -> BString {
    trimmed(bytes.split_str("\n").next().unwrap_or_default()).into()
}

/// The digits at the front of the first line; `None` where there is none (`control_readint`).
pub fn number(bytes: &[u8]) -> Option<u64> {
    let line = first_line(bytes);
    let digits = line.find_not_byteset(b"0123456789").unwrap_or(line.len());
    let digits = line.get(..digits)?.to_str().ok()?;
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u64::MAX)) }
}

/// Every line that is neither empty nor a comment, with its number (`control_readfile`): blanks and
/// tabs at the end go, those at the front stay, a NUL divides a line in two.
pub fn list(bytes: &[u8], file: &Origin) -> Vec<Sourced<BString>> {
    numbered(bytes)
        .flat_map(|(number, line)| line.split_str("\0").map(move |part| (number, part)))
        .map(|(number, line)| (number, trimmed(line)))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
        .map(|(number, line)| Sourced::new(line.into(), file.at(number)))
        .collect()
}

/// Every line with its number from 1, without its LF; what follows the last LF counts if it is
/// not empty.
pub fn numbered(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let empty = bytes.is_empty();
    (1..).zip(text.split_str("\n")).take_while(move |_| !empty)
}

/// Without blanks and tabs at the end.
pub fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_end_with(|c| matches!(c, ' ' | '\t' | '\n'))
}

#[cfg(test)]
mod tests {
    use super::{first_line, list, number, numbered};
    use crate::model::{Origin, RelPath};

    #[test]
    fn a_list_keeps_leading_blanks_and_carriage_returns() {
        let file = Origin::file(&RelPath::new("f"));
        let lines = list(b"# no\na \n\n #yes\nb\r\nc\0d\nlast", &file);
        let seen: Vec<_> = lines.iter().map(|l| (l.value.to_string(), l.origin.line)).collect();
        let want = [("a", 2), (" #yes", 4), ("b\r", 5), ("c", 6), ("d", 6), ("last", 7)];
        assert_eq!(seen, want.map(|(text, line)| (text.to_owned(), line)));
    }

    #[test]
    fn numbers_stand_at_the_front_of_the_first_line() {
        assert_eq!(number(b"100k\n"), Some(100));
        assert_eq!(number(b"-5\n"), None);
        assert_eq!(number(b" 5\n"), None);
        assert_eq!(number(b""), None);
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
    }

    #[test]
    fn an_empty_file_has_an_empty_first_line_and_no_lines() {
        assert_eq!(first_line(b""), "");
        assert_eq!(numbered(b"").count(), 0);
        assert_eq!(numbered(b"\n").count(), 1);
        assert_eq!(numbered(b"a\nb").count(), 2);
    }
}
