//! A private stage for the real servers: a target is laid over a throw-away copy of this host, in
//! namespaces of its own, and Postfix, Dovecot and the list managers run on it unchanged.
//!
//! Nothing leaves the machine: at the other end of the stage's only cable is a world of its own, in
//! which every domain has a mail server, and each keeps what it gets ([`Stage::take_posted`]).
//! Nothing stays: when the [`Stage`] is dropped, its processes, mounts and namespaces are gone, and
//! the target is as it was. Needs root, Linux, and the servers installed.

mod line;
mod namespace;
mod world;

pub use line::{Answer, Line};
pub use world::Posted;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use namespace::within;
use rustix::fs::Mode;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use world::World;

/// How long the servers may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// What runs inside, as process 1.
const SCRIPT: &str = include_str!("start.sh");

/// Who may open every mailbox, on stages only: they have networks of their own.
const MASTER: &str = "master@stage.invalid";
const MASTER_PASSWORD: &str = "stage";

/// Programs that a stage needs, and the package of each.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/sbin/postfix", "postfix"),
    ("/usr/sbin/dovecot", "dovecot-imapd"),
    ("/usr/bin/unshare", "util-linux"),
    ("/usr/sbin/ip", "iproute2"),
];

/// The same for a target that has a file with a text in it: both, the program and its package.
const NEEDED_FOR: &[(&str, &str, &str, &str)] = &[
    ("etc/postfix/master.cf", "user=mlmmj", "/usr/bin/mlmmj-receive", "mlmmj"),
    ("etc/postfix/unqmail/sympa-word", "", "/usr/lib/sympa/bin/queue", "sympa"),
    (MAIN, "sqlite:", "/usr/lib/postfix/postfix-sqlite.so", "postfix-sqlite"),
    (MAIN, "sqlite:", "/usr/lib/dovecot/modules/auth/libdriver_sqlite.so", "dovecot-sqlite"),
    (MAIN, "pgsql:", "/usr/lib/postfix/postfix-pgsql.so", "postfix-pgsql"),
    (MAIN, "pgsql:", "/usr/lib/dovecot/modules/auth/libdriver_pgsql.so", "dovecot-pgsql"),
    (MAIN, "mysql:", "/usr/lib/postfix/postfix-mysql.so", "postfix-mysql"),
    (MAIN, "mysql:", "/usr/lib/dovecot/modules/auth/libdriver_mysql.so", "dovecot-mysql"),
];

/// Postfix's settings.
const MAIN: &str = "etc/postfix/main.cf";

/// Servers that run on a target.
#[derive(Debug)]
pub struct Stage {
    child: Child,
    /// Closing it ends the stage.
    input: Option<ChildStdin>,
    /// Process 1 of the stage, as this host numbers it.
    init: u32,
    work: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    world: Option<World>,
    /// The stage ends, and the thread that takes the log with it.
    over: Arc<AtomicBool>,
}

/// Why a stage cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Namespaces and mounts are root's.
    #[error("running the real servers in private needs root: run it as root, on Linux")]
    NotRoot,
    /// A server is not installed.
    #[error("{0} is missing; install the package {1}")]
    Missing(&'static str, &'static str),
    /// Something inside failed; its words are told.
    #[error("the stage did not start: {0}")]
    Failed(String),
    /// A file or process could not be handled.
    #[error("setting the stage: {0}")]
    Io(#[from] io::Error),
}

/// The programs that this target needs besides, and the package of each.
fn needed_for(target: &Path) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_named = |file: &str, text: &str| {
        let said = crate::fsys::read_text(&target.join(file));
        said.is_ok_and(|said| said.contains(text))
    };
    let needed = NEEDED_FOR.iter().filter(move |(file, text, ..)| is_named(file, text));
    needed.map(|(_, _, path, package)| (*path, *package))
}

