//! A private PostgreSQL server with one database, on a socket in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: tempfile::TempDir,
    child: Child,
}

/// Where Debian puts the programs of a server.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("the package postgresql");
    let newest = versions.map(|entry| entry.unwrap().path()).max().expect("a version");
    newest.join("bin")
}

/// A program of the server's, as the server's user.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(programs().join(name)).current_dir("/");
    command
}

impl Postgres {
    pub fn start() -> Self {
        // The path of a socket is short, and everybody may connect.
        let folder = tempfile::Builder::new().prefix("unqmail-pg").tempdir_in("/tmp").unwrap();
        let owned = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
        assert!(owned.success(), "the package postgresql makes a user");
        let opened = Command::new("chmod").arg("0755").arg(folder.path()).status().unwrap();
        assert!(opened.success());
        let data = folder.path().join("data");
        let mut initdb = program("initdb");
        initdb.args(["-A", "trust", "-E", "UTF8", "--locale=C", "-N", "-D"]).arg(&data);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = program("postgres");
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-h", "", "-F"]);
        let child = postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { folder, child };
        let is_up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            server.psql("postgres", "CREATE DATABASE mail").is_ok()
        });
        assert!(is_up, "PostgreSQL does not start");
        server
    }

    fn psql(&self, database: &str, statement: &str) -> Result<String, String> {
        let mut psql = Command::new("psql");
        psql.arg("-h").arg(self.folder.path()).args(["-U", "postgres", "-d", database]);
        let output =
            psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Runs statements in the database, and returns what they say.
    pub fn run(&self, statement: &str) -> String {
        self.psql("mail", statement).unwrap()
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Settings that name it, in a file of their own beside it.
    pub fn settings(&self) -> String {
        let file = self.folder.path().join("connection.toml");
        let host = self.folder.path().display();
        let text = format!("host = '{host}'\nport = 5432\nname = 'mail'\nuser = 'postgres'\n");
        fs::write(&file, text).unwrap();
        let file = file.display();
        format!("[database]\nconnection = '{file}'\n[new]\nbackend = 'postgresql'\n")
    }

    /// Ends it before its time.
    pub fn stop(&mut self) {
        drop(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}
