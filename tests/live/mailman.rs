//! The lists of a real old server on Mailman 3 core as Debian has it: loaded by the kit's own
//! script, posted to, and asked by their old addresses.
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_collect,
    reason = "a test fails by a panic"
)]

use crate::mlmmj::{address_with, lists_of_every_kind};
use crate::posts::{
    Copy, PATIENCE, Post, Step, address, gone_out, is_dressed, kept, migrated, people, run,
    send_post, steps, told, undressed, until, write,
};
use crate::stage;
use crate::support::{Atelier, Laid, atelier, read};
use crate::wire::{HERE, send};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

/// Header fields that Mailman writes, whatever the old list wrote there.
const ITS_OWN: &[&str] =
    &["list-help", "list-post", "list-subscribe", "list-unsubscribe", "precedence"];

/// As `mailman3.service` does it.
const START: &str = "
install -d -o list -g list /run/mailman3 /var/log/mailman3
setpriv --reuid=list --regid=list --init-groups \
    /usr/bin/mailman -C /etc/mailman3/mailman.cfg start --force
";

/// A stage with Mailman on it.
struct Mailman {
    stage: Stage,
    token: String,
    /// What left the stage so far.
    posted: Vec<Copy>,
}

impl Mailman {
    /// Makes the settings that the kit asks for, and starts Mailman as its service does.
    fn start(target: &Path) -> Self {
        let stage = stage(target);
        // The site sends its mail through a host of its provider.
        stage.post_on(587).unwrap();
        let config = stage.root().join("etc/mailman3/mailman.cfg");
        let asked = read(&stage.root().join("etc/mailman3/unqmail/mailman.cfg"));
        let text = with_settings(&read(&config), &asked);
        fs::write(&config, &text).unwrap();
        let secret = text.lines().find_map(|line| line.strip_prefix("admin_pass: ")).unwrap();
        let token = STANDARD.encode(format!("restadmin:{secret}"));
        let mailman = Self { token, stage, posted: Vec::new() };
        mailman.run(START);
        for port in [8001, 8024] {
            let begun = Instant::now();
            while mailman.stage.connect(port, None).is_err() {
                assert!(begun.elapsed() < PATIENCE, "Mailman does not start");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        mailman
    }

    fn run(&self, script: &str) -> String {
        run(&self.stage, script)
    }

    fn load(&self) -> String {
        self.run("/etc/mailman3/unqmail/load --archives /var/lib/unqmail/archives")
    }

    /// What Mailman's REST interface says.
    fn ask(&self, path: &str) -> Value {
        let mut line = self.stage.connect(8001, None).unwrap();
        let question = format!(
            "GET /3.1/{path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {}\r\n",
            self.token
        );
        line.send(question.as_bytes()).unwrap();
        while !line.take().unwrap().is_empty() {}
        let text = line.take_bytes(64 << 20).unwrap();
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            panic!("{path}: {error}: {}", String::from_utf8_lossy(&text));
        })
    }

    /// Addresses of a role in lower case, with a delivery mode if one is asked for.
    fn roster(&self, list: &str, role: &str, mode: &str) -> BTreeSet<String> {
        let roster = self.ask(&format!("lists/{list}/roster/{role}"));
        let entries = roster["entries"].as_array().cloned().unwrap_or_default();
        let entries = entries.iter().filter(|it| mode.is_empty() || it["delivery_mode"] == mode);
        entries.map(|entry| entry["email"].as_str().unwrap().to_lowercase()).collect()
    }

    /// Everything that people have got since the stage was set.
    fn copies(&mut self) -> Vec<&Copy> {
        self.posted.extend(gone_out(&self.stage));
        self.posted.iter().collect()
    }

    fn write(&self, sender: &str, to: &str, id: &str) -> Result<(), String> {
        write(&self.stage, sender, to, id)
    }

