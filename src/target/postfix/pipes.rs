//! Programs of the old server: a pipe(8) service for each user that runs some, and what each is
//! told.
//!
//! A program is known by a number, which is a domain inside the new server: `LOCAL@pipe-N` beneath
//! it goes to the service of the program's own user and to no other. What the site says stands only
//! in a file of shell words between single quotes.

use super::master_cf::Service;
use crate::model::design::{Design, Pipe, pipe_domain};
use crate::model::{DomainName, RelPath};
use crate::target::{Artifact, Audience, Content};
use bstr::{BString, ByteSlice as _};
use std::collections::BTreeSet;

/// Runs any of them.
const RUN: &str = include_str!("run.sh");

/// Where they lie, on the new host.
const FOLDER: &str = "etc/postfix/unqmail/pipes";

/// The domain of each program, and its transport with its next hop.
pub(super) fn transports(design: &Design) -> impl Iterator<Item = (DomainName, String)> {
    let pipes = design.pipes.iter().enumerate();
    pipes.map(|(number, pipe)| (pipe_domain(number), format!("{}:{number}", service_name(pipe))))
}

fn service_name(pipe: &Pipe) -> String {
    format!("unqmail-{}", pipe.runs_as)
}

/// A service for each user.
pub(super) fn services(design: &Design) -> Vec<Service> {
    let users: BTreeSet<(String, &String)> =
        design.pipes.iter().map(|pipe| (service_name(pipe), &pipe.runs_as)).collect();
    let service = |(name, user): (String, &String)| Service {
        key: format!("{name}/unix"),
        line: format!("{name} unix - n n - - pipe"),
        options: vec![format!(
            "user={user} null_sender= argv=/{FOLDER}/run ${{nexthop}} ${{sender}} ${{user}}"
        )],
    };
    users.into_iter().map(service).collect()
}

/// The script, and a file for each program.
pub(super) fn artifacts(design: &Design) -> Vec<Artifact> {
    if design.pipes.is_empty() {
        return Vec::new();
    }
    let run = Artifact {
        path: RelPath::new(FOLDER).join("run"),
        content: Content::file(RUN),
        audience: Audience::Command,
    };
    let told = design.pipes.iter().enumerate().map(|(number, pipe)| Artifact {
        path: RelPath::new(FOLDER).join(number.to_string()),
        content: Content::file(told(pipe)),
        audience: Audience::Users(pipe.ids.1),
    });
    std::iter::once(run).chain(told).collect()
}

/// What one program is told.
fn told(pipe: &Pipe) -> Vec<u8> {
    let absolute = |path: &RelPath| BString::from([b"/", path.as_bstr().as_bytes()].concat());
    let number = |number: Option<usize>| number.map(|n| n.to_string().into()).unwrap_or_default();
    let words: [(&str, BString); 10] = [
        ("line", pipe.line.clone()),
        ("command", pipe.command.clone()),
        ("preline", pipe.preline.clone().unwrap_or_default()),
        ("user", pipe.user.clone()),
        ("home", absolute(&pipe.home)),
        ("folder", absolute(&pipe.folder)),
        ("host", pipe.host.as_bstr().to_owned()),
        ("prepend", pipe.prepend.clone()),
        ("extension_at", number(Some(pipe.extension_at))),
        ("default_at", number(pipe.default_at)),
    ];
    let mut text = format!("# Written by unqmail from {}\n", pipe.origin).into_bytes();
    for (name, value) in words {
        text.extend_from_slice(&[name.as_bytes(), b"=", &quoted(&value), b"\n"].concat());
    }
    text
}

/// A word for the shell, whatever it holds.
fn quoted(word: &[u8]) -> Vec<u8> {
    [b"'", word.replace("'", r"'\''").as_slice(), b"'"].concat()
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use proptest::prelude::*;

    proptest! {
        /// Outside single quotes stands nothing but an escaped one.
        #[test]
        fn no_text_leaves_its_quotes(word in prop::collection::vec(any::<u8>(), 0..40)) {
            let (mut inside, mut escaped, mut read) = (false, false, Vec::new());
            for byte in quoted(&word) {
                match byte {
                    b'\'' if !escaped => inside = !inside,
                    b'\\' if !inside && !escaped => {
                        escaped = true;
                        continue;
                    }
                    byte => {
                        prop_assert!(inside || (escaped && byte == b'\''));
                        read.push(byte);
                    }
                }
                escaped = false;
            }
            prop_assert!(!inside);
            prop_assert_eq!(read, word);
        }
    }
}
