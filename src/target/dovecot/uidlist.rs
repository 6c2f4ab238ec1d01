//! `dovecot-uidlist`: the numbers of a folder's messages (`maildir-uidlist.c`, Dovecot 2.3 and 2.4).
//!
//! ```text
//! 3 V<uidvalidity> N<uidnext>
//! <uid> [P<uidl>] [O<pop3 order>] :<file name before the flags>
//! ```
//!
//! There is no `W` with a size: Dovecot computes it, and a wrong one would break the message.

use crate::model::memory::PopName;
use bstr::{BStr, BString, ByteSlice as _};
use std::io::Write as _;

/// The file's name in a folder.
pub const FILE: &str = "dovecot-uidlist";

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its UID.
    pub uid: u32,
    /// What stands before the flags in its file's name.
    pub name: &'a BStr,
    /// Its name for POP3 where that is not the file's.
    pub uidl: Option<PopName>,
    /// Its place in the list that POP3 clients get, from 1, where that is not the order of UIDs.
    pub order: Option<u32>,
}

/// Writes the file; records are sorted by UID, and all UIDs lie below `next`.
pub fn render(validity: u32, next: u32, records: &[Record<'_>]) -> Vec<u8> {
    // Numbers have ten digits at most.
    let width = |record: &Record<'_>| {
        record.name.len() + record.uidl.as_ref().map_or(0, |uidl| 2 + uidl.width()) + 25
    };
    let mut text = Vec::with_capacity(32 + records.iter().map(width).sum::<usize>());
    // Writing to memory cannot fail.
    let _ = writeln!(text, "3 V{validity} N{next}").is_ok();
    for record in records {
        let _ = write!(text, "{}", record.uid).is_ok();
        if let Some(uidl) = &record.uidl {
            text.extend_from_slice(b" P");
            uidl.add_to(&mut text);
        }
        if let Some(order) = record.order {
            let _ = write!(text, " O{order}").is_ok();
        }
        text.extend_from_slice(b" :");
        text.extend_from_slice(record.name);
        text.push(b'\n');
    }
    text
}

/// Whether a name can stand in a `P` field: POP3's own rule (RFC 1939), which knows no blanks.
pub fn is_uidl(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| (0x21..=0x7e).contains(byte))
}

/// Whether Dovecot has written the file: it gives each folder a GUID, and [`render`] gives none.
pub fn is_dovecots(text: &[u8]) -> bool {
    let header = text.lines().next().unwrap_or_default();
    header.split_str(" ").skip(1).any(|field| field.starts_with(b"G"))
}

/// How many of the messages have another number in a file that Dovecot has taken over.
pub fn differing(text: &[u8], validity: u32, records: &[Record<'_>]) -> usize {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    if !header.split_str(" ").any(|field| field == format!("V{validity}").as_bytes()) {
        return records.len();
    }
    let record = |line: &'_ [u8]| -> Option<(BString, u32)> {
        let (fields, name) = line.split_once_str(" :")?;
        let uid = fields.split_str(" ").next()?.to_str().ok()?.parse().ok()?;
        Some((name.split_once_str(":").map_or(name, |(name, _)| name).into(), uid))
    };
    let mut there: Vec<(BString, u32)> = lines.filter_map(record).collect();
    there.sort_unstable();
    let is_there = |record: &&Record<'_>| {
        let at = there.partition_point(|(name, _)| name.as_bstr() < record.name);
        there.get(at).is_some_and(|(name, uid)| name == record.name && *uid == record.uid)
    };
    records.len() - records.iter().filter(is_there).count()
}

#[cfg(test)]
mod tests {
    use super::{Record, differing, is_dovecots, render};
    use crate::model::memory::PopName;

    #[test]
    fn the_worked_example_is_written() {
        let record = |uid, name: &'static str, order| Record {
            uid,
            name: name.into(),
            uidl: Some(PopName::Number(uid.into(), 1_700_000_000)),
            order,
        };
        let mut records = [record(1, "17.M1P1.mx,S=90", Some(2)), record(3, "17.M2 x", Some(1))];
        records[1].uidl = Some(PopName::Number(8, 0));
        let text = render(712_345_678, 4, &records);
        assert_eq!(
            text,
            b"3 V712345678 N4\n1 PUID1-1700000000 O2 :17.M1P1.mx,S=90\n3 PUID8 O1 :17.M2 x\n"
        );
        assert!(!is_dovecots(&text) && is_dovecots(b"3 V1 N2 G0af\n"));
        assert_eq!(differing(&text, 712_345_678, &records), 0);
        assert_eq!(differing(&text, 5, &records), 2);
        records[1].uid = 2;
        assert_eq!(differing(&text, 712_345_678, &records), 1);
    }
}
