//! The new server read back from its files, as they are planned and as they were written.

use crate::fsys::root::Root;
use crate::model::RelPath;
use crate::model::design::Design;
use crate::model::sheet::Sheet;
use crate::predict::{self, Error, Files, NewServer};
use crate::target::{Artifact, Content};
use bstr::BString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No file that a program of the new server reads is larger: 1 GiB.
const LARGEST: u64 = 1 << 30;

/// Reads the files as the programs will. The scripts of mailboxes that none was planned for are not
/// looked for: there may be a million.
pub(super) fn read(design: &Design, files: &dyn Files) -> Result<NewServer, Error> {
    let mut new = NewServer::read(files)?;
    new.read_scripts(design.filters.keys(), files)?;
    Ok(new)
}

/// What is planned.
pub(super) struct Planned<'a> {
    by_path: BTreeMap<&'a RelPath, &'a Artifact>,
    by_folder: BTreeMap<RelPath, Vec<&'a RelPath>>,
    tables: &'a [Sheet],
}

impl<'a> Planned<'a> {
    pub(super) fn new(artifacts: &'a [Artifact], tables: &'a [Sheet]) -> Self {
        let by_path = artifacts.iter().map(|file| (&file.path, file)).collect();
        let folders = artifacts.chunk_by(|one, next| one.path.parent() == next.path.parent());
        let mut by_folder: BTreeMap<RelPath, Vec<&RelPath>> = BTreeMap::new();
        for files in folders {
            let Some(first) = files.first() else { continue };
            let own = by_folder.entry(first.path.parent()).or_default();
            own.extend(files.iter().map(|file| &file.path));
        }
        Self { by_path, by_folder, tables }
    }
}

impl Files for Planned<'_> {
    fn read(&self, path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, Error> {
        if let Some(table) = table_at(path, self.tables) {
            return Ok(Some(table));
        }
        let at = |path: &RelPath| self.by_path.get(path).copied();
        let file = at(path).and_then(|file| match &file.content {
            Content::Link(target) => at(&path.parent().join(target.as_ref())),
            Content::File(_) | Content::Folder => Some(file),
        });
        Ok(file.map(Artifact::shared))
    }

    fn names(&self, folder: &RelPath) -> Result<Vec<BString>, Error> {
        let paths = self.by_folder.get(folder).into_iter().flatten();
        Ok(paths.map(|path| path.file_name().to_owned()).collect())
    }
}

/// What was written.
pub(super) struct Written<'a> {
    pub(super) target: &'a Root,
    pub(super) tables: Vec<Sheet>,
}

impl Files for Written<'_> {
    fn read(&self, path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, Error> {
        match table_at(path, &self.tables) {
            Some(table) => Ok(Some(table)),
            None => Ok(self.target.read_if_there(path, LARGEST)?.map(Arc::new)),
        }
    }

    fn names(&self, folder: &RelPath) -> Result<Vec<BString>, Error> {
        match self.target.list(folder) {
            Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
            Err(error) if error.is_missing() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A table of the database under the path by which it is asked for.
fn table_at(path: &RelPath, tables: &[Sheet]) -> Option<Arc<Vec<u8>>> {
    let name = path.strip_prefix(&RelPath::new(predict::TABLES))?;
    tables.iter().find(|sheet| name == sheet.form.table).map(Sheet::shared)
}
