//! Reads what Mailman is given to load (`etc/mailman3/unqmail`), as its loader does.

use super::{Error, Files};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A list as Mailman will have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailmanList {
    /// Members in lower case, and whether each gets digests.
    pub members: BTreeMap<BString, bool>,
    /// The number of the next post.
    pub next: u64,
}

#[derive(Deserialize)]
struct ListRecord {
    list_id: String,
    fqdn_listname: String,
    post_id: u64,
}

#[derive(Deserialize)]
struct MemberRecord {
    list_id: String,
    role: String,
    email: String,
    delivery_mode: Option<String>,
}

/// The lists by their addresses; none where nothing is to be loaded.
pub(super) fn read(files: &Files<'_>) -> Result<BTreeMap<BString, MailmanList>, Error> {
    let folder = RelPath::new("etc/mailman3/unqmail");
    let mut lists: BTreeMap<String, (BString, MailmanList)> = BTreeMap::new();
    for ListRecord { list_id, fqdn_listname, post_id } in
        records(&folder.join("lists.jsonl"), files)?
    {
        let list = MailmanList { next: post_id, ..MailmanList::default() };
        lists.insert(list_id, (fqdn_listname.into(), list));
    }
    let members: Vec<MemberRecord> = records(&folder.join("members.jsonl"), files)?;
    for member in members.into_iter().filter(|member| member.role == "member") {
        if let Some((_, list)) = lists.get_mut(&member.list_id) {
            let digest = member.delivery_mode.is_some_and(|mode| mode != "regular");
            list.members.insert(member.email.to_ascii_lowercase().into(), digest);
        }
    }
    Ok(lists.into_values().collect())
}

fn records<T: for<'de> Deserialize<'de>>(
    path: &RelPath,
    files: &Files<'_>,
) -> Result<Vec<T>, Error> {
    let text = files(path)?.unwrap_or_default();
    let record = |(number, line): (u32, &[u8])| {
        serde_json::from_slice(line).map_err(|error| Error::Malformed {
            path: path.clone(),
            line: number,
            what: error.to_string(),
        })
    };
    (1..).zip(text.lines()).map(record).collect()
}
