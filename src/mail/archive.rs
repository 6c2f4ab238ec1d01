//! Archived posts of a list, one file each.

use crate::fsys::root::Root;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{Error, Result};
use crate::model::RelPath;

/// Copies one post to the new list's archive; `false` where it is there already.
///
/// # Errors
/// Where the post cannot be read or the copy cannot be written.
pub fn copy_post(
    root: &Root,
    tree: &Tree,
    from: &RelPath,
    to: &RelPath,
    ids: (u32, u32),
) -> Result<bool> {
    let (mut file, stat) = root.folder(&from.parent())?.open(from.file_name())?;
    if tree.stat(to)?.is_some_and(|there| there.size == stat.size && there.mtime == stat.mtime) {
        return Ok(false);
    }
    let access = Access { mode: 0o600, owner: Some(ids) };
    let folder = tree.make_folder(&to.parent(), Access { mode: 0o700, owner: Some(ids) })?;
    tree.copy_in(&mut file, &folder, &folder, to.file_name(), access, stat.mtime)
        .map_err(|e| Error::new("copy to", to, e))?;
    Ok(true)
}
