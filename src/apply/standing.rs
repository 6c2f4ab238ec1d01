//! Tells what stands in the way in the mailboxes of the new server.

use super::Applied;
use crate::finding::{Disposition, Finding, code};
use crate::mail::Standing;
use crate::model::Origin;
use bstr::{BString, ByteSlice as _};

pub(super) fn report(subject: &BString, standing: &Standing, applied: &mut Applied) {
    if let Some(first) = &standing.first {
        applied.findings.push(Finding::new(
            &code::MESSAGE_IN_THE_WAY,
            Disposition::Manual,
            Origin::file(first),
            subject,
            format!(
                "messages of the old server whose name something else has here, this first: {}",
                standing.messages
            ),
            "what is here stays, and those messages are not brought",
        ));
    }
    for path in &standing.foreign {
        let beside = path.parent().join([path.file_name().as_bytes(), b".unqmail"].concat());
        applied.findings.push(Finding::new(
            &code::FILE_FOREIGN,
            Disposition::Manual,
            Origin::file(path),
            path.as_bstr(),
            "a file that unqmail did not write is in the way",
            format!("it stays as it is; ours is beside it: {beside}"),
        ));
    }
    for path in &standing.edited {
        applied.findings.push(Finding::new(
            &code::FILE_EDITED,
            Disposition::Manual,
            Origin::file(path),
            path.as_bstr(),
            "the file was changed after unqmail wrote it",
            "it stays as it is",
        ));
    }
}
