//! Addresses and texts as Postfix's tables spell them. No text of the old server leaves its column.

use crate::model::{Address, shown};
use bstr::{BString, ByteSlice as _};

/// An address as a table key or value, in external form: the local part is quoted exactly where
/// Postfix quotes it before it looks it up (measured on 3.7 and 3.10; RFC 5322 dot-atom).
pub(super) fn address(address: &Address) -> BString {
    [local_part(address.local.as_ref()).as_slice(), b"@", address.domain.as_ref()].concat().into()
}

/// A local part in external form.
pub(super) fn local_part(local: &[u8]) -> BString {
    let special = |b: &u8| b.is_ascii_control() || b" \"(),:;<>@[\\]".contains(b);
    let dots = local.starts_with(b".") || local.ends_with(b".") || local.contains_str("..");
    if !local.is_empty() && !dots && !local.iter().any(special) {
        return local.into();
    }
    let mut quoted = BString::from("\"");
    for &byte in local {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

/// Bytes as a POSIX extended regular expression between slashes that matches them and nothing else.
pub(super) fn regexp(text: &[u8]) -> BString {
    let mut escaped = BString::default();
    for &byte in text {
        if b".[\\()*+?{|^$/".contains(&byte) {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

/// The bytes of `LOGIN_NAME_BYTES` but `@`, for a bracket expression; no slash, which would end it.
pub(super) const USUAL: &str = "!#$&'*+.-9=?A-Z^-~-";

/// A regular expression for local parts, in external form, with a byte that no account's name may
/// hold, and for the empty one.
pub(super) fn odd_names() -> Vec<u8> {
    format!("([^\"@]*[^\"@{USUAL}][^\"@]*|\"(.*[^{USUAL}].*)?\")").into_bytes()
}

/// An address as the replacement text of a regexp table, where `$` begins a reference.
pub(super) fn replacement(text: &[u8]) -> BString {
    text.replace("$", "$$").into()
}

/// A text for a reply or a bounce: one line of printable ASCII, of a length that every server
/// takes, without `$`.
pub(super) fn reply(text: &[u8]) -> String {
    let line = shown(text.split_str("\n").next().unwrap_or_default()).to_string();
    let plain: String = line
        .chars()
        .filter(|c| (c.is_ascii_graphic() || *c == ' ') && *c != '$')
        .take(200)
        .collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_postfix_quotes_is_quoted() {
        let local = |text: &str| local_part(text.as_bytes()).to_string();
        assert_eq!(local("joe.o'neil+x=y/z{}~!#$%&*?^`|"), "joe.o'neil+x=y/z{}~!#$%&*?^`|");
        assert_eq!(local("a b"), "\"a b\"");
        assert_eq!(local("a\"\\b"), r#""a\"\\b""#);
        assert_eq!(local(".x"), "\".x\"");
        assert_eq!(local("x..y"), "\"x..y\"");
        assert_eq!(local("a:b"), "\"a:b\"");
        assert_eq!(local(""), "\"\"");
    }

    #[test]
    fn names_that_no_account_can_have_are_odd() {
        use crate::model::design::LOGIN_NAME_BYTES;
        let odd = format!("^{}$", String::from_utf8(odd_names()).unwrap());
        let odd = regex::bytes::RegexBuilder::new(&odd).unicode(false).build().unwrap();
        for byte in 0..=255_u8 {
            let name = local_part(&[b'a', byte, b'b']);
            let usual = byte != b'@' && LOGIN_NAME_BYTES.as_bytes().contains(&byte);
            assert_eq!(odd.is_match(&name), !usual, "{name:?}");
        }
        assert!(odd.is_match(&local_part(b"")) && !odd.is_match(&local_part(b".x")));
    }

    #[test]
    fn replies_are_one_plain_line() {
        assert_eq!(reply(b"  moved\tto $x \nnext"), r"moved\x09to x");
        assert_eq!(reply("caf\u{e9}".as_bytes()), "caf");
        assert_eq!(reply(&[b'a'; 999]).len(), 200);
    }

    proptest! {
        #[test]
        fn a_key_never_leaves_its_column(local in proptest::collection::vec(any::<u8>(), 1..20)) {
            prop_assume!(!local.iter().any(u8::is_ascii_control));
            let key = local_part(&local);
            prop_assert!(!key.contains(&b' ') || key.starts_with(b"\""));
            prop_assert!(!key.contains(&b'\n'));
        }

        #[test]
        fn a_reply_never_leaves_its_line(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let reply = reply(&text);
            prop_assert!(reply.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        }
    }
}
