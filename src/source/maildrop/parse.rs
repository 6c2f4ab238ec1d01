//! Reads maildrop's language (maildropfilter(7), `recipe.C`, `lexer.C`). Nothing is ever run.

use super::syntax::{Kind, Statement};
use crate::source::sorters::{Part, Strange, Value};
use bstr::{BString, ByteSlice as _};

/// Statements, blocks within blocks: more is nobody's.
pub(super) const DEEPEST: usize = 16;

/// Why most commands are not carried over.
pub(super) const RUNS: &str = "it runs a command";

/// Statements that concern neither the message nor where it goes.
const WITHOUT_EFFECT: &[&[u8]] = &[b"log", b"logfile", b"dotlock", b"import"];

pub(super) fn parse(text: &[u8]) -> Result<Vec<Statement>, Strange> {
    let mut reader = Reader { rest: text, line: 1, depth: 0 };
    let statements = reader.statements()?;
    match reader.rest {
        [] => Ok(statements),
        _ => Err(reader.strange("a bracket closes nothing")),
    }
}

/// The variable that a line sets, or `include`, and the value; nothing for a line that says more.
pub(super) fn named(line: &[u8]) -> Option<(BString, Value)> {
    let mut reader = Reader { rest: line.trim_ascii(), line: 0, depth: 0 };
    let name = reader.name();
    reader.pass_blanks(false);
    let is_one = name == "include" || !name.is_empty() && reader.take("=");
    let value = is_one.then(|| reader.value().ok()).flatten()?;
    reader.take(";");
    reader.rest.is_empty().then_some((name, value))
}

/// What is still to be read.
pub(super) struct Reader<'t> {
    pub(super) rest: &'t [u8],
    pub(super) line: u32,
    pub(super) depth: usize,
}

