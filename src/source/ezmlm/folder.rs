//! One list: its folder becomes a [`List`].

use super::dump::{self, Dump};
use super::members::Databases;
use super::people::People;
use super::programs::Programs;
use super::rules::{Editor, Store};
use super::senders::Senders;
use super::settings::Settings;
use super::software::Software;
use super::{archive, options, pending, texts};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::{self, root::Root};
use crate::model::list::{Archive, ArchiveReaders, List, Subscribing};
use crate::model::quota::leading_number;
use crate::model::{Address, DomainName, Origin, RelPath, Sourced};
use crate::source::{sql, unreadable};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Reads the list in `folder`; `origin` is the `.qmail` file that leads there.
/// What an address has in `dumps` is a file of this host that tells who is in the list.
pub(super) fn read(
    root: &Root,
    folder: &RelPath,
    origin: &Origin,
    dumps: &BTreeMap<String, PathBuf>,
) -> (Option<List>, Findings) {
    let mut findings = Findings::default();
    let list = read_list(root, folder, origin, dumps, &mut findings);
    (list, findings)
}

fn read_list(
    root: &Root,
    folder: &RelPath,
    origin: &Origin,
    dumps: &BTreeMap<String, PathBuf>,
    findings: &mut Findings,
) -> Option<List> {
    let opened = open(root, folder, findings);
    let (settings, address, programs) = match opened {
        Ok(opened) => opened,
        Err(message) => {
            let effect = "the list does not work on the old server; it is not carried over";
            findings.push(broken((folder, origin), Disposition::Manual, message, effect));
            return None;
        }
    };
    if let Some(message) = dead(&settings) {
        let effect =
            "the list was dead on the old server; it is carried over and works on the new one";
        findings.push(broken((folder, origin), Disposition::Migrated, message, effect));
    }
    let databases =
        Databases { root, list: folder, dump: dump(&settings, &address, dumps, findings) };
    let people = People::read(&databases, &settings, findings);
    let Programs { editor, editor_at, confirmer, manager, manager_at } = &programs;
    let confirm_posts =
        Sourced::new(settings.is_on(b'y', "confirmpost"), settings.place(b'y', "confirmpost"));
    let posting = editor.posting(Store {
        // ezmlm-store asks for the file itself, whatever the flags say.
        moderated: settings.has("modpost"),
        moderators_only: settings.is_on(b'o', "modpostonly"),
        confirmed: confirm_posts.value,
        confirmer: confirmer.as_ref(),
    });
    let senders = Senders {
        databases: &databases,
        address: &address,
        editor: editor_at.clone(),
        members: &people.who_may_post(),
    };
    let (posting, allowed, held_back) = senders.allowed(posting, &programs.allowing(), findings);
    let denied = senders.denied(&editor.denying(), findings);
    let is_public = settings.is_on(b'p', "public");
    let (trailer, lacks_trailer) = trailer(&settings, findings);
    // ezmlm-send asks for the file itself, whatever the flags say.
    let prefix = settings.value("prefix", findings);
    let rejects = editor.rejects(settings.software.is_modern());
    let asked = rejects.unwrap_or_default();
    let filters = options::filters(&settings, asked, findings);
    let [largest, smallest] = options::sizes(&settings, asked, findings);
    let [add_headers, remove_headers] = options::headers(&settings, &filters, findings);
    let [digest_posts, digest_seconds, digest_bytes] =
        options::digests(&settings, editor, editor_at, findings);
    let nothing = Editor::default();
    let asker = manager.as_ref().unwrap_or(&nothing);
    let [confirm_subscribe, confirm_unsubscribe] = options::confirms(&settings, asker, manager_at);
    let mut unmapped = options::unmapped(&settings, &add_headers);
    unmapped.extend(options::rejecting(editor, asked, editor_at));
    unmapped.extend(lacks_trailer);
    let (texts, homeless) = texts::read(root, folder, &settings, findings);
    unmapped.extend(homeless);
    let readers = readers(&settings, is_public, manager.as_ref(), manager_at);
    let last = settings.value("num", findings);
    let logs = people.logs(&databases, (&allowed, &denied), findings);
    Some(List {
        software: settings.software.name(),
        subscribers: people.subscribers,
        digest: people.digest,
        digests: options::sends_digests(&settings, editor, editor_at),
        moderators: people.moderators,
        subscription_moderators: people.subscription_moderators,
        allowed,
        held_back,
        denied,
        posting: Sourced::new(posting, editor_at.at(editor.deciding_line())),
        looks: editor_at.at(editor.line_of("ezmlm-reject")),
        wants_address: asked.without_address,
        discards_bulk: rejects.is_some(),
        subjects: options::subjects(asked),
        filters,
        confirm_posts,
        parent: parent(&settings, findings),
        subscribing: subscribing(&settings, is_public),
        confirm_subscribe,
        confirm_unsubscribe,
        prefix,
        trailer,
        add_headers,
        remove_headers,
        rewrites_from: settings.there("rewritefrom"),
        list_id: settings.value("listid", findings),
        largest,
        smallest,
        digest_posts,
        digest_seconds,
        digest_bytes,
        held_seconds: options::held(&settings, findings),
        returns_held: options::returns_held(&settings, editor, editor_at),
        powers: options::powers(&settings, asker, manager_at),
        language: settings.language(findings),
        archive: Archive {
            kept: settings.is_on(b'a', "archived"),
            kept_at: Some(settings.place(b'a', "archived")),
            readers: readers.value,
            readers_at: Some(readers.origin),
            last: last.as_ref().map_or(0, |last| leading_number(&last.value)),
            last_at: last.map(|last| last.origin),
            posts: archive::read(root, folder, findings),
        },
        logs,
        texts,
        pending: pending::read(root, folder, findings),
        unmapped,
        home: folder.clone(),
        known_as: Vec::new(),
        address,
    })
}

