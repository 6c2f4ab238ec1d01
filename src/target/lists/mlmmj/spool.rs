//! The spool of one list: complete, so that mlmmj runs on it as it is.

use super::{access, folder, own_texts, texts};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::design::MailingList;
use crate::model::list::{ArchiveReaders, List, Posting, Subscribing};
use crate::model::{Address, DomainName, Sourced};
use crate::target::lists::lost;
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

/// The package's own texts by language; a copy would miss its corrections.
const TEXTS: &[(&str, &str)] = &[
    ("cs", "/usr/share/mlmmj/text.skel/cs"),
    ("de", "/usr/share/mlmmj/text.skel/de"),
    ("fr", "/usr/share/mlmmj/text.skel/fr"),
    ("it", "/usr/share/mlmmj/text.skel/it"),
    ("pt", "/usr/share/mlmmj/text.skel/pt"),
    ("pt_BR", "/usr/share/mlmmj/text.skel/pt"),
    ("zh_CN", "/usr/share/mlmmj/text.skel/zh-cn"),
];

/// Those of every other list.
const ENGLISH: &str = "/usr/share/mlmmj/text.skel/en";

/// ezmlm's limit is for the body, mlmmj's for the whole message: room for headers, in bytes.
const HEADER_ROOM: u64 = 16 << 10;

/// More posts than a list sees, and more seconds than since 1970: then the last digest of a list that
/// has had none was, for mlmmj.
const NEVER: u64 = 2_000_000_000;

pub(super) fn emit(
    list: &MailingList,
    aliases: &[DomainName],
    files: &mut Vec<Artifact>,
    findings: &mut Findings,
) {
    let folder = folder(list);
    let mut add = |name: &str, content: Content| {
        files.push(Artifact { path: folder.join(name), content, audience: Audience::Lists });
    };
    for folder in FOLDERS {
        add(folder, Content::Folder);
    }
    let stock = texts_folder(&list.list, findings);
    if list.list.texts.is_empty() {
        add("text", Content::Link(stock.into()));
    } else {
        // A link, as for other lists, so that it can be led elsewhere in the same way.
        add("text", Content::Link(own_texts::FOLDER.into()));
        for (name, content) in own_texts::files(&list.list, stock, findings) {
            add(&format!("{}/{name}", own_texts::FOLDER), content);
        }
    }
    let last = last_post(&list.list);
    add("index", Content::file(format!("{last}\n")));
    // Posts up to here have been in digests before.
    add("lastdigest", Content::file(format!("{last}:0:0\n")));
    for (name, text) in control(list, aliases, findings) {
        add(&format!("control/{name}"), Content::file(text));
    }
    let (digesters, silent) = (list.list.digesters(), list.list.silent());
    for (folder, members) in [
        ("subscribers.d", by_first_byte(&list.list.subscribers)),
        ("digesters.d", by_first_byte(digesters)),
        ("nomailsubs.d", by_first_byte(silent)),
    ] {
        for (first, text) in members {
            add(&format!("{folder}/{}", char::from(first)), Content::file(text));
        }
    }
}

/// The package's texts in the list's language, English where it has none in it.
fn texts_folder(list: &List, findings: &mut Findings) -> &'static str {
    let Some(language) = &list.language else { return ENGLISH };
    if let Some((_, folder)) = TEXTS.iter().find(|(name, _)| *name == language.value) {
        return folder;
    }
    if language.value != "en" {
        let effect = "mlmmj has no texts in it: on the new list they are English";
        lost::tell(list, &[("language", Disposition::Dropped, effect)], findings);
    }
    ENGLISH
}

/// New posts must not take the number of an archived one.
pub(super) fn last_post(list: &List) -> u64 {
    let archived = list.archive.posts.last().map_or(0, |(number, _)| *number);
    list.archive.last.max(archived)
}

