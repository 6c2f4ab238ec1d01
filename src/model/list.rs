//! Mailing lists, told without the words of any list manager.

mod filters;
mod joined;
mod pending;
mod settings;
mod text;

pub use filters::{Filters, Powers, Subjects};
pub use joined::{Joined, Log, Logs, name_in};
pub use pending::{Pending, WaitsFor};
pub use settings::{Setting, Value};
pub use text::{Occasion, Piece, Text};

use super::{Address, Origin, RelPath, Sourced};
use bstr::BString;
use std::collections::BTreeSet;

/// A mailing list: who is in it and what its rules are.
#[derive(Clone, Debug)]
pub struct List {
    /// The address that members write to.
    pub address: Address,
    /// The list's folder, links in its path followed.
    pub home: RelPath,
    /// Other paths that its programs are called with.
    pub known_as: Vec<RelPath>,
    /// The program version that wrote it, told by its files.
    pub software: &'static str,
    /// Get every message.
    pub subscribers: Vec<Sourced<Address>>,
    /// Get digests.
    pub digest: Vec<Sourced<Address>>,
    /// Digests are sent; where they are not, who is to get them gets nothing.
    pub digests: Sourced<bool>,
    /// Decide about posts.
    pub moderators: Vec<Sourced<Address>>,
    /// Decide about subscriptions.
    pub subscription_moderators: Vec<Sourced<Address>>,
    /// May post without being members.
    pub allowed: Vec<Sourced<Address>>,
    /// Get digests and may not post as members do.
    pub held_back: Vec<Sourced<Address>>,
    /// May not post.
    pub denied: Vec<Sourced<Address>>,
    /// Who may post.
    pub posting: Sourced<Posting>,
    /// The line that looks at each post before anybody is asked who may write it.
    pub looks: Origin,
    /// A post must name the list's address in To: or Cc:.
    pub wants_address: bool,
    /// Posts with `Precedence: bulk` or `junk` are dropped.
    pub discards_bulk: bool,
    /// What is asked of a post's subject.
    pub subjects: Subjects,
    /// Header fields and MIME types that are looked for in posts.
    pub filters: Filters,
    /// The sender of each post is asked to confirm it.
    pub confirm_posts: Sourced<bool>,
    /// The list that all posts come from: this one passes them on, and takes none from people.
    pub parent: Option<Sourced<Address>>,
    /// Who may subscribe by mail.
    pub subscribing: Sourced<Subscribing>,
    /// Subscribing asks the address for confirmation.
    pub confirm_subscribe: Sourced<bool>,
    /// Unsubscribing asks the address for confirmation.
    pub confirm_unsubscribe: Sourced<bool>,
    /// What the subject begins with, brackets included.
    pub prefix: Option<Sourced<BString>>,
    /// Text below each message, tags of the old program replaced.
    pub trailer: Option<Sourced<BString>>,
    /// Header lines to add, tags replaced.
    pub add_headers: Vec<Sourced<BString>>,
    /// Names of header fields to remove.
    pub remove_headers: Vec<Sourced<BString>>,
    /// The `From:` of each post becomes the list's address.
    pub rewrites_from: Option<Origin>,
    /// The value of the `List-ID:` header.
    pub list_id: Option<Sourced<BString>>,
    /// Largest body of a post in bytes.
    pub largest: Option<Sourced<u64>>,
    /// Smallest body of a post in bytes.
    pub smallest: Option<Sourced<u64>>,
    /// A digest is sent once so many posts have come, so many seconds have gone by or there are so
    /// many bytes; `None` where the list leaves it to the program, 0 for never.
    pub digest_posts: Option<Sourced<u64>>,
    /// See `digest_posts`.
    pub digest_seconds: Option<Sourced<u64>>,
    /// See `digest_posts`.
    pub digest_bytes: Option<Sourced<u64>>,
    /// How many seconds a post waits for a moderator before it is given up.
    pub held_seconds: Option<Sourced<u64>>,
    /// A post that is given up goes back to its sender.
    pub returns_held: Sourced<bool>,
    /// What moderators may do by mail.
    pub powers: Powers,
    /// The language of the list's texts, as `fr` or `pt_BR`.
    pub language: Option<Sourced<String>>,
    /// When its members came, and under which names.
    pub logs: Logs,
    /// Texts of its own.
    pub texts: Vec<Text>,
    /// Posts that wait for somebody, the oldest first.
    pub pending: Vec<Pending>,
    /// The archive.
    pub archive: Archive,
    /// Settings that no model value stands for: what each does.
    pub unmapped: Vec<Sourced<&'static str>>,
}

