//! Messages that the old server changed under their names after a pass had brought them: a filter
//! that writes into the file, an editor, a restored backup. Size or date tell.

use super::compare::Wanted;
use super::{Half, Job, Part, convert};
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::source::mail::Messages;
use bstr::BString;
use std::collections::BTreeSet;

/// A folder on both sides, open to look at its messages.
pub(super) struct Looks<'a> {
    parts: &'a [Part<'a>],
    sources: Vec<[Option<Messages<'a>>; 2]>,
    /// Of an mbox: the names of those whose copy is another one by now.
    converted: BTreeSet<BString>,
    target: [Option<Open>; 2],
}

impl<'a> Looks<'a> {
    /// Opens a folder, unless an earlier pass saw it as it is: then nothing in it is looked at.
    pub(super) fn new(
        job: &Job<'a>,
        (root, folder): (&Root, Option<&Open>),
        parts: &'a [Part<'a>],
    ) -> Option<Self> {
        let is_untouched = |part: &Part<'_>| {
            part.folder.is_seen
                || part.folder.touched.as_ref().is_some_and(|touched| touched.is_empty())
        };
        if parts.iter().all(is_untouched) {
            return None;
        }
        // What cannot be opened is told when it is listed.
        let open = |part: &Part<'a>, half| part.messages(job.root, half).ok().flatten();
        let of =
            |part: &Part<'a>| Half::BOTH.map(|half| open(part, half).filter(|_| part.is_maildir()));
        let target = Half::BOTH.map(|half| root.enter(folder?, half.name()).ok().flatten());
        let [_, cur] = &target;
        let changed = |part: &Part<'a>| convert::changed(job, part.store, cur.as_ref()?).ok();
        let converted = parts.iter().filter(|part| !part.is_maildir()).filter_map(changed);
        let converted = converted.flatten().collect();
        Some(Self { parts, sources: parts.iter().map(of).collect(), converted, target })
    }

    /// Whether a message that lies on the target under its name is another one by now.
    pub(super) fn is_changed(&self, wanted: &Wanted) -> bool {
        if self.converted.contains(&wanted.names.old) {
            return true;
        }
        let touched = self.parts.get(wanted.from).and_then(|part| part.folder.touched.as_ref());
        if touched.is_some_and(|touched| !touched.contains(&wanted.names.old)) {
            return false;
        }
        let source = self.sources.get(wanted.from).and_then(|both| wanted.half.of(both).as_ref());
        let target = wanted.half.of(&self.target).as_ref();
        let (Some(source), Some(target)) = (source, target) else { return false };
        let old = source.stat(&wanted.names.old).ok().flatten();
        let new = target.stat(wanted.names.new_name()).ok().flatten();
        // What is gone meanwhile is seen by the next pass.
        old.zip(new).is_some_and(|(old, new)| (old.size, old.mtime) != (new.size, new.mtime))
    }
}
