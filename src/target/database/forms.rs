//! The tables that are written to and their columns: those of PostfixAdmin, as its release 3.3 has
//! them, and three of our own for what has no column there.

use crate::model::sheet::{Column, Form, Kind};

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text(255) }
}

const fn long(name: &'static str) -> Column {
    Column { name, kind: Kind::Long }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}

const fn large(name: &'static str) -> Column {
    Column { name, kind: Kind::Large }
}

const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Flag }
}

/// Domains, those that share the addresses of another one included.
pub(super) static DOMAIN: Form = Form {
    table: "domain",
    keys: 1,
    columns: &[
        text("domain"),
        text("description"),
        number("aliases"),
        number("mailboxes"),
        large("maxquota"),
        large("quota"),
        text("transport"),
        flag("backupmx"),
        flag("active"),
    ],
};

/// Domains that share the addresses of another one.
pub(super) static ALIAS_DOMAIN: Form = Form {
    table: "alias_domain",
    keys: 1,
    columns: &[text("alias_domain"), text("target_domain"), flag("active")],
};

/// Accounts.
pub(super) static MAILBOX: Form = Form {
    table: "mailbox",
    keys: 1,
    columns: &[
        text("username"),
        text("password"),
        text("name"),
        text("maildir"),
        large("quota"),
        text("local_part"),
        text("domain"),
        flag("active"),
    ],
};

/// Where mail for an address goes, as far as people manage it.
pub(super) static ALIAS: Form = Form {
    table: "alias",
    keys: 1,
    columns: &[text("address"), long("goto"), text("domain"), flag("active")],
};

/// Who manages domains.
pub(super) static ADMIN: Form = Form {
    table: "admin",
    keys: 1,
    columns: &[text("username"), text("password"), flag("superadmin"), flag("active")],
};

/// Which domains.
pub(super) static DOMAIN_ADMINS: Form = Form {
    table: "domain_admins",
    keys: 2,
    columns: &[text("username"), text("domain"), flag("active")],
};

/// Where else mail for an address goes: lists, programs, and what leads into a mailbox past its
/// address's own rules.
pub(super) static OWN_ALIAS: Form =
    Form { table: "unqmail_alias", keys: 1, columns: &[text("address"), long("goto")] };

/// Other names to log in by.
pub(super) static OWN_LOGIN: Form =
    Form { table: "unqmail_login", keys: 1, columns: &[text("name"), text("username")] };

/// How many messages a mailbox may hold.
pub(super) static OWN_LIMIT: Form =
    Form { table: "unqmail_limit", keys: 1, columns: &[text("username"), large("messages")] };
