//! Programs that pipe(8) runs: what each is told, in files of shell words.

use super::maps::Maps;
use super::{Error, Files};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// What the names of their transports begin with.
pub(super) const SERVICE: &[u8] = b"unqmail-";

/// The command line of each, by its number.
pub(super) fn read(maps: &Maps, files: &dyn Files) -> Result<BTreeMap<BString, BString>, Error> {
    let mut programs = BTreeMap::new();
    for number in maps.next_hops_of(|name| name.starts_with(SERVICE)) {
        let path = RelPath::new("etc/postfix/unqmail/pipes").join(number);
        let text = files.read(&path)?.ok_or_else(|| Error::Missing(path.clone()))?;
        let line = value(&text, "line").ok_or_else(|| Error::Malformed {
            path,
            line: 0,
            what: "it names no command line".to_owned(),
        })?;
        programs.insert(number.to_owned(), line);
    }
    Ok(programs)
}

/// The value of a variable that is set by `NAME=WORD`, as the shell reads the word.
fn value(text: &[u8], name: &str) -> Option<BString> {
    let front = [b"\n", name.as_bytes(), b"="].concat();
    let (_, rest) = text.split_once_str(&front)?;
    let (mut word, mut quoted) = (BString::default(), false);
    let mut bytes = rest.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => quoted = !quoted,
            b'\\' if !quoted => word.extend(bytes.next()),
            b'\n' if !quoted => return Some(word),
            byte => word.push(byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn a_word_is_read_as_the_shell_reads_it() {
        let text = b"# line='x'\nline='it'\\''s \n $x'\nhost='h'\n";
        assert_eq!(value(text, "line").unwrap(), "it's \n $x");
        assert_eq!(value(text, "host").unwrap(), "h");
        assert_eq!(value(text, "user"), None);
    }
}
