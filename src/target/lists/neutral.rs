//! Each list in a form that belongs to no program: `unqmail.list/1`, and its members as CSV.

use super::{Run, of};
use crate::model::design::MailingList;
use crate::model::list::{Joined, List, Pending, Text, Value, WaitsFor};
use crate::model::{Origin, RelPath, cell};
use crate::target::{Artifact, Audience, Content};
use bstr::ByteSlice as _;
use serde_json::{Map, json};

/// The folder of a list's neutral definition.
pub(super) fn folder(list: &MailingList) -> RelPath {
    RelPath::new("var/lib/unqmail/lists").join(list.place().as_bstr())
}

pub(super) fn files(run: &Run<'_>) -> [Artifact; 2] {
    let folder = folder(run.list);
    let file = |name: &str, text: Vec<u8>| {
        let (path, content) = (folder.join(name), Content::file(text));
        Artifact { path, content, audience: Audience::Root }
    };
    [file("list.json", definition(run)), file("members.csv", members(&run.list.list))]
}

fn definition(run: &Run<'_>) -> Vec<u8> {
    let MailingList { list, manager, owners, answers } = run.list;
    let local = list.address.local.as_bstr();
    let aliases = run.aliases.iter().map(|domain| format!("{local}@{domain}"));
    let commands = answers
        .iter()
        .map(|(command, answer)| (format!("{local}-{}", command.sample()), answer.name().into()));
    let mut map = Map::new();
    map.insert("format".into(), "unqmail.list/1".into());
    map.insert("address".into(), list.address.to_string().into());
    map.insert("aliases".into(), aliases.collect());
    map.insert("manager".into(), manager.name().into());
    map.insert("software".into(), list.software.into());
    put(&mut map, "folder", list.home.as_bstr());
    map.insert("owners".into(), owners.iter().map(ToString::to_string).collect());
    let counts = list.roles().map(|(role, members)| (role.to_owned(), members.len().into()));
    map.insert("members".into(), counts.into_iter().collect::<Map<_, _>>().into());
    map.insert("settings".into(), settings(list));
    map.insert("others".into(), others(list));
    map.insert("commands".into(), commands.collect::<Map<_, _>>().into());
    let archive = json!({
        "posts": list.archive.posts.len(),
        "folder": of(*manager).archive(run.list).to_string(),
    });
    map.insert("archive".into(), archive);
    map.insert("texts".into(), list.texts.iter().map(text).collect());
    map.insert("pending".into(), list.pending.iter().map(waiting).collect());
    let mut text = serde_json::to_vec_pretty(&map).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Settings with their places.
fn settings(list: &List) -> serde_json::Value {
    let entry = |setting: crate::model::list::Setting<'_>| {
        let mut map = Map::new();
        map.insert("name".into(), setting.name.into());
        match setting.value {
            Value::Switch(is_on) => drop(map.insert("value".into(), is_on.into())),
            Value::Word(word) => drop(map.insert("value".into(), word.into())),
            Value::Name(name) => drop(map.insert("value".into(), name.into())),
            Value::Number(number) => drop(map.insert("value".into(), number.into())),
            Value::Texts(texts) => {
                put(&mut map, "value", bstr::join("\n", texts).as_bstr());
            }
        }
        put_place(&mut map, setting.origin);
        map.into()
    };
    list.settings().into_iter().map(entry).collect::<Vec<serde_json::Value>>().into()
}

/// Settings that no model value stands for.
fn others(list: &List) -> serde_json::Value {
    let entry = |setting: &crate::model::Sourced<&'static str>| {
        let mut map = Map::new();
        map.insert("what".into(), setting.value.into());
        put_place(&mut map, Some(&setting.origin));
        map.into()
    };
    list.unmapped.iter().map(entry).collect::<Vec<serde_json::Value>>().into()
}

/// A text of the list's own: only where it stands, because its marks are the old program's.
fn text(text: &Text) -> serde_json::Value {
    let mut map = Map::new();
    put_place(&mut map, Some(&text.origin));
    map.into()
}

