//! What list managers are tried with: the posts of the real site, and what people have got.
#![expect(clippy::indexing_slicing, reason = "a test fails by a panic")]

use crate::support::{Atelier, read, unqmail};
use crate::wire::{HERE, send};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use unqmail::stage::Stage;

/// How long a list manager may take for something.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// A message that somebody got.
pub struct Copy {
    pub recipient: String,
    pub head: String,
    pub text: String,
}

impl Copy {
    pub fn new(recipient: String, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let head = text.split("\n\n").next().unwrap_or_default().to_owned();
        Self { recipient, head, text }
    }

    /// Whether it is of this post, and no answer to it.
    pub fn is_of(&self, post: &Post) -> bool {
        self.head.contains(&format!("Message-ID: {}", post.id))
    }
}

/// The real site, migrated with a manager for all its lists.
pub fn migrated(atelier: &Atelier, manager: &str) -> PathBuf {
    let [target, config] =
        [manager, &format!("{manager}.toml")].map(|it| atelier.site.with_file_name(it));
    let settings = format!("{}\n[lists]\nmanager = '{manager}'\n", read(&atelier.config));
    fs::write(&config, settings).unwrap();
    let paths = [&atelier.site, &target].map(|path| path.to_str().unwrap());
    for verb in ["migrate", "verify"] {
        let args = [&[verb][..], &paths, &["--config", config.to_str().unwrap()]].concat();
        let ran = unqmail(args);
        assert_eq!(ran.code, 0, "{verb}: {}", ran.all());
    }
    target
}

