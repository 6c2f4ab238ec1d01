//! Rows of a database's tables as plain values, in the text form of PostgreSQL's COPY: a row a line,
//! fields divided by tabs, the columns' names in the first line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is written to a table: the columns that count, those of the key first.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// The table's name.
    pub table: &'static str,
    /// How many of the columns are the key.
    pub keys: usize,
    /// The columns.
    pub columns: &'static [Column],
}

/// A column and what it can hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it can hold.
    pub kind: Kind,
}

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text of at most so many characters.
    Text(usize),
    /// A text as long as the database lets it be.
    Long,
    /// A whole number of 32 bits.
    Number,
    /// A whole number of 64 bits.
    Large,
    /// Yes or no.
    Flag,
}

/// What texts a table can hold, by the kind of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    /// Letters beyond ASCII, and no two of them taken for one.
    pub wide: bool,
    /// The bytes of a text without a length of its own.
    pub long: usize,
}

impl Texts {
    /// Whatever is UTF-8, and longer than any list of targets.
    pub const ANY: Self = Self { wide: true, long: 10_000_000 };

    /// Whether nothing speaks against a text but what no table could hold.
    pub fn hold(self, text: &[u8]) -> bool {
        (self.wide || text.is_ascii()) && text.len() <= self.long
    }

    /// Why a text cannot stand in a column of this name; at most so many characters, if there is a
    /// number.
    fn check<'b>(
        self,
        name: &'static str,
        bytes: &'b [u8],
        most: Option<usize>,
    ) -> Result<&'b str, Unfit> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unfit::NoText(name))?;
        if text.contains('\0') {
            return Err(Unfit::NoText(name));
        }
        if !self.wide && !text.is_ascii() {
            return Err(Unfit::Wide(name));
        }
        let (length, most) = match most {
            Some(most) => (text.chars().count(), most),
            None => (text.len(), self.long),
        };
        if length > most { Err(Unfit::Long(name, most)) } else { Ok(text) }
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Of a text column; bytes, because it comes from the old server.
    Text(Vec<u8>),
    /// Of a column of numbers.
    Number(u64),
    /// The number that stands for "none at all", where 0 is "no limit".
    NoneAllowed,
    /// Of a column of flags.
    Flag(bool),
}

/// Why a row cannot stand in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A text is longer than its column.
    #[error("is longer than {1} characters, which the column {0} can hold")]
    Long(&'static str, usize),
    /// A text is not UTF-8, or holds NUL.
    #[error("is no text, which the column {0} holds")]
    NoText(&'static str),
    /// A text has letters that the database takes for others or does not know.
    #[error("has letters beyond ASCII, which the column {0} cannot hold")]
    Wide(&'static str),
    /// A number is too large.
    #[error("is a larger number than the column {0} can hold")]
    Large(&'static str),
    /// Another row has its key, or one that differs in case alone.
    #[error("stands in the table already")]
    Twice,
}

/// The rows of one table while they are gathered, by key.
#[derive(Debug)]
pub struct Draft {
    form: &'static Form,
    texts: Texts,
    rows: BTreeMap<String, String>,
}

/// The rows of one table, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Which table.
    pub form: &'static Form,
    text: Arc<Vec<u8>>,
}

impl Form {
    /// The names of the columns, with this between them.
    pub fn names(&self, between: &str) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        names.join(between)
    }
}

impl Draft {
    /// Without rows.
    pub fn new(form: &'static Form, texts: Texts) -> Self {
        Self { form, texts, rows: BTreeMap::new() }
    }

    /// Adds a row, a field for each column.
    ///
    /// # Errors
    /// Where the table cannot hold it.
    pub fn add(&mut self, fields: &[Field]) -> Result<(), Unfit> {
        let mut line = String::new();
        let mut key = String::new();
        for (at, (column, field)) in self.form.columns.iter().zip(fields).enumerate() {
            if at == self.form.keys {
                key.clone_from(&line);
            }
            if at > 0 {
                line.push('\t');
            }
            column.write(field, self.texts, &mut line)?;
        }
        let key = if self.form.keys < fields.len() { key } else { line.clone() };
        match self.rows.entry(key.to_ascii_lowercase()) {
            std::collections::btree_map::Entry::Occupied(_) => Err(Unfit::Twice),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(line);
                Ok(())
            }
        }
    }

    /// The rows, sorted.
    pub fn sheet(self) -> Sheet {
        let mut lines: Vec<String> = self.rows.into_values().collect();
        lines.sort_unstable();
        Sheet::of(self.form, lines)
    }
}

