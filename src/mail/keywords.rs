//! Keywords of messages: on the new server small letters behind the flags.

use super::{Mailbox, Part, files};
use crate::fsys::Result;
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::model::memory::Keywords;
use crate::source::courier;
use crate::target::dovecot::keywords as file;
use bstr::{BStr, BString};
use std::collections::BTreeMap;

/// A file with 26 lines is no larger than this.
const LARGEST: u64 = 1 << 20;

/// The letters of a folder's messages.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// Keywords in the order of their letters.
    pub(super) names: Vec<BString>,
    /// By unique name on the old server, sorted.
    of: BTreeMap<BString, Vec<u8>>,
}

impl Letters {
    /// Reads the keywords of all folders that go into one. Where Dovecot serves the folder on the new
    /// server, or somebody else's file stands there, the letters that are given out already count; the
    /// names are those of our own file.
    pub(super) fn of_folder(
        root: &Root,
        mailbox: &Mailbox<'_>,
        parts: &[Part<'_>],
        (folder, is_served): (Option<&Open>, bool),
    ) -> Result<Self> {
        let target = mailbox.tree.root();
        let there = folder.map(|folder| (target, folder));
        if is_served {
            return Ok(Self::read(root, parts, there));
        }
        let own = Self::read(root, parts, None);
        let text = file::render(own.names.iter());
        match there.filter(|_| !text.is_empty()) {
            Some((_, folder)) if files::stays(mailbox, folder, file::FILE, &text)? => {
                Ok(Self { names: own.names, ..Self::read(root, parts, there) })
            }
            _ => Ok(own),
        }
    }

    /// What cannot be read was told when the migration was planned.
    fn read(root: &Root, parts: &[Part<'_>], served: Option<(&Root, &Open)>) -> Self {
        let mut all = Keywords::default();
        for part in parts.iter().filter(|part| part.is_maildir()) {
            let own = courier::keywords(root, &part.folder.path).unwrap_or_default();
            let places: Vec<usize> = own.names.iter().map(|name| all.position(name)).collect();
            for (message, positions) in own.of {
                let positions = positions.into_iter().filter_map(|at| places.get(at).copied());
                all.of.entry(message).or_insert_with(|| positions.collect());
            }
        }
        let letters: Vec<(usize, u8)> = if let Some((target, folder)) = served {
            let there = target.read_within(folder, file::FILE, LARGEST).ok().flatten();
            let there = file::letters(&there.unwrap_or_default()).into_iter();
            there.map(|(name, letter)| (all.position(&name), letter)).collect()
        } else {
            all.kept().into_iter().zip(b'a'..=b'z').collect()
        };
        let letter_of =
            |at: &usize| letters.iter().find(|(kept, _)| kept == at).map(|(_, letter)| *letter);
        let of = all.of.into_iter().filter_map(|(message, own)| {
            let mut letters: Vec<u8> = own.iter().filter_map(letter_of).collect();
            letters.sort_unstable();
            (!letters.is_empty()).then_some((message, letters))
        });
        let of = of.collect();
        let names = letters.iter().filter_map(|(at, _)| all.names.get(*at).cloned()).collect();
        Self { names, of }
    }

    /// The letters of a message.
    pub(super) fn of(&self, unique: &BStr) -> &[u8] {
        self.of.get(unique).map(Vec::as_slice).unwrap_or_default()
    }
}