impl Stage {
    /// Whether a stage can be set on this host.
    ///
    /// # Errors
    /// Without root, or where a server is not installed.
    pub fn can_be_set() -> Result<(), Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let missing = NEEDED.iter().find(|(path, _)| rustix::fs::stat(*path).is_err());
        missing.map_or(Ok(()), |(path, package)| Err(Error::Missing(path, package)))
    }

    /// Lays a target over this host and starts its servers; returns when they answer.
    ///
    /// # Errors
    /// Without root, where a server is not installed, or where one does not start.
    pub fn start(target: &Path) -> Result<Self, Error> {
        Self::can_be_set()?;
        for (path, package) in needed_for(target) {
            if rustix::fs::stat(path).is_err() {
                return Err(Error::Missing(path, package));
            }
        }
        let work = work_folder()?;
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--propagation",
                "private",
            ])
            .args(["sh", "-c", SCRIPT, "stage"])
            .args([work.as_path(), target])
            .args([MASTER, MASTER_PASSWORD])
            // Ctrl-C on the terminal is for this process alone, which ends the stage in good order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(
                crate::fsys::create(&work.join("stage.log")).map_err(|e| e.source)?,
            ))
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (log, over) = (Arc::default(), Arc::default());
        let mut stage = Self { child, input, init: 0, work, log, world: None, over };
        let mut lines =
            BufReader::new(output.ok_or_else(|| io::Error::other("no output"))?).lines();
        stage.expect(&mut lines, "mounted")?;
        stage.init = stage.first_process()?;
        stage.listen()?;
        stage.world = Some(World::open(stage.root().join("run/netns/world"))?);
        if let Some(input) = &mut stage.input {
            input.write_all(b"\n")?;
        }
        stage.expect(&mut lines, "started")?;
        for port in [25, 143, 110] {
            stage.wait_for(port)?;
        }
        Ok(stage)
    }

    fn expect(
        &self,
        lines: &mut impl Iterator<Item = io::Result<String>>,
        wanted: &str,
    ) -> Result<(), Error> {
        match lines.next() {
            Some(Ok(line)) if line == wanted => Ok(()),
            _ => Err(Error::Failed(self.said())),
        }
    }

    /// Everything that the programs inside have complained about so far.
    pub fn said(&self) -> String {
        let names =
            ["stage", "users", "build-tables", "postfix-check", "doveconf", "postfix", "dovecot"];
        let read = |name: &str| {
            crate::fsys::read_text(&self.work.join(format!("{name}.log"))).unwrap_or_default()
        };
        let said =
            names.iter().map(|name| (name, read(name))).filter(|(_, text)| !text.trim().is_empty());
        let said: Vec<String> =
            said.map(|(name, text)| format!("{name}: {}", text.trim())).collect();
        said.join("\n")
    }

    /// The child of `unshare`: process 1 inside.
    fn first_process(&self) -> Result<u32, Error> {
        let outer = self.child.id();
        let path = PathBuf::from(format!("/proc/{outer}/task/{outer}/children"));
        let children = crate::fsys::read_text(&path).map_err(|e| e.source)?;
        let first = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        first.ok_or_else(|| Error::Failed("it has no first process".into()))
    }

    /// The stage's `/`, seen from outside.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init))
    }

    /// Takes what the servers log.
    fn listen(&self) -> Result<(), Error> {
        let path = self.root().join("dev/log");
        let socket = UnixDatagram::bind(&path)?;
        rustix::fs::chmod(&path, Mode::from_raw_mode(0o666)).map_err(io::Error::from)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (log, over) = (Arc::clone(&self.log), Arc::clone(&self.over));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while !over.load(Ordering::Relaxed) {
                let Ok(length) = socket.recv(&mut buffer) else { continue };
                let line =
                    String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
                log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(())
    }

    /// What the servers have logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the servers have logged since this was last asked; [`Stage::log`] forgets it.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The messages that left the stage since this was last asked.
    pub fn take_posted(&self) -> Vec<Posted> {
        self.world.as_ref().map(World::take_posted).unwrap_or_default()
    }

    /// Lets the world's mail servers listen on another port too; they do on 25.
    pub fn post_on(&self, port: u16) -> io::Result<()> {
        self.world.as_ref().map_or(Ok(()), |world| world.listen(port))
    }

    /// Takes all mail by LMTP on a port of the stage's own, in the place of a program that does not
    /// run there, and forgets it.
    pub fn swallow_on(&self, port: u16) -> io::Result<()> {
        let own = PathBuf::from(format!("/proc/{}/ns/net", self.init));
        world::swallow(own, port, &self.over)
    }

    /// What was written to `/var` since the stage was set, and nothing else.
    pub fn written(&self) -> PathBuf {
        let work = self.work.strip_prefix("/").unwrap_or(&self.work);
        self.root().join(work).join("layers/var-upper")
    }

    fn wait_for(&self, port: u16) -> Result<(), Error> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.connect(port, None).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Error::Failed(format!(
            "nothing answers on port {port}\n{}{}",
            self.said(),
            self.log().join("\n")
        )))
    }

    /// Connects to a server by a port: as the host itself, or as a client out in the world with an
    /// address of choice.
    ///
    /// # Errors
    /// Where nothing answers.
    pub fn connect(&self, port: u16, client: Option<IpAddr>) -> io::Result<Line> {
        match client {
            None => {
                let own = PathBuf::from(format!("/proc/{}/ns/net", self.init));
                within(own, move || Line::connect((Ipv4Addr::LOCALHOST, port).into(), None))
            }
            Some(client) => {
                let to = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port));
                let world = self.root().join("run/netns/world");
                within(world, move || Line::connect(to, Some(client)))
            }
        }
    }

    /// What a client sends after `AUTHENTICATE PLAIN` (RFC 4616) to act for a user, whoever that
    /// is: neither the user's password nor what is denied to the user matters.
    pub fn token_for(user: &[u8]) -> String {
        let words = [user, MASTER.as_bytes(), MASTER_PASSWORD.as_bytes()];
        STANDARD.encode(words.join(&0))
    }

    /// A command that runs inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-m", "-n", "-p", "--", program]);
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.world.take());
        // Process 1 ends with its input, and with it everything in its namespaces.
        drop(self.input.take());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None))
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill().is_ok();
        let _ = self.child.wait().is_ok();
        for folder in ["layers", "target"] {
            let _ = rustix::fs::rmdir(self.work.join(folder)).is_ok();
        }
        crate::fsys::remove_folder(&self.work);
    }
}

/// A folder for the stage's mount points and the programs' words.
fn work_folder() -> io::Result<PathBuf> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("unqmail-stage-{}-{number}", std::process::id()));
    for folder in [path.clone(), path.join("layers"), path.join("target")] {
        rustix::fs::mkdir(&folder, Mode::from_raw_mode(0o700)).map_err(io::Error::from)?;
    }
    Ok(path)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::needed_for;

    /// It was needed for every target, also where no list was on it.
    #[test]
    fn a_list_manager_is_needed_where_lists_are_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("etc/postfix");
        std::fs::create_dir_all(&folder).unwrap();
        for (text, packages) in [("smtp inet n", &[][..]), ("flags=Rhu user=mlmmj", &["mlmmj"])] {
            std::fs::write(folder.join("master.cf"), text).unwrap();
            let needed: Vec<&str> = needed_for(dir.path()).map(|(_, package)| package).collect();
            assert_eq!(needed, packages, "{text}");
        }
    }
}
