//! The kit as a whole, from lists made by hand.

use super::{KIT, Mailman};
use crate::model::RelPath;
use crate::model::command_address::{Answer, Command};
use crate::model::design::{Design, ListManager, MailingList};
use crate::model::list::{ArchiveReaders, Posting, Subscribing};
use crate::target::lists::Manager as _;
use crate::target::lists::tests::{address, members};
use crate::target::lists::trial::{self, kit, run, sourced};
use crate::target::wiring::Way;
use serde_json::Value;
use std::collections::BTreeMap;

fn list(at: &str, posting: Posting) -> MailingList {
    trial::list(ListManager::Mailman, at, posting)
}

fn lines(files: &BTreeMap<String, String>, name: &str) -> Vec<Value> {
    trial::lines(files, &format!("{KIT}/{name}"))
}

/// Settings of one list.
fn record(list: MailingList) -> Value {
    lines(&kit(&[list]).0, "lists.jsonl").remove(0)
}

/// `role email action` of everybody.
fn people(list: MailingList) -> Vec<String> {
    let lines = lines(&kit(&[list]).0, "members.jsonl");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let told =
        |it: &Value| [&it["role"], &it["email"], &it["moderation_action"]].map(word).join(" ");
    lines.iter().map(told).collect()
}

#[test]
fn members_and_others_get_what_the_old_rule_says() {
    let known = ["al@example.org", r"^[^@]*@friends\.example$"].as_slice();
    for (posting, member, other, accepted, held) in [
        (Posting::Anyone, "defer", "defer", &[][..], &[][..]),
        (Posting::Members, "defer", "reject", known, &[]),
        (Posting::MembersElseModerated, "defer", "hold", known, &[]),
        (Posting::Listed, "reject", "reject", known, &[]),
        (Posting::ListedElseModerated, "hold", "hold", known, &[]),
        (Posting::Moderated, "hold", "hold", &[], &[]),
        (Posting::ModeratorsOnly, "reject", "reject", &[], &["mo@example.org"]),
    ] {
        let config = &record(list("club@example.org", posting))["config"];
        assert_eq!(config["default_member_action"], member, "{posting:?}");
        assert_eq!(config["default_nonmember_action"], other, "{posting:?}");
        assert_eq!(config["accept_these_nonmembers"], Value::from(accepted), "{posting:?}");
        assert_eq!(config["hold_these_nonmembers"], Value::from(held), "{posting:?}");
    }
}

#[test]
fn a_member_with_a_rule_of_his_own_keeps_it() {
    let mut one = list("club@example.org", Posting::Members);
    one.list.held_back = members(&["dig@example.org"]);
    one.list.denied = members(&["SUE@example.org", "@bad.example"]);
    let people = people(one.clone());
    assert!(people.contains(&"member sue@example.org reject".to_owned()), "{people:?}");
    assert!(people.contains(&"member dig@example.org reject".to_owned()), "{people:?}");
    let rules = record(one)["header_matches"].to_string();
    assert!(
        rules.contains(r"^sue\\@example\\.org$") && rules.contains(r"@bad\\.example$"),
        "{rules}"
    );
}

#[test]
fn those_who_may_post_may_although_they_are_members() {
    let mut one = list("club@example.org", Posting::Listed);
    one.list.subscribers = members(&["sue@example.org", "al@example.org", "x@friends.example"]);
    let people = people(one);
    assert_eq!(people[0], "member sue@example.org -");
    assert_eq!(people[1], "member al@example.org defer");
    assert_eq!(people[2], "member x@friends.example defer");
}

#[test]
fn moderators_only_wait_for_approval_and_others_are_refused() {
    let mut one = list("club@example.org", Posting::ModeratorsOnly);
    one.list.subscribers = members(&["mo@example.org"]);
    assert_eq!(
        people(one),
        [
            "member mo@example.org hold",
            "member dig@example.org -",
            "owner postmaster@example.org -",
            "moderator mo@example.org -",
        ]
    );
}

#[test]
fn posts_that_their_senders_confirmed_wait_for_a_moderator() {
    let mut one = list("club@example.org", Posting::Members);
    one.list.confirm_posts.value = true;
    let config = &record(one)["config"];
    assert_eq!(config["default_member_action"], "hold");
    assert_eq!(config["default_nonmember_action"], "reject");
    assert_eq!(config["accept_these_nonmembers"], Value::Array(Vec::new()));
    assert_eq!(config["hold_these_nonmembers"][0], "al@example.org");
}

#[test]
fn nobody_gains_power() {
    assert!(!people(list("club@example.org", Posting::Members)).join(" ").contains("moderator"));
    let mut one = list("club@example.org", Posting::Members);
    one.list.subscribing = sourced(Subscribing::Moderated);
    one.list.subscription_moderators = members(&["su@example.org"]);
    assert!(people(one).contains(&"moderator su@example.org -".to_owned()));
}

#[test]
fn the_number_of_the_next_post_is_above_every_archived_one() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.archive.last = 4;
    assert_eq!(record(one.clone())["post_id"], 5);
    one.list.archive.posts = vec![(9, RelPath::new("9"))];
    assert_eq!(record(one)["post_id"], 10);
}

