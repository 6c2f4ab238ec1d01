//! The settings of the old mail server: its control files.

use super::network::ClientRule;
use super::{DomainName, Origin, Sourced};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// What the control files say, by file name (qmail-control(5)); defaults are applied by the
/// methods, so that a missing file and an empty one stay apart.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Files of which the first line counts.
    pub lines: BTreeMap<&'static str, Sourced<BString>>,
    /// Files of which the number at the front counts.
    pub numbers: BTreeMap<&'static str, Sourced<u64>>,
    /// Files of which every line counts; an empty list is a file without entries.
    pub lists: BTreeMap<&'static str, Vec<Sourced<BString>>>,
    /// `virtualdomains` by key in lower case; of equal keys the last one counts.
    pub virtual_domains: BTreeMap<BString, VirtualDomain>,
    /// `smtproutes` by key in lower case; of equal keys the last one counts.
    pub routes: BTreeMap<BString, Relay>,
    /// The keys of `morercpthosts.cdb`.
    pub more_rcpthosts: Vec<Sourced<BString>>,
    /// The delivery instructions for users without a `.qmail` file.
    pub default_delivery: Vec<Sourced<BString>>,
    /// The rules of `tcp.smtp`.
    pub clients: Vec<ClientRule>,
    /// Files that only spam filters read.
    pub spam_files: Vec<Origin>,
}

/// An entry of `virtualdomains`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualDomain {
    /// What goes before the local part, with a `-` between; empty for an exception: the domain
    /// is remote.
    pub prepend: BString,
    /// The line.
    pub origin: Origin,
}

/// An entry of `smtproutes`: where mail for a remote domain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Host name or address; empty means the domain's own MX.
    pub host: BString,
    /// TCP port.
    pub port: u16,
    /// The entry carries a user name and password after the host (SMTP AUTH patches).
    pub has_credentials: bool,
    /// The line.
    pub origin: Origin,
}

impl Control {
    /// The host's own name (`me`), if the file is there.
    pub fn me(&self) -> Option<DomainName> {
        self.lines.get("me").map(|me| DomainName::new(&me.value))
    }

    /// A one-line setting, else `me`, else the literal that the programs fall back to.
    pub fn line_or_me(&self, name: &str, fallback: &str) -> DomainName {
        let own = self.lines.get(name).map(|line| DomainName::new(&line.value));
        own.or_else(|| self.me()).unwrap_or_else(|| DomainName::new(fallback))
    }

    /// The domain of envelope recipients without `@`.
    pub fn envnoathost(&self) -> DomainName {
        self.line_or_me("envnoathost", "envnoathost")
    }

    /// The domains whose users are the host's own; without the file it is `me` alone.
    pub fn locals(&self) -> Vec<Sourced<DomainName>> {
        let name = |line: &Sourced<BString>| {
            Sourced::new(DomainName::new(&line.value), line.origin.clone())
        };
        match self.lists.get("locals") {
            Some(locals) => locals.iter().map(name).collect(),
            None => self.lines.get("me").map(name).into_iter().collect(),
        }
    }

    /// Completes a host as `qmail-inject` does: `+` at the end asks for `plusdomain`, a host
    /// without a dot for `defaultdomain`; no host at all is `defaulthost` (qmail-header(5)).
    pub fn complete_host(&self, host: Option<&BStr>) -> DomainName {
        let host = match host {
            Some(host) => host.to_owned(),
            None => self.line_or_me("defaulthost", "defaulthost").as_bstr().to_owned(),
        };
        let append = |host: &BStr, name: &str| {
            let domain = self.line_or_me(name, name);
            DomainName::new(bstr::concat([host.as_bytes(), b".", domain.as_bstr()]))
        };
        if let Some(front) = host.strip_suffix(b"+") {
            append(front.as_bstr(), "plusdomain")
        } else if host.contains(&b'.') || host.starts_with(b"[") {
            DomainName::new(&host)
        } else {
            append(host.as_bstr(), "defaultdomain")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Control;
    use crate::model::{DomainName, Origin, RelPath, Sourced};

    fn control(lines: &[(&'static str, &str)]) -> Control {
        let origin = Origin::file(&RelPath::new("x"));
        let line = |&(name, text): &(&'static str, &str)| {
            (name, Sourced::new(text.into(), origin.clone()))
        };
        Control { lines: lines.iter().map(line).collect(), ..Control::default() }
    }

    #[test]
    fn missing_settings_fall_back_to_me() {
        let control = control(&[("me", "mx.example"), ("defaulthost", "a.example")]);
        assert_eq!(control.envnoathost(), DomainName::new("mx.example"));
        assert_eq!(control.complete_host(None), DomainName::new("a.example"));
        assert_eq!(Control::default().envnoathost(), DomainName::new("envnoathost"));
    }

    #[test]
    fn hosts_are_completed_as_qmail_inject_does() {
        let control =
            control(&[("me", "m"), ("defaultdomain", "d.example"), ("plusdomain", "p.example")]);
        let complete = |host: &str| control.complete_host(Some(host.into())).to_string();
        assert_eq!(complete("host"), "host.d.example");
        assert_eq!(complete("host+"), "host.p.example");
        assert_eq!(complete("a.b"), "a.b");
        assert_eq!(complete("[10.0.0.1]"), "[10.0.0.1]");
    }

    #[test]
    fn an_empty_locals_file_is_not_a_missing_one() {
        let mut control = control(&[("me", "mx.example")]);
        assert_eq!(control.locals().len(), 1);
        control.lists.insert("locals", Vec::new());
        assert!(control.locals().is_empty());
    }
}
