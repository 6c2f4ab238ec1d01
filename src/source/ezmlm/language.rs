//! The language of a list's texts, told by the folder or file that its texts came from.

use bstr::ByteSlice as _;

/// Those that ezmlm-idx has texts in (`lang/` of 0.44 to 7.2): its name for each, and ours.
const LANGUAGES: &[(&str, &str)] = &[
    ("ch_GB", "zh_CN"),
    ("cs", "cs"),
    ("da", "da"),
    ("de", "de"),
    ("en_US", "en"),
    ("en", "en"),
    ("es", "es"),
    ("fr", "fr"),
    ("hu", "hu"),
    ("id", "id"),
    ("it", "it"),
    ("ja", "ja"),
    ("nl", "nl"),
    ("pl", "pl"),
    ("pt", "pt"),
    ("pt_BR", "pt_BR"),
    ("ru", "ru"),
    ("sv", "sv"),
];

/// The language that a path names: a folder `…/fr` (from version 5 on), a file `ezmlmrc.fr` (0.4x).
pub(super) fn of(path: &[u8]) -> Option<&'static str> {
    let last = path.trim_end_with(|c| c == '/').rsplit(|byte| b"/.".contains(byte)).next()?;
    LANGUAGES.iter().find(|(name, _)| last == name.as_bytes()).map(|(_, language)| *language)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_folder_or_a_file_names_its_language() {
        assert_eq!(of(b"/etc/ezmlm/fr"), Some("fr"));
        assert_eq!(of(b"/usr/local/share/ezmlm/lang/pt_BR/"), Some("pt_BR"));
        assert_eq!(of(b"/usr/local/bin/ezmlm/ezmlmrc.de"), Some("de"));
        assert_eq!(of(b"/etc/ezmlm/en"), Some("en"));
        for other in ["/etc/ezmlm/default", "/etc/ezmlm", "", "/usr/local/bin/ezmlm"] {
            assert_eq!(of(other.as_bytes()), None, "{other}");
        }
    }
}