/// Who may post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posting {
    /// Everybody.
    Anyone,
    /// Subscribers, digest subscribers and allowed addresses; others are refused.
    Members,
    /// The same; the posts of others wait for a moderator.
    MembersElseModerated,
    /// Allowed addresses only, members or not; others are refused.
    Listed,
    /// The same; the posts of others wait for a moderator.
    ListedElseModerated,
    /// Every post waits for a moderator.
    Moderated,
    /// Only moderators may send, and each post waits for one of them.
    ModeratorsOnly,
}

/// Who may subscribe by mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribing {
    /// Everybody.
    Open,
    /// Whoever a moderator accepts.
    Moderated,
    /// Nobody: the list does not answer commands.
    Closed,
}

/// A list's archive of posts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// New posts are archived.
    pub kept: bool,
    /// What says so.
    pub kept_at: Option<Origin>,
    /// Who may fetch from it.
    pub readers: ArchiveReaders,
    /// What says so.
    pub readers_at: Option<Origin>,
    /// The number of the last post that the list has sent.
    pub last: u64,
    /// What says so.
    pub last_at: Option<Origin>,
    /// The archived posts: number and file.
    pub posts: Vec<(u64, RelPath)>,
}

/// Who may fetch posts from an archive by mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchiveReaders {
    /// Everybody.
    #[default]
    Anyone,
    /// Subscribers.
    Subscribers,
    /// Moderators.
    Moderators,
    /// Nobody.
    Nobody,
}

impl List {
    /// Its members by role; the names of roles are used in every report.
    pub fn roles(&self) -> [(&'static str, &[Sourced<Address>]); 7] {
        [
            ("subscriber", &self.subscribers),
            ("digest", &self.digest),
            ("moderator", &self.moderators),
            ("subscription-moderator", &self.subscription_moderators),
            ("allowed", &self.allowed),
            ("held-back", &self.held_back),
            ("denied", &self.denied),
        ]
    }
}

impl List {
    /// Whether some post waits for a moderator or its sender.
    pub fn holds_posts(&self) -> bool {
        let is_free =
            matches!(self.posting.value, Posting::Anyone | Posting::Members | Posting::Listed);
        self.confirm_posts.value || !is_free
    }

    /// Whether moderators decide who is a member, or subscribe others themselves (`remote`).
    pub fn moderates_members(&self) -> bool {
        self.subscribing.value == Subscribing::Moderated || self.powers.subscribe_others.is_some()
    }

    /// Members who get nothing: those of digests that are not sent, but for subscribers.
    pub fn silent(&self) -> Vec<&Sourced<Address>> {
        if self.digests.value {
            return Vec::new();
        }
        let regular: BTreeSet<Address> =
            self.subscribers.iter().map(|member| member.value.to_lower()).collect();
        let gets_nothing = |member: &&Sourced<Address>| !regular.contains(&member.value.to_lower());
        self.digest.iter().filter(gets_nothing).collect()
    }

    /// Those who get digests.
    pub fn digesters(&self) -> &[Sourced<Address>] {
        if self.digests.value { &self.digest } else { &[] }
    }

    /// Those who decide about posts or members, if there was something to decide: others in such a
    /// database have no power.
    pub fn deciders(&self) -> Vec<&Sourced<Address>> {
        let of_posts = self.moderators.iter().filter(|_| self.holds_posts());
        let of_members = self.subscription_moderators.iter().filter(|_| self.moderates_members());
        of_posts.chain(of_members).collect()
    }
}

impl Posting {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Members => "members",
            Self::MembersElseModerated => "members-else-moderated",
            Self::Listed => "listed",
            Self::ListedElseModerated => "listed-else-moderated",
            Self::Moderated => "moderated",
            Self::ModeratorsOnly => "moderators-only",
        }
    }
}

impl Subscribing {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Moderated => "moderated",
            Self::Closed => "closed",
        }
    }
}

impl ArchiveReaders {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Subscribers => "subscribers",
            Self::Moderators => "moderators",
            Self::Nobody => "nobody",
        }
    }
}
