//! Dovecot 2.4 and mlmmj 1.5, as Debian 13 has them, on what is written for them: in a tree that
//! debootstrap makes once, `target/trixie`; `tests/trixie` makes it. Where it is missing the tests fail, unless
//! `UNQMAIL_WITHOUT_DOVECOT_24` is set.

use crate::late;
use crate::logins::everybody_logs_in_at;
use crate::mailboxes::{compare_all, opened};
use crate::oddities::{folders, messages, open_folders, read_messages};
use crate::support::server::{Kind, Server};
use crate::support::{
    Atelier, IN_SQLITE, Laid, SETTINGS, SMALL, atelier, atelier_with, project, scratch, unqmail,
};
use crate::synchronised::fetch_nothing_again;
use crate::wire::{HERE, Host, Line, outside};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use unqmail::stage;

/// Dovecot 2.4 on a target.
struct Trixie {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    /// Process 1 inside, as this host numbers it.
    init: u32,
    work: tempfile::TempDir,
}

impl Trixie {
    fn start(tree: &Path, target: &Path) -> Self {
        let work = tempfile::tempdir().unwrap();
        let mut child = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["--propagation", "private", "sh", "-c", include_str!("trixie.sh"), "trixie"])
            .args([tree, target, work.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        let outer = child.id();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        let init = children.split_whitespace().next().unwrap().parse().unwrap();
        Self { child, output: Some(output), init, work }
    }

    /// Its `/`, seen from outside.
    fn root(&self) -> PathBuf {
        let work = self.work.path().strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.init)).join(work).join("root")
    }

    /// Lets its programs see a folder of this host under the same path.
    fn show(&self, folder: &Path) {
        let inside = self.work.path().join("root").join(folder.strip_prefix("/").unwrap());
        let mut mount = Command::new("nsenter");
        mount.args(["-t", &self.init.to_string(), "-m", "--", "sh", "-c"]);
        mount
            .arg("mkdir -p \"$2\" && mount --bind \"$1\" \"$2\"")
            .arg("show")
            .arg(folder)
            .arg(inside);
        assert!(mount.status().unwrap().success());
    }

    /// A program of this host beside its servers.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-n", "--", program]);
        command
    }

    /// Ends it, and returns what it said.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.output.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Trixie {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Host for Trixie {
    fn connect(&self, port: u16, from: IpAddr) -> stage::Line {
        let host = if from == HERE { HERE } else { IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)) };
        let to = SocketAddr::new(host, port);
        let path = format!("/proc/{}/ns/net", self.init);
        // A thread of its own, because a thread that has moved cannot be moved back by others.
        let connected = std::thread::spawn(move || {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let namespace = rustix::fs::open(path.as_str(), flags, Mode::empty()).unwrap();
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).unwrap();
            let socket = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                None,
            );
            let socket = socket.unwrap();
            rustix::net::bind(&socket, &SocketAddr::new(from, 0)).unwrap();
            for _ in 0..200 {
                if rustix::net::connect(&socket, &to).is_ok() {
                    return TcpStream::from(socket);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            panic!("nothing answers on {to}");
        });
        stage::Line::over(connected.join().unwrap()).unwrap()
    }

    fn log(&self) -> Vec<String> {
        Vec::new()
    }

    fn counts_line_ends(&self) -> bool {
        true
    }
}

/// The tree with Dovecot 2.4; `None` only where somebody said to go without.
fn tree() -> Option<PathBuf> {
    let tree = project().join("target/trixie");
    if std::env::var_os(WITHOUT).is_some_and(|value| !value.is_empty()) {
        eprintln!("{WITHOUT} is set: Dovecot 2.4 is not tested");
        return None;
    }
    let is_there = tree.join("usr/sbin/dovecot").exists();
    assert!(is_there, "{} is not there: run tests/trixie, or set {WITHOUT}", tree.display());
    Some(tree)
}

/// Says to go without Dovecot 2.4.
const WITHOUT: &str = "UNQMAIL_WITHOUT_DOVECOT_24";

/// How `tests/trixie` ends with a mirror, in a folder where no tree is.
fn made_from(mirror: &str) -> Option<i32> {
    let folder = scratch();
    let script = folder.path().join("tests/trixie");
    fs::create_dir(folder.path().join("tests")).unwrap();
    fs::copy(project().join("tests/trixie"), &script).unwrap();
    let apt = folder.path().join("apt.conf");
    fs::write(&apt, "Acquire::http::Proxy::127.0.0.1 \"DIRECT\";\n").unwrap();
    let mut run = Command::new("bash");
    run.arg(&script).env("DEBIAN_MIRROR", mirror).env("APT_CONFIG", apt);
    let ran = run.output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stderr).contains("could not be made"), "{ran:?}");
    ran.status.code()
}

