//! The host: the users and groups that the other files name.

use super::{Artifact, Choices, Target};
use crate::finding::Findings;
use crate::model::design::Design;

/// The emitter of the host's own files.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl Target for Host {
    fn id(&self) -> &'static str {
        "host"
    }

    /// `sysusers.d(5)`: `systemd-sysusers` makes what is missing.
    fn emit(&self, design: &Design, _: Choices, files: &mut Vec<Artifact>, _: &mut Findings) {
        let line = |name: &str, (uid, gid): (u32, u32), about: &str, home: &str| {
            format!("g {name} {gid} -\nu {name} {uid}:{gid} \"{about}\" {home} /usr/sbin/nologin\n")
        };
        let mut text = String::from("# Written by unqmail: sysusers.d(5).\n");
        text += &line("vmail", design.ids.mail, "Owner of all mail", "/var/vmail");
        text += &line("mlmmj", design.ids.lists, "Owner of all mailing lists", "/var/spool/mlmmj");
        files.push(Artifact::text("etc/sysusers.d/unqmail.conf", text));
    }
}