/// A post that waits.
fn waiting(post: &Pending) -> serde_json::Value {
    let mut map = Map::new();
    put(&mut map, "file", post.file.as_bstr());
    let waits_for = match post.waits_for {
        WaitsFor::Moderator => "moderator",
        WaitsFor::Sender => "sender",
    };
    map.insert("waits_for".into(), waits_for.into());
    put(&mut map, "sender", post.sender.as_bstr());
    put(&mut map, "subject", post.subject.as_bstr());
    map.insert("when".into(), post.when.into());
    map.into()
}

fn put_place(map: &mut Map<String, serde_json::Value>, origin: Option<&Origin>) {
    let Some(origin) = origin else { return };
    put(map, "file", origin.file.as_bstr());
    map.insert("line".into(), origin.line.into());
}

/// A string that may not be UTF-8: decoded as ISO-8859-1 then, and a sibling key says so.
fn put(map: &mut Map<String, serde_json::Value>, key: &str, bytes: &[u8]) {
    if let Ok(text) = bytes.to_str() {
        map.insert(key.into(), text.into());
    } else {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        map.insert(key.into(), text.into());
        map.insert(format!("{key}_encoding"), "latin1".into());
    }
}

/// One row for each role that an address has.
fn members(list: &List) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Nothing fails that is written to memory.
    let mut write = |row: [&[u8]; 4]| drop(writer.write_record(row));
    write([b"address", b"role", b"joined", b"name"]);
    for (role, members) in list.roles() {
        let log = list.logs.of(role).filter(|log| !log.is_empty());
        for member in members {
            let joined = log.and_then(|log| log.get(&member.value.to_lower()));
            let date = joined.map(Joined::date).unwrap_or_default();
            let name = joined.map(|joined| cell(&joined.name)).unwrap_or_default();
            write([&cell(&member.value.to_bytes()), role.as_bytes(), date.as_bytes(), &name]);
        }
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sourced;
    use crate::model::list::Posting;
    use crate::target::lists::tests::{list, members as people};

    #[test]
    fn a_hostile_member_stays_in_its_cell() {
        let mut list = list(Posting::Members).list;
        list.denied = people(&["=cmd|'/c calc'!A0@x.example", "a\"b,c\nd@x.example", "@x.example"]);
        let csv = members(&list);
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let denied: Vec<&str> =
            rows.iter().filter(|row| &row[1] == "denied").map(|row| &row[0]).collect();
        let expected = ["'=cmd|'/c calc'!A0@x.example", "a\"b,c\nd@x.example", "'@x.example"];
        assert_eq!(denied, expected);
        assert_eq!(rows.len(), 7);
        let joined = Joined { when: 1_700_000_000, name: "=Sue, \"S\"\n<x>".into() };
        list.logs.subscribers.insert(list.subscribers[0].value.clone(), joined);
        let csv = members(&list);
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let row = reader.records().next().unwrap().unwrap();
        let seen: Vec<&str> = row.iter().skip(2).collect();
        assert_eq!(seen, ["2023-11-14T22:13:20Z", "'=Sue, \"S\"\n<x>"]);
    }

    #[test]
    fn the_definition_says_where_each_setting_stands_and_keeps_odd_bytes() {
        let mut list = list(Posting::Members);
        let origin = list.list.posting.origin.clone();
        list.list.prefix = Some(Sourced::new(b"[\xe9\"]".into(), origin));
        let at = list.list.address.clone();
        let run = Run { at: &at, list: &list, aliases: Vec::new(), owners: Vec::new() };
        let told: serde_json::Value = serde_json::from_slice(&definition(&run)).unwrap();
        assert_eq!(told["format"], "unqmail.list/1");
        assert_eq!(told["members"]["allowed"], 1);
        let setting = |name: &str| {
            let all = told["settings"].as_array().unwrap();
            all.iter().find(|setting| setting["name"] == name).unwrap().clone()
        };
        assert_eq!(setting("posting")["value"], "members");
        assert_eq!(setting("posting")["file"], "l/editor");
        assert_eq!(setting("prefix")["value"], "[\u{e9}\"]");
        assert_eq!(setting("prefix")["value_encoding"], "latin1");
    }
}
