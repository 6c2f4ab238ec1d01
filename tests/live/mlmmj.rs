//! The lists of a real old server on mlmmj as Debian has it: posted to, asked by their old addresses,
//! and asked who is in them by mlmmj's own program.
#![expect(clippy::indexing_slicing, reason = "a test fails by a panic")]

use crate::posts::{
    Copy, Post, Step, address, gone_out, is_dressed, kept, migrated, people, run, send_post, steps,
    told, undressed, until, write,
};
use crate::stage;
use crate::support::{Atelier, Laid, SMALL, atelier, read};
use crate::wire::{HERE, send};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use unqmail::stage::Stage;

/// A stage with lists on it.
pub struct Lists {
    pub stage: Stage,
    /// What left the stage so far.
    posted: RefCell<Vec<Copy>>,
}

impl Lists {
    pub fn new(target: &Path) -> Self {
        let stage = stage(target);
        // The real site sends its mail through a host of its provider.
        stage.post_on(587).unwrap();
        Self { stage, posted: RefCell::default() }
    }

    /// The folder of a list.
    pub fn folder(&self, list: &str) -> PathBuf {
        let (name, domain) = list.split_once('@').unwrap();
        self.stage.root().join("var/spool/mlmmj").join(domain).join(name)
    }

    /// Who is in a list, as mlmmj tells it; `-d` digest members, `-m` moderators.
    pub fn members(&self, list: &str, role: &str) -> BTreeSet<String> {
        let (name, domain) = list.split_once('@').unwrap();
        let folder = format!("/var/spool/mlmmj/{domain}/{name}");
        let told = run(&self.stage, &format!("mlmmj-list -L {folder} {role}"));
        told.lines().map(str::to_lowercase).collect()
    }

    /// Runs `mlmmj-maintd` as the crontab does.
    pub fn maintain(&self, list: &str) {
        let (name, domain) = list.split_once('@').unwrap();
        run(
            &self.stage,
            &format!(
                "setpriv --reuid=mlmmj --regid=mlmmj --clear-groups \
                    /usr/bin/mlmmj-maintd -F -L /var/spool/mlmmj/{domain}/{name}"
            ),
        );
    }

    pub fn write(&self, sender: &str, to: &str, subject: &str) -> Result<(), String> {
        write(&self.stage, sender, to, subject)
    }

    /// All that people have got.
    fn copies(&self) -> Vec<Copy> {
        self.posted.borrow_mut().extend(gone_out(&self.stage));
        let copy = |it: &Copy| Copy::new(it.recipient.clone(), it.text.as_bytes());
        let out = self.posted.borrow();
        out.iter().map(copy).chain(kept(&self.stage)).collect()
    }

    /// Those who have got what somebody looks for.
    pub fn readers(&self, is_one: impl Fn(&Copy) -> bool) -> BTreeSet<String> {
        self.copies().into_iter().filter(is_one).map(|it| it.recipient).collect()
    }

    /// Waits until something is true.
    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        until(holds, || format!("{what}\n{}", self.stage.log().join("\n")));
    }

    /// Waits until somebody is asked to write to an address with a word, and writes.
    pub fn confirm(&self, who: &str, word: &str) {
        let asked = || {
            let found = self.copies().into_iter().filter(|it| it.recipient == who);
            found.filter_map(|it| address_with(&it.text, word)).next_back()
        };
        self.until(&format!("{who} is asked by {word}"), || asked().is_some());
        let to = asked().unwrap();
        let sender = match who.split_once('/') {
            Some((domain, user)) => format!("{user}@{domain}"),
            None => who.to_owned(),
        };
        assert_eq!(self.write(&sender, &to, "yes"), Ok(()), "{to}");
    }
}

/// The first address of a text that a word is in.
pub fn address_with(text: &str, word: &str) -> Option<String> {
    let divides = |c: char| c.is_whitespace() || "<>\"".contains(c);
    text.split(divides).find(|part| part.contains(word) && part.contains('@')).map(str::to_owned)
}

