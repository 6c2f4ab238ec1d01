//! No client notices: every mailbox of the real site, by IMAP and POP3, against what Courier told
//! its clients.

use crate::stage;
use crate::support::{Atelier, migrated_atelier, scratch};
use crate::wire::{Host, Line, outside};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What was compared, how often, and what was otherwise.
#[derive(Default)]
pub struct Compared {
    counts: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
    /// Messages whose size Courier told otherwise.
    measured: Vec<String>,
}

impl Compared {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Everything was compared, and nothing was otherwise.
    pub fn expect_the_same(&self) {
        let Self { counts, differences, measured } = self;
        eprintln!("{counts:#?}\nmeasured otherwise by Courier: {measured:#?}");
        assert!(differences.is_empty(), "{} differ: {differences:#?}", differences.len());
        assert_eq!((counts["mailboxes"], counts["number of messages"]), (262, 679), "{counts:?}");
        let numbered = (counts["UIDVALIDITY"], counts["folders without numbers"]);
        assert_eq!(numbered, (525, 154), "{counts:?}");
        assert_eq!(measured.len(), 27);
        assert_eq!(counts["message"] + counts["messages numbered later"], 5156, "{counts:?}");
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &'static str,
        subject: &str,
        old: &T,
        new: &T,
    ) {
        self.count(what);
        if old != new {
            self.differences.push(format!("{subject}: {what} was {old:?} and is {new:?}"));
        }
    }
}

/// A message as a client is told of it: flags, date, size.
type Told = (BTreeSet<String>, String, u64);

pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn strings(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// What stands in the parentheses that follow a word.
fn group<'l>(line: &'l str, word: &str) -> &'l str {
    let rest = line.split_once(word).unwrap_or_else(|| panic!("no {word} in {line}")).1;
    rest.trim_start().trim_start_matches('(').split(')').next().unwrap()
}

fn number_after(line: &str, word: &str) -> u64 {
    let rest = line.split_once(word).unwrap_or_else(|| panic!("no {word} in {line}")).1;
    rest.trim_start().split([' ', ')', ']']).next().unwrap().parse().unwrap()
}

/// The name at the end of an answer to LIST or LSUB.
fn name(line: &str) -> String {
    let rest = line.split_once(") \".\" ").unwrap_or_else(|| panic!("{line}")).1;
    rest.trim_matches('"').to_owned()
}

/// What is used and what is allowed of each resource that an answer to GETQUOTAROOT names.
fn limits(line: &str) -> Option<BTreeMap<String, (u64, u64)>> {
    let (_, resources) = line.strip_suffix(')')?.split_once('(')?;
    let words: Vec<&str> = resources.split(' ').collect();
    let number = |word: &str| word.parse().unwrap();
    let resource = |words: &[&str]| match words {
        [name, used, limit] => ((*name).to_owned(), (number(used), number(limit))),
        _ => panic!("{line}"),
    };
    Some(words.chunks(3).map(resource).collect())
}

fn is_client_flag(flag: &str) -> bool {
    !flag.eq_ignore_ascii_case("\\Recent")
}

/// The messages of a folder by UID, and UIDVALIDITY and UIDNEXT.
fn examine(line: &mut Line, folder: &str) -> (u64, u64, BTreeMap<u64, Told>) {
    let (told, said) = line.imap(&format!("EXAMINE \"{folder}\""));
    assert!(said.starts_with("t OK"), "{folder}: {said}");
    let find = |word: &str| {
        let line = told.iter().find(|line| line.contains(word));
        number_after(line.unwrap_or_else(|| panic!("no {word}: {told:?}")), word)
    };
    let (validity, next) = (find("UIDVALIDITY "), find("UIDNEXT "));
    let (fetched, said) = line.imap("UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)");
    assert!(said.starts_with("t OK"), "{folder}: {said}");
    let message = |line: &String| {
        let flags = group(line, "FLAGS").split(' ').filter(|flag| !flag.is_empty());
        let flags = flags.filter(|flag| is_client_flag(flag)).map(str::to_owned).collect();
        let date = line.split_once("INTERNALDATE \"").unwrap().1.split('"').next().unwrap();
        (number_after(line, "UID "), (flags, date.trim().to_owned(), number_after(line, "SIZE ")))
    };
    let messages = fetched.iter().filter(|line| line.contains(" FETCH ")).map(message).collect();
    (validity, next, messages)
}

