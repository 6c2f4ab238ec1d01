//! Who is in a list, by the folders that say so.

use super::log;
use super::members::{Databases, Purpose};
use super::senders::Members;
use super::settings::Settings;
use crate::finding::Findings;
use crate::model::list::Logs;
use crate::model::{Address, RelPath, Sourced};

/// Who is in the list, by the folders that say so.
pub(super) struct People<'a> {
    folder: &'a RelPath,
    digest_folder: RelPath,
    moderators_of_posts: RelPath,
    moderators_of_members: RelPath,
    pub(super) subscribers: Members,
    pub(super) digest: Members,
    pub(super) moderators: Members,
    pub(super) subscription_moderators: Members,
}

impl<'a> People<'a> {
    pub(super) fn read(
        databases: &Databases<'a>,
        settings: &Settings<'_>,
        findings: &mut Findings,
    ) -> Self {
        let folder = databases.list;
        let digest_folder = folder.join("digest");
        let read = |folder: &RelPath, findings: &mut Findings| {
            databases.read(folder, Purpose::Members, findings)
        };
        let subscribers = read(folder, findings);
        let digest = read(&digest_folder, findings);
        let moderators_of_posts = moderator_folder(settings, "modpost", findings);
        let moderators_of_members = moderator_folder(settings, "modsub", findings);
        let moderators = read(&moderators_of_posts, findings);
        let subscription_moderators = if moderators_of_members == moderators_of_posts {
            moderators.clone()
        } else {
            read(&moderators_of_members, findings)
        };
        Self {
            folder,
            digest_folder,
            moderators_of_posts,
            moderators_of_members,
            subscribers,
            digest,
            moderators,
            subscription_moderators,
        }
    }

    /// The databases that editors name to let their addresses post.
    pub(super) fn who_may_post(&self) -> [(&RelPath, &Members); 3] {
        [
            (self.folder, &self.subscribers),
            (&self.digest_folder, &self.digest),
            (&self.moderators_of_posts, &self.moderators),
        ]
    }

    /// When all of them came, and under which names.
    pub(super) fn logs(
        &self,
        databases: &Databases<'_>,
        (allowed, denied): (&Members, &Members),
        findings: &mut Findings,
    ) -> Logs {
        let mut log = |path: &RelPath, members: &[Sourced<Address>]| {
            let told = databases.log(path);
            told.unwrap_or_else(|| log::read(databases.root, path, members, findings))
        };
        Logs {
            subscribers: log(self.folder, &self.subscribers),
            digest: log(&self.digest_folder, &self.digest),
            moderators: log(&self.moderators_of_posts, &self.moderators),
            subscription_moderators: log(
                &self.moderators_of_members,
                &self.subscription_moderators,
            ),
            allowed: log(&self.folder.join("allow"), allowed),
            denied: log(&self.folder.join("deny"), denied),
        }
    }
}

/// The database that `modpost` or `modsub` names: below the list, or an absolute path; else `mod`.
fn moderator_folder(settings: &Settings<'_>, name: &str, findings: &mut Findings) -> RelPath {
    let named = settings.value(name, findings);
    match named.as_ref().map_or(b"mod".as_slice(), |line| line.value.as_slice()) {
        path if path.starts_with(b"/") => settings.real(&RelPath::new(path)),
        below => settings.real(&settings.path(below)),
    }
}
