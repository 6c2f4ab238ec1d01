//! PostfixAdmin's own settings: where its database is, and how it checks the old hashes.

use crate::model::RelPath;
use crate::model::connection::{Connection, Server};
use crate::target::sql::{Dialect, FILE, PANEL_USER};
use crate::target::{Artifact, Audience, Choices, Content};

/// The settings. `php_crypt` leaves a hash its scheme, whatever that is, and gives a new password the
/// one that is named.
pub(super) fn artifact(choices: Choices<'_>) -> Option<Artifact> {
    let (place, audience) = match Dialect::of(choices)? {
        Dialect::Sqlite => (
            format!("$CONF['database_type'] = 'sqlite';\n$CONF['database_name'] = '/{FILE}';"),
            Audience::Everybody,
        ),
        Dialect::Postgresql(server) | Dialect::Mysql(server) => {
            let Connection { host, port, name, user, password, .. } = server;
            let host = match (server.server, server.socket()) {
                (Server::Mysql, Some(socket)) => {
                    format!(
                        "$CONF['database_host'] = 'localhost';\n$CONF['database_socket'] = '{socket}';"
                    )
                }
                _ => format!(
                    "$CONF['database_host'] = '{host}';\n$CONF['database_port'] = '{port}';"
                ),
            };
            let kind = match server.server {
                Server::Postgresql => "pgsql",
                Server::Mysql => "mysqli",
            };
            let password = password.reveal();
            let text = format!(
                "$CONF['database_type'] = '{kind}';\n{host}\n$CONF['database_name'] = '{name}';\n$CONF['database_user'] = '{user}';\n$CONF['database_password'] = '{password}';"
            );
            (text, Audience::Group(PANEL_USER))
        }
    };
    let text = format!(
        "<?php
// Written by unqmail: what PostfixAdmin has to know of this server.
$CONF['configured'] = true;
{place}
// Hashes of the old server are checked by their own scheme; new ones are SHA512-CRYPT.
$CONF['encrypt'] = 'php_crypt:SHA512::{{SHA512-CRYPT}}';
// Homes are DOMAIN/USER, as those that are there.
$CONF['domain_path'] = 'YES';
$CONF['domain_in_mailbox'] = 'NO';
// Limits: 0 is none.
$CONF['quota'] = 'YES';
$CONF['domain_quota'] = 'YES';
$CONF['quota_multiplier'] = '1048576';
$CONF['aliases'] = '0';
$CONF['mailboxes'] = '0';
$CONF['maxquota'] = '0';
$CONF['domain_quota_default'] = '0';
// Addresses of the system are there already.
$CONF['default_aliases'] = array();
$CONF['alias_control'] = 'YES';
$CONF['alias_control_admin'] = 'YES';
$CONF['special_alias_control'] = 'YES';
$CONF['edit_alias'] = 'YES';
// Answers are Sieve scripts, and mail is fetched by nobody.
$CONF['vacation'] = 'NO';
$CONF['fetchmail'] = 'NO';
$CONF['emailcheck_resolve_domain'] = 'NO';
$CONF['sendmail'] = 'NO';
$CONF['show_footer_text'] = 'NO';
"
    );
    let path = RelPath::new("etc/postfixadmin/config.local.php");
    Some(Artifact { path, content: Content::file(text), audience })
}
