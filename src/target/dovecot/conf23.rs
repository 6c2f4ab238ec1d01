//! `dovecot.conf` for Dovecot 2.3.

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
    let driver = if design.grants {
        "  # Rights of folders lie in dovecot-acl.\n  acl = vfile\n"
    } else {
        ""
    };
    let (acl, imap_acl) = if design.grants { (" acl", " imap_acl") } else { ("", "") };
    let plaintext = if design.login.plaintext { "no" } else { "yes" };
    let seconds = if counts_seconds {
        "\n  # Some scripts answer more than once in a day.\n  sieve_extensions = +vacation-seconds\n  sieve_vacation_min_period = 1s"
    } else {
        ""
    };
    let spam = if files_spam {
        "\n  # Before the scripts of users.\n  sieve_before = /etc/dovecot/unqmail-spam.sieve"
    } else {
        ""
    };
    let sends = match most_sends {
        0..=MOST_SENDS => String::new(),
        more => format!(
            "\n  # Some script sends mail to more than {MOST_SENDS} addresses.\n  sieve_max_redirects = {more}"
        ),
    };
    format!(
        r#"# Dovecot 2.3, complete: it replaces the distribution's files, which would let Unix users in.
# Written by unqmail.
protocols = imap pop3 lmtp sieve
listen = *, ::

# A file that is missing here is not noticed by doveconf, only at the start.
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
# Whether passwords may cross the network without TLS.
disable_plaintext_auth = {plaintext}

# Names as vpopmail took them: user@domain, user%domain, and bare ones in the default domain, which
# is added before anything is translated and cut off again where it was too much.
auth_mechanisms = plain login
auth_default_realm = {default_domain}
auth_username_translation = {separators}
auth_username_format = %Ln@%L{{domain_first}}
auth_username_chars = "{name_bytes}"

# Who may not use a way in: deny-imap, deny-webmail (IMAP from this host), deny-pop3, deny-smtp,
# deny-sieve. Asked first.
passdb {{
  driver = passwd-file
  args = username_format=%Lu /etc/dovecot/unqmail/deny-%{{if;%s@%{{rip}};eq;imap@127.0.0.1;webmail;%s}}
  deny = yes
}}
{lookup}
first_valid_uid = {uid}
mail_uid = vmail
mail_gid = vmail
# Without INBOX= the second namespace would turn INBOX into the folder .INBOX.
mail_location = maildir:~/Maildir:INBOX=~/Maildir
{sizes}mail_plugins = quota{acl}

# Folder names as Courier's clients know them.
namespace inbox {{
  inbox = yes
  type = private
  prefix = INBOX.
  separator = .
  mailbox Sent {{
    special_use = \Sent
  }}
  mailbox Drafts {{
    special_use = \Drafts
  }}
  mailbox Trash {{
    special_use = \Trash
  }}
  mailbox Junk {{
    special_use = \Junk
  }}
  mailbox Spam {{
    special_use = \Junk
  }}
}}
# The same folders without INBOX in front. Defined before the other one, it would take its quota.
namespace compat {{
  type = private
  prefix =
  separator = .
  alias_for = INBOX.
  inbox = no
  list = no
  hidden = yes
}}

protocol imap {{
  mail_plugins = $mail_plugins imap_quota{imap_acl}
}}
protocol pop3 {{
  # The file's base name, as on the old server.
  pop3_uidl_format = %f
}}
protocol lmtp {{
  mail_plugins = $mail_plugins sieve
  postmaster_address = {postmaster}
}}
# Extensions of addresses are Postfix's business.
recipient_delimiter =
lmtp_save_to_detail_mailbox = no
lda_mailbox_autocreate = yes
lda_mailbox_autosubscribe = yes

plugin {{
  quota = maildir:User quota
  # The limits are in the users file; nobody else has one, and none is exceeded by a tenth.
  quota_rule = *:storage=0
  quota_rule2 = INBOX.Trash:ignore
  quota_rule3 = INBOX.Trash.*:ignore
  quota_grace = 0
{driver}  sieve = file:~/sieve;active=~/.dovecot.sieve{spam}{seconds}{sends}
}}

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
