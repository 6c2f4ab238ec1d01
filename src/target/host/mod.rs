//! The host: the users and groups that the other files name, and what must run now and then.

use super::wiring::{User, Wiring};
use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::design::Design;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The emitter of the host's own files.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl Target for Host {
    fn id(&self) -> &'static str {
        "host"
    }

    /// `sysusers.d(5)`: `systemd-sysusers` makes what is missing; crontab(5).
    fn emit(
        &self,
        design: &Design,
        _: Choices<'_>,
        wiring: &Wiring,
        files: &mut Vec<Artifact>,
        _: &mut Findings,
    ) {
        let user = |name: &str, (uid, gid): (u32, u32), about: &str, home: &str| {
            format!("u {name} {uid}:{gid} \"{about}\" {home} /usr/sbin/nologin\n")
        };
        let line = |name: &str, ids: (u32, u32), about: &str, home: &str| {
            format!("g {name} {} -\n{}", ids.1, user(name, ids, about, home))
        };
        let mut text = String::from("# Written by unqmail: sysusers.d(5).\n");
        text += &line("vmail", design.ids.mail, "Owner of all mail", "/var/vmail");
        for User { name, about, home } in &wiring.users {
            text += &line(name, design.ids.lists, about, home);
        }
        let programs = design.pipes.iter().map(|pipe| (&pipe.runs_as, pipe.ids));
        let own = |name: &String| name == "vmail" || wiring.users.iter().any(|u| u.name == name);
        let programs: BTreeMap<_, _> = programs.filter(|(name, _)| !own(name)).collect();
        // Debian has groups such as `fax`, with other numbers: a group of the user's name would be that one.
        let taken = [design.ids.mail.1, design.ids.lists.1];
        let groups: BTreeSet<u32> = programs.values().map(|(_, gid)| *gid).collect();
        for gid in groups.into_iter().filter(|gid| !taken.contains(gid)) {
            let _ = writeln!(text, "g unqmail-{gid} {gid} -");
        }
        for (name, ids) in programs {
            text += &user(name, ids, "Runs programs of the old server", "/");
        }
        files.push(Artifact::text("etc/sysusers.d/unqmail.conf", text));
        if !wiring.cron.is_empty() {
            let lines = wiring.cron.join("\n");
            let text = format!("# Written by unqmail: crontab(5).\nMAILTO=root\n{lines}\n");
            files.push(Artifact::text("etc/cron.d/unqmail", text));
        }
    }
}
