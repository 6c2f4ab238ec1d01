//! Paths beneath a root, as bytes.

use bstr::{BStr, ByteSlice as _};
use std::fmt;
use std::sync::Arc;

/// A path beneath a root (the site's or the target's): bytes without a leading `/`, without empty
/// components and without `.`; the root itself is the empty path.
///
/// A `..` is kept, because only the file system knows where it leads when links are involved;
/// `fsys::root::Root` resolves it without ever leaving the root.
///
/// ```
/// use unqmail::model::RelPath;
/// let home = RelPath::new("/home/vpopmail//domains/./example.org/");
/// assert_eq!(home.to_string(), "home/vpopmail/domains/example.org");
/// assert_eq!(home.join("./Maildir/").to_string(), "home/vpopmail/domains/example.org/Maildir");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Arc<[u8]>);

impl RelPath {
    /// Takes an absolute or relative path of the old server and makes it relative to its root.
    pub fn new<B: AsRef<[u8]>>(path: B) -> Self {
        if path.as_ref().split(|byte| *byte == b'/').all(is_component) {
            return Self(path.as_ref().into());
        }
        let mut bytes = Vec::with_capacity(path.as_ref().len());
        for part in components(path.as_ref()) {
            if !bytes.is_empty() {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(part);
        }
        Self(bytes.into())
    }

    /// The path of `name` seen from here; an absolute `name` starts again at the root.
    #[must_use]
    pub fn join<B: AsRef<[u8]>>(&self, name: B) -> Self {
        let name = name.as_ref();
        if name.starts_with(b"/") || self.0.is_empty() {
            return Self::new(name);
        }
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        for part in components(name) {
            bytes.push(b'/');
            bytes.extend_from_slice(part);
        }
        Self(bytes.into())
    }

    /// The folder that holds this path; the root for a single component.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rfind_byte(b'/').and_then(|at| self.0.get(..at)).unwrap_or_default().into())
    }

    /// The last component, empty for the root.
    pub fn file_name(&self) -> &BStr {
        let start = self.0.rfind_byte(b'/').map_or(0, |at| at + 1);
        self.0.get(start..).unwrap_or_default().as_bstr()
    }

    /// The path's components from the root downwards.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        components(&self.0)
    }

    /// Whether this path is `folder` or lies beneath it, by name alone.
    pub fn starts_with(&self, folder: &Self) -> bool {
        folder.0.is_empty()
            || self
                .0
                .strip_prefix(&*folder.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// What remains of the path after `folder`, if it lies beneath it.
    pub fn strip_prefix(&self, folder: &Self) -> Option<&BStr> {
        if !self.starts_with(folder) {
            return None;
        }
        let rest = self.0.get(folder.0.len()..)?;
        Some(rest.strip_prefix(b"/").unwrap_or(rest).as_bstr())
    }

    /// The path's bytes.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| is_component(part))
}

fn is_component(part: &[u8]) -> bool {
    !part.is_empty() && part != b"."
}

impl AsRef<[u8]> for RelPath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::shown(&self.0).fmt(f)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_bstr())
    }
}

#[cfg(test)]
mod tests {
    use super::RelPath;

    #[test]
    fn parents_and_names_meet_at_the_last_slash() {
        let path = RelPath::new("/a/b/c");
        assert_eq!(path.parent(), RelPath::new("a/b"));
        assert_eq!(path.file_name(), "c");
        assert_eq!(RelPath::new("a").parent(), RelPath::default());
    }

    #[test]
    fn a_folder_is_no_prefix_of_its_neighbour() {
        assert!(RelPath::new("a/b").starts_with(&RelPath::new("a")));
        assert!(!RelPath::new("ab").starts_with(&RelPath::new("a")));
        assert_eq!(RelPath::new("a/b/c").strip_prefix(&RelPath::new("a")).unwrap(), "b/c");
    }

    #[test]
    fn an_absolute_name_starts_again_at_the_root() {
        assert_eq!(RelPath::new("home/x").join("/var/qmail"), RelPath::new("var/qmail"));
    }
}
