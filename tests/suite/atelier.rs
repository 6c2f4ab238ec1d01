//! The real site: totals, and the old server's rules against what its programs did.

use crate::support::{Atelier, Ran, atelier, migrated_atelier, sites, unqmail, unqmail_with};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn run(atelier: &Atelier, args: &[&str], input: &[u8]) -> Ran {
    let config = ["--config", atelier.config.to_str().unwrap()];
    let ran = unqmail_with([args, &config].concat(), input);
    assert_eq!(ran.code, 0, "{}", ran.all());
    ran
}

#[test]
fn the_plan_counts_everything() {
    let Some(atelier) = atelier() else { return };
    let plan =
        run(atelier, &["plan", atelier.site.to_str().unwrap(), "--format", "json"], b"").json();
    let total = |key: &str| plan["totals"][key].as_u64().unwrap();
    assert_eq!(total("messages"), 5156);
    assert_eq!(total("messages"), atelier.truth("messages").len() as u64);
    assert_eq!((total("domains"), total("alias_domains"), total("lists")), (8, 2, 8));
    assert_eq!(total("bytes"), 8_281_609);
    let accounts = plan["accounts"].as_array().unwrap();
    for user in atelier.truth("users").iter().filter(|user| user["alias_login"].is_null()) {
        let found = accounts.iter().any(|account| account["address"] == user["user"]);
        assert!(found, "{}", user["user"]);
    }
}

#[test]
fn the_old_servers_rules_agree_with_its_programs() {
    let Some(atelier) = atelier() else { return };
    let scorer = sites().join("score-addresses");
    let truth = atelier.truth.to_str().unwrap();
    let addresses = Command::new(&scorer).args([truth, "--addresses"]).output().unwrap();
    assert!(addresses.status.success(), "score-addresses needs python3");
    let site = atelier.site.to_str().unwrap();
    let told = run(atelier, &["explain", site, "-", "--format", "json"], &addresses.stdout);
    let mut scoring = Command::new(&scorer)
        .arg(truth)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = scoring.stdin.take().unwrap();
    let text = told.stdout.into_bytes();
    let writer = std::thread::spawn(move || input.write_all(&text));
    let score = scoring.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&score.stdout);
    assert!(score.status.success(), "every address agrees:\n{said}");
    assert!(said.contains("1371"), "{said}");
}

/// A message by its folder, name, SHA-256 and date; the flags are in the name.
type Message = (String, String, String, i64);

#[test]
fn every_message_arrives_with_its_bytes_its_date_and_its_flags() {
    let Some((atelier, target)) = migrated_atelier() else { return };
    // `.../Maildir/.Sent/cur/NAME` is told from `.../Maildir/.Drafts/cur/NAME`, whoever owns it.
    let split = |path: &str| {
        let mut parts = path.rsplitn(4, '/');
        let (name, part, folder) = (parts.next(), parts.next(), parts.next());
        let folder = folder.filter(|folder| folder.starts_with('.')).unwrap_or_default();
        // Letters of keywords, which Courier keeps elsewhere, stand behind the flags here.
        let name = name.unwrap_or_default();
        let name = match name.rsplit_once(":2,") {
            Some((base, flags)) => {
                format!("{base}:2,{}", flags.trim_end_matches(|c: char| c.is_ascii_lowercase()))
            }
            None => name.to_owned(),
        };
        (format!("{folder}/{}", part.unwrap_or_default()), name)
    };
    let truth = atelier.truth("messages");
    let mut expected: Vec<Message> = truth
        .iter()
        .map(|row| {
            let (folder, name) = split(row["path"].as_str().unwrap());
            let date = row["mtime"].as_f64().unwrap().floor();
            let sha = row["sha256"].as_str().unwrap().to_owned();
            #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
            (folder, name, sha, date as i64)
        })
        .collect();
    let mail = target.join("var/vmail");
    let script =
        "find . -path '*/Maildir/*' \\( -path '*/cur/*' -o -path '*/new/*' \\) -type f -print0 |
        xargs -0 sha256sum -z";
    let sums = Command::new("sh").args(["-c", script]).current_dir(&mail).output().unwrap();
    let mut found: Vec<Message> = sums
        .stdout
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
        .map(|line| {
            use std::os::unix::ffi::OsStrExt as _;
            let (sha, path) = (String::from_utf8_lossy(&line[..64]).into_owned(), &line[66..]);
            let stat = std::fs::metadata(mail.join(std::ffi::OsStr::from_bytes(path))).unwrap();
            let text: String = path.iter().map(|byte| char::from(*byte)).collect();
            let (folder, name) = split(&text);
            (folder, name, sha, std::os::unix::fs::MetadataExt::mtime(&stat))
        })
        .collect();
    expected.sort();
    found.sort();
    let is_in = |all: &[Message], one: &Message| all.binary_search(one).is_ok();
    let missing: Vec<_> = expected.iter().filter(|one| !is_in(&found, one)).collect();
    let more: Vec<_> = found.iter().filter(|one| !is_in(&expected, one)).collect();
    assert_eq!(expected.len(), 5156);
    assert!(
        missing.is_empty() && found.len() == 5156,
        "{} missing: {missing:#?}\n{} more: {more:#?}",
        missing.len(),
        more.len()
    );
}

#[test]
fn two_plans_are_the_same_to_the_byte() {
    let Some(atelier) = atelier() else { return };
    let site = atelier.site.to_str().unwrap();
    let plan = || unqmail(["plan", site, "--format", "json"]).stdout;
    assert!(plan() == plan());
}
