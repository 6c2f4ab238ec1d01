//! Brings the tables up to date, row by row, and leaves to people what they changed.

use super::{Database, Error};
use crate::model::sheet::{Column, Form, Kind, Sheet, escape, values};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The prints of the rows that were written, by table and key.
static WRITTEN: Form = Form {
    table: "unqmail_written",
    keys: 2,
    columns: &[
        Column { name: "tab", kind: Kind::Text(64) },
        Column { name: "id", kind: Kind::Text(600) },
        Column { name: "print", kind: Kind::Text(32) },
    ],
};

/// What a run did to the tables.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that are new.
    pub added: usize,
    /// Rows that changed on the old server and nowhere else.
    pub changed: usize,
    /// Rows that the old server has no more.
    pub removed: usize,
    /// Rows that are somebody's.
    pub kept: Vec<Kept>,
}

/// A row that somebody else wrote, changed or removed.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its table.
    pub table: &'static str,
    /// What tells it from the others there.
    pub key: String,
    /// What stands against what.
    pub why: Why,
}

/// Why a row is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was changed since it was written, and there is nothing new to say.
    Edited,
    /// The same, but the old server says something new.
    Conflicting,
    /// It was there already, and says something else.
    Foreign,
}

impl Loaded {
    /// How many rows were written or removed.
    pub fn written(&self) -> usize {
        self.added + self.changed + self.removed
    }
}

/// Brings the tables up to date in one transaction; where nothing is new, nothing is written.
///
/// # Errors
/// Where the database refuses something: then it is as it was before.
pub fn load(database: &mut dyn Database, tables: &[Sheet]) -> Result<Loaded, Error> {
    database.begin()?;
    let written = database.lines(&WRITTEN)?;
    let mut prints: HashMap<(String, String), &str> = HashMap::new();
    for line in &written {
        let (front, print) = line.rsplit_once('\t').unwrap_or((line, ""));
        let mut parts = values(front);
        prints.insert((parts.next().unwrap_or_default(), parts.next().unwrap_or_default()), print);
    }
    let mut loaded = Loaded::default();
    // Rows refer to rows of earlier tables.
    let mut stale = Vec::new();
    for sheet in tables {
        let there = database.lines(sheet.form)?;
        let changes =
            Changes::of(sheet, &there, |key| database.folded(key), &mut prints, &mut loaded.kept);
        database.insert(sheet.form, &changes.new)?;
        database.update(sheet.form, &changes.other)?;
        let rows = |lines: &[&str]| -> Vec<String> {
            lines.iter().map(|line| print_row(sheet, line)).collect()
        };
        let fresh = rows(&changes.unknown);
        database.insert(&WRITTEN, &fresh.iter().map(String::as_str).collect::<Vec<_>>())?;
        let renewed = rows(&changes.other);
        database.update(&WRITTEN, &renewed.iter().map(String::as_str).collect::<Vec<_>>())?;
        loaded.added += changes.new.len();
        loaded.changed += changes.other.len();
        loaded.removed += changes.gone.len();
        let gone: Vec<String> = changes.gone.into_iter().map(str::to_owned).collect();
        stale.push((sheet, gone));
    }
    for (sheet, gone) in stale.iter().rev() {
        let lines: Vec<&str> = gone.iter().map(String::as_str).collect();
        database.delete(sheet.form, &lines)?;
        let rows: Vec<String> = lines.iter().map(|line| print_row(sheet, line)).collect();
        database.delete(&WRITTEN, &rows.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    database.commit()?;
    Ok(loaded)
}

/// What is to be done to one table.
#[derive(Default)]
struct Changes<'l> {
    new: Vec<&'l str>,
    other: Vec<&'l str>,
    gone: Vec<&'l str>,
    /// Rows whose prints are to be noted.
    unknown: Vec<&'l str>,
}

impl<'l> Changes<'l> {
    /// Takes the prints of the table's rows out of all.
    fn of(
        sheet: &'l Sheet,
        there: &'l [String],
        folded: impl Fn(&'l str) -> Cow<'l, str>,
        prints: &mut HashMap<(String, String), &str>,
        kept: &mut Vec<Kept>,
    ) -> Self {
        let mut changes = Self::default();
        let table = sheet.form.table;
        let mut found: BTreeMap<Cow<'l, str>, &'l str> =
            there.iter().map(|line| (folded(sheet.key(line)), line.as_str())).collect();
        let mut keep = |key: &str, why: Why| {
            let key = values(key).collect::<Vec<_>>().join(" ");
            kept.push(Kept { table, key, why });
        };
        for line in sheet.lines() {
            let key = sheet.key(line);
            let noted = prints.remove(&(table.to_owned(), key.to_owned()));
            match (found.remove(key), noted) {
                (None, None) => {
                    changes.new.push(line);
                    changes.unknown.push(line);
                }
                (Some(is), None) if is == line => changes.unknown.push(line),
                (Some(_), None) => keep(key, Why::Foreign),
                (Some(is), Some(_)) if is == line => {
                    // Somebody may have made the same change.
                    if noted != Some(print(line).as_str()) {
                        changes.other.push(line);
                    }
                }
                (Some(is), Some(noted)) if print(is) == noted => changes.other.push(line),
                (_, Some(noted)) if print(line) == noted => keep(key, Why::Edited),
                (_, Some(_)) => keep(key, Why::Conflicting),
            }
        }
        // What is left was written once, and the old server has it no more.
        for (key, line) in found {
            match prints.remove(&(table.to_owned(), key.clone().into_owned())) {
                Some(noted) if print(line) == noted => changes.gone.push(line),
                Some(_) => keep(&key, Why::Conflicting),
                None => {}
            }
        }
        changes.gone.sort_unstable();
        changes
    }
}

/// What tells whether a row was changed.
fn print(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex().chars().take(32).collect()
}

fn print_row(sheet: &Sheet, line: &str) -> String {
    let mut row = format!("{}\t", sheet.form.table);
    escape(sheet.key(line), &mut row);
    row.push('\t');
    row.push_str(&print(line));
    row
}
