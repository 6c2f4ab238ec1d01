//! Lists that want to do harm: nothing that stands in a member file, a text or an archive becomes a
//! line of another file, and no link leads out of the site.

use crate::support::{Laid, command, files_under, read};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const CLUB: &str = "home/vpopmail/domains/a.example/club";

/// Records that are no address, as their bytes lie on the disk.
const BAD: &[&str] = &[
    "no letter in front",
    "Tno-at-sign",
    "T@a.example",
    "Ttwo%0Alines@a.example",
    "Tcarriage%0Dreturn@a.example",
    "Tx@a.example%0Aroot@evil.example",
    "Ttab%09@a.example",
    "T\"quoted\"@a.example",
    "Ta,b@a.example",
    "Ta b@a.example",
    "T-delete@a.example",
    "T.hidden@a.example",
    "T/etc/passwd@a.example",
    "T|command@a.example,/bin/sh",
    "T;id;@a.example:x",
    "T$(id)<x@a.example",
    "T%E9%FF@a.example",
    "Tx@a.example -",
    "Tx@%00",
    "T",
];

/// A list with good and bad records in every database, and texts that would like to be more.
fn club(editor: &str) -> String {
    let mut manifest = String::new();
    let mut file = |name: &str, text: &str| {
        manifest += &format!("file {CLUB}/{name}\n\\ {text}\n");
    };
    file("outlocal", "club%0A");
    file("outhost", "a.example%0A");
    file("key", "k%0A");
    file("public", "");
    file("archived", "");
    file("editor", editor);
    file("prefix", "[club]%0Apostmaster@evil.example%0A");
    file("headeradd", "X-One: 1%0D%0AX-%E9: 2%0Ano header%0ABcc: all@a.example%00%0A");
    file("headerremove", "subject%0A../../x%0Aa b%0A");
    file("text/trailer", "--%0Abye%1B[2J%00%0A<#n#>%0A");
    file("addtrailer", "");
    let evil =
        "%text ../../x%%0A$control owner$ $(id)%0AFrom root%0A%1B[2J%00evil <#A#><#Z#>%0A.%0A";
    for name in ["sub-ok", "top", "help", "mod-request", "sub-confirm", "../x", "messages"] {
        file(&format!("text/{}", name.replace('/', "_")), evil);
    }
    let log = "%00%FF%0A1700000000 + good-@b.example =cmd|'/c calc' %22%1B[2J%00 <x@y>%0A+%0A1 %0A";
    file("Log", log);
    manifest += &format!(
        "file {CLUB}/mod/pending/1.1 744\n| Return-Path: <evil\x1b[2J@x>\n| Subject: \x1b]0;evil\x07 $(id)\n"
    );
    let mut file = |name: &str, text: &str| {
        manifest += &format!("file {CLUB}/{name}\n\\ {text}\n");
    };
    for folder in ["", "digest/", "mod/", "allow/", "deny/"] {
        let name = folder.trim_end_matches('/');
        let mut records = format!("Tgood-{name}@b.example%00");
        for bad in BAD {
            records += &format!("{bad}%00");
        }
        // The last was never finished.
        file(&format!("{folder}subscribers/A"), &(records + "Tunfinished@b.example"));
    }
    manifest + &format!("link home/vpopmail/domains/a.example/.qmail-club /{CLUB}/editor\n")
}

fn editor() -> String {
    format!(
        "|/usr/bin/ezmlm-reject '/{CLUB}'%0A|/usr/bin/ezmlm-checksub -n '/{CLUB}' deny%0A\
         |/usr/bin/ezmlm-checksub '/{CLUB}' . digest allow mod%0A|/usr/bin/ezmlm-send '/{CLUB}'%0A\
         |/usr/bin/ezmlm-get '/{CLUB}'%0A"
    )
}

/// Every address that stands in a file, with a part before and a host behind.
fn hosts(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| c.is_ascii_whitespace() || "<>,\"'|:()".contains(c));
    words.filter_map(|word| word.rsplit_once('@')).map(|(_, host)| host).collect()
}

