//! The kit as a whole, from lists made by hand.

use super::{KIT, Sympa};
use crate::finding::{Finding, Findings};
use crate::model::Sourced;
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, ListManager, MailingList};
use crate::model::list::{
    ArchiveReaders, Filters, Joined, Log, Occasion, Posting, Powers, Subjects, Subscribing, Text,
};
use crate::target::lists::Manager as _;
use crate::target::lists::tests::{address, members};
use crate::target::lists::trial::{self, kit, run, sourced};
use crate::target::wiring::{Post, Way};
use bstr::BString;
use serde_json::Value;
use std::collections::BTreeMap;

fn list(at: &str, posting: Posting) -> MailingList {
    trial::list(ListManager::Sympa, at, posting)
}

fn lines(files: &BTreeMap<String, String>, name: &str) -> Vec<Value> {
    trial::lines(files, &format!("{KIT}/{name}"))
}

/// A file of one list's folder; empty where it is not there.
fn file(list: MailingList, name: &str) -> String {
    let record = lines(&kit(&[list]).0, "lists.jsonl").remove(0);
    record["files"][name].as_str().unwrap_or_default().to_owned()
}

/// The rules of its scenario without their ways of telling the sender.
fn rules(list: MailingList) -> Vec<String> {
    let text = file(list, "scenari/send.unqmail");
    let rules = text.lines().filter(|line| line.contains("->"));
    rules.map(|line| line.replace(" smtp,dkim,md5,smime", "")).collect()
}

fn findings(list: &MailingList) -> Findings {
    let (mut files, mut findings) = (Vec::new(), Findings::default());
    Sympa.emit(&[run(list)], &Design::default(), &mut files, &mut findings);
    findings
}

/// What is told of a list.
fn told(list: &MailingList) -> Vec<String> {
    let told = |it: &Finding| format!("{:?} {}", it.disposition, it.message());
    findings(list).iter().map(told).collect()
}

/// Whether a line of `config` is this one.
fn has(list: MailingList, line: &str) -> bool {
    file(list, "config").lines().any(|own| own == line)
}

#[test]
fn members_and_others_get_what_the_old_rule_says() {
    let named = "search('unqmail-named.txt',[sender]) -> ";
    let members = "is_subscriber([listname],[sender]) -> do_it";
    for (posting, known, member, other) in [
        (Posting::Anyone, "", "", "do_it"),
        (Posting::Members, "do_it", members, "reject(reason='send_subscriber')"),
        (Posting::MembersElseModerated, "do_it", members, "editorkey,quiet"),
        (Posting::Listed, "do_it", "", "reject"),
        (Posting::ListedElseModerated, "do_it", "", "editorkey,quiet"),
        (Posting::Moderated, "", "", "editorkey,quiet"),
        (Posting::ModeratorsOnly, "editorkey,quiet", "", "reject(reason='send_editor')"),
    ] {
        let mut expected = Vec::new();
        if !known.is_empty() {
            expected.push(format!("{named}{known}"));
        }
        expected.extend((!member.is_empty()).then(|| member.to_owned()));
        expected.push(format!("true() -> {other}"));
        assert_eq!(rules(list("club@example.org", posting)), expected, "{posting:?}");
    }
}

#[test]
fn addresses_are_lines_of_a_filter_and_no_rule() {
    let mut one = list("club@example.org", Posting::Members);
    one.list.allowed =
        members(&["AL@example.org", "@friends.example", "*@evil.example", "#a@b.example"]);
    let filter = file(one.clone(), "search_filters/unqmail-named.txt");
    assert_eq!(filter, " #a@b.example\n *@friends.example\n al@example.org\n");
    assert!(!rules(one).concat().contains("example"));
}

#[test]
fn denied_senders_are_asked_about_first_and_digest_members_are_as_others() {
    let mut one = list("club@example.org", Posting::MembersElseModerated);
    one.list.denied = members(&["@bad.example"]);
    one.list.held_back = members(&["dig@example.org"]);
    let rules = rules(one);
    assert_eq!(rules[0], "search('unqmail-denied.txt',[sender]) -> reject");
    assert_eq!(rules[1], "search('unqmail-held-back.txt',[sender]) -> editorkey,quiet");
}

#[test]
fn posts_are_confirmed_by_their_senders_as_before() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.confirm_posts.value = true;
    assert_eq!(rules(one), ["true() smtp,dkim -> request_auth", "true() md5,smime -> do_it"]);
}

