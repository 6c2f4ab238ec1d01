//! `main.cf`: every setting with the reason that a reader would ask for.

use super::master_cf::service_to;
use super::sql;
use super::tables::{LMTP, Tables, bracketed};
use crate::model::design::{Design, DoubleBounces};
use crate::target::Choices;
use crate::target::wiring::Wiring;
use bstr::{BString, ByteSlice as _};
use std::fmt::Write as _;

/// A group of settings under one remark.
#[derive(Debug)]
pub(super) struct Group {
    remark: &'static str,
    pub(super) settings: Vec<(String, String)>,
}

impl Group {
    fn new(remark: &'static str, settings: Vec<(&str, String)>) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { remark, settings: settings.collect() }
    }
}

/// Where Debian's ssl-cert package puts a certificate that every host has.
const SELF_MADE: (&str, &str) =
    ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key");

/// Where a spam filter goes, once there is one.
const MILTER: &str = "The old server looked for spam. Nothing does here until a filter runs that speaks the milter\n# protocol, as rspamd or spamass-milter; name its socket, and uncomment the lines.\n#smtpd_milters = inet:127.0.0.1:11332\n#milter_default_action = accept";

/// All settings, in reading order.
pub(super) fn settings(
    design: &Design,
    choices: Choices<'_>,
    wiring: &Wiring,
    tables: &Tables,
) -> Vec<Group> {
    let kind = choices.map_type.name();
    let map = |name: &str| format!("{kind}:$config_directory/unqmail/{name}");
    let regexp = |name: &str| format!("regexp:$config_directory/unqmail/{name}");
    // What the database answers in the place of a table, if there is one.
    let stored = |name: &str| sql::map(choices, name);
    let kept = |name: &str| stored(name).unwrap_or_else(|| map(name));
    let before = |name: &str| stored(name).map(|map| format!("{map}, ")).unwrap_or_default();
    let text = |bytes: &BString| bytes.to_str_lossy().into_owned();
    let host = &design.host;
    let mut groups = vec![
        Group::new(
            "The host. Nothing is delivered by local(8): every address is a virtual one.",
            vec![
                ("compatibility_level", "3.6".into()),
                ("myhostname", host.name.to_string()),
                ("myorigin", host.bare_domain.to_string()),
                ("mydestination", String::new()),
                ("local_recipient_maps", String::new()),
                ("local_transport", "error:5.1.1 No such address".into()),
                ("alias_maps", String::new()),
                ("alias_database", String::new()),
                ("inet_interfaces", "all".into()),
                ("inet_protocols", "all".into()),
                ("biff", "no".into()),
                ("recipient_delimiter", String::new()),
            ],
        ),
        Group::new(
            "Which domains, addresses and next hops there are. The tables are texts beside this file;\n# unqmail/build-tables compiles them.",
            vec![
                (
                    "virtual_mailbox_domains",
                    format!("{}, {}", kept("domains"), regexp("domain_patterns")),
                ),
                ("virtual_mailbox_maps", before("mailboxes") + &map("mailboxes")),
                ("virtual_alias_domains", kept("alias_domains")),
                (
                    "virtual_alias_maps",
                    format!(
                        "{}, {}{}, pipemap:{{{}, {}}}",
                        kept("aliases"),
                        before("aliases_of_domains"),
                        regexp("patterns"),
                        regexp("strip_extension"),
                        map("extensions")
                    ),
                ),
                ("virtual_transport", LMTP.into()),
                (
                    "transport_maps",
                    format!("{}, {}", map("transport"), regexp("transport_patterns")),
                ),
                ("relay_domains", "$config_directory/unqmail/relay_domains".into()),
                ("parent_domain_matches_subdomains", String::new()),
            ],
        ),
        Group::new(
            "An address is taken literally: `%` and `!` divide nothing, and bytes are bytes.\n# Dovecot's LMTP server takes no message that asks for SMTPUTF8.",
            vec![
                ("allow_percent_hack", "no".into()),
                ("swap_bangpath", "no".into()),
                ("smtputf8_enable", "no".into()),
            ],
        ),
        Group::new("Who may do what.", restrictions(design, tables, &map, &regexp)),
        Group::new("Log in by Dovecot's accounts, on every port as before.", login(design)),
        Group::new("Sizes and times of the old server.", limits(design, tables)),
        match host.double_bounces {
            DoubleBounces::Nobody => Group::new(
                "A bounce that cannot be delivered is thrown away, as it was before.",
                vec![("notify_classes", "resource, software".into())],
            ),
            _ => Group::new(
                "A bounce that cannot be delivered goes to a person, as it did before.",
                vec![("notify_classes", "resource, software, 2bounce".into())],
            ),
        },
    ];
    if let Some(group) = groups.get_mut(1) {
        let own = wiring.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        group.settings.extend(own);
    }
    if let (Some(group), DoubleBounces::To(address)) = (groups.last_mut(), &host.double_bounces) {
        group.settings.push(("2bounce_notice_recipient".into(), address.to_string()));
    }
    if let Some(hop) =
        design.next_hops.iter().find(|(name, hop)| name.is_empty() && !hop.host.is_empty())
    {
        let mut settings = vec![("relayhost", bracketed(hop.1.host.as_bstr(), hop.1.port))];
        if hop.1.begins_with_tls() {
            let transports = ["default_transport", "relay_transport"];
            settings.extend(transports.map(|name| (name, service_to(&hop.1).into())));
        }
        groups.push(Group::new("Mail for everybody else goes through one host.", settings));
    }
    if let Some(greeting) = &host.greeting {
        let settings = vec![("smtpd_banner", format!("$myhostname ESMTP {}", text(greeting)))];
        groups.push(Group::new("What the server says first.", settings));
    }
    if let Some(helo) = host
        .helo
        .as_ref()
        .filter(|helo| helo.iter().all(|b| b.is_ascii_alphanumeric() || b".-".contains(b)))
    {
        groups.push(Group::new("The name it gives itself.", vec![("smtp_helo_name", text(helo))]));
    }
    if design.spam.is_some() {
        groups.push(Group::new(MILTER, Vec::new()));
    }
    if !tables.classes.is_empty() {
        groups.push(Group {
            remark: "Who may post to lists that are aliases: a class for each set of senders.",
            settings: classes(tables, &map),
        });
    }
    groups
}

