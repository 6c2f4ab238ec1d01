//! D. J. Bernstein's constant databases (cdb(5)): `users/cdb`, `vpasswd.cdb`, `morercpthosts.cdb`.

use bstr::{BString, ByteSlice as _};

/// A database that contradicts itself, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged database: {what} at byte {at}")]
pub struct Damaged {
    what: &'static str,
    at: usize,
}

impl Damaged {
    /// A database without something that its readers cannot do without.
    pub(super) fn lacks(what: &'static str) -> Self {
        Self { what, at: 0 }
    }
}

const HEADER: usize = 2048;

/// All records in file order; of records with the same key a lookup finds the first.
///
/// # Errors
/// Where a length or an offset leads out of the file; every offset is checked, so any bytes do.
pub fn records(bytes: &[u8]) -> Result<Vec<(BString, BString)>, Damaged> {
    let mut end = bytes.len();
    for table in 0..256 {
        let at = table * 8;
        let start = number(bytes, at)?;
        let slots = number(bytes, at + 4)?;
        let fits = slots.checked_mul(8).and_then(|size| size.checked_add(start));
        if start < HEADER || fits.is_none_or(|end| end > bytes.len()) {
            return Err(Damaged { what: "hash table outside the file", at });
        }
        end = end.min(start);
    }
    let mut records = Vec::new();
    let mut at = HEADER;
    while at < end {
        let key_length = number(bytes, at)?;
        let data_length = number(bytes, at + 4)?;
        let key_end = (at + 8).checked_add(key_length);
        let data_end = key_end.and_then(|key_end| key_end.checked_add(data_length));
        let (Some(key_end), Some(data_end)) = (key_end, data_end) else {
            return Err(Damaged { what: "record longer than any file", at });
        };
        if data_end > end {
            return Err(Damaged { what: "record outside the file", at });
        }
        let part = |from, to| BString::from(bytes.get(from..to).unwrap_or_default());
        records.push((part(at + 8, key_end), part(key_end, data_end)));
        at = data_end;
    }
    Ok(records)
}

fn number(bytes: &[u8], at: usize) -> Result<usize, Damaged> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    let four = four.ok_or(Damaged { what: "file ends", at })?;
    usize::try_from(u32::from_le_bytes(*four)).map_err(|_| Damaged { what: "number too large", at })
}

/// Writes a database of these records, as cdbmake(1) does; for the bundled site and for tests.
pub fn build(records: &[(BString, BString)]) -> Vec<u8> {
    let mut body = vec![0; HEADER];
    let mut tables: Vec<Vec<(u32, u32)>> = vec![Vec::new(); 256];
    let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    for (key, data) in records {
        let hash = hash(key);
        if let Some(table) = tables.get_mut(hash as usize % 256) {
            table.push((hash, word(body.len())));
        }
        for part in [key.len(), data.len()] {
            body.extend_from_slice(&word(part).to_le_bytes());
        }
        body.extend_from_slice(key);
        body.extend_from_slice(data);
    }
    let mut header = Vec::with_capacity(HEADER);
    for table in tables {
        let slots = table.len() * 2;
        header.extend_from_slice(&word(body.len()).to_le_bytes());
        header.extend_from_slice(&word(slots).to_le_bytes());
        let mut places = vec![(0, 0); slots];
        for entry in table {
            let start = entry.0 as usize / 256 % slots;
            let free = (start..slots).chain(0..start).find(|&at| places.get(at) == Some(&(0, 0)));
            if let Some(place) = free.and_then(|at| places.get_mut(at)) {
                *place = entry;
            }
        }
        for (hash, offset) in places {
            body.extend_from_slice(&hash.to_le_bytes());
            body.extend_from_slice(&offset.to_le_bytes());
        }
    }
    header.extend(body.drain(..HEADER).skip(header.len()));
    header.extend(body);
    header
}

fn hash(key: &[u8]) -> u32 {
    key.bytes().fold(5381, |h: u32, byte| h.wrapping_mul(33) ^ u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::{build, records};
    use proptest::prelude::*;

    #[test]
    fn an_empty_database_has_no_records() {
        assert_eq!(records(&build(&[])), Ok(Vec::new()));
    }

    #[test]
    fn a_cut_database_is_damaged() {
        let whole = build(&[("key".into(), "data".into())]);
        for length in 0..whole.len() {
            assert!(records(&whole[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_read(
            pairs in proptest::collection::vec((".{0,20}", ".{0,40}"), 0..50)
        ) {
            let pairs: Vec<_> = pairs.into_iter().map(|(k, d)| (k.into(), d.into())).collect();
            prop_assert_eq!(records(&build(&pairs)).unwrap(), pairs);
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), 2048..3000), small in any::<bool>()
        ) {
            if small {
                // Offsets that are near the file make the records themselves be read.
                for table in 0..256 {
                    bytes[table * 8..table * 8 + 8].copy_from_slice(&[0, 8, 0, 0, 0, 0, 0, 0]);
                }
                bytes[0..4].copy_from_slice(&2100_u32.to_le_bytes());
            }
            drop(records(&bytes));
        }
    }
}