#[test]
fn the_lists_of_the_real_site_live_on_in_mlmmj() {
    let Some(atelier) = atelier() else { return };
    let lists = Lists::new(&migrated(atelier, "mlmmj"));
    for list in atelier.truth("lists") {
        has_its_people(&lists, &list);
        has_its_archive(&lists, atelier, &list);
    }
    takes_posts_as_before(&lists, atelier);
    let is_welcome = |it: &Copy| it.head.contains("Welcome");
    assert!(lists.readers(is_welcome).is_empty(), "somebody was welcomed");
    sends_digests(&lists);
    releases_what_a_moderator_allows(&lists);
    answers_old_addresses(&lists);
}

fn has_its_people(lists: &Lists, list: &Value) {
    let address = address(list);
    assert_eq!(lists.members(&address, ""), people(list, "subscribers"), "{address}");
    assert_eq!(lists.members(&address, "-d"), people(list, "digest"), "{address}");
    let moderators = lists.members(&address, "-m");
    assert!(people(list, "mod").is_subset(&moderators), "{address}: {moderators:?}");
    let rules = read(&lists.folder(&address).join("control/access"));
    let denied = rules.lines().filter(|rule| rule.starts_with("deny ^(From|Return-Path):"));
    assert_eq!(denied.count(), people(list, "deny").len(), "{address}");
    let last = list["files"]["num"].as_str().unwrap().trim().split(':').next().unwrap();
    assert_eq!(read(&lists.folder(&address).join("index")).trim(), last, "{address}");
}

/// The old posts under their numbers, with their bytes.
fn has_its_archive(lists: &Lists, atelier: &Atelier, list: &Value) {
    let address = address(list);
    for post in list["archive"].as_array().unwrap() {
        let number = post["n"].as_u64().unwrap();
        let place = format!("archive/{}/{:02}", number / 100, number % 100);
        let old = fs::read(atelier.site.join(list["path"].as_str().unwrap()).join(place)).unwrap();
        let new = lists.folder(&address).join("archive").join(number.to_string());
        assert!(fs::read(new).unwrap() == old, "{address}: post {number}");
    }
}

fn takes_posts_as_before(lists: &Lists, atelier: &Atelier) {
    let mut posts: Vec<Post> = Vec::new();
    for step in steps(atelier) {
        match step {
            Step::Post(post) => {
                send_post(&lists.stage, &post);
                posts.push(post);
            }
            Step::Leave { list, sender } => {
                are_settled(lists, &posts);
                let to = list.replace('@', "-unsubscribe@");
                assert_eq!(lists.write(&sender, &to, "bye"), Ok(()));
                let is_in = || lists.members(&list, "").contains(&sender);
                // mlmmj has one switch for both ways, so that it may ask.
                if !lists.folder(&list).join("control/nosubconfirm").exists() {
                    lists.confirm(&sender, "-confunsub-");
                }
                lists.until("she leaves", || !is_in());
            }
        }
    }
    are_settled(lists, &posts);
    assert!(posts.len() >= 28, "{}", posts.len());
    eprintln!("{} posts of the real site were decided as before", posts.len());
    let (copies, told) = (lists.copies(), told(atelier, "mlmmj"));
    // Each has its prefix and its header lines, and the next post has the number behind the last.
    for list in atelier.truth("lists") {
        let address = address(&list);
        let own = posts.iter().filter(|it| it.list == address && it.effect == "archived");
        let taken = own.clone().count();
        for post in own {
            for copy in copies.iter().filter(|copy| copy.is_of(post)) {
                let missed = undressed(&list, copy, &told, &[]);
                assert!(missed.is_empty(), "{address}: {missed:#?}\n{}", copy.head);
            }
        }
        let last = list["files"]["num"].as_str().unwrap().trim().split(':').next().unwrap();
        let now = read(&lists.folder(&address).join("index"));
        let wanted = last.parse::<usize>().unwrap() + taken;
        assert_eq!(now.trim().parse::<usize>().unwrap(), wanted, "{address}");
    }
}

