//! `courierimapacl`: who may do what with a folder (`maildiraclt.h` and `maildiracl.html`,
//! Courier-IMAP 4.14 and 5.0). Lines `IDENTIFIER RIGHTS`; Courier writes one with its defaults into
//! every folder that it opens.

use crate::fsys::Result;
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::memory::Grant;
use bstr::{BString, ByteSlice as _};

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

/// Rights of folders that are not there, for those beneath them: a file for each, by its name without
/// the dot in front.
pub(super) const OF_MISSING: &str = "courierimaphieracl";

/// The file that tells the rights of a folder of a store, and its text: the folder's own, else that of
/// the nearest folder above it, there or not, and at last that of INBOX (`maildiracl.html`). `None` where nothing is said.
///
/// # Errors
/// Where one of them cannot be read.
pub fn rights(
    root: &Root,
    store: &RelPath,
    (name, path): (&BString, &RelPath),
) -> Result<Option<(RelPath, Vec<u8>)>> {
    let mut name = name.as_slice();
    let mut own = path.join(super::ACL);
    loop {
        let missing = name.strip_prefix(b".").filter(|name| !matches!(*name, b"" | b"." | b".."));
        let missing = missing.map(|name| store.join(OF_MISSING).join(name));
        for place in std::iter::once(own).chain(missing) {
            if let Some(text) = root.read_if_there(&place, super::LARGEST)? {
                return Ok(Some((place, text)));
            }
        }
        if name.is_empty() {
            return Ok(None);
        }
        name = name.rsplit_once_str(".").map_or(b"", |(above, _)| above);
        let above = if name.is_empty() { store.clone() } else { store.join(name) };
        own = above.join(super::ACL);
    }
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
