//! A site of lists, the same at every run: ezmlm-idx 7, a hundred lists in each domain, each with
//! moderators, a file of allowed senders, a prefix, a trailer and three archived posts.

use std::fmt::Write as _;
use std::path::Path;
use unqmail::fsys::tree::Tree;
use unqmail::sample::{self, lay_out};

/// Lists of a domain.
const LISTS: usize = 100;

/// Lays so many lists of so many members out.
///
/// # Errors
/// Where something cannot be written.
pub(crate) fn lay(folder: &Path, lists: usize, members: usize) -> Result<(), sample::Error> {
    let tree = Tree::create(folder)?;
    for list in 0..lists {
        lay_out(&of_list(list, members), &tree)?;
    }
    // Last, so that half a site is not taken for one.
    lay_out(&of_host(lists.div_ceil(LISTS)), &tree)
}

fn name(domain: usize) -> String {
    format!("club{domain:03}.example")
}

fn of_list(number: usize, members: usize) -> String {
    let domain = name(number / LISTS);
    let home = format!("home/vpopmail/domains/{domain}");
    let local = format!("list{:02}", number % LISTS);
    let list = format!("{home}/{local}");
    let programs = "/usr/bin/ezmlm";
    let mut text = format!(
        "owner 89:89\ndate 2009-11-23T08:00:00Z\n\
         file {list}/outlocal\n| {local}\nfile {list}/outhost\n| {domain}\n\
         file {list}/key\n| 0123456789\nfile {list}/public\nfile {list}/archived\n\
         file {list}/subpostonly\nfile {list}/num\n| 3:1234\n\
         file {list}/prefix\n| [{local}]\nfile {list}/addtrailer\n\
         file {list}/text/trailer\n| --\n| {local}-unsubscribe@{domain}\n\
         file {list}/headeradd\n| Precedence: bulk\nfile {list}/headerremove\n| return-path\n\
         file {list}/editor\n| |{programs}-reject '/{list}'\n\
         | |{programs}-checksub '/{list}' . digest allow mod\n| |{programs}-send '/{list}'\n\
         file {list}/manager\n| |{programs}-get '/{list}'\n| |{programs}-manage '/{list}'\n\
         file {list}/bouncer\n| |{programs}-return -D '/{list}'\n\
         link {home}/.qmail-{local} /{list}/editor\n\
         link {home}/.qmail-{local}-default /{list}/manager\n\
         link {home}/.qmail-{local}-return-default /{list}/bouncer\n\
         file {home}/.qmail-{local}-owner\n| &owner@elsewhere.example\n\
         members {list}/mod/subscribers\n| moderator@elsewhere.example\n\
         members {list}/allow/subscribers\n| press@elsewhere.example\n\
         members {list}/subscribers\n"
    );
    for member in 0..members {
        let first = char::from(b'a' + u8::try_from(member % 26).unwrap_or_default());
        let line = writeln!(text, "| {first}{member}.{number}@people{}.example", member % 97);
        line.unwrap_or_default();
    }
    for post in 1..4 {
        let path = format!("{list}/archive/0/0{post}");
        let line = writeln!(text, "file {path} 744\n| Subject: Post {post}\n|\n| Text.");
        line.unwrap_or_default();
    }
    text
}

/// qmail's own files.
fn of_host(domains: usize) -> String {
    let each = |line: &dyn Fn(&str) -> String| -> String {
        (0..domains).map(|domain| line(&name(domain))).collect()
    };
    let rcpthosts = each(&|name| format!("| {name}\n"));
    let virtual_domains = each(&|name| format!("| {name}:{name}\n"));
    let assign =
        each(&|name| format!("| +{name}-:{name}:89:89:/home/vpopmail/domains/{name}:-::\n"));
    let defaults = each(&|name| {
        let home = format!("home/vpopmail/domains/{name}");
        let line = "| | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n";
        let hash = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";
        format!(
            "file {home}/vpasswd 600\n| anna:{hash}:1:0:Anna:/{home}/anna:NOQUOTA\n\
             dir {home}/anna/Maildir/new\nfile {home}/.qmail-default\n{line}"
        )
    });
    format!(
        "owner 89:89\ndate 2009-11-23T08:00:00Z\n{defaults}owner 0:0\n\
         file var/qmail/control/rcpthosts\n| mx.example\n{rcpthosts}\
         file var/qmail/control/virtualdomains\n{virtual_domains}\
         file var/qmail/control/locals\n| mx.example\n\
         file var/qmail/control/defaultdelivery\n| ./Maildir/\n\
         cdb var/qmail/users/cdb assign\n{assign}| .\n\
         file etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n\
         | alias:x:70:70::/var/qmail/alias:/bin/false\n\
         | vpopmail:x:89:89::/home/vpopmail:/bin/false\n\
         owner 70:70\nfile var/qmail/alias/.qmail-postmaster\n| &person@elsewhere.example\n\
         file var/qmail/alias/.qmail-root\n| &postmaster\n\
         owner 0:0\nfile var/qmail/control/me\n| mx.example\n"
    )
}