/// Every post was decided as on the old server, and as many people have got it.
fn are_settled(lists: &Lists, posts: &[Post]) {
    let differing = || -> Vec<String> {
        let copies = lists.copies();
        let differs = |post: &&Post| {
            let is_of = |it: &&Copy| it.is_of(post);
            let readers: BTreeSet<&str> =
                copies.iter().filter(is_of).map(|it| it.recipient.as_str()).collect();
            let [archived, waits] = ["archive", "moderation"].map(|folder| {
                let files = fs::read_dir(lists.folder(&post.list).join(folder)).unwrap();
                let mut texts = files.flatten().map(|file| fs::read(file.path()).unwrap());
                texts.any(|text| String::from_utf8_lossy(&text).contains(&post.id))
            });
            let is_refused = copies
                .iter()
                .any(|it| it.text.contains(&post.id) && it.head.contains("denied") && !is_of(&it));
            let is_right = match post.effect.as_str() {
                "archived" => readers.len() == post.readers && archived && !waits,
                "rejected" => readers.is_empty() && is_refused && !archived && !waits,
                _ => readers.is_empty() && waits && !archived,
            };
            !is_right
        };
        let told = |post: &Post| {
            let readers = copies.iter().filter(|it| it.is_of(post));
            let readers: BTreeSet<&str> = readers.map(|it| it.recipient.as_str()).collect();
            format!(
                "{} to {}: {} {}, has {}",
                post.sender,
                post.list,
                post.effect,
                post.readers,
                readers.len()
            )
        };
        posts.iter().filter(differs).map(told).collect()
    };
    until(
        || differing().is_empty(),
        || format!("{:#?}\n{}", differing(), lists.stage.log().join("\n")),
    );
}

/// Digest members get a digest with what they have not had, and nothing older.
fn sends_digests(lists: &Lists) {
    let list = "membres@assoc-jardins.example.org";
    let digest = lists.members(list, "-d");
    // Two days go by: the date of the last digest is the second number.
    let path = lists.folder(list).join("lastdigest");
    let told = read(&path);
    let parts: Vec<&str> = told.trim().split(':').collect();
    fs::write(&path, format!("{}:1:{}\n", parts[0], parts[2])).unwrap();
    lists.maintain(list);
    let is_digest =
        |it: &Copy| it.head.contains("multipart/digest") && it.text.contains("\nMessage-ID: <T");
    lists.until("the digest is sent", || {
        let readers = lists.readers(is_digest);
        digest.iter().all(|who| readers.contains(who))
    });
    assert_eq!(lists.readers(is_digest).len(), digest.len());
}

/// A post that waits is told to the moderators, and goes out once one of them says so.
fn releases_what_a_moderator_allows(lists: &Lists) {
    let list = "annonces@assoc-jardins.example.org";
    let folder = lists.folder(list).join("moderation");
    let waiting = || fs::read_dir(&folder).unwrap().count();
    assert_eq!(waiting(), 1);
    let held = read(&fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path());
    let id = held.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned();
    lists.confirm("assoc-jardins.example.org/isabelle.durand", "-release-");
    lists.until("it is released", || waiting() == 0);
    let members = lists.members(list, "").len();
    let is_sent = |it: &Copy| it.head.contains(&id);
    lists.until("it is sent", || lists.readers(is_sent).len() == members);
}

