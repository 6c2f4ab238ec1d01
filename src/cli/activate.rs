//! What makes the new server run, told after each migration.

use std::io::{self, Write};
use std::path::Path;

/// Prints the commands, in order.
pub(super) fn steps(target: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nTo activate it, as root on the new host:")?;
    let mut number = 0;
    let mut step = |out: &mut dyn Write, command: &str| {
        number += 1;
        writeln!(out, "  {number}. {command}")
    };
    if target != Path::new("/") {
        let target = target.display();
        step(
            out,
            &format!("rsync -aH --numeric-ids {target}/etc {target}/var NEWHOST:/   (from here)"),
        )?;
    }
    step(out, "systemd-sysusers /etc/sysusers.d/unqmail.conf")?;
    step(out, "/etc/postfix/unqmail/build-tables")?;
    step(out, "postfix check && systemctl restart postfix dovecot")
}
