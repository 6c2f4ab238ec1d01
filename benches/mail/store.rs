//! A server with mail of any size, the same at every run: accounts with several folders each, whose
//! messages came in the order of time, so that those of one folder lie apart on the disk.

use crate::{Failure, run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use unqmail::fsys::tree::Tree;
use unqmail::sample::lay_out;

/// Accounts of a domain.
const ACCOUNTS: usize = 100;

/// Folders of an account besides its INBOX; each has one to seven of them.
const FOLDERS: &[&str] =
    &[".Sent", ".Trash", ".Drafts", ".Archive", ".Archive.2008", ".Archive.2009", ".Entw&APw-rfe"];

/// When the first message came, in seconds since 1970, and how many seconds passed between two.
const FIRST: u64 = 1_200_000_000;
const STEP: u64 = 97;

/// The user whose mail it is.
const VPOPMAIL: u32 = 89;

/// How much there is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) accounts: usize,
    pub(crate) messages: usize,
}

/// Numbers that look random and are the same at every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % end.max(1)
    }

    /// Between 0 and 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are enough here")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Sizes of messages: half of them below 8 KB, few of them large (log-normal, sigma 0.7).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
    fn size(&mut self) -> usize {
        let normal =
            (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (8192.0 * (0.7 * normal).exp()).clamp(300.0, 4e6) as usize
    }
}

/// A folder while it is filled.
#[derive(Default)]
struct Filled {
    bytes: usize,
    /// Unique names of its messages, in the order in which they came.
    names: Vec<String>,
}

/// Lays the server out.
pub(crate) fn lay(folder: &Path, size: Size) -> Result<(), Failure> {
    let domains = size.accounts.div_ceil(ACCOUNTS);
    lay_out(&host(domains, size.accounts), &Tree::create(folder)?)?;
    let mut random = Random(1);
    let text = pool(&mut random);
    let mut folders: BTreeMap<PathBuf, Filled> = BTreeMap::new();
    for account in 0..size.accounts {
        let maildir = folder.join(maildir(account));
        for path in std::iter::once(maildir.clone()).chain(
            FOLDERS.iter().take(1 + account * 5 % FOLDERS.len()).map(|name| maildir.join(name)),
        ) {
            for part in ["new", "cur", "tmp"] {
                std::fs::create_dir_all(path.join(part))?;
            }
            if path != maildir {
                std::fs::write(path.join("maildirfolder"), "")?;
            }
            folders.insert(path, Filled::default());
        }
    }
    for number in 0..size.messages {
        // The square makes a few accounts large.
        let place = random.unit();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
        #[expect(clippy::cast_precision_loss, reason = "few accounts")]
        let account = (place * place * size.accounts as f64) as usize;
        let count = 1 + account * 5 % FOLDERS.len();
        let mut path = folder.join(maildir(account));
        if random.below(100) >= 55 {
            path = path.join(FOLDERS[random.below(count)]);
        }
        let bytes = random.size();
        let time = FIRST + STEP * u64::try_from(number)?;
        let (front, end) = name(number, time, bytes, &mut random);
        let part = if end.is_empty() { "new" } else { "cur" };
        put(&path.join(part).join(format!("{front}{end}")), &text, bytes, time, &mut random)?;
        let filled = folders.entry(path).or_default();
        filled.bytes += bytes;
        filled.names.push(front);
    }
    for (path, filled) in &folders {
        remember(path, filled)?;
    }
    // A message is its owner's already, and last changed when it came, as on a server that has worked
    // for years: not at the same moment as its folder.
    let owners = ["-R", "--from=0:0", "89:89"].map(AsRef::as_ref).into_iter();
    run("chown", owners.chain([folder.join("home/vpopmail/domains").as_os_str()]))
}

/// What Courier keeps of a folder.
fn remember(path: &Path, filled: &Filled) -> Result<(), Failure> {
    let mut uids = format!("1 {FIRST} {}\n", filled.names.len() + 1);
    for (number, name) in (1..).zip(&filled.names) {
        writeln!(uids, "{number} {name}")?;
    }
    std::fs::write(path.join("courierimapuiddb"), uids)?;
    if path.ends_with("Maildir") {
        std::fs::write(path.join("courierimapsubscribed"), "INBOX\nINBOX.Sent\nINBOX.Trash\n")?;
        let sizes = format!("104857600S\n{:>12} {:>12}\n", filled.bytes, filled.names.len());
        std::fs::write(path.join("maildirsize"), sizes)?;
        let mut list = format!("/2 {} {FIRST}\n", filled.names.len() + 1);
        for (number, name) in (1..).zip(&filled.names) {
            writeln!(list, "{name}:2,S {} {number}:{FIRST}", 8192)?;
        }
        std::fs::write(path.join("courierpop3dsizelist"), list)?;
    }
    Ok(())
}

