//! A site of any size, the same at every run: a thousand accounts and two hundred `.qmail` files in
//! each domain, told in the language of the bundled site.

use std::fmt::Write as _;
use std::path::Path;
use unqmail::fsys::tree::Tree;
use unqmail::sample::{self, lay_out};

/// Accounts of a domain.
const ACCOUNTS: usize = 1000;

/// Addresses of a domain with a `.qmail` file of their own, and accounts with one.
const ALIASES: usize = 120;
const OWN_FILES: usize = 79;

const FIRST: &[&str] =
    &["anna", "ben", "carla", "david", "elif", "finn", "greta", "hugo", "ida", "jonas"];
const LAST: &[&str] =
    &["berg", "dietz", "ernst", "falk", "graf", "hahn", "jung", "kern", "lang", "maas"];

/// Lays a site with this many accounts out.
///
/// # Errors
/// Where something cannot be written.
pub(crate) fn lay(folder: &Path, accounts: usize) -> Result<(), sample::Error> {
    let tree = Tree::create(folder)?;
    let domains = accounts.div_ceil(ACCOUNTS);
    for domain in 0..domains {
        lay_out(&of_domain(domain, domains, accounts), &tree)?;
    }
    // Last, so that half a site is not taken for one.
    lay_out(&of_host(domains), &tree)
}

pub(crate) fn name(domain: usize) -> String {
    format!("town{domain:04}.example")
}

/// vpopmail spreads its domains and accounts over folders of a letter, a hundred in each.
fn home(domain: usize) -> String {
    let spread = char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[domain / 100 % 36]);
    format!("home/vpopmail/domains/{spread}/{}", name(domain))
}

pub(crate) fn account(number: usize) -> String {
    let (first, last) = (FIRST[number % 10], LAST[number / 10 % 10]);
    format!("{first}.{last}{}", number / 100)
}

fn home_of(domain: usize, number: usize) -> String {
    format!("{}/{}/{}", home(domain), number / 100, account(number))
}

/// The accounts and addresses of one domain.
fn of_domain(domain: usize, domains: usize, accounts: usize) -> String {
    let folder = home(domain);
    let here = name(domain);
    let mut text = format!("owner 89:89\ndate 2009-11-23T08:00:00Z\nfile {folder}/vpasswd 600\n");
    let count = ACCOUNTS.min(accounts - domain * ACCOUNTS);
    let mut put = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").unwrap_or_default();
    for n in 0..count {
        let (home, user) = (home_of(domain, n), account(n));
        put(format_args!(
            "| {user}:$1${domain:04}{n:04}$zAMYfZwqsSw9y8cWx232D.:1:0:{user}:/{home}:{}:Clear{n}",
            ["NOQUOTA", "52428800S", "104857600S,5000C"][n % 3],
        ));
    }
    put(format_args!("cdb {folder}/vpasswd.cdb vpasswd {folder}/vpasswd"));
    for n in 0..count {
        put(format_args!("dir {} 700", home_of(domain, n)));
    }
    put(format_args!("file {folder}/.qmail-default 600"));
    if domain % 20 == 7 {
        let to = home_of(domain, 0);
        put(format_args!("| | /home/vpopmail/bin/vdelivermail '' /{to}"));
    } else {
        put(format_args!("| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox"));
    }
    let other = name((domain + 1) % domains);
    for n in 0..ALIASES {
        let to = account(n * 7 % count);
        let end = if n % 20 == 19 { "-default" } else { "" };
        put(format_args!("file {folder}/.qmail-desk:{n}{end} 600"));
        match n % 6 {
            0 => put(format_args!("| &{to}@{here}")),
            1 => (0..3).for_each(|more| put(format_args!("| &{}@{here}", account(n + more)))),
            2 => put(format_args!("| &{to}@elsewhere.example")),
            3 => put(format_args!("| &{to}@{other}\n| &{to}@elsewhere.example")),
            4 => put(format_args!("| &desk.{}@{here}", n - 1)),
            _ => put(format_args!("| # {to}\n| {to}@{here}\n| &{}@elsewhere.example", account(n))),
        }
    }
    for n in (0..OWN_FILES).map(|n| n * 11 % count) {
        put(format_args!("file {}/.qmail 600", home_of(domain, n)));
        match n % 4 {
            0 => put(format_args!("| &{}@elsewhere.example", account(n))),
            1 => put(format_args!("| &{}@{other}", account(n + 1))),
            _ => put(format_args!("| ./Maildir/\n| &{}@elsewhere.example", account(n))),
        }
    }
    text
}

/// qmail's own files: every tenth domain has another name, and the host has a few users.
fn of_host(domains: usize) -> String {
    let names = |line: &dyn Fn(&str, &str, usize) -> String| -> String {
        let own = |domain| line(&name(domain), &name(domain), domain);
        let alias = |domain| line(&format!("alias-{}", name(domain)), &name(domain), domain);
        (0..domains).map(own).chain((0..domains).step_by(10).map(alias)).collect()
    };
    let rcpthosts = names(&|name, _, _| format!("| {name}\n"));
    let virtual_domains = names(&|name, _, _| format!("| {name}:{name}\n"));
    let assign =
        names(&|name, real, domain| format!("| +{name}-:{real}:89:89:/{}:-::\n", home(domain)));
    format!(
        "owner 0:0\ndate 2009-11-23T08:00:00Z\n\
         file var/qmail/control/rcpthosts\n| mx.example\n{rcpthosts}\
         file var/qmail/control/virtualdomains\n{virtual_domains}\
         file var/qmail/control/locals\n| mx.example\n| localhost\n\
         file var/qmail/control/defaultdelivery\n| ./Maildir/\n\
         file var/qmail/users/assign\n{assign}| .\n\
         cdb var/qmail/users/cdb assign var/qmail/users/assign\n\
         file etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n\
         | alias:x:70:70::/var/qmail/alias:/bin/false\n\
         | vpopmail:x:89:89::/home/vpopmail:/bin/false\n\
         owner 70:70\nfile var/qmail/alias/.qmail-postmaster\n| &{}@{}\n\
         file var/qmail/alias/.qmail-root\n| &postmaster\n\
         owner 0:0\nfile var/qmail/control/me\n| mx.example\n",
        account(0),
        name(0),
    )
}
