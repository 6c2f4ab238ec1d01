//! How mail reaches Sympa.

use crate::model::command_address::{Answer, Command};
use crate::model::design::Design;
use crate::model::{Address, DomainName};
use crate::target::lists::{Run, settled};
use crate::target::wiring::{ListWiring, Post, Service, Taken, Way, Wiring};
use bstr::BString;
use std::collections::BTreeMap;

/// Addresses of Sympa's own beside a list's: they stand in its messages and their headers.
const OWN_WORDS: &str = r"-(request|editor|return)";

/// The same for a list that answered nobody: `-request` was no address, and its owner has another.
const OWN_WORDS_OF_SILENT: &str = r"-(editor|return)";

/// The same beside the address that takes commands.
const OWN_WORDS_OF_ROBOT: &str = r"-(request|return)";

const SERVICES: &[Service] = &[
    // Sympa tells who has written by the Return-Path: (`sender_headers`).
    Service {
        line: "sympa unix - n n - - pipe",
        options: &["flags=Rhu user=sympa null_sender=", "argv=/usr/lib/sympa/bin/queue ${nexthop}"],
    },
    // The delimiter is this service's alone: the tables hand words over as `list=domain~word`.
    Service {
        line: "sympa-word unix - n n - - pipe",
        options: &[
            "-o recipient_delimiter=~",
            "flags=Rhu user=sympa null_sender=",
            "argv=/etc/postfix/unqmail/sympa-word ${sender} ${nexthop} ${extension}",
        ],
    },
];

const STEPS: &[&str] = &[
    "put the settings of /etc/unqmail/sympa/sympa.conf into /etc/sympa/sympa/sympa.conf",
    "/etc/unqmail/sympa/load && systemctl restart sympa",
];

pub(super) fn wiring(
    lists: &[&Run<'_>],
    robots: &BTreeMap<&DomainName, &'static str>,
    design: &Design,
) -> Wiring {
    let one = |name| (name, "1".to_owned());
    let limits = ["sympa_destination_recipient_limit", "sympa-word_destination_recipient_limit"];
    let robots = robots.iter().map(|(domain, email)| {
        let address = Address::new(*email, domain);
        (design.real(&address), of_robot(&address))
    });
    Wiring {
        lists: lists.iter().map(|run| (run.at.clone(), of(run))).chain(robots).collect(),
        services: SERVICES.to_vec(),
        settings: limits.map(one).into(),
        steps: STEPS.to_vec(),
        ..Wiring::default()
    }
}

fn of(run: &Run<'_>) -> ListWiring {
    let list = &run.list.list;
    let ways = run.list.answers.iter();
    let way = |(command, answer): (&Command, &Answer)| {
        (
            *command,
            way(*command, *answer, list.confirm_subscribe.value, list.confirm_unsubscribe.value),
        )
    };
    let is_silent =
        !matches!(run.list.answers.get(&Command::Other), Some(Answer::Done | Answer::Help));
    let words = if is_silent { OWN_WORDS_OF_SILENT } else { OWN_WORDS };
    ListWiring { ways: ways.map(way).collect(), ..with(&list.address, words, "~$1") }
}

/// The address that takes commands.
fn of_robot(address: &Address) -> ListWiring {
    with(address, OWN_WORDS_OF_ROBOT, "~robot-$1")
}

fn with(address: &Address, words: &'static str, to: &'static str) -> ListWiring {
    let hop = |service: &[u8]| -> BString { [service, &address.to_bytes()].concat().into() };
    ListWiring {
        post: Post::Transport(hop(b"sympa:")),
        posters: None,
        taken: Some(Taken {
            behind: r#"~[^@"]*"#,
            transport: hop(b"sympa-word:"),
            except: Vec::new(),
        }),
        words: vec![(words, to)],
        ways: BTreeMap::new(),
    }
}

/// The new way of a kind that the old list handled so. `sympa-word` knows what each word is for.
fn way(command: Command, answer: Answer, asks_joiners: bool, asks_leavers: bool) -> Way {
    use Command::{
        DigestSubscribe, DigestSubscribeOther, DigestUnsubscribe, DigestUnsubscribeOther,
        Subscribe, SubscribeOther, Unsubscribe, UnsubscribeOther,
    };
    if let Some(way) = settled(command, answer) {
        return way;
    }
    Way::Word(match (answer, command) {
        (Answer::Done, Subscribe | DigestSubscribe) => "~subscribe",
        (Answer::Done, Unsubscribe | DigestUnsubscribe) => "~unsubscribe",
        // Where Sympa asks nobody, anybody could put in or out anybody.
        (Answer::Done, SubscribeOther | DigestSubscribeOther) if asks_joiners => "~subscribe-$2",
        (Answer::Done, UnsubscribeOther | DigestUnsubscribeOther) if asks_leavers => {
            "~unsubscribe-$2"
        }
        (_, Command::Owner) => "~owner",
        _ => "~help",
    })
}
