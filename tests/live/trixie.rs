//! Dovecot 2.4, as Debian 13 has it, on what is written for it: in a tree that debootstrap makes
//! once, `target/trixie`; `tests/trixie` makes it. Where it is missing nothing is tested.

use crate::mailboxes::{compare_all, opened};
use crate::support::{atelier, project, scratch, unqmail};
use crate::wire::{HERE, Host};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use unqmail::stage::Line;

/// Dovecot 2.4 on a target.
struct Trixie {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    /// Process 1 inside, as this host numbers it.
    init: u32,
    _work: tempfile::TempDir,
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
        Self { child, output: Some(output), init, _work: work }
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
    fn connect(&self, port: u16, from: IpAddr) -> Line {
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
        Line::over(connected.join().unwrap()).unwrap()
    }

    fn log(&self) -> Vec<String> {
        Vec::new()
    }

    fn counts_line_ends(&self) -> bool {
        true
    }
}

#[test]
fn clients_of_the_real_site_notice_nothing_with_dovecot_2_4() {
    let tree = project().join("target/trixie");
    let Some(atelier) = atelier().filter(|_| tree.join("usr/sbin/dovecot").exists()) else {
        eprintln!("{} is not there: Dovecot 2.4 is not tested", tree.display());
        return;
    };
    let folder = scratch();
    let (target, config) = (folder.path().join("new"), folder.path().join("unqmail.toml"));
    let settings = fs::read_to_string(&atelier.config).unwrap();
    fs::write(&config, format!("[new]\ndovecot = \"2.4\"\n{settings}")).unwrap();
    let paths = [&atelier.site, &target, &config].map(|path| path.to_str().unwrap());
    let ran = unqmail(["migrate", paths[0], paths[1], "--config", paths[2]]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let copy = opened(&target);
    let conf = copy.path().join("etc/dovecot/dovecot.conf");
    // No certificate is made for the test, and nobody takes what goes to syslog.
    let text = fs::read_to_string(&conf).unwrap().replace("\nssl = yes\n", "\nssl = no\n");
    fs::write(&conf, format!("{text}log_path = /run/dovecot.log\n")).unwrap();
    let trixie = Trixie::start(&tree, copy.path());
    let compared = compare_all(&trixie, atelier);
    let said = trixie.end();
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.contains("Error:") || line.contains("Fatal:")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    compared.expect_the_same();
}