#[test]
fn a_sublist_takes_what_its_parent_sends_and_nothing_else() {
    let mut one = list("club@example.org", Posting::Members);
    one.list.parent = Some(sourced(address("All@example.org")));
    let expected = [
        "search('unqmail-parent.txt',[sender]) -> do_it",
        "true() -> reject(reason='send_subscriber')",
    ];
    assert_eq!(rules(one.clone()), expected);
    let filter = file(one.clone(), "search_filters/unqmail-parent.txt");
    assert_eq!(filter, " all-bounces*@example.org\n all-return*@example.org\n");
    // The first `*` of a line stands for anything.
    one.list.parent = Some(sourced(address("*@example.org")));
    assert_eq!(rules(one.clone()), expected[1..]);
    assert!(told(&one).contains(&"Dropped all posts come from *@example.org".to_owned()));
}

#[test]
fn what_a_post_is_refused_for_is_a_rule_that_no_name_can_change() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.subjects = Subjects { required: true, no_commands: true };
    let names = |names: &[&str]| names.iter().map(|it| sourced(BString::from(*it))).collect();
    let odd = ["x]", "a b", "X-Include", "x/]->do_it", "x/y'z", "x/include", "#"];
    one.list.filters = Filters {
        refused_fields: names(&[&["X-Spam"], &odd[..]].concat()),
        refused_types: names(&[&["text/x.y+z"], &odd[..]].concat()),
        removed_types: names(&["a/b"]),
        refuses_removed: true,
        ..Filters::default()
    };
    assert_eq!(
        rules(one.clone()),
        [
            r"match([header->X-Spam],/./) -> reject",
            r#"match([header->content-type],/^\s*"?text\/x\.y\+z"?\s*(;|$)/) -> reject"#,
            r#"match([header->content-type],/^\s*"?a\/b"?\s*(;|$)/) -> reject"#,
            r"equal([msg_part->type],'text/x.y+z') -> reject",
            r"!match([header->subject],/\S/) -> reject",
            r"match([header->subject],/^\s*\((null|none|no subject)\)\s*$/) -> reject",
            r"match([header->subject],/^\s*(help|remove|subscribe|unsubscribe)\s*$/) -> reject",
            "true() -> do_it",
        ]
    );
    let told = told(&one);
    for name in odd {
        let twice = format!("Dropped posts with {name} are refused");
        assert_eq!(told.iter().filter(|it| **it == twice).count(), 2, "{name}: {told:?}");
    }
}

#[test]
fn what_the_new_values_of_a_list_say_stands_in_its_config() {
    let mut one = list("club@example.org", Posting::Moderated);
    let origin = one.list.posting.origin.clone();
    one.list.language = Some(sourced("pt_BR".to_owned()));
    one.list.held_seconds = Some(sourced(90_000));
    one.list.rewrites_from = Some(origin);
    for line in ["lang pt-BR", "clean_delay_queuemod 2", "dmarc_protection", "mode all"] {
        assert!(has(one.clone(), line), "{line}");
    }
    assert!(
        told(&one)
            .contains(&"Adapted posts wait for a moderator for so many seconds: 90000".to_owned())
    );
    one.list.held_seconds = Some(sourced(86_400));
    assert!(!told(&one).concat().contains("seconds"));
    one.list.language = Some(sourced("id".to_owned()));
    assert!(!file(one.clone(), "config").contains("lang "));
    assert!(told(&one).concat().contains("Dropped the list answers in a language of its own: id"));
}

#[test]
fn what_is_lost_is_told_with_its_place() {
    let mut one = list("club@example.org", Posting::Moderated);
    let place = one.list.posting.origin.at(7);
    one.list.list_id = Some(Sourced::new("<other.example>".into(), place.clone()));
    one.list.smallest = Some(Sourced::new(9, place.clone()));
    one.list.digest_bytes = Some(Sourced::new(9, place.clone()));
    one.list.digest_posts = Some(Sourced::new(9, place.clone()));
    one.list.filters.kept_fields = vec![Sourced::new("To".into(), place.clone())];
    one.list.filters.removed_types = vec![Sourced::new("a/b".into(), place.clone())];
    one.list.filters.kept_types = vec![Sourced::new("a/c".into(), place.clone())];
    one.list.powers = Powers {
        subscribe_others: Some(place.clone()),
        list_members: Some(place.clone()),
        edit_texts: Some(place.clone()),
    };
    let (occasion, lines) = (Occasion::Joined, Vec::new());
    one.list.texts = vec![Text { occasion, origin: place.clone(), lines }];
    let findings = findings(&one);
    let there = findings.iter().filter(|finding| finding.origin == place);
    assert_eq!(there.count(), 11, "{findings:?}");
    // One of Sympa's own form is nothing to tell.
    one.list.list_id = Some(sourced("Club <club.example.org>".into()));
    assert!(!told(&one).concat().contains("List-ID"));
}