/// What each old address does, as `docs/targets/mlmmj.md` tells it.
fn answers_old_addresses(lists: &Lists) {
    let list = "membres@assoc-jardins.example.org";
    let to = |word: &str| list.replace('@', &format!("-{word}@"));
    let leaves = "stephanie.henry57@gmail.example";
    let asks = |word: &'static str| move |it: &Copy| it.text.contains(word);
    let (joins, goes) = (asks("membres-confsub-"), asks("membres-confunsub-"));
    let ask = |sender: &str, word: &str| {
        assert_eq!(lists.write(sender, &to(word), "please"), Ok(()), "{word}");
    };
    // Whoever is asked, by whom and how.
    for (sender, word) in [
        ("a1@asks.example", "subscribe"),
        ("a2@asks.example", "digest-subscribe"),
        ("eve@asks.example", "subscribe-a3=asks.example"),
        ("eve@asks.example", "digest-subscribe-a4=asks.example"),
        ("eve@asks.example", "sc.1234567890.abcdefghijklmnopqrst-a5=asks.example"),
        (leaves, "unsubscribe"),
        ("eve@asks.example", "unsubscribe-david.moreau1=gmail.example"),
    ] {
        ask(sender, word);
    }
    for number in 1..6 {
        let who = format!("a{number}@asks.example");
        lists.until(&format!("{who} is asked"), || lists.readers(joins).contains(&who));
    }
    for who in [leaves, "david.moreau1@gmail.example"] {
        lists.until(&format!("{who} is asked"), || lists.readers(goes).contains(who));
    }
    // Each of these is answered with the help text.
    let words = [
        "help",
        "info",
        "index",
        "index.1",
        "thread.1",
        "get",
        "get.1_9",
        "query",
        "allow-subscribe",
        "zork",
    ];
    for (number, word) in words.iter().enumerate() {
        ask(&format!("h{number}@asks.example"), word);
    }
    let helps = |it: &Copy| it.head.contains("Information_for_membres");
    for (number, word) in words.iter().enumerate() {
        let who = format!("h{number}@asks.example");
        lists.until(&format!("{word} is answered with help"), || {
            lists.readers(helps).contains(&who)
        });
    }
    ask("faq@asks.example", "faq");
    lists.until("faq", || {
        let is_faq = |it: &Copy| it.head.contains("requently_asked_questions");
        lists.readers(is_faq).contains("faq@asks.example")
    });
    // The owner gets his mail, and what comes back is thrown away.
    ask("o1@asks.example", "owner");
    ask("o2@asks.example", "digest-owner");
    let owner = "assoc-jardins.example.org/laurent.leroy";
    for who in ["o1@asks.example", "o2@asks.example"] {
        let from = format!("From: <{who}>");
        lists.until("the owner gets it", || {
            lists.readers(|it| it.head.contains(&from)).contains(owner)
        });
    }
    for word in ["return-1-x=y.example", "return-", "digest-return-1-x=y.example"] {
        ask("back@asks.example", word);
    }
    for (word, said) in [
        ("accept-1234567890.1.abcdefghijklmnopqrst", "Expired"),
        ("reject-1234567890.1.abcdefghijklmnopqrst", "Expired"),
        ("confirm-1234567890.1.abcdefghijklmnopqrst", "Expired"),
        ("discard-1234567890.1.abcdefghijklmnopqrst", "Expired"),
        ("list", "moderators"),
        ("log", "moderators"),
        ("edit", "moderators"),
        ("deny-subscribe", "moderators"),
        ("return-zork", "No post was sent"),
    ] {
        let answered = lists.write("no@asks.example", &to(word), "please").unwrap_err();
        assert!(answered.starts_with("550") && answered.contains(said), "{word}: {answered}");
    }
    // Who was asked says yes.
    lists.confirm("a1@asks.example", "-confsub-");
    lists.confirm("a2@asks.example", "-confsub-");
    lists.confirm(leaves, "-confunsub-");
    lists.until("he joins", || lists.members(list, "").contains("a1@asks.example"));
    lists.until("he gets digests", || lists.members(list, "-d").contains("a2@asks.example"));
    lists.until("she leaves", || !lists.members(list, "").contains(leaves));
    for who in ["eve@asks.example", "back@asks.example", "no@asks.example"] {
        assert!(!lists.readers(|_| true).contains(who), "{who} is answered");
    }
}

