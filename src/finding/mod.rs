//! Diagnostics: what the site contains that a person should know, told like a good compiler tells
//! it — stable code, place, consequence, remedy.
//!
//! A finding never ends a run by itself. `migrate` refuses while an error finding is not waived.

pub mod code;
mod waiver;

pub use code::Code;
pub use waiver::Waiver;

use crate::model::Origin;
use bstr::{BStr, BString, ByteSlice as _};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Mail or access would be lost: `migrate` refuses.
    Error,
    /// Something behaves differently.
    Warning,
    /// For the record.
    Note,
}

impl Severity {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What became of the thing that the finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Carried over as it was.
    Migrated,
    /// Carried over in another form.
    Adapted,
    /// Left behind.
    Dropped,
    /// Left to the sysadmin.
    Manual,
}

impl Disposition {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Migrated => "migrated",
            Self::Adapted => "adapted",
            Self::Dropped => "dropped",
            Self::Manual => "manual",
        }
    }
}

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub code: &'static Code,
    /// What it is about: an address, a domain, a list, a path.
    pub subject: BString,
    /// Where in the site it comes from.
    pub origin: Origin,
    /// What became of the thing.
    pub disposition: Disposition,
    /// The words, which many findings of a kind share.
    told: Arc<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    message: Cow<'static, str>,
    effect: Cow<'static, str>,
    excerpt: Option<BString>,
}

impl Finding {
    /// Puts a finding together; nothing but the excerpt can be left out.
    pub fn new(
        code: &'static Code,
        disposition: Disposition,
        origin: Origin,
        subject: impl AsRef<[u8]>,
        message: impl Into<Cow<'static, str>>,
        effect: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            subject: subject.as_ref().into(),
            origin,
            disposition,
            told: Arc::new(Told { message: message.into(), effect: effect.into(), excerpt: None }),
        }
    }

    /// The fact, in one sentence without a full stop.
    pub fn message(&self) -> &str {
        &self.told.message
    }

    /// What follows from it.
    pub fn effect(&self) -> &str {
        &self.told.effect
    }

    /// The line itself, where showing it helps; never one that holds a hash.
    pub fn excerpt(&self) -> Option<&BStr> {
        self.told.excerpt.as_ref().map(|line| line.as_bstr())
    }

    /// Shows the offending line with the finding.
    #[must_use]
    pub fn with_excerpt(mut self, line: &BStr) -> Self {
        Arc::make_mut(&mut self.told).excerpt = Some(line.to_owned());
        self
    }

    fn sort_key(&self) -> (Severity, &str, &Origin, &BStr, &str) {
        (self.code.severity, self.code.id, &self.origin, self.subject.as_bstr(), self.message())
    }
}

/// Collects findings; readers and translators push, reports read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one. A million may say the same one after the other, and then keep the words once.
    pub fn push(&mut self, mut finding: Finding) {
        if let Some(last) = self.0.last().filter(|last| last.told == finding.told) {
            finding.told = Arc::clone(&last.told);
        }
        self.0.push(finding);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Gives back the room that none of them needs.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Brings them into report order: most serious first, then by code and place.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    }

    /// All of them, in the order they were added or sorted into.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.code.severity == severity).count()
    }

    /// The error findings that no waiver covers.
    pub fn refusing<'a>(&'a self, waivers: &'a [Waiver]) -> impl Iterator<Item = &'a Finding> {
        self.0.iter().filter(move |finding| {
            finding.code.severity == Severity::Error
                && !waivers.iter().any(|waiver| waiver.covers(finding))
        })
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, more: T) {
        more.into_iter().for_each(|finding| self.push(finding));
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
