//! How mail reaches mlmmj, and what runs it.

use crate::model::RelPath;
use crate::model::command_address::{Answer, Command};
use crate::model::design::MailingList;
use crate::target::lists::{Run, settled};
use crate::target::wiring::{ListWiring, Post, Service, Taken, User, Way, Wiring};
use std::collections::BTreeSet;

/// Words of mlmmj's own, beside those that old addresses lead to: they stand in its messages.
const OWN_WORDS: &str = "-((subscribe|unsubscribe)-(digest|nomail|both)|get-[0-9]+\
|(confsub|confunsub|bounces|release|moderate|obstruct|permit)[^@\"]*|reject-[0-9a-f]{8,})";

/// A request for another address than the sender's: mlmmj has a program for it, but no command.
const OTHER: &str = r"~(un)?subscribe(-digest)?-([a-z0-9][a-z0-9._+-]*=[a-z0-9][a-z0-9.-]*)";

const SERVICES: &[Service] = &[
    // The delimiter is this service's alone: the tables hand over `list=domain~command`.
    Service {
        line: "mlmmj unix - n n - - pipe",
        options: &[
            "-o recipient_delimiter=~",
            "flags=ODRhu user=mlmmj null_sender=",
            "argv=/usr/bin/mlmmj-receive -F -e ${extension} -L /var/spool/mlmmj/$nexthop",
        ],
    },
    // For requests that name another address: `LIST=DOMAIN~subscribe-user=host`.
    Service {
        line: "list-member unix - n n - - pipe",
        options: &[
            "-o recipient_delimiter=~",
            "flags=Rhu user=mlmmj null_sender=",
            "argv=/etc/postfix/unqmail/list-member $nexthop ${extension}",
        ],
    },
];

pub(super) fn wiring(lists: &[Run<'_>]) -> Wiring {
    let one = |name| (name, "1".to_owned());
    let limits =
        ["mlmmj_destination_recipient_limit", "list-member_destination_recipient_limit"].map(one);
    let mlmmj =
        User { name: "mlmmj", about: "Owner of all mailing lists", home: "/var/spool/mlmmj" };
    Wiring {
        lists: lists.iter().map(|run| (run.at.clone(), of(run.list))).collect(),
        services: SERVICES.to_vec(),
        settings: limits.into(),
        users: vec![mlmmj],
        cron: cron(lists),
        ..Wiring::default()
    }
}

fn of(list: &MailingList) -> ListWiring {
    let place = list.place();
    let hop = |service: &str| [service.as_bytes(), b":", place.as_bstr()].concat().into();
    ListWiring {
        post: Post::Transport(hop("mlmmj")),
        posters: None,
        taken: Some(Taken {
            behind: r#"~[^@"]*"#,
            transport: hop("mlmmj"),
            except: vec![(OTHER, hop("list-member"))],
        }),
        words: vec![(OWN_WORDS, "~$1")],
        ways: list
            .answers
            .iter()
            .map(|(command, answer)| (*command, way(*command, *answer)))
            .collect(),
    }
}

/// The new way of a kind that the old list handled so. What mlmmj does not know it would drop
/// without a word.
fn way(command: Command, answer: Answer) -> Way {
    if let Some(way) = settled(command, answer) {
        return way;
    }
    Way::Word(match (answer, command) {
        (Answer::Done, Command::Subscribe) => "~subscribe",
        (Answer::Done, Command::Unsubscribe) => "~unsubscribe",
        (Answer::Done, Command::DigestSubscribe) => "~subscribe-digest",
        (Answer::Done, Command::DigestUnsubscribe) => "~unsubscribe-digest",
        (Answer::Done, Command::SubscribeOther) => "~subscribe-$2",
        (Answer::Done, Command::UnsubscribeOther) => "~unsubscribe-$2",
        (Answer::Done, Command::DigestSubscribeOther) => "~subscribe-digest-$2",
        (Answer::Done, Command::DigestUnsubscribeOther) => "~unsubscribe-digest-$2",
        (Answer::Done, Command::Get) => "~get-$1",
        (Answer::Done, Command::Faq) => "~faq",
        (_, Command::Owner) => "~owner",
        _ => "~help",
    })
}

/// Sends digests and retries what could not be sent; one line for each domain, because
/// `mlmmj-maintd -d` looks at the folders directly beneath it only.
fn cron(lists: &[Run<'_>]) -> Vec<String> {
    let folder = |run: &Run<'_>| super::folder(run.list).parent();
    let folders: BTreeSet<RelPath> = lists.iter().map(folder).collect();
    // A `%` would end the command in a crontab.
    let folders = folders.iter().map(|folder| folder.to_string().replace('%', "\\%"));
    folders
        .map(|folder| format!("17 */2 * * * mlmmj /usr/bin/mlmmj-maintd -F -d '/{folder}'"))
        .collect()
}
