//! Whoever could log in still can, with the old password, and nobody else.

use crate::stage;
use crate::support::server::{Kind, Server};
use crate::support::{Atelier, IN_SQLITE, Laid, atelier_with, migrated_atelier};
use crate::wire::{HERE, Host, Line, imap_login, outside, pop3_login, smtp_login};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A way in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Imap,
    Webmail,
    Pop3,
    Smtp,
}

/// One try and what the old server said to it.
#[derive(Debug)]
struct Try {
    way: Way,
    user: String,
    password: String,
    expected: bool,
}

/// Makes every try, many at a time, because a refusal takes Dovecot two seconds; each comes from
/// another host, because it takes longer for hosts that fail often. Returns what was otherwise.
fn differing(stage: &dyn Host, tries: &[Try]) -> Vec<String> {
    let (next, differing) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = tries.get(number) else { return };
            let (user, password) = (&one.user, &one.password);
            let from = outside(number);
            let came_in = match one.way {
                Way::Imap => imap_login(stage, from, user, password),
                Way::Webmail => imap_login(stage, HERE, user, password),
                Way::Pop3 => pop3_login(stage, from, user, password),
                Way::Smtp => smtp_login(stage, from, user, password),
            };
            if came_in != one.expected {
                let said = format!("{} by {:?}: {came_in}", one.user, one.way);
                differing.lock().unwrap().push(said);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(work);
        }
    });
    differing.into_inner().unwrap()
}

#[test]
fn everybody_of_the_real_site_logs_in_as_before_and_nobody_else() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    everybody_logs_in(atelier, target);
}

#[test]
fn everybody_of_the_real_site_logs_in_by_a_database_as_before() {
    let Some((atelier, target, _)) = atelier_with(IN_SQLITE) else { return };
    everybody_logs_in(atelier, target.path());
}

#[test]
fn everybody_of_the_real_site_logs_in_by_a_server_as_before() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let Some((atelier, target, _)) = atelier_with(&server.settings()) else { return };
        everybody_logs_in(atelier, target.path());
    }
}

fn everybody_logs_in(atelier: &Atelier, target: &Path) {
    everybody_logs_in_at(&stage(target), atelier, true);
}

/// Every way of everybody of the real site is tried; by SMTP only where that is served.
pub fn everybody_logs_in_at(host: &dyn Host, atelier: &Atelier, has_smtp: bool) {
    let mut tries = Vec::new();
    for truth in atelier.truth("users") {
        let text = |key: &str| truth[key].as_str().unwrap_or_default().to_owned();
        let (user, password) = (text("user"), text("password"));
        let ways = [
            ("imap", Way::Imap),
            ("webmail_imap", Way::Webmail),
            ("pop3", Way::Pop3),
            ("smtp", Way::Smtp),
        ];
        for (key, way) in &ways[..ways.len() - usize::from(!has_smtp)] {
            if let Some(expected) = truth["auth"][key].as_bool() {
                let (user, password) = (user.clone(), password.clone());
                tries.push(Try { way: *way, user, password, expected });
            }
        }
        for (key, password) in
            [("wrong_password", format!("{password}x")), ("empty_password", String::new())]
        {
            if let Some(expected) = truth[key].as_bool() {
                tries.push(Try { way: Way::Imap, user: user.clone(), password, expected });
            }
        }
    }
    assert!(tries.len() > 1000, "{}", tries.len());
    let differing = differing(host, &tries);
    let log = || host.log().join("\n");
    assert!(
        differing.is_empty(),
        "{} of {}: {differing:#?}\n{}",
        differing.len(),
        tries.len(),
        log()
    );
}

/// One message's name states a wrong size, which would break the mailbox for POP3.
#[test]
fn a_wrong_size_in_a_name_breaks_no_mailbox() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let mut line = Line::open(&stage, 110, outside(1));
    for (command, answer) in
        [("USER adam@larch.example", "+OK"), ("PASS spring-apple", "+OK"), ("LIST", "+OK")]
    {
        line.send(command.as_bytes());
        let said = line.read();
        assert!(said.starts_with(answer), "{command}: {said}\n{}", stage.log().join("\n"));
    }
    let mut line = Line::open(&stage, 143, outside(2));
    line.imap("LOGIN adam@larch.example spring-apple");
    line.imap("SELECT INBOX");
    let (fetched, said) = line.imap("FETCH 1:* (RFC822.SIZE)");
    assert!(said.starts_with("t OK") && fetched.len() >= 6, "{fetched:?} {said}");
}

#[test]
fn the_bundled_site_s_people_log_in_by_every_name_they_had() {
    people_log_in(Laid::larch());
}

#[test]
fn the_bundled_site_s_people_log_in_by_a_database_by_every_name_they_had() {
    people_log_in(Laid::larch_in("sqlite"));
}

#[test]
fn the_bundled_site_s_people_log_in_by_a_server_by_every_name_they_had() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        people_log_in(Laid::larch_on_server(&server));
    }
}

fn people_log_in(laid: Laid) {
    let laid = laid.migrated();
    let stage = stage(&laid.target);
    let all = [true; 4];
    let none = [false; 4];
    // IMAP, webmail, POP3, SMTP.
    let people: &[(&str, &str, [bool; 4])] = &[
        ("adam@larch.example", "spring-apple", all),
        ("ADAM@Larch.Example", "spring-apple", all),
        ("adam", "spring-apple", all),
        ("adam%larch.example", "spring-apple", all),
        ("adam@larch-mail.example", "spring-apple", all),
        ("adam@larch.example", "spring-appl", none),
        ("adam@larch.example", "", none),
        ("adam@alder.example", "spring-apple", none),
        ("frank@larch.example", "tinwhist", [true, true, false, true]),
        ("gina@larch.example", "winter-oak", [false, true, true, true]),
        ("hugo@larch.example", "copper-bell", [false, false, true, false]),
        ("ida@larch.example", "night-train", all),
        ("jack@larch.example", "", none),
        ("kim@larch.example", "locked", none),
        ("leo@larch.example", "paper-boat", all),
        ("olga@alder.example", "copper-bell", [true, true, false, true]),
        ("paul@alder.example", "blue-kettle", all),
        ("ben@mx.larch.example", "river-stone", all),
        ("cleo@mx.larch.example", "quiet-lamp", all),
    ];
    let tries: Vec<Try> = people
        .iter()
        .flat_map(|(user, password, expected)| {
            let ways = [Way::Imap, Way::Webmail, Way::Pop3, Way::Smtp];
            ways.into_iter().zip(expected).map(|(way, expected)| Try {
                way,
                user: (*user).to_owned(),
                password: (*password).to_owned(),
                expected: *expected,
            })
        })
        .collect();
    let differing = differing(&stage, &tries);
    assert!(differing.is_empty(), "{differing:#?}\n{}", stage.log().join("\n"));
}
