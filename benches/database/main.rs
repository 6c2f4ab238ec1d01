//! How long accounts take into a database, a second time, and out of it by Postfix's own program.
//!
//! ```sh
//! cargo bench --bench database
//! cargo bench --bench database -- --dir=/var/tmp/database --accounts=1000000 --backend=mysql
//! ```
//!
//! Servers are started privately, as root. Seconds are told as they pass, and those of processors: our own
//! and, after a `+`, the server's.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    dead_code,
    reason = "a benchmark prints, stops where it cannot go on, removes what it has written, and shares the tests' servers"
)]

#[path = "../../tests/support/server.rs"]
mod server;

use server::{Kind, Server};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use unqmail::database::{self, Place};
use unqmail::fsys::tree::Tree;
use unqmail::model::connection::Connection;
use unqmail::model::design::{Design, DomainPattern, MailDomain, Mailbox, Role};
use unqmail::model::password::{Scheme, Secret};
use unqmail::model::{Address, DomainName, Origin, RelPath};
use unqmail::policy::{Backend, Database, Dovecot, MapType};
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
    let folder = folder.join("database-bench");
    let wanted = option("backend");
    let design = design(accounts);
    let backends = [
        ("sqlite", Backend::Sqlite, None),
        ("postgresql", Backend::Postgresql, Some(Kind::Postgresql)),
        ("mysql", Backend::Mysql, Some(Kind::Mariadb)),
    ];
    for (name, backend, kind) in backends {
        if wanted.as_ref().is_none_or(|wanted| wanted == name) {
            println!("{name}, {accounts} accounts");
            run(&design, backend, kind.map(Server::start).as_ref(), accounts, &folder);
        }
    }
}

fn run(design: &Design, backend: Backend, server: Option<&Server>, accounts: usize, target: &Path) {
    drop(std::fs::remove_dir_all(target));
    let connection = server.zip(backend.server()).and_then(|(server, kind)| {
        let mut told = Database::default();
        told.read(&server.connection(), kind).expect("what tells where it is");
        told.server
    });
    let connection: Option<&Connection> = connection.as_ref();
    let choices =
        Choices { dovecot: Dovecot::V23, map_type: MapType::Lmdb, backend, server: connection };
    let emitted = timed("made to rows", server, || target::emit(design, choices));
    let tree = Tree::create(target).expect("a folder that can be written to");
    let path = RelPath::new(target::sql::FILE);
    let place = connection.map_or(Place::File(&path), Place::Server);
    for pass in ["first load", "second load"] {
        timed(pass, server, || {
            let mut opened = database::open(&tree, place, None).expect("a database");
            database::load(&mut *opened, &emitted.tables).expect("a database that takes rows")
        });
    }
    for name in ["aliases", "mailboxes"] {
        let map = RelPath::new(format!("etc/postfix/unqmail/sql/{name}.cf"));
        let file = emitted.files.iter().find(|file| file.path == map).expect("a map");
        let text = String::from_utf8_lossy(file.bytes()).into_owned();
        let here = target.join(target::sql::FILE);
        let text = text.replace(&format!("/{}", target::sql::FILE), &here.to_string_lossy());
        let conf = target.join(format!("{name}.cf"));
        std::fs::write(&conf, text).expect("a folder that can be written to");
        let kind = server.map_or("sqlite", |server| server.kind.map_type());
        let found =
            timed(name, server, || look_up(&format!("{kind}:{}", conf.display()), accounts));
        assert_eq!(found, LOOKUPS.min(accounts), "every address is found");
    }
    drop(std::fs::remove_dir_all(target));
}

/// Says what something takes.
fn timed<T>(what: &str, server: Option<&Server>, run: impl FnOnce() -> T) -> T {
    let processors = || {
        let server = server.map(|server| processor(&server.id().to_string()));
        (processor("self"), server.unwrap_or_default())
    };
    let (begun, before) = (Instant::now(), processors());
    let made = run();
    let wall = begun.elapsed().as_secs_f64();
    // A server hears of the end of its processes a little later.
    std::thread::sleep(Duration::from_millis(300));
    let after = processors();
    let (own, theirs) = (after.0 - before.0, after.1 - before.1);
    println!("  {what:<12} {wall:7.2} s, of processors {own:.2} + {theirs:.2} s");
    made
}

/// Seconds of processors that a process and the children it has waited for took, as proc(5) tells them.
fn processor(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    // A hundred a second on every Linux (USER_HZ).
    ticks / 100.0
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

/// How many of the addresses one postmap(1) finds.
fn look_up(map: &str, accounts: usize) -> usize {
    let step = (accounts / LOOKUPS).max(1);
    let keys = (0..accounts).step_by(step).take(LOOKUPS).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", account(number)).expect("a text");
        text
    });
    let mut child = Command::new("postmap")
        .args(["-q", "-", map])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("postmap of Postfix");
    let mut input = child.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, keys.as_bytes()));
    let output = child.wait_with_output().expect("its answer");
    writer.join().expect("a thread").expect("a pipe");
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}
