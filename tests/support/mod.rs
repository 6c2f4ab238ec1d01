//! What the tests share: bundled and real sites, runs of the program, and looks at folders.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod server;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use unqmail::fsys::tree::Tree;
use unqmail::sample;

/// The project's folder.
pub fn project() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// A file's text.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file beneath a folder, sorted.
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let entries = entries.map(|entry| entry.expect("a folder that can be listed"));
    entries.filter(|e| !e.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect()
}

/// Names the settings that all sites of a run get, because the host of the tests is another one.
pub const SETTINGS: &str = "UNQMAIL_TEST_SETTINGS";

fn host_settings() -> String {
    std::env::var(SETTINGS).unwrap_or_default()
}

/// A fresh folder that goes away with its handle, on the file system of the build.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test")
}

/// A site laid out for one test.
pub struct Laid {
    pub folder: tempfile::TempDir,
    pub site: PathBuf,
    pub target: PathBuf,
    pub config: PathBuf,
}

impl Laid {
    /// The bundled site with its settings.
    pub fn larch() -> Self {
        Self::new(sample::SITE, sample::SETTINGS)
    }

    /// The bundled site with two of its lists as aliases; one of them opens, which may be waived.
    pub fn larch_of_aliases(waived: bool) -> Self {
        let lists = "[lists.of]\n'larch.example' = 'alias'\n'book-club@alder.example' = 'alias'\n";
        let waiver =
            "[[waive]]\ncode = 'list-opened'\nsubject = 'news@larch.example'\nreason = 'a test'\n";
        let waiver = if waived { waiver } else { "" };
        Self::new(sample::SITE, &[sample::SETTINGS, lists, waiver].join("\n"))
    }

    /// The bundled site with its accounts in a database.
    pub fn larch_in(backend: &str) -> Self {
        Self::new(sample::SITE, &format!("[new]\nbackend = '{backend}'\n{}", sample::SETTINGS))
    }

    /// The same on a server.
    pub fn larch_on_server(server: &server::Server) -> Self {
        Self::new(sample::SITE, &[&server.settings(), sample::SETTINGS].join("\n"))
    }

    /// The same with every list on one manager.
    pub fn larch_on(manager: &str) -> Self {
        let lists = format!("[lists]\nmanager = '{manager}'\n");
        Self::new(sample::SITE, &[sample::SETTINGS, &lists].join("\n"))
    }

    /// A site from a manifest, with settings and those of the host.
    pub fn new(manifest: &str, settings: &str) -> Self {
        let settings = host_settings() + settings;
        let folder = scratch();
        let at = |name: &str| folder.path().join(name);
        let (site, target, config) = (at("site"), at("target"), at("unqmail.toml"));
        sample::lay_out(manifest, &Tree::create(&site).unwrap()).unwrap();
        fs::write(&config, settings).unwrap();
        Self { folder, site, target, config }
    }

    /// A small site: qmail with one domain, and whatever else is said.
    pub fn small(more: &str) -> Self {
        Self::small_with(more, "")
    }

    /// The same with settings.
    pub fn small_with(more: &str, settings: &str) -> Self {
        Self::new(&format!("{SMALL}{more}"), settings)
    }

    pub fn plan(&self, more: &[&str]) -> Ran {
        unqmail(
            [&[OsStr::new("plan"), self.site.as_ref()], &self.config()[..], &words(more)].concat(),
        )
    }

    pub fn migrate(&self, more: &[&str]) -> Ran {
        let paths = [OsStr::new("migrate"), self.site.as_ref(), self.target.as_ref()];
        unqmail([&paths, &self.config()[..], &words(more)].concat())
    }

    pub fn verify(&self, more: &[&str]) -> Ran {
        let paths = [OsStr::new("verify"), self.site.as_ref(), self.target.as_ref()];
        unqmail([&paths, &self.config()[..], &words(more)].concat())
    }

    pub fn explain(&self, more: &[&str]) -> Ran {
        unqmail(
            [&[OsStr::new("explain"), self.site.as_ref()], &words(more)[..], &self.config()]
                .concat(),
        )
    }

