//! Findings of the rules: facts by id, without a sentence.
//!
//! The words for them stand under the same id in the texts of the program that tells them.

use alloc::vec::Vec;

use protocol::error::{Bug, WireCode};

use crate::signers::Signers;

/// Fact that a rule found, by the id of its text; names places and counts, and holds no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the text that tells it.
    pub id: &'static str,
    /// Values in that text, by name.
    pub args: Vec<(&'static str, Arg)>,
}

/// Value in the text of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// Index of a frame, or a version.
    Number(u64),
    /// Word of the protocol, the same in every language: a message, stream, party or side.
    Name(&'static str),
    /// Reason with a code on the wire.
    Wire(WireCode),
}

impl Finding {
    /// Finding without a value.
    pub(crate) const fn new(id: &'static str) -> Self {
        Self { id, args: Vec::new() }
    }

    /// The same finding with one more word in it.
    pub(crate) fn with(mut self, name: &'static str, word: &'static str) -> Self {
        self.args.push((name, Arg::Name(word)));
        self
    }

    /// The same finding with one more number in it.
    pub(crate) fn with_number(mut self, name: &'static str, number: impl Into<u64>) -> Self {
        self.args.push((name, Arg::Number(number.into())));
        self
    }

    /// The same finding with the reason behind it.
    pub(crate) fn because(mut self, why: impl Into<WireCode>) -> Self {
        self.args.push(("why", Arg::Wire(why.into())));
        self
    }
}

impl From<&'static str> for Finding {
    fn from(id: &'static str) -> Self {
        Self::new(id)
    }
}

/// End of a check that does not pass.
pub(crate) enum Miss {
    /// The package lacks messages or frames that the check needs.
    Absent(Finding),
    /// The rule is broken.
    Failed {
        /// Place and kind of the breach.
        why: Finding,
        /// Signers of the part that breaks the rule.
        by: Signers,
    },
    /// A state that the design excludes; nothing is said of the session.
    Defect(Bug),
}

/// Outcome of one check.
pub(crate) type Checked<T = ()> = Result<T, Miss>;

impl From<Finding> for Miss {
    /// A failure that accuses nobody.
    fn from(why: Finding) -> Self {
        failed(Signers::NOBODY, why)
    }
}

impl From<Bug> for Miss {
    fn from(bug: Bug) -> Self {
        Self::Defect(bug)
    }
}

/// A condition whose failure accuses nobody: anyone who holds the package could have made it.
pub(crate) fn ensure(holds: bool, otherwise: impl Into<Finding>) -> Checked {
    require(Signers::NOBODY, holds, otherwise)
}

/// A condition whose failure is inside a part that these parties signed.
pub(crate) fn require(by: Signers, holds: bool, otherwise: impl Into<Finding>) -> Checked {
    if holds { Ok(()) } else { Err(failed(by, otherwise)) }
}

/// A failure inside a part that these parties signed.
pub(crate) fn failed(by: Signers, why: impl Into<Finding>) -> Miss {
    Miss::Failed { why: why.into(), by }
}

/// A check that cannot be made.
pub(crate) fn absent(why: impl Into<Finding>) -> Miss {
    Miss::Absent(why.into())
}
