//! Files that lines of `.qmail` files name.
//!
//! A line can name any file, and this program reads as root: what the owner of the line's folder
//! could not read, the old server's program could not either, and is left alone.

use super::Reading;
use super::access::{Access, guard};
use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::access::READ;

/// A file at its real path, and who reads it.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    real: RelPath,
    /// User and group; `None` where every file belongs to whoever made the copy.
    reader: Option<(u32, u32)>,
}

/// The file, as far as the way to it is open to the owner of a folder.
pub(super) fn find(
    reading: &Reading<'_>,
    access: &mut Access<'_>,
    folder: &RelPath,
    file: &RelPath,
) -> Option<Owned> {
    let real = reading.root.real(file).ok()?;
    if reading.site.owners_lost {
        return real.starts_with(folder).then_some(Owned { real, reader: None });
    }
    let owner = reading.root.stat(folder).ok().flatten()?;
    // A program never runs as root, whoever owns the folder.
    let reader = (if owner.uid == 0 { u32::MAX } else { owner.uid }, owner.gid);
    let is_open =
        access.way_into(&real.parent()).iter().all(|need| need.is_met(reader.0, reader.1));
    is_open.then_some(Owned { real, reader: Some(reader) })
}

impl Owned {
    /// Its bytes, if they are no more than this and its reader may have them. Asked of what was
    /// opened, and no link is followed any more: its owner may put another file there at any moment.
    pub(super) fn read(&self, root: &Root, most: u64) -> Option<Vec<u8>> {
        let folder = root.real_folder(&self.real.parent()).ok()?;
        let (bytes, stat) = root.read_in(&folder, self.real.file_name(), most).ok()?;
        let may = |(uid, gid)| guard(&stat).grants(uid, gid, READ);
        self.reader.is_none_or(may).then_some(bytes)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::{Owned, RelPath, Root};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn a_link_or_a_closed_file_in_the_place_of_a_named_one_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("message"), "Away.\n").unwrap();
        fs::write(at("closed"), "Secret.\n").unwrap();
        fs::set_permissions(at("closed"), Permissions::from_mode(0o0)).unwrap();
        symlink("message", at("link")).unwrap();
        let owner = fs::metadata(at("message")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let told = |name: &str| {
            let reader = Some((owner.uid().max(1), owner.gid()));
            Owned { real: RelPath::new(name), reader }.read(&root, 1 << 10).is_some()
        };
        assert_eq!(["message", "closed", "link"].map(told), [true, false, false]);
    }
}