fn classes(tables: &Tables, map: &impl Fn(&str) -> String) -> Vec<(String, String)> {
    let names: Vec<&str> = tables.classes.iter().map(|class| class.name.as_str()).collect();
    let all = ("smtpd_restriction_classes".to_owned(), names.join(", "));
    let each = tables.classes.iter().map(|class| (class.name.clone(), class.restrictions(map)));
    std::iter::once(all).chain(each).collect()
}

fn restrictions(
    design: &Design,
    tables: &Tables,
    map: &impl Fn(&str) -> String,
    regexp: &impl Fn(&str) -> String,
) -> Vec<(&'static str, String)> {
    let networks = design
        .networks
        .iter()
        .map(|rule| format!("{}{}", if rule.relays { "" } else { "!" }, rule.network));
    // The list manager and Sieve hand their mail to this host itself.
    let own = ["127.0.0.0/8".to_owned(), "[::1]/128".to_owned()];
    let mut networks: Vec<String> = networks.collect();
    networks.extend(own.into_iter().filter(|own| !networks.contains(own)).collect::<Vec<_>>());
    let has_percent = !tables.percent_addresses.is_empty();
    let has_routing = has_percent || has_routing_bytes(design);
    let relay = if has_percent {
        format!(
            "permit_mynetworks, permit_sasl_authenticated, check_recipient_access {}, reject_unauth_destination",
            regexp("percent_addresses")
        )
    } else {
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination".to_owned()
    };
    let mut senders = format!("check_sender_access {}", map("refused_senders"));
    if !tables.classes.is_empty() {
        // It is asked at RCPT TO, and what it permits ends no other list of restrictions.
        let _ = write!(senders, ", check_recipient_access {}", map("list_posts"));
    }
    let mut settings = vec![
        ("mynetworks", networks.join(", ")),
        ("smtpd_helo_required", "no".to_owned()),
        ("disable_vrfy_command", "yes".to_owned()),
        (
            "smtpd_client_restrictions",
            format!(
                "check_client_access cidr:$config_directory/unqmail/refused_networks, check_client_access {}",
                map("refused_hosts")
            ),
        ),
        ("smtpd_sender_restrictions", senders),
        ("smtpd_relay_restrictions", relay),
        (
            "smtpd_recipient_restrictions",
            format!(
                "check_recipient_access {}, check_recipient_access {}, permit_mynetworks, permit_sasl_authenticated, check_recipient_access {}",
                map("refused_recipients"),
                regexp("refused_patterns"),
                map("inner_domains")
            ),
        ),
    ];
    if has_routing {
        // Else every address with such a byte is refused as an attempt to relay.
        settings.push(("allow_untrusted_routing", "yes".to_owned()));
    }
    let names = design.mailboxes.keys().chain(design.lists.keys());
    if names.into_iter().any(|address| address.local.as_bstr().starts_with(b"-")) {
        settings.push(("allow_min_user", "yes".to_owned()));
    }
    settings
}

