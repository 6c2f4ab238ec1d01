//! Reads what list managers with a database are given to load, as their loaders do.

use super::{Error, Files};
use crate::model::RelPath;
use bstr::{BString, ByteSlice as _};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A list as its manager will have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenList {
    /// Members in lower case, and whether each gets digests.
    pub members: BTreeMap<BString, bool>,
    /// How many people there are in each other role.
    pub others: BTreeMap<String, usize>,
    /// The number of the next post.
    pub next: u64,
}

/// A list of Mailman, which has a name beside its address, or of Sympa.
#[derive(Deserialize)]
struct ListRecord {
    #[serde(alias = "list_id")]
    list: String,
    fqdn_listname: Option<String>,
    post_id: Option<u64>,
    last_post: Option<u64>,
}

#[derive(Deserialize)]
struct MemberRecord {
    #[serde(alias = "list_id")]
    list: String,
    role: String,
    email: String,
    #[serde(alias = "delivery_mode")]
    reception: Option<String>,
}

/// A domain of Sympa's, and the name that takes commands there.
#[derive(Deserialize)]
struct RobotRecord {
    domain: String,
    email: String,
}

/// The lists by their addresses; none where nothing is to be loaded. An address that takes commands
/// is one without members.
pub(super) fn read(files: &dyn Files) -> Result<BTreeMap<BString, GivenList>, Error> {
    let mut given = BTreeMap::new();
    for folder in ["etc/mailman3/unqmail", "etc/unqmail/sympa"] {
        let folder = RelPath::new(folder);
        let mut lists: BTreeMap<String, (BString, GivenList)> = BTreeMap::new();
        for record in records::<ListRecord>(&folder.join("lists.jsonl"), files)? {
            let last = record.last_post.map(|last| last.saturating_add(1));
            let next = record.post_id.or(last).unwrap_or_default();
            let address = record.fqdn_listname.unwrap_or_else(|| record.list.clone()).into();
            lists.insert(record.list, (address, GivenList { next, ..GivenList::default() }));
        }
        let members: Vec<MemberRecord> = records(&folder.join("members.jsonl"), files)?;
        for member in members {
            let Some((_, list)) = lists.get_mut(&member.list) else { continue };
            if member.role == "member" {
                let mode = member.reception.unwrap_or_default();
                let digest = !matches!(mode.as_str(), "" | "regular" | "mail");
                list.members.insert(member.email.to_ascii_lowercase().into(), digest);
            } else {
                *list.others.entry(member.role).or_default() += 1;
            }
        }
        given.extend(lists.into_values());
        for RobotRecord { domain, email } in records(&folder.join("robots.jsonl"), files)? {
            given.insert(format!("{email}@{domain}").into(), GivenList::default());
        }
    }
    Ok(given)
}

fn records<T: for<'de> Deserialize<'de>>(
    path: &RelPath,
    files: &dyn Files,
) -> Result<Vec<T>, Error> {
    let text = files.read(path)?.unwrap_or_default();
    let record = |(number, line): (u32, &[u8])| {
        serde_json::from_slice(line).map_err(|error| Error::Malformed {
            path: path.clone(),
            line: number,
            what: error.to_string(),
        })
    };
    (1..).zip(text.lines()).map(record).collect()
}
