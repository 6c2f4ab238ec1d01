//! What starts a POP3 server that is not Courier's.

use crate::model::{Origin, RelPath};
use crate::source::Reading;
use bstr::ByteSlice as _;

/// Files that start a server, and folders of such files (daemontools, inetd, xinetd, System V).
const STARTERS: &[&str] = &[
    "etc/inetd.conf",
    "etc/rc.local",
    "var/qmail/rc",
    "etc/xinetd.d",
    "etc/init.d",
    "etc/rc.d/init.d",
];

/// Folders of services, each a folder with a script `run` (supervise(8)).
const SERVICES: &[&str] = &["service", "etc/service", "var/service", "var/qmail/supervise"];

/// A script is no larger than this: 256 KiB.
const LARGEST_SCRIPT: u64 = 256 << 10;

/// The file that starts `qmail-pop3d`, if one does.
pub(super) fn starts_qmail_pop3d(reading: &Reading<'_>) -> Option<Origin> {
    let script = scripts(reading).into_iter().find(|path| names_it(reading, path))?;
    Some(Origin::file(&script))
}

fn scripts(reading: &Reading<'_>) -> Vec<RelPath> {
    let below = |folder: &RelPath| {
        let entries = reading.root.list(folder).unwrap_or_default().into_iter();
        entries.map(|entry| folder.join(&entry.name)).collect::<Vec<_>>()
    };
    let services = SERVICES.iter().flat_map(|folder| below(&RelPath::new(folder)));
    let starters = STARTERS.iter().map(RelPath::new);
    let starters = starters.flat_map(|path| std::iter::once(path.clone()).chain(below(&path)));
    services.map(|service| service.join("run")).chain(starters).collect()
}

fn names_it(reading: &Reading<'_>, path: &RelPath) -> bool {
    let text = reading.root.read_if_there(path, LARGEST_SCRIPT).ok().flatten().unwrap_or_default();
    let is_disabled =
        reading.root.stat(&path.parent().join("down")).is_ok_and(|stat| stat.is_some());
    !is_disabled
        && text.lines().any(|line| {
            !line.trim_ascii_start().starts_with(b"#") && line.contains_str("qmail-pop3d")
        })
}
