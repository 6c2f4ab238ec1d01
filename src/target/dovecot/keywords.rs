//! `dovecot-keywords`: which small letter behind a message's flags stands for which keyword
//! (`maildir-keywords.c`, Dovecot 2.3 and 2.4). Lines `N KEYWORD`, N from 0 for `a` to 25 for `z`.

use bstr::{BString, ByteSlice as _};
use std::io::Write as _;

/// The file's name in a folder.
pub const FILE: &str = "dovecot-keywords";

/// Writes the file for keywords in the order of their letters.
pub fn render<'a>(names: impl Iterator<Item = &'a BString>) -> Vec<u8> {
    let mut text = Vec::new();
    for (number, name) in names.enumerate() {
        // Writing to memory cannot fail.
        let _ = write!(text, "{number} ").is_ok();
        text.extend_from_slice(name);
        text.push(b'\n');
    }
    text
}

/// Reads the letters that a file gives: keyword and letter.
pub fn letters(text: &[u8]) -> Vec<(BString, u8)> {
    let letter = |line: &[u8]| {
        let (number, name) = line.split_once_str(" ")?;
        let number: u8 = number.to_str().ok()?.parse().ok().filter(|number| *number < 26)?;
        Some((name.into(), b'a' + number))
    };
    text.lines().filter_map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::{letters, render};
    use bstr::BString;

    #[test]
    fn what_is_written_is_read_again() {
        let names = [BString::from("$Label1"), "Junk".into()];
        let text = render(names.iter());
        assert_eq!(text, b"0 $Label1\n1 Junk\n");
        assert_eq!(letters(&text), [("$Label1".into(), b'a'), ("Junk".into(), b'b')]);
        assert!(letters(b"x y\n26 z\n3\n").is_empty());
    }
}
