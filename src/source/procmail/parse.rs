//! Reads procmail's language (procmailrc(5), `cstdio.c`, `procmail.c`). Nothing is ever run.

use super::syntax::{Action, Asked, Condition, Flags, Item, Kind};
use crate::source::sorters::{Part, Strange, Value};
use bstr::{BString, ByteSlice as _};

/// Recipes within recipes: more is nobody's.
const DEEPEST: usize = 16;

pub(super) fn parse(text: &[u8]) -> Result<Vec<Item>, Strange> {
    let lines = logical_lines(text);
    let mut reader = Reader { lines: &lines, depth: 0 };
    let items = reader.items()?;
    match reader.lines.first() {
        None => Ok(items),
        Some((line, _)) => Err(Strange::new(*line, "a bracket closes nothing")),
    }
}

/// Lines with their numbers, without comments; a backslash at the end goes on in the next one.
fn logical_lines(text: &[u8]) -> Vec<(u32, BString)> {
    let mut lines: Vec<(u32, BString)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_ascii();
        let (line, continued) = match line.strip_suffix(b"\\") {
            Some(front) => (front, true),
            None => (line, false),
        };
        let is_empty = line.is_empty() || line.starts_with(b"#");
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, text)) => text.extend_from_slice(line),
            None if is_empty => {}
            None => lines.push((number, line.into())),
        }
        goes_on = continued && (goes_on || !is_empty);
    }
    lines
}

struct Reader<'l> {
    lines: &'l [(u32, BString)],
    depth: usize,
}

impl<'l> Reader<'l> {
    fn next(&mut self) -> Option<(u32, &'l [u8])> {
        let ((line, text), rest) = self.lines.split_first()?;
        self.lines = rest;
        Some((*line, text))
    }

    /// Assignments and recipes up to the end or a closing brace.
    fn items(&mut self) -> Result<Vec<Item>, Strange> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let line = self.lines.first().map_or(0, |(line, _)| *line);
            return Err(Strange::new(line, "recipes are too deep within each other"));
        }
        let mut items = Vec::new();
        while self.lines.first().is_some_and(|(_, text)| !text.starts_with(b"}")) {
            let Some((line, text)) = self.next() else { break };
            let kind = match text.strip_prefix(b":") {
                Some(head) => self.recipe(line, head)?,
                None => assignment(line, text)?,
            };
            items.push(Item { line, kind });
        }
        self.depth -= 1;
        Ok(items)
    }

    fn recipe(&mut self, line: u32, head: &[u8]) -> Result<Kind, Strange> {
        let Some(flags) = head.strip_prefix(b"0") else {
            return Err(Strange::new(line, "the recipe counts its conditions"));
        };
        let flags = flags_of(line, flags)?;
        let mut conditions = Vec::new();
        while let Some((line, text)) =
            self.lines.first().and_then(|(line, text)| Some((*line, text.strip_prefix(b"*")?)))
        {
            self.next();
            conditions.push(condition(line, text)?);
        }
        let Some((line, text)) = self.next() else {
            return Err(Strange::new(line, "the recipe does nothing"));
        };
        let action = match text {
            [b'!', to @ ..] if to.find_byteset(b"\"'\\").is_some() => {
                return Err(Strange::new(line, "an address is not plain"));
            }
            [b'!', to @ ..] => Action::Forward(line, value(line, to)?),
            [b'|', command @ ..] => Action::Pipe(line, command.trim_ascii().into()),
            [b'{', rest @ ..] => {
                let rest = rest.trim_ascii();
                if rest == b"}" {
                    Action::Block(Vec::new())
                } else if rest.is_empty() || rest.starts_with(b"#") {
                    let items = self.items()?;
                    match self.next() {
                        Some((_, b"}")) => Action::Block(items),
                        _ => return Err(Strange::new(line, "a bracket does not close by itself")),
                    }
                } else {
                    return Err(Strange::new(line, "more stands behind the bracket"));
                }
            }
            _ => Action::Store(line, value(line, text)?),
        };
        Ok(Kind::Recipe { flags, conditions, action })
    }
}

/// The letters behind `:0`; what follows a colon is a lock, and no business of the message.
fn flags_of(line: u32, text: &[u8]) -> Result<Flags, Strange> {
    let text = text.split_once_str("#").map_or(text, |(front, _)| front);
    let letters = text.split_once_str(":").map_or(text, |(front, _)| front);
    let mut flags = Flags::default();
    for letter in letters.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match letter {
            b'c' => flags.copy = true,
            b'f' => flags.through = true,
            b'D' => flags.exact_case = true,
            b'E' => flags.otherwise = true,
            b'A' => flags.also = true,
            // The head is looked at; a program is waited for; errors of writing are ignored.
            b'H' | b'w' | b'W' | b'i' => {}
            b'B' => return Err(Strange::new(line, "it looks at more than the head")),
            b'h' | b'b' => return Err(Strange::new(line, "only a part of the message is used")),
            _ => return Err(Strange::new(line, "a flag says what no rule here does")),
        }
    }
    Ok(flags)
}

