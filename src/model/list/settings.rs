//! The settings of a list one by one, each with its name, its value and its place.

use super::List;
use crate::model::{Origin, Sourced, shown};
use bstr::{BString, ByteSlice as _};
use std::fmt;

/// One setting of a list.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The name used in every report.
    pub name: &'static str,
    /// What it is set to.
    pub value: Value<'a>,
    /// The file that says so, where one does.
    pub origin: Option<&'a Origin>,
}

/// What a setting is set to.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// On or off.
    Switch(bool),
    /// One of several words.
    Word(&'static str),
    /// A number; `None` where the program decides.
    Number(Option<u64>),
    /// Texts of the list's own.
    Texts(Vec<&'a BString>),
}

impl Value<'_> {
    /// Whether the list has nothing of the kind.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Switch(is_on) => !is_on,
            Self::Number(number) => number.is_none(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Word(_) => false,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(is_on) => f.write_str(if *is_on { "yes" } else { "no" }),
            Self::Word(word) => f.write_str(word),
            Self::Number(Some(number)) => number.fmt(f),
            Self::Number(None) => f.write_str("not set"),
            Self::Texts(texts) => {
                let lines = texts.iter().flat_map(|text| text.lines());
                let lines: Vec<String> = lines.map(|line| shown(line).to_string()).collect();
                f.write_str(if lines.is_empty() { "none" } else { "" })?;
                f.write_str(&lines.join("; "))
            }
        }
    }
}

impl List {
    /// Every setting that a model value stands for, in reading order.
    pub fn settings(&self) -> Vec<Setting<'_>> {
        let (rules, requests) = (&self.posting.origin, &self.subscribing.origin);
        let set = |name, value, origin| Setting { name, value, origin };
        let switch = |name, is_on, origin| set(name, Value::Switch(is_on), Some(origin));
        let number = |name, value| set(name, Value::Number(value), None);
        vec![
            set("posting", Value::Word(self.posting.value.name()), Some(rules)),
            switch("to-or-cc-required", self.wants_address, rules),
            switch("bulk-discarded", self.discards_bulk, rules),
            switch("posts-confirmed", self.confirm_posts, rules),
            set("subscribing", Value::Word(self.subscribing.value.name()), Some(requests)),
            switch("subscribing-confirmed", self.confirm_subscribe, requests),
            switch("unsubscribing-confirmed", self.confirm_unsubscribe, requests),
            texts("prefix", self.prefix.as_slice()),
            texts("trailer", self.trailer.as_slice()),
            texts("headers-added", &self.add_headers),
            texts("headers-removed", &self.remove_headers),
            set(
                "largest-bytes",
                Value::Number(self.largest.as_ref().map(|largest| largest.value)),
                self.largest.as_ref().map(|largest| &largest.origin),
            ),
            number("digest-posts", self.digest_posts),
            number("digest-seconds", self.digest_seconds),
            number("held-seconds", self.held_seconds),
            set("archived", Value::Switch(self.archive.kept), None),
            set("archive-readers", Value::Word(self.archive.readers.name()), None),
            number("last-post", Some(self.archive.last)),
        ]
    }
}

fn texts<'a>(name: &'static str, texts: &'a [Sourced<BString>]) -> Setting<'a> {
    let values = texts.iter().map(|text| &text.value).collect();
    let origin = texts.first().map(|text| &text.origin);
    Setting { name, value: Value::Texts(values), origin }
}
