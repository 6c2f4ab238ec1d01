//! `dovecot-acl`: who may do what with a folder (plugin acl, driver vfile; RFC 4314). Lines
//! `IDENTIFIER RIGHTS`; an identifier with odd bytes stands in quotes.

use crate::model::memory::Grant;
use bstr::{BString, ByteSlice as _};

/// The file's name in a folder.
pub const FILE: &str = "dovecot-acl";

/// Writes the file. Where the owner is not named, he has every right, as on the old server.
pub fn render(grants: &[Grant]) -> Vec<u8> {
    let mut text = Vec::new();
    if !grants.iter().any(|grant| grant.identifier == "owner") {
        text.extend_from_slice(b"owner lrwstipekxa\n");
    }
    for grant in grants {
        let identifier = grant.identifier.replace("anonymous", "anyone");
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
        let identifier = if identifier.iter().all(is_plain) {
            identifier
        } else {
            let escaped = identifier.replace("\\", "\\\\").replace("\"", "\\\"");
            [b"\"".as_slice(), &escaped, b"\""].concat()
        };
        let mut rights = BString::default();
        for right in grant.rights.iter() {
            match right {
                b'c' => rights.push(b'k'),
                // Who may put a message there may have it delivered there.
                b'i' => rights.extend_from_slice(b"ip"),
                other => rights.push(*other),
            }
        }
        text.extend_from_slice(&[identifier.as_slice(), b" ", &rights, b"\n"].concat());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::model::memory::Grant;

    #[test]
    fn rights_get_dovecots_letters() {
        let grant = |identifier: &str, rights: &str| Grant {
            identifier: identifier.into(),
            rights: rights.into(),
        };
        let grants = [grant("user=eve@x.example", "lrs"), grant("-group=a \"b", "acilrs")];
        assert_eq!(
            render(&grants),
            b"owner lrwstipekxa\nuser=eve@x.example lrs\n\"-group=a \\\"b\" akiplrs\n"
        );
        assert_eq!(
            render(&[grant("owner", "lr"), grant("anonymous", "l")]),
            b"owner lr\nanyone l\n"
        );
    }
}
