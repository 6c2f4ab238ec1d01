//! What makes the new server run, told after each migration.

use crate::plan::Plan;
use std::io::{self, Write};
use std::path::Path;

/// Prints the commands, in order.
pub(super) fn steps(
    target: &Path,
    plan: &Plan,
    without_owners: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "\nTo activate it, as root on the new host:")?;
    let mut number = 0;
    let mut step = |out: &mut dyn Write, command: &str| {
        number += 1;
        writeln!(out, "  {number}. {command}")
    };
    if target != Path::new("/") {
        let target = target.display();
        let how = if without_owners { "-rlptH --chown=root:root" } else { "-aH --numeric-ids" };
        let from = format!("{target}/etc {target}/var");
        step(out, &format!("rsync {how} {from} NEWHOST:/   (from here)"))?;
    }
    step(out, "systemd-sysusers /etc/sysusers.d/unqmail.conf")?;
    if without_owners {
        let owned = plan.owned().into_iter();
        let commands = owned.map(|(home, user)| format!("chown -R {user}:{user} /{home}"));
        step(out, &commands.collect::<Vec<_>>().join("; "))?;
        step(out, "chmod 0700 /var/vmail /var/lib/unqmail")?;
    }
    step(out, "/etc/postfix/unqmail/build-tables")?;
    step(out, "postfix check && systemctl restart postfix dovecot")?;
    plan.steps().iter().try_for_each(|command| step(out, command))
}
