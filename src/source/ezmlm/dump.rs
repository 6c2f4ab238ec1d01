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
use crate::source::sql::{self, Row, Tables};
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
    /// It ends within a statement.
    pub(super) is_cut: bool,
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
        if sql::is_sql(text) {
            let mut rows = Rows { dump: Self::default(), own: table };
            let is_cut = !sql::read(text, &mut rows);
            return Self { is_cut, ..rows.dump };
        }
        let mut dump = Self::default();
        dump.read_csv(text);
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
}

/// Rows of the list's own tables on their way into a dump.
struct Rows<'t> {
    dump: Dump,
    /// The name of its table.
    own: &'t BStr,
}

impl Rows<'_> {
    fn table(&self, name: &BStr) -> Option<Table> {
        let suffix = name.strip_prefix(self.own.as_bytes())?;
        let of_log = suffix.strip_suffix(b"_slog");
        let known = TABLES.iter().find(|(known, _)| known.as_bytes() == of_log.unwrap_or(suffix));
        known.map(|(_, folder)| Table { folder, is_log: of_log.is_some() })
    }
}

impl Tables for Rows<'_> {
    fn wants(&mut self, table: &BStr) -> bool {
        let table = self.table(table);
        if let Some(Table { folder, is_log: false }) = table {
            self.dump.people.entry(folder).or_default();
        }
        table.is_some()
    }

    /// A row is a member where its number is a hash of one and some field is an address.
    fn take(&mut self, table: &BStr, row: &Row<'_>) {
        let Some(Table { folder, is_log }) = self.table(table) else { return };
        if is_log {
            self.dump.logs.entry(folder).or_default().extend(joined(row.fields));
            return;
        }
        let is_number = |it: &&BString| !it.is_empty() && it.iter().all(u8::is_ascii_digit);
        let is_sublist =
            row.fields.iter().find(is_number).is_some_and(|hash| leading_number(hash) >= HASHES);
        let address = row.fields.iter().find(|field| field.contains(&b'@'));
        if let Some(address) = address.filter(|_| !is_sublist) {
            self.dump.people.entry(folder).or_default().push((address.clone(), row.line));
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
