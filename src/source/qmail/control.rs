//! The files of `control/` (qmail-control(5) and the manual pages of the programs that read them).

use super::boot;
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::Kind;
use crate::model::control::{Relay, VirtualDomain};
use crate::model::quota::leading_number;
use crate::model::{Origin, RelPath, Sourced, shown};
use crate::source::{Error, Reading, cdb, lines, read_file};
use bstr::{BString, ByteSlice as _};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How a control file is read.
enum Form {
    Line,
    Number,
    List,
}

/// The files that are kept by name, in alphabetical order.
const FILES: &[(&str, Form)] = &[
    ("badmailfrom", Form::List),
    ("badmailto", Form::List),
    ("badmailtonorelay", Form::List),
    ("badrcptto", Form::List),
    ("badrcpttonorelay", Form::List),
    ("bouncefrom", Form::Line),
    ("bouncehost", Form::Line),
    ("concurrencyincoming", Form::Number),
    ("concurrencylocal", Form::Number),
    ("concurrencyremote", Form::Number),
    ("databytes", Form::Number),
    ("defaultdomain", Form::Line),
    ("defaulthost", Form::Line),
    ("doublebouncehost", Form::Line),
    ("doublebounceto", Form::Line),
    ("envnoathost", Form::Line),
    ("helohost", Form::Line),
    ("idhost", Form::Line),
    ("localiphost", Form::Line),
    ("locals", Form::List),
    ("maxrcpt", Form::Number),
    ("me", Form::Line),
    ("moreipme", Form::List),
    ("outgoingip", Form::Line),
    ("percenthack", Form::List),
    ("plusdomain", Form::Line),
    ("qmqpservers", Form::List),
    ("queuelifetime", Form::Number),
    ("rcpthosts", Form::List),
    ("smtpgreeting", Form::Line),
    ("timeoutconnect", Form::Number),
    ("timeoutremote", Form::Number),
    ("timeoutsmtpd", Form::Number),
];

/// Files that are read by their own functions, or that hold nothing to read.
const OTHERS: &[&str] = &[
    "clientca.pem",
    "clientcert.pem",
    "defaultdelivery",
    "morercpthosts",
    "morercpthosts.cdb",
    "servercert.pem",
    "smtproutes",
    "virtualdomains",
];

/// What the names of files begin with that simscan and its kin read.
const SPAM_FILES: &[&[u8]] = &[b"simcontrol", b"simversions", b"ssattach", b"spam"];

/// Lists in which a carriage return at the end makes an entry that never matches.
const CARRIAGE_RETURN: &str = "a carriage return ends the line, as in a file from Windows";

