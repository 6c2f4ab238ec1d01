//! How mail reaches Mailman.

use crate::model::command_address::{Answer, Command};
use crate::model::list::Subscribing;
use crate::target::lists::{Run, settled};
use crate::target::wiring::{ListWiring, Post, Service, Taken, Way, Wiring};

/// Where Mailman's LMTP server listens by default (`[mta] lmtp_host`, `lmtp_port`).
const LMTP: &str = "lmtp:[127.0.0.1]:8024";

/// Words of Mailman's own: they stand in its messages and their headers.
const OWN_WORDS: &str = r#"-((join|leave|request|(bounces|confirm)(\+[^@"]*)?))"#;

/// The same for a list that nobody may subscribe to by mail. Moderators decide by `request`.
const OWN_WORDS_OF_CLOSED: &str = r#"-((leave|request|(bounces|confirm)(\+[^@"]*)?))"#;

/// The same for a list that answered nobody: `-request` was no address.
const OWN_WORDS_OF_SILENT: &str = r#"-((leave|(bounces|confirm)(\+[^@"]*)?))"#;

const SERVICES: &[Service] = &[
    // The delimiter is this service's alone: the tables hand words over as `list=domain~word`.
    Service {
        line: "mailman unix - n n - - pipe",
        options: &[
            "-o recipient_delimiter=~",
            "flags=hu user=nobody null_sender=",
            "argv=/etc/postfix/unqmail/mailman-word ${sender} ${nexthop} ${extension}",
        ],
    },
];

const STEPS: &[&str] = &[
    "put the settings of /etc/mailman3/unqmail/mailman.cfg into /etc/mailman3/mailman.cfg",
    "systemctl restart mailman3 && /etc/mailman3/unqmail/load",
];

pub(super) fn wiring<'r, 'a: 'r>(lists: impl Iterator<Item = &'r Run<'a>>) -> Wiring {
    Wiring {
        lists: lists.map(|run| (run.at.clone(), of(run))).collect(),
        services: SERVICES.to_vec(),
        settings: vec![("mailman_destination_recipient_limit", "1".into())],
        steps: STEPS.to_vec(),
        ..Wiring::default()
    }
}

fn of(run: &Run<'_>) -> ListWiring {
    let list = &run.list.list;
    let own_words = match list.subscribing.value {
        _ if !run.list.answers.contains_key(&Command::Other) => OWN_WORDS_OF_SILENT,
        Subscribing::Closed => OWN_WORDS_OF_CLOSED,
        Subscribing::Open | Subscribing::Moderated => OWN_WORDS,
    };
    let ways = run.list.answers.iter();
    ListWiring {
        post: Post::Transport(LMTP.into()),
        posters: None,
        taken: Some(Taken {
            behind: r#"~[^@"]*"#,
            transport: [b"mailman:".as_slice(), &list.address.to_bytes()].concat().into(),
            except: Vec::new(),
        }),
        words: vec![(own_words, "~$1")],
        ways: ways
            .map(|(command, answer)| {
                (*command, way(*command, *answer, list.confirm_unsubscribe.value))
            })
            .collect(),
    }
}

/// The new way of a kind that the old list handled so. `mailman-word` knows what each word is for.
fn way(command: Command, answer: Answer, asks_leavers: bool) -> Way {
    if let Some(way) = settled(command, answer) {
        return way;
    }
    Way::Word(match (answer, command) {
        (Answer::Done, Command::Subscribe) => "~subscribe",
        (Answer::Done, Command::Unsubscribe) => "~unsubscribe",
        (Answer::Done, Command::DigestSubscribe) => "~subscribe-digest",
        (Answer::Done, Command::DigestUnsubscribe) => "~unsubscribe-digest",
        (Answer::Done, Command::SubscribeOther) => "~subscribe-$2",
        (Answer::Done, Command::DigestSubscribeOther) => "~subscribe-digest-$2",
        // Where Mailman asks nobody, anybody could put out anybody.
        (Answer::Done, Command::UnsubscribeOther) if asks_leavers => "~unsubscribe-$2",
        (Answer::Done, Command::DigestUnsubscribeOther) if asks_leavers => "~unsubscribe-digest-$2",
        (_, Command::Owner) => "~owner",
        _ => "~help",
    })
}