#[test]
fn an_archive_is_as_closed_as_it_was() {
    for (kept, readers, policy) in [
        (true, ArchiveReaders::Anyone, "public"),
        (true, ArchiveReaders::Subscribers, "private"),
        (true, ArchiveReaders::Nobody, "private"),
        (false, ArchiveReaders::Anyone, "never"),
    ] {
        let mut one = list("club@example.org", Posting::Anyone);
        (one.list.archive.kept, one.list.archive.readers) = (kept, readers);
        assert_eq!(record(one)["config"]["archive_policy"], policy);
    }
}

#[test]
fn a_prefix_is_no_format_of_its_own() {
    let shown = |prefix: &str| {
        let mut one = list("club@example.org", Posting::Anyone);
        one.list.prefix = Some(sourced(prefix.into()));
        record(one)["config"]["subject_prefix"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown("[club]"), "[club] ");
    assert_eq!(shown("[club #]"), "[club %d] ");
    assert_eq!(shown("100% [x]\nBcc: a"), "100 [x] ");
    assert_eq!(shown(""), "");
}

#[test]
fn answers_go_where_they_went() {
    let config = |line: &str| {
        let mut one = list("club@example.org", Posting::Anyone);
        one.list.add_headers = vec![sourced(line.into())];
        one.list.remove_headers = vec![sourced("Reply-To".into())];
        record(one)["config"].clone()
    };
    assert_eq!(config("Reply-To: <Club@example.org>")["reply_goes_to_list"], "point_to_list");
    assert_eq!(config("reply-to: x@example.org")["reply_to_address"], "x@example.org");
    assert_eq!(config("X-A: b")["reply_goes_to_list"], "no_munging");
    assert_eq!(config("X-A: b")["first_strip_reply_to"], true);
}

#[test]
fn a_footer_is_text_and_nothing_else() {
    let mut one = list("club@example.org", Posting::Anyone);
    assert_eq!(record(one.clone())["footer"], "");
    one.list.trailer = Some(sourced("-- \n$user_email ${x}\n<#n#>\n!A\n\u{e9}".into()));
    assert_eq!(record(one)["footer"], "-- \n$$user_email $${x}\n\u{e9}\n");
}

#[test]
fn a_list_that_mailman_cannot_have_is_an_error() {
    for name in ["c++@example.org", ".club@example.org", "club@localhost"] {
        let (files, codes) = kit(&[list(name, Posting::Anyone)]);
        assert!(codes.contains(&"list-name-unusable"), "{name}");
        assert_eq!(lines(&files, "lists.jsonl").len(), 0, "{name}");
    }
    let twins = ["club.moto@example.org", "club@moto.example.org"];
    let (files, codes) = kit(&twins.map(|name| list(name, Posting::Anyone)));
    assert!(codes.contains(&"list-name-unusable"));
    assert_eq!(lines(&files, "lists.jsonl").len(), 1);
}

#[test]
fn two_lists_of_one_name_stay_apart() {
    let (files, _) = kit(&["a@x.example", "a@y.example"].map(|it| list(it, Posting::Anyone)));
    let ids: Vec<_> = lines(&files, "lists.jsonl").iter().map(|it| it["list_id"].clone()).collect();
    assert_eq!(ids, ["a.x.example", "a.y.example"]);
}

#[test]
fn a_member_that_mailman_refuses_is_told_and_left_out() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.subscribers = members(&["a|b@example.org", "joe@localhost", "club@example.org"]);
    let (files, codes) = kit(&[one]);
    assert_eq!(lines(&files, "members.jsonl").len(), 2);
    assert_eq!(codes, ["list-member-malformed"; 3]);
}

#[test]
fn somebody_with_both_gets_every_message() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.list.digest = members(&["Sue@example.org"]);
    let (files, codes) = kit(&[one]);
    let lines = lines(&files, "members.jsonl");
    assert_eq!((lines.len(), &lines[0]["delivery_mode"]), (2, &Value::from("regular")));
    assert_eq!(codes, ["list-setting-unmapped"]);
}

#[test]
fn nobody_is_put_out_by_others_and_a_closed_list_takes_no_joins() {
    let mut one = list("club@example.org", Posting::Anyone);
    one.answers = BTreeMap::from([
        (Command::UnsubscribeOther, Answer::Done),
        (Command::Get, Answer::Done),
        (Command::Bounce, Answer::Done),
        (Command::Other, Answer::Help),
    ]);
    let wired = |list: &MailingList| {
        Mailman.wiring(&[run(list)], &Design::default()).lists.into_values().next().unwrap()
    };
    let ways = wired(&one).ways;
    assert_eq!(ways[&Command::UnsubscribeOther], Way::Word("~unsubscribe-$2"));
    assert_eq!(ways[&Command::Get], Way::Word("~help"));
    assert_eq!(ways[&Command::Bounce], Way::ThrownAway);
    one.list.confirm_unsubscribe.value = false;
    assert_eq!(wired(&one).ways[&Command::UnsubscribeOther], Way::Word("~help"));
    assert!(wired(&one).words[0].0.contains("join"));
    one.list.subscribing = sourced(Subscribing::Closed);
    assert!(!wired(&one).words[0].0.contains("join"));
    one.list.address = address("c++@example.org");
    assert!(Mailman.wiring(&[run(&one)], &Design::default()).lists.is_empty());
}

#[test]
fn no_text_of_the_site_is_in_what_runs() {
    let (files, _) = kit(&[list("zebra@example.org", Posting::Anyone)]);
    for name in ["load", "inside.py", "mailman.cfg", "postfix.cfg"] {
        assert!(!files[&format!("{KIT}/{name}")].contains("zebra"), "{name}");
    }
}
