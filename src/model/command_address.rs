//! The addresses beside a mailing list's own, `LIST-word`, by what they are for.

/// What mail from a stranger to an address of a list leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// What the address is for.
    #[default]
    Done,
    /// The help text: the list does not know the word.
    Help,
    /// A refusal.
    Refused,
    /// Nothing: it is taken and thrown away.
    Ignored,
}

impl Answer {
    /// The word used in every report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Help => "help",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
        }
    }
}

/// Kinds of words that people and programs write behind a list's name and a dash
/// (ezmlm-manage(1), ezmlm-get(1), ezmlm-return(1), ezmlm-moderate(1), ezmlm-confirm(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Where bounces of posts come back to: `return-1-user=host`.
    Bounce,
    /// The same, not as the list writes it.
    StrayBounce,
    /// A moderator's decision about a post: `accept-…`, `reject-…`.
    Decision,
    /// A sender's decision about his own post: `confirm-…`, `discard-…`.
    Confirmation,
    /// `subscribe`.
    Subscribe,
    /// `unsubscribe`.
    Unsubscribe,
    /// `digest-subscribe`.
    DigestSubscribe,
    /// `digest-unsubscribe`.
    DigestUnsubscribe,
    /// For another address: `subscribe-user=host`; and `sc.…-user=host`, an answer to the old list's
    /// question, which asks again when it is too old.
    SubscribeOther,
    /// The same for `unsubscribe-…` and `uc.…`.
    UnsubscribeOther,
    /// The same for `digest-subscribe-…` and `digest-sc.…`.
    DigestSubscribeOther,
    /// The same for `digest-unsubscribe-…` and `digest-uc.…`.
    DigestUnsubscribeOther,
    /// `help`.
    Help,
    /// `faq`.
    Faq,
    /// `get.N`: one post.
    Get,
    /// Other requests for the archive: `get`, `get.N_M`, `index`, `thread.N`.
    Archive,
    /// Requests that are for moderators: `list`, `log`, `edit`, `deny-…`.
    Manage,
    /// `owner`, where it is no address of its own.
    Owner,
    /// Everything else.
    Other,
}

impl Command {
    /// All of them; the first kind that a word is of counts.
    pub const ALL: &[Self] = &[
        Self::Bounce,
        Self::StrayBounce,
        Self::Decision,
        Self::Confirmation,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::DigestSubscribe,
        Self::DigestUnsubscribe,
        Self::SubscribeOther,
        Self::UnsubscribeOther,
        Self::DigestSubscribeOther,
        Self::DigestUnsubscribeOther,
        Self::Help,
        Self::Faq,
        Self::Get,
        Self::Archive,
        Self::Manage,
        Self::Owner,
        Self::Other,
    ];

    /// A word of this kind that no list has a file for.
    pub fn sample(self) -> &'static str {
        match self {
            Self::Bounce => "return-1-nobody=unqmail.invalid",
            Self::StrayBounce => "return-unqmail",
            Self::Decision => "accept-unqmail",
            Self::Confirmation => "confirm-unqmail",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::DigestSubscribe => "digest-subscribe",
            Self::DigestUnsubscribe => "digest-unsubscribe",
            Self::SubscribeOther => "subscribe-nobody=unqmail.invalid",
            Self::UnsubscribeOther => "unsubscribe-nobody=unqmail.invalid",
            Self::DigestSubscribeOther => "digest-subscribe-nobody=unqmail.invalid",
            Self::DigestUnsubscribeOther => "digest-unsubscribe-nobody=unqmail.invalid",
            Self::Help => "help",
            Self::Faq => "faq",
            Self::Get => "get.1",
            Self::Archive => "index",
            Self::Manage => "log",
            Self::Owner => "owner",
            Self::Other => "unqmail",
        }
    }
}
