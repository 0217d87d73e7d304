//! Rules of disclosure: the only maker of an [`Outcome`] [D-01].
//!
//! An outcome exists when terms are signed, evaluations are reserved, and the order's evidence is
//! complete; thresholds are applied here and nowhere else. The content of an outcome larger than
//! memory lies in a spill that the driver keeps sealed until this module says it may be read.

use crate::CanariesAnswered;
use crate::count::Count;
use crate::order::{Evidence, InSession};
use protocol::codec::StreamId;
use protocol::error::{Bug, Error, Refusal, RefuseCode, Violation};
use protocol::ledger::Reservation;
use protocol::limits::UNKNOWN_HANDLES_MAX;
use protocol::proof::EvaluationVerified;
use protocol::suite::{Aligned, Profile, Shuffled};
use protocol::terms::SignedTerms;

use ::disclosure::count::Counts;
pub use ::disclosure::count::{Interval, MatchCount, Rate};

/// Evidence that every frame of an aligned session was proved; counts frame tokens.
#[derive(Debug, Default)]
pub struct AlignedEvidence {
    elements: u64,
}

impl AlignedEvidence {
    /// Adds the token of one frame.
    pub(crate) fn add(&mut self, frame: &EvaluationVerified) -> Result<(), Bug> {
        self.elements.grow(u64::from(frame.elements()))
    }
}

impl Evidence for AlignedEvidence {
    fn covers(&self, elements: u64) -> bool {
        self.elements == elements
    }
}

/// Result that a session discloses to its own operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// `match-rate`: the number of matched rows.
    Count(MatchCount),
    /// `matched-rows`: rows and kinds that matched.
    Rows(MatchedRows),
    /// `activation`, the advertiser's side: the number of matched rows, which the provider
    /// activates.
    Handles(Activated),
    /// `digital-ids`, the advertiser's side: the number of matched rows, and the digital IDs.
    DigitalIds(DigitalIds),
    /// `activation` under the purpose `ads.remove`, the advertiser's side: the provider learned
    /// whom it knows of the persons who leave, and this side no count.
    Removed,
    /// The terms, our operator or the other side do not allow the result to be released.
    Withheld(Withheld),
    /// The provider's side of a session that disclosed nothing to it.
    Served,
    /// The provider's side of a session that disclosed matched records to it.
    Released(Released),
}

/// The advertiser's result of `activation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    count: MatchCount,
}

impl Activated {
    /// Number of matched rows.
    #[must_use]
    pub const fn count(&self) -> &MatchCount {
        &self.count
    }
}

/// The advertiser's result of `digital-ids`; the IDs lie in the spill
/// [`crate::SpillName::DigitalIds`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitalIds {
    count: MatchCount,
    ids: u64,
}

impl DigitalIds {
    /// Number of matched rows.
    #[must_use]
    pub const fn count(&self) -> &MatchCount {
        &self.count
    }

    /// Digital IDs returned.
    #[must_use]
    pub const fn ids(&self) -> u64 {
        self.ids
    }
}

/// Disclosure of a session with handles to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Distinct records behind the handles.
    pub records: u64,
    /// Handles the provider knew.
    pub handles_known: u64,
    /// Handles the provider did not know.
    pub handles_unknown: u32,
    /// Digital IDs returned, 0 in `activation`.
    pub ids: u64,
}

/// The result of `matched-rows`; the rows lie in the spill
/// [`crate::SpillName::MatchedRows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedRows {
    rows: u64,
    matched: u64,
}

impl MatchedRows {
    /// Eligible rows of the input.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows with at least one matched identifier.
    #[must_use]
    pub const fn matched(&self) -> u64 {
        self.matched
    }
}

/// Reasons for which a result may not be released; the true count is not in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Fewer matched rows than `k_min`.
    BelowMatchMinimum {
        /// The minimum of the terms.
        k_min: u32,
    },
    /// More matched rows than handles may be sent.
    AboveHandlesMaximum,
    /// A rate above the cap of the terms, in a profile that would send handles.
    Implausible,
    /// Our operator declined the release.
    Declined,
    /// The provider refuses to release for these handles.
    Refused(RefuseCode),
    /// The provider's side: the advertiser sent no handles, and does not say why.
    ByAdvertiser,
}

/// Releases the result of a `matched-rows` session to the advertiser's operator.
///
/// # Errors
///
/// [`Refusal::ProfileNotAllowed`] under terms of another profile, and [`Bug`] if the reservation or
/// the evidence is not this session's.
pub(crate) fn release_rows(
    terms: &SignedTerms,
    reservation: &Reservation,
    evidence: &AlignedEvidence,
    counts: RowCounts,
) -> Result<Outcome, Error> {
    is_proved::<Aligned>(terms, reservation, evidence)?;
    let k_min = terms.terms().k_min;
    // [G43]
    if counts.matched < u64::from(k_min) {
        return Ok(Outcome::Withheld(Withheld::BelowMatchMinimum { k_min }));
    }
    Ok(Outcome::Rows(MatchedRows { rows: counts.rows, matched: counts.matched }))
}

