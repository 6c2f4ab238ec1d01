//! Lists: what runs each, and what becomes of it without a program.

use crate::support::Laid;
use std::fs;

#[test]
fn a_list_that_would_become_more_open_is_refused() {
    let laid = Laid::larch_of_aliases(false);
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 3);
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    let opened = findings.iter().filter(|finding| finding["code"] == "list-opened");
    let told: Vec<_> = opened.map(|finding| (&finding["subject"], &finding["file"])).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "news@larch.example");
    assert_eq!(told[0].1, "home/vpopmail/domains/larch.example/news/editor");
}

#[test]
fn an_alias_has_its_members_and_its_rules() {
    let laid = Laid::larch_of_aliases(true).migrated();
    let table = |name: &str| {
        let path = laid.target.join("etc/postfix/unqmail").join(name);
        fs::read_to_string(path).unwrap_or_default()
    };
    let row = "book-club@alder.example olga@alder.example, reader@outside.example";
    assert!(table("aliases").lines().any(|line| line == row), "{}", table("aliases"));
    let posts = table("list_posts");
    let class = posts.lines().find_map(|row| row.strip_prefix("book-club@alder.example "));
    let senders = table(class.unwrap());
    for row in ["<> 550 ", "olga@alder.example OK", "reader@outside.example OK"] {
        assert!(senders.contains(row), "{senders}");
    }
    let verified = laid.verify(&[]);
    assert_eq!(verified.code, 0, "{}", verified.all());
    // The third list of the site has the default.
    assert!(laid.target.join("var/spool/mlmmj/mx.larch.example/ben-chat/index").is_file());
    assert!(!laid.target.join("var/spool/mlmmj/alder.example").exists());
    let posts = laid.target.join("var/lib/unqmail/lists/larch.example/news/archive");
    assert!(posts.join("1").is_file() || posts.read_dir().unwrap().count() > 0);
}

#[test]
fn a_changed_member_or_rule_of_an_alias_is_a_difference() {
    let laid = Laid::larch_of_aliases(true).migrated();
    let path = laid.target.join("etc/postfix/unqmail");
    let change = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(path.join(name)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path.join(name), text.replace(from, to)).unwrap();
    };
    change("aliases", "olga@alder.example, reader@outside.example", "olga@alder.example");
    let class = fs::read_to_string(path.join("list_posts")).unwrap();
    let class = class.lines().find_map(|row| row.strip_prefix("book-club@alder.example "));
    change(class.unwrap(), "reader@outside.example OK\n", "");
    let verified = laid.verify(&["--format", "json"]);
    assert_eq!(verified.code, 4);
    let told = verified.json()["differences"].to_string();
    assert!(told.contains("reader@outside.example of book-club@alder.example"), "{told}");
    assert!(told.contains("may not post"), "{told}");
}

#[test]
fn an_alias_is_explained_with_who_may_post() {
    let laid = Laid::larch_of_aliases(true);
    let told = laid.explain(&["book-club@alder.example"]);
    assert_eq!(told.code, 0, "{}", told.all());
    assert!(told.all().contains("reader@outside.example"), "{}", told.all());
    assert!(told.all().contains("Only members may post to this list"), "{}", told.all());
}

/// A list for members only, in the small site.
const CLUB: &str = "\
file home/vpopmail/domains/a.example/club/outlocal
| club
file home/vpopmail/domains/a.example/club/outhost
| a.example
file home/vpopmail/domains/a.example/club/key
| key
file home/vpopmail/domains/a.example/club/editor
| |/usr/bin/ezmlm-checksub '/home/vpopmail/domains/a.example/club'
| |/usr/bin/ezmlm-send '/home/vpopmail/domains/a.example/club'
link home/vpopmail/domains/a.example/.qmail-club /home/vpopmail/domains/a.example/club/editor
members home/vpopmail/domains/a.example/club/subscribers
| joe@a.example
";

#[test]
fn an_address_that_leads_to_an_alias_alone_is_asked_the_same() {
    let ways = "file home/vpopmail/domains/a.example/.qmail-verein\n| &klub@a.example\n\
                file home/vpopmail/domains/a.example/.qmail-klub\n| &club@a.example\n";
    let settings = "[lists]\nmanager = 'alias'\n";
    let laid = Laid::small_with(&format!("{CLUB}{ways}"), settings).migrated();
    let posts = laid.target.join("etc/postfix/unqmail/list_posts");
    let posts = fs::read_to_string(posts).unwrap();
    for name in ["club", "klub", "verein"] {
        assert!(posts.contains(&format!("\n{name}@a.example posters_1\n")), "{posts}");
    }
    // One more target, and it would have to be asked of one and not of the other.
    let ways = ways.replace("| &klub", "| &joe@a.example\n| &klub");
    let laid = Laid::small_with(&format!("{CLUB}{ways}"), settings);
    let plan = laid.plan(&[]);
    assert_eq!(plan.code, 3);
    assert!(plan.all().contains("a.example/.qmail-verein"), "{}", plan.all());
}