    /// A site that is migrated.
    pub fn migrated(self) -> Self {
        let ran = self.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        self
    }

    fn config(&self) -> [&OsStr; 2] {
        [OsStr::new("--config"), self.config.as_ref()]
    }
}

fn words<'a>(words: &'a [&str]) -> Vec<&'a OsStr> {
    words.iter().map(OsStr::new).collect()
}

/// qmail and vpopmail with the domain `a.example` and the accounts joe and eve.
pub const SMALL: &str = "\
owner 0:0
date 2010-01-01T00:00:00Z
file var/qmail/control/me
| mx.example
file var/qmail/control/defaultdelivery
| ./Maildir/
file var/qmail/control/rcpthosts
| a.example
| mx.example
file var/qmail/control/virtualdomains
| a.example:a.example
cdb var/qmail/users/cdb assign
| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::
| .
file etc/passwd
| root:x:0:0:root:/root:/bin/sh
| alias:x:7790:2108::/var/qmail/alias:/bin/false
| vpopmail:x:89:89::/home/vpopmail:/bin/false
owner 7790:2108
file var/qmail/alias/.qmail-postmaster
| &joe@a.example
file var/qmail/alias/.qmail-root
| &joe@a.example
file var/qmail/alias/.qmail
| &joe@a.example
owner 89:89
file home/vpopmail/.qmail
| &joe@a.example
file home/vpopmail/domains/a.example/.qmail-default
| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox
file home/vpopmail/domains/a.example/vpasswd
| joe:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Joe:/home/vpopmail/domains/a.example/joe:NOQUOTA
| eve:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:Eve:/home/vpopmail/domains/a.example/eve:NOQUOTA
dir home/vpopmail/domains/a.example/joe/Maildir/new
dir home/vpopmail/domains/a.example/joe/Maildir/cur
dir home/vpopmail/domains/a.example/eve/Maildir/new
dir home/vpopmail/domains/a.example/eve/Maildir/cur
";

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn all(&self) -> String {
        format!("exit {}\n{}{}", self.code, self.stdout, self.stderr)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Runs the program, its environment empty but for a path without other mail servers.
pub fn unqmail(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    unqmail_with(args, b"")
}

/// Runs the program with something on its standard input.
pub fn unqmail_with(args: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &[u8]) -> Ran {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output().unwrap();
    drop(writer.join());
    output.into()
}

/// The program, not yet running.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unqmail"));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(args);
    command
}

/// What one name in a folder is: everything that a careless program could change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub kind: char,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, i64),
    pub bytes: u64,
    /// BLAKE3 of a file, the target of a link.
    pub content: String,
}

/// Everything beneath a folder, by path.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Item> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let item = |path: &Path| {
        let stat = fs::symlink_metadata(path).unwrap();
        let kind = stat.file_type();
        let (kind, content) = match () {
            () if kind.is_file() => ('f', blake3::hash(&fs::read(path).unwrap()).to_string()),
            () if kind.is_symlink() => ('l', fs::read_link(path).unwrap().display().to_string()),
            () if kind.is_dir() => ('d', String::new()),
            () => ('o', String::new()),
        };
        Item {
            kind,
            mode: stat.mode() & 0o7777,
            owner: (stat.uid(), stat.gid()),
            mtime: (stat.mtime(), stat.mtime_nsec()),
            bytes: if kind == 'f' { stat.len() } else { 0 },
            content,
        }
    };
    let below = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
    entries.map(|entry| (below(entry.path()), item(entry.path()))).collect()
}

/// Whether a file is a message of a Maildir; only those keep their dates.
pub fn is_message(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder == "cur" || folder == "new"
}

/// The first thing that differs between two looks at a folder.
pub fn first_change(
    before: &BTreeMap<PathBuf, Item>,
    after: &BTreeMap<PathBuf, Item>,
) -> Option<String> {
    let paths = before.keys().chain(after.keys());
    paths.filter(|path| before.get(*path) != after.get(*path)).min().map(|path| {
        format!("{}: {:?} became {:?}", path.display(), before.get(path), after.get(path))
    })
}