/// Changes one message in a thousand: new ones, other flags, deletions.
pub(crate) fn change(folder: &Path, size: Size, round: usize) -> Result<(), Failure> {
    let mut random = Random(1000 + u64::try_from(round)?);
    let text = pool(&mut random);
    let mut done = 0;
    while done < size.messages.div_ceil(1000) {
        let account = random.below(size.accounts);
        let path = folder.join(maildir(account));
        match random.below(100) {
            0..40 => {
                let number = size.messages + round * size.messages.div_ceil(1000) + done;
                let (time, bytes) = (FIRST + STEP * u64::try_from(number)?, random.size());
                let (front, _) = name(number, time, bytes, &mut random);
                let file = path.join("new").join(front);
                put(&file, &text, bytes, time, &mut random)?;
                std::os::unix::fs::chown(&file, Some(VPOPMAIL), Some(VPOPMAIL))?;
            }
            kind => {
                let part = path.join(["new", "cur"][random.below(2)]);
                let mut names: Vec<_> = std::fs::read_dir(part)?.collect::<Result<Vec<_>, _>>()?;
                names.sort_by_key(std::fs::DirEntry::file_name);
                let Some(entry) = names.get(random.below(names.len())) else { continue };
                if kind < 85 {
                    let name = entry.file_name().into_string().unwrap_or_default();
                    let front = name.split(':').next().unwrap_or_default();
                    let flags = if name.ends_with('S') { "RS" } else { "S" };
                    std::fs::rename(entry.path(), path.join(format!("cur/{front}:2,{flags}")))?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        done += 1;
    }
    Ok(())
}

/// A name as Courier's maildrop makes it: the part that stays, and flags unless it is new.
fn name(number: usize, time: u64, bytes: usize, random: &mut Random) -> (String, &'static str) {
    let front = format!(
        "{time}.M{:06}P{}V000000000000FE01I{number:016X}_0.mx.example,S={bytes}",
        random.below(1_000_000),
        1000 + random.below(30_000)
    );
    (front, ["", ":2,", ":2,S", ":2,S", ":2,S", ":2,S", ":2,RS", ":2,FS"][random.below(8)])
}

/// Text that does not repeat, for the bodies of messages.
fn pool(random: &mut Random) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let line = |at: usize, byte| if at % 77 == 76 { b'\n' } else { byte };
    (0..8 << 20).map(|at| line(at, DIGITS[random.below(64)])).collect()
}

fn put(
    path: &Path,
    text: &[u8],
    bytes: usize,
    time: u64,
    random: &mut Random,
) -> Result<(), Failure> {
    let mut message = format!(
        "Return-Path: <ann@example.net>\nFrom: Ann <ann@example.net>\nTo: {time}@example.net\n\
         Subject: Number {time}\nMessage-ID: <{time}.{bytes}@example.net>\n\n"
    )
    .into_bytes();
    let rest = bytes.saturating_sub(message.len());
    let from = random.below(text.len() - rest);
    message.extend_from_slice(&text[from..from + rest]);
    message.truncate(bytes);
    let mut file = File::create(path)?;
    file.write_all(&message)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    fchown(&file, Some(VPOPMAIL), Some(VPOPMAIL))?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(time))?;
    Ok(())
}

fn maildir(account: usize) -> String {
    format!("{}/user{account}/Maildir", home(account / ACCOUNTS))
}

fn home(domain: usize) -> String {
    format!("home/vpopmail/domains/{}", domain_name(domain))
}

fn domain_name(domain: usize) -> String {
    format!("town{domain:03}.example")
}

/// qmail's and vpopmail's own files.
fn host(domains: usize, accounts: usize) -> String {
    let each = |line: &dyn Fn(usize) -> String| (0..domains).map(line).collect::<String>();
    let rcpthosts = each(&|domain| format!("| {}\n", domain_name(domain)));
    let virtual_domains = each(&|domain| format!("| {0}:{0}\n", domain_name(domain)));
    let assign =
        each(&|domain| format!("| +{0}-:{0}:89:89:/{1}:-::\n", domain_name(domain), home(domain)));
    let homes = each(&|domain| {
        let mut text = format!(
            "file {0}/.qmail-default 600\n| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n\
             file {0}/vpasswd 600\n",
            home(domain)
        );
        for account in (domain * ACCOUNTS)..accounts.min((domain + 1) * ACCOUNTS) {
            let _ = writeln!(
                text,
                "| user{account}:$1$larch001$zAMYfZwqsSw9y8cWx232D.:1:0:User:/{}/user{account}:NOQUOTA",
                home(domain)
            );
        }
        text
    });
    format!(
        "owner 0:0\ndate 2009-11-23T08:00:00Z\n\
         file var/qmail/control/me\n| mx.example\n\
         file var/qmail/control/defaultdelivery\n| ./Maildir/\n\
         file var/qmail/control/rcpthosts\n| mx.example\n{rcpthosts}\
         file var/qmail/control/virtualdomains\n{virtual_domains}\
         file var/qmail/users/assign\n{assign}| .\n\
         cdb var/qmail/users/cdb assign var/qmail/users/assign\n\
         file etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n\
         | alias:x:70:70::/var/qmail/alias:/bin/false\n\
         | vpopmail:x:89:89::/home/vpopmail:/bin/false\n\
         owner 70:70\nfile var/qmail/alias/.qmail-postmaster\n| &user0@{0}\n\
         file var/qmail/alias/.qmail-root\n| &postmaster\n\
         owner 89:89\n{homes}",
        domain_name(0)
    )
}