impl Reader<'_> {
    pub(super) fn strange(&self, why: &'static str) -> Strange {
        Strange::new(self.line, why)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line = self.line.saturating_add(u32::from(*byte == b'\n'));
        Some(*byte)
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = self.rest.strip_prefix(sign.as_bytes());
        if let Some(rest) = found {
            self.rest = rest;
        }
        found.is_some()
    }

    /// Passes blanks, comments and lines that are continued, and with `lines` their ends too.
    pub(super) fn pass_blanks(&mut self, lines: bool) {
        loop {
            match self.rest {
                [b' ' | b'\t' | b'\r', ..] => drop(self.next()),
                [b'\\', b'\n', ..] => {
                    self.next();
                    self.next();
                }
                [b'\n', ..] if lines => drop(self.next()),
                [b'#', ..] => {
                    let end = self.rest.find_byte(b'\n').unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                }
                _ => return,
            }
        }
    }

    /// A name, perhaps an empty one.
    pub(super) fn name(&mut self) -> BString {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let length = self.rest.iter().take_while(|b| is_part(b)).count();
        let (name, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        name.into()
    }

    /// Statements up to the end of the text or a closing brace.
    fn statements(&mut self) -> Result<Vec<Statement>, Strange> {
        let mut statements = Vec::new();
        loop {
            self.pass_blanks(true);
            if self.take(";") {
                continue;
            }
            if matches!(self.peek(), None | Some(b'}')) {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Result<Statement, Strange> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.strange("blocks are too deep within each other"));
        }
        let line = self.line;
        let kind = if self.peek() == Some(b'{') { self.block() } else { self.named(line) }?;
        self.depth -= 1;
        Ok(Statement { line, kind })
    }

    fn block(&mut self) -> Result<Kind, Strange> {
        self.pass_blanks(true);
        if !self.take("{") {
            return Ok(Kind::Block(vec![self.statement()?]));
        }
        let statements = self.statements()?;
        if self.take("}") {
            Ok(Kind::Block(statements))
        } else {
            Err(self.strange("a block does not end"))
        }
    }

    fn named(&mut self, line: u32) -> Result<Kind, Strange> {
        let name = self.name();
        self.pass_blanks(false);
        match name.as_slice() {
            b"to" => Ok(Kind::Deliver { to: self.value()?, copy: false }),
            b"cc" => Ok(Kind::Deliver { to: self.value()?, copy: true }),
            b"xfilter" => Ok(Kind::Through(self.value()?)),
            b"echo" => Ok(Kind::Echo(self.value()?)),
            b"exit" => Ok(Kind::Exit),
            b"if" => self.branches(),
            b"exception" => self.block(),
            name if WITHOUT_EFFECT.contains(&name) && self.peek() != Some(b'=') => {
                self.value()?;
                Ok(Kind::Nothing)
            }
            [_, ..] if self.take("=") && self.peek() != Some(b'~') => {
                self.pass_blanks(false);
                Ok(Kind::Set(name.clone(), self.value()?))
            }
            [] if self.peek() == Some(b'`') => match self.value()?.0.as_slice() {
                [Part::Command(command)] if !command.contains(&b'\\') => {
                    Ok(Kind::Run(command.clone()))
                }
                _ => Err(Strange::new(line, RUNS)),
            },
            b"include" => Err(Strange::new(line, "it reads another file")),
            _ => Err(Strange::new(line, "it does what no rule here does")),
        }
    }

    fn branches(&mut self) -> Result<Kind, Strange> {
        let mut branches = Vec::new();
        loop {
            let condition = self.condition()?;
            branches.push((condition, self.body()?));
            let before = (self.rest, self.line);
            self.pass_blanks(true);
            match self.name().as_slice() {
                b"elsif" => {}
                b"else" => return Ok(Kind::If { branches, otherwise: self.body()? }),
                _ => {
                    (self.rest, self.line) = before;
                    return Ok(Kind::If { branches, otherwise: Vec::new() });
                }
            }
        }
    }

    fn body(&mut self) -> Result<Vec<Statement>, Strange> {
        match self.block()? {
            Kind::Block(statements) => Ok(statements),
            _ => Ok(Vec::new()),
        }
    }

    /// Strings up to the end of the statement; they make one text.
    pub(super) fn value(&mut self) -> Result<Value, Strange> {
        let mut value = Value::default();
        loop {
            self.pass_blanks(false);
            match self.peek() {
                None | Some(b'\n' | b';' | b'}' | b')') => return Ok(value),
                Some(b'"') => self.quoted(&mut value)?,
                Some(b'\'') => {
                    self.next();
                    loop {
                        match self.next() {
                            Some(b'\'') => break,
                            Some(b'\\') if matches!(self.peek(), Some(b'\'' | b'\\')) => {
                                self.next().into_iter().for_each(|b| value.push(b));
                            }
                            Some(byte) if byte != b'\n' => value.push(byte),
                            _ => return Err(self.strange("a string does not end")),
                        }
                    }
                }
                Some(b'`') => self.command(&mut value)?,
                Some(b'$') => self.variable(&mut value)?,
                Some(b'(' | b'*' | b'+' | b'<' | b'>' | b'&' | b'|' | b'!' | b'=') => {
                    return Err(self.strange("it calculates"));
                }
                Some(byte) => {
                    self.next();
                    value.push(byte);
                }
            }
        }
    }

    fn quoted(&mut self, value: &mut Value) -> Result<(), Strange> {
        self.next();
        // An empty string is one too.
        value.0.push(Part::Text(BString::default()));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.next();
                    return Ok(());
                }
                Some(b'$') => self.variable(value)?,
                Some(b'`') => self.command(value)?,
                Some(b'\\') => {
                    self.next();
                    match self.next() {
                        Some(byte) if b"\"$`\\".contains(&byte) => value.push(byte),
                        Some(b'\n') => {}
                        Some(byte) => {
                            value.push(b'\\');
                            value.push(byte);
                        }
                        None => return Err(self.strange("a string does not end")),
                    }
                }
                None | Some(b'\n') => return Err(self.strange("a string does not end")),
                Some(byte) => {
                    self.next();
                    value.push(byte);
                }
            }
        }
    }

    fn variable(&mut self, value: &mut Value) -> Result<(), Strange> {
        self.next();
        let braced = self.take("{");
        let name = self.name();
        if name.is_empty() || braced && !self.take("}") {
            return Err(self.strange("a variable has no name"));
        }
        value.0.push(Part::Variable(name));
        Ok(())
    }

    fn command(&mut self, value: &mut Value) -> Result<(), Strange> {
        self.next();
        let end = self.rest.find_byteset(b"`\n");
        let (command, rest) =
            end.and_then(|end| self.rest.split_at_checked(end)).unwrap_or_default();
        self.rest = rest;
        if !self.take("`") {
            return Err(self.strange("a command does not end"));
        }
        value.0.push(Part::Command(command.into()));
        Ok(())
    }
}
