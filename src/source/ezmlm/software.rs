//! Which ezmlm wrote a list, told by the files it leaves (`ezmlm-make`, the templates of each version).

/// A line of versions that keep their settings alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Software {
    /// ezmlm 0.53, without any options.
    Classic,
    /// ezmlm-idx 0.2x to 0.4x: files and command lines; `config` notes what `ezmlm-make` was told.
    Idx04,
    /// ezmlm-idx 5 and 6: `flags`.
    Idx5,
    /// ezmlm-idx 7: a file for each option.
    Idx7,
}

impl Software {
    /// Tells it by which files a list's folder has.
    pub(super) fn of(has: impl Fn(&str) -> bool) -> Self {
        // Only versions from 5 on write digestcode; what has been made over by one obeys it.
        let is_new = has("digestcode");
        match () {
            () if has("flags") => Self::Idx5,
            () if has("config") && !is_new => Self::Idx04,
            () if has("mailinglist") && !is_new => Self::Classic,
            () => Self::Idx7,
        }
    }

    /// The name used in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classic => "ezmlm 0.53",
            Self::Idx04 => "ezmlm-idx 0.4",
            Self::Idx5 => "ezmlm-idx 5 or 6",
            Self::Idx7 => "ezmlm-idx 7",
        }
    }

    /// Whether settings that a list has no file for are looked up elsewhere, and options stand in
    /// `flags` and the like (`altpath.c`, `config.c`).
    pub(super) fn is_modern(self) -> bool {
        matches!(self, Self::Idx5 | Self::Idx7)
    }
}

#[cfg(test)]
mod tests {
    use super::Software;

    #[test]
    fn each_version_leaves_its_own_files() {
        let of = |files: &[&str]| Software::of(|name| files.contains(&name)).name();
        assert_eq!(of(&["mailinglist"]), "ezmlm 0.53");
        assert_eq!(of(&["mailinglist", "config"]), "ezmlm-idx 0.4");
        assert_eq!(of(&["config", "digestcode"]), "ezmlm-idx 7");
        assert_eq!(of(&["flags", "digestcode"]), "ezmlm-idx 5 or 6");
        assert_eq!(of(&["digestcode", "mailinglist"]), "ezmlm-idx 7");
        assert_eq!(of(&[]), "ezmlm-idx 7");
    }
}
