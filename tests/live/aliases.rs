//! Lists that are aliases: members get posts, and those who may not post are refused.

use crate::delivery::{letter, wait_until};
use crate::stage;
use crate::support::{Laid, unqmail_with};
use crate::wire::{HERE, outside, send};
use std::collections::BTreeSet;

#[test]
fn members_get_a_post_and_others_may_not_write_one() {
    let laid = Laid::larch_of_aliases(true).migrated();
    let stage = stage(&laid.target);
    let club = b"book-club@alder.example";
    let post = |sender: &str, tag: &str| send(&stage, HERE, sender, club, &letter(tag));
    assert_eq!(post("Olga@Alder.example", "member"), Ok(()));
    for sender in ["stranger@outside.example", "olga@birch.example", ""] {
        let said = post(sender, "stranger").unwrap_err();
        assert!(said.starts_with("550 5.7.1"), "{sender}: {said}");
    }
    let said = send(&stage, outside(1), "x@outside.example", club, &letter("stranger"));
    assert!(said.unwrap_err().contains("Only members may post to this list"));
    // Who may post passes by nothing else: relaying is refused all the same.
    let elsewhere = send(&stage, outside(1), "olga@alder.example", b"x@far.example", "x");
    assert!(elsewhere.is_err());
    let ask = |word: &str, tag: &str| {
        let to = format!("book-club-{word}@alder.example");
        send(&stage, HERE, "eve@larch.example", to.as_bytes(), &letter(tag))
    };
    assert_eq!(ask("unsubscribe", "request"), Ok(()));
    assert_eq!(ask("owner", "owner"), Ok(()));
    assert_eq!(ask("return-1-x=y.example", "bounce"), Ok(()));
    assert!(ask("get.1", "archive").unwrap_err().contains("no archive"));
    let arrived = wait_until(&stage, |arrived| {
        ["member", "request", "owner"].iter().all(|tag| arrived.contains_key(*tag))
    });
    let log = stage.log().join("\n");
    assert!(arrived.get("member").is_some_and(|at| at.contains("alder.example/olga")), "{log}");
    // The owner's mail and the requests lie together.
    assert!(arrived.contains_key("owner"), "{log}");
    assert_eq!(arrived.get("owner"), arrived.get("request"), "{log}");
    assert!(!arrived.contains_key("stranger") && !arrived.contains_key("bounce"), "{log}");
    assert!(log.contains("to=<reader@outside.example>"), "{log}");
}

/// Postfix ends an alias at a thousand recipients, and looks for doubles among as many.
#[test]
fn a_list_of_two_thousand_members_is_written_to_as_a_whole() {
    const CLUB: &str = "home/vpopmail/domains/a.example/club";
    let mut manifest = format!(
        "file {CLUB}/outlocal\n| club\nfile {CLUB}/outhost\n| a.example\nfile {CLUB}/key\n| k\n\
         file {CLUB}/editor\n| |/usr/bin/ezmlm-send '/{CLUB}'\n\
         link home/vpopmail/domains/a.example/.qmail-club /{CLUB}/editor\n\
         file home/vpopmail/domains/a.example/.qmail-zoe\n| &joe@a.example\n\
         members {CLUB}/subscribers\n| joe@a.example\n| zoe@a.example\n"
    );
    let far: BTreeSet<String> = (0..2000).map(|n| format!("m{n}@far.invalid")).collect();
    manifest.extend(far.iter().map(|member| format!("| {member}\n")));
    let laid = Laid::small_with(&manifest, "[lists]\nmanager = 'alias'\n").migrated();
    let stage = stage(&laid.target);
    let sent = send(&stage, HERE, "joe@a.example", b"club@a.example", &letter("post"));
    assert_eq!(sent, Ok(()));
    let tried = || -> BTreeSet<String> {
        let log = stage.log();
        let named = log.iter().filter_map(|line| line.split_once("to=<")?.1.split_once('>'));
        named.map(|(to, _)| to.to_owned()).filter(|to| far.contains(to)).collect()
    };
    wait_until(&stage, |arrived| arrived.contains_key("post") && tried().len() == far.len());
    assert_eq!(tried(), far);
    let new = stage.root().join("var/vmail/a.example/joe/Maildir/new");
    assert_eq!(std::fs::read_dir(new).unwrap().count(), 1, "he is a member twice");
}

#[test]
fn mail_for_lists_that_are_aliases_ends_as_predicted() {
    let laid = Laid::larch_of_aliases(true).migrated();
    let [site, target, config] =
        [&laid.site, &laid.target, &laid.config].map(|path| path.to_str().unwrap());
    let ran = unqmail_with(["rehearse", site, target, "--config", config], b"");
    assert_eq!(ran.code, 0, "{}", ran.all());
}
