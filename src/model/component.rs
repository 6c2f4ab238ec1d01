//! Names as path components: no name of the old server can leave its place on the new one.

use bstr::{BString, ByteSlice as _};

/// Longest component that every file system takes, with room for a suffix, in bytes.
const LONGEST: usize = 200;

/// Encodes a name as one path component: `/`, `%`, a leading `.`, control bytes and bytes that are
/// not UTF-8 become `%XX`; the result is never empty, `.` or `..`, and no two names share one.
///
/// ```
/// use unqmail::model::component;
/// assert_eq!(component(b"jean.dupont"), "jean.dupont");
/// assert_eq!(component(b"../a/b"), "%2E./a/b".replace('/', "%2F"));
/// ```
pub fn component(name: &[u8]) -> BString {
    let mut encoded = BString::default();
    let escape = |encoded: &mut BString, bytes: &[u8]| {
        encoded.extend(bytes.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()));
    };
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            if c.is_control() || c == '/' || c == '%' || (c == '.' && encoded.is_empty()) {
                escape(&mut encoded, bytes);
            } else {
                encoded.extend_from_slice(bytes);
            }
        }
        escape(&mut encoded, chunk.invalid());
    }
    if encoded.is_empty() {
        return "%".into();
    }
    if encoded.len() > LONGEST {
        let digest = blake3::hash(name).to_hex();
        let mut cut = LONGEST - 40;
        while encoded.get(..cut).is_none_or(|front| front.to_str().is_err()) {
            cut -= 1;
        }
        encoded.truncate(cut);
        encoded.extend_from_slice(b"%%");
        encoded.extend(digest.bytes().take(32));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::component;
    use proptest::prelude::*;

    #[test]
    fn dangerous_names_lose_their_danger() {
        assert_eq!(component(b""), "%");
        assert_eq!(component(b"."), "%2E");
        assert_eq!(component(b".."), "%2E.");
        assert_eq!(component(b"a/../b"), "a%2F..%2Fb");
        assert_eq!(component(b"a\nb\x7f"), "a%0Ab%7F");
        assert_eq!(component(b"\xe9t\xe9"), "%E9t%E9");
        assert_eq!(component("été".as_bytes()), "été");
        assert_eq!(component(b"%2E"), "%252E");
    }

    proptest! {
        #[test]
        fn a_component_is_one(name in proptest::collection::vec(any::<u8>(), 0..300)) {
            let encoded = component(&name);
            prop_assert!(!encoded.is_empty() && encoded.len() <= 255);
            prop_assert!(!encoded.contains(&b'/') && !encoded.contains(&0) && !encoded.starts_with(b"."));
        }

        #[test]
        fn no_two_names_share_one(
            a in proptest::collection::vec(any::<u8>(), 0..8), b in proptest::collection::vec(any::<u8>(), 0..8)
        ) {
            prop_assert_eq!(component(&a) == component(&b), a == b);
        }
    }
}
