//! Members that were in a database, from a dump of it: SQL text of `mysqldump` or `pg_dump`, or CSV.
//!
//! A list's tables have one name, to which `_digest`, `_allow`, `_deny` and `_mod` is added; a row has a
//! hash and an address, and one with a hash of 53 or more is a sublist and no member
//! (`sub_mysql/ezmlm-mktab`, `sub_sql.c`). With `_slog` behind it a table has a row for each who came
//! or went: `tai, address, fromline, edir, etype`. CSV has an address a line, and a role behind it.

use crate::model::Address;
use crate::model::list::{Joined, Log, name_in};
use crate::model::quota::leading_number;
use crate::source::lines;
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::BTreeMap;

/// Members have hashes below this.
const HASHES: u64 = 53;

/// What tables tell, by the list's sub-folder that would hold it: empty for subscribers.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// Addresses with their lines.
    people: BTreeMap<&'static str, Vec<(BString, u32)>>,
    /// When they came.
    logs: BTreeMap<&'static str, Log>,
}

/// A table of the list's.
#[derive(Clone, Copy)]
struct Table {
    folder: &'static str,
    is_log: bool,
}

/// What is added to a table's name, and the folder that it stands for.
const TABLES: &[(&str, &str)] =
    &[("", ""), ("_allow", "allow"), ("_deny", "deny"), ("_digest", "digest"), ("_mod", "mod")];

impl Dump {
    /// Reads a dump; `table` is the name of the list's own table.
    pub(super) fn read(text: &[u8], table: &BStr) -> Self {
        let mut dump = Self::default();
        let is_sql = text.lines().any(|line| {
            let words: Vec<_> = line.split(u8::is_ascii_whitespace).take(2).map(<[u8]>::to_ascii_uppercase).collect();
            matches!(words.as_slice(), [a, b] if (a == b"INSERT" && b == b"INTO") || (a == b"CREATE" && b == b"TABLE"))
                || matches!(words.as_slice(), [a, ..] if a == b"COPY")
        });
        if is_sql {
            dump.read_sql(text, table);
        } else {
            dump.read_csv(text);
        }
        dump
    }

    /// Who is in the database that a sub-folder would hold; `None` where the dump has no such table.
    pub(super) fn of(&self, folder: &[u8]) -> Option<&[(BString, u32)]> {
        let own = self.people.iter().find(|(name, _)| name.as_bytes() == folder);
        own.map(|(_, rows)| rows.as_slice())
    }

    /// When those in the database came that a sub-folder would hold.
    pub(super) fn log(&self, folder: &[u8]) -> Log {
        let own = self.logs.iter().find(|(name, _)| name.as_bytes() == folder);
        own.map(|(_, log)| log.clone()).unwrap_or_default()
    }

    fn read_csv(&mut self, text: &[u8]) {
        // Roles as ezmlm's folders have them, and as members.csv does.
        const ROLES: &[(&str, &str)] = &[
            ("allow", "allow"),
            ("allowed", "allow"),
            ("denied", "deny"),
            ("deny", "deny"),
            ("digest", "digest"),
            ("mod", "mod"),
            ("moderator", "mod"),
        ];
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        for record in reader.byte_records().filter_map(Result::ok) {
            let line = record.position().and_then(|at| u32::try_from(at.line()).ok()).unwrap_or(0);
            let address = record.get(0).unwrap_or_default().trim_ascii();
            if address.is_empty() || address == b"address" {
                continue;
            }
            let role = record.get(1).unwrap_or_default().trim_ascii();
            let role = ROLES.iter().find(|(name, _)| role == name.as_bytes());
            let folder = role.map_or("", |(_, folder)| *folder);
            self.people.entry(folder).or_default().push((address.into(), line));
        }
    }

    fn read_sql(&mut self, text: &[u8], table: &BStr) {
        let mut sql = Sql { rest: text, line: 1 };
        while let Some(token) = sql.token() {
            let (Token::Word(word), _) = token else { continue };
            let begins = [b"INSERT".as_slice(), b"COPY", b"CREATE"];
            let word = word.to_ascii_uppercase();
            if !begins.contains(&word.as_slice()) {
                continue;
            }
            let Some(table) = sql.table(table) else { continue };
            if !table.is_log {
                self.people.entry(table.folder).or_default();
            }
            match word.as_slice() {
                b"INSERT" => self.insert(&mut sql, table),
                b"COPY" => self.copy(&mut sql, table),
                _ => {}
            }
        }
    }

