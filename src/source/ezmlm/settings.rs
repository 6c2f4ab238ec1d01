//! Reads the setting files of a list (ezmlm(5)).

use crate::finding::Findings;
use crate::fsys::{Kind, root::Root};
use crate::model::quota::leading_number;
use crate::model::{Origin, RelPath, Sourced};
use crate::source::{lines, read_file};
use bstr::{BString, ByteSlice as _};

/// The setting files of one list, and its flags where the version keeps them in one place.
pub(super) struct Settings<'a> {
    root: &'a Root,
    folder: &'a RelPath,
    /// `flags` (5.x and 6.x), else the `F:` line of `config` (0.4x): a letter in lower case is on,
    /// in upper case off.
    flags: Option<Sourced<BString>>,
    outlocal: BString,
    outhost: BString,
}

impl<'a> Settings<'a> {
    /// Opens the settings of a list; `None` where it has no address: it is none, or it is broken.
    pub(super) fn open(
        root: &'a Root,
        folder: &'a RelPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut settings = Self {
            root,
            folder,
            flags: None,
            outlocal: BString::default(),
            outhost: BString::default(),
        };
        settings.outlocal = settings.value("outlocal", findings)?.value;
        settings.outhost = settings.value("outhost", findings)?.value;
        settings.flags =
            settings.value("flags", findings).or_else(|| settings.config_flags(findings));
        Some(settings)
    }

    fn config_flags(&self, findings: &mut Findings) -> Option<Sourced<BString>> {
        let path = self.folder.join("config");
        let bytes = read_file(self.root, &path, findings)?;
        lines::numbered(&bytes).find_map(|(number, line)| {
            let flags = line.strip_prefix(b"F:")?;
            Some(Sourced::new(lines::trimmed(flags).into(), Origin::file(&path).at(number)))
        })
    }

    /// The list's local part and host as its messages show them.
    pub(super) fn address(&self) -> (&BString, &BString) {
        (&self.outlocal, &self.outhost)
    }

    /// The place of a setting's file.
    pub(super) fn origin(&self, name: &str) -> Origin {
        Origin::file(&self.folder.join(name))
    }

    /// The number at the front of a setting's first line.
    pub(super) fn number(&self, name: &str, findings: &mut Findings) -> Option<u64> {
        self.value(name, findings).map(|line| leading_number(&line.value))
    }

    /// Whether a folder holds a file other than `except`.
    pub(super) fn holds_files(&self, name: &str, except: &[u8]) -> bool {
        let entries = self.root.list(&self.folder.join(name)).unwrap_or_default();
        entries.iter().any(|entry| entry.kind == Kind::File && entry.name != except)
    }

    /// A path below the list's folder.
    pub(super) fn path(&self, name: &[u8]) -> RelPath {
        self.folder.join(name)
    }

    /// A path with its links followed.
    pub(super) fn real(&self, path: &RelPath) -> RelPath {
        super::senders::real(self.root, path)
    }

    /// Whether a file is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root.stat(&self.folder.join(name)).is_ok_and(|stat| stat.is_some())
    }

    /// Whether an option is on: its letter decides where flags are kept, else its file.
    pub(super) fn is_on(&self, letter: u8, name: &str) -> bool {
        let letters = self.flags.as_ref().map(|flags| flags.value.as_slice()).unwrap_or_default();
        if letters.contains(&letter) {
            true
        } else if letters.contains(&letter.to_ascii_uppercase()) {
            false
        } else {
            self.has(name)
        }
    }

    /// Every line that is neither empty nor a comment, tags replaced.
    pub(super) fn lines(&self, name: &str, findings: &mut Findings) -> Vec<Sourced<BString>> {
        let path = self.folder.join(name);
        let bytes = read_file(self.root, &path, findings).unwrap_or_default();
        let mut found = lines::list(&bytes, &Origin::file(&path));
        for line in &mut found {
            line.value = self.without_tags(&line.value);
        }
        found
    }

    /// The first such line.
    pub(super) fn value(&self, name: &str, findings: &mut Findings) -> Option<Sourced<BString>> {
        self.lines(name, findings).into_iter().next()
    }

    /// A whole text file, tags replaced.
    pub(super) fn text(&self, name: &str, findings: &mut Findings) -> Option<Sourced<BString>> {
        let path = self.folder.join(name);
        let bytes = read_file(self.root, &path, findings)?;
        Some(Sourced::new(self.without_tags(&bytes), Origin::file(&path).at(1)))
    }

    /// Replaces the tags for the list's own name (`copy.c`); others stay.
    fn without_tags(&self, text: &[u8]) -> BString {
        let mut text = text.to_vec();
        for (tag, value) in [
            ("<#l#>", &self.outlocal),
            ("<#L#>", &self.outlocal),
            ("<#h#>", &self.outhost),
            ("<#H#>", &self.outhost),
        ] {
            if text.contains_str(tag) {
                text = text.replace(tag, value);
            }
        }
        text.into()
    }
}