/// The member files: one for each first byte, in lower case.
fn by_first_byte<'m>(
    members: impl IntoIterator<Item = &'m Sourced<Address>>,
) -> BTreeMap<u8, Vec<u8>> {
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
pub(super) fn control(
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
    add_posting(list, owners, &mut files, findings);
    add_subscribing(list, &mut files, findings);
    add_texts(list, &mut files, findings);
    if !list.archive.kept {
        files.insert("noarchive", String::new());
        // Old posts are there still.
        files.insert("noget", String::new());
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
    let threshold = |set: &Option<Sourced<u64>>, own: u64| match set.as_ref().map(|it| it.value) {
        // ezmlm's 0 is never, mlmmj's is always.
        Some(0) => NEVER,
        set => set.unwrap_or(own).min(NEVER),
    };
    let posts = threshold(&list.digest_posts, 30);
    files.insert("digestinterval", format!("{}\n", threshold(&list.digest_seconds, 172_800)));
    files.insert("digestmaxmails", format!("{posts}\n"));
    files.insert("digestmaxmail", format!("{posts}\n"));
    if let Some(held) = &list.held_seconds {
        files.insert("modreqlife", format!("{}\n", held.value));
    }
    files
}

fn add_posting(
    list: &List,
    owners: &[Address],
    files: &mut BTreeMap<&'static str, String>,
    findings: &mut Findings,
) {
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
    // A held post bounces where the file is missing, and ends mlmmj-receive where it is empty.
    let holds = !matches!(list.posting.value, Posting::Anyone | Posting::Members | Posting::Listed);
    let mut moderators = lines_of(&list.moderators);
    if holds && moderators.is_empty() {
        moderators = owners.iter().map(line_of).collect();
        findings.push(Finding::new(
            &code::LIST_SETTING_UNMAPPED,
            Disposition::Adapted,
            list.posting.origin.clone(),
            list.address.to_bytes(),
            "posts wait for a moderator, and the list has none",
            "on the new list they wait for its owner",
        ));
    }
    files.insert("moderators", moderators);
}

/// One address a line.
fn lines_of(members: &[Sourced<Address>]) -> String {
    members.iter().map(|member| line_of(&member.value)).collect()
}

fn line_of(address: &Address) -> String {
    address.to_bytes().to_str_lossy().into_owned() + "\n"
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
    // mlmmj's one switch is for both ways.
    let (joins, leaves) = (&list.confirm_subscribe, &list.confirm_unsubscribe);
    let lost = match (joins.value, leaves.value) {
        (true, true) => None,
        (false, false) => {
            files.insert("nosubconfirm", String::new());
            None
        }
        (false, true) => Some((joins, "subscribing needs no confirmation, unsubscribing does")),
        (true, false) => Some((leaves, "unsubscribing needs no confirmation, subscribing does")),
    };
    if let Some((set, lost)) = lost.filter(|_| list.subscribing.value != Subscribing::Closed) {
        findings.push(Finding::new(
            &code::LIST_SETTING_UNMAPPED,
            Disposition::Adapted,
            set.origin.clone(),
            list.address.to_bytes(),
            lost,
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
    let list_id = list.list_id.as_ref().map(|id| {
        let line = [b"List-ID: ".as_slice(), &id.value].concat();
        Sourced::new(line.into(), id.origin.clone())
    });
    let mut headers = String::new();
    for line in list.add_headers.iter().chain(&list_id) {
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
    // A post has one List-ID: only.
    let own_id = list_id.as_ref().map(|_| b"List-ID".as_slice());
    let names = list.remove_headers.iter().map(|name| name.value.trim_ascii()).chain(own_id);
    let removed = names.filter(|name| texts::is_field_name(name));
    let removed: String = removed.map(|name| name.to_str_lossy().into_owned() + ":\n").collect();
    if !removed.is_empty() {
        files.insert("delheaders", removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::lists::tests::{list, members};

    fn written(list: &MailingList) -> (BTreeMap<&'static str, String>, usize) {
        let mut findings = Findings::default();
        let files = control(list, &[], &mut findings);
        (files, findings.len())
    }

    #[test]
    fn posts_that_wait_wait_for_somebody() {
        for (posting, owners) in [
            (Posting::Moderated, true),
            (Posting::MembersElseModerated, true),
            (Posting::ListedElseModerated, true),
            (Posting::Members, false),
            (Posting::Anyone, false),
        ] {
            let (files, told) = written(&list(posting));
            assert_eq!(files["moderators"] == "postmaster@example.org\n", owners, "{posting:?}");
            assert_eq!(told == 1, owners, "{posting:?}");
        }
        let mut list = list(Posting::Moderated);
        list.list.moderators = members(&["mo@example.org"]);
        assert_eq!(written(&list).0["moderators"], "mo@example.org\n");
    }

    #[test]
    fn unsubscribing_stays_confirmed_where_only_subscribing_was_not() {
        for (subscribe, unsubscribe, file, told) in [
            (true, true, false, 0),
            (false, true, false, 1),
            (true, false, false, 1),
            (false, false, true, 0),
        ] {
            let mut list = list(Posting::Anyone);
            list.list.confirm_subscribe.value = subscribe;
            list.list.confirm_unsubscribe.value = unsubscribe;
            let (files, findings) = written(&list);
            assert_eq!((files.contains_key("nosubconfirm"), findings), (file, told));
        }
    }

    #[test]
    fn a_list_that_keeps_no_archive_opens_none() {
        let mut list = list(Posting::Anyone);
        assert!(!written(&list).0.contains_key("noget"));
        list.list.archive.kept = false;
        assert!(written(&list).0.contains_key("noget"));
    }

    #[test]
    fn the_last_rule_is_as_tight_as_the_list() {
        let rules = |posting| access::rules(&list(posting).list, &[]);
        let words = |posting| {
            let rules = rules(posting);
            rules.lines().map(|rule| rule.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(words(Posting::Anyone), ["allow"]);
        assert_eq!(words(Posting::Members), ["send", "deny", "allow"]);
        assert_eq!(words(Posting::MembersElseModerated), ["send", "moderate", "allow"]);
        assert_eq!(words(Posting::Listed), ["send", "deny"]);
        assert_eq!(words(Posting::ListedElseModerated), ["send", "moderate"]);
    }

    #[test]
    fn the_thresholds_of_digests_are_kept() {
        let mut list = list(Posting::Anyone);
        assert_eq!(written(&list).0["digestmaxmails"], "30\n");
        assert!(!written(&list).0.contains_key("modreqlife"));
        let set = |value| Some(Sourced::new(value, list.list.posting.origin.clone()));
        let (posts, seconds, held) = (set(0), set(86_400), set(3600));
        (list.list.digest_posts, list.list.digest_seconds) = (posts, seconds);
        list.list.held_seconds = held;
        let (files, _) = written(&list);
        assert_eq!(files["digestmaxmails"], "2000000000\n");
        assert_eq!(files["digestinterval"], "86400\n");
        assert_eq!(files["modreqlife"], "3600\n");
    }
}