/// A list of the small site: its other files, what its `editor` runs and who is in it.
fn list(domain: &str, name: &str, files: &[(&str, &str)], editor: &str, people: &[&str]) -> String {
    let home = format!("home/vpopmail/domains/{domain}");
    let folder = format!("{home}/{name}");
    let programs = editor.split_whitespace().map(|program| {
        let rest = if program == "checksub" { " . digest allow mod" } else { "" };
        format!("| |/usr/bin/ezmlm-{program} '/{folder}'{rest}\n")
    });
    let programs: String = programs.collect();
    let mut text = format!(
        "file {folder}/outlocal\n| {name}\nfile {folder}/outhost\n| {domain}\nfile {folder}/key\n| k\n\
         file {folder}/editor\n\
         | |if test ! -f '/{folder}/sublist'; then /usr/bin/ezmlm-reject '/{folder}'; fi\n{programs}\
         file {folder}/manager\n| |/usr/bin/ezmlm-get '/{folder}'\n| |/usr/bin/ezmlm-manage '/{folder}'\n\
         file {folder}/bouncer\n| |/usr/bin/ezmlm-return '/{folder}'\n\
         file {folder}/moderator\n| |/usr/bin/ezmlm-moderate '/{folder}'\n\
         link {home}/.qmail-{name}-accept-default /{folder}/moderator\n\
         link {home}/.qmail-{name} /{folder}/editor\n\
         link {home}/.qmail-{name}-default /{folder}/manager\n\
         link {home}/.qmail-{name}-return-default /{folder}/bouncer\n\
         file {home}/.qmail-{name}-owner\n| &joe@a.example\n"
    );
    for (file, lines) in files {
        text += &format!("file {folder}/{file}\n");
        text.extend(lines.lines().map(|line| format!("| {line}\n")));
    }
    text += &format!("members {folder}/subscribers\n");
    text.extend(people.iter().map(|person| format!("| {person}\n")));
    text
}

/// Two domains with lists of every kind, and a mailbox whose name is a list's with more behind it.
pub fn lists_of_every_kind() -> String {
    let hash = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";
    let account = |domain: &str, name: &str| {
        format!("| {name}:{hash}:1:0:X:/home/vpopmail/domains/{domain}/{name}:NOQUOTA\n")
    };
    let (a, b) = ("home/vpopmail/domains/a.example", "home/vpopmail/domains/b.example");
    let [joe, eve, beside] = ["joe", "eve", "news-x"].map(|name| account("a.example", name));
    let mut site = format!(
        "{SMALL}owner 0:0\nfile var/qmail/control/rcpthosts\n| a.example\n| b.example\n| mx.example\n\
         file var/qmail/control/virtualdomains\n| a.example:a.example\n| b.example:b.example\n\
         cdb var/qmail/users/cdb assign\n| +a.example-:a.example:89:89:/{a}:-::\n\
         | +b.example-:b.example:89:89:/{b}:-::\n| .\nowner 89:89\n\
         file {a}/vpasswd\n{joe}{eve}{beside}dir {a}/news-x/Maildir/new\n\
         file {a}/.qmail-news-x\n| /{a}/news-x/Maildir/\n\
         file {b}/vpasswd\n{}dir {b}/bob/Maildir/new\n\
         file {b}/.qmail-default\n| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n",
        account("b.example", "bob"),
    );
    let open = [("public", ""), ("archived", "")];
    let with = |more: &[(&'static str, &'static str)]| [&open, more].concat();
    let dressed = [
        ("prefix", "[News #]"),
        ("addtrailer", ""),
        ("text/trailer", "--\nTo leave: <#l#>-unsubscribe@<#h#>"),
        ("headeradd", "X-Club: yes"),
        ("headerremove", "return-receipt-to"),
    ];
    site += &list("a.example", "news", &with(&dressed), "send", &["eve@a.example"]);
    site += &list("b.example", "news", &open, "send", &["bob@b.example"]);
    site += &list("a.example", "c++", &open, "checksub send", &["eve@a.example"]);
    let own = [
        ("text/sub-confirm", "Bonjour <#A#> de <#l#>!\nOui: <#R#>\nNon: <#h#> 100%"),
        ("text/sub-ok", "Bienvenue, <#A#>.\n<#x#> nobody knows"),
        ("text/top", "Ceci vient de <#l#>@<#h#>."),
    ];
    site += &list("a.example", "own", &with(&own), "send", &["eve@a.example"]);
    let sub = [("sublist", "all@far.example")];
    site += &list("a.example", "sub", &with(&sub), "send", &["eve@a.example", "sue@far.example"]);
    let guarded = [("modsub", "mod"), ("modpost", "mod")];
    site += &list("a.example", "guarded", &with(&guarded), "store", &["eve@a.example"]);
    site += &format!("members {a}/guarded/mod/subscribers\n| joe@a.example\n");
    site += &list("a.example", "shut", &[("archived", "")], "send", &["eve@a.example"]);
    site
}

