//! The spool of one list: complete, so that mlmmj runs on it as it is.

use super::{access, texts};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::design::MailingList;
use crate::model::list::{ArchiveReaders, List, Posting, Subscribing};
use crate::model::{Address, DomainName, Sourced};
use crate::target::{Artifact, Audience, Content};
use bstr::ByteSlice as _;
use std::collections::BTreeMap;

/// mlmmj fails, and the sender gets a bounce, where one of them is missing.
const FOLDERS: &[&str] = &[
    "archive",
    "bounce",
    "control",
    "digesters.d",
    "incoming",
    "moderation",
    "nomailsubs.d",
    "queue",
    "queue/discarded",
    "requeue",
    "subconf",
    "subscribers.d",
    "unsubconf",
];

/// The package's own texts; a copy would miss its corrections.
const TEXTS: &str = "/usr/share/mlmmj/text.skel/en";

/// ezmlm's limit is for the body, mlmmj's for the whole message: room for headers, in bytes.
const HEADER_ROOM: u64 = 16 << 10;

pub(super) fn emit(
    list: &MailingList,
    aliases: &[DomainName],
    files: &mut Vec<Artifact>,
    findings: &mut Findings,
) {
    let mut add = |name: &str, content: Content| {
        files.push(Artifact { path: list.folder.join(name), content, audience: Audience::Lists });
    };
    for folder in FOLDERS {
        add(folder, Content::Folder);
    }
    add("text", Content::Link(TEXTS));
    let last = last_post(&list.list);
    add("index", Content::File(format!("{last}\n").into_bytes()));
    // Posts up to here have been in digests before.
    add("lastdigest", Content::File(format!("{last}:0:0\n").into_bytes()));
    for (name, text) in control(list, aliases, findings) {
        add(&format!("control/{name}"), Content::File(text.into_bytes()));
    }
    for (folder, members) in
        [("subscribers.d", &list.list.subscribers), ("digesters.d", &list.list.digest)]
    {
        for (first, text) in by_first_byte(members) {
            add(&format!("{folder}/{}", char::from(first)), Content::File(text));
        }
    }
}

/// New posts must not take the number of an archived one.
fn last_post(list: &List) -> u64 {
    let archived = list.archive.posts.last().map_or(0, |(number, _)| *number);
    list.archive.last.max(archived)
}

/// The member files: one for each first byte, in lower case.
fn by_first_byte(members: &[Sourced<Address>]) -> BTreeMap<u8, Vec<u8>> {
    let mut files: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for member in members {
        let bytes = member.value.to_bytes();
        let Some(first) = bytes.first() else { continue };
        let text = files.entry(first.to_ascii_lowercase()).or_default();
        text.extend_from_slice(&bytes);
        text.push(b'\n');
    }
    files
}

/// The files of `control/`; an empty text switches something on.
fn control(
    list: &MailingList,
    aliases: &[DomainName],
    findings: &mut Findings,
) -> BTreeMap<&'static str, String> {
    let MailingList { list, owners, .. } = list;
    let mut files = BTreeMap::new();
    let lines = |addresses: &mut dyn Iterator<Item = Address>| {
        addresses
            .map(|address| address.to_bytes().to_str_lossy().into_owned() + "\n")
            .collect::<String>()
    };
    let own = std::iter::once(list.address.clone());
    let others = aliases.iter().map(|domain| Address::new(&list.address.local, domain));
    files.insert("listaddress", lines(&mut own.chain(others)));
    files.insert("owner", lines(&mut owners.iter().cloned()));
    files.insert("delimiter", "-\n".into());
    files.insert("relayhost", "127.0.0.1\n".into());
    files.insert("smtpport", "25\n".into());
    // Whether the list is named in To: or Cc: is asked by an access rule.
    files.insert("tocc", String::new());
    files.insert("access", access::rules(list, aliases));
    add_posting(list, &mut files);
    add_subscribing(list, &mut files, findings);
    add_texts(list, &mut files, findings);
    if !list.archive.kept {
        files.insert("noarchive", String::new());
    }
    match list.archive.readers {
        ArchiveReaders::Anyone => {}
        ArchiveReaders::Subscribers => drop(files.insert("subonlyget", String::new())),
        ArchiveReaders::Moderators | ArchiveReaders::Nobody => {
            drop(files.insert("noget", String::new()));
        }
    }
    if let Some(largest) = &list.largest {
        files.insert("maxmailsize", format!("{}\n", largest.value.saturating_add(HEADER_ROOM)));
    }
    // ezmlm-tstdig's own thresholds: 48 hours or 30 messages; 1.5 reads the second spelling.
    files.insert("digestinterval", "172800\n".into());
    files.insert("digestmaxmails", "30\n".into());
    files.insert("digestmaxmail", "30\n".into());
    files
}

