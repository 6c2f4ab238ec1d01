//! The settings of a list one by one, each with its name, its value and its place.

use super::{Filters, List, Powers};
use crate::model::{Address, Origin, Sourced, shown};
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
    /// A name; `None` where there is none.
    Name(Option<String>),
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
            Self::Name(name) => name.is_none(),
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
            Self::Name(name) => shown(name.as_deref().unwrap_or("none").as_bytes()).fmt(f),
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
        let (looks, archive) = (&self.looks, &self.archive);
        let set = |name, value, origin| Setting { name, value, origin };
        let switch = |name, is_on, origin| set(name, Value::Switch(is_on), Some(origin));
        let Filters { refused_fields, kept_fields, refused_types, .. } = &self.filters;
        let Filters { removed_types, kept_types, .. } = &self.filters;
        let Powers { subscribe_others, list_members, edit_texts } = &self.powers;
        let returns_held = self.returns_held.value && self.holds_posts();
        vec![
            set("posting", Value::Word(self.posting.value.name()), Some(rules)),
            parent(self.parent.as_ref()),
            switch("to-or-cc-required", self.wants_address, looks),
            switch("subject-required", self.subjects.required, looks),
            switch("subject-commands-refused", self.subjects.no_commands, looks),
            switch("bulk-discarded", self.discards_bulk, looks),
            sourced("posts-confirmed", &self.confirm_posts),
            texts("fields-refused", refused_fields),
            texts("fields-kept", kept_fields),
            texts("types-refused", refused_types),
            texts("types-removed", removed_types),
            texts("types-kept", kept_types),
            set("subscribing", Value::Word(self.subscribing.value.name()), Some(requests)),
            sourced("subscribing-confirmed", &self.confirm_subscribe),
            sourced("unsubscribing-confirmed", &self.confirm_unsubscribe),
            flag("moderators-subscribe-others", subscribe_others.as_ref()),
            flag("moderators-list-members", list_members.as_ref()),
            flag("moderators-edit-texts", edit_texts.as_ref()),
            texts("prefix", self.prefix.as_slice()),
            texts("trailer", self.trailer.as_slice()),
            texts("headers-added", &self.add_headers),
            texts("headers-removed", &self.remove_headers),
            flag("from-rewritten", self.rewrites_from.as_ref()),
            texts("list-id", self.list_id.as_slice()),
            number("largest-bytes", self.largest.as_ref()),
            number("smallest-bytes", self.smallest.as_ref()),
            sourced("digests", &self.digests),
            number("digest-posts", self.digest_posts.as_ref()),
            number("digest-seconds", self.digest_seconds.as_ref()),
            number("digest-bytes", self.digest_bytes.as_ref()),
            number("held-seconds", self.held_seconds.as_ref()),
            switch("held-returned", returns_held, &self.returns_held.origin),
            language(self.language.as_ref()),
            set("archived", Value::Switch(archive.kept), archive.kept_at.as_ref()),
            set(
                "archive-readers",
                Value::Word(archive.readers.name()),
                archive.readers_at.as_ref(),
            ),
            set("last-post", Value::Number(Some(archive.last)), archive.last_at.as_ref()),
        ]
    }
}

fn number<'a>(name: &'static str, set: Option<&'a Sourced<u64>>) -> Setting<'a> {
    let value = Value::Number(set.map(|set| set.value));
    Setting { name, value, origin: set.map(|set| &set.origin) }
}

fn sourced<'a>(name: &'static str, set: &'a Sourced<bool>) -> Setting<'a> {
    Setting { name, value: Value::Switch(set.value), origin: Some(&set.origin) }
}

fn flag<'a>(name: &'static str, set: Option<&'a Origin>) -> Setting<'a> {
    let value = Value::Switch(set.is_some());
    Setting { name, value, origin: set }
}

fn parent(set: Option<&Sourced<Address>>) -> Setting<'_> {
    let value = Value::Name(set.map(|set| set.value.to_string()));
    Setting { name: "parent", value, origin: set.map(|set| &set.origin) }
}

fn language(set: Option<&Sourced<String>>) -> Setting<'_> {
    let value = Value::Name(set.map(|set| set.value.clone()));
    Setting { name: "language", value, origin: set.map(|set| &set.origin) }
}

fn texts<'a>(name: &'static str, texts: &'a [Sourced<BString>]) -> Setting<'a> {
    let values = texts.iter().map(|text| &text.value).collect();
    let origin = texts.first().map(|text| &text.origin);
    Setting { name, value: Value::Texts(values), origin }
}