#[test]
fn members_have_the_names_and_dates_of_the_old_list() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.subscribers = members(&["Sue@example.org", "joe@example.org"]);
    let joined = |name: &str, when| Joined { when, name: name.into() };
    one.list.logs.subscribers = Log::from([
        (address("sue@example.org"), joined("Sue =?utf-8?Q?=C3=A9=0Aemail?= x@example.org", 7)),
        (address("joe@example.org"), joined(" ", -1)),
    ]);
    let people = lines(&kit(&[one]).0, "members.jsonl");
    let (sue, joe) = (&people[0], &people[1]);
    assert_eq!(sue["name"], "Sue \u{e9}email x@example.org");
    assert_eq!((&sue["date"], &joe["date"], &joe["name"]), (&7.into(), &Value::Null, &Value::Null));
}

#[test]
fn people_have_their_roles_and_ways_of_delivery() {
    let mut one = list("club@example.org", Posting::Moderated);
    one.list.subscribing = sourced(Subscribing::Moderated);
    one.list.subscription_moderators = members(&["su@example.org"]);
    one.list.digest = members(&["Sue@example.org", "Dig@example.org"]);
    let (files, codes) = kit(&[one]);
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let told = |it: &Value| [&it["role"], &it["email"], &it["reception"]].map(word).join(" ");
    let people: Vec<String> = lines(&files, "members.jsonl").iter().map(told).collect();
    assert_eq!(
        people,
        [
            "member sue@example.org mail",
            "member dig@example.org digest",
            "owner postmaster@example.org -",
            "owner su@example.org -",
            "editor mo@example.org -",
        ]
    );
    assert!(codes.iter().all(|code| *code == "list-setting-unmapped"), "{codes:?}");
}

#[test]
fn nobody_gains_power() {
    let (files, _) = kit(&[list("club@example.org", Posting::Members)]);
    assert!(!files[&format!("{KIT}/members.jsonl")].contains("editor"));
}

#[test]
fn an_archive_is_as_closed_as_it_was() {
    for (readers, word) in [
        (ArchiveReaders::Anyone, "public"),
        (ArchiveReaders::Subscribers, "private"),
        (ArchiveReaders::Moderators, "owner"),
        (ArchiveReaders::Nobody, "closed"),
    ] {
        let mut one = list("club@example.org", Posting::Anyone);
        one.list.archive.readers = readers;
        assert!(has(one, &format!("mail_access {word}")), "{readers:?}");
    }
}

#[test]
fn paragraphs_are_apart_and_no_value_makes_a_line() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.prefix = Some(sourced("[100% club #]\nsend public".into()));
    one.list.add_headers =
        vec![sourced("X-A: b\nsend public".into()), sourced("Reply-To: <x@example.org>".into())];
    one.list.remove_headers = vec![sourced("Reply-To".into()), sourced("a\nstatus closed".into())];
    let config = file(one.clone(), "config");
    assert!(has(one, "custom_subject 100 club [% list.sequence %]"), "{config}");
    assert_eq!(config.lines().filter(|line| line.starts_with("send ")).count(), 1, "{config}");
    let reply =
        "\n\nreply_to_header\nvalue other_email\nother_email x@example.org\napply forced\n\n";
    assert!(config.contains(reply), "{config}");
    assert!(config.ends_with("\n\narchive\nweb_access public\nmail_access public\n"), "{config}");
    assert!(!config.contains("\n\n\n") && !config.contains("closed"), "{config}");
}

#[test]
fn a_list_that_sympa_cannot_have_is_an_error() {
    for name in ["c++@example.org", "-x@example.org", "club-return@example.org", "club@localhost"] {
        let (files, codes) = kit(&[list(name, Posting::Anyone)]);
        assert!(codes.contains(&"list-name-unusable"), "{name}");
        assert_eq!(lines(&files, "lists.jsonl").len(), 0, "{name}");
        assert_eq!(lines(&files, "robots.jsonl").len(), 0, "{name}");
    }
}

