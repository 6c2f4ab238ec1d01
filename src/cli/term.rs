//! The terminal: what is said to the person goes to standard error, the product to standard output.

use super::Exit;
use crate::fsys;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

/// Says something to the person. Where it cannot be said the work goes on.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}").is_ok();
}

/// Tells an error with what was being done, the outermost first.
pub(super) fn error(error: &anyhow::Error) {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors tell their cause themselves.
        if !causes.last().is_some_and(|last| last.ends_with(&cause)) {
            causes.push(cause);
        }
    }
    say(&format!("unqmail: {}", causes.join(": ")));
}

/// Whether a bar can be drawn.
pub(super) fn has_screen() -> bool {
    io::stderr().is_terminal()
}

/// Who reads the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A person: colours where there is a screen, and none elsewhere.
    Person,
    /// A program: every byte as it is, for taking colours out would take some bytes that are not
    /// UTF-8 with them.
    Program,
}

/// Prints the product, to a file or standard output, and ends as the work has earned: a reader who
/// closes the pipe early has seen enough and changes nothing.
pub(super) fn print(
    path: Option<&Path>,
    reader: Reader,
    earned: Exit,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let mut out: Box<dyn Write> = match (path, reader) {
        (Some(path), Reader::Program) => Box::new(io::BufWriter::new(fsys::create(path)?)),
        (Some(path), Reader::Person) => {
            Box::new(io::BufWriter::new(anstream::StripStream::new(fsys::create(path)?)))
        }
        (None, Reader::Program) => Box::new(io::BufWriter::new(io::stdout().lock())),
        (None, Reader::Person) => Box::new(io::BufWriter::new(anstream::stdout().lock())),
    };
    match write(&mut *out).and_then(|()| Ok(out.flush()?)) {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => Ok(earned),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let inner =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        kind.or(inner) == Some(io::ErrorKind::BrokenPipe)
    })
}
