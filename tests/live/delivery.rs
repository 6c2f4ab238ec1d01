//! Messages that are sent arrive where the old server put them.

use crate::stage;
use crate::support::{Laid, migrated_atelier, unqmail_with};
use crate::wire::{HERE, outside, send};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A text that can be found again by its tag.
pub fn letter(tag: &str) -> String {
    format!(
        "From: Probe <probe@probe.example>\nTo: somebody@probe.example\nSubject: {tag}\n\nHello."
    )
}

/// Every place where something was delivered since the stage was set, by the subject: `DOMAIN/USER`.
pub fn arrived(stage: &Stage) -> BTreeMap<String, BTreeSet<String>> {
    let mail = stage.root().join("var/vmail");
    let mut arrived: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let list = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    for domain in list(&mail) {
        for user in list(&domain.path()) {
            for message in list(&user.path().join("Maildir/new")) {
                let text = fs::read(message.path()).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
                let place = [domain.file_name(), user.file_name()];
                let place = place.map(|name| name.to_string_lossy().into_owned()).join("/");
                if let Some(subject) = subject {
                    arrived.entry(subject.to_owned()).or_default().insert(place);
                }
            }
        }
    }
    arrived
}

/// Waits until something is true of what has arrived; returns the last look either way.
pub fn wait_until(
    stage: &Stage,
    is_there: impl Fn(&BTreeMap<String, BTreeSet<String>>) -> bool,
) -> BTreeMap<String, BTreeSet<String>> {
    let begun = Instant::now();
    loop {
        let arrived = arrived(stage);
        if is_there(&arrived) || begun.elapsed() > PATIENCE {
            return arrived;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until nothing is on its way any more, answers and bounces included.
pub fn until_queue_is_empty(stage: &Stage) {
    let begun = Instant::now();
    loop {
        let ran = stage.command("postqueue").arg("-p").output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        if said.contains("Mail queue is empty") {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{said}\n{}", stage.log().join("\n"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn set(places: &[&str]) -> BTreeSet<String> {
    places.iter().map(|place| (*place).to_owned()).collect()
}

#[test]
fn mail_for_the_bundled_site_arrives_where_it_did() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let cases: &[(&str, &str, &[&str])] = &[
        ("mailbox", "adam@larch.example", &["larch.example/adam"]),
        ("case", "ADAM@Larch.EXAMPLE", &["larch.example/adam"]),
        ("alias", "info@larch.example", &["larch.example/adam"]),
        (
            "several",
            "team@larch.example",
            &["larch.example/adam", "larch.example/eve", "mx.larch.example/cleo"],
        ),
        ("dot", "first.last@larch.example", &["larch.example/frank"]),
        ("default", "project-x@larch.example", &["larch.example/eve"]),
        ("catchall", "whoever@alder.example", &["alder.example/olga"]),
        ("beside", "paul@alder.example", &["alder.example/paul"]),
        ("aliasdomain", "adam@larch-mail.example", &["larch.example/adam"]),
        ("aliasalias", "info@larch-mail.example", &["larch.example/adam"]),
        ("samelocal", "eve@fir.example", &["larch.example/eve"]),
        ("unix", "ben@mx.larch.example", &["mx.larch.example/ben"]),
        ("local", "ben@localhost", &["mx.larch.example/ben"]),
        ("mboxuser", "cleo@mx.larch.example", &["mx.larch.example/cleo"]),
        ("root", "root@mx.larch.example", &["mx.larch.example/ben"]),
        ("postmaster", "postmaster@mx.larch.example", &["mx.larch.example/ben"]),
        ("wild", "any@where.shop.example", &["larch.example/eve"]),
        ("oneaddress", "info@elm.example", &["larch.example/eve"]),
        ("trash", "trash@larch.example", &[]),
        ("deleted", "whoever@birch.example", &[]),
    ];
    for (tag, recipient, _) in cases {
        let said = send(&stage, HERE, "probe@probe.example", recipient.as_bytes(), &letter(tag));
        assert_eq!(said, Ok(()), "{tag}: {recipient}");
    }
    let last = |arrived: &BTreeMap<String, BTreeSet<String>>| {
        cases.iter().all(|(tag, _, places)| {
            places.is_empty() || arrived.get(*tag).is_some_and(|there| there.len() >= places.len())
        })
    };
    let arrived = wait_until(&stage, last);
    for (tag, recipient, places) in cases {
        let there = arrived.get(*tag).cloned().unwrap_or_default();
        assert_eq!(there, set(places), "{tag}: {recipient}\n{}", stage.log().join("\n"));
    }
}

#[test]
fn what_was_refused_is_refused_at_rcpt() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let unknown: &[&str] = &[
        "nobody-here@larch.example",
        "nobody-here@larch-mail.example",
        "nobody-here@localhost",
        "leo@larch.example",
        "adam-x@inside.example",
        "ring2@larch.example",
    ];
    for recipient in unknown {
        let said = send(&stage, HERE, "probe@probe.example", recipient.as_bytes(), "x");
        assert!(said.as_ref().is_err_and(|said| said.starts_with("55")), "{recipient}: {said:?}");
    }
    // The world may not relay, nor write to domains that were not open to it.
    for recipient in [
        "somebody@elsewhere.example",
        "tom@inside.example",
        "somebody%elsewhere.example@fax.example",
    ] {
        let said = send(&stage, outside(1), "probe@probe.example", recipient.as_bytes(), "x");
        assert!(said.as_ref().is_err_and(|said| said.starts_with("55")), "{recipient}: {said:?}");
    }
    // An exception to what is served is passed on, because rcpthosts covers it.
    let sent = send(&stage, outside(2), "a@b.example", b"x@www.shop.example", &letter("on"));
    assert_eq!(sent, Ok(()));
    assert_eq!(
        send(&stage, outside(1), "a@b.example", b"adam@larch.example", &letter("in")),
        Ok(())
    );
    let said = send(&stage, outside(1), "x@junk.example", b"adam@larch.example", "x");
    assert!(said.as_ref().is_err_and(|said| said.contains("badmailfrom")), "{said:?}");
}

/// Programs on the host send by sendmail(1): cron's mail to a user without a domain arrives.
#[test]
fn mail_from_the_host_itself_arrives() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let script = "printf 'Subject: cron\\n\\nx\\n' | sendmail -i root";
    let sent = stage.command("sh").args(["-c", script]).status().unwrap();
    assert!(sent.success());
    let arrived = wait_until(&stage, |arrived| arrived.contains_key("cron"));
    assert_eq!(arrived.get("cron"), Some(&set(&["mx.larch.example/ben"])));
}

/// Over the limit is refused, as vdelivermail refused it.
#[test]
fn a_quota_is_enforced() {
    let laid = Laid::larch().migrated();
    let stage = stage(&laid.target);
    let big = format!("{}{}", letter("big"), "x".repeat(900).replace('x', "12345678\n"));
    drop(send(&stage, HERE, "probe@probe.example", b"olga@alder.example", &big));
    drop(send(&stage, HERE, "probe@probe.example", b"olga@alder.example", &letter("small")));
    let arrived = wait_until(&stage, |arrived| arrived.contains_key("small"));
    assert!(arrived.contains_key("small") && !arrived.contains_key("big"), "{arrived:?}");
}

/// Limits in bytes and in messages, as vpopmail writes them: one message fits, the next does not.
#[test]
fn limits_are_kept_to_the_byte_and_to_the_message() {
    let d = "home/vpopmail/domains/a.example";
    let hash = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";
    let laid = Laid::small(&format!(
        "file {d}/vpasswd
| joe:{hash}:1:0:Joe:/{d}/joe:3C
| eve:{hash}:1:0:Eve:/{d}/eve:20000S,1000C
message {d}/joe/Maildir/cur/1.a:2,S One
message {d}/joe/Maildir/cur/2.a:2,S Two
message {d}/joe/Maildir/.Trash/cur/3.a:2,S Not counted
"
    ))
    .migrated();
    let stage = stage(&laid.target);
    let quota = |user: &str| {
        let mut line = crate::wire::Line::open(&stage, 143, outside(7));
        line.imap(&format!("LOGIN {user}@a.example spring-apple"));
        let (told, _) = line.imap("GETQUOTAROOT INBOX");
        told.into_iter().find(|line| line.starts_with("* QUOTA ")).unwrap_or_default()
    };
    assert!(quota("joe").ends_with("(MESSAGE 2 3)"), "{}", quota("joe"));
    assert!(quota("eve").ends_with("(STORAGE 0 20 MESSAGE 0 1000)"), "{}", quota("eve"));
    let big = |tag: &str| format!("{}{}", letter(tag), "12345678\n".repeat(1200));
    let send = |to: &str, text: &str| {
        drop(send(&stage, HERE, "probe@probe.example", to.as_bytes(), text));
    };
    for (to, tag) in [("joe", "third"), ("eve", "first-big")] {
        send(&format!("{to}@a.example"), &big(tag));
    }
    let both = |arrived: &BTreeMap<String, BTreeSet<String>>| {
        arrived.contains_key("third") && arrived.contains_key("first-big")
    };
    assert!(both(&wait_until(&stage, both)));
    for (to, tag) in [("joe", "fourth"), ("eve", "second-big")] {
        send(&format!("{to}@a.example"), &big(tag));
    }
    send("eve@a.example", &letter("small"));
    let arrived = wait_until(&stage, |arrived| arrived.contains_key("small"));
    assert!(arrived.contains_key("small"), "{arrived:?}");
    assert!(!arrived.contains_key("fourth") && !arrived.contains_key("second-big"), "{arrived:?}");
    let refusals = stage.log().into_iter().filter(|line| line.contains("Quota exceeded")).count();
    assert!(refusals >= 2, "{}", stage.log().join("\n"));
    assert!(quota("joe").ends_with("(MESSAGE 3 3)"), "{}", quota("joe"));
}

#[test]
fn mail_for_the_real_site_arrives_where_its_programs_put_it() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unfit = BTreeSet::new();
    for row in atelier.truth("deliver") {
        let recipient = row["rcpt"].as_str().unwrap().to_owned();
        for outcome in row["outcome"].as_array().unwrap() {
            match outcome["maildir"].as_str() {
                Some(maildir) => {
                    seen.entry(recipient.clone()).or_default().insert(maildir.to_owned());
                }
                None => {
                    unfit.insert(recipient.clone());
                }
            }
        }
    }
    // Only what is stored and nothing else, to addresses that a client can name.
    seen.retain(|recipient, _| !unfit.contains(recipient) && recipient.contains('@'));
    let text = seen.keys().map(|key| format!("{key}\n")).collect::<Vec<_>>().concat();
    let args = ["explain", atelier.site.to_str().unwrap(), "-", "--format", "json", "--config"];
    let told =
        unqmail_with(args.into_iter().chain([atelier.config.to_str().unwrap()]), text.as_bytes());
    assert_eq!(told.code, 0, "{}", told.all());
    let told: Vec<Value> =
        told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Where the truth's folder lies on the new server, by the account that it belongs to.
    let mut expected = Vec::new();
    for (number, told) in told.iter().enumerate().filter(|(_, told)| told["verdict"] == "same") {
        let recipient = told["address"].as_str().unwrap();
        let places = seen[recipient].iter().map(|maildir| {
            let outcomes = |side: &str| told[side].as_array().unwrap().clone();
            let old = outcomes("old").into_iter().find(|o| o["path"] == maildir.as_str());
            let account =
                old.unwrap_or_else(|| panic!("{recipient}: {maildir}"))["deliver"].clone();
            let new = outcomes("new").into_iter().find(|o| o["deliver"] == account).unwrap();
            let path = new["path"].as_str().unwrap().to_owned();
            path.trim_start_matches("var/vmail/").trim_end_matches("/Maildir").to_owned()
        });
        expected.push((format!("T{number}"), recipient, places.collect::<BTreeSet<_>>()));
    }
    assert!(expected.len() > 400, "{}", expected.len());
    let stage = stage(target);
    let (next, refused) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((tag, recipient, _)) =
                    expected.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let quoted = quoted(recipient);
                    let said = send(&stage, HERE, "p@probe.example", &quoted, &letter(tag));
                    if let Err(said) = said {
                        refused.lock().unwrap().push(format!("{recipient}: {said}"));
                    }
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{refused:#?}");
    let differing = |arrived: &BTreeMap<String, BTreeSet<String>>| {
        let there = |tag: &String| arrived.get(tag).cloned().unwrap_or_default();
        let wrong = expected.iter().filter(|(tag, _, places)| there(tag) != *places);
        wrong.map(|(tag, to, places)| format!("{to}: {:?}, not {places:?}", there(tag))).collect()
    };
    let arrived = wait_until(&stage, |arrived| Vec::<String>::is_empty(&differing(arrived)));
    let differing = differing(&arrived);
    eprintln!("{} addresses of the real site were written to", expected.len());
    assert!(differing.is_empty(), "{differing:#?}");
}

/// The stage's own world speaks no TLS; this host in it speaks nothing else.
#[test]
fn a_next_hop_on_port_465_is_spoken_to_by_tls() {
    const HOST: &str = "set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=relay.example \
            -keyout /run/key.pem -out /run/certificate.pem
        {
            { printf '220 relay.example\\r\\n250 hello\\r\\n250 from\\r\\n250 to\\r\\n354 go\\r\\n250 mine\\r\\n221 bye\\r\\n'
              sleep 300; } | ip netns exec world openssl s_server -quiet -accept 465 \
                -key /run/key.pem -cert /run/certificate.pem > /run/taken
        } > /dev/null 2>&1 &
        postconf -P smtp-tls/unix/smtp_tls_wrappermode=yes smtp-tls/unix/smtp_tls_security_level=encrypt
        postfix reload";
    let laid = Laid::small(
        "file var/qmail/control/smtproutes\n| far.example:[192.0.2.2]:465\n\
         file home/vpopmail/domains/a.example/.qmail-out\n| &zoe@far.example\n",
    )
    .migrated();
    let master = fs::read_to_string(laid.target.join("etc/postfix/master.cf")).unwrap();
    assert!(master.contains("smtp_tls_wrappermode=yes") && master.contains("=encrypt"), "{master}");
    let stage = stage(&laid.target);
    let ran = stage.command("sh").args(["-c", HOST]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    send(&stage, HERE, "p@probe.example", b"out@a.example", &letter("by-tls")).unwrap();
    let begun = Instant::now();
    let taken = || fs::read_to_string(stage.root().join("run/taken")).unwrap_or_default();
    while !taken().contains("Subject: by-tls") && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
    }
    let taken = taken();
    assert!(taken.contains("RCPT TO:<zoe@far.example>"), "{taken}\n{}", stage.log().join("\n"));
    assert!(taken.contains("Subject: by-tls"), "{taken}");
}

/// An address as a mail command spells it.
fn quoted(address: &str) -> Vec<u8> {
    let (local, domain) = address.rsplit_once('@').unwrap();
    let special = |c: char| c.is_whitespace() || "\"(),:;<>@[\\]".contains(c);
    let is_plain = !local.contains(special)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    if is_plain {
        return address.into();
    }
    let local = local.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{local}\"@{domain}").into()
}
