//! The lookup tables that `main.cf` names (`DATABASE_README`), and what they are asked.

use super::database;
use super::main_cf::words;
use super::regexp::Patterns;
use super::table::Table;
use super::{Error, Files};
use crate::model::{RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Where a setting stands.
pub(super) fn setting(name: &str) -> String {
    format!("etc/postfix/main.cf: {name}")
}

/// A lookup table of any kind.
#[derive(Debug)]
pub(super) enum Map {
    Table(Table),
    Patterns(Patterns),
    /// The result of one is the key of the next.
    Pipe(Vec<Self>),
    /// Names and patterns of a list, one a line.
    List(RelPath, Vec<BString>),
}

/// What a lookup found, and where.
pub(super) struct Found<'m> {
    pub(super) value: BString,
    pub(super) place: Place<'m>,
}

/// A table, and the row where its key is not the one that was asked for. Not its line: that would
/// be another one as soon as some other address of the site is.
#[derive(Clone, Copy)]
pub(super) enum Place<'m> {
    Row(&'m RelPath, Option<&'m BStr>),
    Setting(&'static str),
}

impl<'m> Place<'m> {
    fn new(path: &'m RelPath, row: &'m BStr, asked: &[u8]) -> Self {
        let differs = !row.eq_ignore_ascii_case(asked);
        Self::Row(path, differs.then_some(row))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(path, None) => path.fmt(f),
            Self::Row(path, Some(row)) => write!(f, "{path}: {}", shown(row)),
            Self::Setting(name) => f.write_str(&setting(name)),
        }
    }
}

/// The tables that `main.cf` names, by setting.
#[derive(Debug)]
pub(super) struct Maps {
    by_setting: BTreeMap<&'static str, Vec<Map>>,
    /// Asked for every client.
    pub(super) recipient_access: Vec<Map>,
    /// Asked for clients that may not relay.
    pub(super) outsider_access: Vec<Map>,
    /// Asked for them before it is asked whether a domain is served at all.
    pub(super) relay_access: Vec<Map>,
}

const SETTINGS: &[&str] = &[
    "relay_domains",
    "transport_maps",
    "virtual_alias_domains",
    "virtual_alias_maps",
    "virtual_mailbox_domains",
    "virtual_mailbox_maps",
];

impl Maps {
    pub(super) fn read(
        settings: &BTreeMap<String, String>,
        files: &dyn Files,
    ) -> Result<Self, Error> {
        let mut by_setting = BTreeMap::new();
        for name in SETTINGS {
            let value = settings.get(*name).map(String::as_str).unwrap_or_default();
            let maps =
                words(value).iter().map(|word| Map::read(word, files)).collect::<Result<_, _>>()?;
            by_setting.insert(*name, maps);
        }
        let restrictions = |name: &str| words(settings.get(name).map_or("", String::as_str));
        // Only what comes before the clients that may relay is for everybody.
        let is_permit = |word: &String| word.starts_with("permit");
        let recipient = restrictions("smtpd_recipient_restrictions");
        let split = recipient.iter().position(is_permit).unwrap_or(recipient.len());
        let (for_all, for_outsiders) = recipient.split_at_checked(split).unwrap_or_default();
        Ok(Self {
            by_setting,
            recipient_access: access_maps(for_all, files)?,
            outsider_access: access_maps(for_outsiders, files)?,
            relay_access: access_maps(&restrictions("smtpd_relay_restrictions"), files)?,
        })
    }

    /// What the transport table hands to a service, each once.
    pub(super) fn next_hops(&self, service: &str) -> BTreeSet<&BStr> {
        self.next_hops_of(|name| name == service.as_bytes())
    }

    /// The same for services by their name.
    pub(super) fn next_hops_of(&self, is_one: impl Fn(&[u8]) -> bool) -> BTreeSet<&BStr> {
        let values = self.transports().into_iter();
        let hops = values.filter_map(|value| value.split_once_str(":"));
        let own = hops.filter(|(name, _)| is_one(name));
        own.map(|(_, hop)| hop.as_bstr()).collect()
    }

    /// Every value of the transport table.
    pub(super) fn transports(&self) -> Vec<&BStr> {
        let mut values = Vec::new();
        self.of("transport_maps").iter().for_each(|map| map.add_values(&mut values));
        values
    }

