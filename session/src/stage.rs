//! Stages of a session, by which its driver sets deadlines and shows progress.

use core::fmt;

/// Declares the stages with their names.
macro_rules! stages {
    ($($(#[doc = $doc:literal])+ $stage:ident = $name:literal;)+) => {
        /// Stage of a session as one party sees it.
        ///
        /// A stage that waits for the peer's longest work ends with the first frame that comes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Stage { $($(#[doc = $doc])+ $stage,)+ }

        impl Stage {
            /// Name of the stage in logs, progress and figures.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$stage => $name,)+ }
            }
        }
    };
}

stages! {
    /// The peer's HELLO is awaited.
    Hello = "hello";
    /// Terms are signed and evaluations reserved.
    Terms = "terms";
    /// The table is on its way.
    Table = "table";
    /// Shuffled order, the provider's: the advertiser blinds every row before the first leaves.
    Rows = "rows";
    /// Shuffled order, the advertiser's: rows are blinded.
    Blind = "blind";
    /// Blinded elements go one way, evaluated ones the other.
    Match = "match";
    /// Shuffled order, the advertiser's: the provider evaluates every row before the first answer.
    Answers = "answers";
    /// Shuffled order, the advertiser's: answers are unblinded.
    Finalize = "finalize";
    /// The advertiser compares tags with the table.
    LookUp = "look-up";
    /// The advertiser's operator is asked.
    Approval = "approval";
    /// The advertiser's work after EVAL is done, and its next slot is awaited.
    Slot = "slot";
    /// The peer looks up, or asks its operator, before a release.
    Release = "release";
    /// Handles go one way, digital IDs the other.
    Handles = "handles";
    /// The provider's signature under the receipt is awaited.
    Receipt = "receipt";
    /// The advertiser's receipt is awaited, which looks up before.
    Closing = "closing";
    /// Both parties signed.
    Closed = "closed";
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
