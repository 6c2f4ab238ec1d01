//! The lists of a real old server on Sympa as Debian has it: loaded by the kit's own script, posted
//! to through its queue programs, and asked by their old addresses.
#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by a panic")]

use crate::posts::{
    Copy, PATIENCE, Post, Step, address, gone_out, kept, migrated, people, run, send_post, steps,
    write,
};
use crate::stage;
use crate::support::{Atelier, atelier, read};
use crate::wire::{HERE, send};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

/// As its services do it.
const START: &str = "
for program in sympa_msg bulk archived bounced task_manager; do
    setpriv --reuid=sympa --regid=sympa --init-groups /usr/lib/sympa/bin/$program.pl
done
";

/// Puts the settings in that the kit asks for. Without a web interface people are asked by mail.
const CONFIGURE: &str = "
install -d -o sympa -g sympa /run/sympa
conf=/etc/sympa/sympa/sympa.conf
sed -i '/^wwsympa_url/d' $conf
cat /etc/unqmail/sympa/sympa.conf >> $conf
";

/// A stage with Sympa on it.
struct Sympa {
    stage: Stage,
    /// What left the stage so far.
    posted: RefCell<Vec<Copy>>,
}

impl Sympa {
    fn new(target: &Path) -> Self {
        let stage = stage(target);
        // The site sends its mail through a host of its provider.
        stage.post_on(587).unwrap();
        run(&stage, CONFIGURE);
        Self { stage, posted: RefCell::default() }
    }

    fn load(&self) -> String {
        run(&self.stage, "/etc/unqmail/sympa/load")
    }

    /// Addresses of a role as Sympa dumps them, with a way of delivery if one is asked for.
    fn dumped(&self, list: &str, role: &str, reception: &str) -> BTreeSet<String> {
        run(
            &self.stage,
            &format!(
                "cd /; setpriv --reuid=sympa --regid=sympa --init-groups \
                    sympa dump --roles={role} {list}"
            ),
        );
        let path = self.folder(list).join(format!("{role}.dump"));
        let text = read(&path);
        let people = text.split("\n\n").filter(|it| {
            reception.is_empty() || it.lines().any(|line| line == format!("reception {reception}"))
        });
        let email =
            |it: &str| it.lines().find_map(|line| line.strip_prefix("email ").map(str::to_owned));
        people.filter_map(email).collect()
    }

    /// The folder of a list.
    fn folder(&self, list: &str) -> PathBuf {
        let (name, domain) = list.split_once('@').unwrap();
        self.stage.root().join("var/lib/sympa/list_data").join(domain).join(name)
    }

    /// Posts that wait for a moderator.
    fn held(&self) -> String {
        let folder = self.stage.root().join("var/spool/sympa/moderation");
        let files = walkdir::WalkDir::new(folder).into_iter().flatten();
        let files = files.filter(|file| file.file_type().is_file());
        files
            .map(|file| String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned())
            .collect()
    }

    /// Whether something is true of what people have got.
    fn have(&self, is_so: impl Fn(&[Copy], &[Copy]) -> bool) -> bool {
        self.posted.borrow_mut().extend(gone_out(&self.stage));
        is_so(&self.posted.borrow(), &kept(&self.stage))
    }

