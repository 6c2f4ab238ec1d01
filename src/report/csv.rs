//! CSV: the table of addresses, for a spreadsheet (RFC 4180).

use crate::model::cell;
use crate::model::outcome::told;
use crate::plan::Plan;
use std::io::{self, Write};

/// Writes one row for each address; the table is computed while it is written.
pub fn addresses(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(["address", "old", "new", "verdict", "findings"]).map_err(cause)?;
    for row in plan.addresses() {
        let (old, new, findings) = (told(&row.old), told(&row.new), row.findings.join(" "));
        let cells = [
            cell(&row.address),
            cell(old.as_bytes()),
            cell(new.as_bytes()),
            row.verdict.name().as_bytes().into(),
            findings.into_bytes().into(),
        ];
        writer.write_record(cells).map_err(cause)?;
    }
    writer.flush()
}

/// What went wrong beneath, so that a closed pipe is known as one.
fn cause(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
