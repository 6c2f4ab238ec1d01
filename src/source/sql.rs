//! SQL text of `mysqldump` or `pg_dump`: the rows of its tables, whoever wants them.

use crate::finding::{Disposition, Finding, code};
use crate::model::Origin;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Words before the name of a table.
const BEFORE_NAMES: &[&str] = &["INTO", "TABLE", "IF", "NOT", "EXISTS", "IGNORE", "ONLY"];

/// Words that begin a part of `CREATE TABLE` that is no column.
const NO_COLUMNS: &[&str] =
    &["CHECK", "CONSTRAINT", "FOREIGN", "FULLTEXT", "INDEX", "KEY", "PRIMARY", "UNIQUE"];

/// Somebody who wants rows of a dump.
pub(super) trait Tables {
    /// Whether a table's rows are wanted; asked wherever the dump names one to make or to fill it.
    fn wants(&mut self, table: &BStr) -> bool;
    /// Takes a row of a wanted table.
    fn take(&mut self, table: &BStr, row: &Row<'_>);
}

/// A row of a table.
#[derive(Debug)]
pub(super) struct Row<'r> {
    /// The names of its columns; empty where the dump tells none.
    columns: &'r [BString],
    /// Its fields; NULL is an empty one.
    pub fields: &'r [BString],
    /// Where it ends.
    pub line: u32,
}

impl Row<'_> {
    /// The field of a column, which has this place where the dump names no columns.
    pub(super) fn field(&self, column: &str, place: usize) -> &BStr {
        let named = |name: &BString| name.eq_ignore_ascii_case(column.as_bytes());
        let place = match self.columns {
            [] => Some(place),
            columns => columns.iter().position(named),
        };
        place.and_then(|at| self.fields.get(at)).map(|field| field.as_bstr()).unwrap_or_default()
    }

    /// The names of its columns with their fields.
    pub(super) fn named(&self) -> impl Iterator<Item = (&BString, &BString)> {
        self.columns.iter().zip(self.fields)
    }

    /// Whether the dump tells its columns, and none has this name.
    pub(super) fn lacks(&self, column: &str) -> bool {
        !self.columns.is_empty() && !self.has(column)
    }

    /// Whether it has a column of this name, as far as the dump tells.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name.eq_ignore_ascii_case(column.as_bytes()))
    }
}

/// Whether a text is SQL: some line of it makes or fills a table.
pub(super) fn is_sql(text: &[u8]) -> bool {
    text.lines().any(|line| {
        let words = line.split(u8::is_ascii_whitespace).take(2);
        let words = bstr::join(" ", words).to_ascii_uppercase();
        let starts = ["INSERT INTO", "REPLACE INTO", "CREATE TABLE"];
        starts.iter().any(|start| words == start.as_bytes()) || words.starts_with(b"COPY ")
    })
}

/// Reads a dump to its end, which may come anywhere; tells whether it comes between two statements.
pub(super) fn read(text: &[u8], tables: &mut impl Tables) -> bool {
    // A server of PostgreSQL has backslashes in strings as they are.
    let escapes = !text.contains_str("standard_conforming_strings = on");
    let mut sql = Sql { rest: text, line: 1, escapes, is_cut: false };
    let mut made: BTreeMap<BString, Vec<BString>> = BTreeMap::new();
    while let Some((token, _)) = sql.token() {
        let Token::Word(word) = token else { continue };
        let word = word.to_ascii_uppercase();
        if ![b"INSERT".as_slice(), b"REPLACE", b"COPY", b"CREATE"].contains(&word.as_slice()) {
            continue;
        }
        let Some(name) = sql.name() else { continue };
        // Rows that nobody wants are passed over like others: they may look like statements.
        let is_wanted = tables.wants(name.as_bstr());
        let known = made.get(&name).cloned().unwrap_or_default();
        let take = |row: &Row<'_>| {
            if is_wanted {
                tables.take(name.as_bstr(), row);
            }
        };
        match word.as_slice() {
            b"CREATE" => drop(made.insert(name, sql.columns())),
            b"COPY" => sql.copy(known, take),
            _ => sql.insert(known, take),
        }
    }
    !sql.is_cut
}

/// The error finding for a dump that ends within a statement.
pub(super) fn cut(file: &Origin) -> Finding {
    Finding::new(
        &code::FILE_DAMAGED,
        Disposition::Manual,
        file.clone(),
        file.file.as_bstr(),
        "the dump ends within a statement",
        "what stood behind it is not carried over",
    )
}

/// SQL text, as far as it was read.
struct Sql<'a> {
    rest: &'a [u8],
    line: u32,
    /// A backslash in a string is not itself.
    escapes: bool,
    /// It ended within a statement.
    is_cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name or a number.
    Word(&'a [u8]),
    /// A string, or a name in quotes.
    Text(BString),
    /// Anything else that is no blank.
    Sign(u8),
}