fn imap(
    stage: &dyn Host,
    number: usize,
    mailbox: &Value,
    messages: &[&Value],
    compared: &mut Compared,
) {
    let owner = text(mailbox, "mailbox");
    let mut line = Line::open(stage, 143, outside(number));
    let (_, said) = line.imap(&format!("LOGIN \"{owner}\" {PASSWORD}"));
    assert!(said.starts_with("t OK"), "{owner}: {said}");
    let folders = mailbox["folders"].as_array().unwrap();
    let (listed, _) = line.imap("LIST \"\" \"*\"");
    let listed: BTreeSet<String> = listed.iter().map(|line| name(line)).collect();
    let known = folders.iter().map(|folder| text(folder, "name").to_owned()).collect();
    compared.same("list of folders", owner, &known, &listed);
    let (told, _) = line.imap("LSUB \"\" \"*\"");
    // Courier adds the folders above a subscribed one, which are no subscriptions.
    let told: BTreeSet<String> = told.iter().map(|line| name(line)).collect();
    compared.same("subscriptions", owner, &strings(&mailbox["subscribed_file"]), &told);
    let (told, _) = line.imap("GETQUOTAROOT INBOX");
    let told = told.iter().find_map(|line| limits(line)).unwrap_or_default();
    let wanted = mailbox["quota_reported"].as_array().unwrap();
    let mut wanted =
        wanted.iter().find_map(|line| limits(line.as_str().unwrap())).unwrap_or_default();
    // Courier leaves out what is marked as deleted; Dovecot counts it.
    let is_counted = |m: &&&Value| !text(m, "folder").starts_with("INBOX.Trash");
    if messages.iter().filter(is_counted).any(|m| text(m, "file_flags").contains('T')) {
        compared.count("quotas with deleted messages");
        for (resource, (used, _)) in &mut wanted {
            *used = told.get(resource).map_or(*used, |(told, _)| *told.max(used));
        }
    }
    if stage.counts_line_ends() {
        for (resource, (used, _)) in &mut wanted {
            let there = told.get(resource).map_or(0, |(told, _)| *told);
            if (*used..=*used * 21 / 20 + 1).contains(&there) {
                *used = there;
            }
        }
    }
    compared.same("quota", owner, &wanted, &told);
    for folder in folders.iter().filter(|folder| folder["dir"].is_string()) {
        let name = text(folder, "name");
        let subject = format!("{owner} {name}");
        let (validity, next, found) = examine(&mut line, name);
        let was_numbered = folder["uiddb_present_on_site"] == true;
        let mut apart: Vec<Told> = Vec::new();
        let own: Vec<&&Value> = messages.iter().filter(|m| text(m, "folder") == name).collect();
        compared.same("number of messages", &subject, &own.len(), &found.len());
        if was_numbered {
            compared.same(
                "UIDVALIDITY",
                &subject,
                &folder["uidvalidity"].as_u64().unwrap(),
                &validity,
            );
            let header = text(folder, "uiddb_header");
            let wanted: u64 = header.rsplit(' ').next().unwrap().parse().unwrap();
            compared.same("UIDNEXT", &subject, &wanted, &next);
        } else {
            compared.count("folders without numbers");
        }
        let mut left = found.clone();
        for message in own {
            let flags = strings(&message["imap_flags"]);
            let flags = flags.into_iter().filter(|flag| is_client_flag(flag)).collect();
            let date = text(message, "internaldate").trim().to_owned();
            let told = (flags, date, message["crlf_size"].as_u64().unwrap());
            if message["rfc822_size"] != message["crlf_size"] {
                // The file has ends of line of two bytes; for Courier such a one has three.
                compared.measured.push(text(message, "path").to_owned());
            }
            if was_numbered && message["new"] == false {
                let uid = message["imap_uid"].as_u64().unwrap();
                compared.same(
                    "message",
                    &format!("{subject} {uid}"),
                    &Some(told),
                    &left.remove(&uid),
                );
            } else {
                compared.count("messages numbered later");
                apart.push(told);
            }
        }
        // What was numbered while the truth was recorded must be there, under whatever number.
        let mut rest: Vec<Told> = left.into_values().collect();
        rest.sort();
        apart.sort();
        compared.same("folder's later messages", &subject, &apart, &rest);
    }
}

