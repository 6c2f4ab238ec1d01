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
        let Some(hundred) = hundreds_number(&entry.name) else {
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
        for file in files.iter().filter(|file| file.kind == Kind::File) {
            let Some(post) = post_number(hundred, &file.name) else {
                continue;
            };
            let finished =
                folder.stat(&file.name).ok().flatten().is_some_and(|stat| stat.mode & 0o100 != 0);
            if finished {
                posts.push((post, path.join(&file.name)));
            }
        }
    }
    posts.sort_unstable();
    posts
}

/// The number of a folder, spelled as ezmlm spells it: no zero in front.
fn hundreds_number(name: &[u8]) -> Option<u64> {
    let canonical = name == b"0" || !name.starts_with(b"0");
    canonical.then(|| number(name))?
}

/// The number of the post in a file of two digits; `None` where it is too large for one.
fn post_number(hundred: u64, name: &[u8]) -> Option<u64> {
    let rest = (name.len() == 2).then(|| number(name))??;
    hundred.checked_mul(100)?.checked_add(rest)
}

fn number(name: &[u8]) -> Option<u64> {
    name.iter().all(u8::is_ascii_digit).then(|| name.to_str().ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{hundreds_number, post_number};

    #[test]
    fn a_number_too_large_for_a_post_is_none() {
        let hundred = hundreds_number(b"184467440737095516").unwrap();
        assert_eq!(post_number(hundred, b"15"), Some(u64::MAX));
        assert_eq!(post_number(hundred, b"16"), None);
        assert_eq!(post_number(hundred, b"99"), None);
        assert_eq!(hundreds_number(b"18446744073709551616"), None);
    }

    #[test]
    fn only_names_that_ezmlm_writes_are_numbers() {
        assert_eq!(hundreds_number(b"0"), Some(0));
        assert_eq!(hundreds_number(b"10"), Some(10));
        for bad in ["", "00", "01", "+1", "x"] {
            assert_eq!(hundreds_number(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(post_number(1, b"05"), Some(105));
        for bad in ["", "5", "005", "+5", "0x"] {
            assert_eq!(post_number(1, bad.as_bytes()), None, "{bad}");
        }
    }
}