impl<'a> Sql<'a> {
    /// The name of a table; words such as `INTO` and a schema may be in front.
    fn name(&mut self) -> Option<BString> {
        loop {
            let name = match self.next()?.0 {
                Token::Word(word) if is_in(BEFORE_NAMES, word) => continue,
                Token::Word(word) => BString::from(word),
                Token::Text(text) => text,
                Token::Sign(_) => return None,
            };
            if !self.rest.starts_with(b".") {
                return Some(name);
            }
            self.take(1);
        }
    }

    /// The columns of `CREATE TABLE`: the first word of each part between its parentheses.
    fn columns(&mut self) -> Vec<BString> {
        let (mut columns, mut depth, mut is_first) = (Vec::new(), 0_u32, false);
        while let Some((token, _)) = self.next() {
            match token {
                Token::Sign(b';') => break,
                Token::Sign(b'(') => {
                    depth = depth.saturating_add(1);
                    is_first = depth == 1;
                    continue;
                }
                Token::Sign(b')') => depth = depth.saturating_sub(1),
                Token::Sign(b',') if depth == 1 => {
                    is_first = true;
                    continue;
                }
                Token::Word(word) if is_first && !is_in(NO_COLUMNS, word) => {
                    columns.push(word.into());
                }
                Token::Text(name) if is_first => columns.push(name),
                _ => {}
            }
            is_first = false;
        }
        columns
    }

    /// The names up to a word; nothing where the statement ends before it.
    fn names_before(&mut self, end: &str) -> Option<Vec<BString>> {
        let mut names = Vec::new();
        loop {
            match self.next()?.0 {
                Token::Sign(b';') => return None,
                Token::Word(word) if word.eq_ignore_ascii_case(end.as_bytes()) => {
                    return Some(names);
                }
                Token::Word(word) => names.push(word.into()),
                Token::Text(text) => names.push(text),
                Token::Sign(_) => {}
            }
        }
    }

    /// Rows of `VALUES (…),(…);`. Of what stands between two commas the last counts: a word such as
    /// `_binary` may be in front.
    fn insert(&mut self, known: Vec<BString>, mut take: impl FnMut(&Row<'_>)) {
        let Some(names) = self.names_before("VALUES") else { return };
        let columns = if names.is_empty() { known } else { names };
        let (mut fields, mut field, mut depth) = (Vec::new(), BString::default(), 0_u32);
        while let Some((token, line)) = self.next() {
            match token {
                Token::Sign(b';') => break,
                Token::Sign(b'(') => {
                    depth = depth.saturating_add(1);
                    if depth == 1 {
                        fields.clear();
                        field.clear();
                    }
                }
                Token::Sign(b',') if depth == 1 => fields.push(std::mem::take(&mut field)),
                Token::Sign(b')') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        fields.push(std::mem::take(&mut field));
                        take(&Row { columns: &columns, fields: &fields, line });
                    }
                }
                Token::Sign(b'-') => field = "-".into(),
                Token::Sign(_) => {}
                Token::Word(word) => {
                    let is_null = word.eq_ignore_ascii_case(b"NULL");
                    let sign = if field == "-" { "-" } else { "" };
                    field =
                        if is_null { "".into() } else { [sign.as_bytes(), word].concat().into() };
                }
                Token::Text(text) => field = text,
            }
        }
    }

    /// Rows of `COPY … FROM stdin;`, up to a line `\.`.
    fn copy(&mut self, known: Vec<BString>, mut take: impl FnMut(&Row<'_>)) {
        let Some(names) = self.names_before("FROM") else { return };
        let columns = if names.is_empty() { known } else { names };
        while self.next().is_some_and(|(token, _)| token != Token::Sign(b';')) {}
        let _end = self.line();
        loop {
            let Some((text, line)) = self.line() else {
                self.is_cut = true;
                return;
            };
            if text == b"\\." {
                return;
            }
            let fields: Vec<BString> = text.split_str("\t").map(unescaped).collect();
            take(&Row { columns: &columns, fields: &fields, line });
        }
    }

    /// The next token of a statement, which is cut where there is none.
    fn next(&mut self) -> Option<(Token<'a>, u32)> {
        let token = self.token();
        self.is_cut |= token.is_none();
        token
    }

    /// The next token and its line; comments are passed over.
    fn token(&mut self) -> Option<(Token<'a>, u32)> {
        loop {
            let &[byte, ref behind @ ..] = self.rest else { return None };
            let line = self.line;
            if byte.is_ascii_whitespace() {
                self.take(1);
            } else if self.rest.starts_with(b"--") || byte == b'#' {
                let _comment = self.line();
            } else if self.rest.starts_with(b"/*") {
                self.take(behind.find("*/").map_or(self.rest.len(), |at| at + 3));
            } else if b"'\"`".contains(&byte) {
                return Some((Token::Text(self.text(byte)), line));
            } else if byte.is_ascii_alphanumeric() || byte == b'_' {
                let stands = |b: &u8| b.is_ascii_alphanumeric() || b"_$".contains(b);
                let end = self.rest.iter().position(|b| !stands(b)).unwrap_or(self.rest.len());
                return Some((Token::Word(self.take(end)), line));
            } else {
                self.take(1);
                return Some((Token::Sign(byte), line));
            }
        }
    }

    /// What stands between quotes; a quote twice, or behind a backslash, is one of its bytes.
    fn text(&mut self, quote: u8) -> BString {
        self.take(1);
        let escapes = self.escapes && quote == b'\'';
        let mut text = BString::default();
        while let &[byte, ref behind @ ..] = self.rest {
            match behind.first() {
                Some(&next) if escapes && byte == b'\\' => {
                    self.take(2);
                    text.push(escape(next));
                }
                Some(&next) if byte == quote && next == quote => {
                    self.take(2);
                    text.push(quote);
                }
                _ => {
                    self.take(1);
                    if byte == quote {
                        return text;
                    }
                    text.push(byte);
                }
            }
        }
        self.is_cut = true;
        text
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> Option<(&'a [u8], u32)> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let end = self.rest.find_byte(b'\n').unwrap_or(self.rest.len());
        let text = self.take(end);
        self.take(1);
        Some((text.strip_suffix(b"\r").unwrap_or(text), line))
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        let ends = u32::try_from(taken.find_iter("\n").count()).unwrap_or(u32::MAX);
        self.line = self.line.saturating_add(ends);
        self.rest = rest;
        taken
    }
}

fn is_in(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// A field of `COPY`: a backslash takes the next byte as it is, or for a control byte; `\N` is NULL.
fn unescaped(field: &[u8]) -> BString {
    if field == b"\\N" {
        return BString::default();
    }
    let mut bytes = field.iter();
    let mut out = BString::default();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'\\' => escape(bytes.next().copied().unwrap_or(b'\\')),
            byte => byte,
        });
    }
    out
}