    /// Waits until something is true.
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() > PATIENCE {
                let log = self.stage.log();
                let told =
                    log.iter().filter(|line| line.contains("err") || line.contains("postfix"));
                let told: Vec<&str> = told.map(String::as_str).collect();
                panic!("{what}\n{}", told.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn write(&self, sender: &str, to: &str, subject: &str) -> Result<(), String> {
        write(&self.stage, sender, to, subject)
    }
}

#[test]
fn the_lists_of_the_real_site_live_on_in_sympa() {
    let Some(atelier) = atelier() else { return };
    let target = migrated(atelier, "sympa");
    let namesake = add_namesake(&target);
    let sympa = Sympa::new(&target);
    let said = sympa.load();
    assert!(said.contains("9 lists and ") && !said.contains(" 0 members"), "{said}");
    let again = sympa.load();
    assert!(again.contains("0 lists and 0 members were loaded"), "{again}");
    let log = sympa.stage.log();
    // It looks for a domain of the name `*` before it takes that for all of them.
    let complaints: Vec<_> = log
        .iter()
        .filter(|line| line.contains(" err ") && !line.contains("Robot * undefined"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    for list in atelier.truth("lists") {
        has_its_people(&sympa, &list);
        has_its_archive(&sympa, atelier, &list);
    }
    run(&sympa.stage, START);
    takes_posts_as_before(&sympa, atelier);
    let welcomed = |out: &[Copy], here: &[Copy]| {
        let is_one = |it: &Copy| it.head.contains("Subject: Welcome");
        out.iter().any(is_one) || here.iter().any(is_one)
    };
    assert!(!sympa.have(welcomed), "somebody was welcomed");
    sends_digests(&sympa);
    answers_old_addresses(&sympa);
    keeps_namesakes_apart(&sympa, &namesake);
}

/// Members by way of delivery, owners, editors, and the number of the last post.
fn has_its_people(sympa: &Sympa, list: &Value) {
    let address = address(list);
    let (regular, digest) = (people(list, "subscribers"), people(list, "digest"));
    assert_eq!(sympa.dumped(&address, "member", "mail"), regular, "{address}");
    let digest: BTreeSet<String> = digest.difference(&regular).cloned().collect();
    assert_eq!(sympa.dumped(&address, "member", "digest"), digest, "{address}");
    // Those who decide about posts are editors, those who decide about members are owners.
    let (owners, editors) =
        (sympa.dumped(&address, "owner", ""), sympa.dumped(&address, "editor", ""));
    let moderators = people(list, "mod");
    assert!(editors.is_subset(&moderators), "{address}: {editors:?}");
    assert!(moderators.is_subset(&(&owners | &editors)), "{address}: {owners:?} {editors:?}");
    assert!(owners.difference(&moderators).count() <= 1, "{address}: {owners:?}");
    assert!(!owners.is_empty(), "{address}");
    let last = list["files"]["num"].as_str().unwrap().trim().split(':').next().unwrap();
    let stats = read(&sympa.folder(&address).join("stats"));
    assert_eq!(stats.split(' ').next(), Some(last), "{address}");
}

/// The old posts under their numbers, with their bytes.
fn has_its_archive(sympa: &Sympa, atelier: &Atelier, list: &Value) {
    let address = address(list);
    let months = sympa.stage.root().join("var/lib/sympa/arc").join(&address);
    for post in list["archive"].as_array().unwrap() {
        let number = post["n"].as_u64().unwrap();
        let place = format!("archive/{}/{:02}", number / 100, number % 100);
        let old = fs::read(atelier.site.join(list["path"].as_str().unwrap()).join(place)).unwrap();
        let found = fs::read_dir(&months)
            .unwrap()
            .flatten()
            .find_map(|month| fs::read(month.path().join("arctxt").join(number.to_string())).ok());
        assert_eq!(found.as_deref(), Some(old.as_slice()), "{address}: post {number}");
    }
}

fn takes_posts_as_before(sympa: &Sympa, atelier: &Atelier) {
    let mut posts: Vec<Post> = Vec::new();
    for step in steps(atelier) {
        match step {
            Step::Post(post) => {
                send_post(&sympa.stage, &post);
                posts.push(post);
            }
            Step::Leave { list, sender } => {
                are_settled(sympa, &posts);
                assert_eq!(
                    sympa.write(&sender, &list.replace('@', "-unsubscribe@"), "bye"),
                    Ok(())
                );
                sympa.until("she leaves", || !sympa.dumped(&list, "member", "").contains(&sender));
            }
        }
    }
    are_settled(sympa, &posts);
    assert!(posts.len() >= 28, "{}", posts.len());
    eprintln!("{} posts of the real site were decided as before", posts.len());
    let is_prefixed = |it: &Copy| it.head.contains("Subject: [Moto] probe");
    assert!(sympa.have(|out, _| out.iter().any(is_prefixed)), "the prefix stands in the subject");
}

/// Every post was decided as on the old server, and as many people have got it.
fn are_settled(sympa: &Sympa, posts: &[Post]) {
    let differing = || -> Vec<String> {
        let (held, here) = (sympa.held(), kept(&sympa.stage));
        sympa.posted.borrow_mut().extend(gone_out(&sympa.stage));
        let out = sympa.posted.borrow();
        let wrong = |post: &&Post| {
            // A refusal has the post in it, and no List-Id of its own.
            let is_of = |copy: &&Copy| copy.is_of(post) && copy.head.contains("List-Id: ");
            let readers: BTreeSet<&str> =
                out.iter().chain(&here).filter(is_of).map(|it| it.recipient.as_str()).collect();
            let is_refusal = |copy: &Copy| {
                copy.text.contains(&post.id) && copy.head.contains("report-type=delivery-status")
            };
            let waits = held.contains(&post.id);
            let is_right = match post.effect.as_str() {
                "archived" => readers.len() == post.readers && !waits,
                "rejected" => {
                    readers.is_empty() && !waits && out.iter().chain(&here).any(is_refusal)
                }
                _ => readers.is_empty() && waits,
            };
            (!is_right).then(|| {
                format!(
                    "{} to {}: {} {}, {} readers, waits: {waits}",
                    post.sender,
                    post.list,
                    post.effect,
                    post.readers,
                    readers.len()
                )
            })
        };
        posts.iter().filter_map(|post| wrong(&post)).collect()
    };
    let begun = Instant::now();
    loop {
        let differing = differing();
        if differing.is_empty() {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{differing:#?}\n{}",
            sympa
                .stage
                .log()
                .iter()
                .filter(|line| line.contains("sympa_msg"))
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Digest members get what was posted, in one message, by the command that Sympa's task calls too.
fn sends_digests(sympa: &Sympa) {
    let list = "membres@assoc-jardins.example.org";
    let digest = sympa.dumped(list, "member", "digest");
    assert!(!digest.is_empty());
    run(&sympa.stage, "cd /; setpriv --reuid=sympa --regid=sympa --init-groups sympa send_digest");
    let is_digest = |it: &Copy| {
        it.text.contains("multipart/digest")
            && it.head.contains("membres")
            && it.text.contains("@probe.example>")
    };
    sympa.until("the digest is sent", || {
        sympa.have(|out, _| {
            let got = out.iter().filter(|it| is_digest(it)).map(|it| it.recipient.clone());
            got.collect::<BTreeSet<String>>() == digest
        })
    });
}

/// Old addresses lead to Sympa's own, and what was refused is.
fn answers_old_addresses(sympa: &Sympa) {
    let to = |word: &str| format!("membres{word}@assoc-jardins.example.org");
    let leaves = "stephanie.henry57@gmail.example";
    for (sender, word) in [
        ("ann@asks.example", "-subscribe"),
        ("eve@asks.example", "-subscribe-cleo=asks.example"),
        ("eve@asks.example", "-unsubscribe-david.moreau1=gmail.example"),
        (leaves, "-unsubscribe"),
        ("hal@asks.example", "-help"),
        ("ida@asks.example", "-get.1"),
        ("jim@asks.example", "-faq"),
        ("kim@asks.example", "-return-1-x=y.example"),
        ("ann@asks.example", "-owner"),
        ("", "-help"),
    ] {
        assert_eq!(sympa.write(sender, &to(word), "please"), Ok(()), "{word}");
    }
    let said = sympa.write("lea@asks.example", &to("-accept-1.abc"), "yes");
    assert!(said.as_ref().is_err_and(|said| said.starts_with("550")), "{said:?}");
    let asks = |it: &Copy| it.head.contains("Subject: AUTH ");
    let helps = |it: &Copy| it.text.contains("LISts") || it.text.contains("SUBscribe");
    sympa.until("every request is answered", || {
        sympa.have(|out, here| {
            let got = |who: &str, what: &dyn Fn(&Copy) -> bool| {
                out.iter().any(|it| it.recipient == who && what(it))
            };
            ["ann@asks.example", "cleo@asks.example", leaves, "david.moreau1@gmail.example"]
                .into_iter()
                .all(|who| got(who, &asks))
                && ["hal@asks.example", "ida@asks.example", "jim@asks.example"]
                    .into_iter()
                    .all(|who| got(who, &helps))
                && here.iter().any(|it| {
                    it.recipient == "assoc-jardins.example.org/laurent.leroy"
                        && it.text.contains("To: membres-owner@")
                })
        })
    });
    for who in ["kim@asks.example", "eve@asks.example"] {
        let is_asked = |it: &Copy| it.recipient == who && asks(it);
        assert!(!sympa.have(|out, _| out.iter().any(is_asked)), "{who} is asked");
    }
    // Who was asked says yes by answering with the subject that he was sent.
    for who in ["ann@asks.example", leaves] {
        let subject = {
            let posted = sympa.posted.borrow();
            let asked = posted.iter().rev().find(|it| it.recipient == who && asks(it)).unwrap();
            let at = asked.head.find("Subject: AUTH ").unwrap() + "Subject: ".len();
            asked.head[at..].lines().next().unwrap().to_owned()
        };
        let robot = "sympa@assoc-jardins.example.org";
        let text = format!(
            "From: <{who}>\nTo: {robot}\nSubject: Re: {subject}\nMessage-ID: <yes.{who}>\n\n"
        );
        assert_eq!(send(&sympa.stage, HERE, who, robot.as_bytes(), &text), Ok(()));
    }
    let list = to("");
    sympa.until("he joins and she leaves", || {
        let members = sympa.dumped(&list, "member", "");
        members.contains("ann@asks.example") && !members.contains(leaves)
    });
}

/// What a sublist with filters has for a scenario.
const SUBLIST: &str = r#"title x

match([header->X-Spam],/./) smtp,dkim,md5,smime -> reject
match([header->content-type],/^\s*"?text\/html"?\s*(;|$)/) smtp,dkim,md5,smime -> reject
equal([msg_part->type],'text/html') smtp,dkim,md5,smime -> reject
!match([header->subject],/\S/) smtp,dkim,md5,smime -> reject
match([header->subject],/^\s*\((null|none|no subject)\)\s*$/) smtp,dkim,md5,smime -> reject
match([header->subject],/^\s*(help|remove|subscribe|unsubscribe)\s*$/) smtp,dkim,md5,smime -> reject
search('unqmail-parent.txt',[sender]) smtp,dkim,md5,smime -> do_it
true() smtp,dkim,md5,smime -> reject
"#;

/// Header lines for which it refuses a post, with its body.
const REFUSED: &[&str] = &[
    "Subject: a\\nX-Spam: yes\\n\\nx",
    "Subject: b\\nContent-Type: text/html; charset=utf-8\\n\\nx",
    "Subject: c\\nMIME-Version: 1.0\\nContent-Type: multipart/mixed; boundary=y\\n\\n\
     --y\\nContent-Type: text/html\\n\\nx\\n--y--",
    "Subject: \\n\\nx",
    "Subject: (no subject)\\n\\nx",
    "Subject: Help\\n\\nx",
];

/// Gives the kit a sublist of the same name in another domain; its address.
fn add_namesake(target: &Path) -> String {
    let kit = target.join("etc/unqmail/sympa");
    let append = |name: &str, record: &Value| {
        let path = kit.join(name);
        fs::write(&path, format!("{}{record}\n", read(&path))).unwrap();
    };
    let lists = read(&kit.join("lists.jsonl"));
    let bureau = lists.lines().find(|line| line.contains("\"list\":\"bureau@")).unwrap();
    let mut record: Value = serde_json::from_str(bureau).unwrap();
    let namesake = "bureau@namesake.example";
    record["list"] = namesake.into();
    record["archive"] = "/nowhere".into();
    record["files"]["scenari/send.unqmail"] = SUBLIST.into();
    record["files"]["search_filters/unqmail-parent.txt"] = " all-return*@asks.example\n".into();
    let config = record["files"]["config"].as_str().unwrap();
    let config = format!("lang fr\n\ndmarc_protection\nmode all\n\n{config}");
    record["files"]["config"] = config.into();
    append("lists.jsonl", &record);
    append("robots.jsonl", &serde_json::json!({"domain": "namesake.example", "email": "sympa"}));
    for (role, email) in [("member", "pia@asks.example"), ("owner", "own@asks.example")] {
        let (name, date) = ("Pia \u{c9} <x>, email y@asks.example", 1_700_000_000);
        let record = serde_json::json!({
            "list": namesake, "role": role, "email": email, "name": name, "date": date,
        });
        append("members.jsonl", &record);
    }
    namesake.to_owned()
}

/// Two lists of one name in two domains do not meet; and one takes what its parent sends and no filter
/// refuses.
fn keeps_namesakes_apart(sympa: &Sympa, namesake: &str) {
    let parent = "all-return-1-x@asks.example";
    let post = |sender: &str, id: &str, rest: &str| {
        run(
            &sympa.stage,
            &format!(
                "printf 'Return-Path: <{sender}>\\nFrom: <pia@asks.example>\\nTo: {namesake}\\n\
                 Message-ID: <{id}@x>\\n{rest}\\n' |
                 setpriv --reuid=sympa --regid=sympa --init-groups /usr/lib/sympa/bin/queue {namesake}"
            ),
        );
    };
    for (number, rest) in REFUSED.iter().enumerate() {
        post(parent, &format!("refused-{number}"), rest);
    }
    post("pia@asks.example", "refused-by-sender", "Subject: x\\n\\nx");
    post(parent, "namesake", "Subject: x\\n\\nHello.");
    let is_one = |it: &Copy| it.head.contains("<namesake@x>");
    sympa.until("the namesake's member gets it", || {
        sympa.have(|out, _| out.iter().any(|it| is_one(it) && it.recipient == "pia@asks.example"))
    });
    assert!(sympa.have(|_, here| !here.iter().any(is_one)), "the other list's members get it");
    sympa.until("the parent is told what was refused", || {
        let told = |out: &[Copy]| out.iter().filter(|it| it.recipient == parent).count();
        sympa.have(|out, _| told(out) == REFUSED.len())
    });
    let is_refused = |it: &Copy| it.head.contains("\nMessage-ID: <refused-");
    assert!(!sympa.have(|out, _| out.iter().any(is_refused)), "a refused post is sent");
    let is_own = |it: &Copy| is_one(it) && it.head.contains(&format!("<{namesake}>"));
    assert!(sympa.have(|out, _| out.iter().any(is_own)), "From: is the list's address");
    sympa.dumped(namesake, "member", "");
    let member = read(&sympa.folder(namesake).join("member.dump"));
    for line in ["gecos Pia \u{c9} <x>, email y@asks.example", "date 1700000000"] {
        assert!(member.lines().any(|own| own == line), "{member}");
    }
}