#[test]
fn only_a_mirror_out_of_reach_is_an_excuse() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mirror = format!("http://{}/debian", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            std::thread::spawn(|| answer_that_nothing_is_there(stream));
        }
    });
    assert_eq!(made_from(&mirror), Some(1));
    // Whoever had this port has given it back.
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    assert_eq!(made_from(&format!("http://{closed}/debian")), Some(75));
}

fn answer_that_nothing_is_there(mut stream: TcpStream) {
    let mut request = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while request.read_line(&mut line).is_ok_and(|length| length > 0) {
        if line == "\r\n" {
            let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            drop(stream.write_all(none));
        }
        line.clear();
    }
}

/// Runs tests once more where Debian 13 is the host: with its Postfix, Dovecot 2.4 and mlmmj 1.5.
fn on_debian_13(tests: &[&str]) {
    let Some(tree) = tree() else { return };
    let work = tempfile::tempdir().unwrap();
    let project = project();
    let ran = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"])
        .args(["sh", "-c", include_str!("trixie-host.sh"), "trixie-host"])
        .args([tree.as_path(), work.path(), &project, Path::new(env!("CARGO_TARGET_TMPDIR"))])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .args(tests)
        .env(SETTINGS, "[new]\ndovecot = \"2.4\"\n")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaints = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}{complaints}");
    assert!(said.contains(&format!("{} passed", tests.len())), "{said}");
    let is_here = atelier().is_some();
    assert!(!is_here || !complaints.contains("nothing is tested"), "{complaints}");
}

#[test]
fn lists_of_every_kind_live_on_in_mlmmj_1_5() {
    on_debian_13(&["mlmmj::lists_of_every_kind_live_on_in_mlmmj"]);
}

#[test]
fn autoresponders_answer_as_before_with_dovecot_2_4() {
    on_debian_13(&[
        "answers::a_sender_is_answered_once_with_the_old_text_and_lists_and_bounces_never",
        "answers::a_robot_answers_keeps_nothing_and_sends_on",
        "answers::each_autoresponder_of_the_real_site_answers_once_with_its_old_text",
    ]);
}

#[test]
fn filters_file_as_before_with_dovecot_2_4() {
    on_debian_13(&[
        "filters::mail_goes_where_filters_of_the_old_server_put_it",
        "filters::each_filter_of_the_real_site_files_as_before",
    ]);
}

#[test]
fn every_script_is_one_for_sievec_of_dovecot_2_4() {
    on_debian_13(&[
        "answers::every_script_is_one_for_sievec",
        "filters::every_case_is_a_script_for_sievec",
        "filters::every_script_of_the_real_site_is_one_for_sievec",
    ]);
}

/// No certificate is made for the test, and nobody takes what goes to syslog.
fn quiet(target: &Path) {
    let conf = target.join("etc/dovecot/dovecot.conf");
    let text = fs::read_to_string(&conf).unwrap().replace("\nssl = yes\n", "\nssl = no\n");
    fs::write(&conf, format!("{text}log_path = /run/dovecot.log\n")).unwrap();
}

