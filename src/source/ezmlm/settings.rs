//! Reads the setting files of a list (ezmlm(5)).

use super::language;
use super::software::Software;
use crate::finding::Findings;
use crate::fsys::root::Root;
use crate::model::quota::leading_number;
use crate::model::{Origin, RelPath, Sourced};
use crate::source::{lines, read_file};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Where versions from 5 on look for what neither a list nor its language has (`auto_etc`, `altpath.c`).
const DEFAULTS: &str = "etc/ezmlm/default";

/// The letters of options that have a file; others are always on.
const OPTIONS: &[(u8, &str)] = &[
    (b'a', "archived"),
    (b'b', "modgetonly"),
    (b'd', "digested"),
    (b'f', "prefix"),
    (b'g', "subgetonly"),
    (b'h', "nosubconfirm"),
    (b'i', "threaded"),
    (b'j', "nounsubconfirm"),
    (b'l', "modcanlist"),
    (b'm', "modpost"),
    (b'n', "modcanedit"),
    (b'o', "modpostonly"),
    (b'p', "public"),
    (b'r', "remote"),
    (b's', "modsub"),
    (b't', "addtrailer"),
    (b'u', "subpostonly"),
    (b'w', "nowarn"),
    (b'x', "mimeremove"),
    (b'y', "confirmpost"),
];

/// A folder and the names in it: most files that are asked for are not there.
struct Place {
    folder: RelPath,
    /// `None` where the folder cannot be listed: each file is asked for.
    names: Option<BTreeSet<BString>>,
}

impl Place {
    fn new(root: &Root, folder: RelPath) -> Self {
        let names = match root.list(&folder) {
            Ok(entries) => Some(entries.into_iter().map(|entry| entry.name).collect()),
            Err(error) => error.is_missing().then(BTreeSet::new),
        };
        Self { folder, names }
    }

    /// The path of a file that may be there.
    fn path(&self, name: &str) -> Option<RelPath> {
        let first = name.split('/').next().unwrap_or_default();
        let may_be = self.names.as_ref().is_none_or(|names| names.contains(BStr::new(first)));
        may_be.then(|| self.folder.join(name))
    }
}

/// The setting files of one list, and its flags where the version keeps them in one place.
pub(super) struct Settings<'a> {
    root: &'a Root,
    folder: &'a RelPath,
    own: Place,
    /// The version that counts.
    pub(super) software: Software,
    /// Folders that are asked for what the list has no file for, in order.
    elsewhere: Vec<Place>,
    /// `flags`, else the `F:` line of `config`: a letter in lower case is on, in upper case off.
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
            own: Place::new(root, folder.clone()),
            software: Software::Classic,
            elsewhere: Vec::new(),
            flags: None,
            outlocal: BString::default(),
            outhost: BString::default(),
        };
        settings.outlocal = settings.value("outlocal", findings)?.value;
        settings.outhost = settings.value("outhost", findings)?.value;
        settings.software = Software::of(|name| settings.has(name));
        if settings.software.is_modern() {
            settings.flags =
                settings.value("flags", findings).or_else(|| settings.noted(b"F:", findings));
            let texts = settings.texts_folder(findings).map(|texts| RelPath::new(&texts.value));
            let elsewhere = texts.into_iter().chain([RelPath::new(DEFAULTS)]);
            settings.elsewhere = elsewhere.map(|folder| Place::new(root, folder)).collect();
        }
        Some(settings)
    }

    /// What `config` notes behind a key.
    fn noted(&self, key: &[u8], findings: &mut Findings) -> Option<Sourced<BString>> {
        let path = self.own.path("config")?;
        let bytes = read_file(self.root, &path, findings)?;
        lines::numbered(&bytes).find_map(|(number, line)| {
            let noted = lines::trimmed(line.strip_prefix(key)?);
            let is_there = !noted.is_empty();
            is_there.then(|| Sourced::new(noted.into(), Origin::file(&path).at(number)))
        })
    }

    /// The folder that `ezmlmrc` names (`load_config`): it holds the texts of the list's language.
    fn texts_folder(&self, findings: &mut Findings) -> Option<Sourced<BString>> {
        let path = self.own.path("ezmlmrc")?;
        let bytes = read_file(self.root, &path, findings)?;
        let named = lines::first_line(&bytes);
        (!named.is_empty()).then(|| Sourced::new(named, Origin::file(&path).at(1)))
    }

    /// The language of the list's texts, where something names it.
    pub(super) fn language(&self, findings: &mut Findings) -> Option<Sourced<String>> {
        let noted = self.texts_folder(findings).or_else(|| self.noted(b"X:", findings));
        let named =
            |path: &Sourced<BString>| Some((language::of(&path.value)?, path.origin.clone()));
        let by_default = || {
            let path = RelPath::new(DEFAULTS);
            let real = self.root.real(&path).ok().filter(|_| self.software.is_modern())?;
            Some((language::of(real.as_bstr())?, Origin::file(&path)))
        };
        let (language, origin) = noted.as_ref().and_then(named).or_else(by_default)?;
        Some(Sourced::new(language.to_owned(), origin))
    }

    /// A file of the list, or of the places that are asked instead.
    fn find(&self, name: &str, findings: &mut Findings) -> Option<(RelPath, Vec<u8>)> {
        let places = std::iter::once(&self.own).chain(&self.elsewhere);
        places.filter_map(|place| place.path(name)).find_map(|path| {
            let bytes = read_file(self.root, &path, findings)?;
            Some((path, bytes))
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
    pub(super) fn number(&self, name: &str, findings: &mut Findings) -> Option<Sourced<u64>> {
        let line = self.value(name, findings)?;
        Some(Sourced::new(leading_number(&line.value), line.origin))
    }

    /// A file's place, if it is there.
    pub(super) fn there(&self, name: &str) -> Option<Origin> {
        self.has(name).then(|| self.origin(name))
    }

    /// The place of an option's file where the option is on.
    pub(super) fn on(&self, letter: u8, name: &str) -> Option<Origin> {
        self.is_on(letter, name).then(|| self.place(letter, name))
    }

    /// The place of what decides whether an option is on: the flags if they name it, else its file.
    pub(super) fn place(&self, letter: u8, name: &str) -> Origin {
        let names_it = |flag: &u8| flag.eq_ignore_ascii_case(&letter);
        let flags = self.flags.as_ref().filter(|flags| flags.value.iter().any(names_it));
        flags.map_or_else(|| self.origin(name), |flags| flags.origin.clone())
    }

    /// Whether an option is as a letter says: in lower case on, in upper case off (`config.c`).
    pub(super) fn matches(&self, letter: u8) -> bool {
        let flag = letter.to_ascii_lowercase();
        let name = OPTIONS.iter().find(|(known, _)| *known == flag).map(|(_, name)| *name);
        let is_on = name.is_none_or(|name| self.is_on(flag, name));
        is_on == letter.is_ascii_lowercase()
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
        let path = self.own.path(name);
        path.is_some_and(|path| self.root.stat(&path).is_ok_and(|stat| stat.is_some()))
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
        let Some((path, bytes)) = self.find(name, findings) else { return Vec::new() };
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
        let (path, bytes) = self.find(name, findings)?;
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
