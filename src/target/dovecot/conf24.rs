//! `dovecot.conf` for Dovecot 2.4.

use super::{MOST_SENDS, Shared};
use crate::model::design::Design;
use crate::target::Choices;

pub(super) fn render(design: &Design, choices: Choices<'_>) -> String {
    let Shared {
        certificate,
        key,
        default_domain,
        postmaster,
        uid,
        separators,
        name_bytes,
        sizes,
        counts_seconds,
        most_sends,
        files_spam,
        lookup,
    } = Shared::new(design, choices);
    let plaintext = if design.login.plaintext { "yes" } else { "no" };
    let weak = if design.login.weak_hashes {
        "# Some accounts have DES or MD5 hashes; without this they could not log in.\nauth_allow_weak_schemes = yes\n"
    } else {
        ""
    };
    // A protocol's plugins replace the global ones.
    let (driver, acl, imap_acl, lmtp_acl) = if design.grants {
        (
            "# Rights of folders lie in dovecot-acl.\nacl_driver = vfile\n",
            "  acl = yes\n",
            "    acl = yes\n    imap_acl = yes\n",
            "    acl = yes\n",
        )
    } else {
        Default::default()
    };
    let seconds = if counts_seconds {
        "# Some scripts answer more than once in a day.\nsieve_extensions {\n  vacation-seconds = yes\n}\nsieve_vacation_min_period = 1s\n"
    } else {
        ""
    };
    let spam = if files_spam {
        "# Before the scripts of users.\nsieve_script spam {\n  type = before\n  driver = file\n  path = /etc/dovecot/unqmail-spam.sieve\n}\n"
    } else {
        ""
    };
    let sends = match most_sends {
        0..=MOST_SENDS => String::new(),
        more => format!(
            "# Some script sends mail to more than {MOST_SENDS} addresses.\nsieve_max_redirects = {more}\n"
        ),
    };
    format!(
        r#"# Dovecot 2.4, complete: it replaces the distribution's files, which would let Unix users in.
# Written by unqmail. These two must come first.
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.0

protocols = imap pop3 lmtp sieve
listen = *, ::

# A file that is missing here is not noticed by doveconf, only at the start.
ssl = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
# Whether passwords may cross the network without TLS.
auth_allow_cleartext = {plaintext}
{weak}
# Names as vpopmail took them: user@domain, user%domain, and bare ones in the default domain, which
# is added before anything is translated and cut off again where it was too much.
auth_mechanisms = plain login
auth_default_domain = {default_domain}
auth_username_translation = {separators}
auth_username_format = %{{user | username | lower}}@%{{domain_first | lower}}
auth_username_chars = "{name_bytes}"

# Who may not use a way in: deny-imap, deny-webmail (IMAP from this host), deny-pop3, deny-smtp,
# deny-sieve. Asked first.
passdb deny {{
  driver = passwd-file
  passwd_file_path = /etc/dovecot/unqmail/deny-%{{protocol | concat('@', remote_ip) | if('eq', 'imap@127.0.0.1', 'webmail', protocol)}}
  deny = yes
}}
{lookup}
first_valid_uid = {uid}
mail_uid = vmail
mail_gid = vmail
mail_driver = maildir
mail_path = ~/Maildir
# An empty value would turn INBOX into the folder .INBOX.
mail_inbox_path = ~/Maildir
{sizes}{driver}mail_plugins {{
  quota = yes
{acl}}}

# Folder names as Courier's clients know them, and the same folders without INBOX in front. Each
# namespace has a quota root of its own: with one for both, half of the folders would have none. The
# driver is count, because maildir loses the size of messages that are moved (2.4.1).
namespace inbox {{
  inbox = yes
  type = private
  prefix = INBOX.
  separator = .
  quota "User quota" {{
    driver = count
  }}
  mailbox Sent {{
    special_use = \Sent
  }}
  mailbox Drafts {{
    special_use = \Drafts
  }}
  mailbox Trash {{
    special_use = \Trash
    quota_ignore = yes
  }}
  mailbox Trash.* {{
    quota_ignore = yes
  }}
  mailbox Junk {{
    special_use = \Junk
  }}
  mailbox Spam {{
    special_use = \Junk
  }}
}}
namespace compat {{
  type = private
  prefix =
  separator = .
  inbox = no
  list = no
  hidden = yes
  quota "User quota (compat)" {{
    driver = count
  }}
  mailbox Trash {{
    quota_ignore = yes
  }}
  mailbox Trash.* {{
    quota_ignore = yes
  }}
}}
# No limit is exceeded by 10 MB, which is the default.
quota_storage_grace = 0

protocol imap {{
  mail_plugins {{
    quota = yes
    imap_quota = yes
{imap_acl}  }}
}}
protocol pop3 {{
  # The file's base name, as on the old server.
  pop3_uidl_format = %{{filename}}
}}
protocol lmtp {{
  mail_plugins {{
    quota = yes
    sieve = yes
{lmtp_acl}  }}
  postmaster_address = {postmaster}
}}
# Extensions of addresses are Postfix's business.
recipient_delimiter =
lmtp_save_to_detail_mailbox = no
lda_mailbox_autocreate = yes
lda_mailbox_autosubscribe = yes

sieve_script personal {{
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}}
{spam}{seconds}{sends}
# Sockets for Postfix, whose queue folder must be there: `postfix check` makes it.
service lmtp {{
  unix_listener /var/spool/postfix/private/dovecot-lmtp {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"#
    )
}
