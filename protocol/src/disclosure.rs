//! Who may learn what: the only maker of an [`Outcome`] [D-01].
//!
//! An outcome exists when terms are signed, evaluations are reserved, and the order's evidence is
//! complete; thresholds are applied here and nowhere else. The content of an outcome larger than
//! memory lies in a run that the driver keeps sealed until this module says it may be read.

use crate::error::{Bug, Error, Refusal};
use crate::ledger::Reservation;
use crate::proof::EvaluationVerified;
use crate::suite::Profile;
use crate::terms::SignedTerms;

/// Evidence that every frame of an aligned session was proved; counts frame tokens.
#[derive(Debug, Default)]
pub struct AlignedEvidence {
    elements: u64,
}

impl AlignedEvidence {
    /// Adds the token of one frame.
    pub(crate) fn add(&mut self, frame: &EvaluationVerified) {
        self.elements = self.elements.saturating_add(u64::from(frame.elements));
    }

    /// Whether the tokens cover all elements sent.
    pub(crate) const fn covers(&self, elements: u64) -> bool {
        self.elements == elements
    }
}

/// What a session discloses to its own operator.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// `matched-rows`: rows and kinds that matched.
    Rows(MatchedRows),
    /// The terms do not allow the result to be shown.
    Withheld(Withheld),
    /// The provider's side of a session that disclosed nothing to it.
    Served,
}

/// The result of `matched-rows`; the rows lie in the run [`crate::session::RunName::MatchedRows`].
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

/// Why a result may not be shown; the true count is not in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Fewer matched rows than `k_min`.
    BelowMatchMinimum {
        /// The minimum of the terms.
        k_min: u32,
    },
    /// The operator declined the release.
    Declined,
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
    if terms.profile() != Profile::MatchedRows {
        return Err(Refusal::ProfileNotAllowed.into());
    }
    if !reservation.is_for(terms) || !evidence.covers(reservation.entry().evaluations) {
        return Err(Bug::InternalInvariant.into());
    }
    let k_min = terms.terms().k_min;
    // [G43]
    if counts.matched < u64::from(k_min) {
        return Ok(Outcome::Withheld(Withheld::BelowMatchMinimum { k_min }));
    }
    Ok(Outcome::Rows(MatchedRows { rows: counts.rows, matched: counts.matched }))
}

/// Counts of a finished look-up, not yet released.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowCounts {
    pub(crate) rows: u64,
    pub(crate) matched: u64,
}
