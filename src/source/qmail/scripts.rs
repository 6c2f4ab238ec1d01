//! The scripts that start the old server's programs: `rc` and the `run` files of `supervise`
//! (supervise(8), INSTALL.boot of qmail).

use crate::model::RelPath;
use crate::model::command::{Word, simple_commands};
use crate::source::{Reading, read_file};
use bstr::{BString, ByteSlice as _};

/// Where services lie, one folder each.
const SERVICES: &[&str] = &["service", "etc/service", "var/service"];

/// Scripts of hosts that start qmail without `supervise`.
const BOOT: &[&str] =
    &["etc/init.d/qmail", "etc/rc.d/init.d/qmail", "etc/rc.local", "etc/rc.d/rc.local"];

/// The scripts in the order in which they count: `rc` is usually called by one of the others.
pub(super) fn all(reading: &mut Reading<'_>) -> Vec<(RelPath, Vec<u8>)> {
    let supervise = reading.layout.qmail.join("supervise");
    let folders = SERVICES.iter().map(RelPath::new).chain([supervise]);
    let mut paths = Vec::new();
    for folder in folders {
        let entries = reading.root.list(&folder).unwrap_or_default();
        paths.extend(entries.iter().map(|entry| folder.join(&entry.name).join("run")));
    }
    paths.push(reading.layout.qmail.join("rc"));
    paths.extend(BOOT.iter().map(RelPath::new));
    let read = |path: RelPath| {
        // What is no folder of a service has no script.
        reading.root.stat(&path).ok().flatten()?;
        let bytes = read_file(reading.root, &path, &mut reading.findings)?;
        Some((path, bytes))
    };
    paths.into_iter().filter_map(read).collect()
}

/// What a script has set a variable to, at the beginning of a line.
pub(super) fn value<'s>(script: &'s [u8], name: &[u8]) -> Option<&'s [u8]> {
    let assigned = |line: &'s [u8]| {
        let line = line.trim_ascii_start();
        let line = line.strip_prefix(b"export ").unwrap_or(line);
        line.strip_prefix(name)?.strip_prefix(b"=")
    };
    let text = script.lines().find_map(assigned)?.trim_ascii_end();
    let through = |end: u8| {
        let close = text.get(1..)?.find_byte(end)?;
        text.get(..close + 2)
    };
    match text.first() {
        Some(b'`') => through(b'`'),
        Some(b'$') if text.starts_with(b"$(") => through(b')'),
        Some(quote @ (b'"' | b'\'')) => text.get(1..)?.split(|byte| byte == quote).next(),
        _ => text.split(|byte| byte.is_ascii_whitespace() || *byte == b';').next(),
    }
}

/// The rules that an SMTP server is started with: `tcpserver … -x FILE.cdb … qmail-smtpd`.
pub(super) fn smtp_rules(scripts: &[(RelPath, Vec<u8>)]) -> Vec<RelPath> {
    let mut found = Vec::new();
    for (_, script) in scripts {
        let joined = script.replace("\\\n", " ");
        for command in simple_commands(&joined) {
            let words: Vec<BString> = command.iter().map(Word::text).collect();
            let serves = words.iter().any(|word| word.contains_str("qmail-smtpd"));
            let rules = words.windows(2).find_map(|pair| match pair {
                [option, path] if option == "-x" => Some(path.clone()),
                _ => None,
            });
            let rules = rules.or_else(|| {
                let attached = words.iter().find_map(|word| word.strip_prefix(b"-x"));
                attached.filter(|path| path.starts_with(b"/")).map(BString::from)
            });
            if let Some(path) = rules.filter(|_| serves) {
                found.push(RelPath::new(path.strip_suffix(b".cdb").unwrap_or(&path)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{smtp_rules, value};
    use crate::model::RelPath;

    #[test]
    fn the_rules_of_the_smtp_server_are_those_it_is_started_with() {
        let script = b"#!/bin/sh\nexec softlimit -m 9 tcpserver -v -R \\\n -x /etc/tcp/smtp.cdb \\\n 0 smtp /var/qmail/bin/qmail-smtpd 2>&1\n";
        let pop = b"exec tcpserver -x /etc/pop.cdb 0 pop3 qmail-popup\n";
        let scripts = [script.to_vec(), pop.to_vec()].map(|text| (RelPath::new("run"), text));
        assert_eq!(smtp_rules(&scripts), [RelPath::new("etc/tcp/smtp")]);
    }

    #[test]
    fn a_variable_is_what_it_was_set_to() {
        let script = b"#!/bin/sh\n A_B=x\nB=\"./Mail dir/\" # where\nexport C='c' D=d\nE=e; F=f\n";
        let read = |name: &str| value(script, name.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(read("B").unwrap(), b"./Mail dir/");
        assert_eq!(read("C").unwrap(), b"c");
        assert_eq!(read("E").unwrap(), b"e");
        assert_eq!(value(b"G=`cat a b` x", b"G").unwrap(), b"`cat a b`");
        assert_eq!(value(b"H=$(cat a) x", b"H").unwrap(), b"$(cat a)");
        assert_eq!(read("A"), None);
    }
}
