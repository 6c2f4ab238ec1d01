//! Lists at their old addresses, beside the mailboxes of their domains.

use crate::delivery::{letter, wait_until};
use crate::stage;
use crate::support::Laid;
use crate::wire::{HERE, send};
use std::fs;
use unqmail::stage::Stage;

fn post(stage: &Stage, from: &str, to: &str, tag: &str) {
    let text = letter(tag)
        .replace("probe@probe.example", from)
        .replace("To: somebody@probe.example", &format!("To: {to}"));
    assert_eq!(send(stage, HERE, from, to.as_bytes(), &text), Ok(()), "{tag}");
}

#[test]
fn a_post_reaches_the_members_and_a_stranger_s_does_not() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    post(&stage, "olga@alder.example", "book-club@alder.example", "member");
    post(&stage, "stranger@outside.example", "book-club@alder.example", "stranger");
    post(&stage, "anybody@outside.example", "ben-chat@mx.larch.example", "open");
    let arrived = wait_until(&stage, |arrived| {
        let is_out = |line: &String| line.contains("to=<reader@outside.example>");
        arrived.contains_key("member")
            && arrived.contains_key("open")
            && stage.log().iter().any(is_out)
    });
    let log = || stage.log().join("\n");
    assert!(arrived.get("member").is_some_and(|at| at.contains("alder.example/olga")), "{}", log());
    assert!(
        arrived.get("open").is_some_and(|at| at.contains("mx.larch.example/cleo")),
        "{}",
        log()
    );
    assert!(!arrived.contains_key("stranger"), "{}", log());
    // Other members are written to as well; the world is not there, so that mail waits.
    assert!(log().contains("to=<reader@outside.example>"), "{}", log());
}

#[test]
fn old_command_addresses_lead_to_the_right_place() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    post(&stage, "eve@larch.example", "ben-chat-subscribe@mx.larch.example", "subscribe");
    post(&stage, "eve@larch.example", "ben-chat-help@mx.larch.example", "help");
    post(&stage, "quin@birch.example", "ben-chat-return-1-x=y.example@mx.larch.example", "bounce");
    post(&stage, "quin@birch.example", "book-club-owner@alder.example", "toowner");
    let mails = |stage: &Stage, place: &str| -> Vec<String> {
        let new = stage.root().join("var/vmail").join(place).join("Maildir/new");
        let files = fs::read_dir(new).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    };
    let confirms = |mail: &String| mail.contains("ben-chat-confsub-");
    let helps = |mail: &String| mail.contains("Information_for_ben-chat");
    wait_until(&stage, |_| {
        let mails = mails(&stage, "larch.example/eve");
        mails.iter().any(confirms) && mails.iter().any(helps)
    });
    let got = mails(&stage, "larch.example/eve");
    let told = got.iter().any(confirms) && got.iter().any(helps);
    assert!(told, "{got:#?}\n{}", stage.log().join("\n"));
    assert!(mails(&stage, "birch.example/quin").is_empty(), "a return address is answered");
}

/// `LIST-subscribe-USER=HOST` asks the person it names, and nobody can make a command of it.
#[test]
fn somebody_else_is_asked_whether_he_wants_to_join() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let to = |word: &str| format!("ben-chat-{word}@mx.larch.example");
    post(&stage, "eve@larch.example", &to("subscribe-quin=birch.example"), "ask");
    post(&stage, "eve@larch.example", &to("sc.1.abc-frank=larch.example"), "late");
    for word in ["subscribe--x=birch.example", "subscribe-a=b=c", "subscribe-a;id=x"] {
        let text = letter("odd");
        drop(send(&stage, HERE, "eve@larch.example", to(word).as_bytes(), &text));
    }
    let asked = |place: &str| {
        let new = stage.root().join("var/vmail").join(place).join("Maildir/new");
        let files = fs::read_dir(new).into_iter().flatten().flatten();
        let mut mails = files.map(|file| fs::read_to_string(file.path()).unwrap_or_default());
        mails.any(|mail| mail.contains("ben-chat-confsub-"))
    };
    wait_until(&stage, |_| asked("birch.example/quin") && asked("larch.example/frank"));
    let log = stage.log().join("\n");
    assert!(asked("birch.example/quin") && asked("larch.example/frank"), "{log}");
    assert!(!asked("larch.example/eve"), "{log}");
}

/// Beside a catch-all too, and whatever the list's answers are sent from.
#[test]
fn a_catch_all_takes_no_list_s_commands() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    post(&stage, "eve@larch.example", "book-club-help@alder.example", "askhelp");
    post(&stage, "eve@larch.example", "book-club-digest-subscribe@alder.example", "askdigest");
    let begun = std::time::Instant::now();
    let helped = || {
        let log = stage.log().join("\n");
        log.contains("to=<book-club=alder.example~help@unqmail.invalid>")
            && log.contains("to=<book-club=alder.example~subscribe-digest@unqmail.invalid>")
    };
    while !helped() && begun.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(helped(), "{}", stage.log().join("\n"));
    assert!(!crate::delivery::arrived(&stage).contains_key("askhelp"), "the catch-all took it");
}
