//! Autoresponders answer as before: the old text from the old sender, once in their time, and never
//! to lists and bounces.

use crate::delivery::{arrived, until_queue_is_empty};
use crate::filters::compile;
use crate::stage;
use crate::support::{Atelier, Laid, autoresponse, migrated_atelier, project, read};
use crate::wire::{HERE, send};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};
use unqmail::stage::{Posted, Stage};

/// An account that is away, an alias of it, a robot that answers only, and one with a forward.
fn site() -> String {
    let d = "home/vpopmail/domains/a.example";
    format!(
        "file {d}/joe/.qmail
| /{d}/joe/Maildir/
| | /usr/bin/autorespond 86400 3 /{d}/joe/vacation/message /{d}/joe/vacation
file {d}/joe/vacation/message
| From: joe@a.example
| Subject: Away \"now\" \\ later
|
\\ Back s%F6on.%0A.%0Adiscard;%0A
file {d}/.qmail-team
| &joe@a.example
file {d}/.qmail-hours
| |/usr/bin/autorespond 10000 5 /{d}/HOURS/message /{d}/HOURS
file {d}/HOURS/message
| Nine to five.
file {d}/.qmail-prices
| &eve@a.example
| |/usr/bin/autorespond 10000 1 /{d}/PRICES/message /{d}/PRICES 0
file {d}/PRICES/message
| From: Prices <prices@a.example>
| Subject: Prices
| Content-Type: text/html; charset=iso-8859-1
|
\\ <p>%A37</p>%0A
"
    )
}

fn letter(to: &str, more: &str) -> String {
    format!("From: probe@far.example\nTo: {to}\nSubject: {to}\n{more}\nHello.")
}

/// What was sent to people in the world since this was last asked.
fn to_world(stage: &Stage) -> Vec<Posted> {
    // What waits in this host's own queue is sent too.
    let is_ours = |one: &Posted| one.recipients.iter().all(|to| to.ends_with(b"@far.example"));
    stage.take_posted().into_iter().filter(is_ours).collect()
}

/// What was sent to the world, once it is so much or nothing more comes.
fn answers(stage: &Stage, count: usize) -> Vec<Posted> {
    let (begun, mut posted) = (Instant::now(), Vec::new());
    while posted.len() < count && begun.elapsed() < Duration::from_mins(1) {
        posted.append(&mut to_world(stage));
        std::thread::sleep(Duration::from_millis(100));
    }
    posted
}

/// Of what came since, one sender is answered and nobody else; joe has all six messages.
fn answers_only(stage: &Stage, sender: &[u8]) {
    let mut posted = answers(stage, 1);
    std::thread::sleep(Duration::from_secs(2));
    posted.append(&mut to_world(stage));
    let to: Vec<&[u8]> = posted.iter().flat_map(|one| &one.recipients).map(Vec::as_slice).collect();
    assert_eq!(to, [sender], "{posted:?}");
    let joe = stage.root().join("var/vmail/a.example/joe/Maildir/new");
    assert_eq!(fs::read_dir(joe).unwrap().count(), 6);
}

#[test]
fn a_sender_is_answered_once_with_the_old_text_and_lists_and_bounces_never() {
    let laid = Laid::small(&site()).migrated();
    let stage = stage(&laid.target);
    let post = |sender: &str, to: &str, more: &str| {
        let to = format!("{to}@a.example");
        assert_eq!(send(&stage, HERE, sender, to.as_bytes(), &letter(&to, more)), Ok(()), "{to}");
    };
    post("one@far.example", "joe", "");
    let text = answered(&stage, b"one@far.example");
    assert!(text.contains("\nFrom: joe@a.example\n"), "{text}");
    assert!(text.contains("\nSubject: Away \"now\" \\ later\n"), "{text}");
    assert!(text.contains("\n\nBack söon.\n.\ndiscard;\n"), "{text}");
    // None of these is answered, and each is stored; the last one is, by another address.
    post("one@far.example", "joe", "");
    post("list@far.example", "joe", "Precedence: list\n");
    post("two@far.example", "joe", "List-Id: <x.far.example>\n");
    post("", "joe", "");
    post("three@far.example", "team", "");
    answers_only(&stage, b"three@far.example");
}

