//! T0: what anybody can check of a session with its transcript and frames alone.
//!
//! Every check has a rule id and leaves one line in the [`Verdict`]. A check that needs messages or
//! frames which are not there says *not checked*, never *passed* [T-09], so a session that ended
//! early is judged as far as it went. Nothing here needs a secret, a clock or randomness, and
//! everything is recomputed with the portable arithmetic.
//!
//! Whether the two parties are the ones a reader has in mind is not in the bytes: compare
//! [`Verdict::parties`] with what you know of them, or say so beforehand in [`Expected`].

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use protocol::attestation::PartyId;
use protocol::codec::{RawFrame, StreamId};
use protocol::group::BatchArithmetic;
use protocol::limits::Limits;
use protocol::transcript::Transcript;

mod account;
mod checks;
mod evidence;
mod outline;
mod replay;
mod shape;
mod signers;

pub use account::{Account, Ending};
pub use signers::Signers;

use checks::{Checked, Finding};
use outline::{Outline, Read};
use replay::FrameReplay;

/// Reads the frames that lie beside a transcript.
pub trait FrameSource {
    /// The frame at `index` of a stream; `Ok(None)` when the stream's frames are not there.
    ///
    /// A table that was not sent, because the advertiser held it from an earlier session, is asked
    /// for as well: whoever kept its frames can show them.
    ///
    /// # Errors
    ///
    /// [`FrameUnreadable`] when frames are there and this one cannot be read.
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable>;
}

/// A stored frame is torn, misplaced or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored frame cannot be read")]
pub struct FrameUnreadable;

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Id of the rule in `spec/transcript.md`.
    pub rule: &'static str,
    /// What the rule says, in a few words.
    pub title: &'static str,
    /// What came of it.
    pub result: CheckResult,
    /// Who signed what fails; nobody for a failure that anyone who holds the package could have
    /// made, and for every other result [T-18].
    pub by: Signers,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The rule holds.
    Passed,
    /// The rule is broken; the text names the place and holds no data.
    Failed(String),
    /// The check could not be made, for this reason.
    NotChecked(&'static str),
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
        }
    }
}

/// The parties of a session: who signed it, and which certificates its channel had.
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
    /// Whose session it is.
    pub parties: Parties,
    /// What the session says of itself.
    pub account: Account,
    /// The checks.
    pub checks: Vec<Check>,
}

/// What the checks of a session come to, together [T-19].
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
    /// The word for people and machines.
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
    /// Whether every check was made and passed.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !self.checks.is_empty()
            && self.checks.iter().all(|check| check.result == CheckResult::Passed)
    }

    /// What the checks come to.
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

    /// Whoever signed something that fails a check.
    #[must_use]
    pub fn accused(&self) -> Signers {
        self.checks.iter().fold(Signers::NOBODY, |all, check| all.or(check.by))
    }

    fn add(&mut self, (rule, title): Rule, result: Checked) {
        let (result, by) = match result {
            Ok(()) => (CheckResult::Passed, Signers::NOBODY),
            Err(Finding::Failed { why, by }) => (CheckResult::Failed(why), by),
            Err(Finding::Absent(why)) => (CheckResult::NotChecked(why), Signers::NOBODY),
        };
        self.checks.push(Check { rule, title, result, by });
    }
}

