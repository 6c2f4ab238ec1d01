//! The host: the users and groups that the other files name, and what must run now and then.

use super::wiring::{User, Wiring};
use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::design::Design;
use std::collections::BTreeMap;

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
        let line = |name: &str, (uid, gid): (u32, u32), about: &str, home: &str| {
            format!("g {name} {gid} -\nu {name} {uid}:{gid} \"{about}\" {home} /usr/sbin/nologin\n")
        };
        let mut text = String::from("# Written by unqmail: sysusers.d(5).\n");
        text += &line("vmail", design.ids.mail, "Owner of all mail", "/var/vmail");
        for User { name, about, home } in &wiring.users {
            text += &line(name, design.ids.lists, about, home);
        }
        let programs = design.pipes.iter().map(|pipe| (&pipe.runs_as, pipe.ids));
        let own = |name: &String| name == "vmail" || wiring.users.iter().any(|u| u.name == name);
        for (name, ids) in programs.collect::<BTreeMap<_, _>>() {
            if !own(name) {
                text += &line(name, ids, "Runs programs of the old server", "/");
            }
        }
        files.push(Artifact::text("etc/sysusers.d/unqmail.conf", text));
        if !wiring.cron.is_empty() {
            let lines = wiring.cron.join("\n");
            let text = format!("# Written by unqmail: crontab(5).\nMAILTO=root\n{lines}\n");
            files.push(Artifact::text("etc/cron.d/unqmail", text));
        }
    }
}
