//! mbox files, counted.

use crate::finding::Findings;
use crate::fsys::{Error, root::Root};
use crate::model::RelPath;
use crate::model::mbox::Messages;
use crate::model::quota::{Quota, Usage};
use crate::model::store::{Common, Folder, Store, StoreKind};
use crate::source::unreadable;
use bstr::BString;
use std::io::BufReader;

/// Reads the mbox at a real path; `None` where it cannot be read.
pub(super) fn read(root: &Root, path: &RelPath, findings: &mut Findings) -> Option<Store> {
    match count(root, path) {
        Ok(counted) => {
            let folder = Folder {
                name: BString::default(),
                path: path.clone(),
                messages: counted.messages,
                bytes: counted.bytes,
                seen: None,
                is_seen: false,
                is_noted: false,
                common: Common::Unknown,
                touched: None,
            };
            Some(Store {
                path: path.clone(),
                kind: StoreKind::Mbox,
                folders: vec![folder],
                counted,
                deleted: Usage::default(),
                wrong_size: None,
                has_grants: false,
                limits: Quota::default(),
            })
        }
        Err(error) => {
            findings.push(unreadable(path, &error));
            None
        }
    }
}

fn count(root: &Root, path: &RelPath) -> Result<Usage, Error> {
    let (file, _) = root.folder(&path.parent())?.open(path.file_name())?;
    let mut counted = Usage::default();
    for message in Messages::new(BufReader::with_capacity(256 << 10, file)) {
        let message = message.map_err(|e| Error::new("read", path, e))?;
        counted.messages += 1;
        counted.bytes += u64::try_from(message.bytes.len()).unwrap_or(u64::MAX);
    }
    Ok(counted)
}