    pub(super) fn of(&self, setting: &str) -> &[Map] {
        self.by_setting.get(setting).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The tables of every `check_recipient_access` among restrictions.
pub(super) fn access_maps(restrictions: &[String], files: &dyn Files) -> Result<Vec<Map>, Error> {
    let names = restrictions.iter().zip(restrictions.iter().skip(1));
    let names = names.filter(|(word, _)| *word == "check_recipient_access");
    names.map(|(_, table)| Map::read(table, files)).collect()
}

impl Map {
    pub(super) fn read(word: &str, files: &dyn Files) -> Result<Self, Error> {
        let file = |path: &str| -> Result<(RelPath, Arc<Vec<u8>>), Error> {
            let path = RelPath::new(path.replace("$config_directory", "etc/postfix"));
            let text = files.read(&path)?.ok_or_else(|| Error::Missing(path.clone()))?;
            Ok((path, text))
        };
        match word.split_once(':') {
            Some(("proxy", inner)) => {
                let path = inner.split_once(':').map(|(_, path)| path).unwrap_or_default();
                let path = RelPath::new(path.replace("$config_directory", "etc/postfix"));
                let answers = database::answers(&path, files)?;
                Ok(Self::Table(Table::parse(&path, &answers)?))
            }
            Some(("lmdb" | "cdb" | "hash" | "texthash", path)) => {
                let (path, text) = file(path)?;
                Ok(Self::Table(Table::parse(&path, &text)?))
            }
            Some(("regexp", path)) => {
                let (path, text) = file(path)?;
                Ok(Self::Patterns(Patterns::parse(&path, &text)?))
            }
            Some(("pipemap", inner)) => {
                let inner = inner.trim_start_matches('{').trim_end_matches('}');
                Ok(Self::Pipe(
                    words(inner)
                        .iter()
                        .map(|word| Self::read(word, files))
                        .collect::<Result<_, _>>()?,
                ))
            }
            None if word.contains('/') => {
                let (path, text) = file(word)?;
                let lines = text
                    .lines()
                    .map(<[u8]>::trim_ascii)
                    .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
                let names = lines.map(|line| line.to_ascii_lowercase().into()).collect();
                Ok(Self::List(path, names))
            }
            _ => {
                let path = RelPath::new("etc/postfix/main.cf");
                Err(Error::Malformed {
                    path,
                    line: 0,
                    what: format!("table {} is of a kind that is not known", shown(word)),
                })
            }
        }
    }

    /// Adds every value, what stands for groups of a pattern included.
    fn add_values<'m>(&'m self, values: &mut Vec<&'m BStr>) {
        match self {
            Self::Table(table) => values.extend(table.values()),
            Self::Patterns(patterns) => values.extend(patterns.values()),
            Self::List(..) => {}
            Self::Pipe(maps) => maps.iter().for_each(|map| map.add_values(values)),
        }
    }

    /// Looks a key up. Patterns are never asked for a part of an address.
    pub(super) fn get(&self, key: &[u8], partial: bool) -> Option<Found<'_>> {
        match self {
            Self::Table(table) => table.get(key).map(|row| Found {
                value: row.value.to_owned(),
                place: Place::new(&table.path, row.key, key),
            }),
            Self::Patterns(_) if partial => None,
            Self::Patterns(patterns) => patterns.get(key).map(|(value, pattern)| Found {
                value,
                place: Place::new(&patterns.path, pattern, key),
            }),
            Self::Pipe(maps) => {
                let (first, rest) = maps.split_first()?;
                let mut found = first.get(key, partial)?;
                for map in rest {
                    found = map.get(&found.value, partial)?;
                }
                Some(found)
            }
            Self::List(path, names) => {
                let key = BString::from(key.to_ascii_lowercase());
                let matches = |name: &BString| {
                    let name = name.strip_prefix(b"!").unwrap_or(name);
                    key == name || (name.starts_with(b".") && key.ends_with(name))
                };
                let name = names.iter().find(|name| matches(name))?;
                // `!name` is what the list does not mean.
                if name.starts_with(b"!") {
                    return None;
                }
                let place = Place::new(path, name.as_bstr(), &key);
                Some(Found { value: BString::default(), place })
            }
        }
    }
}

pub(super) fn first<'m>(maps: &'m [Map], key: &[u8], partial: bool) -> Option<Found<'m>> {
    maps.iter().find_map(|map| map.get(key, partial))
}
