//! What becomes of every old address of a list on each manager, as the tables of `docs/targets` tell it.

use crate::support::{Laid, unqmail_with};
use serde_json::Value;

/// A list with all the addresses that ezmlm-idx makes for it.
fn site() -> String {
    let home = "home/vpopmail/domains/a.example";
    let mut site = format!(
        "file {home}/club/outlocal\n| club\nfile {home}/club/outhost\n| a.example\n\
         file {home}/club/key\n| key\nfile {home}/club/public\nfile {home}/club/archived\n\
         file {home}/club/num\n| 3:9\nmembers {home}/club/subscribers\n| eve@a.example\n\
         file {home}/.qmail-club-owner\n| &joe@a.example\n\
         file {home}/.qmail-club-digest-owner\n| &joe@a.example\n"
    );
    for (file, programs, addresses) in [
        ("editor", "reject store", ""),
        ("manager", "get manage", "-default"),
        ("bouncer", "return", "-return-default -digest-return-default"),
        ("moderator", "moderate", "-accept-default -reject-default"),
        ("confirmer", "confirm", "-confirm-default -discard-default"),
    ] {
        site += &format!("file {home}/club/{file}\n");
        for program in programs.split(' ') {
            site += &format!("| |/usr/bin/ezmlm-{program} '/{home}/club'\n");
        }
        for address in addresses.split(' ') {
            site += &format!("link {home}/.qmail-club{address} /{home}/club/{file}\n");
        }
    }
    site
}

/// What stands behind the list's name, and what becomes of it on mlmmj, Mailman, Sympa and as an alias:
/// a word of the manager, `owner`, `nothing`, or the front of what it is refused with.
const WORDS: &[(&str, [&str; 4])] = &[
    ("", ["post", "post", "post", "eve"]),
    ("-subscribe", ["subscribe", "subscribe", "subscribe", "owner"]),
    ("-unsubscribe", ["unsubscribe", "unsubscribe", "unsubscribe", "owner"]),
    ("-digest-subscribe", ["subscribe-digest", "subscribe-digest", "subscribe", "owner"]),
    ("-digest-unsubscribe", ["unsubscribe-digest", "unsubscribe-digest", "unsubscribe", "owner"]),
    (
        "-subscribe-x=y.example",
        ["subscribe-x=y.example", "subscribe-x=y.example", "subscribe-x=y.example", "owner"],
    ),
    (
        "-unsubscribe-x=y.example",
        ["unsubscribe-x=y.example", "unsubscribe-x=y.example", "unsubscribe-x=y.example", "owner"],
    ),
    (
        "-digest-subscribe-x=y.example",
        [
            "subscribe-digest-x=y.example",
            "subscribe-digest-x=y.example",
            "subscribe-x=y.example",
            "owner",
        ],
    ),
    (
        "-digest-unsubscribe-x=y.example",
        [
            "unsubscribe-digest-x=y.example",
            "unsubscribe-digest-x=y.example",
            "unsubscribe-x=y.example",
            "owner",
        ],
    ),
    (
        "-sc.1.abc-x=y.example",
        ["subscribe-x=y.example", "subscribe-x=y.example", "subscribe-x=y.example", "owner"],
    ),
    (
        "-uc.1.abc-x=y.example",
        ["unsubscribe-x=y.example", "unsubscribe-x=y.example", "unsubscribe-x=y.example", "owner"],
    ),
    ("-help", ["help", "help", "help", "owner"]),
    ("-faq", ["faq", "help", "help", "owner"]),
    ("-info", ["help", "help", "help", "owner"]),
    ("-index", ["help", "help", "help", "This list has no archive"]),
    ("-index.1", ["help", "help", "help", "This list has no archive"]),
    ("-thread.1", ["help", "help", "help", "This list has no archive"]),
    ("-get", ["help", "help", "help", "This list has no archive"]),
    ("-get.2", ["get-2", "help", "help", "This list has no archive"]),
    ("-get.1_9", ["help", "help", "help", "This list has no archive"]),
    ("-query", ["help", "help", "help", "owner"]),
    ("-allow-subscribe", ["help", "help", "help", "owner"]),
    ("-zork", ["help", "help", "help", "owner"]),
    ("-owner", ["owner", "owner", "owner", "owner"]),
    ("-digest-owner", ["owner", "owner", "owner", "owner"]),
    ("-return-1-x=y.example", ["nothing", "nothing", "nothing", "nothing"]),
    ("-return-", ["nothing", "nothing", "nothing", "nothing"]),
    ("-digest-return-1-x=y.example", ["nothing", "nothing", "nothing", "nothing"]),
    ("-return-zork", [STRAY; 4]),
    ("-accept-1.2.abc", [EXPIRED; 4]),
    ("-reject-1.2.abc", [EXPIRED; 4]),
    ("-confirm-1.2.abc", [EXPIRED; 4]),
    ("-discard-1.2.abc", [EXPIRED; 4]),
    ("-list", [MODERATORS; 4]),
    ("-log", [MODERATORS; 4]),
    ("-edit", [MODERATORS; 4]),
    ("-deny-subscribe", [MODERATORS; 4]),
];

const STRAY: &str = "No post was sent from this address";
const EXPIRED: &str = "Expired: the message to decide about was held on another server";
const MODERATORS: &str = "That is for moderators";

#[test]
fn every_old_address_does_what_the_pages_of_the_managers_say() {
    for (at, manager) in ["mlmmj", "mailman", "sympa", "alias"].into_iter().enumerate() {
        let laid = Laid::small_with(&site(), &format!("[lists]\nmanager = '{manager}'\n"));
        let asked: String =
            WORDS.iter().map(|(word, _)| format!("club{word}@a.example\n")).collect();
        let args = ["explain", laid.site.to_str().unwrap(), "-", "--format", "json", "--config"];
        let args = args.into_iter().chain([laid.config.to_str().unwrap()]);
        let told = unqmail_with(args, asked.as_bytes());
        assert_eq!(told.code, 0, "{}", told.all());
        assert_eq!(told.stdout.lines().count(), WORDS.len());
        for (line, (word, wanted)) in told.stdout.lines().zip(WORDS) {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(became(&row), wanted[at], "{manager}, club{word}: {row}");
            assert_ne!(row["verdict"], "differs", "{row}");
            assert_ne!(row["verdict"], "lost", "{row}");
        }
    }
}

/// The only outcome of an address, in short.
fn became(row: &Value) -> String {
    let new = row["new"].as_array().unwrap();
    assert_eq!(new.len(), 1, "{row}");
    let text = |key: &str| new[0][key].as_str().map(str::to_owned);
    let account = |address: String| match address.as_str() {
        "joe@a.example" => "owner".to_owned(),
        other => other.split('@').next().unwrap_or_default().to_owned(),
    };
    text("action")
        .or_else(|| text("reject"))
        .or_else(|| text("deliver").map(account))
        .unwrap_or_else(|| "nothing".to_owned())
}
