//! One list: its folder becomes a [`List`].

use super::members::Purpose;
use super::rules::Editor;
use super::settings::Settings;
use super::{archive, members};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::root::Root;
use crate::model::list::{Archive, ArchiveReaders, List, Subscribing};
use crate::model::quota::leading_number;
use crate::model::{Address, DomainName, Origin, RelPath, Sourced};
use crate::source::{lines, read_file};

/// Settings that no part of [`List`] stands for, and what each does.
const UNMAPPED: &[(&str, &str)] = &[
    ("fromheader", "replaces the From: header"),
    ("headerkeep", "keeps only these header fields"),
    ("headerreject", "refuses posts with these header fields"),
    ("mimekeep", "keeps only these MIME types"),
    ("mimereject", "refuses posts with these MIME types"),
    ("mimeremove", "removes parts of these MIME types"),
    ("modcanedit", "lets moderators edit the list's texts by mail"),
    ("modcanlist", "lets moderators fetch the list of members by mail"),
    ("remote", "lets moderators subscribe and unsubscribe others by mail"),
    ("rewritefrom", "rewrites the From: header"),
    ("sublist", "makes it a sublist of another list"),
];

/// Reads the list in `folder`; `origin` is the `.qmail` file that leads there.
pub(super) fn read(root: &Root, folder: &RelPath, origin: &Origin) -> (Option<List>, Findings) {
    let mut findings = Findings::default();
    let list = read_list(root, folder, origin, &mut findings);
    (list, findings)
}

fn read_list(
    root: &Root,
    folder: &RelPath,
    origin: &Origin,
    findings: &mut Findings,
) -> Option<List> {
    let broken = |message: &'static str| {
        Finding::new(
            &code::LIST_BROKEN,
            Disposition::Manual,
            origin.clone(),
            folder.as_bstr(),
            message,
            "the list does not work on the old server; it is not carried over",
        )
    };
    let Some(settings) = Settings::open(root, folder, findings) else {
        findings.push(broken("the list's folder has no outlocal or outhost"));
        return None;
    };
    let editor_path = folder.join("editor");
    let Some(editor) = read_file(root, &editor_path, findings) else {
        findings.push(broken("the list's folder has no editor"));
        return None;
    };
    let (local, host) = settings.address();
    let address = Address::new(local.to_ascii_lowercase(), &DomainName::new(host));
    if local.is_empty()
        || local.iter().any(|b| !b.is_ascii_alphanumeric() && !b"._+=-".contains(b))
        || !address.domain.is_plain()
    {
        findings.push(broken("outlocal and outhost make no address that a list can have"));
        return None;
    }
    for name in ["subdb", "sql"] {
        if settings.has(name) {
            findings.push(Finding::new(
                &code::LIST_MEMBERS_IN_DATABASE,
                Disposition::Manual,
                settings.origin(name),
                address.to_bytes(),
                "the list's members are in a database",
                "only members in the list's own files are carried over",
            ));
        }
    }
    let lines: Vec<&[u8]> = lines::numbered(&editor).map(|(_, line)| line).collect();
    let editor = Editor::read(lines.into_iter(), |file| {
        root.stat(&RelPath::new(file)).is_ok_and(|stat| stat.is_some())
    });
    // ezmlm-store asks for the file itself, whatever the flags say.
    let moderated = settings.has("modpost");
    let posting = editor.posting(moderated, settings.is_on(b'o', "modpostonly"));
    let software = software(&settings);
    let refuses = editor.refuses_denied();
    let is_public = settings.is_on(b'p', "public");
    let subscribing = match () {
        () if !is_public => Subscribing::Closed,
        () if settings.is_on(b's', "modsub") => Subscribing::Moderated,
        () => Subscribing::Open,
    };
    let has_trailer = if software == "ezmlm-idx 0.4" {
        settings.has("text/trailer")
    } else {
        settings.is_on(b't', "addtrailer")
    };
    let trailer = has_trailer.then(|| settings.text("text/trailer", findings)).flatten();
    let prefix = settings.value("prefix", findings).filter(|_| settings.is_on(b'f', "prefix"));
    let largest = settings.value("msgsize", findings).and_then(|line| {
        let bytes = leading_number(&line.value);
        (bytes > 0).then(|| Sourced::new(bytes, line.origin))
    });
    let denied_folder = folder.join("deny");
    let denied = if refuses {
        members::read(root, &denied_folder, Purpose::Senders, findings)
    } else {
        Vec::new()
    };
    let unmapped = UNMAPPED.iter().filter(|(name, _)| settings.has(name));
    Some(List {
        software,
        subscribers: members::read(root, folder, Purpose::Members, findings),
        digest: members::read(root, &folder.join("digest"), Purpose::Members, findings),
        moderators: members::read(root, &folder.join("mod"), Purpose::Members, findings),
        allowed: members::read(root, &folder.join("allow"), Purpose::Senders, findings),
        denied,
        posting: Sourced::new(posting, Origin::file(&editor_path)),
        wants_address: editor.wants_address(),
        confirm_posts: settings.is_on(b'y', "confirmpost"),
        subscribing: Sourced::new(subscribing, settings.origin("public")),
        confirm_subscribe: !settings.is_on(b'h', "nosubconfirm"),
        confirm_unsubscribe: !settings.is_on(b'j', "nounsubconfirm"),
        prefix,
        trailer,
        add_headers: settings.lines("headeradd", findings),
        remove_headers: settings.lines("headerremove", findings),
        largest,
        archive: Archive {
            kept: settings.is_on(b'a', "archived"),
            readers: readers(&settings, is_public),
            last: settings.value("num", findings).map_or(0, |num| leading_number(&num.value)),
            posts: archive::read(root, folder, findings),
        },
        unmapped: unmapped
            .map(|(name, effect)| Sourced::new(*effect, settings.origin(name)))
            .collect(),
        home: folder.clone(),
        known_as: Vec::new(),
        address,
    })
}

fn readers(settings: &Settings<'_>, is_public: bool) -> ArchiveReaders {
    match () {
        () if !is_public => ArchiveReaders::Nobody,
        () if settings.is_on(b'b', "modgetonly") => ArchiveReaders::Moderators,
        () if settings.is_on(b'g', "subgetonly") => ArchiveReaders::Subscribers,
        () => ArchiveReaders::Anyone,
    }
}

/// Tells the version by the files it leaves (`ezmlm-make`, the templates of each version).
fn software(settings: &Settings<'_>) -> &'static str {
    match () {
        () if settings.has("mailinglist") && !settings.has("digestcode") => "ezmlm 0.53",
        () if settings.has("flags") => "ezmlm-idx 5 or 6",
        () if settings.has("config") => "ezmlm-idx 0.4",
        () => "ezmlm-idx 7",
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
        let (list, findings) = read(&root, &RelPath::new("l"), &origin);
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
        assert!(list.prefix.is_none());
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
}
