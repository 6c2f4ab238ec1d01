//! What the `.qmail` files of a list run.

use super::rules::Editor;
use crate::finding::Findings;
use crate::fsys::root::Root;
use crate::model::{Origin, RelPath};
use crate::source::read_file;
use bstr::BStr;

/// What the list's `.qmail` files run.
pub(super) struct Programs {
    pub(super) editor: Editor,
    pub(super) editor_at: Origin,
    pub(super) confirmer: Option<Editor>,
    pub(super) manager: Option<Editor>,
    pub(super) manager_at: Origin,
}

impl Programs {
    /// `None` where no editor is there.
    pub(super) fn read(root: &Root, folder: &RelPath, findings: &mut Findings) -> Option<Self> {
        let exists = |file: &BStr| root.stat(&RelPath::new(file)).is_ok_and(|stat| stat.is_some());
        let [editor_at, manager_at] =
            ["editor", "manager"].map(|name| Origin::file(&folder.join(name)));
        let mut read = |name: &str| {
            read_file(root, &folder.join(name), findings).map(|text| Editor::read(&text, exists))
        };
        let editor = read("editor")?;
        let (confirmer, manager) = (read("confirmer"), read("manager"));
        Some(Self { editor, editor_at, confirmer, manager, manager_at })
    }

    /// The databases whose addresses may post.
    pub(super) fn allowing(&self) -> Vec<RelPath> {
        let own = self.editor.allowing();
        match self.confirmer.as_ref().filter(|_| own.is_empty()) {
            Some(confirmer) => confirmer.allowing(),
            None => own,
        }
    }
}
