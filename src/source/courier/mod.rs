//! Courier: the certificates of its servers.

use super::{Error, Reading, Source};
use crate::model::RelPath;

/// The reader of Courier.
#[derive(Clone, Copy, Debug)]
pub struct Courier;

/// Where Courier's packages keep certificates; qmail's own comes first.
const CERTIFICATES: &[&str] = &[
    "etc/courier/imapd.pem",
    "etc/courier/pop3d.pem",
    "etc/courier-imap/imapd.pem",
    "etc/courier-imap/pop3d.pem",
    "usr/lib/courier/imapd.pem",
    "usr/lib/courier/share/imapd.pem",
    "usr/lib/courier-imap/share/imapd.pem",
    "usr/lib/courier-imap/share/pop3d.pem",
];

impl Source for Courier {
    fn id(&self) -> &'static str {
        "courier"
    }

    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let qmail = reading.layout.qmail.join("control/servercert.pem");
        let places = std::iter::once(qmail).chain(CERTIFICATES.iter().map(RelPath::new));
        let found = places.filter(|path| reading.root.stat(path).is_ok_and(|stat| stat.is_some()));
        reading.site.certificates = found.collect();
        Ok(())
    }
}
