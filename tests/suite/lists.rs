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
    assert_eq!(row("archived"), ["yes", "archived", "without control/noarchive"]);
    // Each setting is told with the line that looks, or the file that is there or not.
    assert_eq!(row("to-or-cc-required")[..2], ["yes", "editor:1"]);
    assert_eq!(row("last-post")[1], "num:1");
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
    let rows = told.lines().filter(|row| row.ends_with("  nothing keeps it")).count();
    assert!(rows > 5 && told.contains("list_posts: others: 5.7.1 Only members"), "{told}");
}

/// What a manager with a kit is given: data, and programs that are the same for every site.
fn has_every_list_and_no_text_that_runs(manager: &str, kit: &str, name: &str, programs: &[&str]) {
    let laid = Laid::larch_on(manager).migrated();
    let text = |file: &str| fs::read_to_string(laid.target.join(kit).join(file)).unwrap();
    let lines = text("lists.jsonl");
    let records =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let names: Vec<_> = records.map(|it| it[name].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["book-club@alder.example", "news@larch.example", "ben-chat@mx.larch.example"]
    );
    for program in programs {
        assert!(!text(program).contains("larch.example"), "{program}");
    }
    assert!(laid.migrate(&[]).stdout.contains("load"), "the sysadmin is told to load it");
    assert_eq!(laid.verify(&[]).code, 0);
    let told = laid.explain(&["news-help@larch.example"]);
    assert!(told.all().contains("list news@larch.example: help"), "{}", told.all());
}

#[test]
fn mailman_is_given_every_list_and_no_text_that_runs() {
    let programs = ["load", "inside.py", "mailman.cfg", "postfix.cfg"];
    let (kit, name) = ("etc/mailman3/unqmail", "fqdn_listname");
    has_every_list_and_no_text_that_runs("mailman", kit, name, &programs);
}

#[test]
fn sympa_is_given_every_list_and_no_text_that_runs() {
    let programs = ["load", "sympa.conf"];
    has_every_list_and_no_text_that_runs("sympa", "etc/unqmail/sympa", "list", &programs);
    let told = Laid::larch_on("sympa").migrated().explain(&["sympa@larch.example"]);
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
    let at = at[at.find("\"post_id\":").unwrap()..].split([',', '}']).next().unwrap().to_owned();
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
    let inner = "news=larch.example~subscribe@unqmail.invalid";
    let inner = laid.explain(&[inner, "--format", "json"]).json();
    assert!(inner["new"][0]["reject"].is_string(), "{inner}");
}

/// A list with members, texts and a log, in the small site.
const CHOIR: &str = "\
file home/vpopmail/domains/a.example/choir/outlocal
| choir
file home/vpopmail/domains/a.example/choir/outhost
| a.example
file home/vpopmail/domains/a.example/choir/key
| key
file home/vpopmail/domains/a.example/choir/public
file home/vpopmail/domains/a.example/choir/modpost
file home/vpopmail/domains/a.example/choir/ezmlmrc
| /etc/ezmlm/fr
file home/vpopmail/domains/a.example/choir/editor
| |/usr/bin/ezmlm-reject '/home/vpopmail/domains/a.example/choir'
| |/usr/bin/ezmlm-store '/home/vpopmail/domains/a.example/choir'
file home/vpopmail/domains/a.example/choir/text/sub-ok
| # a comment
| Bienvenue <#A#>, 100% <#l#>@<#h#>!
| <=M=>
| This list is not moderated.
| <==>
| !R
file home/vpopmail/domains/a.example/choir/text/unsub-ok
| Acknowledgment: I have removed the address
|
| <#A#>
|
| from the choir mailing list. This address
| is no longer a subscriber.
file home/vpopmail/domains/a.example/choir/Log
| 1700000000 + joe@a.example Joe \"J\" Doe <joe@a.example>
| garbage
| 1700000001 +manual nobody@a.example
file home/vpopmail/domains/a.example/choir/mod/pending/1700000000.4711 744
| Return-Path: <eve@outside.example>
| Subject: Summer party
|
| Salad?
file home/vpopmail/domains/a.example/choir/mod/pending/1700000001.1 644
| Never finished.
file home/vpopmail/domains/a.example/choir/manager
| |/usr/bin/ezmlm-get '/home/vpopmail/domains/a.example/choir'
| |/usr/bin/ezmlm-manage '/home/vpopmail/domains/a.example/choir'
link home/vpopmail/domains/a.example/.qmail-choir /home/vpopmail/domains/a.example/choir/editor
link home/vpopmail/domains/a.example/.qmail-choir-default /home/vpopmail/domains/a.example/choir/manager
members home/vpopmail/domains/a.example/choir/subscribers
| joe@a.example
members home/vpopmail/domains/a.example/choir/mod/subscribers
| joe@a.example
";