fn broken(
    (folder, origin): (&RelPath, &Origin),
    disposition: Disposition,
    message: &'static str,
    effect: &'static str,
) -> Finding {
    let (code, subject) = (&code::LIST_BROKEN, folder.as_bstr());
    Finding::new(code, disposition, origin.clone(), subject, message, effect)
}

/// What every list has; else why this one works nowhere.
fn open<'a>(
    root: &'a Root,
    folder: &'a RelPath,
    findings: &mut Findings,
) -> Result<(Settings<'a>, Address, Programs), &'static str> {
    let settings = Settings::open(root, folder, findings);
    let settings = settings.ok_or("the list's folder has no outlocal or outhost")?;
    let programs = Programs::read(root, folder, findings);
    let programs = programs.ok_or("the list's folder has no editor")?;
    let (local, host) = settings.address();
    let address = Address::new(local.to_ascii_lowercase(), &DomainName::new(host));
    if local.is_empty()
        || local.iter().any(|b| !b.is_ascii_alphanumeric() && !b"._+=-".contains(b))
        || !address.domain.is_plain()
    {
        return Err("outlocal and outhost make no address that a list can have");
    }
    Ok((settings, address, programs))
}

/// What a list lacks without which its programs give up.
fn dead(settings: &Settings<'_>) -> Option<&'static str> {
    // From version 5 on a missing headerremove is looked for in other places.
    let wants_headerremove = !settings.software.is_modern();
    match () {
        () if !settings.has("key") => Some("the list's folder has no key"),
        () if wants_headerremove && !settings.has("headerremove") => {
            Some("the list's folder has no headerremove")
        }
        () => None,
    }
}

fn subscribing(settings: &Settings<'_>, is_public: bool) -> Sourced<Subscribing> {
    match (is_public, settings.on(b's', "modsub")) {
        (false, _) => Sourced::new(Subscribing::Closed, settings.place(b'p', "public")),
        (true, Some(place)) => Sourced::new(Subscribing::Moderated, place),
        (true, None) => Sourced::new(Subscribing::Open, settings.place(b'p', "public")),
    }
}

/// The text behind each post; where it shall be there and is not, what to tell of that.
fn trailer(
    settings: &Settings<'_>,
    findings: &mut Findings,
) -> (Option<Sourced<BString>>, Option<Sourced<&'static str>>) {
    let is_asked = if settings.software == Software::Idx04 {
        settings.has("text/trailer")
    } else {
        settings.is_on(b't', "addtrailer")
    };
    let trailer = is_asked.then(|| settings.text("text/trailer", findings)).flatten();
    let lacks = (is_asked && trailer.is_none()).then(|| {
        Sourced::new("adds a text that is not in the list's folder", settings.origin("addtrailer"))
    });
    (trailer, lacks)
}

/// What is in a database and not in the list's own files, as far as a dump tells it.
fn dump(
    settings: &Settings<'_>,
    address: &Address,
    dumps: &BTreeMap<String, PathBuf>,
    findings: &mut Findings,
) -> Option<(Origin, Dump)> {
    let used = ["subdb", "sql"].into_iter().filter(|name| settings.has(name)).find_map(|name| {
        // `std`, alone or before a colon, names the list's own files.
        let line = settings.value(name, findings).map(|line| line.value).unwrap_or_default();
        let is_own = name == "subdb" && line.split_str(":").next() == Some(b"std");
        (!is_own).then(|| (name, dump::table_of(&line, name == "subdb")))
    });
    let (name, table) = used?;
    let asked =
        dumps.iter().find(|(list, _)| list.as_bytes().eq_ignore_ascii_case(&address.to_bytes()));
    let Some((_, path)) = asked else {
        findings.push(Finding::new(
            &code::LIST_MEMBERS_IN_DATABASE,
            Disposition::Manual,
            settings.origin(name),
            address.to_bytes(),
            "the list's members are in a database",
            "only members in the list's own files are carried over",
        ));
        return None;
    };
    let origin = Origin::file(&RelPath::new(path.as_os_str().as_bytes()));
    match fsys::read_bytes(path) {
        Ok(text) => {
            let dump = Dump::read(&text, table.as_bstr());
            findings.extend(dump.is_cut.then(|| sql::cut(&origin)));
            Some((origin, dump))
        }
        Err(error) => {
            findings.push(unreadable(&origin.file, &error));
            None
        }
    }
}

/// The list that a sublist gets its posts from.
fn parent(settings: &Settings<'_>, findings: &mut Findings) -> Option<Sourced<Address>> {
    let line = settings.value("sublist", findings).filter(|_| settings.has("sublist"))?;
    Some(Sourced::new(Address::parse(&line.value)?, line.origin))
}

/// Who may fetch posts: what `manager` runs decides, and from version 5 on the settings too. The
/// manager of 0.53 answers such commands itself.
fn readers(
    settings: &Settings<'_>,
    is_public: bool,
    manager: Option<&Editor>,
    manager_at: &Origin,
) -> Sourced<ArchiveReaders> {
    let is_old = settings.software == Software::Idx04;
    let runs = manager.is_none_or(|manager| manager.runs("ezmlm-get"));
    let asks = |letter| manager.is_some_and(|manager| manager.option("ezmlm-get", letter));
    let line = manager_at.at(manager.map_or(0, |manager| manager.line_of("ezmlm-get")));
    let on = |letter, name| if is_old { None } else { settings.on(letter, name) };
    let (moderators, subscribers) = (on(b'b', "modgetonly"), on(b'g', "subgetonly"));
    match (moderators, subscribers) {
        _ if !runs && settings.software != Software::Classic => {
            Sourced::new(ArchiveReaders::Nobody, line)
        }
        _ if !is_public => Sourced::new(ArchiveReaders::Nobody, settings.place(b'p', "public")),
        _ if asks('P') => Sourced::new(ArchiveReaders::Nobody, line),
        (Some(place), _) => Sourced::new(ArchiveReaders::Moderators, place),
        _ if asks('s') => Sourced::new(ArchiveReaders::Subscribers, line),
        (None, Some(place)) => Sourced::new(ArchiveReaders::Subscribers, place),
        (None, None) => Sourced::new(ArchiveReaders::Anyone, line),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;
    use crate::model::list::Posting;

    fn list(files: &[(&str, &str)]) -> (Option<List>, Vec<&'static str>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join("l").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let origin = Origin::file(&RelPath::new("d/.qmail-club"));
        let (list, findings) = read(&root, &RelPath::new("l"), &origin, &BTreeMap::new());
        (list, findings.iter().map(|f| f.code.id).collect())
    }

    #[test]
    fn a_list_of_version_five_goes_by_its_flags() {
        let (list, findings) = list(&[
            ("outlocal", "Club\n"),
            ("outhost", "example.org\n"),
            ("editor", "|/b/ezmlm-reject '/l'\n|/b/ezmlm-store '/l'\n"),
            ("flags", "aFmpS\n"),
            ("modpost", "\n"),
            ("modsub", ""),
            ("key", "x"),
            ("prefix", "[club]\n"),
            ("num", "17:44\n"),
            ("headeradd", "# no\nReply-To: <#l#>@<#h#>\n"),
            ("subscribers/A", "Teve@example.org\0"),
            ("mod/subscribers/B", "Tanna@example.org\0"),
            ("public", ""),
        ]);
        let list = list.unwrap();
        assert_eq!(findings, [] as [&str; 0]);
        assert_eq!(list.address.to_string(), "club@example.org");
        assert_eq!(list.software, "ezmlm-idx 5 or 6");
        assert_eq!(list.posting.value, Posting::Moderated);
        assert_eq!(list.subscribing.value, Subscribing::Open);
        assert_eq!(list.prefix.unwrap().value, "[club]");
        assert_eq!(list.archive.last, 17);
        assert_eq!(list.add_headers[0].value, "Reply-To: Club@example.org");
        assert_eq!(list.add_headers[0].origin.line, 2);
        assert_eq!((list.subscribers.len(), list.moderators.len()), (1, 1));
    }

    #[test]
    fn a_list_without_an_address_is_broken() {
        let (list, findings) = list(&[("editor", "|/b/ezmlm-send '/l'\n"), ("outlocal", "x\n")]);
        assert!(list.is_none());
        assert_eq!(findings, ["list-broken"]);
    }

    #[test]
    fn a_list_whose_name_would_be_a_path_is_broken() {
        let (found, findings) =
            list(&[("editor", ""), ("outlocal", "../../etc\n"), ("outhost", "example.org\n")]);
        assert!(found.is_none());
        assert_eq!(findings, ["list-broken"]);
    }

    const PLACE: &[(&str, &str)] = &[
        ("outlocal", "club\n"),
        ("outhost", "example.org\n"),
        ("key", "x"),
        ("headerremove", ""),
        ("manager", "|/b/ezmlm-get '/l'\n|/b/ezmlm-manage '/l'\n"),
        ("subscribers/A", "Tsue@example.org\0"),
        ("digest/subscribers/A", "Tdig@example.org\0Tsue@example.org\0"),
        ("allow/subscribers/A", "T@friends.example\0Tal@example.org\0"),
        ("mod/subscribers/A", "Tmo@example.org\0"),
        ("team/subscribers/A", "Ttia@example.org\0"),
    ];

    fn placed(files: &[(&str, &str)]) -> (List, Vec<&'static str>) {
        let (list, findings) = list(&[PLACE, files].concat());
        (list.unwrap(), findings)
    }

    fn shown(members: &[Sourced<Address>]) -> Vec<String> {
        members.iter().map(|member| member.value.to_string()).collect()
    }

    #[test]
    fn a_list_for_named_senders_does_not_open_to_its_members() {
        let (list, findings) =
            placed(&[("editor", "|/b/ezmlm-checksub '/l' mod allow && /b/ezmlm-store '/l'\n")]);
        assert_eq!(list.posting.value, Posting::Listed);
        assert_eq!(shown(&list.allowed), ["mo@example.org", "al@example.org", "@friends.example"]);
        assert_eq!(findings, [] as [&str; 0]);
        let (list, _) = placed(&[("modpost", ""), ("editor", "|/b/ezmlm-gate '/l' team\n")]);
        assert_eq!(list.posting.value, Posting::ListedElseModerated);
        assert_eq!(shown(&list.allowed), ["tia@example.org"]);
    }

    #[test]
    fn digest_members_that_no_check_names_are_held_back() {
        let (list, _) =
            placed(&[("editor", "|/b/ezmlm-issubn '/l' || exit 100\n|/b/ezmlm-send '/l'")]);
        assert_eq!(list.posting.value, Posting::Members);
        assert_eq!(shown(&list.allowed), [] as [&str; 0]);
        assert_eq!(shown(&list.held_back), ["dig@example.org"]);
    }

    #[test]
    fn a_foreign_database_lets_nobody_post() {
        let (list, findings) =
            placed(&[("editor", "|/b/ezmlm-issubn '/l' '/elsewhere' || exit 100\n")]);
        assert_eq!(list.posting.value, Posting::Members);
        assert_eq!(shown(&list.allowed), [] as [&str; 0]);
        assert_eq!(findings, ["list-setting-unmapped"]);
    }

    #[test]
    fn modpost_and_modsub_name_their_moderators() {
        let (list, _) = placed(&[
            ("editor", "|/b/ezmlm-store '/l'\n"),
            ("modpost", "team\n"),
            ("modsub", "/l/mod\n"),
        ]);
        assert_eq!(shown(&list.moderators), ["tia@example.org"]);
        assert_eq!(shown(&list.subscription_moderators), ["mo@example.org"]);
    }

    #[test]
    fn the_manager_of_version_four_tells_who_may_fetch_posts() {
        let readers = |manager: &str, files: &[(&str, &str)]| {
            let own = [("editor", ""), ("public", ""), ("manager", manager)];
            placed(&[own.as_slice(), files].concat()).0.archive.readers
        };
        let old = [("config", "F:aBCdG\n")];
        assert_eq!(readers("|/b/ezmlm-get '/l'\n", &old), ArchiveReaders::Anyone);
        assert_eq!(readers("|/b/ezmlm-get -P '/l'\n", &old), ArchiveReaders::Nobody);
        assert_eq!(readers("|/b/ezmlm-get -s '/l'\n", &old), ArchiveReaders::Subscribers);
        assert_eq!(readers("|/b/ezmlm-manage '/l'\n", &old), ArchiveReaders::Nobody);
        let new = [("subgetonly", "")];
        assert_eq!(readers("|/b/ezmlm-get '/l'\n", &new), ArchiveReaders::Subscribers);
        let classic = [("mailinglist", "")];
        assert_eq!(readers("|/b/ezmlm-manage '/l'\n", &classic), ArchiveReaders::Anyone);
    }

    #[test]
    fn a_list_without_ezmlm_reject_takes_bulk_mail() {
        assert!(!placed(&[("editor", "|/b/ezmlm-send '/l'\n")]).0.discards_bulk);
        let sublist = "|if test ! -f '/l/sublist'; then /b/ezmlm-reject '/l'; fi\n";
        assert!(placed(&[("editor", sublist)]).0.discards_bulk);
        assert!(!placed(&[("editor", sublist), ("sublist", "a@b.example")]).0.discards_bulk);
    }

    #[test]
    fn no_setting_is_passed_over_in_silence() {
        let told = |files: &[(&str, &str)]| {
            let (list, _) = placed(&[&[("editor", "")], files].concat());
            let names = list.unmapped.iter().map(|it| it.origin.file.file_name().to_string());
            names.collect::<Vec<_>>()
        };
        assert_eq!(told(&[]), [] as [&str; 0]);
        for name in ["sequence", "nowarn", "fromheader", "addtrailer"] {
            assert_eq!(told(&[(name, "x\n")]), [name]);
        }
        assert_eq!(told(&[("text/dig-bounce-num", "hello\n")]), ["dig-bounce-num"]);
        assert_eq!(told(&[("text/trailer", "--\n"), ("addtrailer", "")]), [] as [&str; 0]);
    }

    #[test]
    fn digests_replies_and_waiting_posts_keep_their_settings() {
        let (list, _) = placed(&[
            ("editor", "|if test -e '/l/digested' && /b/ezmlm-tstdig -m 9 '/l'; then x; fi\n"),
            ("digested", ""),
            ("digcount", "40\n"),
            ("digtime", "24\n"),
            ("digsize", "0\n"),
            ("modtime", "1\n"),
            ("replytolist", ""),
        ]);
        let told = |set: &Option<Sourced<u64>>| {
            set.as_ref().map(|set| (set.value, set.origin.to_string())).unwrap_or_default()
        };
        assert_eq!(told(&list.digest_posts), (9, "l/editor:1".into()));
        assert_eq!(told(&list.digest_seconds), (86_400, "l/digtime:1".into()));
        assert_eq!(told(&list.digest_bytes), (0, "l/digsize:1".into()));
        assert_eq!(told(&list.held_seconds), (86_400, "l/modtime:1".into()));
        assert_eq!(list.add_headers[0].value, "Reply-To: club@example.org");
        assert_eq!(list.remove_headers[0].value, "Reply-To");
    }

    #[test]
    fn sizes_and_types_count_where_ezmlm_reject_looks_at_the_folder() {
        let files = [("msgsize", "30000:2\n"), ("mimereject", "a/b\n"), ("headerreject", "X-S\n")];
        let read = |editor: &str| {
            let editor = [("editor", editor)];
            placed(&[editor.as_slice(), &files].concat()).0
        };
        let list = read("|/b/ezmlm-reject '/l'\n|/b/ezmlm-send '/l'\n");
        assert_eq!(list.largest.map(|it| it.value), Some(30_000));
        assert_eq!(list.smallest.map(|it| it.value), Some(2));
        assert_eq!(list.filters.refused_types[0].value, "a/b");
        assert_eq!(list.filters.refused_fields[0].origin.to_string(), "l/headerreject:1");
        assert_eq!(list.posting.origin.to_string(), "l/editor:2");
        assert!(list.subjects.required && list.subjects.no_commands);
        let list = read("|/b/ezmlm-reject -HSC '/l'\n");
        assert!(list.filters.refused_fields.is_empty() && !list.subjects.required);
        let list = read("|/b/ezmlm-reject\n|/b/ezmlm-send '/l'\n");
        assert!(list.largest.is_none() && list.filters.refused_types.is_empty());
        assert!(list.subjects.required && !list.wants_address);
    }

    #[test]
    fn version_four_goes_by_its_command_lines_and_not_by_its_notes() {
        let old =
            [("editor", ""), ("config", "F:aPhjlN\nX:/usr/bin/ezmlm/ezmlmrc.fr\n"), ("public", "")];
        let read = |manager: &str| placed(&[&old, [("manager", manager)].as_slice()].concat()).0;
        let list = read("|/b/ezmlm-manage -leS '/l'\n");
        assert_eq!(list.subscribing.value, Subscribing::Open);
        assert_eq!((list.confirm_subscribe.value, list.confirm_unsubscribe.value), (false, true));
        assert_eq!(list.confirm_subscribe.origin.to_string(), "l/manager:1");
        assert_eq!(list.powers.list_members.unwrap().to_string(), "l/manager:1");
        assert!(list.powers.edit_texts.is_some());
        assert_eq!(list.language.unwrap().value, "fr");
        let list = read("|/b/ezmlm-manage '/l'\n");
        assert!(list.confirm_subscribe.value && list.powers.list_members.is_none());
    }

    #[test]
    fn what_a_list_has_no_file_for_is_looked_up_elsewhere() {
        let elsewhere = [
            ("editor", "|/b/ezmlm-reject '/l'\n"),
            ("ezmlmrc", "/l/lang/fr\n"),
            ("addtrailer", ""),
            ("lang/fr/text/trailer", "Salut <#l#>\n"),
            ("lang/fr/headerreject", "X-Spam\n"),
        ];
        let list = placed(&elsewhere).0;
        assert_eq!(list.trailer.unwrap().value, "Salut club\n");
        assert_eq!(list.filters.refused_fields[0].origin.to_string(), "l/lang/fr/headerreject:1");
        assert_eq!(list.language.unwrap().value, "fr");
        // Before version 5 nothing but the folder counted.
        let list = placed(&[elsewhere.as_slice(), &[("config", "F:a\n")]].concat()).0;
        assert!(list.filters.refused_fields.is_empty());
    }

    #[test]
    fn a_sublist_knows_its_parent() {
        let list = placed(&[("editor", "|/b/ezmlm-send '/l'\n"), ("sublist", "all@b.example\n")]).0;
        let parent = list.parent.unwrap();
        assert_eq!((parent.value.to_string(), parent.origin.line), ("all@b.example".into(), 1));
    }

    #[test]
    fn the_lists_own_files_are_no_database() {
        let found = |text: &str| placed(&[("editor", ""), ("subdb", text)]).1;
        assert_eq!(found("std\n"), [] as [&str; 0]);
        assert_eq!(found("std:x\n"), [] as [&str; 0]);
        assert_eq!(found("mysql:localhost\n"), ["list-members-in-database"]);
        assert_eq!(found(""), ["list-members-in-database"]);
    }

    #[test]
    fn a_list_without_a_key_was_dead() {
        let place = [("outlocal", "x\n"), ("outhost", "b.example\n"), ("editor", "")];
        let (found, findings) = list(&place);
        assert!(found.is_some());
        assert_eq!(findings, ["list-broken"]);
        let old = [("key", "x"), ("config", "F:ap\n")];
        assert_eq!(list(&[place.as_slice(), &old].concat()).1, ["list-broken"]);
        assert_eq!(list(&[place.as_slice(), &[("key", "x")]].concat()).1, [] as [&str; 0]);
    }
}