/// Whether some address may have a byte that Postfix takes for routing: one that is named, or any
/// behind a front, in a list's commands or in a catch-all.
fn has_routing_bytes(design: &Design) -> bool {
    use crate::model::design::LocalPattern;
    let has = |name: &[u8]| name.iter().any(|b| b"%!@".contains(b));
    !design.lists.is_empty()
        || design.mailboxes.keys().any(|address| has(address.local.as_ref()))
        || design.routes.iter().any(|route| match &route.pattern.local {
            LocalPattern::Exact(local) => has(local.as_ref()),
            LocalPattern::Prefix(_) | LocalPattern::Any => true,
            LocalPattern::Odd => false,
        })
}

fn login(design: &Design) -> Vec<(&'static str, String)> {
    let own = design
        .host
        .certificate
        .as_ref()
        .map(|(certificate, key)| (certificate.as_str(), key.as_str()));
    let (certificate, key) = own.unwrap_or(SELF_MADE);
    vec![
        ("smtpd_sasl_type", "dovecot".into()),
        ("smtpd_sasl_path", "private/auth".into()),
        ("smtpd_sasl_auth_enable", "yes".into()),
        ("smtpd_sasl_security_options", "noanonymous".into()),
        ("broken_sasl_auth_clients", "yes".into()),
        ("smtpd_tls_auth_only", if design.login.plaintext { "no" } else { "yes" }.into()),
        ("smtpd_tls_security_level", "may".into()),
        ("smtpd_tls_cert_file", certificate.into()),
        ("smtpd_tls_key_file", key.into()),
        ("smtp_tls_security_level", "may".into()),
    ]
}

fn limits(design: &Design, tables: &Tables) -> Vec<(&'static str, String)> {
    let host = &design.host;
    let mut settings =
        vec![("mailbox_size_limit", "0".to_owned()), ("virtual_mailbox_limit", "0".to_owned())];
    let mut set = |name: &'static str, value: Option<String>| {
        settings.extend(value.map(|value| (name, value)));
    };
    let seconds =
        |value: Option<u64>| value.map(|seconds| format!("{}s", seconds.clamp(1, 100_000_000)));
    set(
        "message_size_limit",
        host.message_bytes.map(|bytes| bytes.min(i64::MAX.unsigned_abs()).to_string()),
    );
    set("maximal_queue_lifetime", seconds(host.queue_seconds));
    set("bounce_queue_lifetime", seconds(host.queue_seconds));
    set("smtpd_timeout", seconds(host.server_timeout));
    set("smtp_connect_timeout", seconds(host.connect_timeout));
    for name in [
        "smtp_helo_timeout",
        "smtp_mail_timeout",
        "smtp_rcpt_timeout",
        "smtp_data_init_timeout",
        "smtp_data_done_timeout",
    ] {
        set(name, seconds(host.send_timeout));
    }
    set(
        "smtpd_recipient_limit",
        host.recipients.filter(|count| *count > 0).map(|count| count.min(100_000).to_string()),
    );
    if tables.links > 900 {
        // Two rows each where an alias domain or an extension stands between.
        let limit = tables.links.saturating_mul(2) + 1000;
        set("virtual_alias_recursion_limit", Some(limit.to_string()));
    }
    if tables.widest > 100 {
        // An alias with many targets, or several such behind one another, is no mistake here.
        let limit = tables.widest.saturating_mul(10).max(10_000);
        set("virtual_alias_expansion_limit", Some(limit.to_string()));
    }
    if tables.widest > 1000 {
        // Beyond it an address that is met twice would get two copies.
        set("duplicate_filter_limit", Some(tables.widest.to_string()));
    }
    settings
}

/// The file.
pub(super) fn render(groups: &[Group]) -> String {
    let mut text = String::from(
        "# Written by unqmail. Complete, for a host without settings of its own;\n# unqmail/postconf.sh makes the same settings on a host that has some.\n",
    );
    for group in groups {
        let _ = writeln!(text, "\n# {}", group.remark);
        for (name, value) in &group.settings {
            let value = value.replace(", ", ",\n    ");
            let _ = writeln!(text, "{}", format!("{name} = {value}").trim_end());
        }
    }
    text
}
