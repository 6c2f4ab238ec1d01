//! Kits: data files and the one script that loads them, for managers that keep lists in a database of
//! their own.

use crate::model::{Address, RelPath};
use crate::target::{Artifact, Audience, Content};
use serde_json::Value;

/// A file of a kit.
pub(super) fn file(folder: &str, name: &str, bytes: &[u8], audience: Audience) -> Artifact {
    let path = RelPath::new(folder).join(name);
    Artifact { path, content: Content::file(bytes), audience }
}

/// The script that hands mail for `LIST-word` to the manager.
pub(super) fn word_script(name: &str, script: &[u8]) -> Artifact {
    file("etc/postfix/unqmail", name, script, Audience::Command)
}

/// Adds a record to a data file of one JSON object a line.
pub(super) fn add_line(file: &mut String, record: &Value) {
    *file += &record.to_string();
    file.push('\n');
}

/// An address, which is known to be ASCII.
pub(super) fn text(address: &Address) -> String {
    String::from_utf8_lossy(&address.to_bytes()).into_owned()
}