#[test]
fn two_lists_of_one_name_stay_apart() {
    let (files, _) = kit(&["a@x.example", "a@y.example"].map(|it| list(it, Posting::Anyone)));
    let ids: Vec<_> = lines(&files, "lists.jsonl").iter().map(|it| it["list"].clone()).collect();
    assert_eq!(ids, ["a@x.example", "a@y.example"]);
    assert_eq!(lines(&files, "robots.jsonl").len(), 2);
}

#[test]
fn commands_go_to_an_address_that_nobody_has() {
    let mut design = Design::default();
    let one = list("club@example.org", Posting::Anyone);
    design.lists.insert(address("sympa@example.org"), one.clone());
    let wiring = Sympa.wiring(&[run(&one)], &design);
    let robot = &wiring.lists[&address("sympa-robot@example.org")];
    assert!(matches!(&robot.post, Post::Transport(to) if *to == "sympa:sympa-robot@example.org"));
}

#[test]
fn nobody_is_put_in_or_out_by_others() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.answers = BTreeMap::from([
        (Command::SubscribeOther, Answer::Done),
        (Command::UnsubscribeOther, Answer::Done),
        (Command::DigestSubscribe, Answer::Done),
        (Command::Get, Answer::Done),
        (Command::Bounce, Answer::Done),
    ]);
    let ways = |list: &MailingList| {
        let wiring = Sympa.wiring(&[run(list)], &Design::default());
        wiring.lists[&list.list.address].ways.clone()
    };
    assert_eq!(ways(&one)[&Command::SubscribeOther], Way::Word("~subscribe-$2"));
    assert_eq!(ways(&one)[&Command::UnsubscribeOther], Way::Word("~unsubscribe-$2"));
    assert_eq!(ways(&one)[&Command::DigestSubscribe], Way::Word("~subscribe"));
    assert_eq!(ways(&one)[&Command::Get], Way::Word("~help"));
    assert_eq!(ways(&one)[&Command::Bounce], Way::ThrownAway);
    one.list.confirm_subscribe.value = false;
    one.list.confirm_unsubscribe.value = false;
    assert_eq!(ways(&one)[&Command::SubscribeOther], Way::Word("~help"));
    assert_eq!(ways(&one)[&Command::UnsubscribeOther], Way::Word("~help"));
}

#[test]
fn a_list_that_answered_nobody_has_no_new_address_to_write_to() {
    let mut one = list("club@example.org", Posting::Anyone);
    let words = |list: &MailingList| {
        let wiring = Sympa.wiring(&[run(list)], &Design::default());
        wiring.lists[&list.list.address].words[0].0
    };
    assert_eq!(words(&one), "-(editor|return)");
    one.answers.insert(Command::Other, Answer::Refused);
    assert_eq!(words(&one), "-(editor|return)");
    one.answers.insert(Command::Other, Answer::Help);
    assert_eq!(words(&one), "-(request|editor|return)");
}

#[test]
fn each_setting_is_told_with_what_keeps_it() {
    let mut one = list("club@example.org", Posting::Members);
    let kept = Sympa.kept(&one);
    for setting in ["types-refused", "moderators-list-members", "bulk-discarded", "parent"] {
        assert!(!kept.iter().any(|kept| kept.setting == setting), "{setting}");
    }
    let place = one.list.posting.origin.clone();
    one.list.discards_bulk = true;
    one.list.parent = Some(sourced(address("all@example.org")));
    one.list.subjects = Subjects { required: true, no_commands: true };
    one.list.filters.refused_fields = vec![sourced("Precedence".into())];
    one.list.filters.refused_types = vec![sourced("a/b".into())];
    one.list.powers.list_members = Some(place);
    let kept = Sympa.kept(&one);
    let bulk = kept.iter().filter(|kept| kept.setting == "bulk-discarded");
    assert_eq!(bulk.count(), 1);
    for setting in [
        "posting",
        "parent",
        "subject-required",
        "subject-commands-refused",
        "fields-refused",
        "types-refused",
        "moderators-list-members",
        "subscribing",
        "bulk-discarded",
        "last-post",
    ] {
        assert!(kept.iter().any(|kept| kept.setting == setting), "{setting}");
    }
    for own in &kept {
        let is_known = |known: &crate::model::list::Setting<'_>| known.name == own.setting;
        assert!(one.list.settings().iter().any(is_known), "{}", own.setting);
    }
}

#[test]
fn no_text_of_the_site_is_in_what_runs() {
    let (files, _) = kit(&[list("zebra@example.org", Posting::Anyone)]);
    for name in ["load", "sympa.conf"] {
        assert!(!files[&format!("{KIT}/{name}")].contains("zebra"), "{name}");
    }
}
