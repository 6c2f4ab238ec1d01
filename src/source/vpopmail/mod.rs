//! vpopmail: virtual domains, their accounts and limits.

mod domains;
mod extras;
mod limits;
mod vpasswd;

use super::{Error, Reading, Source, lines, read_file};
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
        domains::read(reading, &own);
        extras::report(reading, &own);
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

/// vpopmail's own folder: the home of its Unix user.
fn own_folder(reading: &Reading<'_>) -> RelPath {
    let user = reading.site.unix_user(BStr::new("vpopmail"));
    user.map_or_else(|| RelPath::new("home/vpopmail"), |user| user.home.clone())
}
