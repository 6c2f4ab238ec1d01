//! The host, its limits, and where mail for other servers goes.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::design::{DoubleBounces, Host, Login, NextHop};
use crate::model::{Address, DomainName, Origin, RelPath};
use bstr::{BString, ByteSlice as _};

/// Settings that the new server needs no counterpart for, and why.
const NO_COUNTERPART: &[(&str, &str)] = &[
    ("bouncefrom", "bounces come from MAILER-DAEMON"),
    ("bouncehost", "bounces come from the host's own name"),
    ("idhost", "message ids carry the host's own name"),
    ("localiphost", "addresses with the host's own IP are known by themselves"),
    ("moreipme", "name the addresses in proxy_interfaces"),
    ("outgoingip", "set smtp_bind_address"),
    ("qmqpservers", "set relayhost"),
];

impl Translator<'_> {
    pub(super) fn translate_server(&mut self) {
        let control = &self.site.control;
        let number = |name: &str| control.numbers.get(name).map(|number| number.value);
        let line = |name: &str| control.lines.get(name).map(|line| line.value.clone());
        let me = control.me().filter(DomainName::is_plain);
        let me = me.unwrap_or_else(|| DomainName::new("localhost"));
        let name = self.policy.hostname.as_ref().map_or_else(|| me.clone(), DomainName::new);
        let given = Some(control.envnoathost()).filter(DomainName::is_plain);
        let bare_domain = self.site.unix_domain().or(given).unwrap_or_else(|| name.clone());
        let greeting = line("smtpgreeting").map(|greeting| without_host(&greeting, &me));
        self.design.host = Host {
            // By an empty one Postfix would not start, and few servers took it.
            helo: line("helohost")
                .filter(|helo| !helo.is_empty() && !helo.eq_ignore_ascii_case(me.as_ref())),
            greeting: greeting.filter(|text| text.is_ascii() && !text.is_empty()),
            // qmail's own default is no limit; Postfix's would be 10 MB.
            message_bytes: Some(number("databytes").unwrap_or(0)),
            queue_seconds: Some(number("queuelifetime").unwrap_or(604_800)),
            server_timeout: Some(number("timeoutsmtpd").unwrap_or(1200).max(1)),
            connect_timeout: number("timeoutconnect"),
            send_timeout: number("timeoutremote"),
            incoming: number("concurrencyincoming"),
            outgoing: number("concurrencyremote"),
            deliveries: number("concurrencylocal"),
            recipients: number("maxrcpt"),
            double_bounces: self.double_bounces(),
            // One file may hold both, as qmail's servercert.pem did.
            certificate: self.policy.tls.certificate.clone().map(|certificate| {
                let key = self.policy.tls.key.clone().unwrap_or_else(|| certificate.clone());
                (certificate, key)
            }),
            name,
            bare_domain: bare_domain.clone(),
        };
        let default_domain = self.policy.login.default_domain.as_ref().map(DomainName::new);
        let default_domain = default_domain
            .or_else(|| self.site.login_domain.as_ref().map(|domain| domain.value.clone()))
            .unwrap_or(bare_domain);
        self.design.login =
            Login { default_domain, plaintext: self.policy.login.plaintext, weak_hashes: false };
        self.report_bare_domains();
        self.report_unused();
        self.report_certificates();
    }

    /// Where bounces of bounces go. An empty name or host was the usual way to lose them.
    fn double_bounces(&self) -> DoubleBounces {
        let control = &self.site.control;
        let to = control.lines.get("doublebounceto").map(|line| line.value.clone());
        let host = control.line_or_me("doublebouncehost", "doublebouncehost");
        let to = to.unwrap_or_else(|| BString::from("postmaster"));
        let address = Address::new(&to, &host);
        match () {
            () if to == "postmaster" && host == control.envnoathost() => DoubleBounces::Postmaster,
            () if Self::is_writable(&address) => DoubleBounces::To(address),
            () => DoubleBounces::Nobody,
        }
    }

    /// qmail completes addresses in two ways; Postfix knows one.
    fn report_bare_domains(&mut self) {
        let (given, bare) = (self.site.control.envnoathost(), self.design.host.bare_domain.clone());
        let line = self.site.control.lines.get("envnoathost");
        if let Some(origin) = line.filter(|_| given != bare).map(|line| line.origin.clone()) {
            self.find(
                &code::SITE_BARE_DOMAINS_DIFFER,
                Disposition::Adapted,
                &origin,
                [b"@", given.as_bstr().as_bytes()].concat(),
                format!("an SMTP client's recipient without a domain is one of {given}"),
                format!("on the new server it is one of {bare}; forwards in .qmail files keep their domain"),
            );
        }
        let (injected, envelope) =
            (self.site.control.complete_host(None), self.design.host.bare_domain.clone());
        if injected == envelope {
            return;
        }
        let lines = &self.site.control.lines;
        let Some(line) = lines.get("defaulthost").or_else(|| lines.get("me")) else {
            return;
        };
        let origin = line.origin.clone();
        self.find(
            &code::SITE_BARE_DOMAINS_DIFFER,
            Disposition::Adapted,
            &origin,
            injected.as_bstr(),
            format!("programs on the host send to {injected} when an address has no domain, SMTP clients to {envelope}"),
            format!("on the new server both mean {envelope}, where root and the other system users are"),
        );
    }

    fn report_unused(&mut self) {
        let control = &self.site.control;
        let mut unused = Vec::new();
        for (name, instead) in NO_COUNTERPART {
            let origin = control
                .lines
                .get(name)
                .map(|line| &line.origin)
                .or_else(|| control.lists.get(name)?.first().map(|line| &line.origin));
            unused.extend(origin.map(|origin| (origin.clone(), *name, *instead)));
        }
        for (origin, name, instead) in unused {
            self.find(
                &code::SITE_SETTING_DROPPED,
                Disposition::Dropped,
                &origin,
                name,
                format!("control/{name} has no counterpart"),
                instead,
            );
        }
    }

    fn report_certificates(&mut self) {
        if self.design.host.certificate.is_some() {
            return;
        }
        let origin = Origin::file(&RelPath::new(&self.policy.old.qmail).join("control/me"));
        let origin = self.site.certificates.first().map_or(origin, Origin::file);
        let found: Vec<String> =
            self.site.certificates.iter().map(|path| format!("/{path}")).collect();
        let effect = match found.as_slice() {
            [] => "none was found on the old server either; clients will be warned of the distribution's self-made one".to_owned(),
            found => format!("the old server has {}; copy one to the new host and name it", found.join(", ")),
        };
        self.find(
            &code::SITE_NO_CERTIFICATE,
            Disposition::Manual,
            &origin,
            "tls",
            "no certificate is named in unqmail.toml",
            effect,
        );
    }

    /// `smtproutes`, most specific first: whole names, then suffixes by length, then the default.
    pub(super) fn translate_next_hops(&mut self) {
        let mut hops: Vec<(BString, NextHop)> = Vec::new();
        for (key, relay) in &self.site.control.routes {
            let hop = NextHop {
                host: relay.host.clone(),
                port: relay.port,
                origin: relay.origin.clone(),
            };
            let bare = relay.host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
            let is_host =
                relay.host.is_empty() || DomainName::new(bare.unwrap_or(&relay.host)).is_plain();
            let is_domain =
                key.is_empty() || DomainName::new(key.strip_prefix(b".").unwrap_or(key)).is_plain();
            let (subject, origin) = (key.clone(), relay.origin.clone());
            if !is_host || !is_domain {
                self.findings.push(crate::finding::Finding::new(
                    &code::SITE_ROUTE_ODD,
                    Disposition::Dropped,
                    origin,
                    subject,
                    "the entry names no host or no domain",
                    "mail for it goes by the domain's own MX",
                ));
                continue;
            }
            if relay.has_credentials {
                self.findings.push(crate::finding::Finding::new(
                    &code::SITE_ROUTE_CREDENTIALS,
                    Disposition::Manual,
                    origin,
                    subject,
                    "the relay is used with a user name and a password",
                    "the new server uses it without; put them into smtp_sasl_password_maps",
                ));
            }
            hops.push((key.clone(), hop));
        }
        hops.sort_by_key(|(key, _)| {
            (key.is_empty(), key.starts_with(b"."), std::cmp::Reverse(key.len()), key.clone())
        });
        self.design.next_hops = hops;
        let percent = self.site.control.lists.get("percenthack").cloned().unwrap_or_default();
        for entry in percent {
            self.find(
                &code::SITE_PERCENTHACK,
                Disposition::Adapted,
                &entry.origin,
                &entry.value,
                "user%domain@this-domain is passed on to user@domain, for any domain: an open relay",
                "the new server does so only for domains that it takes mail for",
            );
            let name = DomainName::new(&entry.value);
            if name.is_plain() {
                self.design.percent_domains.push(crate::model::Sourced::new(name, entry.origin));
            }
        }
    }
}

/// The greeting without the host name in front, which every server says by itself.
fn without_host(greeting: &BString, me: &DomainName) -> BString {
    let (first, rest) = greeting.split_once_str(" ").unwrap_or((greeting, b""));
    let text = if first.eq_ignore_ascii_case(me.as_ref()) { rest } else { greeting.as_slice() };
    let text = text.strip_prefix(b"ESMTP").unwrap_or(text).trim_ascii();
    text.iter()
        .copied()
        .filter(|b| b.is_ascii_graphic() || *b == b' ')
        .filter(|b| *b != b'$')
        .collect::<Vec<u8>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::without_host;
    use crate::model::DomainName;

    #[test]
    fn a_greeting_keeps_its_words_and_loses_what_could_expand() {
        let me = DomainName::new("mx.example");
        let text = |greeting: &str| without_host(&greeting.into(), &me).to_string();
        assert_eq!(text("mx.example ESMTP bienvenue"), "bienvenue");
        assert_eq!(text("mx.example"), "");
        assert_eq!(text("welcome $mail_version\r"), "welcome mail_version");
    }
}