/// Reads the control files; the scripts tell what else `qmail-start` is given.
pub(super) fn read(reading: &mut Reading<'_>, scripts: &[(RelPath, Vec<u8>)]) -> Result<(), Error> {
    let folder = reading.layout.qmail.join("control");
    let entries = match reading.root.list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.is_missing() => {
            let site = reading.root.path().display().to_string();
            return Err(Error::NoQmail(site, folder.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    for (name, form) in FILES {
        read_one(reading, &folder.join(name), name, form);
    }
    read_virtual_domains(reading, &folder.join("virtualdomains"));
    read_routes(reading, &folder.join("smtproutes"));
    read_more_rcpthosts(reading, &folder);
    boot::read_default_delivery(reading, &folder, scripts);
    for entry in entries {
        let name = entry.name.as_bstr();
        let known = FILES.iter().any(|(file, _)| name == file)
            || OTHERS.iter().any(|file| name == file)
            || name.ends_with(b".lock");
        let path = folder.join(name);
        if SPAM_FILES.iter().any(|front| name.starts_with(front)) {
            reading.site.control.spam_files.push(Origin::file(&path));
        } else if !known {
            let what = if entry.kind == Kind::Folder { "folder" } else { "file" };
            reading.findings.push(Finding::new(
                &code::SITE_CONTROL_UNKNOWN,
                Disposition::Manual,
                Origin::file(&path),
                path.as_bstr(),
                format!("control {what} of a patch or another program"),
                "what it asked for is not carried over",
            ));
        }
    }
    report_no_name(reading, &folder.join("me"));
    Ok(())
}

fn report_no_name(reading: &mut Reading<'_>, path: &RelPath) {
    let me = reading.site.control.me();
    let (what, effect) = match &me {
        Some(me) if me.is_plain() => return,
        Some(me) if !me.as_bstr().is_empty() => (
            "holds no name that a host can have",
            "programs of qmail use it as it stands; the new server would not know its own name",
        ),
        Some(_) => ("is empty", "the new server would not know its own name"),
        None => (
            "is missing",
            "qmail refuses to run like this, and the new server would not know its own name",
        ),
    };
    reading.findings.push(Finding::new(
        &code::SITE_NO_NAME,
        Disposition::Manual,
        Origin::file(path),
        "me",
        format!("the host has no name: control/me {what}"),
        effect,
    ));
}

fn read_one(reading: &mut Reading<'_>, path: &RelPath, name: &'static str, form: &Form) {
    let Some(bytes) = read_file(reading.root, path, &mut reading.findings) else {
        return;
    };
    let origin = Origin::file(path);
    let control = &mut reading.site.control;
    match form {
        Form::Line => {
            let line = lines::first_line(&bytes);
            warn_of_carriage_return(&line, &origin.at(1), &mut reading.findings);
            control.lines.insert(name, Sourced::new(line, origin.at(1)));
        }
        Form::Number => match lines::number(&bytes) {
            Some(number) => {
                control.numbers.insert(name, Sourced::new(number, origin.at(1)));
            }
            None => reading.findings.push(Finding::new(
                &code::SITE_CONTROL_MALFORMED,
                Disposition::Dropped,
                origin.at(1),
                path.as_bstr(),
                "the file does not begin with a number",
                "qmail takes its default instead, and so does the new server",
            )),
        },
        Form::List => {
            let list = lines::list(&bytes, &origin);
            for line in &list {
                warn_of_carriage_return(&line.value, &line.origin, &mut reading.findings);
            }
            control.lists.insert(name, list);
        }
    }
}

fn warn_of_carriage_return(line: &[u8], origin: &Origin, findings: &mut Findings) {
    if line.ends_with(b"\r") {
        findings.push(malformed(origin, line, CARRIAGE_RETURN, "qmail never matches the entry"));
    }
}

fn malformed(
    origin: &Origin,
    line: &[u8],
    message: impl Into<Cow<'static, str>>,
    effect: &'static str,
) -> Finding {
    let code = &code::SITE_CONTROL_MALFORMED;
    let subject = origin.file.as_bstr();
    Finding::new(code, Disposition::Dropped, origin.clone(), subject, message, effect)
        .with_excerpt(line.as_bstr())
}

/// Entries `key:value`; the key in lower case, of equal keys the last one counts. Findings show of a line
/// what `open` leaves of it.
fn colon_list(
    reading: &mut Reading<'_>,
    path: &RelPath,
    open: fn(&[u8]) -> &[u8],
) -> BTreeMap<BString, Sourced<BString>> {
    let bytes = read_file(reading.root, path, &mut reading.findings).unwrap_or_default();
    let mut entries: BTreeMap<BString, Sourced<BString>> = BTreeMap::new();
    for line in lines::list(&bytes, &Origin::file(path)) {
        let Some((key, value)) = line.value.split_once_str(":") else {
            let message = "the line has no colon";
            reading.findings.push(malformed(
                &line.origin,
                open(&line.value),
                message,
                "qmail ignores the line",
            ));
            continue;
        };
        if value.ends_with(b"\r") {
            let effect = "qmail never matches the entry";
            let finding = malformed(&line.origin, open(value), CARRIAGE_RETURN, effect);
            reading.findings.push(finding);
        }
        let key = BString::from(key.to_ascii_lowercase());
        let entry = Sourced::new(value.into(), line.origin.clone());
        if let Some(earlier) = entries.insert(key.clone(), entry) {
            let message = format!("a later line, {}, is for the same name", line.origin.line);
            let excerpt = [key.as_bytes(), b":", earlier.value.as_bytes()].concat();
            reading.findings.push(malformed(
                &earlier.origin,
                open(&excerpt),
                message,
                "qmail goes by the last line",
            ));
        }
    }
    entries
}

fn read_virtual_domains(reading: &mut Reading<'_>, path: &RelPath) {
    let entries = colon_list(reading, path, |line| line);
    let entry = |(key, value): (BString, Sourced<BString>)| {
        (key, VirtualDomain { prepend: value.value, origin: value.origin })
    };
    reading.site.control.virtual_domains = entries.into_iter().map(entry).collect();
}

/// `domain:relay:port`, with `|user|password` or ` user password` behind it in patched versions
/// (qmail-remote(8)).
fn read_routes(reading: &mut Reading<'_>, path: &RelPath) {
    for (key, value) in colon_list(reading, path, without_credentials) {
        let relay = without_credentials(&value.value);
        let (host, port) = host_and_port(relay);
        if port.is_none() {
            reading.findings.push(Finding::new(
                &code::SITE_CONTROL_MALFORMED,
                Disposition::Adapted,
                value.origin.clone(),
                value.origin.file.as_bstr(),
                format!("{} has no usable port", shown(relay)),
                "mail for these domains is sent to port 25",
            ));
        }
        let route = Relay {
            host: host.into(),
            port: port.unwrap_or(25),
            has_credentials: relay.len() < value.value.trim_ascii_end().len(),
            origin: value.origin,
        };
        reading.site.control.routes.insert(key, route);
    }
}

/// What stands in a line of `smtproutes` before a user's name and password, which nobody is shown.
fn without_credentials(line: &[u8]) -> &[u8] {
    line.find_byteset(b"| \t").and_then(|at| line.get(..at)).unwrap_or(line)
}

/// The port is the digits after the first `:`, kept in 16 bits; `None` where there are none.
fn host_and_port(relay: &[u8]) -> (&[u8], Option<u16>) {
    // An IPv6 address in brackets, of patched versions, has colons of its own.
    let host = if relay.starts_with(b"[") { relay.find_byte(b']').unwrap_or(0) } else { 0 };
    let colon = relay.get(host..).and_then(|rest| rest.find_byte(b':'));
    let Some((host, rest)) = colon.and_then(|at| relay.split_at_checked(host + at)) else {
        return (relay, Some(25));
    };
    let rest = rest.get(1..).unwrap_or_default();
    let port = u16::try_from(leading_number(rest) % (1 << 16)).unwrap_or(25);
    (host, rest.first().is_some_and(u8::is_ascii_digit).then_some(port))
}

/// Only the database counts; the text is asked for line numbers.
fn read_more_rcpthosts(reading: &mut Reading<'_>, folder: &RelPath) {
    let (text, database) = (folder.join("morercpthosts"), folder.join("morercpthosts.cdb"));
    let bytes = read_file(reading.root, &text, &mut reading.findings).unwrap_or_default();
    let mut lines = lines::list(&bytes, &Origin::file(&text));
    for line in &mut lines {
        line.value.make_ascii_lowercase();
    }
    let Some(bytes) = read_file(reading.root, &database, &mut reading.findings) else {
        if let Some(line) = lines.first() {
            reading.findings.push(Finding::new(
                &code::SITE_CONTROL_STALE,
                Disposition::Adapted,
                line.origin.clone(),
                text.as_bstr(),
                "morercpthosts is there, its database is not",
                "the old server refuses mail for these domains from outside, and so does the new one",
            ));
        }
        return;
    };
    match cdb::records(&bytes) {
        Ok(records) => {
            let keys: BTreeSet<BString> = records.into_iter().map(|(key, _)| key).collect();
            for line in lines.iter().filter(|line| !keys.contains(&line.value)) {
                reading.findings.push(Finding::new(
                    &code::SITE_CONTROL_STALE,
                    Disposition::Dropped,
                    line.origin.clone(),
                    &line.value,
                    "the domain is in morercpthosts, but not in its database",
                    "the old server refuses mail for it from outside",
                ));
            }
            // Of equal lines the first counts.
            let by_name = lines.iter().rev().map(|line| (&line.value, &line.origin));
            let by_name: BTreeMap<&BString, &Origin> = by_name.collect();
            let origin = |key: &BString| {
                by_name.get(key).map_or_else(|| Origin::file(&database), |line| (*line).clone())
            };
            let sourced = keys.iter().map(|key| Sourced::new(key.clone(), origin(key)));
            reading.site.control.more_rcpthosts = sourced.collect();
        }
        Err(damage) => {
            reading.findings.push(super::damaged(&database, damage, "the text beside it is used"));
            reading.site.control.more_rcpthosts = lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn a_port_is_the_digits_after_the_first_colon() {
        let port = |relay: &'static str| {
            let (host, port) = host_and_port(relay.as_bytes());
            (std::str::from_utf8(host).unwrap(), port)
        };
        assert_eq!(port("r.example:2525x"), ("r.example", Some(2525)));
        assert_eq!(port("r.example:smtp"), ("r.example", None));
        assert_eq!(port("r.example:"), ("r.example", None));
        assert_eq!(port("1.2.3.4:26:x"), ("1.2.3.4", Some(26)));
        assert_eq!(port("[::1]:26"), ("[::1]", Some(26)));
        assert_eq!(port("[::1]"), ("[::1]", Some(25)));
        assert_eq!(port(""), ("", Some(25)));
    }
}
