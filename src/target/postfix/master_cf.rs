//! `master.cf`: Debian's services without chroot, the three ports that take mail, and what hands
//! mail to lists.

use crate::model::design::{Design, NextHop};
use crate::target::wiring::Wiring;
use std::fmt::Write as _;

/// A service: its line, and its options and arguments.
#[derive(Debug)]
pub(super) struct Service {
    /// `name/type`, as postconf(1) asks for it.
    pub(super) key: String,
    pub(super) line: String,
    pub(super) options: Vec<String>,
}

const FIXED: &[&str] = &[
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "verify unix - - n - 1 verify",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "proxywrite unix - - n - 1 proxymap",
    "relay unix - - n - - smtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "local unix - n n - - local",
    "virtual unix - n n - - virtual",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
];

/// Only who logs in may send through these ports.
const SUBMISSION: &[&str] = &[
    "smtpd_sasl_auth_enable=yes",
    "smtpd_client_restrictions=",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
];

/// What sends by TLS from the first byte.
const TLS_SERVICE: &str = "smtp-tls";

/// The service that sends to a host.
pub(super) fn service_to(hop: &NextHop) -> &'static str {
    if hop.begins_with_tls() { TLS_SERVICE } else { "smtp" }
}

/// All services, in file order.
pub(super) fn services(design: &Design, wiring: &Wiring) -> Vec<Service> {
    let at_most = |count: Option<u64>| {
        count
            .filter(|count| *count > 0)
            .map_or_else(|| "-".to_owned(), |count| count.min(10_000).to_string())
    };
    let host = &design.host;
    let submission = |name: &str, more: &[&str]| {
        let options = std::iter::once(format!("syslog_name=postfix/{name}"))
            .chain(more.iter().chain(SUBMISSION).map(ToString::to_string));
        options.collect()
    };
    let mut services = vec![
        service(&format!("smtp inet n - n - {} smtpd", at_most(host.incoming)), Vec::new()),
        service("submission inet n - n - - smtpd", submission("submission", &[])),
        service(
            "465 inet n - n - - smtpd",
            submission("submissions", &["smtpd_tls_wrappermode=yes"]),
        ),
    ];
    services.extend(FIXED.iter().map(|line| service(line, Vec::new())));
    services
        .push(service(&format!("smtp unix - - n - {} smtp", at_most(host.outgoing)), Vec::new()));
    services
        .push(service(&format!("lmtp unix - - n - {} lmtp", at_most(host.deliveries)), Vec::new()));
    if design.next_hops.iter().any(|(_, hop)| hop.begins_with_tls()) {
        let options = ["smtp_tls_wrappermode=yes", "smtp_tls_security_level=encrypt"];
        let line = format!("{TLS_SERVICE} unix - - n - {} smtp", at_most(host.outgoing));
        services.push(service(&line, options.map(Into::into).into()));
    }
    services.extend(wiring.services.iter().map(|own| {
        let options = own.options.iter().map(ToString::to_string).collect();
        Service { options, ..service(own.line, Vec::new()) }
    }));
    services.extend(super::pipes::services(design));
    services
}

fn service(line: &str, options: Vec<String>) -> Service {
    let mut words = line.split(' ');
    let key = [words.next().unwrap_or_default(), words.next().unwrap_or_default()].join("/");
    Service {
        key,
        line: line.to_owned(),
        options: options.into_iter().map(|option| format!("-o {option}")).collect(),
    }
}

/// The file.
pub(super) fn render(services: &[Service]) -> String {
    let mut text = String::from(
        "# Written by unqmail: master(5).\n# service type private unpriv chroot wakeup maxproc command\n",
    );
    for service in services {
        let _ = writeln!(text, "{}", service.line);
        for option in &service.options {
            let _ = writeln!(text, "  {option}");
        }
    }
    text
}