    /// Rows of `VALUES (…),(…);`.
    fn insert(&mut self, sql: &mut Sql<'_>, table: Table) {
        let mut fields: Vec<BString> = Vec::new();
        let mut is_values = false;
        while let Some((token, line)) = sql.token() {
            match token {
                Token::Sign(b';') => break,
                Token::Word(word) if word.eq_ignore_ascii_case(b"VALUES") => is_values = true,
                Token::Sign(b'(') => fields.clear(),
                Token::Sign(b')') if is_values => self.row(table, &fields, line),
                Token::Word(word) => fields.push(word.into()),
                Token::Text(text) => fields.push(text),
                Token::Sign(_) => {}
            }
        }
    }

    /// Rows of `COPY … FROM stdin;`, up to a line `\.`.
    fn copy(&mut self, sql: &mut Sql<'_>, table: Table) {
        while let Some((token, _)) = sql.token() {
            if token == Token::Sign(b';') {
                break;
            }
        }
        let _end = sql.line();
        while let Some((text, line)) = sql.line().filter(|(text, _)| *text != b"\\.") {
            let fields: Vec<BString> = text.split_str("\t").map(unescaped).collect();
            self.row(table, &fields, line);
        }
    }

    /// A row is a member where its number is a hash of one and some field is an address.
    fn row(&mut self, table: Table, fields: &[BString], line: u32) {
        if table.is_log {
            let joined = joined(fields);
            self.logs.entry(table.folder).or_default().extend(joined);
            return;
        }
        let is_number = |it: &&BString| !it.is_empty() && it.iter().all(u8::is_ascii_digit);
        let is_sublist =
            fields.iter().find(is_number).is_some_and(|hash| leading_number(hash) >= HASHES);
        let address = fields.iter().find(|field| field.contains(&b'@'));
        if let Some(address) = address.filter(|_| !is_sublist) {
            self.people.entry(table.folder).or_default().push((address.clone(), line));
        }
    }
}

/// Whom a row of a log puts in: the one address of it that is nothing else, and behind it the line of
/// the `From:` header.
fn joined(fields: &[BString]) -> Option<(Address, Joined)> {
    let is_address =
        |field: &BString| field.contains(&b'@') && !field.iter().any(|b| b" <>\t".contains(b));
    let at = fields.iter().position(is_address)?;
    let address = Address::parse(fields.get(at)?)?.to_lower();
    let when = fields.iter().find_map(|field| moment(field))?;
    let name = fields.get(at + 1).map(|from| name_in(from.as_bstr())).unwrap_or_default();
    fields.iter().any(|field| field == "+").then_some((address, Joined { when, name }))
}

/// `YYYY-MM-DD HH:MM:SS` or the same without what divides it, which is taken for UTC, as dumps have it
/// by default; seconds since 1970.
fn moment(text: &[u8]) -> Option<i64> {
    let text = text.get(..19).unwrap_or(text).to_str().ok()?;
    let form = if text.len() == 19 { "%Y-%m-%d %H:%M:%S" } else { "%Y%m%d%H%M%S" };
    let date = jiff::civil::DateTime::strptime(form, text).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(date).ok()?.as_second())
}

/// A field of `COPY`: a backslash takes the next byte as it is, or for a control byte.
fn unescaped(field: &[u8]) -> BString {
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

/// SQL text, as far as it was read.
struct Sql<'a> {
    rest: &'a [u8],
    line: u32,
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
        let mut text = BString::default();
        while let &[byte, ref behind @ ..] = self.rest {
            match behind.first() {
                Some(&next) if byte == b'\\' || (byte == quote && next == quote) => {
                    self.take(2);
                    text.push(if byte == b'\\' { escape(next) } else { next });
                }
                _ => {
                    self.take(1);
                    if byte == quote {
                        break;
                    }
                    text.push(byte);
                }
            }
        }
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

    /// What the table named next stands for: `INTO`, `TABLE` and a schema may be in front.
    fn table(&mut self, own: &BStr) -> Option<Table> {
        const PASSED: &[&str] = &["INTO", "TABLE", "IF", "NOT", "EXISTS", "IGNORE", "ONLY"];
        loop {
            let name = match self.token()?.0 {
                Token::Word(word)
                    if PASSED.iter().any(|it| word.eq_ignore_ascii_case(it.as_bytes())) =>
                {
                    continue;
                }
                Token::Word(word) => BString::from(word),
                Token::Text(text) => text,
                Token::Sign(_) => return None,
            };
            if self.rest.starts_with(b".") {
                self.take(1);
                continue;
            }
            let suffix = name.strip_prefix(own.as_bytes())?;
            let of_log = suffix.strip_suffix(b"_slog");
            let is_log = of_log.is_some();
            let suffix = of_log.unwrap_or(suffix);
            let known = TABLES.iter().find(|(known, _)| known.as_bytes() == suffix);
            return known.map(|(_, folder)| Table { folder, is_log });
        }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        let ends = u32::try_from(taken.find_iter("\n").count()).unwrap_or(u32::MAX);
        self.line = self.line.saturating_add(ends);
        self.rest = rest;
        taken
    }
}

