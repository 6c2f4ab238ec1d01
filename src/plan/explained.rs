//! Which findings explain that an address behaves differently.

use crate::finding::{Code, Findings, code};
use std::hash::{BuildHasher as _, RandomState};

/// Codes of findings that say that mail for an address goes another way than before.
const EXPLAINING: &[&Code] = &[
    &code::ACCOUNT_FULL,
    &code::ACCOUNT_NAME_UNUSABLE,
    &code::ACCOUNT_STORE_SHARED,
    &code::ACCOUNT_TWICE,
    &code::ACCOUNT_UNREACHABLE,
    &code::ALIAS_ANSWER_ADAPTED,
    &code::ALIAS_AUTORESPONDER,
    &code::ALIAS_DEFERRED,
    &code::ALIAS_FILTER,
    &code::ALIAS_FILTER_ADAPTED,
    &code::ALIAS_INTO_FOLDER,
    &code::ALIAS_LOOP,
    &code::ALIAS_NAME_UNUSABLE,
    &code::ALIAS_PARTLY_FAILS,
    &code::ALIAS_PROGRAM,
    &code::ALIAS_PROGRAM_DECIDED,
    &code::ALIAS_ROBOT,
    &code::ALIAS_SYSTEM_ADDED,
    &code::ALIAS_SYSTEM_MISSING,
    &code::ALIAS_TABLE_MALFORMED,
    &code::ALIAS_TABLE_MISSING,
    &code::ALIAS_TARGET_MALFORMED,
    &code::ALIAS_TARGET_VARIES,
    &code::DOMAIN_ALIAS_DANGLING,
    &code::DOMAIN_BACKEND_UNREAD,
    &code::DOMAIN_CATCHES_ALL,
    &code::DOMAIN_HOME_MISSING,
    &code::DOMAIN_NAME_ODD,
    &code::FILE_DAMAGED,
    &code::LIST_ADDRESS_TAKEN,
    &code::LIST_DOMAIN_UNSERVED,
    &code::LIST_MADE_ALIAS,
    &code::LIST_OWNER_SHARED,
    &code::SITE_BARE_DOMAINS_DIFFER,
    &code::SITE_PERCENTHACK,
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
        let explains = findings
            .iter()
            .filter(|finding| EXPLAINING.iter().any(|code| code.id == finding.code.id));
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
