//! The one table of codes.

use super::Severity::{self, Error, Note, Warning};

/// A kind of finding. Its page `docs/findings/ID.md` is what `unqmail explain ID` prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `subject-condition`, never reused and never renamed.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The remedy, in one sentence without a full stop.
    pub help: &'static str,
    /// The page that explains it, Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $severity:expr, $help:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`")]
            pub static $name: Code = Code {
                id: $id,
                severity: $severity,
                help: $help,
                page: include_str!(concat!("../../docs/findings/", $id, ".md")),
            };
        )*
        /// Every code, in alphabetical order.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    ACCOUNT_DELETED_COUNTED = "account-deleted-counted", Warning, "let the owner expunge them before the switch, or raise the limit";
    ACCOUNT_FULL = "account-full", Note, "nothing to do; the new server refuses mail for it too";
    ACCOUNT_LINE_MALFORMED = "account-line-malformed", Warning, "repair the line in vpasswd and run vmkpasswd, or accept the loss";
    ACCOUNT_MBOX_CONVERTED = "account-mbox-converted", Note, "nothing to do";
    ACCOUNT_NAME_UNUSABLE = "account-name-unusable", Error, "rename the account on the old server, then plan again";
    ACCOUNT_RESTRICTION_DROPPED = "account-restriction-dropped", Note, "nothing to do, unless a program of your own asks for the bit";
    ACCOUNT_STALE = "account-stale", Warning, "run vmkpasswd for the domain if the text is right, then plan again";
    ACCOUNT_STORE_SHARED = "account-store-shared", Error, "give one of them a store of its own, or make it an alias of the other";
    ACCOUNT_TWICE = "account-twice", Error, "rename one of the two, or remove it";
    ACCOUNT_UNREACHABLE = "account-unreachable", Warning, "give the account a name in lower case before the migration if somebody needs it";
    ACCOUNT_WITHOUT_DOMAIN = "account-without-domain", Error, "give each a domain on the old server, or waive the code if nobody uses them";
    ADDRESS_DIFFERS = "address-differs", Error, "look at both ways with `unqmail explain`, and waive the code for the address if it is right";
    ADDRESS_LOST = "address-lost", Error, "look at both ways with `unqmail explain`, and waive the code for the address if it is right";
    ALIAS_ANSWER_ADAPTED = "alias-answer-adapted", Note, "nothing to do; users change the answer over ManageSieve";
    ALIAS_AUTORESPONDER = "alias-autoresponder", Warning, "write a Sieve vacation script for the account";
    ALIAS_DEFERRED = "alias-deferred", Warning, "repair the .qmail file or the folder, or remove the address";
    ALIAS_FILE_ADOPTED = "alias-file-adopted", Note, "give the mailbox a password in etc/dovecot/unqmail/users if somebody shall read it";
    ALIAS_FILTER = "alias-filter", Warning, "write a Sieve script for the account";
    ALIAS_FILTER_ADAPTED = "alias-filter-adapted", Note, "nothing to do; users change the rules over ManageSieve";
    ALIAS_INTO_FOLDER = "alias-into-folder", Warning, "write a Sieve script that files the mail";
    ALIAS_LINK_DANGLING = "alias-link-dangling", Warning, "remove the link, or restore what it led to";
    ALIAS_LOOP = "alias-loop", Warning, "remove the line that closes the loop";
    ALIAS_NAME_UNUSABLE = "alias-name-unusable", Error, "rename the .qmail file to plain letters and tell whoever writes to it";
    ALIAS_OWNER_SENDER = "alias-owner-sender", Warning, "make it a mailing list if bounces must go to its owner";
    ALIAS_PARTLY_FAILS = "alias-partly-fails", Warning, "look at the lines of the file in their order";
    ALIAS_PROGRAM = "alias-program", Error, "say under [programs] in unqmail.toml whether it is to run, or waive the code for the address";
    ALIAS_PROGRAM_DECIDED = "alias-program-decided", Note, "install the programs that are to run before mail comes";
    ALIAS_ROBOT = "alias-robot", Error, "decide what shall answer this mail, and waive the code for the address in unqmail.toml";
    ALIAS_SYSTEM_ADDED = "alias-system-added", Note, "name another target in ~alias/.qmail-NAME if it is wrong";
    ALIAS_SYSTEM_MISSING = "alias-system-missing", Error, "make ~alias/.qmail-postmaster with an address in it";
    ALIAS_TABLE_MALFORMED = "alias-table-malformed", Warning, "repair the line and run newaliases";
    ALIAS_TABLE_MISSING = "alias-table-missing", Error, "copy the database, or make it again with newaliases";
    ALIAS_TARGET_MALFORMED = "alias-target-malformed", Warning, "correct the address or remove the line";
    ALIAS_TARGET_VARIES = "alias-target-varies", Error, "write out the addresses that are in use, each with a .qmail file of its own, and plan again";
    ALIAS_UNREACHABLE = "alias-unreachable", Note, "rename the file to lower case and `:` for `.` if the address is wanted";
    DATABASE_ROW_CONFLICTING = "database-row-conflicting", Warning, "make the change by hand in the web panel, or remove the row and run migrate again";
    DATABASE_ROW_EDITED = "database-row-edited", Note, "nothing to do";
    DATABASE_VALUE_UNFIT = "database-value-unfit", Error, "shorten or rename it on the old server, then plan again";
    DOMAIN_ALIAS_DANGLING = "domain-alias-dangling", Warning, "add the domain it is an alias of, or remove the alias with vdeldomain";
    DOMAIN_BACKEND_UNREAD = "domain-backend-unread", Error, "name a dump of the database in `dump` under [old], or make a vpasswd file with vconvert, and plan again";
    DOMAIN_CATCHES_ALL = "domain-catches-all", Warning, "name the domains that are meant in virtualdomains";
    DOMAIN_HOME_MISSING = "domain-home-missing", Error, "restore the folder, or remove the domain from users/assign and run qmail-newu";
    DOMAIN_NAME_ODD = "domain-name-odd", Warning, "correct the name or remove the line";
    DOMAIN_NOT_OPEN = "domain-not-open", Note, "add the domain to rcpthosts if mail from outside is wanted";
    DOMAIN_UNASSIGNED = "domain-unassigned", Error, "add the domain with vadddomain if it is in use; else remove the folder, or waive the code";
    FILE_DAMAGED = "file-damaged", Error, "have its own program make the file again";
    FILE_EDITED = "file-edited", Note, "nothing to do";
    FILE_FOREIGN = "file-foreign", Error, "compare the two files, and put in place what you want";
    FILE_UNCLAIMED = "file-unclaimed", Note, "copy it by hand if somebody needs it";
    FILE_UNREADABLE = "file-unreadable", Error, "make the file readable, or a regular file, and plan again";
    FOLDER_KEYWORDS_DROPPED = "folder-keywords-dropped", Warning, "tell the owner, who may label those messages with fewer or other keywords";
    FOLDER_LINK = "folder-link", Warning, "make it a folder of its own, or share it with an ACL on the new server";
    FOLDER_NAME_ODD = "folder-name-odd", Warning, "tell its owner the new name";
    FOLDER_SHARED = "folder-shared", Warning, "set up a shared namespace in Dovecot if people still use the folder";
    FOLDER_UNLISTABLE = "folder-unlistable", Error, "repair the folder or its permissions and plan again";
    FOLDER_UNSEEN = "folder-unseen", Note, "tell its owner, who may want the mail or throw it away";
    LIST_ADDRESS_TAKEN = "list-address-taken", Error, "correct outlocal and outhost, or remove what has the address";
    LIST_BROKEN = "list-broken", Warning, "repair the list with ezmlm-make -e, or remove its .qmail files";
    LIST_COMMANDS_CHANGED = "list-commands-changed", Note, "tell the members where the old commands are missed";
    LIST_DOMAIN_UNSERVED = "list-domain-unserved", Error, "correct outhost, or make the domain a virtual one";
    LIST_MADE_ALIAS = "list-made-alias", Warning, "tell the members and the owner; give the list a manager in unqmail.toml if it needs one";
    LIST_MEMBER_MALFORMED = "list-member-malformed", Warning, "remove the record with ezmlm-unsub";
    LIST_MEMBERS_IN_DATABASE = "list-members-in-database", Error, "name a dump of the database under [lists.dump] in unqmail.toml, or move the members into files";
    LIST_NAME_UNUSABLE = "list-name-unusable", Error, "rename the list on the old server, or give it to another list manager";
    LIST_OPENED = "list-opened", Error, "give the list a manager that keeps its rules, or accept that more people can post";
    LIST_ORPHANED = "list-orphaned", Warning, "make its .qmail files again with ezmlm-make if the list is wanted, then plan again";
    LIST_OWNER_SHARED = "list-owner-shared", Note, "tell the owner that the list's moderators read along";
    LIST_POST_PENDING = "list-post-pending", Warning, "have it decided before the switch, or send it to the list again from the folder `pending`";
    LIST_SENDER_BY_HEADER = "list-sender-by-header", Note, "nothing to do for people; check programs that post with a From: of their own";
    LIST_SETTING_IDLE = "list-setting-idle", Error, "correct the name in unqmail.toml, or remove the line";
    LIST_SETTING_UNMAPPED = "list-setting-unmapped", Warning, "see whether the new list manager has something alike";
    LIST_TWICE = "list-twice", Error, "remove one of the two folders or correct its outlocal";
    MESSAGE_FOREIGN = "message-foreign", Warning, "look at the messages; remove them by hand if nobody wants them";
    MESSAGE_IN_THE_WAY = "message-in-the-way", Error, "look at what is there; remove it or give it another name, and run migrate again";
    MESSAGE_NAME_ODD = "message-name-odd", Note, "nothing to do";
    MESSAGE_NAME_TWICE = "message-name-twice", Warning, "see whether they are one message; else give one another name on the old server before the last pass";
    MESSAGE_NOT_A_FILE = "message-not-a-file", Warning, "look at it on the old server; put the message itself there if there is one";
    MESSAGE_OUTDATED = "message-outdated", Warning, "if nobody works on the new server yet, stop Dovecot, remove its dovecot* files from the mailbox, and run migrate again";
    MESSAGE_SIZE_WRONG = "message-size-wrong", Note, "nothing to do";
    PASSWORD_APOP_LOST = "password-apop-lost", Warning, "tell the user to log in with a password over TLS";
    PASSWORD_CLEAR_DROPPED = "password-clear-dropped", Note, "tell users of CRAM-MD5 to log in with a password over TLS";
    PASSWORD_SCHEME_UNKNOWN = "password-scheme-unknown", Warning, "try the login on the new host, or set a new password";
    PASSWORD_SCHEMES_WEAK = "password-schemes-weak", Warning, "let users set new passwords in time";
    PASSWORD_UNREADABLE = "password-unreadable", Warning, "set a new password if somebody uses the account";
    SITE_ASSIGN_MALFORMED = "site-assign-malformed", Warning, "repair users/assign and run qmail-newu";
    SITE_ASSIGN_MISSING = "site-assign-missing", Error, "copy var/qmail/users from the old server, then plan again";
    SITE_ASSIGN_NOT_COMPILED = "site-assign-not-compiled", Warning, "run qmail-newu if the text is right";
    SITE_ASSIGN_STALE = "site-assign-stale", Warning, "run qmail-newu if the text is right, then plan again";
    SITE_BARE_DOMAINS_DIFFER = "site-bare-domains-differ", Warning, "give programs on the host full addresses where it matters";
    SITE_CLIENT_RULE_DROPPED = "site-client-rule-dropped", Warning, "write the like into main.cf";
    SITE_CLIENT_VARIABLE_DROPPED = "site-client-variable-dropped", Warning, "write the like into main.cf if it is needed";
    SITE_CONTROL_MALFORMED = "site-control-malformed", Warning, "repair the line if it was meant to count";
    SITE_CONTROL_STALE = "site-control-stale", Warning, "run qmail-newmrh if the text is right, then plan again";
    SITE_CONTROL_UNKNOWN = "site-control-unknown", Note, "find out which patch reads it, and set the like in Postfix if it is needed";
    SITE_DATABASE_UNREAD = "site-database-unread", Error, "name a dump of it in `dump` under [old] in unqmail.toml, or waive it if it is not in use";
    SITE_DEFAULT_DELIVERY_UNKNOWN = "site-default-delivery-unknown", Warning, "put the instruction into control/defaultdelivery of the copy";
    SITE_EXTENSIONS_UNPROVEN = "site-extensions-unproven", Warning, "set `user_extensions` under [old] in unqmail.toml";
    SITE_NO_CERTIFICATE = "site-no-certificate", Warning, "set `certificate` and `key` under [tls] in unqmail.toml";
    SITE_NO_NAME = "site-no-name", Error, "set `hostname` in unqmail.toml";
    SITE_NOT_QUIET = "site-not-quiet", Error, "stop what still runs on the old server, copy its disk again if SITE is a copy, and run migrate --final again";
    SITE_OPEN_RELAY = "site-open-relay", Warning, "nothing to do; clients that must relay are named in tcp.smtp or log in";
    SITE_OWNERS_LOST = "site-owners-lost", Warning, "copy the disk as root, with its owners, and plan again";
    SITE_PASSWD_MALFORMED = "site-passwd-malformed", Warning, "repair the line with vipw";
    SITE_PASSWD_MISSING = "site-passwd-missing", Warning, "copy etc/passwd and etc/shadow of the old server too, and plan again";
    SITE_PERCENTHACK = "site-percenthack", Warning, "tell whoever still uses such addresses";
    SITE_POP_BEFORE_SMTP = "site-pop-before-smtp", Warning, "tell users to log in when they send mail, on port 587 or 465";
    SITE_POP3_UNSURE = "site-pop3-unsure", Warning, "set `pop3` under [old] in unqmail.toml to the program that served POP3 last";
    SITE_QUEUE_NOT_EMPTY = "site-queue-not-empty", Warning, "let the old server deliver what it holds before the switch";
    SITE_QUEUE_UNDELIVERED = "site-queue-undelivered", Error, "let the old server deliver what it holds, or waive the code for recipients that can wait";
    SITE_RECIPIENT_RULE_DROPPED = "site-recipient-rule-dropped", Warning, "write the pattern into a check_recipient_access table of type regexp";
    SITE_ROUTE_CREDENTIALS = "site-route-credentials", Warning, "set smtp_sasl_auth_enable and smtp_sasl_password_maps";
    SITE_ROUTE_ODD = "site-route-odd", Warning, "correct the line in smtproutes";
    SITE_SENDER_RULE_DROPPED = "site-sender-rule-dropped", Warning, "write the pattern into a check_sender_access table of type regexp";
    SITE_SETTING_DROPPED = "site-setting-dropped", Note, "set the like in main.cf if it is needed";
    SITE_SPAM_FILTER = "site-spam-filter", Warning, "set up a spam filter as a milter, and uncomment its lines in main.cf";
    SITE_TCPRULES_MALFORMED = "site-tcprules-malformed", Warning, "repair the line and run tcprules";
    SITE_TCPRULES_STALE = "site-tcprules-stale", Warning, "run tcprules if the text is right, then plan again";
    SITE_VPOPMAIL_HOOK = "site-vpopmail-hook", Note, "see what the script does, and whether the new server needs the like";
    STORE_ASIDE = "store-aside", Warning, "ask its owner; put what is wanted into a folder of the Maildir and plan again, or copy it by hand";
    STORE_ORPHANED = "store-orphaned", Error, "give the store to an account by a .qmail line, or waive the code for its path";
    STORE_UNLINKABLE = "store-unlinkable", Error, "run migrate without --link, or set `mail_ids` to the owner of the old mail; where the code is waived such messages are copied";
    STORE_UNRECORDED = "store-unrecorded", Error, "run migrate without --late for the account, with --only ADDRESS, or name the accounts that have moved with --only";
    STORE_WEBMAIL = "store-webmail", Warning, "tell the user before the switch, who may copy it into the new webmail";
    TARGET_TOO_SMALL = "target-too-small", Error, "make room, or waive it for a file system that compresses";
    UID_NOT_KEPT = "uid-not-kept", Warning, "nothing to do; clients download this mail once more";
    UID_NUMBERED_ANEW = "uid-numbered-anew", Warning, "if nobody works on the new server yet, stop Dovecot, remove its dovecot* files from the mailbox and run migrate again";
}
