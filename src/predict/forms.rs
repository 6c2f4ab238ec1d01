//! Addresses as Postfix writes and reads them in tables.

use crate::model::Address;
use bstr::{BStr, BString, ByteSlice};

/// An address as Postfix looks it up: the local part is quoted where it is no dot-atom.
pub(super) fn external(address: &Address) -> BString {
    let local = address.local.as_bstr();
    let is_atom = |part: &[u8]| {
        !part.is_empty()
            && part.iter().all(|b| !b.is_ascii_control() && !b" \"(),:;<>@[\\]".contains(b))
    };
    if local.split_str(".").all(is_atom) {
        return address.to_bytes();
    }
    let quoted: Vec<u8> = local
        .iter()
        .flat_map(|b| if b"\"\\".contains(b) { vec![b'\\', *b] } else { vec![*b] })
        .collect();
    [b"\"", quoted.as_slice(), b"\"@", address.domain.as_ref()].concat().into()
}

/// The bytes behind an external form.
pub(super) fn internal(text: &BStr) -> BString {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return text.to_owned();
    };
    let Some((local, domain)) = quoted.rsplit_once_str("\"@") else {
        return text.to_owned();
    };
    let mut plain = BString::default();
    let mut bytes = local.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.extend(if byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    [plain.as_slice(), b"@", domain].concat().into()
}

/// Divides a value at commas and blanks outside quotes.
pub(super) fn addresses(value: &BStr) -> impl Iterator<Item = &BStr> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |byte| {
        if !quoted && b", \t".contains(byte) {
            return true;
        }
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        false
    });
    parts.filter(|part| !part.is_empty()).map(ByteSlice::as_bstr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DomainName;

    #[test]
    fn external_and_internal_forms_are_each_others_inverse() {
        for local in ["joe", "a b", "a\"b\\c", ".x", "x..y", "", "o'neil"] {
            let address = Address::new(local, &DomainName::new("x.example"));
            assert_eq!(internal(external(&address).as_bstr()), address.to_bytes(), "{local:?}");
        }
        assert_eq!(external(&Address::parse(b"a b@x").unwrap()), "\"a b\"@x");
    }

    #[test]
    fn values_are_divided_outside_quotes() {
        let found: Vec<_> = addresses(b"a@x, \"b, c\"@y\td@z".as_bstr()).collect();
        assert_eq!(found, ["a@x", "\"b, c\"@y", "d@z"]);
    }
}
