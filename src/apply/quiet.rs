//! Whether the old server is stopped and empty, so that a last pass misses nothing.

use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::root::Root;
use crate::fsys::{self, Kind};
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Programs that bring mail in or let users change it.
const SERVERS: &[&str] = &[
    "couriertcpd",
    "dovecot",
    "imap-login",
    "imapd",
    "imaplogin",
    "pop3-login",
    "pop3d",
    "pop3login",
    "qmail-pop3d",
    "qmail-popup",
    "qmail-send",
    "qmail-smtpd",
];

/// Programs that wait for clients and start a server for each.
const LISTENERS: &[&str] = &["couriertcpd", "sslserver", "tcpserver", "tcpsvd"];

/// A command line is no longer than this.
const LARGEST: u64 = 4 << 20;

/// Looks whether anything that the plan was read from, after [`Root::watch`], changes within so many
/// seconds, whether mail waits in the queue, and, where the old server is this very host, whether
/// its servers run. What is found speaks against a last pass.
///
/// # Errors
/// Where the processes of this host cannot be listed.
pub fn prove(plan: &Plan, root: &Root, seconds: u64) -> fsys::Result<Findings> {
    let mut findings = Findings::default();
    let here = Root::open(Path::new("/"))?;
    let inode =
        |root: &Root| Ok::<_, fsys::Error>(root.stat(&RelPath::default())?.map(|s| s.inode));
    if inode(root)? == inode(&here)? {
        for (server, count) in running(&Root::open(Path::new("/proc"))?)? {
            findings.push(Finding::new(
                &code::SITE_NOT_QUIET,
                Disposition::Manual,
                Origin::file(&RelPath::new("proc")),
                &server,
                format!("{server} runs, in {count} processes"),
                "what it brings or changes after the last pass stays on the old server",
            ));
        }
    }
    std::thread::sleep(Duration::from_secs(seconds));
    for path in root.changed() {
        findings.push(Finding::new(
            &code::SITE_NOT_QUIET,
            Disposition::Manual,
            Origin::file(&path),
            path.as_bstr(),
            "it has changed since this run began to read",
            "what changes after the last pass stays on the old server",
        ));
    }
    for message in &plan.site.queue {
        let unknown = [BString::from("queue")];
        let recipients: &[BString] =
            if message.recipients.is_empty() { &unknown } else { &message.recipients };
        for recipient in recipients {
            findings.push(Finding::new(
                &code::SITE_QUEUE_UNDELIVERED,
                Disposition::Manual,
                Origin::file(&message.path),
                recipient,
                "a message in the old server's queue is not delivered yet",
                "it is not carried over; the old server has to deliver it",
            ));
        }
    }
    Ok(findings)
}

/// The servers that run, from the folder of processes, with how many processes of each there are.
fn running(processes: &Root) -> fsys::Result<BTreeMap<BString, usize>> {
    let mut running = BTreeMap::new();
    for entry in processes.list(&RelPath::default())? {
        if entry.kind != Kind::Folder || !entry.name.iter().all(u8::is_ascii_digit) {
            continue;
        }
        // One that has ended meanwhile does not run.
        let path = RelPath::new(&entry.name).join("cmdline");
        let line = processes.read_if_there(&path, LARGEST).ok().flatten().unwrap_or_default();
        if let Some(server) = server_of(&line) {
            *running.entry(server.into()).or_insert(0) += 1;
        }
    }
    Ok(running)
}

/// The server that a process is or waits to start; its words end in NUL.
fn server_of(line: &[u8]) -> Option<&'static str> {
    let mut words =
        line.split_str("\0").map(|word| word.rsplit_str("/").next().unwrap_or_default());
    let known = |names: &'static [&str], word: &[u8]| {
        // dovecot's children name what they do: `dovecot/imap`.
        let word = word.strip_suffix(b":").unwrap_or(word);
        names.iter().copied().find(|name| name.as_bytes() == word)
    };
    let program = words.next()?;
    if known(LISTENERS, program).is_some() {
        return words.find_map(|word| known(SERVERS, word)).or_else(|| known(SERVERS, program));
    }
    known(SERVERS, program)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_their_command_lines() {
        let dir = tempfile::tempdir().unwrap();
        let lines: &[(&str, &str)] = &[
            ("1", "/sbin/init"),
            ("7", "qmail-send"),
            ("8", "supervise\0qmail-send"),
            ("9", "/usr/bin/tcpserver\x00-R\x000\x0025\0/var/qmail/bin/qmail-smtpd"),
            ("10", "/usr/lib/courier-imap/bin/imapd\0Maildir"),
            ("11", "tcpserver\0localhost\x001234\0date"),
            ("12", "vi\0/var/qmail/bin/qmail-smtpd"),
            ("self", "qmail-send"),
        ];
        for (id, line) in lines {
            std::fs::create_dir(dir.path().join(id)).unwrap();
            std::fs::write(dir.path().join(id).join("cmdline"), format!("{line}\0")).unwrap();
        }
        let found = running(&Root::open(dir.path()).unwrap()).unwrap();
        let names: Vec<_> = found.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["imapd", "qmail-send", "qmail-smtpd"]);
    }
}