fn pop3(
    stage: &dyn Host,
    number: usize,
    mailbox: &Value,
    (atelier, messages): (&Atelier, &[&Value]),
    compared: &mut Compared,
) {
    let owner = text(mailbox, "mailbox");
    let mut line = Line::open(stage, 110, outside(number));
    for command in [format!("USER {owner}"), format!("PASS {PASSWORD}"), "UIDL".to_owned()] {
        line.send(command.as_bytes());
        let said = line.read();
        assert!(said.starts_with("+OK"), "{owner}: {said}\n{}", stage.log().join("\n"));
    }
    let mut told = Vec::new();
    loop {
        let line = line.read();
        match line.split_once(' ') {
            Some((_, uidl)) => told.push(uidl.to_owned()),
            None => break,
        }
    }
    let list = atelier.site.join(text(mailbox, "maildir")).join("courierpop3dsizelist");
    let list = fs::read_to_string(list).unwrap_or_default();
    let base = |message: &Value| {
        let name = Path::new(text(message, "path")).file_name().unwrap().to_str().unwrap();
        name.split(":2,").next().unwrap().to_owned()
    };
    let wanted = mailbox["pop3_uidl"].as_array().unwrap().iter().map(|uidl| {
        let uidl = uidl.as_str().unwrap();
        let message = messages.iter().find(|message| text(message, "pop3_uidl") == uidl).unwrap();
        let base = base(message);
        compared.count("UIDLs");
        if uidl.starts_with("UID") && !list.contains(&base) {
            // Given out while the truth was recorded: no client has ever seen it.
            compared.count("UIDLs given later");
            return base;
        }
        uidl.to_owned()
    });
    let wanted: Vec<String> = wanted.collect();
    compared.same("POP3 list", owner, &wanted, &told);
}

/// The password of everybody on the copy.
pub const PASSWORD: &str = "probe";

/// A copy of a new server on which everybody may log in, those too who never could: it is about
/// their mail, and not about who reads it.
pub fn opened(target: &Path) -> tempfile::TempDir {
    let folder = scratch();
    let copy = Command::new("cp").arg("-a").arg(target.join(".")).arg(folder.path()).status();
    assert!(copy.unwrap().success());
    let dovecot = folder.path().join("etc/dovecot/unqmail");
    for name in ["imap", "webmail", "pop3", "smtp", "sieve"] {
        fs::write(dovecot.join(format!("deny-{name}")), "").unwrap();
    }
    let users = fs::read_to_string(dovecot.join("users")).unwrap();
    let row = |row: &str| match row.splitn(3, ':').collect::<Vec<_>>().as_slice() {
        [name, _, rest] => format!("{name}:{{PLAIN}}{PASSWORD}:{rest}\n"),
        _ => format!("{row}\n"),
    };
    fs::write(dovecot.join("users"), users.lines().map(row).collect::<String>()).unwrap();
    folder
}

/// Asks for every mailbox, many at a time.
pub fn compare_all(host: &dyn Host, atelier: &Atelier) -> Compared {
    let (mailboxes, messages) = (atelier.truth("mailboxes"), atelier.truth("messages"));
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Compared::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(mailbox) = mailboxes.get(number) else { return };
            let owner = text(mailbox, "mailbox");
            let own: Vec<&Value> =
                messages.iter().filter(|message| text(message, "mailbox") == owner).collect();
            let mut compared = Compared::default();
            compared.count("mailboxes");
            imap(host, number, mailbox, &own, &mut compared);
            pop3(host, number, mailbox, (atelier, &own), &mut compared);
            let mut all = all.lock().unwrap();
            all.differences.append(&mut compared.differences);
            all.measured.append(&mut compared.measured);
            for (what, count) in compared.counts {
                *all.counts.entry(what).or_default() += count;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(work);
        }
    });
    all.into_inner().unwrap()
}

#[test]
fn clients_of_the_real_site_notice_nothing() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    let copy = opened(target);
    let stage = stage(copy.path());
    let compared = compare_all(&stage, atelier);
    let is_complaint = |line: &String| line.contains("Error:") || line.contains("Warning:");
    let complaints: Vec<String> = stage.log().into_iter().filter(is_complaint).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    compared.expect_the_same();
}
