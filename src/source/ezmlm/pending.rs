//! Posts that wait: `mod/pending/SECONDS.PID` for a moderator, `mod/unconfirmed/…` for who sent them
//! (`ezmlm-store.c`).

use crate::finding::Findings;
use crate::fsys::{Kind, folder::Folder, root::Root};
use crate::model::RelPath;
use crate::model::list::{Pending, WaitsFor};
use crate::model::quota::leading_number;
use crate::source::unlistable;
use bstr::{BString, ByteSlice as _};
use std::io::Read as _;

/// As much of a post as is looked at for its header.
const HEADER: u64 = 64 << 10;

/// The posts that wait, the oldest first. A file without the owner's x bit was never finished: left
/// out.
pub(super) fn read(root: &Root, list: &RelPath, findings: &mut Findings) -> Vec<Pending> {
    let mut posts = Vec::new();
    for (name, waits_for) in
        [("mod/pending", WaitsFor::Moderator), ("mod/unconfirmed", WaitsFor::Sender)]
    {
        let path = list.join(name);
        let open = root.folder(&path).and_then(|folder| Ok((root.list_open(&folder)?, folder)));
        let (entries, folder) = match open {
            Ok(open) => open,
            Err(error) if error.is_missing() => continue,
            Err(error) => {
                findings.push(unlistable(&path, &error));
                continue;
            }
        };
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
            let file = path.join(&entry.name);
            posts.extend(post(&folder, &entry.name, file, waits_for));
        }
    }
    posts.sort_by(|a, b| (a.waits_for, a.when, &a.file).cmp(&(b.waits_for, b.when, &b.file)));
    posts
}

fn post(folder: &Folder, name: &[u8], file: RelPath, waits_for: WaitsFor) -> Option<Pending> {
    let (open, stat) = folder.open(name).ok()?;
    if stat.mode & 0o100 == 0 {
        return None;
    }
    let mut head = Vec::new();
    open.take(HEADER).read_to_end(&mut head).ok()?;
    let is_dated = name.first().is_some_and(u8::is_ascii_digit);
    let seconds = i64::try_from(leading_number(name)).ok().filter(|_| is_dated);
    let sender = field(&head, b"return-path:");
    let sender = sender.trim_start_with(|c| c == '<').trim_end_with(|c| c == '>');
    Some(Pending {
        file,
        waits_for,
        sender: sender.into(),
        subject: field(&head, b"subject:"),
        when: seconds.unwrap_or(stat.mtime.0),
    })
}

/// The value of the first header field of a name, as one line.
fn field(message: &[u8], name: &[u8]) -> BString {
    let mut value: Option<Vec<u8>> = None;
    for line in message.lines().take_while(|line| !line.is_empty()) {
        match &mut value {
            Some(value) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            Some(_) => break,
            None => {
                let is_it = line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
                value =
                    is_it.then(|| line.get(name.len()..).unwrap_or_default().trim_ascii().to_vec());
            }
        }
    }
    value.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_one_line_of_the_header() {
        let message = b"Return-Path: <eve@b.example>\nsubject: one\n\ttwo\nX: y\n\nSubject: body\n";
        assert_eq!(field(message, b"subject:"), "one two");
        assert_eq!(field(message, b"return-path:"), "<eve@b.example>");
        assert_eq!(field(b"\nSubject: body\n", b"subject:"), "");
    }
}
