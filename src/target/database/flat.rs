//! The flat tables that the database stands for.

use crate::model::RelPath;
use crate::target::{Artifact, Content};
use bstr::ByteSlice as _;
use std::sync::Arc;

/// Takes a table out of the files.
pub(super) fn take(files: &mut Vec<Artifact>, path: &str) -> Arc<Vec<u8>> {
    let path = RelPath::new(path);
    let at = files.iter().position(|file| file.path == path);
    at.map(|at| files.remove(at).shared()).unwrap_or_default()
}

/// Its rows: key and value.
pub(super) fn rows(table: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = table.lines().filter(|line| !line.starts_with(b"#"));
    lines.map(|line| {
        let (key, rest) = line.split_at_checked(key_end(line)).unwrap_or((line, b""));
        (key, rest.strip_prefix(b" ").unwrap_or(rest))
    })
}

/// Where the key ends: at the first blank outside a local part in quotes.
fn key_end(line: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |&byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b' ' => return !quoted,
            _ => {}
        }
        false
    };
    line.iter().position(is_end).unwrap_or(line.len())
}

/// Leaves out the rows of a table whose key is not wanted.
pub(super) fn retain(files: &mut [Artifact], path: &str, is_wanted: impl Fn(&[u8]) -> bool) {
    let path = RelPath::new(path);
    let Some(file) = files.iter_mut().find(|file| file.path == path) else { return };
    let left = file
        .bytes()
        .lines_with_terminator()
        .filter(|line| line.starts_with(b"#") || line.get(..key_end(line)).is_none_or(&is_wanted));
    file.content = Content::file(left.collect::<Vec<_>>().concat());
}

#[cfg(test)]
mod tests {
    use super::{Artifact, retain, rows};

    #[test]
    fn a_key_in_quotes_may_hold_a_blank() {
        let table = b"# about\n\"a \\\" b\"@x c@y, d@z\nplain@x e@y\n";
        let found: Vec<_> = rows(table).collect();
        assert_eq!(
            found,
            [(b"\"a \\\" b\"@x".as_slice(), b"c@y, d@z".as_slice()), (b"plain@x", b"e@y")]
        );
        let mut files = [Artifact::text("t", table.as_slice())];
        retain(&mut files, "t", |key| key == b"plain@x");
        assert_eq!(files[0].bytes(), b"# about\nplain@x e@y\n");
    }
}
