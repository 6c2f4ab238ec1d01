//! mlmmj: a spool folder for each list, and what must run now and then.

mod access;
mod spool;
mod texts;
mod wiring;

use super::{Manager, Run};
use crate::finding::Findings;
use crate::model::RelPath;
use crate::model::design::MailingList;
use crate::target::wiring::Wiring;
use crate::target::{Artifact, Audience, Content};

/// The emitter of mlmmj's files (TUNABLES of mlmmj 1.3 and 1.5).
#[derive(Clone, Copy, Debug)]
pub struct Mlmmj;

impl Manager for Mlmmj {
    fn archive(&self, list: &MailingList) -> RelPath {
        folder(list).join("archive")
    }

    fn wiring(&self, lists: &[Run<'_>]) -> Wiring {
        wiring::wiring(lists)
    }

    fn emit(&self, lists: &[Run<'_>], files: &mut Vec<Artifact>, findings: &mut Findings) {
        for Run { list, aliases, .. } in lists {
            spool::emit(list, aliases, files, findings);
        }
        files.push(list_member());
    }
}

/// The spool folder of a list.
pub fn folder(list: &MailingList) -> RelPath {
    RelPath::new("var/spool/mlmmj").join(list.place().as_bstr())
}

/// `list-member`: subscribes or unsubscribes another address than the sender's.
fn list_member() -> Artifact {
    let content = Content::file(include_str!("list-member.sh"));
    let path = RelPath::new("etc/postfix/unqmail/list-member");
    Artifact { path, content, audience: Audience::Command }
}