impl Column {
    fn write(&self, field: &Field, texts: Texts, line: &mut String) -> Result<(), Unfit> {
        match (field, self.kind) {
            (Field::Text(bytes), Kind::Text(most)) => {
                escape(texts.check(self.name, bytes, Some(most))?, line);
            }
            (Field::Text(bytes), Kind::Long) => escape(texts.check(self.name, bytes, None)?, line),
            (Field::Number(number), kind) => {
                let most = match kind {
                    Kind::Number => u64::from(i32::MAX.unsigned_abs()),
                    _ => i64::MAX.unsigned_abs(),
                };
                if *number > most {
                    return Err(Unfit::Large(self.name));
                }
                let _ = write!(line, "{number}");
            }
            (Field::NoneAllowed, _) => line.push_str("-1"),
            (Field::Flag(flag), _) => line.push_str(if *flag { "1" } else { "0" }),
            (Field::Text(_), _) => return Err(Unfit::NoText(self.name)),
        }
        Ok(())
    }
}

impl Sheet {
    /// From lines in the form's columns, without line ends.
    pub fn of(form: &'static Form, lines: impl IntoIterator<Item = String>) -> Self {
        let mut text = form.names("\t");
        text.push('\n');
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        Self { form, text: Arc::new(text.into_bytes()) }
    }

    /// The whole text, to keep.
    pub fn shared(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.text)
    }

    /// The rows as they stand, without the names of the columns.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.text).unwrap_or_default().lines().skip(1)
    }

    /// What tells a row from the others: its front.
    pub fn key<'l>(&self, line: &'l str) -> &'l str {
        let end = line.match_indices('\t').nth(self.form.keys - 1).map_or(line.len(), |(at, _)| at);
        line.get(..end).unwrap_or(line)
    }
}

/// Divides a line into its values.
pub fn values(line: &str) -> impl Iterator<Item = String> {
    line.split('\t').map(|field| {
        let mut value = String::with_capacity(field.len());
        let mut chars = field.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('t') => value.push('\t'),
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    // Only PostgreSQL itself writes these.
                    Some('b') => value.push('\u{8}'),
                    Some('f') => value.push('\u{c}'),
                    Some('v') => value.push('\u{b}'),
                    other => value.extend(other),
                },
                c => value.push(c),
            }
        }
        value
    })
}

/// Adds a text as COPY writes it.
pub fn escape(text: &str, line: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Draft, Field, Form, Kind, Texts, Unfit, escape, values};
    use proptest::prelude::*;

    const FORM: Form = Form {
        table: "t",
        keys: 1,
        columns: &[
            Column { name: "name", kind: Kind::Text(5) },
            Column { name: "size", kind: Kind::Large },
        ],
    };
    static T: Form = FORM;

    fn row(name: &str, size: u64) -> [Field; 2] {
        [Field::Text(name.into()), Field::Number(size)]
    }

    #[test]
    fn what_a_column_cannot_hold_is_refused() {
        let mut draft = Draft::new(&T, Texts::ANY);
        assert_eq!(draft.add(&row("b", 1)), Ok(()));
        assert_eq!(draft.add(&row("a\tb", 1)), Ok(()));
        assert_eq!(draft.add(&row("B", 1)), Err(Unfit::Twice));
        assert_eq!(draft.add(&row("longer", 1)), Err(Unfit::Long("name", 5)));
        assert_eq!(draft.add(&row("c", u64::MAX)), Err(Unfit::Large("size")));
        let bad = [Field::Text(b"\xff".to_vec()), Field::Number(0)];
        assert_eq!(draft.add(&bad), Err(Unfit::NoText("name")));
        let sheet = draft.sheet();
        assert_eq!(sheet.lines().collect::<Vec<_>>(), ["a\\tb\t1", "b\t1"]);
        assert_eq!(sheet.lines().map(|line| sheet.key(line)).collect::<Vec<_>>(), ["a\\tb", "b"]);
    }

    #[test]
    fn a_narrow_table_takes_no_letters_that_it_could_mistake() {
        let mut draft = Draft::new(&T, Texts { wide: false, long: 9 });
        assert_eq!(draft.add(&row("\u{e9}ve", 1)), Err(Unfit::Wide("name")));
        assert_eq!(draft.add(&row("eve", 1)), Ok(()));
    }

    proptest! {
        #[test]
        fn a_text_comes_back_and_never_leaves_its_field(text in "\\PC*|[\\t\\n\\r\\\\a]*") {
            let mut line = String::new();
            escape(&text, &mut line);
            prop_assert!(!line.contains(['\t', '\n', '\r']));
            prop_assert_eq!(values(&line).collect::<Vec<_>>(), [text]);
        }
    }
}
