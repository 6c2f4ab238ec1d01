//! How long accounts take into a database, a second time, and out of it by Postfix's own program.
//!
//! ```sh
//! cargo bench --bench database
//! cargo bench --bench database -- --dir=/var/tmp/database --accounts=1000000
//! ```
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints, stops where it cannot go on, and removes what it has written"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use unqmail::database::{self, Place};
use unqmail::fsys::tree::Tree;
use unqmail::model::design::{Design, DomainPattern, MailDomain, Mailbox, Role};
use unqmail::model::password::{Scheme, Secret};
use unqmail::model::{Address, DomainName, Origin, RelPath};
use unqmail::policy::{Backend, Dovecot, MapType};
use unqmail::target::{self, Choices};

/// So many addresses are asked for.
const LOOKUPS: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let front = format!("--{name}=");
        arguments.iter().find_map(|argument| argument.strip_prefix(&front).map(str::to_owned))
    };
    let accounts = option("accounts").and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
    let folder =
        option("dir").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).into(), PathBuf::from);
    let target = folder.join("database-bench");
    drop(std::fs::remove_dir_all(&target));
    let design = design(accounts);
    let choices = Choices {
        dovecot: Dovecot::V23,
        map_type: MapType::Lmdb,
        backend: Backend::Sqlite,
        server: None,
    };
    let begun = Instant::now();
    let emitted = target::emit(&design, choices);
    println!("{accounts} accounts made to rows: {:.2} s", begun.elapsed().as_secs_f64());
    let tree = Tree::create(&target).expect("a folder that can be written to");
    let path = RelPath::new(target::sql::FILE);
    for pass in ["first", "second"] {
        let begun = Instant::now();
        let mut opened = database::open(&tree, Place::File(&path), None).expect("a database");
        let loaded =
            database::load(&mut *opened, &emitted.tables).expect("a database that takes rows");
        let took = begun.elapsed().as_secs_f64();
        println!("{pass} load: {took:.2} s, {} rows written", loaded.written());
    }
    for name in ["aliases", "mailboxes"] {
        let map = RelPath::new(format!("etc/postfix/unqmail/sql/{name}.cf"));
        let file = emitted.files.iter().find(|file| file.path == map).expect("a map");
        let text = String::from_utf8_lossy(file.bytes()).into_owned();
        let here = target.join(target::sql::FILE);
        let text = text.replace(&format!("/{}", target::sql::FILE), &here.to_string_lossy());
        let conf = target.join(format!("{name}.cf"));
        std::fs::write(&conf, text).expect("a folder that can be written to");
        look_up(name, &conf, accounts);
    }
    drop(std::fs::remove_dir_all(&target));
}

fn account(number: usize) -> Address {
    Address::new(format!("user{number}"), &DomainName::new(format!("d{}.example", number / 1000)))
}

fn design(accounts: usize) -> Design {
    let origin = Origin::file(&RelPath::new("bench"));
    let mailbox = |number| {
        let address = account(number);
        let hash = format!("$1$bench{:03}$zAMYfZwqsSw9y8cWx232D.", number % 1000);
        let mailbox = Mailbox {
            password: Some((Scheme::Md5, Secret::new(hash))),
            is_plain: true,
            ..Mailbox::without_login(address.clone(), origin.clone())
        };
        (address, mailbox)
    };
    let mailboxes: std::collections::BTreeMap<_, _> = (0..accounts).map(mailbox).collect();
    let names = mailboxes.keys().map(|at| at.domain.clone());
    let own =
        MailDomain { role: Role::Own, open: true, except: Vec::new(), origin: origin.clone() };
    let domains = names.map(|name| (DomainPattern::Domain(name), own.clone())).collect();
    Design { mailboxes, domains, ..Design::default() }
}

fn look_up(name: &str, conf: &Path, accounts: usize) {
    let step = (accounts / LOOKUPS).max(1);
    let keys = (0..accounts).step_by(step).take(LOOKUPS).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", account(number)).expect("a text");
        text
    });
    let begun = Instant::now();
    let mut child = Command::new("postmap")
        .args(["-q", "-"])
        .arg(format!("sqlite:{}", conf.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("postmap of Postfix");
    let mut input = child.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, keys.as_bytes()));
    let output = child.wait_with_output().expect("its answer");
    writer.join().expect("a thread").expect("a pipe");
    let found = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    println!("{name}: {found} found by one postmap in {:.2} s", begun.elapsed().as_secs_f64());
}
