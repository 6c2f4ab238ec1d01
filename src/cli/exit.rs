//! Exit statuses: documented, tested, and the truth.

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: all was done; `verify` found no difference.
    Done,
    /// 1: something failed.
    Failed,
    /// 2: the arguments are wrong.
    WrongUse,
    /// 3: refused, because of error findings that are not waived; `plan`: would be refused.
    Refused,
    /// 4: a difference was found.
    Differs,
    /// 5: stopped early; run it again to go on.
    Stopped,
}

impl Exit {
    /// The status for the shell.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::WrongUse => 2,
            Self::Refused => 3,
            Self::Differs => 4,
            Self::Stopped => 5,
        }
    }
}
