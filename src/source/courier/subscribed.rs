//! `courierimapsubscribed`: the folders that a user's mail program shows (`imapd.C`, Courier-IMAP
//! 4.14 and 5.0). One name a line, `INBOX` or `INBOX.Folder`; what else stands there, `#shared`
//! folders among it, Courier does not answer to LSUB.

use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// The folders by their name on the disk, `.Folder`, each once in the order of the file; empty for
/// INBOX.
///
/// ```
/// let names = unqmail::source::courier::subscribed(b"INBOX.Sent\n#shared.x\ninbox\nINBOX.Sent\n");
/// assert_eq!(names, [".Sent", ""]);
/// ```
pub fn subscribed(bytes: &[u8]) -> Vec<BString> {
    let mut seen = BTreeSet::new();
    let folder = |line: &[u8]| {
        let (front, rest) = line.split_at_checked(5)?;
        let is_inbox = front.eq_ignore_ascii_case(b"INBOX");
        let is_folder = rest.starts_with(b".") && rest.len() > 1 && !rest.contains(&b'/');
        (is_inbox && (rest.is_empty() || is_folder)).then(|| BString::from(rest))
    };
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.trim_end_with(|c| c == '\r'));
    lines.filter_map(folder).filter(|name| seen.insert(name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::subscribed;
    use proptest::prelude::*;

    #[test]
    fn folders_that_are_gone_stay_and_odd_lines_go() {
        let text = b"INBOX.Gone\n\nINBOX.\nINBOXfoo\nshared.x\nINBOX.a/b\nInbox.Sent\nINBOX";
        assert_eq!(subscribed(text), [".Gone", ".Sent", ""]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for name in subscribed(&bytes) {
                prop_assert!(name.is_empty() || name.starts_with(b"."));
                prop_assert!(!name.contains(&b'\n'));
            }
        }
    }
}