/// Runs a shell script inside; what it said.
pub fn run(stage: &Stage, script: &str) -> String {
    // A server that it starts would keep a pipe open for ever.
    let said = tempfile::NamedTempFile::new().unwrap();
    let both = || Stdio::from(fs::File::options().append(true).open(said.path()).unwrap());
    let mut command = stage.command("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(both()).stderr(both());
    let status = command.status().unwrap();
    let text = read(said.path());
    assert!(status.success(), "{script}: {text}");
    text
}

/// What has left the stage since this was last asked, a copy for each recipient.
pub fn gone_out(stage: &Stage) -> Vec<Copy> {
    let mut copies = Vec::new();
    for posted in stage.take_posted() {
        copies.extend(posted.recipients.iter().map(|recipient| {
            let recipient = String::from_utf8_lossy(recipient).to_lowercase();
            Copy::new(recipient, &posted.text)
        }));
    }
    copies
}

/// What mailboxes here have got: `DOMAIN/USER` is the recipient.
pub fn kept(stage: &Stage) -> Vec<Copy> {
    let mail = stage.written().join("vmail");
    let files = walkdir::WalkDir::new(&mail).into_iter().flatten();
    let files = files.filter(|file| file.file_type().is_file());
    let files = files.filter(|file| file.path().parent().unwrap().ends_with("Maildir/new"));
    let copy = |file: walkdir::DirEntry| {
        let home = file.path().ancestors().nth(3).unwrap();
        let home = home.strip_prefix(&mail).unwrap().display().to_string();
        Copy::new(home, &fs::read(file.path()).unwrap())
    };
    files.map(copy).collect()
}

/// The address of a list of the truth.
pub fn address(list: &Value) -> String {
    let [local, host] =
        ["outlocal", "outhost"].map(|it| list["files"][it].as_str().unwrap().trim().to_lowercase());
    format!("{local}@{host}")
}

/// Lower-case addresses of a role in the truth.
pub fn people(list: &Value, role: &str) -> BTreeSet<String> {
    let people = list[role].as_array().cloned().unwrap_or_default();
    people.iter().map(|it| it.as_str().unwrap().to_lowercase()).collect()
}

/// What was done to a list of the truth.
pub enum Step {
    Post(Post),
    /// A member left without being asked again.
    Leave {
        list: String,
        sender: String,
    },
}

pub struct Post {
    pub id: String,
    pub list: String,
    pub sender: String,
    pub effect: String,
    /// How many people got it.
    pub readers: usize,
}

/// Each post to a list's own address that was recorded, in its order: by members, digest members,
/// moderators, allowed, denied and unknown senders; and who left in between.
pub fn steps(atelier: &Atelier) -> Vec<Step> {
    let lists: BTreeSet<String> = atelier.truth("lists").iter().map(address).collect();
    let mut steps = Vec::new();
    for row in atelier.truth("deliver") {
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (to, sender) = (word("rcpt"), word("sender"));
        let outcomes = row["outcome"].as_array().unwrap();
        let replies = |key: &str, text: &str| {
            let said = |it: &&Value| it["reply"][key].as_str().is_some_and(|it| it.contains(text));
            outcomes.iter().filter(said).count()
        };
        if word("why") == "list-command-from-sub" && replies("subject", "GOODBYE") > 0 {
            steps.push(Step::Leave { list: to.replace("-unsubscribe@", "@"), sender });
            continue;
        }
        let action = row["list_action"].as_array().and_then(|it| it.first());
        let Some(action) = action.filter(|it| it["action"] == "post" && lists.contains(&to)) else {
            continue;
        };
        let folders: BTreeSet<_> =
            outcomes.iter().filter_map(|it| it["maildir"].as_str()).collect();
        let fanned: u64 = outcomes.iter().filter_map(|it| it["n"].as_u64()).sum();
        steps.push(Step::Post(Post {
            id: format!("<T{}@probe.example>", steps.len()),
            list: to,
            sender,
            effect: action["effect"].as_str().unwrap().into(),
            // The sender's own copy was taken for an answer.
            readers: folders.len()
                + replies("envelope_from", "-return-")
                + usize::try_from(fanned).unwrap(),
        }));
    }
    steps
}

/// Header lines that lists remove: who posts would like to be told that he is read.
const REMOVED: &str = "Return-Receipt-To: <spy@probe.example>\nX-Confirm-Reading-To: <spy@probe.example>\nX-PMRQC: 1\n";

/// Sends it to its list.
pub fn send_post(stage: &Stage, post: &Post) {
    let Post { id, list, sender, .. } = post;
    let text = format!(
        "From: <{sender}>\nTo: {list}\nReply-To: <{sender}>\n{REMOVED}Subject: probe\n\
         Message-ID: {id}\n\nHello."
    );
    assert_eq!(send(stage, HERE, sender, list.as_bytes(), &text), Ok(()), "{list}");
}

/// Writes a few words to a list or one of its addresses.
pub fn write(stage: &Stage, sender: &str, to: &str, subject: &str) -> Result<(), String> {
    let text = format!(
        "From: <{sender}>\nTo: {to}\n{REMOVED}Subject: {subject}\n\
         Message-ID: <{subject}.{sender}.{to}>\n\nThanks."
    );
    send(stage, HERE, sender, to.as_bytes(), &text)
}

/// What the plan tells of each list of the real site on a manager, its address in front.
pub fn told(atelier: &Atelier, manager: &str) -> Vec<(String, String)> {
    let config = atelier.site.with_file_name(format!("{manager}.toml"));
    let [site, config] = [&atelier.site, &config].map(|path| path.to_str().unwrap());
    let plan = unqmail(["plan", site, "--format", "json", "--config", config]).json();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let findings = plan["findings"].as_array().unwrap().iter();
    findings.map(|it| (text(it, "subject"), text(it, "message"))).collect()
}

/// What a copy of a post has not as the old list had it, and no finding tells: its prefix, and the
/// header lines that the list adds and removes. Of the fields `own` the manager writes its own.
pub fn undressed(
    list: &Value,
    copy: &Copy,
    told: &[(String, String)],
    own: &[&str],
) -> Vec<String> {
    let address = address(list);
    let (local, host) = address.split_once('@').unwrap();
    let file = |name: &str| list["files"][name].as_str().unwrap_or_default().trim();
    let is_told = |what: &str| {
        told.iter().any(|(subject, message)| *subject == address && message.contains(what))
    };
    let head = copy.head.replace("\n ", " ").replace("\n\t", " ");
    let has = |line: &str| head.lines().any(|it| it.eq_ignore_ascii_case(line));
    let has_field = |name: &str| {
        let front = format!("{}:", name.to_lowercase());
        head.lines().any(|it| it.to_lowercase().starts_with(&front))
    };
    let is_own = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
    let mut missed = Vec::new();
    let subject = format!("Subject: {} probe", file("prefix")).replace(":  ", ": ");
    if !has(&subject) {
        missed.push(subject);
    }
    let added = file("headeradd").replace("<#l#>", local).replace("<#h#>", host);
    let name_of = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    for line in added.lines() {
        let is_there = if is_own(&name_of(line)) { has_field(&name_of(line)) } else { has(line) };
        if !is_there && !is_told(line) {
            missed.push(line.to_owned());
        }
    }
    let adds = |name: &str| added.lines().any(|line| name_of(line).eq_ignore_ascii_case(name));
    // The host that delivers writes `Return-Path:`.
    let removed = file("headerremove").lines().filter(|name| *name != "return-path" && !adds(name));
    for name in removed.filter(|name| !is_own(name)) {
        if has_field(name) && !is_told(name) {
            missed.push(format!("without {name}"));
        }
    }
    missed
}

/// Whether a copy has the trailer, the prefix and the headers of `news@a.example` among the lists of
/// every kind, of which a manager may number posts and add lines or not.
pub fn is_dressed(copy: &Copy, subject: &str, adds_lines: bool) -> bool {
    let has = |line: &str| copy.head.lines().any(|it| it == line);
    has(&format!("Subject: {subject}"))
        && has("X-Club: yes") == adds_lines
        && !copy.head.contains("Return-Receipt-To:")
        && copy.head.contains("X-PMRQC:") == adds_lines
        && copy.text.trim_end().ends_with("\n--\nTo leave: news-unsubscribe@a.example")
}

/// Waits until something holds.
pub fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{}", what());
        std::thread::sleep(Duration::from_millis(300));
    }
}