    /// Everybody, here and elsewhere, who has got what somebody looks for.
    fn readers(&mut self, is_one: impl Fn(&Copy) -> bool) -> BTreeSet<String> {
        let kept = kept(&self.stage);
        let all = self.copies().into_iter().chain(&kept);
        all.filter(|it| is_one(it)).map(|it| it.recipient.clone()).collect()
    }

    /// Waits until something is true of what people have got.
    fn wait(&mut self, what: &str, is_there: impl Fn(&[&Copy], &[Copy]) -> bool) {
        let begun = Instant::now();
        loop {
            let kept = kept(&self.stage);
            if is_there(&self.copies(), &kept) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                let log = read(&self.stage.root().join("var/log/mailman3/mailman.log"));
                let lines: Vec<&str> = log.lines().filter(|line| !line.contains("/3.1/")).collect();
                panic!("{what}\n{}\n{}", lines.join("\n"), self.stage.log().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// A settings file with those of another put in: the value where there is one, else the section.
fn with_settings(text: &str, asked: &str) -> String {
    let mut text = text.to_owned();
    for section in asked.split("\n[").skip(1) {
        let (name, rest) = section.split_once(']').unwrap();
        let head = format!("\n[{name}]\n");
        if !text.contains(&head) {
            text += &head;
        }
        for line in rest.lines().filter(|line| !line.starts_with('#') && line.contains(':')) {
            let key = line.split_once(':').unwrap().0;
            let start = text.find(&head).unwrap() + head.len();
            let end = text[start..].find("\n[").map_or(text.len(), |end| start + end);
            let own = text[start..end].lines().filter(|it| !it.starts_with(&format!("{key}:")));
            let own: String = own.map(|it| format!("{it}\n")).collect();
            text = format!("{}{line}\n{own}{}", &text[..start], &text[end..]);
        }
    }
    text
}

/// Mailman's name for a list of the truth, and its address.
fn names(list: &Value) -> (String, String) {
    let address = address(list);
    (address.replacen('@', ".", 1), address)
}

#[test]
fn the_lists_of_the_real_site_live_on_in_mailman() {
    let Some(atelier) = atelier() else { return };
    let mut mailman = Mailman::start(&migrated(atelier, "mailman"));
    let said = mailman.load();
    assert!(said.contains("8 lists and 248 members were loaded"), "{said}");
    let again = mailman.load();
    assert!(again.contains("0 lists and 0 members were loaded"), "{again}");
    mailman.run("rm /var/lib/unqmail/mailman-loaded.json");
    let anew = mailman.load();
    assert!(anew.contains("8 lists and 0 members were loaded"), "{anew}");
    for list in atelier.truth("lists") {
        has_its_people(&mailman, &list);
    }
    has_its_archive(&mailman, atelier);
    takes_posts_as_before(&mut mailman, atelier);
    assert!(
        mailman.copies().iter().all(|it| !it.text.contains("Welcome")),
        "somebody was welcomed"
    );
    sends_digests_and_tells_its_people(&mut mailman);
    answers_old_addresses(&mut mailman);
    keeps_namesakes_apart(&mut mailman);
}

/// Members by role and delivery mode, and the number of the next post.
fn has_its_people(mailman: &Mailman, list: &Value) {
    let (id, address) = names(list);
    let (regular, digest) = (people(list, "subscribers"), people(list, "digest"));
    assert_eq!(mailman.roster(&id, "member", "regular"), regular, "{address}");
    let digest: BTreeSet<String> = digest.difference(&regular).cloned().collect();
    assert_eq!(mailman.roster(&id, "member", "mime_digests"), digest, "{address}");
    assert_eq!(mailman.roster(&id, "moderator", ""), people(list, "mod"), "{address}");
    assert_eq!(mailman.roster(&id, "owner", "").len(), 1, "{address}");
    let rules = mailman.ask(&format!("lists/{id}/header-matches"));
    let rules = rules["entries"].as_array().cloned().unwrap_or_default();
    let denied = rules.iter().filter(|rule| rule["action"] == "reject").count();
    assert_eq!(denied, people(list, "deny").len(), "{address}");
    let last: u64 =
        list["files"]["num"].as_str().unwrap().trim().split(':').next().unwrap().parse().unwrap();
    let next = &mailman.ask(&format!("lists/{id}/config"))["post_id"];
    assert_eq!(next.as_u64(), Some(last + 1), "{address}");
}

/// The old posts as mbox: as many as there were, in their order, with their bytes.
fn has_its_archive(mailman: &Mailman, atelier: &Atelier) {
    let folder = mailman.stage.root().join("var/lib/unqmail/archives");
    for list in atelier.truth("lists") {
        let (id, address) = names(&list);
        let mbox = fs::read(folder.join(format!("{id}.mbox"))).unwrap();
        let mut rest = mbox.as_slice();
        for post in list["archive"].as_array().unwrap() {
            let number = post["n"].as_u64().unwrap();
            let place = format!("archive/{}/{:02}", number / 100, number % 100);
            let file = atelier.site.join(list["path"].as_str().unwrap()).join(place);
            let mut expected = Vec::new();
            for line in fs::read(file).unwrap().lines_with_terminator() {
                if line.trim_start_with(|c| c == '>').starts_with(b"From ") {
                    expected.push(b'>');
                }
                expected.extend_from_slice(line);
            }
            let (from, after) = rest.split_once_str("\n").unwrap();
            assert!(from.starts_with(b"From "), "{address} {number}: {}", from.as_bstr());
            let after = after.strip_prefix(expected.as_slice());
            let after = after.unwrap_or_else(|| panic!("{address}: post {number}"));
            rest = after.trim_start_with(|c| c == '\n');
        }
        assert_eq!(rest, b"", "{address}");
    }
}

fn takes_posts_as_before(mailman: &mut Mailman, atelier: &Atelier) {
    let mut posts = Vec::new();
    for step in steps(atelier) {
        match step {
            Step::Post(post) => {
                send_post(&mailman.stage, &post);
                posts.push(post);
            }
            Step::Leave { list, sender } => {
                are_settled(mailman, &posts);
                let to = list.replace('@', "-unsubscribe@");
                let text = format!("From: <{sender}>\nTo: {to}\nSubject: bye\n\n");
                assert_eq!(send(&mailman.stage, HERE, &sender, to.as_bytes(), &text), Ok(()));
                let id = list.replace('@', ".");
                until(|| !mailman.roster(&id, "member", "").contains(&sender), || sender.clone());
            }
        }
    }
    are_settled(mailman, &posts);
    assert!(posts.len() >= 28, "{}", posts.len());
    eprintln!("{} posts of the real site were decided as before", posts.len());
    // Each has its prefix and its header lines, as far as no finding tells of them.
    let (kept, told) = (kept(&mailman.stage), told(atelier, "mailman"));
    let copies: Vec<&Copy> = mailman.copies().into_iter().chain(&kept).collect();
    for list in atelier.truth("lists") {
        let address = address(&list);
        let own = posts.iter().filter(|it| it.list == address && it.effect == "archived");
        let is_post = |it: &&&Copy| own.clone().any(|post| it.is_of(post));
        for copy in copies.iter().filter(|it| it.head.contains("List-Id: ")).filter(is_post) {
            let missed = undressed(&list, copy, &told, ITS_OWN);
            assert!(missed.is_empty(), "{address}: {missed:#?}\n{}", copy.head);
        }
    }
}

/// Every post was decided as on the old server, and as many people have got it.
fn are_settled(mailman: &mut Mailman, posts: &[Post]) {
    let log = mailman.stage.root().join("var/log/mailman3/mailman.log");
    let decided = |log: &str, post: &Post| {
        let word = match post.effect.as_str() {
            "archived" => "ACCEPT: ",
            "rejected" => "REJECT: ",
            _ => "HOLD: ",
        };
        log.lines().any(|line| line.contains(word) && line.contains(&post.id))
    };
    let undecided = || {
        let log = read(&log);
        let open = posts.iter().filter(|post| !decided(&log, post));
        open.map(|post| format!("{} to {}: {}", post.sender, post.list, post.effect)).collect()
    };
    until(
        || Vec::<String>::is_empty(&undecided()),
        || format!("{:#?}\n{}", undecided(), read(&log)),
    );
    let readers = |mailman: &mut Mailman| -> BTreeMap<String, BTreeSet<String>> {
        let kept = kept(&mailman.stage);
        let mut readers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for copy in mailman.copies().into_iter().chain(&kept) {
            // A refusal has the post in it, and no List-Id.
            let is_of = |post: &&Post| copy.is_of(post);
            if let Some(post) = posts.iter().find(is_of).filter(|_| copy.head.contains("List-Id: "))
            {
                readers.entry(post.id.clone()).or_default().insert(copy.recipient.clone());
            }
        }
        readers
    };
    let begun = Instant::now();
    loop {
        let readers = readers(mailman);
        let differing = posts.iter().filter_map(|post| {
            let is = readers.get(&post.id).map_or(0, BTreeSet::len);
            let was = if post.effect == "archived" { post.readers } else { 0 };
            (is != was).then(|| format!("{} to {}: {is}, not {was}", post.sender, post.list))
        });
        let differing: Vec<String> = differing.collect();
        if differing.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "readers: {differing:#?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Digest members get a digest, moderators hear of what waits, and the owner gets his mail.
fn sends_digests_and_tells_its_people(mailman: &mut Mailman) {
    let list = "membres.assoc-jardins.example.org";
    mailman.run(&format!(
        "cd /; setpriv --reuid=list --regid=list --init-groups mailman digests --send -l {list}"
    ));
    let digest = mailman.roster(list, "member", "mime_digests");
    let is_digest = |it: &Copy| it.head.contains("Subject: membres Digest");
    let readers = |copies: &[&Copy]| -> BTreeSet<String> {
        copies.iter().filter(|it| is_digest(it)).map(|it| it.recipient.clone()).collect()
    };
    mailman.wait("the digest is sent", |copies, _| readers(copies) == digest);
    let to = "membres-owner@assoc-jardins.example.org";
    let text = format!("From: <ann@asks.example>\nTo: {to}\nSubject: to the owner\n\nHello.");
    let sent = send(&mailman.stage, HERE, "ann@asks.example", to.as_bytes(), &text);
    assert_eq!(sent, Ok(()));
    mailman.wait("owner and moderators are told", |_, kept| {
        let got = |who: &str, text: &str| {
            let home = format!("assoc-jardins.example.org/{who}");
            kept.iter().any(|it| it.recipient == home && it.text.contains(text))
        };
        got("laurent.leroy", "Subject: to the owner")
            && got("isabelle.durand", "requires approval")
            && got("helene.faure", "requires approval")
    });
}

/// Old addresses lead to Mailman's own, and what was refused is.
fn answers_old_addresses(mailman: &mut Mailman) {
    let to = |word: &str| format!("membres{word}@assoc-jardins.example.org");
    let write = |mailman: &Mailman, sender: &str, to: &str| {
        let text = format!("From: <{sender}>\nTo: {to}\nSubject: please\n\nThanks.");
        send(&mailman.stage, HERE, sender, to.as_bytes(), &text)
    };
    let asks = |it: &Copy| it.text.contains("membres-confirm+");
    let helps = |it: &Copy| it.text.contains("The results of your email command");
    let leaves = "stephanie.henry57@gmail.example";
    for (sender, word) in [
        ("ann@asks.example", "-subscribe"),
        ("ben@asks.example", "-digest-subscribe"),
        ("eve@asks.example", "-subscribe-cleo=asks.example"),
        ("eve@asks.example", "-unsubscribe-david.moreau1=gmail.example"),
        (leaves, "-unsubscribe"),
        ("hal@asks.example", "-help"),
        ("ida@asks.example", "-get.1"),
        ("jim@asks.example", "-faq"),
        ("kim@asks.example", "-return-1-x=y.example"),
        ("", "-help"),
    ] {
        assert_eq!(write(mailman, sender, &to(word)), Ok(()), "{word}");
    }
    let said = write(mailman, "lea@asks.example", &to("-accept-1.abc"));
    assert!(said.as_ref().is_err_and(|said| said.starts_with("550")), "{said:?}");
    mailman.wait("every request is answered", |copies, _| {
        let got = |who: &str, what: &dyn Fn(&Copy) -> bool| {
            copies.iter().any(|it| it.recipient == who && what(it))
        };
        ["ann@asks.example", "ben@asks.example", "cleo@asks.example", leaves]
            .into_iter()
            .chain(["david.moreau1@gmail.example"])
            .all(|who| got(who, &asks))
            && ["hal@asks.example", "ida@asks.example", "jim@asks.example"]
                .into_iter()
                .all(|who| got(who, &helps))
    });
    let to = |who: &str| mailman.posted.iter().filter(|it| it.recipient == who).collect::<Vec<_>>();
    assert!(to("kim@asks.example").is_empty(), "a bounce is answered");
    // Mailman tells the one who asked for somebody else that it has asked.
    assert!(!to("eve@asks.example").into_iter().any(asks), "the wrong one is asked");
    // Who was asked says yes by answering.
    for who in ["ben@asks.example", leaves] {
        let asked = mailman.posted.iter().rev().find(|it| it.recipient == who && asks(it));
        let text = &asked.unwrap().text;
        let at = text.find("membres-confirm+").unwrap();
        let end = text[at..].find(|c: char| c.is_whitespace() || c == '>').unwrap();
        assert_eq!(write(mailman, who, &text[at..at + end]), Ok(()), "{who}");
    }
    let list = "membres.assoc-jardins.example.org";
    let digest = || mailman.roster(list, "member", "mime_digests");
    until(|| digest().contains("ben@asks.example"), || "he gets digests".into());
    until(|| !mailman.roster(list, "member", "").contains(leaves), || "she leaves".into());
}

/// A list that is made in Mailman later works by Mailman's own map, and is not its namesake.
fn keeps_namesakes_apart(mailman: &mut Mailman) {
    mailman.run(
        "map=regexp:/var/lib/mailman3/data/postfix_lmtp
        for name in transport_maps virtual_mailbox_maps; do
            postconf -e \"$name = $(postconf -h $name), $map\"
        done
        postfix reload
        cd /; for list in bureau@imprimerie-nord.example; do
            setpriv --reuid=list --regid=list --init-groups mailman create $list
            echo pia@asks.example |
                setpriv --reuid=list --regid=list --init-groups mailman addmembers -W - $list
        done",
    );
    let post = |mailman: &Mailman, id: &str| {
        let to = "bureau@imprimerie-nord.example";
        let text = format!(
            "From: <pia@asks.example>\nTo: {to}\nSubject: x\nMessage-ID: <{id}@x>\n\nHello."
        );
        send(&mailman.stage, HERE, "pia@asks.example", to.as_bytes(), &text)
    };
    let begun = Instant::now();
    while let Err(said) = post(mailman, "namesake") {
        assert!(begun.elapsed() < PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(300));
    }
    let is_one = |it: &Copy| it.head.contains("<namesake@x>");
    mailman.wait("the namesake's member gets it", |copies, _| {
        copies.iter().any(|it| is_one(it) && it.recipient == "pia@asks.example")
    });
    assert!(!kept(&mailman.stage).iter().any(is_one), "the other list's members get it");
}

/// Mailman has no name with a `+`.
const ALL_BUT_ONE: &str = "[lists]\nmanager = 'mailman'\n[lists.of]\n'c++@a.example' = 'mlmmj'\n";

#[test]
fn lists_of_every_kind_live_on_in_mailman() {
    let laid = Laid::new(&lists_of_every_kind(), ALL_BUT_ONE).migrated();
    assert_eq!(laid.verify(&[]).code, 0);
    let mut mailman = Mailman::start(&laid.target);
    let said = mailman.load();
    assert!(said.contains("6 lists and "), "{said}");
    keeps_neighbours_apart(&mut mailman);
    sends_its_own_texts(&mut mailman);
    takes_what_the_parent_sends(&mut mailman);
    let said = mailman.write("ann@far.example", "shut-subscribe@a.example", "x").unwrap_err();
    assert!(said.starts_with("550"), "{said}");
}

/// Two lists of one name in two domains do not meet, and the mailbox beside one gets its mail.
fn keeps_neighbours_apart(mailman: &mut Mailman) {
    for (to, reader) in [
        ("news@a.example", "a.example/eve"),
        ("news@b.example", "b.example/bob"),
        ("news-x@a.example", "a.example/news-x"),
    ] {
        assert_eq!(mailman.write("ann@far.example", to, "apart"), Ok(()), "{to}");
        let is_one = |it: &Copy| it.head.contains(&format!("<apart.ann@far.example.{to}>"));
        mailman.wait(to, |copies, kept| copies.iter().copied().chain(kept).any(is_one));
        assert_eq!(mailman.readers(is_one), BTreeSet::from([reader.to_owned()]), "{to}");
    }
    // What the list does to each post; Mailman adds no lines of others.
    let is_dressed = |it: &Copy| is_dressed(it, "[News 1] apart", false);
    assert_eq!(mailman.readers(is_dressed), BTreeSet::from(["a.example/eve".to_owned()]));
}

/// A subscriber gets the list's own question and welcome, with what stands for somebody filled in.
fn sends_its_own_texts(mailman: &mut Mailman) {
    let amy = "amy@far.example";
    assert_eq!(mailman.write(amy, "own-subscribe@a.example", "join"), Ok(()));
    let asked = |it: &Copy| {
        it.recipient == amy
            && it.text.contains("Bonjour amy@far.example de own!")
            && it.text.contains("Non: a.example 100%")
    };
    mailman.wait("the list's own question", |copies, _| copies.iter().any(|it| asked(it)));
    let question = mailman.copies().into_iter().rev().find(|it| asked(it)).unwrap();
    let to = address_with(&question.text, "own-confirm+").unwrap();
    assert_eq!(mailman.write(amy, &to, "yes"), Ok(()), "{to}");
    mailman.wait("the list's own welcome", |copies, _| {
        copies.iter().any(|it| {
            it.recipient == amy
                && it.text.contains("Bienvenue, amy@far.example.")
                && !it.text.contains("nobody knows")
        })
    });
    assert!(mailman.roster("own.a.example", "member", "regular").contains(amy));
}

/// A sublist passes on what its parent sends, and takes nothing from people.
fn takes_what_the_parent_sends(mailman: &mut Mailman) {
    let post = |mailman: &Mailman, sender: &str, id: &str| {
        let text = format!(
            "From: <ann@far.example>\nTo: all@far.example\nSubject: x\nMessage-ID: <{id}@x>\n\nHello."
        );
        assert_eq!(send(&mailman.stage, HERE, sender, b"sub@a.example", &text), Ok(()));
    };
    post(mailman, "ann@far.example", "byperson");
    post(mailman, "all-return-7-sub=a.example@far.example", "byparent");
    let is_one = |id: &'static str| {
        move |it: &Copy| it.head.contains(&format!("<{id}@x>")) && it.head.contains("List-Id: ")
    };
    let readers = BTreeSet::from(["a.example/eve".to_owned(), "sue@far.example".to_owned()]);
    let begun = Instant::now();
    while mailman.readers(is_one("byparent")) != readers {
        let log = mailman.stage.root().join("var/log/mailman3/mailman.log");
        assert!(begun.elapsed() < PATIENCE, "the parent's post\n{}", read(&log));
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(mailman.readers(is_one("byperson")).is_empty());
}