/// Verifies a transcript at T0.
///
/// `elements_per_pass` bounds memory: the distinctness check reads the frames again for every so
/// many elements. `expected` may name the parties the caller has in mind.
pub fn verify(
    transcript: &Transcript,
    frames: &mut dyn FrameSource,
    arithmetic: &dyn BatchArithmetic,
    limits: &Limits,
    elements_per_pass: usize,
    expected: &Expected,
) -> Verdict {
    let (outline, read) = Outline::read(transcript);
    let parties = outline.parties(transcript);
    let sequence = check_sequence(&read);
    let account = Account::from_outline(&outline, read, transcript);
    let mut verdict = Verdict { parties, account, checks: Vec::new() };
    verdict.add(OPENING, outline.check_programs(transcript, limits));
    verdict.add(SEQUENCE, sequence);
    verdict.add(PARTIES, outline.check_parties(&parties, expected, limits));
    verdict.add(MANIFEST, outline.check_manifest());
    verdict.add(BINDING, outline.check_binding());
    verdict.add(TERMS_SIGNED, outline.check_terms_signed());
    verdict.add(TERMS_RESPECTED, outline.check_terms(limits));
    verdict.add(STREAMS, outline.check_streams(limits));
    verdict.add(CHECKPOINTS, outline.check_checkpoints());
    verdict.add(RECEIPT, outline.check_receipt());
    verdict.add(LEDGER, outline.check_ledger());
    verdict.add(HELLOS_SIGNED, outline.check_hellos_signed(transcript));
    verdict.add(LAST_WORDS, outline.check_last_words());
    let mut replay = FrameReplay::new(&outline, frames, arithmetic, elements_per_pass);
    for (rule, check) in FRAME_CHECKS {
        verdict.add(*rule, check(&mut replay));
    }
    verdict
}

/// The records are one session to its end; a session that ended early is no failure of anybody.
fn check_sequence(read: &Read) -> Checked {
    match read {
        Read::Complete => Ok(()),
        Read::Prefix => Err(Finding::Absent("the records end before the close")),
        Read::Ended => Err(Finding::Absent("a refusal or abort ends the session")),
        Read::Broken(why) => Err(why.clone().into()),
    }
}

type Rule = (&'static str, &'static str);
type FrameCheck = fn(&mut FrameReplay<'_>) -> Checked;

const OPENING: Rule = ("T0-01", "both sides say their program is a release; protocol known");
const SEQUENCE: Rule = ("T0-02", "messages form one complete session, in order");
const PARTIES: Rule = ("T0-03", "both parties, suite, profile and sizes are consistent");
const MANIFEST: Rule = ("T0-04", "key manifest and snapshot are signed and fit the session");
const BINDING: Rule = ("T0-05", "session id binds hellos, terms, certificates and channel");
const TERMS_SIGNED: Rule = ("T0-06", "both parties signed the terms");
const TERMS_RESPECTED: Rule = ("T0-07", "terms keep within offer, limits and time");
const STREAMS: Rule = ("T0-08", "every stream is whole, with the announced counts");
const CHECKPOINTS: Rule = ("T0-09", "both parties signed the head of every stream");
const RECEIPT: Rule = ("T0-10", "both parties signed a receipt that says what happened");
const LEDGER: Rule = ("T0-11", "the ledger entry charges the run in full and follows its reserve");
const HELLOS_SIGNED: Rule = ("T0-12", "both parties signed their hello for this channel");
const LAST_WORDS: Rule = ("T0-13", "a refusal or abort is signed by whoever it is from");
const FRAMES_MATCH: Rule = ("T0-20", "frames are the recorded ones");
const CANONICAL: Rule = ("T0-21", "every element is canonical and not the identity");
const DISTINCT: Rule = ("T0-22", "all elements are pairwise distinct");
const ANSWERS: Rule = ("T0-23", "every answer has the evidence of its order");
const TABLE: Rule = ("T0-24", "the table is in strict order and has the announced root");
const HANDLES: Rule = ("T0-25", "handles are one batch in strict order");
const FRAME_CHECKS: &[(Rule, FrameCheck)] = &[
    (FRAMES_MATCH, |replay| replay.check_match()),
    (CANONICAL, |replay| replay.check_canonical()),
    (DISTINCT, |replay| replay.check_distinct()),
    (ANSWERS, |replay| replay.check_answers()),
    (TABLE, |replay| replay.check_table()),
    (HANDLES, |replay| replay.check_handles()),
];