#[test]
fn a_list_is_explained_with_its_settings_side_by_side() {
    let laid = Laid::larch();
    let told = laid.explain(&["news@larch.example"]).stdout;
    let head = "its settings, before in home/vpopmail/domains/larch.example/news, after in \
                var/spool/mlmmj/larch.example/news\n";
    let rows = told.split_once(head).unwrap_or_else(|| panic!("{told}")).1;
    let row = |name: &str| -> Vec<&str> {
        let row = rows.lines().find_map(|row| row.trim().strip_prefix(name)).unwrap();
        row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
    };
    assert_eq!(row("prefix"), ["[news]", "prefix:1", "control/prefix: [news]"]);
    assert_eq!(row("archived"), ["yes", "no control/noarchive"]);
    assert_eq!(row("posting")[..2], ["moderators-only", "editor:3"]);
    // In an alias domain the same; beside the list's own address nothing.
    assert!(laid.explain(&["news@larch-mail.example"]).stdout.contains(head));
    assert!(!laid.explain(&["news-help@larch.example"]).stdout.contains("its settings"));
    let told = laid.explain(&["news@larch.example", "--format", "json"]).json();
    let settings = told["settings"].as_array().unwrap();
    let prefix = settings.iter().find(|setting| setting["name"] == "prefix").unwrap();
    let expected = serde_json::json!({
        "name": "prefix",
        "old": "[news]",
        "file": "home/vpopmail/domains/larch.example/news/prefix",
        "line": 1,
        "new": [{"file": "var/spool/mlmmj/larch.example/news/control/prefix", "value": "[news]"}],
    });
    assert_eq!(*prefix, expected);
    // An alias keeps who may post and nothing else.
    let told = Laid::larch_of_aliases(true).explain(&["book-club@alder.example"]).stdout;
    let rows = told.lines().filter(|row| row.ends_with("  nothing")).count();
    assert!(rows > 5 && told.contains("list_posts: others: 5.7.1 Only members"), "{told}");
}

/// What Mailman is given: data, and programs that are the same for every site.
#[test]
fn mailman_is_given_every_list_and_no_text_that_runs() {
    let laid = Laid::larch_on("mailman").migrated();
    let kit = laid.target.join("etc/mailman3/unqmail");
    let text = |name: &str| fs::read_to_string(kit.join(name)).unwrap();
    let lines = text("lists.jsonl");
    let records =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let names: Vec<_> =
        records.map(|it| it["fqdn_listname"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["book-club@alder.example", "news@larch.example", "ben-chat@mx.larch.example"]
    );
    for program in ["load", "counters.py", "mailman.cfg", "postfix.cfg"] {
        assert!(!text(program).contains("larch.example"), "{program}");
    }
    assert!(laid.migrate(&[]).stdout.contains("load"), "the sysadmin is told to load it");
    assert_eq!(laid.verify(&[]).code, 0);
    let told = laid.explain(&["news-help@larch.example"]);
    assert!(told.all().contains("list news@larch.example: help"), "{}", told.all());
}

/// What Sympa is given: the same.
#[test]
fn sympa_is_given_every_list_and_no_text_that_runs() {
    let laid = Laid::larch_on("sympa").migrated();
    let kit = laid.target.join("etc/unqmail/sympa");
    let text = |name: &str| fs::read_to_string(kit.join(name)).unwrap();
    let lines = text("lists.jsonl");
    let records =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let names: Vec<_> = records.map(|it| it["list"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["book-club@alder.example", "news@larch.example", "ben-chat@mx.larch.example"]
    );
    for program in ["load", "sympa.conf"] {
        assert!(!text(program).contains("larch.example"), "{program}");
    }
    assert!(laid.migrate(&[]).stdout.contains("load"), "the sysadmin is told to load it");
    assert_eq!(laid.verify(&[]).code, 0);
    let told = laid.explain(&["news-help@larch.example"]);
    assert!(told.all().contains("list news@larch.example: help"), "{}", told.all());
    let told = laid.explain(&["sympa@larch.example"]);
    assert!(told.all().contains("list sympa@larch.example: post"), "{}", told.all());
}

#[test]
fn a_changed_member_or_counter_for_mailman_is_a_difference() {
    let laid = Laid::larch_on("mailman").migrated();
    let kit = laid.target.join("etc/mailman3/unqmail");
    let change = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(kit.join(name)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(kit.join(name), text.replacen(from, to, 1)).unwrap();
    };
    change("members.jsonl", "olga@alder.example", "troll@alder.example");
    let at = fs::read_to_string(kit.join("lists.jsonl")).unwrap();
    let at = at[at.find("\"post_id\":").unwrap()..].split('}').next().unwrap().to_owned();
    change("lists.jsonl", &at, "\"post_id\":0");
    let verified = laid.verify(&["--format", "json"]);
    assert_eq!(verified.code, 4);
    let told = verified.json()["differences"].to_string();
    assert!(told.contains("troll@alder.example of book-club@alder.example"), "{told}");
    assert!(told.contains("a number that no post has"), "{told}");
}

#[test]
fn what_tables_hand_over_is_an_unknown_address_from_outside() {
    let laid = Laid::larch();
    for address in ["news+x@larch.example", "news+subscribe@larch.example"] {
        let told = laid.explain(&[address, "--format", "json"]);
        assert_eq!(told.json()["verdict"], "same", "{}", told.all());
    }
    let led = laid.explain(&["news-subscribe@larch.example", "--format", "json"]).json();
    assert_eq!(led["new"][0]["list"], "news@larch.example", "{led}");
}