fn add_posting(list: &List, files: &mut BTreeMap<&'static str, String>) {
    let mut on = |names: &[&'static str]| {
        files.extend(names.iter().map(|name| (*name, String::new())));
    };
    match list.posting.value {
        // The rules of `access` tell everything.
        Posting::Anyone | Posting::Listed | Posting::ListedElseModerated => {}
        Posting::Members => on(&["subonlypost"]),
        Posting::MembersElseModerated => on(&["modnonsubposts"]),
        Posting::Moderated => on(&["moderated", "ifmodsendonlymodmoderate"]),
        Posting::ModeratorsOnly => on(&["modonlypost", "moderated", "ifmodsendonlymodmoderate"]),
    }
    // A held post bounces where the file is missing.
    files.insert("moderators", lines_of(&list.moderators));
}

/// One address a line.
fn lines_of(members: &[Sourced<Address>]) -> String {
    let lines = members.iter().map(|member| member.value.to_bytes());
    lines.map(|line| line.to_str_lossy().into_owned() + "\n").collect()
}

fn add_subscribing(
    list: &List,
    files: &mut BTreeMap<&'static str, String>,
    findings: &mut Findings,
) {
    match list.subscribing.value {
        Subscribing::Open => {}
        Subscribing::Moderated => {
            drop(files.insert("submod", lines_of(&list.subscription_moderators)));
        }
        Subscribing::Closed => drop(files.insert("closedlist", String::new())),
    }
    if !list.confirm_subscribe {
        files.insert("nosubconfirm", String::new());
    } else if !list.confirm_unsubscribe && list.subscribing.value != Subscribing::Closed {
        findings.push(Finding::new(
            &code::LIST_SETTING_UNMAPPED,
            Disposition::Adapted,
            list.subscribing.origin.clone(),
            list.address.to_bytes(),
            "unsubscribing needs no confirmation, subscribing does",
            "on the new list both are confirmed",
        ));
    }
}

fn add_texts(list: &List, files: &mut BTreeMap<&'static str, String>, findings: &mut Findings) {
    let mut lost = |origin: &crate::model::Origin, message: &'static str, effect: &'static str| {
        let code = &code::LIST_SETTING_UNMAPPED;
        let subject = list.address.to_bytes();
        findings.push(Finding::new(
            code,
            Disposition::Adapted,
            origin.clone(),
            subject,
            message,
            effect,
        ));
    };
    if let Some(prefix) = &list.prefix {
        if prefix.value.contains(&b'#') {
            lost(
                &prefix.origin,
                "the prefix holds the message number",
                "on the new list the number is left out",
            );
        }
        let without = prefix.value.replace(" #", "").replace("#", "");
        files.insert("prefix", texts::header(&without) + "\n");
    }
    if let Some(trailer) = &list.trailer {
        if !trailer.value.is_ascii() {
            lost(
                &trailer.origin,
                "the trailer is not plain ASCII",
                "in messages of another character set it will look wrong",
            );
        }
        files.insert("footer", texts::footer(&trailer.value));
    }
    let mut headers = String::new();
    for line in &list.add_headers {
        if texts::is_header_line(&line.value) {
            headers += &(line.value.to_str_lossy().into_owned() + "\n");
        } else {
            lost(
                &line.origin,
                "the header line has a part that only ezmlm can fill in",
                "it is left out",
            );
        }
    }
    // ezmlm's own Mailing-List: header kept autoresponders quiet; this one does it too.
    if !headers.to_lowercase().contains("precedence:") {
        headers += "Precedence: bulk\n";
    }
    files.insert("customheaders", headers);
    let removed = list.remove_headers.iter().map(|name| name.value.trim_ascii()).filter(|name| {
        !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    });
    let removed: String = removed.map(|name| name.to_str_lossy().into_owned() + ":\n").collect();
    if !removed.is_empty() {
        files.insert("delheaders", removed);
    }
}