#[test]
fn a_text_of_the_list_s_own_is_sent_by_the_new_list_too() {
    let laid = Laid::small_with(CHOIR, "").migrated();
    let folder = laid.target.join("var/spool/mlmmj/a.example/choir");
    assert_eq!(fs::read_link(folder.join("text")).unwrap().to_str(), Some("own-text"));
    let text = fs::read_to_string(folder.join("text/finish-sub")).unwrap();
    let body = text.split_once("%text prologue%\n\n").unwrap().1;
    assert_eq!(body, "Bienvenue $subaddr$, 100%% choir@a.example!\n");
    // The other is ezmlm's own, so that the package's French one is sent.
    assert!(!folder.join("own-text/finish-unsub").exists());
    let stock = fs::read_link(folder.join("own-text/finish")).unwrap();
    assert_eq!(stock.to_str(), Some("/usr/share/mlmmj/text.skel/fr/finish"));
    assert_eq!(laid.verify(&[]).code, 0);
    let laid = Laid::small_with(CHOIR, "[lists]\nmanager = 'mailman'\n").migrated();
    let kit = fs::read_to_string(laid.target.join("etc/mailman3/unqmail/lists.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&kit).unwrap();
    let welcome = "Bienvenue $user_email, 100% choir@a.example!\n";
    assert_eq!(record["texts"], serde_json::json!({"list:user:notice:welcome": welcome}));
    assert_eq!(record["config"]["preferred_language"], "fr");
    let people =
        fs::read_to_string(laid.target.join("etc/mailman3/unqmail/members.jsonl")).unwrap();
    assert!(people.contains(r#""display_name":"Joe J Doe""#), "{people}");
}

#[test]
fn a_link_to_texts_is_led_elsewhere_when_the_old_list_changes() {
    let laid = Laid::small_with(CHOIR, "").migrated();
    let text = laid.target.join("var/spool/mlmmj/a.example/choir/text");
    let old = laid.site.join("home/vpopmail/domains/a.example/choir");
    let leads_to = || fs::read_link(&text).unwrap().to_str().unwrap().to_owned();
    fs::remove_file(old.join("text/sub-ok")).unwrap();
    fs::write(old.join("ezmlmrc"), "/etc/ezmlm/de\n").unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(leads_to(), "/usr/share/mlmmj/text.skel/de");
    assert!(fs::read_dir(text.with_file_name("own-text")).unwrap().next().is_none());
    // What somebody has led elsewhere stays.
    fs::remove_file(&text).unwrap();
    std::os::unix::fs::symlink("/srv/texts", &text).unwrap();
    fs::write(old.join("ezmlmrc"), "/etc/ezmlm/fr\n").unwrap();
    let ran = laid.migrate(&[]);
    assert!(ran.all().contains("file-foreign"), "{}", ran.all());
    assert_eq!(leads_to(), "/srv/texts");
}

#[test]
fn sympa_has_the_names_and_dates_of_members_and_the_list_s_language() {
    let laid = Laid::small_with(CHOIR, "[lists]\nmanager = 'sympa'\n").migrated();
    let text =
        |name: &str| fs::read_to_string(laid.target.join("etc/unqmail/sympa").join(name)).unwrap();
    let joe: serde_json::Value =
        serde_json::from_str(text("members.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!((&joe["name"], &joe["date"]), (&"Joe J Doe".into(), &1_700_000_000.into()));
    assert!(text("lists.jsonl").contains(r"\nlang fr\n"), "{}", text("lists.jsonl"));
    assert_eq!(laid.verify(&[]).code, 0);
    let plan = laid.plan(&[]);
    assert!(plan.all().contains("sub-ok is a text of the list's own"), "{}", plan.all());
    let told = laid.explain(&["choir@a.example"]).stdout;
    assert!(told.contains("lang: fr"), "{told}");
}

#[test]
fn a_post_that_waits_is_named_and_kept_and_goes_once_it_is_decided() {
    let laid = Laid::small_with(CHOIR, "").migrated();
    let plan = laid.plan(&["--format", "json"]).json();
    let findings = plan["findings"].as_array().unwrap();
    let waiting: Vec<_> = findings.iter().filter(|it| it["code"] == "list-post-pending").collect();
    assert_eq!(waiting.len(), 1);
    let said = waiting[0]["message"].as_str().unwrap();
    let wanted = "a post from <eve@outside.example> waits for a moderator since 2023-11-14T22:13:20Z: Summer party";
    assert_eq!(said, wanted);
    let folder = laid.target.join("var/lib/unqmail/lists/a.example/choir");
    let copy = folder.join("pending/1700000000.4711");
    assert!(fs::read_to_string(&copy).unwrap().contains("Salad?"));
    assert!(!folder.join("pending/1700000001.1").exists());
    let csv = fs::read_to_string(folder.join("members.csv")).unwrap();
    assert!(csv.contains("joe@a.example,subscriber,2023-11-14T22:13:20Z,Joe J Doe\n"), "{csv}");
    let moderation = laid.target.join("var/spool/mlmmj/a.example/choir/moderation");
    assert_eq!(fs::read_dir(moderation).unwrap().count(), 0, "approved by nobody");
    let old = laid.site.join("home/vpopmail/domains/a.example/choir/mod/pending/1700000000.4711");
    fs::remove_file(old).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    assert!(!copy.exists(), "it would be sent once more");
}

#[test]
fn members_that_were_in_a_database_are_read_from_a_dump() {
    let laid = Laid::small(&format!(
        "{CHOIR}file home/vpopmail/domains/a.example/choir/subdb\n| mysql:db:3306:list:secret:ezmlm:choir\n"
    ));
    let plan = laid.plan(&["--format", "json"]);
    assert!(plan.all().contains("list-members-in-database") && !plan.all().contains("secret"));
    let dump = laid.folder.path().join("choir.sql");
    let rows = "INSERT INTO `choir` VALUES (3,'sue@b.example'),(4,'-x@b.example'),(99,'sub@b.example');\n\
                INSERT INTO `choir_digest` VALUES (5,'dan@b.example');\n";
    fs::write(&dump, rows).unwrap();
    let settings = format!("[lists.dump]\n'Choir@a.example' = '{}'\n", dump.display());
    fs::write(&laid.config, settings).unwrap();
    let laid = laid.migrated();
    let folder = laid.target.join("var/spool/mlmmj/a.example/choir");
    assert_eq!(fs::read_to_string(folder.join("subscribers.d/s")).unwrap(), "sue@b.example\n");
    assert_eq!(fs::read_to_string(folder.join("nomailsubs.d/d")).unwrap(), "dan@b.example\n");
    // The dump has no table of moderators: the list's own files count.
    let moderators = fs::read_to_string(folder.join("control/moderators")).unwrap();
    assert_eq!(moderators, "joe@a.example\n");
    let plan = laid.plan(&["--format", "json"]).json();
    let findings = plan["findings"].as_array().unwrap();
    let bad = findings.iter().find(|it| it["code"] == "list-member-malformed").unwrap();
    assert_eq!((bad["subject"].as_str(), bad["line"].as_u64()), (Some("-x@b.example"), Some(1)));
}

#[test]
fn a_setting_for_a_list_that_is_not_there_names_its_line() {
    let laid =
        Laid::small_with(CHOIR, "[lists.of]\n'a.example' = 'mlmmj'\n'chior@a.example' = 'alias'\n");
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 3);
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    let idle: Vec<_> = findings.iter().filter(|it| it["code"] == "list-setting-idle").collect();
    assert_eq!(idle.len(), 1);
    assert_eq!(idle[0]["subject"], "chior@a.example");
    assert_eq!((&idle[0]["file"], idle[0]["line"].as_u64()), (&"unqmail.toml".into(), Some(3)));
}

#[test]
fn a_list_is_explained_with_its_people_and_what_is_told_of_it() {
    let laid = Laid::larch();
    let told = laid.explain(&["news@larch.example", "--format", "json"]).json();
    let people = told["members"].as_array().unwrap();
    let of = |role: &str| people.iter().find(|it| it["role"] == role).unwrap().clone();
    for (role, count) in [("subscriber", 4), ("digest", 1), ("moderator", 1), ("denied", 1)] {
        assert_eq!(of(role), serde_json::json!({"role": role, "old": count, "new": count}));
    }
    let findings = told["told"].as_array().unwrap();
    assert!(findings.iter().any(|it| it["code"] == "list-setting-unmapped" && it["line"] == 4));
    let text = laid.explain(&["news@larch.example"]).stdout;
    assert!(text.contains("its people, before and after\n    subscriber "), "{text}");
    assert!(text.contains("    warning[list-setting-unmapped] home/"), "{text}");
}

/// Where nobody asks who may post besides, nobody is lost whom the old list's files let in.
#[test]
fn who_may_post_to_an_open_list_besides_is_not_told_as_lost() {
    let open =
        CLUB.replace("| |/usr/bin/ezmlm-checksub '/home/vpopmail/domains/a.example/club'\n", "");
    let allow = "members home/vpopmail/domains/a.example/club/allow/subscribers\n\
                 | press@b.example\n| radio@b.example\n\
                 members home/vpopmail/domains/a.example/club/deny/subscribers\n| evil@b.example\n";
    for manager in ["mlmmj", "mailman", "sympa", "alias"] {
        let settings = format!("[lists]\nmanager = '{manager}'\n");
        let laid = Laid::small_with(&format!("{open}{allow}"), &settings);
        let told = laid.explain(&["club@a.example"]).stdout;
        let row = told.lines().find(|row| row.trim().starts_with("allowed")).unwrap();
        assert!(
            row.ends_with("2  not asked about, as before: anybody may post"),
            "{manager}: {row}"
        );
        let told = laid.explain(&["club@a.example", "--format", "json"]).json();
        let people = told["members"].as_array().unwrap();
        let allowed = people.iter().find(|it| it["role"] == "allowed").unwrap();
        assert!(allowed["new"].is_null() && allowed["why"].is_string(), "{allowed}");
    }
}

/// Sympa would take a `*` in an address for anything, and refuse others with it.
#[test]
fn a_denied_sender_whom_sympa_takes_for_many_stops_the_migration() {
    let folder = "home/vpopmail/domains/a.example/club";
    let asks = format!("| |/usr/bin/ezmlm-checksub -n '/{folder}' deny\n| |/usr/bin/ezmlm-send");
    let denied = format!("members {folder}/deny/subscribers\n| sp*m@evil.example\n");
    let site = CLUB.replace("| |/usr/bin/ezmlm-send", &asks) + &denied;
    let settings = "[lists]\nmanager = 'sympa'\n";
    let plan = Laid::small_with(&site, settings).plan(&["--format", "json"]);
    assert_eq!(plan.code, 3, "{}", plan.all());
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap();
    let opened = findings.iter().find(|it| it["code"] == "list-opened").unwrap();
    assert_eq!(opened["subject"], "club@a.example");
    assert!(opened["message"].as_str().unwrap().contains("sp*m@evil.example"), "{opened}");
    let file = opened["file"].as_str().unwrap();
    assert!(file.starts_with(&format!("{folder}/deny/subscribers/")), "{opened}");
    let waiver = "[[waive]]\ncode = 'list-opened'\nsubject = 'club@a.example'\nreason = 't'\n";
    let laid = Laid::small_with(&site, &format!("{settings}{waiver}")).migrated();
    let kit = fs::read_to_string(laid.target.join("etc/unqmail/sympa/lists.jsonl")).unwrap();
    assert!(!kit.contains("sp*m"), "{kit}");
}

/// Folders are moved and a link is left behind, or is not.
#[test]
fn a_list_that_was_moved_is_found_by_its_link_and_told_without_one() {
    let folder = "home/vpopmail/domains/a.example/club";
    let moved = CLUB.replace(&format!("file {folder}/"), "file srv/lists/club/");
    let moved = moved.replace(&format!("members {folder}/"), "members srv/lists/club/");
    let site = format!("{moved}link {folder} /srv/lists/club\n");
    let laid = Laid::small(&site).migrated();
    let members = laid.target.join("var/spool/mlmmj/a.example/club/subscribers.d/j");
    assert_eq!(fs::read_to_string(members).unwrap(), "joe@a.example\n");
    let told = laid.explain(&["club@a.example", "--format", "json"]).json();
    assert_eq!(
        (&told["new"][0]["list"], &told["verdict"]),
        (&"club@a.example".into(), &"same".into())
    );
    // The `.qmail` file leads to where the folder was: nobody could write to the list.
    let link = format!("link home/vpopmail/domains/a.example/.qmail-club /{folder}/editor");
    let lost = CLUB.replace(&link, &link.replace(&format!(" /{folder}"), " /old/club"));
    let plan = Laid::small(&lost).plan(&["--format", "json"]).json();
    assert_eq!(plan["lists"].as_array().unwrap().len(), 0);
    let findings = plan["findings"].as_array().unwrap();
    let orphan = findings.iter().find(|it| it["code"] == "list-orphaned").unwrap();
    assert_eq!(orphan["file"], folder);
}