/// The text of the first answer, which goes to this person.
fn answered(stage: &Stage, to: &[u8]) -> String {
    let first = answers(stage, 1);
    let [answer] = first.as_slice() else { panic!("{first:?}\n{}", stage.log().join("\n")) };
    assert_eq!(answer.recipients, [to.to_vec()]);
    String::from_utf8_lossy(&answer.text).into_owned()
}

/// The file that the web page of sqwebmail writes, with its text.
fn web_page() -> String {
    let d = "home/vpopmail/domains/a.example";
    let case = read(&project().join("fixtures/filters/maildrop/answer-web-page.txt"));
    let (rules, _) = case.split_once("====\n").unwrap();
    let rules: Vec<&str> = rules.lines().collect();
    format!(
        "file {d}/joe/.qmail\n| |preline /usr/bin/maildrop mailfilter\nfile {d}/joe/mailfilter\n| {}\n{}",
        rules.join("\n| "),
        autoresponse(&format!("{d}/joe"))
    )
}

#[test]
fn an_answer_of_a_web_page_is_about_the_subject_of_the_message() {
    let laid = Laid::small(&web_page()).migrated();
    let stage = stage(&laid.target);
    let post = |sender: &str, subject: &str, more: &str| {
        let letter = format!(
            "From: probe@far.example\nTo: joe@a.example\nSubject: {subject}\n{more}\nHello."
        );
        assert_eq!(send(&stage, HERE, sender, b"joe@a.example", &letter), Ok(()), "{subject}");
    };
    post("one@far.example", "Re: your holiday", "");
    let text = answered(&stage, b"one@far.example");
    assert!(text.contains("\nFrom: Joe <joe@a.example>\n"), "{text}");
    assert!(text.contains("\nSubject: Re: your holiday\n"), "{text}");
    assert!(text.contains("\n\nBack soon.\n"), "{text}");
    post("one@far.example", "holiday", "");
    post("two@far.example", "other", "");
    post("list@far.example", "holiday", "Precedence: list\n");
    post("", "holiday", "");
    post("three@far.example", "holiday", "");
    answers_only(&stage, b"three@far.example");
}

#[test]
fn a_robot_answers_keeps_nothing_and_sends_on() {
    let laid = Laid::small(&site()).migrated();
    let stage = stage(&laid.target);
    for robot in ["hours", "prices"] {
        let to = format!("{robot}@a.example");
        let sent = send(&stage, HERE, "one@far.example", to.as_bytes(), &letter(&to, ""));
        assert_eq!(sent, Ok(()));
    }
    let posted = answers(&stage, 2);
    let texts: Vec<String> =
        posted.iter().map(|one| String::from_utf8_lossy(&one.text).into_owned()).collect();
    let one = |mark: &str| {
        let found = texts.iter().find(|text| text.contains(mark));
        found.unwrap_or_else(|| panic!("{mark}: {texts:#?}\n{}", stage.log().join("\n")))
    };
    assert!(one("Nine to five.\n").contains("\nFrom: hours@a.example\n"));
    let prices = one("<p>£7</p>");
    assert!(prices.contains("From: Prices <prices@a.example>"), "{prices}");
    assert!(prices.contains("Content-Type: text/html; charset=utf-8"), "{prices}");
    let arrived = arrived(&stage);
    let stored: Vec<_> = arrived.values().flatten().collect();
    assert_eq!(stored, ["a.example/eve"]);
}