#[test]
fn nothing_of_a_member_file_becomes_a_line_of_another() {
    for manager in ["mlmmj", "alias", "mailman", "sympa"] {
        let settings = format!("[lists]\nmanager = '{manager}'\n");
        let laid = Laid::small_with(&club(&editor()), &settings).migrated();
        let plan = laid.plan(&["--format", "json"]).json();
        let findings = plan["findings"].as_array().unwrap();
        let malformed = findings.iter().filter(|it| it["code"] == "list-member-malformed");
        let files: BTreeSet<&str> = malformed.map(|it| it["file"].as_str().unwrap()).collect();
        assert_eq!(files.len(), 5, "{manager}: {files:?}");
        for path in files_under(&laid.target) {
            if path.is_symlink() || path.starts_with(laid.target.join("var/vmail")) {
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let of = path.strip_prefix(&laid.target).unwrap().display().to_string();
            // The definition is quoted; it may say what a text said.
            // Posts are kept as they are.
            if of.contains("/pending/") {
                continue;
            }
            if of.contains("own-text/") {
                let marks = text.replace("%%", "").replace("$$", "").replace("%text prologue%", "");
                assert!(!marks.contains("%text") && !marks.contains("$control"), "{of}: {text}");
                assert!(!text.contains(['\u{1b}', '\0']), "{of}: {text}");
                continue;
            }
            if of.ends_with("mailman3/unqmail/lists.jsonl") {
                // Texts are templates, and a `$` of the old one is two.
                assert!(!text.replace("$$", "").contains("$("), "{of}: {text}");
                assert!(!text.contains("\\u001b") && !text.contains("\\u0000"), "{of}: {text}");
                continue;
            }
            // The programs of the kit are the same on every host.
            if of.starts_with("etc/mailman3/unqmail/") && !of.ends_with(".jsonl") {
                continue;
            }
            let evil = ["evil", "command@", "(id)", "carriage", "quoted", "\u{1b}"];
            for word in evil.iter().filter(|_| !of.ends_with("list.json")) {
                assert!(!text.contains(word), "{manager}: {of} has {word:?}\n{text}");
            }
            if of.contains("subscribers.d/") || of.contains("digesters.d/") {
                assert_eq!(hosts(&text), BTreeSet::from(["b.example"]), "{of}");
                assert_eq!(text.lines().count(), 1, "{of}: {text}");
            }
        }
        let folder = laid.target.join("var/lib/unqmail/lists/a.example/club");
        let members = read(&folder.join("members.csv"));
        // Who writes from an odd address may be let in or kept out by it, and nothing more.
        let named = members.lines().skip(1).filter(|row| !row.starts_with("good-"));
        assert!(named.clone().all(|row| row.ends_with(",allowed,,") || row.ends_with(",denied,,")));
        assert_eq!(named.count(), 8, "{members}");
        assert!(members.contains(",2023-11-14T22:13:20Z,'=cmd|'/c calc'"), "{members}");
        let aliases = read(&laid.target.join("etc/postfix/unqmail/aliases"));
        let row = aliases.lines().find(|row| row.starts_with("club@a.example"));
        let expected = "club@a.example good-@b.example, good-digest@b.example";
        assert_eq!(row, (manager == "alias").then_some(expected));
        let list: serde_json::Value =
            serde_json::from_str(&read(&folder.join("list.json"))).unwrap();
        assert_eq!(list["members"]["subscriber"], 1);
        let verified = laid.verify(&[]);
        assert_eq!(verified.code, 0, "{manager}: {}", verified.all());
    }
}

#[test]
fn a_list_s_folder_that_leads_out_of_the_site_is_no_list() {
    for is_absolute in [true, false] {
        let laid = Laid::small("");
        let outside = laid.folder.path().join("outside/club");
        fs::create_dir_all(outside.join("subscribers")).unwrap();
        for (name, text) in [
            ("outlocal", "club\n"),
            ("outhost", "a.example\n"),
            ("key", "k"),
            ("editor", "|/usr/bin/ezmlm-send '/l'\n"),
            ("subscribers/A", "Tsecret@b.example\0"),
        ] {
            fs::write(outside.join(name), text).unwrap();
        }
        let upwards = Path::new("../../../../../outside/club");
        let target = if is_absolute { &outside } else { upwards };
        symlink(target, laid.site.join(CLUB)).unwrap();
        let qmail = laid.site.join("home/vpopmail/domains/a.example/.qmail-club");
        fs::write(qmail, format!("|/usr/bin/ezmlm-send '/{CLUB}'\n")).unwrap();
        let ran = laid.plan(&["--format", "json"]);
        let plan = ran.json();
        assert_eq!(plan["lists"].as_array().unwrap().len(), 0, "{}", ran.all());
        let findings = plan["findings"].as_array().unwrap();
        assert!(findings.iter().any(|it| it["code"] == "list-broken"), "{}", ran.all());
        assert!(!ran.all().contains("secret"), "{}", ran.all());
    }
}

/// A subscriber file that is a link to the shadow file would put hashes into a report.
#[test]
fn a_member_file_that_is_a_link_is_not_read() {
    let laid = Laid::small(&club(&editor()));
    let shadow = laid.site.join("etc/shadow");
    fs::write(&shadow, "root:$6$salt$hash:0:0::::\n").unwrap();
    fs::create_dir_all(laid.site.join(CLUB).join("subscribers")).unwrap();
    symlink("/etc/shadow", laid.site.join(CLUB).join("subscribers/B")).unwrap();
    let ran = laid.plan(&["--format", "json"]);
    assert_eq!(ran.code, 3);
    assert!(!ran.all().contains("salt"), "{}", ran.all());
    let plan = ran.json();
    let findings = plan["findings"].as_array().unwrap();
    let told = findings.iter().find(|it| it["code"] == "file-unreadable").unwrap();
    assert_eq!(told["file"], format!("{CLUB}/subscribers/B"));
}

/// What a sparse file says of itself is a gigabyte; the program gets by with far less.
#[test]
fn a_post_of_a_gigabyte_takes_no_gigabyte_of_memory() {
    const LARGEST: u64 = 1 << 30;
    // Of address space, most of which is stacks of threads.
    const MOST_KILOBYTES: &str = "1000000";
    let laid = Laid::small(&club(&editor()));
    let post = laid.site.join(CLUB).join("archive/0/01");
    fs::create_dir_all(post.parent().unwrap()).unwrap();
    let file = fs::File::create(&post).unwrap();
    file.set_len(LARGEST).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o744)).unwrap();
    let huge = laid.site.join(CLUB).join("subscribers/B");
    fs::File::create(&huge).unwrap().set_len(LARGEST).unwrap();
    fs::write(&laid.config, "[[waive]]\ncode = 'file-unreadable'\nsubject = '*'\nreason = 't'\n")
        .unwrap();
    let run = |verb: &str| {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let unqmail = command([verb]);
        let program = path(Path::new(unqmail.get_program()));
        let args = [program, verb.into(), path(&laid.site), path(&laid.target)];
        let limited = std::process::Command::new("sh")
            .args(["-c", "ulimit -v \"$0\"; exec \"$@\"", MOST_KILOBYTES])
            .args(args)
            .args(["--config", &path(&laid.config)])
            .env("RAYON_NUM_THREADS", "2")
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        assert!(limited.status.success(), "{verb}: {}", String::from_utf8_lossy(&limited.stderr));
    };
    run("migrate");
    let copy = laid.target.join("var/spool/mlmmj/a.example/club/archive/1");
    assert_eq!(fs::metadata(copy).unwrap().len(), LARGEST);
    run("verify");
    let plan = laid.plan(&["--format", "json"]).json();
    let findings = plan["findings"].as_array().unwrap();
    let told = findings
        .iter()
        .any(|it| it["code"] == "file-unreadable" && it["file"] == format!("{CLUB}/subscribers/B"));
    assert!(told);
}
