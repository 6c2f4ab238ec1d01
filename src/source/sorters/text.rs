//! What a program reads as one text: the host's file, the user's, and those that they name.

use super::{LARGEST, Runner, Usual, Vars};
use crate::model::sorter::Statement;
use crate::model::{Origin, RelPath};
use crate::source::access::Access;
use crate::source::{Reading, owned};
use bstr::ByteSlice as _;

/// Files that name each other: more is nobody's.
const DEEPEST: usize = 4;

/// Lines of several files, and where each stands.
pub(super) struct Text<'r> {
    reading: &'r Reading<'r>,
    usual: &'r Usual,
    runner: &'r Runner,
    vars: Vars,
    /// Blocks that are open: what is set in them hangs on the message.
    open: usize,
    bytes: Vec<u8>,
    files: Vec<RelPath>,
    lines: Vec<(usize, u32)>,
}

impl<'r> Text<'r> {
    pub(super) fn new(reading: &'r Reading<'r>, usual: &'r Usual, runner: &'r Runner) -> Self {
        let (vars, open) = (Vars::new(runner), 0);
        let (bytes, files, lines) = (Vec::new(), Vec::new(), Vec::new());
        Self { reading, usual, runner, vars, open, bytes, files, lines }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a file, and in the place of its lines that name others what stands in those.
    pub(super) fn add(&mut self, path: &RelPath, text: &[u8]) {
        self.add_within(path, text, 0);
    }

    fn add_within(&mut self, path: &RelPath, text: &[u8], depth: usize) {
        let file = self.files.len();
        self.files.push(path.clone());
        for (number, line) in (1..).zip(text.lines()) {
            let start = line.trim_ascii_start();
            self.open += usize::from(start.starts_with(b"{"));
            self.open = self.open.saturating_sub(usize::from(start.starts_with(b"}")));
            let named = (self.usual.named)(line, &mut self.vars, self.runner, self.open == 0);
            let may_name = depth < DEEPEST && self.bytes.len() as u64 <= LARGEST;
            let named = named.filter(|_| may_name).and_then(|path| Some((self.read(&path)?, path)));
            if let Some((text, path)) = named {
                self.add_within(&path, &text, depth + 1);
            } else {
                self.lines.push((file, number));
                self.bytes.extend_from_slice(line);
                self.bytes.push(b'\n');
            }
        }
    }

    /// A file that another names; nothing where the program would have failed, or could not read it.
    fn read(&self, path: &RelPath) -> Option<Vec<u8>> {
        let root = self.reading.root;
        if self.usual.passes_missing && root.stat(path).is_ok_and(|stat| stat.is_none()) {
            return Some(Vec::new());
        }
        let mut access = Access::new(root);
        owned::find(self.reading, &mut access, &self.runner.folder, path)?.read(root, LARGEST)
    }

    /// The statement of a line, in the file that it stands in.
    pub(super) fn statement(&self, line: u32) -> Option<Statement> {
        let at = usize::try_from(line).ok()?.checked_sub(1)?;
        let (file, number) = self.lines.get(at)?;
        let text = self.bytes.lines().nth(at).unwrap_or_default().trim_ascii().into();
        Some(Statement { origin: Origin::file(self.files.get(*file)?).at(*number), text })
    }
}
