//! Who may write to an address, where restriction classes ask for the sender
//! (`RESTRICTION_CLASS_README`, access(5)).

use super::access::without_code;
use super::forms::external;
use super::main_cf::words;
use super::maps::{Map, access_maps};
use super::{Error, Files, Foreseen, NewServer};
use crate::model::outcome::{Outcome, Outcomes};
use crate::model::{Address, RelPath};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeMap;

/// The tables that name a class for a recipient, and the classes.
#[derive(Debug, Default)]
pub(super) struct Posters {
    recipients: Vec<Map>,
    classes: BTreeMap<String, Vec<Check>>,
}

/// One restriction of a class.
#[derive(Debug)]
enum Check {
    Senders(Map),
    /// The same for every sender.
    Everybody(BString),
}

/// What a class says of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poster {
    /// He may write.
    May,
    /// He is refused with this text.
    Refused(BString),
}

impl Posters {
    pub(super) fn read(
        settings: &BTreeMap<String, String>,
        files: &dyn Files,
    ) -> Result<Self, Error> {
        let of = |name: &str| words(settings.get(name).map_or("", String::as_str));
        let asked = of("smtpd_sender_restrictions");
        let mut classes = BTreeMap::new();
        for name in of("smtpd_restriction_classes") {
            let restrictions = of(&name);
            let checks = restrictions.chunks(2).map(|pair| match pair {
                [word, table] if word == "check_sender_access" => Check::read(table, files),
                _ => Err(unknown(&name)),
            });
            let checks = checks.collect::<Result<_, _>>()?;
            classes.insert(name, checks);
        }
        Ok(Self { recipients: access_maps(&asked, files)?, classes })
    }

    fn of(&self, recipient: &[u8]) -> Option<(&str, &[Check])> {
        let found = self.recipients.iter().find_map(|map| map.get(recipient, false))?;
        let (name, checks) = self.classes.get_key_value(found.value.to_str().ok()?)?;
        Some((name, checks))
    }
}

impl Check {
    fn read(table: &str, files: &dyn Files) -> Result<Self, Error> {
        match table.strip_prefix("static:{").and_then(|text| text.strip_suffix('}')) {
            Some(text) => Ok(Self::Everybody(text.trim().into())),
            None => Map::read(table, files).map(Self::Senders),
        }
    }

    /// The whole address, then the domain; no sender at all is `<>`.
    fn of(&self, sender: &[u8]) -> Option<BString> {
        let map = match self {
            Self::Everybody(action) => return Some(action.clone()),
            Self::Senders(map) => map,
        };
        let host = sender.rsplit_once_str("@").map(|(_, host)| host).unwrap_or_default();
        let whole = if sender.is_empty() { b"<>" } else { sender };
        let found = map.get(whole, false).or_else(|| map.get(host, true))?;
        Some(found.value)
    }
}

fn unknown(class: &str) -> Error {
    let path = RelPath::new("etc/postfix/main.cf");
    Error::Malformed { path, line: 0, what: format!("{class} has a restriction that is not known") }
}

impl NewServer {
    /// Whether somebody may write to an address, told by the envelope sender; `None` where nobody is
    /// asked.
    pub fn poster(&self, recipient: &Address, sender: &[u8]) -> Option<Poster> {
        let (_, checks) = self.posters.of(&external(recipient))?;
        let sender = Address::parse(sender).map_or_else(|| sender.into(), |it| external(&it));
        let action = checks.iter().find_map(|check| check.of(&sender));
        let refused = action.filter(|action| action != "OK");
        // `550 5.7.1 TEXT`.
        let text = |action: BString| {
            let (_, text) = action.split_once_str(" ").unwrap_or_default();
            without_code(text).into()
        };
        Some(refused.map_or(Poster::May, |action| Poster::Refused(text(action))))
    }

    /// What becomes of mail from somebody for an address.
    pub fn outcomes_from(
        &self,
        sender: &[u8],
        recipient: &[u8],
        foreseen: &mut Foreseen,
    ) -> Outcomes {
        match self.poster(&self.completed(recipient), sender) {
            Some(Poster::Refused(text)) => [Outcome::Reject(text)].into(),
            Some(Poster::May) | None => self.outcomes(recipient, foreseen),
        }
    }

    /// The class that is asked who may write to an address.
    pub(super) fn class_of(&self, recipient: &Address) -> Option<&str> {
        self.posters.of(&external(recipient)).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::database;
    use std::sync::Arc;

    #[test]
    fn senders_are_asked_for_by_address_and_by_host() {
        let files = |path: &RelPath| {
            let text = match path.to_string().as_str() {
                "etc/postfix/main.cf" => {
                    "smtpd_sender_restrictions = check_recipient_access texthash:l\nsmtpd_restriction_classes = posters_1\nposters_1 = check_sender_access texthash:p,\n  check_sender_access static:{550 5.7.1 Only members}\n"
                }
                "l" => "club@x posters_1\n",
                "p" => {
                    "<> 550 5.7.1 no bounces\nann@y OK\nz.example OK\nbad@z.example 550 5.7.1 not you\n"
                }
                database::DOVECOT => return Ok(None),
                _ => "",
            };
            Ok(Some(Arc::new(text.as_bytes().to_vec())))
        };
        let server = NewServer::read(&files).unwrap();
        let club = Address::parse(b"Club@x").unwrap();
        let told = |sender: &str| match server.poster(&club, sender.as_bytes()).unwrap() {
            Poster::May => String::new(),
            Poster::Refused(text) => text.to_string(),
        };
        assert_eq!(told("Ann@Y"), "");
        assert_eq!(told("joe@z.example"), "");
        assert_eq!(told("joe@sub.z.example"), "Only members");
        assert_eq!(told("bad@z.example"), "not you");
        assert_eq!(told(""), "no bounces");
        assert_eq!(server.poster(&Address::parse(b"other@x").unwrap(), b"ann@y"), None);
    }
}
