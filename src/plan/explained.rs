//! Which findings explain that an address behaves differently.

use crate::finding::{Code, Findings};
use std::hash::{BuildHasher as _, RandomState};

/// Codes of findings that say that mail for an address goes another way than before.
const EXPLAINING: &[&str] = &[
    "account-full",
    "account-name-unusable",
    "account-store-shared",
    "account-twice",
    "account-unreachable",
    "alias-answer-adapted",
    "alias-autoresponder",
    "alias-deferred",
    "alias-filter",
    "alias-filter-adapted",
    "alias-into-folder",
    "alias-loop",
    "alias-name-unusable",
    "alias-partly-fails",
    "alias-program",
    "alias-program-decided",
    "alias-robot",
    "alias-system-added",
    "alias-system-missing",
    "alias-table-malformed",
    "alias-table-missing",
    "alias-target-malformed",
    "alias-target-varies",
    "domain-alias-dangling",
    "domain-backend-unread",
    "domain-catches-all",
    "domain-home-missing",
    "domain-name-odd",
    "file-damaged",
    "list-address-taken",
    "list-domain-unserved",
    "list-made-alias",
    "list-owner-shared",
    "site-percenthack",
    "site-bare-domains-differ",
];

/// Codes by what their findings are about. A site may have a finding for each of a million accounts:
/// only a hash of the subject is kept.
#[derive(Debug)]
pub(super) struct Explained {
    hasher: RandomState,
    codes: Vec<(u64, &'static Code)>,
}

impl Explained {
    pub(super) fn new(findings: &Findings) -> Self {
        let hasher = RandomState::new();
        let explains = findings.iter().filter(|finding| EXPLAINING.contains(&finding.code.id));
        let hash = |subject: &[u8]| hasher.hash_one(subject.to_ascii_lowercase());
        let mut codes: Vec<_> =
            explains.map(|finding| (hash(&finding.subject), finding.code)).collect();
        codes.sort_unstable_by_key(|(subject, code)| (*subject, code.id));
        codes.dedup_by_key(|(subject, code)| (*subject, code.id));
        codes.shrink_to_fit();
        Self { hasher, codes }
    }

    /// Codes of the findings about a subject, which is in lower case.
    pub(super) fn by<'a>(&'a self, subject: &[u8]) -> impl Iterator<Item = &'static str> + use<'a> {
        let hash = self.hasher.hash_one(subject.to_vec());
        let start = self.codes.partition_point(|(known, _)| *known < hash);
        let from = self.codes.get(start..).unwrap_or_default().iter();
        from.take_while(move |(known, _)| *known == hash).map(|(_, code)| code.id)
    }
}
