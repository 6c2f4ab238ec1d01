//! Reads the spool of a list (TUNABLES of mlmmj).

use super::{Error, Files};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// A list as mlmmj finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spool {
    /// `control/listaddress`, the first is the list's own.
    pub addresses: Vec<BString>,
    /// `subscribers.d`, in lower case.
    pub subscribers: BTreeSet<BString>,
    /// `digesters.d`, in lower case.
    pub digest: BTreeSet<BString>,
    /// `control/moderators`, in lower case.
    pub moderators: BTreeSet<BString>,
    /// `control/owner`.
    pub owners: Vec<BString>,
}

/// Reads a list's folder; `None` where it has no address.
pub(super) fn read(folder: &RelPath, files: &Files<'_>) -> Result<Option<Spool>, Error> {
    let lines = |name: &str| -> Result<Option<Vec<BString>>, Error> {
        let text = files(&folder.join(name))?;
        Ok(text.map(|text| {
            text.lines()
                .map(<[u8]>::trim_ascii)
                .filter(|line| !line.is_empty())
                .map(BString::from)
                .collect()
        }))
    };
    let Some(addresses) = lines("control/listaddress")? else {
        return Ok(None);
    };
    // Members are in files named by the first byte of their address.
    let members = |name: &str| -> Result<BTreeSet<BString>, Error> {
        let mut found = BTreeSet::new();
        for byte in (33..127_u8).filter(|byte| !b"./".contains(byte) && !byte.is_ascii_uppercase())
        {
            let file = format!("{name}/{}", char::from(byte));
            found.extend(
                lines(&file)?
                    .unwrap_or_default()
                    .into_iter()
                    .map(|line| line.to_ascii_lowercase().into()),
            );
        }
        Ok(found)
    };
    Ok(Some(Spool {
        addresses,
        subscribers: members("subscribers.d")?,
        digest: members("digesters.d")?,
        moderators: lines("control/moderators")?
            .unwrap_or_default()
            .into_iter()
            .map(|line| line.to_ascii_lowercase().into())
            .collect(),
        owners: lines("control/owner")?.unwrap_or_default(),
    }))
}
