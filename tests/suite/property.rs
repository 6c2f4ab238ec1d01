//! Any small site: what the new server does with an address is what the old one did, or a finding
//! says why not. The sites are made of the pieces that surprise each other: files for the same name,
//! fronts within fronts, forwards in a ring, wildcards with exceptions, names that want to do harm.

use crate::support::{SMALL, scratch};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::fmt::Write as _;
use unqmail::fsys::root::Root;
use unqmail::fsys::tree::Tree;
use unqmail::model::outcome::Verdict;
use unqmail::plan::{AddressRow, Plan};
use unqmail::policy::{Backend, Dovecot, Policy};
use unqmail::{report, sample};

const D: &str = "home/vpopmail/domains/a.example";
const LIST: &str = "home/vpopmail/domains/a.example/club";

/// A piece of a site.
#[derive(Clone, Debug)]
enum Piece {
    /// `.qmail-NAME` of a folder.
    Alias(&'static str, Vec<u8>, Vec<Vec<u8>>),
    /// `.qmail-NAME-default` of a folder.
    Front(&'static str, Vec<u8>, Vec<Vec<u8>>),
    /// `.qmail-default` of the domain, with what becomes of unknown names.
    CatchAll(&'static str),
    /// An account's own `.qmail`.
    Own(&'static str, Vec<Vec<u8>>),
    /// A line of `virtualdomains`.
    Virtual(&'static str),
    /// Another name of the domain.
    AliasDomain,
    /// A list.
    List,
    /// A Unix user.
    User,
    /// `percenthack` for the host.
    Percent,
}

/// Where `.qmail` files lie.
const HOMES: &[&str] = &[D, D, D, "var/qmail/alias", "home/ann"];

/// Names that meet each other; the accounts are joe and eve.
const NAMES: &[&str] =
    &["joe", "eve", "x", "x-y", "x-y-z", "joe-x", "club", "club-help", "a:b", "w"];

fn name() -> impl Strategy<Value = Vec<u8>> {
    let usual = prop::sample::select(NAMES).prop_map(|name| name.as_bytes().to_vec());
    let byte = prop::sample::select(
        b"ax-%$|:\"\\ ,;<>@!#'&*+=?^`{}~()[]\r\n\t\xe9\xc3\xa9\x7f\x01".as_slice(),
    );
    let hostile = prop::collection::vec(byte, 1..6);
    prop_oneof![6 => usual, 1 => hostile]
}

fn address() -> impl Strategy<Value = Vec<u8>> {
    let host = prop::sample::select(
        ["", "@a.example", "@a.example", "@a.example", "@b.example", "@mx.example", "@far.example"]
            .as_slice(),
    );
    (name(), host).prop_map(|(name, host)| {
        // vdelivermail would take what `$EXT@...` becomes for an instruction.
        let front: &[u8] =
            if name.first().is_some_and(|b| b"|./&#".contains(b)) { b"a" } else { b"" };
        [front, &name, host.as_bytes()].concat()
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(
        [
            "",
            "#",
            "./nowhere/",
            "./mbox",
            "/home/vpopmail/domains/a.example/joe/Maildir/",
            "/home/vpopmail/domains/a.example/eve/Maildir/",
            "|/home/vpopmail/bin/vdelivermail '' bounce-no-mailbox",
            "|bouncesaying \"no\"",
            "|exit 99",
            "|exit 100",
            "|exit 111",
            "|true",
            "|/usr/local/bin/program",
            "|forward \"$EXT@far.example\"",
            "|forward \"$DEFAULT@far.example\"",
            "|forward \"$LOCAL@b.example\"",
        ]
        .as_slice(),
    );
    let fixed = fixed.prop_map(|line| line.as_bytes().to_vec());
    let forward = address().prop_map(|to| [b"&".as_slice(), &to].concat());
    prop_oneof![1 => fixed, 2 => forward]
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(line(), 0..4)
}

fn piece() -> impl Strategy<Value = Piece> {
    let home = || prop::sample::select(HOMES);
    let catch_all = prop::sample::select(
        [
            "delete",
            "joe@a.example",
            "w@far.example",
            "$EXT@b.example",
            "$EXT@far.example",
            "/home/vpopmail/domains/a.example/eve",
        ]
        .as_slice(),
    );
    let virtuals = prop::sample::select(
        [
            "b.example:a.example",
            "b.example:alias-x",
            "b.example:ann-x",
            ".w.example:alias-x",
            ".deep.w.example:ann",
            "off.w.example:",
            ".off.w.example:",
            "own.w.example:alias-x-y",
            "joe@a.example:alias-x",
            "info@far.example:alias",
            "mx.example:alias-x",
            "a.example:alias-x",
            ":alias-x",
        ]
        .as_slice(),
    );
    prop_oneof![
        8 => (home(), name(), lines()).prop_map(|(home, name, lines)| Piece::Alias(home, name, lines)),
        4 => (home(), name(), lines()).prop_map(|(home, name, lines)| Piece::Front(home, name, lines)),
        2 => catch_all.prop_map(Piece::CatchAll),
        3 => (prop::sample::select(["joe", "eve"].as_slice()), lines()).prop_map(|(who, lines)| Piece::Own(who, lines)),
        3 => virtuals.prop_map(Piece::Virtual),
        1 => Just(Piece::AliasDomain),
        1 => Just(Piece::List),
        1 => Just(Piece::User),
        1 => Just(Piece::Percent),
    ]
}

/// Every byte that a manifest could take for its own.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._/:".contains(byte);
        let written =
            if plain { write!(text, "{}", char::from(*byte)) } else { write!(text, "%{byte:02X}") };
        written.unwrap();
        text
    })
}

fn file(path: &str, lines: &[Vec<u8>]) -> String {
    let text = lines
        .iter()
        .fold(format!("file {path}\n"), |text, line| text + "\\ " + &escaped(line) + "%0A\n");
    if lines.is_empty() { text + "\\ \n" } else { text }
}

/// The manifest of a site; of two files with one name the first is written.
fn manifest(pieces: &[Piece]) -> String {
    let (mut virtuals, mut more, mut assigned) = (String::new(), Vec::new(), String::new());
    let mut users = String::new();
    for piece in pieces {
        match piece {
            Piece::Alias(home, name, lines) => {
                more.push((format!("{home}/.qmail-{}", escaped(name)), lines.clone()));
            }
            Piece::Front(home, name, lines) => {
                more.push((format!("{home}/.qmail-{}-default", escaped(name)), lines.clone()));
            }
            Piece::CatchAll(what) => {
                let line = format!("| /home/vpopmail/bin/vdelivermail '' {what}").into_bytes();
                more.push((format!("{D}/.qmail-default"), vec![line]));
            }
            Piece::Own(who, lines) => more.push((format!("{D}/{who}/.qmail"), lines.clone())),
            Piece::Virtual(line) => virtuals += &format!("| {line}\n"),
            Piece::AliasDomain => {
                virtuals += "| c.example:c.example\n";
                assigned += "| +c.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
            }
            Piece::List => {
                for (name, text) in [("outlocal", "club"), ("outhost", "a.example")] {
                    more.push((format!("{LIST}/{name}"), vec![text.into()]));
                }
                for (name, program) in
                    [("club", "send"), ("club-default", "manage"), ("club-owner", "warn")]
                {
                    let line = format!("|/usr/bin/ezmlm-{program} '/{LIST}'").into_bytes();
                    more.push((format!("{D}/.qmail-{name}"), vec![line]));
                }
            }
            Piece::User => {
                users += "| ann:x:1001:1001::/home/ann:/bin/sh\n";
                more.push(("home/ann/.profile".into(), Vec::new()));
            }
            Piece::Percent => {
                more.push(("var/qmail/control/percenthack".into(), vec![b"mx.example".to_vec()]));
            }
        }
    }
    // Names longer than a file's, slashes and dots are no names.
    let mut seen = std::collections::BTreeSet::new();
    more.retain(|(path, _)| seen.insert(path.clone()));
    let base = SMALL
        .replace("| a.example:a.example\n", &format!("| a.example:a.example\n{virtuals}"))
        .replace("| .\nfile etc/passwd\n", &format!("{assigned}| .\nfile etc/passwd\n{users}"));
    let mut kept: Vec<String> = Vec::new();
    let mut skipping = false;
    // A file of a piece stands instead of the one that every site has.
    for line in base.lines() {
        if !line.starts_with('|') {
            skipping = line.strip_prefix("file ").is_some_and(|path| seen.contains(path));
        }
        if !skipping {
            kept.push(line.to_owned());
        }
    }
    let more: String = more
        .iter()
        .map(|(path, lines)| {
            let owner = match path.as_str() {
                path if path.starts_with("home/ann") => "1001:1001",
                path if path.starts_with("var/qmail/alias") => "7790:2108",
                _ => "89:89",
            };
            format!("owner {owner}\n{}", file(path, lines))
        })
        .collect();
    kept.join("\n") + "\n" + &more
}

/// The plans for a site, one for each place where accounts can be kept.
fn plans<const N: usize>(pieces: &[Piece], extensions: bool, backends: [Backend; N]) -> [Plan; N] {
    let folder = scratch();
    let site = folder.path().join("site");
    let manifest = manifest(pieces);
    sample::lay_out(&manifest, &Tree::create(&site).unwrap()).unwrap();
    let root = Root::open(&site).unwrap();
    backends.map(|backend| {
        let mut policy = Policy::default();
        policy.old.user_extensions = Some(extensions);
        policy.new.backend = backend;
        let plan = Plan::make(&root, policy, Dovecot::V24);
        plan.unwrap_or_else(|error| panic!("{error}\n{manifest}"))
    })
}

/// The rows that end otherwise than before without a word of explanation.
fn unexplained(pieces: &[Piece], extensions: bool) -> Vec<String> {
    let [plan] = plans(pieces, extensions, [Backend::Files]);
    let resolver = plan.resolver();
    let silent =
        plan.addresses().filter(|row| row.verdict != Verdict::Same && row.findings.is_empty());
    let told = |row: AddressRow| {
        let mut text = Vec::new();
        let explanation = plan.explain(&resolver, row.address.as_ref());
        report::text::explanation(&explanation, &mut text).unwrap();
        String::from_utf8_lossy(&text).replace("\u{1b}[1m", "").replace("\u{1b}[0m", "")
    };
    silent.map(told).collect()
}

fn config(usual: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config {
        cases: cases.unwrap_or(usual),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_iters: 400,
        ..Config::default()
    }
}

#[test]
fn an_address_ends_in_the_same_place_whether_files_or_a_database_tell_it() {
    let both = [Backend::Files, Backend::Sqlite];
    proptest!(config(60), |(pieces in prop::collection::vec(piece(), 1..8), extensions in any::<bool>())| {
        let [files, stored] = plans(&pieces, extensions, both);
        let mut other = stored.addresses();
        for row in files.addresses() {
            let there = other.next().unwrap();
            prop_assert_eq!(&row.address, &there.address);
            prop_assert_eq!(row.new, there.new, "{}: {}", row.address, manifest(&pieces));
        }
        prop_assert!(other.next().is_none());
    });
}

#[test]
fn an_address_without_a_finding_ends_as_it_did() {
    proptest!(config(200), |(pieces in prop::collection::vec(piece(), 1..8), extensions in any::<bool>())| {
        let found = unexplained(&pieces, extensions);
        prop_assert!(found.is_empty(), "{}\n{}", found.concat(), manifest(&pieces));
    });
}
