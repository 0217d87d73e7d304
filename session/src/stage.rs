//! Stages of a session, by which its driver sets deadlines and shows progress.

use core::fmt;

/// Stage of a session as one party sees it.
///
/// A stage that waits for the peer's longest work ends with the first frame that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The peer's HELLO is awaited.
    Hello,
    /// Terms are signed and evaluations reserved.
    Terms,
    /// The table is on its way.
    Table,
    /// Shuffled order, the provider's: the advertiser blinds every row before the first leaves.
    Rows,
    /// Shuffled order, the advertiser's: rows are blinded.
    Blind,
    /// Blinded elements go one way, evaluated ones the other.
    Match,
    /// Shuffled order, the advertiser's: the provider evaluates every row before the first answer.
    Answers,
    /// Shuffled order, the advertiser's: answers are unblinded.
    Finalize,
    /// The advertiser compares tags with the table.
    LookUp,
    /// The advertiser's operator is asked.
    Approval,
    /// The peer looks up, or asks its operator, before a release.
    Release,
    /// Handles go one way, digital IDs the other.
    Handles,
    /// The provider's signature under the receipt is awaited.
    Receipt,
    /// The advertiser's receipt is awaited, which looks up before.
    Closing,
    /// Both parties signed.
    Closed,
}

impl Stage {
    /// Name of the stage in logs, progress and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Terms => "terms",
            Self::Table => "table",
            Self::Rows => "rows",
            Self::Blind => "blind",
            Self::Match => "match",
            Self::Answers => "answers",
            Self::Finalize => "finalize",
            Self::LookUp => "look-up",
            Self::Approval => "approval",
            Self::Release => "release",
            Self::Handles => "handles",
            Self::Receipt => "receipt",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
