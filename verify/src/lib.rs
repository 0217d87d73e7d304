//! Verification of a session by its transcript and frames alone, for anybody.
//!
//! A level is a table of [`rules`]; each has an id and leaves one line in the [`Verdict`]. A check
//! that needs messages or frames which are not there is *not made*, never *passed* [T-09], and a
//! session that ended early is judged as far as it went. Nothing here needs a secret, a clock or
//! randomness, and everything is recomputed with the portable arithmetic. The sentences are not
//! here either: a [`Finding`] is an id with values, and its reader has the words.
//!
//! The identity of the two parties is not in the bytes: compare [`Verdict::parties`] with your own
//! knowledge of them, or state them beforehand in [`Expected`].

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;

use alloc::vec::Vec;

use protocol::attestation::PartyId;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::Bug;
use protocol::group::BatchArithmetic;
use protocol::limits::Limits;
use protocol::transcript::Transcript;

mod account;
mod close;
pub mod compare;
mod distinct;
mod evidence;
mod finding;
mod opening;
mod outline;
mod relaxation;
mod replay;
pub mod rules;
mod shape;
mod signers;
mod streams;

pub use account::{Account, Ending, Input, Place};
pub use finding::{Arg, Finding};
pub use relaxation::{Relaxation, relaxations};
pub use signers::Signers;

use evidence::SignedFrames;
use finding::{Checked, Miss};
use outline::Outline;
use replay::FrameReplay;
use rules::{Case, Level};

/// Reader of the frames that lie beside a transcript.
pub trait FrameSource {
    /// The frame at `index` of a stream; `Ok(None)` when the stream's frames are not there.
    ///
    /// A table that was not sent, because the advertiser held it from an earlier session, is asked
    /// for too: whoever kept its frames can show them.
    ///
    /// # Errors
    ///
    /// [`FrameUnreadable`] when frames are there and this one cannot be read.
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable>;

    /// The file of the opening of the input commitment, which only its advertiser can show.
    fn input_opening(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// Stored frame that is torn, misplaced or unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameUnreadable;

/// Check of a rule, with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Id of the rule in `spec/transcript.md`.
    pub rule: &'static str,
    /// Stable name of the rule.
    pub name: &'static str,
    /// Result of the check.
    pub result: CheckResult,
    /// Signers of the part that fails; nobody for a failure that anyone who holds the package
    /// could have made, and for every other result [T-18].
    pub by: Signers,
}

/// Result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The rule holds.
    Passed,
    /// The rule is broken; the finding names the place and holds no data.
    Failed(Finding),
    /// The check could not be made, for this reason.
    NotChecked(Finding),
}

/// The parties of a session by their signatures, and the certificates of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parties {
    /// The party that signed as advertiser; `None` if it never said hello.
    pub advertiser: Option<PartyId>,
    /// The party that signed as provider; `None` if it never said hello.
    pub provider: Option<PartyId>,
    /// SHA-256 of the advertiser's SubjectPublicKeyInfo, bound by the session id.
    pub spki_advertiser: [u8; 32],
    /// SHA-256 of the provider's SubjectPublicKeyInfo, bound by the session id.
    pub spki_provider: [u8; 32],
}

/// The parties a reader expects; another one fails the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The advertiser, if the reader knows it.
    pub advertiser: Option<PartyId>,
    /// The provider, if the reader knows it.
    pub provider: Option<PartyId>,
}

/// Every check of a level, in the order of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the level.
    pub level: &'static str,
    /// The parties of the session.
    pub parties: Parties,
    /// The session by its own words.
    pub account: Account,
    /// The checks.
    pub checks: Vec<Check>,
}

/// Sum of all checks of a session [T-19].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Every check was made and passed.
    Accepted,
    /// Nothing failed in a session that ended early.
    Interrupted,
    /// Nothing failed in a whole session, and not all could be checked.
    Incomplete,
    /// A check failed.
    NotAccepted,
}

impl Conclusion {
    /// Word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
            Self::NotAccepted => "NOT accepted",
        }
    }
}

impl Verdict {
    /// True if every check was made and passed.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !self.checks.is_empty()
            && self.checks.iter().all(|check| check.result == CheckResult::Passed)
    }

    /// Sum of the checks.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        let failed = |check: &Check| matches!(check.result, CheckResult::Failed(_));
        match self.checks.iter().any(failed) {
            true => Conclusion::NotAccepted,
            false if self.is_accepted() => Conclusion::Accepted,
            false if self.account.ending == Ending::Closed => Conclusion::Incomplete,
            false => Conclusion::Interrupted,
        }
    }

    /// Signers of everything that fails a check.
    #[must_use]
    pub fn accused(&self) -> Signers {
        self.checks.iter().fold(Signers::NOBODY, |all, check| all.or(check.by))
    }
}

/// Verifies a transcript at a level.
///
/// `elements_per_pass` bounds memory: the distinctness check holds 16 bytes for each of so many
/// elements, whatever they are, and reads the frames again for every so many. `expected` may name
/// the parties the caller has in mind.
///
/// # Errors
///
/// [`Bug`] for a state that the design excludes; it says nothing about either party.
pub fn verify(
    level: &Level,
    transcript: &Transcript,
    frames: &mut dyn FrameSource,
    arithmetic: &dyn BatchArithmetic,
    limits: &Limits,
    elements_per_pass: usize,
    expected: &Expected,
) -> Result<Verdict, Bug> {
    let (mut outline, read) = Outline::read(transcript)?;
    outline.evidence.frames = SignedFrames::read(&outline);
    let parties = outline.parties(transcript);
    let opening = frames.input_opening();
    let account = Account::from_outline(&outline, &read, transcript, opening.as_deref());
    let replay = FrameReplay::new(&outline, frames, arithmetic, elements_per_pass);
    let input = account.input;
    let mut case =
        Case { transcript, outline: &outline, read, parties, input, limits, expected, replay };
    let mut checks = Vec::with_capacity(level.rules.len());
    for rule in level.rules {
        let (result, by) = outcome(rule.check(&mut case))?;
        checks.push(Check { rule: rule.id, name: rule.name, result, by });
    }
    Ok(Verdict { level: level.name, parties, account, checks })
}

fn outcome(checked: Checked) -> Result<(CheckResult, Signers), Bug> {
    match checked {
        Ok(()) => Ok((CheckResult::Passed, Signers::NOBODY)),
        Err(Miss::Failed { why, by }) => Ok((CheckResult::Failed(why), by)),
        Err(Miss::Absent(why)) => Ok((CheckResult::NotChecked(why), Signers::NOBODY)),
        Err(Miss::Defect(bug)) => Err(bug),
    }
}