#[test]
fn lists_of_every_kind_live_on_in_mlmmj() {
    let laid = Laid::new(&lists_of_every_kind(), "").migrated();
    assert_eq!(laid.verify(&[]).code, 0);
    let lists = Lists::new(&laid.target);
    keeps_namesakes_and_neighbours_apart(&lists);
    takes_a_name_with_a_plus(&lists);
    sends_its_own_texts(&lists);
    takes_what_the_parent_sends(&lists);
    asks_moderators(&lists);
    let said = lists.write("ann@far.example", "shut-subscribe@a.example", "x").unwrap_err();
    assert!(said.starts_with("550"), "{said}");
}

/// Two lists of one name in two domains do not meet, and the mailbox beside one gets its mail.
fn keeps_namesakes_and_neighbours_apart(lists: &Lists) {
    for (to, reader) in [
        ("news@a.example", "a.example/eve"),
        ("news@b.example", "b.example/bob"),
        ("news-x@a.example", "a.example/news-x"),
    ] {
        assert_eq!(lists.write("ann@far.example", to, "apart"), Ok(()), "{to}");
        let is_one = |it: &Copy| it.head.contains(&format!("<apart.ann@far.example.{to}>"));
        lists.until(to, || !lists.readers(is_one).is_empty());
        assert_eq!(lists.readers(is_one), BTreeSet::from([reader.to_owned()]), "{to}");
    }
    // What the list does to each post; mlmmj numbers none.
    let is_dressed = |it: &Copy| is_dressed(it, "[News] apart", true);
    assert_eq!(lists.readers(is_dressed), BTreeSet::from(["a.example/eve".to_owned()]));
}

/// Its members post, others are refused, and every word behind its name does what it did.
fn takes_a_name_with_a_plus(lists: &Lists) {
    let list = "c++@a.example";
    assert_eq!(lists.write("eve@a.example", list, "plus"), Ok(()));
    let is_post = |it: &Copy| it.head.contains("Message-ID: <plus.eve@");
    lists.until("a member posts", || lists.readers(is_post).contains("a.example/eve"));
    assert_eq!(lists.write("ann@far.example", list, "stranger"), Ok(()));
    let is_denied = |it: &Copy| it.head.contains("denied");
    lists.until("a stranger is refused", || lists.readers(is_denied).contains("ann@far.example"));
    assert_eq!(lists.write("amy@far.example", "c++-help@a.example", "help"), Ok(()));
    let helps = |it: &Copy| it.head.contains("Information_for_c");
    lists.until("help", || lists.readers(helps).contains("amy@far.example"));
    assert_eq!(lists.write("amy@far.example", "c++-get.1@a.example", "get"), Ok(()));
    let is_old = |it: &Copy| it.text.contains("plus.eve@a.example");
    lists.until("a post of the archive", || lists.readers(is_old).contains("amy@far.example"));
    assert_eq!(lists.write("amy@far.example", "c++-subscribe@a.example", "join"), Ok(()));
    lists.confirm("amy@far.example", "c++-confsub-");
    lists.until("she joins", || lists.members(list, "").contains("amy@far.example"));
    let other = "c++-unsubscribe-amy=far.example@a.example";
    assert_eq!(lists.write("joe@a.example", other, "leave"), Ok(()));
    lists.confirm("amy@far.example", "c++-confunsub-");
    lists.until("she leaves", || !lists.members(list, "").contains("amy@far.example"));
    assert_eq!(lists.write("amy@far.example", "c++-return-1-x=y@a.example", "back"), Ok(()));
    let said = lists.write("amy@far.example", "c++-accept-1.a@a.example", "yes").unwrap_err();
    assert!(said.contains("Expired"), "{said}");
}

