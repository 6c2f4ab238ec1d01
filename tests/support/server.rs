//! Private database servers with one database, on a socket in a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgresql,
    Mariadb,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Postgresql, Self::Mariadb];

    /// The setting that chooses it.
    pub fn backend(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Mariadb => "mysql",
        }
    }

    /// Postfix's word for it.
    pub fn map_type(self) -> &'static str {
        match self {
            Self::Postgresql => "pgsql",
            Self::Mariadb => "mysql",
        }
    }

    /// The user of the host who runs it.
    fn owner(self) -> &'static str {
        match self {
            Self::Postgresql => "postgres",
            Self::Mariadb => "mysql",
        }
    }

    /// The port in the name of PostgreSQL's socket, which is not the usual one.
    pub const PORT: u16 = 5433;
}

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    pub kind: Kind,
    folder: tempfile::TempDir,
    child: Child,
}

/// Where Debian puts the programs of PostgreSQL.
fn postgres(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("the package postgresql");
    let newest = versions.map(|entry| entry.unwrap().path()).max().expect("a version");
    newest.join("bin").join(name)
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        // The path of a socket is short, and everybody may connect.
        let folder = tempfile::Builder::new().prefix("unqmail-db").tempdir_in("/tmp").unwrap();
        let owned = Command::new("chown").arg(kind.owner()).arg(folder.path()).status().unwrap();
        assert!(owned.success(), "the package of {kind:?} makes a user");
        let opened = Command::new("chmod").arg("0755").arg(folder.path()).status().unwrap();
        assert!(opened.success());
        let (make, run) = programs(kind, folder.path());
        let as_owner = |words: Vec<String>| {
            let mut command = Command::new("setpriv");
            let owner = kind.owner();
            command.args([&format!("--reuid={owner}"), &format!("--regid={owner}")]);
            command.arg("--clear-groups").args(words).current_dir("/");
            // A server of MariaDB that starts removes what another one has in the same folder.
            command.env("TMPDIR", folder.path());
            command
        };
        let made = as_owner(make).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = as_owner(run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { kind, folder, child };
        let is_up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            server.ask(None, "CREATE DATABASE mail").is_ok()
        });
        assert!(is_up, "{kind:?} does not start");
        // Its own user has no password.
        if kind == Kind::Mariadb {
            server.run("CREATE USER mail@localhost IDENTIFIED BY 'Quiet-lake9'; GRANT ALL ON mail.* TO mail@localhost");
        }
        server
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn ask(&self, database: Option<&str>, statement: &str) -> Result<String, String> {
        let mut client = match self.kind {
            Kind::Postgresql => {
                let mut psql = Command::new("psql");
                psql.arg("-h").arg(self.folder.path()).args(["-p", &Kind::PORT.to_string()]);
                psql.args(["-U", "postgres", "-d", database.unwrap_or("postgres")]);
                psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]);
                psql
            }
            Kind::Mariadb => {
                let mut mariadb = Command::new("mariadb");
                mariadb.args(["--no-defaults", "-u", "root", "-S"]).arg(self.socket());
                mariadb.args(["--default-character-set=utf8mb4", "-BN"]);
                mariadb.args(["-e", statement]).args(database);
                mariadb
            }
        };
        let output = client.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Runs statements in the database, and returns what they say.
    pub fn run(&self, statement: &str) -> String {
        self.ask(Some("mail"), statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its socket, or the folder of it.
    pub fn socket(&self) -> PathBuf {
        match self.kind {
            Kind::Postgresql => self.folder.path().to_owned(),
            Kind::Mariadb => self.folder.path().join("socket"),
        }
    }

    /// Settings that name it, in a file of their own beside it.
    pub fn settings(&self) -> String {
        let file = self.folder.path().join("connection.toml");
        fs::write(&file, self.connection()).unwrap();
        let (file, backend) = (file.display(), self.kind.backend());
        format!("[database]\nconnection = '{file}'\n[new]\nbackend = '{backend}'\n")
    }

    /// What such a file says.
    pub fn connection(&self) -> String {
        let host = self.socket().display().to_string();
        let who = match self.kind {
            Kind::Postgresql => format!("port = {}\nuser = 'postgres'\n", Kind::PORT),
            Kind::Mariadb => "user = 'mail'\npassword = 'Quiet-lake9'\n".to_owned(),
        };
        format!("host = '{host}'\nname = 'mail'\n{who}")
    }

    /// Ends it before its time.
    pub fn stop(&mut self) {
        let signal = match self.kind {
            Kind::Postgresql => "-INT",
            Kind::Mariadb => "-TERM",
        };
        drop(Command::new("kill").args([signal, &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

/// The words that make its files, and those that run it.
fn programs(kind: Kind, folder: &Path) -> (Vec<String>, Vec<String>) {
    let data = folder.join("data").display().to_string();
    let (make, run) = match kind {
        Kind::Postgresql => {
            let (initdb, server) = (postgres("initdb"), postgres("postgres"));
            (
                format!("{} -A trust -E UTF8 --locale=C -N -D {data}", initdb.display()),
                format!(
                    "{} -D {data} -k {} -p {} -F",
                    server.display(),
                    folder.display(),
                    Kind::PORT
                ),
            )
        }
        Kind::Mariadb => (
            format!(
                "mariadb-install-db --no-defaults --datadir={data} --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve"
            ),
            format!(
                "/usr/sbin/mariadbd --no-defaults --datadir={data} --socket={folder}/socket --pid-file={folder}/pid --skip-networking --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=32M --skip-log-bin",
                folder = folder.display()
            ),
        ),
    };
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut run = words(run);
    if kind == Kind::Postgresql {
        run.extend(["-h".to_owned(), String::new()]);
    }
    (words(make), run)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