#[test]
fn every_script_is_one_for_sievec() {
    let laid = Laid::small(&site()).migrated();
    let stage = stage(&laid.target);
    for user in ["joe", "hours", "prices"] {
        compile(&stage, &format!("/var/vmail/a.example/{user}/.dovecot.sieve"));
    }
}

/// What an autoresponder says, from a message or from the file of the old server, both in UTF-8.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    from: String,
    subject: String,
    text: String,
}

impl Said {
    fn read(message: &[u8]) -> Self {
        let message = std::str::from_utf8(message).unwrap();
        let (head, text) = message.split_once("\n\n").unwrap();
        let field = |name: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(name));
            decoded(value.unwrap_or_else(|| panic!("{name}{message}")).trim())
        };
        let text = text.trim_end().to_owned();
        Self { from: field("From:"), subject: field("Subject:"), text }
    }
}

/// A field without the encoding that an ASCII head asks for (RFC 2047).
fn decoded(value: &str) -> String {
    let Some(word) = value.strip_prefix("=?utf-8?").and_then(|word| word.strip_suffix("?=")) else {
        return value.to_owned();
    };
    let bytes = match word.split_at(2) {
        ("b?" | "B?", text) => STANDARD.decode(text).unwrap(),
        (_, text) => {
            let text = text.replace('_', " ");
            let mut parts = text.split('=');
            let mut bytes = parts.next().unwrap().as_bytes().to_vec();
            for part in parts {
                let (hex, rest) = part.split_at(2);
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                bytes.extend_from_slice(rest.as_bytes());
            }
            bytes
        }
    };
    String::from_utf8(bytes).unwrap()
}

/// Each address by which the recordings reached an autoresponder, with the file that it answered from.
fn responders(atelier: &Atelier) -> BTreeMap<String, Said> {
    let mut found = BTreeMap::new();
    for row in atelier.truth("deliver") {
        for outcome in row["outcome"].as_array().unwrap() {
            let command = outcome["program"].as_str().unwrap_or_default();
            let mut words = command.split_whitespace();
            if words.next() == Some("/usr/bin/autorespond") {
                let file = words.nth(2).unwrap().trim_start_matches('/');
                let file = fs::read(atelier.site.join(file)).unwrap();
                found.insert(row["rcpt"].as_str().unwrap().to_owned(), Said::read(&file));
            }
        }
    }
    found
}

#[test]
fn each_autoresponder_of_the_real_site_answers_once_with_its_old_text() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let stage = stage(target);
    // Where the old server sent all that is not its own.
    stage.post_on(587).unwrap();
    let responders = responders(atelier);
    let post = |sender: &str, more: &str| {
        for (number, to) in responders.keys().enumerate() {
            let sender = sender.replace('#', &number.to_string());
            let sent = send(&stage, HERE, &sender, to.as_bytes(), &letter(to, more));
            assert_eq!(sent, Ok(()), "{to}");
            // Two of them are of one mailbox: of two deliveries to it at the same moment Dovecot
            // may forget whom one has answered (lda-dupes).
            until_queue_is_empty(&stage);
        }
        to_world(&stage)
    };
    let first = post("once-#@far.example", "");
    for (number, (to, old)) in responders.iter().enumerate() {
        let sender = format!("once-{number}@far.example").into_bytes();
        let own: Vec<&Posted> =
            first.iter().filter(|one| one.recipients == [sender.clone()]).collect();
        let [answer] = own.as_slice() else { panic!("{to}: {own:?}\n{}", stage.log().join("\n")) };
        assert_eq!(Said::read(&answer.text), *old, "{to}");
    }
    assert_eq!((first.len(), responders.len()), (7, 7));
    for (sender, more) in [
        ("once-#@far.example", ""),
        ("list-#@far.example", "Precedence: list\nList-Id: <x.far.example>\n"),
        ("bulk-#@far.example", "Precedence: bulk\n"),
        ("", ""),
    ] {
        let more = post(sender, more);
        assert!(more.is_empty(), "{sender}: {more:?}");
    }
}