#[test]
fn clients_of_the_real_site_notice_nothing_with_dovecot_2_4() {
    let (Some(tree), Some(atelier)) = (tree(), atelier()) else { return };
    let folder = scratch();
    let (target, config) = (folder.path().join("new"), folder.path().join("unqmail.toml"));
    let settings = fs::read_to_string(&atelier.config).unwrap();
    fs::write(&config, format!("[new]\ndovecot = \"2.4\"\n{settings}")).unwrap();
    let paths = [&atelier.site, &target, &config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["migrate", paths[0], paths[1], "--config", paths[2]]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let copy = opened(&target);
    quiet(copy.path());
    let trixie = Trixie::start(&tree, copy.path());
    let compared = compare_all(&trixie, atelier);
    fetch_nothing_again(atelier, &|| trixie.command("mbsync"));
    let said = trixie.end();
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.contains("Error:") || line.contains("Fatal:")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    compared.expect_the_same();
}

#[test]
fn every_name_is_fit_for_dovecot_2_4() {
    let Some(tree) = tree() else { return };
    let run = |manifest: String, check: fn(&dyn Host)| {
        let laid = Laid::new(&manifest, "[new]\ndovecot = \"2.4\"\n").migrated();
        quiet(&laid.target);
        let trixie = Trixie::start(&tree, &laid.target);
        check(&trixie);
        let said = trixie.end();
        assert!(!said.contains("Error:"), "{said}");
    };
    run(folders(), open_folders);
    run(messages(), read_messages);
}

#[test]
fn late_mail_appears_once_with_dovecot_2_4() {
    let Some(tree) = tree() else { return };
    let settings = "[old]\nquiet_seconds = 0\n[new]\ndovecot = \"2.4\"\n";
    let laid = Laid::new(&late::site(), settings).migrated();
    assert_eq!(laid.migrate(&["--final"]).code, 0);
    quiet(&laid.target);
    let trixie = Trixie::start(&tree, &laid.target);
    late::bring_late_mail(&laid, &trixie, &trixie.root());
    let said = trixie.end();
    assert!(!said.contains("Error:"), "{said}");
}

/// Hands a message over as Postfix does; the last answer.
fn deliver(socket: &Path, to: &str, lines: usize) -> String {
    let mut line = BufReader::new(UnixStream::connect(socket).unwrap());
    let mut answer = |command: &str| {
        line.get_mut().write_all(command.as_bytes()).unwrap();
        loop {
            let mut text = String::new();
            line.read_line(&mut text).unwrap();
            if text.as_bytes().get(3) != Some(&b'-') {
                return text;
            }
        }
    };
    answer("");
    for command in ["LHLO here\r\n", "MAIL FROM:<probe@probe.example>\r\n"] {
        assert!(answer(command).starts_with("250"), "{command}");
    }
    let answered = answer(&format!("RCPT TO:<{to}>\r\n"));
    if !answered.starts_with("250") {
        return answered;
    }
    answer("DATA\r\n");
    answer(&format!("To: {to}\r\nSubject: x\r\n\r\n{}.\r\n", "12345678\r\n".repeat(lines)))
}

#[test]
fn limits_are_kept_by_dovecot_2_4() {
    limits_are_kept("", None);
}

#[test]
fn limits_in_a_database_are_kept_by_dovecot_2_4() {
    limits_are_kept("[new]\nbackend = 'sqlite'\n", None);
}

#[test]
fn limits_on_a_server_are_kept_by_dovecot_2_4() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        limits_are_kept(&server.settings(), Some(&server));
    }
}

#[test]
fn everybody_of_the_real_site_logs_in_by_each_database_on_dovecot_2_4() {
    let (Some(tree), Some(atelier)) = (tree(), atelier()) else { return };
    everybody_logs_in(&tree, atelier, IN_SQLITE, None);
    for kind in Kind::ALL {
        let server = Server::start(kind);
        everybody_logs_in(&tree, atelier, &server.settings(), Some(&server));
    }
}

fn everybody_logs_in(tree: &Path, atelier: &Atelier, settings: &str, server: Option<&Server>) {
    let (_, target, _) = atelier_with(&format!("{settings}dovecot = '2.4'\n")).unwrap();
    quiet(target.path());
    let trixie = Trixie::start(tree, target.path());
    if let Some(server) = server {
        trixie.show(server.folder());
    }
    everybody_logs_in_at(&trixie, atelier, false);
}

fn limits_are_kept(settings: &str, server: Option<&Server>) {
    let Some(tree) = tree() else { return };
    let d = "home/vpopmail/domains/a.example";
    let hash = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";
    let manifest = format!(
        "{SMALL}file {d}/vpasswd
| joe:{hash}:1:0:Joe:/{d}/joe:3C
| eve:{hash}:1:0:Eve:/{d}/eve:20000S,1000C
message {d}/joe/Maildir/cur/1.a:2,S One
message {d}/joe/Maildir/cur/2.a:2,S Two
message {d}/joe/Maildir/.Trash/cur/3.a:2,S Not counted
"
    );
    let new = if settings.is_empty() { "[new]\n" } else { settings };
    let laid = Laid::new(&manifest, &format!("{new}dovecot = \"2.4\"\n")).migrated();
    quiet(&laid.target);
    let trixie = Trixie::start(&tree, &laid.target);
    if let Some(server) = server {
        trixie.show(server.folder());
    }
    let quota = |user: &str| {
        let mut line = Line::open(&trixie, 143, outside(7));
        line.imap(&format!("LOGIN {user}@a.example spring-apple"));
        let (told, _) = line.imap("GETQUOTAROOT INBOX");
        told.into_iter().find(|line| line.starts_with("* QUOTA ")).unwrap_or_default()
    };
    assert!(quota("joe").ends_with("(MESSAGE 2 3)"), "{}", quota("joe"));
    assert!(quota("eve").ends_with("(STORAGE 0 20 MESSAGE 0 1000)"), "{}", quota("eve"));
    let socket = trixie.root().join("var/spool/postfix/private/dovecot-lmtp");
    for (to, lines, code) in [
        ("joe", 1200, "250"),
        ("joe", 1, "552"),
        ("eve", 1200, "250"),
        ("eve", 1200, "552"),
        ("eve", 1, "250"),
    ] {
        let said = deliver(&socket, &format!("{to}@a.example"), lines);
        assert!(said.starts_with(code), "{to}: {said}");
    }
    assert!(quota("joe").ends_with("(MESSAGE 3 3)"), "{}", quota("joe"));
}
