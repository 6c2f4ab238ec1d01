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

/// Sends it to its list.
pub fn send_post(stage: &Stage, post: &Post) {
    let Post { id, list, sender, .. } = post;
    let text = format!("From: <{sender}>\nTo: {list}\nSubject: probe\nMessage-ID: {id}\n\nHello.");
    assert_eq!(send(stage, HERE, sender, list.as_bytes(), &text), Ok(()), "{list}");
}

/// Waits until something holds.
pub fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{}", what());
        std::thread::sleep(Duration::from_millis(300));
    }
}
