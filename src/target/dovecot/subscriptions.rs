//! `subscriptions`: the folders that a user's mail program shows (`subscription-file.c`, Dovecot 2.3
//! and 2.4, version 1): one name a line in modified UTF-7, levels divided by `.`, without the
//! namespace's prefix. A folder that is gone may stand there, and is told to clients as before.

use crate::model::folder::{is_portable, portable};
use bstr::BString;
use std::collections::BTreeSet;

/// The file's name in a mailbox.
pub const FILE: &str = "subscriptions";

/// Names longer than this are refused (`mailbox_name_max_length`).
const LONGEST: usize = 255;

/// Writes the file for folders by their name on the disk, `.Folder`; empty for INBOX.
pub fn render<'a>(folders: impl Iterator<Item = &'a BString>) -> Vec<u8> {
    let mut seen = BTreeSet::new();
    let mut text = Vec::new();
    for folder in folders {
        let name = match folder.as_slice() {
            b"" => BString::from("INBOX"),
            name if is_portable(name) => name.get(1..).unwrap_or_default().into(),
            name => portable(name).get(1..).unwrap_or_default().into(),
        };
        if name.len() <= LONGEST && seen.insert(name.clone()) {
            text.extend_from_slice(&name);
            text.push(b'\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;
    use bstr::BString;

    #[test]
    fn names_are_told_as_dovecot_knows_them() {
        let long = BString::from(format!(".{}", "x".repeat(256)));
        let names = [".Sent".into(), "".into(), BString::from(".Entwürfe"), long, ".Sent".into()];
        assert_eq!(render(names.iter()), b"Sent\nINBOX\nEntw&APw-rfe\n");
    }
}
