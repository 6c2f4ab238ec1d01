//! mlmmj: a spool folder for each list, and what must run now and then.

mod access;
mod kept;
mod own_texts;
mod spool;
mod texts;
mod wiring;

use super::lost::{self, Loss};
use super::{Kept, Manager, Run};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::RelPath;
use crate::model::design::{Design, MailingList};
use crate::model::list::{List, Posting};
use crate::target::wiring::Wiring;
use crate::target::{Artifact, Audience, Content};
use rayon::prelude::*;

/// The emitter of mlmmj's files (TUNABLES of mlmmj 1.3 and 1.5).
#[derive(Clone, Copy, Debug)]
pub struct Mlmmj;

impl Manager for Mlmmj {
    fn archive(&self, list: &MailingList) -> RelPath {
        folder(list).join("archive")
    }

    fn wiring(&self, lists: &[Run<'_>], _: &Design) -> Wiring {
        wiring::wiring(lists)
    }

    fn commands(&self) -> &'static str {
        "subscribe, unsubscribe, help, faq, owner and get.N work, what was refused is refused; others are answered with help"
    }

    fn kept(&self, list: &MailingList) -> Vec<Kept> {
        kept::of(list)
    }

    fn emit(
        &self,
        lists: &[Run<'_>],
        _: &Design,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    ) {
        let emit = |Run { list, aliases, .. }: &Run<'_>| {
            let (mut files, mut findings) = (Vec::new(), Findings::default());
            spool::emit(list, aliases, &mut files, &mut findings);
            lost::tell(&list.list, LOSSES, &mut findings);
            findings.extend(by_header(&list.list));
            (files, findings)
        };
        let emitted: Vec<(Vec<Artifact>, Findings)> = lists.par_iter().map(emit).collect();
        for (own, told) in emitted {
            files.extend(own);
            findings.append(told);
        }
        files.push(list_member());
    }
}

/// What mlmmj has nothing for, or does in another way.
const LOSSES: &[Loss] = {
    use Disposition::{Adapted, Dropped};
    &[
        ("digest-bytes", Dropped, "on the new list their number and age alone decide"),
        ("fields-kept", Dropped, "on the new list all others are passed on too"),
        ("from-rewritten", Dropped, "on the new list it stays as it is"),
        ("held-returned", Adapted, "on the new list they are dropped without a word"),
        ("moderators-edit-texts", Dropped, "on the new host they are files"),
        ("moderators-list-members", Dropped, "on the new list its owner may"),
        ("moderators-subscribe-others", Dropped, "on the new host mlmmj-sub and mlmmj-unsub do so"),
        ("parent", Adapted, lost::OWN_SUBLIST),
        ("smallest-bytes", Dropped, "on the new list they are distributed"),
        ("types-kept", Dropped, "on the new list they are passed on"),
        ("types-refused", Adapted, lost::WHOLE_TYPES),
        ("types-removed", Dropped, "on the new list they are passed on"),
    ]
};

/// The spool folder of a list.
pub fn folder(list: &MailingList) -> RelPath {
    RelPath::new("var/spool/mlmmj").join(list.place().as_bstr())
}

/// mlmmj looks at another line to see who posts.
fn by_header(list: &List) -> Option<Finding> {
    let is_open = list.posting.value == Posting::Anyone;
    let asks = !is_open || !list.allowed.is_empty() || !list.denied.is_empty();
    asks.then(|| {
        Finding::new(
            &code::LIST_SENDER_BY_HEADER,
            Disposition::Adapted,
            list.posting.origin.clone(),
            list.address.to_bytes(),
            "ezmlm judges the envelope sender of a post",
            "the new list manager judges the From: header",
        )
    })
}

/// `list-member`: subscribes or unsubscribes another address than the sender's.
fn list_member() -> Artifact {
    let content = Content::file(include_str!("list-member.sh"));
    let path = RelPath::new("etc/postfix/unqmail/list-member");
    Artifact { path, content, audience: Audience::Command }
}
