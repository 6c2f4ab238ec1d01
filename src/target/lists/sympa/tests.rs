//! The kit as a whole, from lists made by hand.

use super::{KIT, Sympa};
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, ListManager, MailingList};
use crate::model::list::{ArchiveReaders, Posting, Subscribing};
use crate::target::lists::Manager as _;
use crate::target::lists::tests::{address, members};
use crate::target::lists::trial::{self, kit, run, sourced};
use crate::target::wiring::{Post, Way};
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
    one.list.confirm_posts = true;
    assert_eq!(rules(one), ["true() smtp,dkim -> request_auth", "true() md5,smime -> do_it"]);
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
    assert_eq!(ways(&one)[&Command::SubscribeOther], Way::Word("+subscribe-$2"));
    assert_eq!(ways(&one)[&Command::UnsubscribeOther], Way::Word("+unsubscribe-$2"));
    assert_eq!(ways(&one)[&Command::DigestSubscribe], Way::Word("+subscribe"));
    assert_eq!(ways(&one)[&Command::Get], Way::Word("+help"));
    assert_eq!(ways(&one)[&Command::Bounce], Way::ThrownAway);
    one.list.confirm_subscribe = false;
    one.list.confirm_unsubscribe = false;
    assert_eq!(ways(&one)[&Command::SubscribeOther], Way::Word("+help"));
    assert_eq!(ways(&one)[&Command::UnsubscribeOther], Way::Word("+help"));
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
    one.list.discards_bulk = true;
    let kept = Sympa.kept(&one);
    for setting in ["posting", "subscribing", "bulk-discarded", "last-post"] {
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
