//! Which kind of pass a run makes.

/// What a run may do to the mailboxes of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pass {
    /// Brings over what is new or changed; nothing that is gone from the source goes.
    #[default]
    Update,
    /// The old server is stopped: what is gone from it goes here too.
    Final,
    /// The new server is in use: messages that reached the old one late are added, and nothing else
    /// changes.
    Late,
}
