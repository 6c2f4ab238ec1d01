//! Reads `main.cf` (postconf(5)).

use super::Error;
use crate::model::RelPath;
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// Logical lines `name = value`; a line that begins with a blank goes on with the one before it,
/// comments and empty lines between them notwithstanding. Of equal names the last counts.
pub(super) fn parse(path: &RelPath, text: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let malformed = |what: &str| Error::Malformed {
            path: path.clone(),
            line: number,
            what: what.to_owned(),
        };
        let line = line.to_str().map_err(|_| malformed("not UTF-8"))?;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let name = current
                .as_ref()
                .ok_or_else(|| malformed("a continuation without a line before it"))?;
            let value = settings.entry(name.clone()).or_default();
            value.push(' ');
            value.push_str(trimmed);
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| malformed("no `=` in the line"))?;
        let name = name.trim().to_owned();
        settings.insert(name.clone(), value.trim().to_owned());
        current = Some(name);
    }
    Ok(settings)
}

/// Divides a value at commas and blanks outside braces.
pub(super) fn words(value: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0_u32;
    for c in value.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == ',' || c.is_whitespace()) {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::{parse, words};
    use crate::model::RelPath;

    #[test]
    fn lines_go_on_and_the_last_of_a_name_counts() {
        let settings = parse(&RelPath::new("m"), b"a = 1\n# c\nb = x,\n\n  y\na=2\n").unwrap();
        assert_eq!(settings["a"], "2");
        assert_eq!(settings["b"], "x, y");
        assert!(parse(&RelPath::new("m"), b"nonsense\n").is_err());
        assert!(parse(&RelPath::new("m"), b" lost\n").is_err());
    }

    #[test]
    fn braces_hold_words_together() {
        assert_eq!(words("lmdb:a, pipemap:{b:c, d:e}  f"), ["lmdb:a", "pipemap:{b:c, d:e}", "f"]);
    }
}