/// Texts of its own are sent with what stands for somebody filled in.
fn sends_its_own_texts(lists: &Lists) {
    assert_eq!(lists.write("amy@far.example", "own-subscribe@a.example", "join"), Ok(()));
    let asked = |it: &Copy| {
        it.text.contains("Bonjour amy@far.example de own!")
            && it.text.contains("Ceci vient de own@a.example.")
            && it.text.contains("Non: a.example 100%")
    };
    lists.until("the list's own question", || lists.readers(asked).contains("amy@far.example"));
    lists.confirm("amy@far.example", "own-confsub-");
    let welcomed = |it: &Copy| {
        it.text.contains("Bienvenue, amy@far.example.") && !it.text.contains("nobody knows")
    };
    lists.until("the list's own welcome", || lists.readers(welcomed).contains("amy@far.example"));
}

/// A sublist passes on what its parent sends, and takes nothing from people.
fn takes_what_the_parent_sends(lists: &Lists) {
    let list = "sub@a.example";
    let post = |sender: &str, id: &str| {
        let text = format!(
            "From: <ann@far.example>\nTo: all@far.example\nSubject: x\nMessage-ID: <{id}@x>\n\nHello."
        );
        assert_eq!(send(&lists.stage, HERE, sender, list.as_bytes(), &text), Ok(()));
    };
    let is_one = |id: &'static str| move |it: &Copy| it.head.contains(&format!("<{id}@x>"));
    post("ann@far.example", "bypersons");
    post("all-return-7-sub=a.example@far.example", "byparent");
    let readers = BTreeSet::from(["a.example/eve".to_owned(), "sue@far.example".to_owned()]);
    lists.until("the parent's post", || lists.readers(is_one("byparent")) == readers);
    assert!(lists.readers(is_one("bypersons")).is_empty());
}

/// Who asks to join, and what is posted, waits for the moderator.
fn asks_moderators(lists: &Lists) {
    let list = "guarded@a.example";
    assert_eq!(lists.write("amy@far.example", "guarded-subscribe@a.example", "join"), Ok(()));
    lists.confirm("amy@far.example", "guarded-confsub-");
    lists.confirm("a.example/joe", "guarded-permit-");
    lists.until("she joins", || lists.members(list, "").contains("amy@far.example"));
    for id in ["good", "bad"] {
        assert_eq!(lists.write("eve@a.example", list, id), Ok(()));
        let asked = |it: &Copy| {
            it.recipient == "a.example/joe"
                && it.text.contains(&format!("<{id}.eve@a.example.{list}>"))
        };
        lists.until("he is asked", || !lists.readers(asked).is_empty());
        let mail = lists.copies().into_iter().rev().find(asked).unwrap();
        let word = if id == "good" { "guarded-release-" } else { "guarded-reject-" };
        let to = address_with(&mail.text, word).unwrap();
        assert_eq!(lists.write("joe@a.example", &to, "decided"), Ok(()), "{to}");
    }
    let is_post = |id: &'static str| {
        move |it: &Copy| it.head.contains(&format!("\nMessage-ID: <{id}.eve@a.example.{list}>"))
    };
    lists.until("what he released is sent", || {
        lists.readers(is_post("good")).contains("amy@far.example")
    });
    lists.until("nothing waits", || {
        fs::read_dir(lists.folder(list).join("moderation")).unwrap().count() == 0
    });
    assert!(lists.readers(is_post("bad")).is_empty());
}
