//! vpopmail: virtual domains, their accounts and limits.

mod domains;
mod dump;
mod extras;
mod limits;
mod users;
mod vpasswd;

use super::{Error, Reading, Source, lines, read_file};
use crate::finding::{Disposition, Finding, code};
use crate::model::{DomainName, Origin, RelPath, Sourced};
use bstr::BStr;

/// The reader of vpopmail.
#[derive(Clone, Copy, Debug)]
pub struct Vpopmail;

impl Source for Vpopmail {
    fn id(&self) -> &'static str {
        "vpopmail"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let own = own_folder(reading);
        report_missing_assignments(reading, &own);
        let dump = dump::read(reading);
        domains::read(reading, &own, dump.as_ref());
        users::read(reading, &own, dump.as_ref());
        extras::report(reading, &own, dump.is_some_and(|dump| dump.has_accounts()));
        let file = own.join("etc/defaultdomain");
        if let Some(bytes) = read_file(reading.root, &file, &mut reading.findings) {
            let name = DomainName::new(lines::first_line(&bytes));
            if !name.as_bstr().is_empty() {
                reading.site.login_domain = Some(Sourced::new(name, Origin::file(&file).at(1)));
            }
        }
        Ok(())
    }
}

/// Without `users/cdb` and its text no domain can be found, whatever folders there are.
fn report_missing_assignments(reading: &mut Reading<'_>, own: &RelPath) {
    let users = reading.layout.qmail.join("users");
    let there =
        |name: &str| reading.root.stat_link(&users.join(name)).is_ok_and(|stat| stat.is_some());
    let domains = own.join("domains");
    let is_missing = !["cdb", "assign.cdb", "assign"].into_iter().any(there);
    if is_missing && reading.root.list(&domains).is_ok_and(|entries| !entries.is_empty()) {
        reading.findings.push(Finding::new(
            &code::SITE_ASSIGN_MISSING,
            Disposition::Manual,
            Origin::file(&domains),
            domains.as_bstr(),
            "there are folders of domains, but neither users/cdb nor users/assign",
            "no domain of vpopmail's is carried over",
        ));
    }
}

/// vpopmail's own folder: the home of its Unix user, else the folder that holds `domains/`.
fn own_folder(reading: &Reading<'_>) -> RelPath {
    let user = reading.site.unix_user(BStr::new("vpopmail")).map(|user| user.home.clone());
    let above = || reading.site.folders_of_domains().into_iter().next();
    user.or_else(above).unwrap_or_else(|| RelPath::new("home/vpopmail"))
}
