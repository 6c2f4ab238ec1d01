//! Lists: the members of each, by role, its settings, and the number of its last post.

mod alias;

use super::Verified;
use crate::model::design::{ListManager, MailingList};
use crate::model::{Address, RelPath, Sourced, shown};
use crate::plan::Plan;
use crate::predict::{GivenList, NewServer, Spool};
use crate::target::Content;
use crate::target::lists::mlmmj;
use bstr::{BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};

/// The planned files of `control/` and the like, by their path.
type Planned<'a> = BTreeMap<&'a RelPath, &'a [u8]>;

pub(super) fn check(plan: &Plan, found: &NewServer, verified: &mut Verified) {
    let files = plan.artifacts.iter().filter_map(|file| match &file.content {
        Content::File(bytes) => Some((&file.path, bytes.as_slice())),
        _ => None,
    });
    let files: Planned<'_> = files.collect();
    for planned in plan.design.lists.values() {
        verified.count("lists", 1);
        let list = &planned.list;
        if planned.manager == ListManager::Alias {
            alias::check(plan, planned, found, verified);
            continue;
        }
        if matches!(planned.manager, ListManager::Mailman | ListManager::Sympa) {
            match found.given_lists().get(&list.address.to_bytes()) {
                Some(given) => check_given(planned, given, verified),
                None => verified.differ("list", list.address.to_bytes(), "there", "missing"),
            }
            continue;
        }
        let Some(spool) = found.spools().get(planned.place().as_bstr()) else {
            verified.differ("list", list.address.to_bytes(), "there", "missing");
            continue;
        };
        if spool.addresses.first() != Some(&list.address.to_bytes()) {
            verified.differ("list", list.address.to_bytes(), "its own address", "another address");
        }
        check_members(planned, spool, verified);
        check_control(planned, spool, &files, verified);
        check_index(planned, spool, &files, verified);
    }
}

/// What a manager is given to load: somebody with messages and digests gets messages, and addresses
/// that it refuses are named by findings.
fn check_given(planned: &MailingList, given: &GivenList, verified: &mut Verified) {
    let list = &planned.list;
    let (regular, digest) = (lowered(&list.subscribers), lowered(&list.digest));
    verified.count("members", given.members.len());
    for (member, gets_digests) in &given.members {
        let is_right = if *gets_digests {
            digest.contains(member) && !regular.contains(member)
        } else {
            regular.contains(member)
        };
        if !is_right {
            let subject = [member.as_slice(), b" of ", list.address.to_bytes().as_bytes()].concat();
            verified.differ("member", subject, "not like this on the old list", "there");
        }
    }
    let last = list.archive.posts.last().map_or(0, |(number, _)| *number);
    if given.next <= last.max(list.archive.last) {
        let next = format!("next post {}", given.next);
        verified.differ("list", list.address.to_bytes(), "a number that no post has", next);
    }
}

fn check_members(planned: &MailingList, spool: &Spool, verified: &mut Verified) {
    let list = &planned.list;
    let subject = |member: &BString| {
        [member.as_slice(), b" of ", list.address.to_bytes().as_bytes()].concat()
    };
    let roles = [
        ("subscriber", lowered(&list.subscribers), &spool.subscribers),
        ("digest subscriber", lowered(list.digesters()), &spool.digest),
        ("member without mail", lowered(list.silent()), &spool.nomail),
    ];
    for (role, wanted, there) in roles {
        verified.count("members", wanted.len());
        for member in wanted.difference(there) {
            verified.differ("member", subject(member), role, "missing");
        }
        for member in there.difference(&wanted) {
            verified.differ("member", subject(member), "missing", role);
        }
    }
    for (file, member) in &spool.misplaced {
        let place = format!("in {file}, where nobody looks for it");
        verified.differ("member", subject(member), "in the file of its first letter", place);
    }
}

fn check_control(
    planned: &MailingList,
    spool: &Spool,
    files: &Planned<'_>,
    verified: &mut Verified,
) {
    let folder = mlmmj::folder(planned).join("control");
    let wanted: BTreeMap<String, Vec<BString>> = files
        .range::<&RelPath, _>(&folder..)
        .take_while(|(path, _)| path.starts_with(&folder))
        .map(|(path, text)| (path.file_name().to_string(), Spool::lines(text)))
        .collect();
    verified.count("list settings", wanted.len());
    let names: BTreeSet<&str> =
        wanted.keys().map(String::as_str).chain(spool.control.keys().copied()).collect();
    for name in names {
        let subject = format!("control/{name} of {}", planned.list.address);
        match (wanted.get(name), spool.control.get(name)) {
            (Some(_), None) => verified.differ("list setting", subject, "there", "missing"),
            (None, Some(_)) => verified.differ("list setting", subject, "missing", "there"),
            (Some(wanted), Some(found)) => compare(&subject, wanted, found, verified),
            (None, None) => {}
        }
    }
}

/// Tells the first line that is missing and the first that is new.
fn compare(subject: &str, wanted: &[BString], found: &[BString], verified: &mut Verified) {
    if wanted == found {
        return;
    }
    let line = |these: &[BString], those: &[BString]| {
        these.iter().find(|line| !those.contains(line)).map(|line| shown(line).to_string())
    };
    let (old, new) = match (line(wanted, found), line(found, wanted)) {
        (None, None) => ("lines in the planned order".to_owned(), "another order".to_owned()),
        (old, new) => {
            let missing = || "missing".to_owned();
            (old.unwrap_or_else(missing), new.unwrap_or_else(missing))
        }
    };
    verified.differ("list setting", subject, old, new);
}

/// A number below the planned one would have archived posts overwritten.
fn check_index(planned: &MailingList, spool: &Spool, files: &Planned<'_>, verified: &mut Verified) {
    let text = files.get(&mlmmj::folder(planned).join("index")).copied().unwrap_or_default();
    let wanted: u64 =
        text.trim_ascii().to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if spool.index < wanted {
        let subject = planned.list.address.to_bytes();
        let (old, new) =
            (format!("last post {wanted} or more"), format!("last post {}", spool.index));
        verified.differ("list", subject, old, new);
    }
}

fn lowered<'m>(members: impl IntoIterator<Item = &'m Sourced<Address>>) -> BTreeSet<BString> {
    members.into_iter().map(|member| member.value.to_bytes().to_ascii_lowercase().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Verified, compare};
    use bstr::BString;

    #[test]
    fn a_changed_rule_is_named_and_so_is_another_order() {
        let lines =
            |texts: &[&str]| texts.iter().map(|text| BString::from(*text)).collect::<Vec<_>>();
        let told = |wanted: &[&str], found: &[&str]| {
            let mut verified = Verified::default();
            compare("control/access", &lines(wanted), &lines(found), &mut verified);
            verified.differences.pop().map(|it| (it.old, it.new))
        };
        assert_eq!(told(&["a", "b"], &["a", "b"]), None);
        assert_eq!(told(&["a", "b"], &["a"]), Some(("b".into(), "missing".into())));
        assert_eq!(told(&["a", "b"], &["a", "c"]), Some(("b".into(), "c".into())));
        assert!(told(&["a", "b"], &["b", "a"]).is_some_and(|(_, new)| new == "another order"));
        assert!(told(&["a", "a"], &["a"]).is_some());
    }
}
