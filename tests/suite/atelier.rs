//! The real site: totals, and the old server's rules against what its programs did.

use crate::support::{Atelier, Ran, atelier, sites, unqmail, unqmail_with};
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

#[test]
fn two_plans_are_the_same_to_the_byte() {
    let Some(atelier) = atelier() else { return };
    let site = atelier.site.to_str().unwrap();
    let plan = || unqmail(["plan", site, "--format", "json"]).stdout;
    assert!(plan() == plan());
}
