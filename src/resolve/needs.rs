//! What an answer depends on: the homes whose files decide about a recipient.

use super::send::Routed;
use super::{Hop, Resolver};
use crate::model::assignment::Assignment;
use crate::model::{DomainName, LocalPart, RelPath};
use bstr::{BStr, BString, ByteSlice as _};

impl Resolver<'_> {
    /// The homes by `users/cdb` whose files decide about a recipient, whether they have been read
    /// or not: that of whoever delivers, and that of vpopmail's domain of this name.
    pub fn homes_of(&self, recipient: &BStr) -> Vec<RelPath> {
        let Routed::Local { local, host } = self.route(recipient, &mut Hop::default()) else {
            return Vec::new();
        };
        let assignments = self.site.assignments.as_ref();
        let deliverer = assignments.and_then(|all| all.lookup(&local)).map(|(record, _)| record);
        let domain = self.domain_record(&host);
        let real = domain.and_then(|record| self.domain_record(&DomainName::new(&record.user)));
        let records = [deliverer, domain, real].into_iter().flatten().map(|record| &record.home);
        records.chain(self.domain_of(&host).map(|domain| &domain.home)).cloned().collect()
    }

    fn domain_record(&self, name: &DomainName) -> Option<&Assignment> {
        let key = BString::from([name.as_ref(), b"-".as_slice()].concat());
        self.site.assignments.as_ref()?.wild.get(&key)
    }

    /// Whether it makes a difference for a recipient if `user-anything` reaches `user`.
    pub fn depends_on_extensions(&self, recipient: &BStr) -> bool {
        let mut hop = Hop::default();
        let Routed::Local { local, host } = self.route(recipient, &mut hop) else {
            return false;
        };
        let deliverer = self.deliverer(local.as_bstr(), &mut hop);
        let extension = deliverer.map(|who| who.extension).unwrap_or_default();
        let front = extension.split_once_str("-").map(|(front, _)| LocalPart::new(front));
        let domain = self.domain_of(&host);
        domain.zip(front).is_some_and(|(domain, front)| domain.account(&front).is_some())
    }
}