fn condition(line: u32, text: &[u8]) -> Result<Condition, Strange> {
    let strange = |why| Err(Strange::new(line, why));
    let mut text = text.trim_ascii();
    let mut negated = false;
    while let Some(rest) = text.strip_prefix(b"!") {
        negated = !negated;
        text = rest.trim_ascii();
    }
    let number = |text: &[u8]| text.trim_ascii().to_str().ok()?.parse::<u64>().ok();
    let asked = match text {
        [b'<', bytes @ ..] => number(bytes).map(Asked::Smaller),
        [b'>', bytes @ ..] => number(bytes).map(Asked::Larger),
        [b'$', ..] => return strange("the condition is made from variables"),
        [b'?', ..] => return strange("the condition asks a program"),
        _ if text.contains_str("??") => return strange("the condition looks at a variable"),
        _ if has_weight(text) => return strange("the condition counts"),
        // Before a sign that would mean something here it stands for nothing.
        [b'\\', rest @ ..] if rest.first().is_some_and(|b| b"!$?<> \t".contains(b)) => {
            Some(Asked::Search(rest.into()))
        }
        text => Some(Asked::Search(text.into())),
    };
    let unknown = Strange::new(line, "the size is no number");
    Ok(Condition { line, negated, asked: asked.ok_or(unknown)? })
}

/// `W^X` in front.
fn has_weight(text: &[u8]) -> bool {
    let is_part = |b: &u8| b.is_ascii_digit() || b".-+".contains(b);
    let length = text.iter().take_while(|b| is_part(b)).count();
    length > 0 && text.get(length) == Some(&b'^')
}

/// The variable that a line sets, and its value.
pub(super) fn set(text: &[u8]) -> Option<(BString, Value)> {
    match assignment(0, text) {
        Ok(Kind::Set(name, value)) => Some((name, value)),
        _ => None,
    }
}

fn assignment(line: u32, text: &[u8]) -> Result<Kind, Strange> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let length = text.iter().take_while(|b| is_part(b)).count();
    let (name, rest) = text.split_at_checked(length).unwrap_or_default();
    let rest = rest.trim_ascii_start();
    match rest.strip_prefix(b"=") {
        _ if name.is_empty() => Err(Strange::new(line, "it is no recipe and no assignment")),
        Some(rest) => Ok(Kind::Set(name.into(), value(line, rest)?)),
        // The variable has no value any more.
        None if rest.is_empty() || rest.starts_with(b"#") => {
            Ok(Kind::Set(name.into(), Value::text(b"")))
        }
        None => Err(Strange::new(line, "it is no recipe and no assignment")),
    }
}

/// A text as the shell reads one; words after the first belong to it.
fn value(line: u32, text: &[u8]) -> Result<Value, Strange> {
    let strange = |why| Strange::new(line, why);
    let mut value = Value::default();
    let mut quoted = false;
    let mut rest = text.trim_ascii();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => quoted = !quoted,
            b'\'' if !quoted => {
                let (text, after) = rest.split_once_str("'").ok_or(strange("a quote is open"))?;
                for byte in text {
                    value.push(*byte);
                }
                rest = after;
            }
            b'\\' => {
                let (&byte, after) = rest.split_first().ok_or(strange("a quote is open"))?;
                value.push(byte);
                rest = after;
            }
            b'`' => {
                let (command, after) =
                    rest.split_once_str("`").ok_or(strange("a command does not end"))?;
                value.0.push(Part::Command(command.into()));
                rest = after;
            }
            b'$' => {
                let braced = rest.strip_prefix(b"{");
                rest = braced.unwrap_or(rest);
                let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                let length = rest.iter().take_while(|b| is_part(b)).count();
                let (name, after) = rest.split_at_checked(length).unwrap_or_default();
                rest = after;
                if braced.is_some() {
                    rest = rest.strip_prefix(b"}").ok_or(strange("a variable is changed"))?;
                }
                if name.is_empty() {
                    return Err(strange("a variable has no name"));
                }
                value.0.push(Part::Variable(name.into()));
            }
            b'#' if !quoted && is_after_blank(&value) => break,
            byte => value.push(byte),
        }
    }
    if quoted { Err(strange("a quote is open")) } else { Ok(value) }
}

fn is_after_blank(value: &Value) -> bool {
    match value.0.last() {
        Some(Part::Text(text)) => text.last().is_some_and(u8::is_ascii_whitespace),
        Some(_) => false,
        None => true,
    }
}