/// The name of a list's own table: the last field of `PLUGIN:HOST:PORT:USER:PASSWORD:DB:TABLE` (`subdb`)
/// or of the same without the plugin (`sql`), else `ezmlm` (`subdb.c`). Nothing else of the line is
/// looked at: it holds a password.
pub(super) fn table_of(subdb: &[u8], has_plugin: bool) -> BString {
    let first = lines::first_line(subdb);
    let at = if has_plugin { 6 } else { 5 };
    let name = first.split_str(":").nth(at).unwrap_or_default();
    if name.is_empty() { "ezmlm".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::{Address, Dump, Joined, table_of};

    fn told(text: &str, folder: &str) -> Vec<String> {
        let dump = Dump::read(text.as_bytes(), "club".into());
        let rows = dump.of(folder.as_bytes()).unwrap_or_default();
        rows.iter().map(|(address, line)| format!("{line} {address}")).collect()
    }

    #[test]
    fn rows_of_mysqldump_are_read_and_sublists_are_not() {
        let text = "-- it's a dump; INSERT INTO `club` VALUES (1,'no@b.example');\n\
            /*!40101 SET NAMES utf8 */;\nCREATE TABLE `club` (\n  `hash` tinyint,\n  `address` varchar(255));\n\
            INSERT INTO `club` VALUES (1,'eve@b.example'),(52,'o\\'neil@b.example'),(99,'sub@b.example');\n\
            INSERT INTO `club_digest` (`address`,`hash`) VALUES ('a''b;(@b.example',3);\n\
            INSERT INTO `clubs` VALUES (1,'other@b.example');\n\
            INSERT INTO `club_slog` VALUES ('2009-01-01 00:00:00','old@b.example','x','+','m');\n\
            INSERT INTO `club_slog` VALUES (20090101000001,'Eve@b.example','\"E\" <eve@b.example>','+',''),\
            ('2009-01-02 00:00:00','gone@b.example','','-','');\n\
            INSERT INTO `club_digest_slog` VALUES ('never','eve@b.example','','+','');\n";
        let log = Dump::read(text.as_bytes(), "club".into()).log(b"");
        let entry = |(address, joined): (&Address, &Joined)| {
            format!("{address} {} {}", joined.when, joined.name)
        };
        let logged: Vec<_> = log.iter().map(entry).collect();
        assert_eq!(logged, ["eve@b.example 1230768001 E", "old@b.example 1230768000 x"]);
        assert_eq!(told(text, ""), ["6 eve@b.example", "6 o'neil@b.example"]);
        assert_eq!(told(text, "digest"), ["7 a'b;(@b.example"]);
        assert!(Dump::read(text.as_bytes(), "club".into()).of(b"allow").is_none());
    }

    #[test]
    fn rows_of_pg_dump_are_read() {
        let text = "COPY public.club_mod (hash, address) FROM stdin;\n5\tmo@b.example\n7\tt\\tb@b.example\n\\.\n\n\
            INSERT INTO public.club VALUES (5, 'eve@b.example');\n";
        assert_eq!(told(text, "mod"), ["2 mo@b.example", "3 t\tb@b.example"]);
        assert_eq!(told(text, ""), ["6 eve@b.example"]);
    }

    #[test]
    fn csv_has_an_address_and_perhaps_a_role() {
        let text =
            "address,role\neve@b.example\nmo@b.example,moderator\n\"x\"\"\ny@b.example\",digest\n";
        assert_eq!(told(text, ""), ["2 eve@b.example"]);
        assert_eq!(told(text, "mod"), ["3 mo@b.example"]);
        assert_eq!(told(text, "digest"), ["4 x\"\ny@b.example"]);
    }

    #[test]
    fn a_dump_that_is_cut_or_garbage_ends() {
        for text in [
            "INSERT INTO `club` VALUES (1,'eve",
            "COPY club",
            "INSERT INTO",
            "CREATE TABLE \"",
            "INSERT INTO /*",
            "INSERT INTO '",
        ] {
            assert!(told(text, "").is_empty(), "{text}");
        }
    }

    #[test]
    fn the_table_is_the_last_field() {
        assert_eq!(table_of(b"mysql:h:1:u:p:d:club\nx", true), "club");
        assert_eq!(table_of(b"h:1:u:p:d:club", false), "club");
        assert_eq!(table_of(b"mysql", true), "ezmlm");
    }
}