/// Checks that the order is the one of the terms, and that its evidence and the reservation are
/// those of the session.
fn is_proved<O: InSession>(
    terms: &SignedTerms,
    reservation: &Reservation,
    evidence: &O::Evidence,
) -> Result<(), Error> {
    if terms.profile().suite() != O::SUITE {
        return Err(Refusal::ProfileNotAllowed.into());
    }
    if !reservation.is_for(terms) || !evidence.covers(reservation.entry().evaluations) {
        return Err(Bug::invariant().into());
    }
    Ok(())
}

/// Counts of a finished look-up, not yet released.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowCounts {
    pub(crate) rows: u64,
    pub(crate) matched: u64,
}

/// Releases the count of a shuffled session to the advertiser's operator, rounded and cut as the
/// terms say [D-11]; in `match-rate` this is the outcome, else what the operator decides by.
///
/// # Errors
///
/// [`Refusal::ProfileNotAllowed`] under terms of aligned order, and [`Bug`] if the reservation or
/// the evidence is not this session's.
pub(crate) fn release_count(
    terms: &SignedTerms,
    reservation: &Reservation,
    evidence: CanariesAnswered,
    counts: &Counts,
) -> Result<Result<MatchCount, Withheld>, Error> {
    is_proved::<Shuffled>(terms, reservation, &evidence)?;
    let (terms, handles) = (terms.terms(), terms.profile().sends_handles());
    let matched = counts.matched();
    // [G43]
    if matched < u64::from(terms.k_min) {
        return Ok(Err(Withheld::BelowMatchMinimum { k_min: terms.k_min }));
    }
    if handles && matched > terms.handles_max {
        return Ok(Err(Withheld::AboveHandlesMaximum));
    }
    Ok(Ok(counts.shown(terms)))
}

/// Stops a release at a rate above the cap, unless the operator named it: a table of numbers that
/// somebody counted through matches every row, and its owner would learn them all [D-30].
///
/// # Errors
///
/// [`Withheld::Implausible`].
pub(crate) fn plausible(count: &MatchCount, high_rate: bool) -> Result<(), Withheld> {
    match count.rate() {
        // [G63]
        Rate::Over(_) if !high_rate => Err(Withheld::Implausible),
        _ => Ok(()),
    }
}

/// The advertiser's outcome of a session with handles, after RELEASED and, in `digital-ids`, IDS.
///
/// # Errors
///
/// [`Refusal::ProfileNotAllowed`] under terms without handles, and [`Bug`] if the reservation is
/// not this session's. That the evidence was complete is in the count, which only
/// [`release_count`] makes.
pub(crate) fn release_delivery(
    terms: &SignedTerms,
    reservation: &Reservation,
    count: Option<MatchCount>,
    ids: u64,
) -> Result<Outcome, Error> {
    if !reservation.is_for(terms) {
        return Err(Bug::invariant().into());
    }
    match (terms.profile(), count) {
        (Profile::Activation, None) if terms.terms().purpose.removes() => Ok(Outcome::Removed),
        (Profile::Activation, Some(count)) => Ok(Outcome::Handles(Activated { count })),
        (Profile::DigitalIds, Some(count)) => Ok(Outcome::DigitalIds(DigitalIds { count, ids })),
        (Profile::Activation | Profile::DigitalIds, None) => Err(Bug::invariant().into()),
        (Profile::MatchRate | Profile::MatchedRows, _) => Err(Refusal::ProfileNotAllowed.into()),
    }
}

/// Lets the handles of persons who are to leave go, whatever their number, which nobody is shown,
/// unless it is above the cap whatever the noise was [D-31].
///
/// # Errors
///
/// As [`release_count`].
pub(crate) fn release_removal(
    terms: &SignedTerms,
    reservation: &Reservation,
    evidence: CanariesAnswered,
    (counts, high_rate): (&Counts, bool),
) -> Result<Option<Withheld>, Error> {
    is_proved::<Shuffled>(terms, reservation, &evidence)?;
    // [G63]
    Ok((!high_rate && counts.surely_over(terms.terms().rate_cap)).then_some(Withheld::Implausible))
}

/// Facts of the provider's node about a batch of handles, from its own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Handles of this table, with a record behind them.
    pub handles_known: u64,
    /// Other handles: padding, or nothing of ours.
    pub handles_unknown: u32,
    /// Distinct records behind the known handles.
    pub records: u64,
    /// Head of the chain of releases to the advertiser's group, this one included.
    pub release_head: [u8; 32],
}

/// Judges a batch of handles before anything is released for it: the number of unknown ones.
///
/// Which digital IDs leave is no matter of a threshold: releases by classes decide it, and refuse
/// nothing.
///
/// # Errors
///
/// [`Violation::UnknownHandles`], the advertiser's fault, for more unknown handles than chance
/// explains.
pub(crate) fn judge_handles(
    terms: &SignedTerms,
    reservation: &Reservation,
    resolution: &Resolution,
) -> Result<(), Error> {
    if !terms.profile().sends_handles() || !reservation.is_for(terms) {
        return Err(Bug::invariant().into());
    }
    // [G47]
    match resolution.handles_unknown > UNKNOWN_HANDLES_MAX {
        true => Err(Error::peer(Violation::UnknownHandles, StreamId::Handles.code(), 0)),
        false => Ok(()),
    }
}