/// A real old server's disk, and what its programs did.
#[derive(Debug)]
pub struct Atelier {
    pub site: PathBuf,
    pub truth: PathBuf,
    pub config: PathBuf,
}

impl Atelier {
    /// The lines of a truth file.
    pub fn truth(&self, name: &str) -> Vec<serde_json::Value> {
        let text = read(&self.truth.join(format!("truth-{name}.jsonl")));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The site `../shared/sites/atelier`, unpacked once; `None` where the folder is not there.
pub fn atelier() -> Option<&'static Atelier> {
    static UNPACKED: OnceLock<Option<Atelier>> = OnceLock::new();
    UNPACKED.get_or_init(unpack_atelier).as_ref()
}

/// Where real sites are kept, beside the project.
pub fn sites() -> PathBuf {
    project().join("../shared/sites")
}

/// The real site, and the new server made from it, once.
pub fn migrated_atelier() -> Option<(&'static Atelier, &'static Path)> {
    static MIGRATED: OnceLock<PathBuf> = OnceLock::new();
    let atelier = atelier()?;
    let target = MIGRATED.get_or_init(|| {
        let target = atelier.site.with_file_name("new");
        let [site, to, config] =
            [&atelier.site, &target, &atelier.config].map(|path| path.to_str().unwrap());
        let ran = unqmail(["migrate", site, to, "--config", config]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        target
    });
    Some((atelier, target))
}

/// The real site, a new server made from it with more settings, and the file that has them.
pub fn atelier_with(settings: &str) -> Option<(&'static Atelier, tempfile::TempDir, PathBuf)> {
    let atelier = atelier()?;
    let folder = scratch();
    let config = folder.path().join("unqmail.toml");
    fs::write(&config, format!("{settings}{}", read(&atelier.config))).unwrap();
    let paths = [atelier.site.as_path(), folder.path(), &config];
    let [site, to, from] = paths.map(|path| path.to_str().unwrap());
    let ran = unqmail(["migrate", site, to, "--config", from]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    Some((atelier, folder, config))
}

/// What chooses a database that needs no server.
pub const IN_SQLITE: &str = "[new]\nbackend = 'sqlite'\n";

fn unpack_atelier() -> Option<Atelier> {
    let from = sites().join("atelier");
    if !from.is_dir() {
        eprintln!("{} is not there: nothing is tested on it", from.display());
        return None;
    }
    // One folder for each test binary: they may run side by side.
    let binary = std::env::current_exe().unwrap();
    let name = format!("atelier-{}", binary.file_name().unwrap().to_str().unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&folder));
    let (site, truth) = (folder.join("site"), folder.join("truth"));
    fs::create_dir_all(&site).unwrap();
    fs::create_dir_all(&truth).unwrap();
    let script = "set -e
        tar -xzf \"$1/site.tar.gz\" -C \"$2\" --numeric-owner -p
        for file in \"$1\"/truth-*.gz; do
            name=${file##*/}
            gzip -dc \"$file\" > \"$3/${name%.gz}\"
        done";
    let mut unpack = Command::new("sh");
    unpack.args(["-c", script, "unpack"]).args([&from, &site, &truth]);
    assert!(unpack.status().unwrap().success(), "unpacking {}", from.display());
    let config = folder.join("unqmail.toml");
    fs::write(&config, host_settings() + ATELIER_SETTINGS).unwrap();
    Some(Atelier { site, truth, config })
}

/// What the sysadmin of that site has accepted: mail to its programs waits.
const ATELIER_SETTINGS: &str = r#"
[[waive]]
code = "alias-program"
subject = "*"
reason = "programs are moved in a second step"
"#;

/// Lines of a manifest for an answer as the web page of sqwebmail writes it, in a mailbox's home.
pub fn autoresponse(home: &str) -> String {
    format!(
        "file {home}/Maildir/autoresponses/away\n| Content-Type: text/plain; format=flowed; delsp=yes; charset=\"utf-8\"\n| Content-Transfer-Encoding: 8bit\n|\n| Back soon.\n"
    )
}