fn escape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        byte => byte,
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Tables, read};
    use bstr::{BStr, ByteSlice as _};

    struct Told(Vec<String>);

    impl Tables for Told {
        fn wants(&mut self, table: &BStr) -> bool {
            table == "t"
        }

        fn take(&mut self, _table: &BStr, row: &Row<'_>) {
            let fields = row.fields.iter().map(|field| field.to_str_lossy()).collect::<Vec<_>>();
            self.0.push(format!("{} {} b={}", row.line, fields.join("|"), row.field("b", 1)));
        }
    }

    #[test]
    fn columns_are_named_by_the_statement_else_by_the_table_else_by_nothing() {
        let mut told = Told(Vec::new());
        let text = "INSERT INTO t VALUES (1,'x');\n\
            CREATE TABLE IF NOT EXISTS `t` (`b` int(10) DEFAULT '0', `a` enum('(',','), PRIMARY KEY (`a`,`b`), KEY k (a));\n\
            INSERT INTO `t` VALUES (-7,_binary 'y\\'z;'),(NULL,NULL);\n\
            REPLACE INTO db.t (a, b) VALUES (now(),'c');\n\
            COPY public.t (a, b) FROM stdin;\n\\N\td\\\\\n\\.\n";
        assert!(read(text.as_bytes(), &mut told));
        assert_eq!(
            told.0,
            ["1 1|x b=x", "3 -7|y'z; b=-7", "3 | b=", "4 now|c b=c", "6 |d\\ b=d\\"]
        );
    }

    #[test]
    fn rows_that_nobody_wants_hide_none_that_are_wanted() {
        let mut told = Told(Vec::new());
        let text = "SET standard_conforming_strings = on;\n\
            CREATE TABLE public.u (copy text, insert text);\n\
            COPY public.u (copy) FROM stdin;\nO'Neil\nINSERT INTO t VALUES (1,2);\n\\.\n\
            INSERT INTO public.u VALUES ('C:\\', 'it''s');\n\
            INSERT INTO public.t VALUES ('a\\', 'b');\n";
        assert!(read(text.as_bytes(), &mut told));
        assert_eq!(told.0, ["8 a\\|b b=b"]);
    }

    #[test]
    fn a_dump_that_ends_within_a_statement_is_cut() {
        let whole = "CREATE TABLE t (a int, b int);\nINSERT INTO t VALUES (1,'x');\n\
            COPY t (a, b) FROM stdin;\n1\t2\n\\.\n-- end\n";
        let is_cut = |end: usize| !read(&whole.as_bytes()[..end], &mut Told(Vec::new()));
        let statements = [whole.find(";\n"), whole.find(";\nCOPY")];
        assert!(!is_cut(whole.len()));
        for end in statements.map(Option::unwrap) {
            assert!(is_cut(end - 1), "{end}");
        }
        assert!(is_cut(whole.find("'x").unwrap() + 2) && is_cut(whole.find("\\.").unwrap()));
    }
}
