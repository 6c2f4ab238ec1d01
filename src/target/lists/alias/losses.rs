//! What a list loses as an alias, each with the line of the old server that it stands in.

use super::Run;
use super::paths::Paths;
use crate::finding::{Code, Disposition, Finding, Findings, code};
use crate::model::Origin;
use crate::model::list::{List, Posting, Subscribing};
use crate::target::lists::lost::{self, Loss};
use std::borrow::Cow;

const UNCHANGED: &str = "posts are passed on unchanged";
const ALL: &str = "they are distributed too";
const NO_MODERATORS: &str = "members are a row of Postfix's tables";

/// What an alias has nothing for, beside what depends on more than one setting.
const LOSSES: &[Loss] = {
    use Disposition::{Adapted, Dropped};
    &[
        ("fields-kept", Dropped, UNCHANGED),
        ("fields-refused", Dropped, ALL),
        ("from-rewritten", Dropped, UNCHANGED),
        ("language", Adapted, "a person answers"),
        ("list-id", Dropped, UNCHANGED),
        ("moderators-edit-texts", Dropped, "an alias has no texts"),
        ("moderators-list-members", Dropped, NO_MODERATORS),
        ("moderators-subscribe-others", Dropped, NO_MODERATORS),
        ("smallest-bytes", Dropped, ALL),
        ("subject-commands-refused", Dropped, ALL),
        ("subject-required", Dropped, ALL),
        ("types-kept", Dropped, UNCHANGED),
        ("types-refused", Dropped, ALL),
        ("types-removed", Dropped, UNCHANGED),
    ]
};

pub(super) fn of(run: &Run<'_>, paths: &Paths<'_>) -> Findings {
    let list = &run.list.list;
    let mut losses = Losses { list, found: Findings::default() };
    let members = list.subscribers.len() + list.digesters().len();
    losses.tell(
        &code::LIST_MADE_ALIAS,
        &list.posting.origin,
        format!("unqmail.toml makes the list a plain alias for its {members} members"),
        "each post goes to them at once, unchanged, and bounces go to who wrote it; joining and leaving is up to its owner",
    );
    losses.posting(run, paths);
    losses.members();
    losses.messages();
    losses.archive();
    lost::tell(list, LOSSES, &mut losses.found);
    losses.found
}

struct Losses<'a> {
    list: &'a List,
    found: Findings,
}

impl Losses<'_> {
    fn tell(
        &mut self,
        code: &'static Code,
        origin: &Origin,
        message: impl Into<Cow<'static, str>>,
        effect: &'static str,
    ) {
        let subject = self.list.address.to_bytes();
        let disposition = Disposition::Adapted;
        self.found.push(Finding::new(code, disposition, origin.clone(), subject, message, effect));
    }

    fn lost(
        &mut self,
        origin: &Origin,
        message: impl Into<Cow<'static, str>>,
        effect: &'static str,
    ) {
        self.tell(&code::LIST_SETTING_UNMAPPED, origin, message, effect);
    }

    fn posting(&mut self, run: &Run<'_>, paths: &Paths<'_>) {
        let list = self.list;
        let origin = &list.posting.origin;
        match list.posting.value {
            Posting::Anyone | Posting::Members | Posting::Listed => {}
            Posting::MembersElseModerated | Posting::ListedElseModerated => self.lost(
                origin,
                "the posts of others wait for a moderator",
                "an alias holds nothing: they are refused",
            ),
            Posting::Moderated | Posting::ModeratorsOnly => self.tell(
                &code::LIST_OPENED,
                origin,
                "every post waits for a moderator",
                "an alias holds nothing: whoever uses a moderator's address as envelope sender posts at once, others are refused",
            ),
        }
        if let Some(parent) = &list.parent {
            self.tell(
                &code::LIST_OPENED,
                &parent.origin,
                format!("all posts come from another list: {}", parent.value),
                "an alias takes posts from everybody",
            );
        }
        if super::posters::of(list, Vec::new).is_some() {
            for origin in paths.to(run.at).among {
                self.tell(
                    &code::LIST_OPENED,
                    origin,
                    "mail for another address comes to the list, and not to it alone",
                    "who may post is asked by the address that a client names: by this one everybody may",
                );
            }
        }
        if list.wants_address {
            self.lost(
                &list.looks,
                "a post must name the list in To: or Cc:",
                "posts that do not are distributed too",
            );
        }
        if list.discards_bulk {
            self.lost(
                &list.looks,
                "posts with Precedence: bulk or junk are dropped",
                "they are distributed too",
            );
        }
    }

    fn members(&mut self) {
        let list = self.list;
        if let Some(first) = list.digesters().first() {
            let message = format!("{} members get digests", list.digest.len());
            self.lost(&first.origin, message, "they get each post as it comes");
        }
        if list.subscribing.value != Subscribing::Closed {
            self.lost(
                &list.subscribing.origin,
                "people subscribe and unsubscribe by mail",
                "what they write goes to the list's owner",
            );
        }
    }

    fn messages(&mut self) {
        let list = self.list;
        if let Some(prefix) = &list.prefix {
            self.lost(&prefix.origin, "the subject of each post begins with a prefix", UNCHANGED);
        }
        if let Some(trailer) = &list.trailer {
            self.lost(&trailer.origin, "a text stands below each post", UNCHANGED);
        }
        if let Some(line) = list.add_headers.first() {
            self.lost(&line.origin, "header lines are added to each post", UNCHANGED);
        }
        if let Some(name) = list.remove_headers.first() {
            self.lost(&name.origin, "header lines are removed from each post", UNCHANGED);
        }
        for text in &list.texts {
            let message = format!("{} is a text of the list's own", text.origin.file.file_name());
            self.lost(&text.origin, message, "an alias answers nobody");
        }
        if let Some(largest) = &list.largest {
            let message = format!("posts are no larger than {} bytes", largest.value);
            self.lost(&largest.origin, message, "the limit of the server counts");
        }
    }

    fn archive(&mut self) {
        let archive = &self.list.archive;
        if archive.kept || !archive.posts.is_empty() {
            self.lost(
                archive.kept_at.as_ref().unwrap_or(&self.list.looks),
                format!("the archive has {} posts", archive.posts.len()),
                "they are kept as files; new posts are not archived",
            );
        }
    }
}
