//! `courierimapacl`: who may do what with a folder (`maildiraclt.h` and `maildiracl.html`,
//! Courier-IMAP 4.14 and 5.0). Lines `IDENTIFIER RIGHTS`; Courier writes one with its defaults into
//! every folder.

use crate::model::memory::Grant;
use bstr::ByteSlice as _;

/// The rights that an owner has where nothing is said.
const ALL: &[u8] = b"aceilrstwx";

/// The grants that differ from the defaults: empty where the owner may do everything and nobody
/// else anything. `administrators` are a group that only Courier's own accounts could be in.
///
/// ```
/// use unqmail::source::courier::acl;
/// assert!(acl(b"owner aceilrstwx\nadministrators aceilrstwx\n").is_empty());
/// assert_eq!(acl(b"owner aceilrstwx\nuser=eve@x.example lrs\n").len(), 2);
/// ```
pub fn acl(bytes: &[u8]) -> Vec<Grant> {
    let grant = |line: &[u8]| {
        let (identifier, rights) = line.rsplit_once_str(" ")?;
        let is_name = !identifier.is_empty() && !identifier.iter().any(u8::is_ascii_control);
        let name = identifier.strip_prefix(b"-").unwrap_or(identifier);
        let is_known = matches!(name, b"owner" | b"anyone" | b"anonymous")
            || name.starts_with(b"user=")
            || name.starts_with(b"group=");
        let rights = rights.iter().copied().filter(|right| ALL.contains(right));
        (is_name && is_known).then(|| Grant {
            identifier: identifier.into(),
            rights: rights.collect::<Vec<_>>().into(),
        })
    };
    let grants: Vec<Grant> = bytes.lines().filter_map(grant).collect();
    let is_default = |grant: &Grant| {
        grant.identifier == "owner" && ALL.iter().all(|right| grant.rights.contains(right))
    };
    if grants.iter().all(is_default) { Vec::new() } else { grants }
}

#[cfg(test)]
mod tests {
    use super::acl;
    use proptest::prelude::*;

    #[test]
    fn what_differs_from_the_defaults_is_kept_whole() {
        let grants = acl(b"owner lrs\n-user=bob@x r\nbroken\nsomebody lrs\ngroup=a b lr\n");
        let told: Vec<_> =
            grants.iter().map(|g| format!("{}:{}", g.identifier, g.rights)).collect();
        assert_eq!(told, ["owner:lrs", "-user=bob@x:r", "group=a b:lr"]);
        assert!(acl(b"").is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(acl(&bytes));
        }
    }
}
