//! Archives: `archive/N/MM` holds post number `100 N + MM` (`ezmlm-send.c`, ezmlm(5)).

use crate::finding::Findings;
use crate::fsys::{Kind, root::Root};
use crate::model::RelPath;
use crate::source::unlistable;
use bstr::ByteSlice as _;

/// The archived posts in order. A file without the owner's x bit was never finished: left out.
pub(super) fn read(root: &Root, list: &RelPath, findings: &mut Findings) -> Vec<(u64, RelPath)> {
    let folder = list.join("archive");
    let mut posts = Vec::new();
    let hundreds = match root.list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.is_missing() => return posts,
        Err(error) => {
            findings.push(unlistable(&folder, &error));
            return posts;
        }
    };
    for entry in hundreds.iter().filter(|entry| entry.kind == Kind::Folder) {
        let Some(hundred) = number(&entry.name) else {
            continue;
        };
        let path = folder.join(&entry.name);
        let open = root.folder(&path).and_then(|folder| Ok((folder.list()?, folder)));
        let (files, folder) = match open {
            Ok(open) => open,
            Err(error) => {
                findings.push(unlistable(&path, &error));
                continue;
            }
        };
        for file in files.iter().filter(|file| file.kind == Kind::File && file.name.len() == 2) {
            let Some(rest) = number(&file.name) else {
                continue;
            };
            let finished =
                folder.stat(&file.name).ok().flatten().is_some_and(|stat| stat.mode & 0o100 != 0);
            if finished && let Some(post) = hundred.checked_mul(100).map(|first| first + rest) {
                posts.push((post, path.join(&file.name)));
            }
        }
    }
    posts.sort_unstable();
    posts
}

fn number(name: &[u8]) -> Option<u64> {
    name.iter().all(u8::is_ascii_digit).then(|| name.to_str().ok()?.parse().ok())?
}
