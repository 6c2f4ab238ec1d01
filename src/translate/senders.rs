//! Whose name forwarded mail carries, and which names reach an account: what the files do not say
//! or the new server does not do.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::RelPath;
use crate::resolve::{Act, Action};
use bstr::{BString, ByteSlice as _};

impl Translator<'_> {
    /// `.qmail-x-owner` makes the forwards of `.qmail-x` leave with `x-owner` as their sender
    /// (`qmeox` in `qmail-local.c`); vdelivermail knows nothing of the kind.
    pub(super) fn report_owner(&mut self, acts: &[Act], subject: &BString) {
        let forwards = acts.iter().filter_map(|act| match act.action {
            Action::Forward { .. } => Some(&act.origin),
            _ => None,
        });
        let owned = forwards.into_iter().find_map(|origin| {
            let owner = RelPath::new([origin.file.as_bstr().as_bytes(), b"-owner"].concat());
            let is_accounts = self
                .rules
                .owner(&origin.file.parent().join("Maildir"))
                .and_then(|account| self.site.domain(&account.domain))
                .is_some_and(|domain| self.site.deliverer_of(domain).is_some());
            (self.files.contains_key(&owner) && !is_accounts).then(|| (origin.clone(), owner))
        });
        if let Some((origin, owner)) = owned {
            self.find(
                &code::ALIAS_OWNER_SENDER,
                Disposition::Dropped,
                &origin,
                subject,
                format!("{owner} makes bounces of what is forwarded come back to the owner"),
                "the new server forwards with the sender's own address, so bounces go to the sender",
            );
        }
    }

    /// Whether `user-anything` reaches `user` was decided when vpopmail was built
    /// (`--enable-qmail-ext`); only a `.qmail-x` in an account's home proves it.
    pub(super) fn report_extensions(&mut self) {
        let is_known =
            self.site.user_extensions.is_some() || self.policy.old.user_extensions.is_some();
        let domain = self.site.domains.iter().find(|domain| !domain.accounts.is_empty());
        if let Some(domain) = domain.filter(|_| !is_known) {
            self.find(
                &code::SITE_EXTENSIONS_UNPROVEN,
                Disposition::Adapted,
                &domain.origin,
                "user_extensions",
                "no file shows whether vpopmail was built with --enable-qmail-ext",
                "mail to user-anything is taken to be for nobody, unless unqmail.toml says otherwise",
            );
        }
    }
}
