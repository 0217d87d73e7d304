//! Rules of disclosure: the only maker of an [`Outcome`] [D-01].
//!
//! An outcome exists when terms are signed, evaluations are reserved, and the order's evidence is
//! complete; thresholds are applied here and nowhere else. The content of an outcome larger than
//! memory lies in a spill that the driver keeps sealed until this module says it may be read.

use alloc::vec::Vec;

use crate::CanariesAnswered;
use crate::count::Count;
use crate::order::{Evidence, InSession};
use protocol::codec::StreamId;
use protocol::error::{Bug, Error, Refusal, RefuseCode, Violation};
use protocol::ledger::Reservation;
use protocol::limits::UNKNOWN_HANDLES_MAX;
use protocol::proof::EvaluationVerified;
use protocol::rows::{Histogram, RowWidth};
use protocol::suite::{Aligned, Profile, Shuffled};
use protocol::terms::{MatchTerms, SignedTerms};

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
    /// The terms, our operator or the other side do not allow the result to be released.
    Withheld(Withheld),
    /// The provider's side of a session that disclosed nothing to it.
    Served,
    /// The provider's side of a session that disclosed matched records to it.
    Released(Released),
}

/// Number of matched rows as far as the terms let it be shown; exact figures are not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchCount {
    rows: u64,
    sampled: bool,
    matched: Option<u64>,
    rate: Rate,
    interval: Option<Interval>,
    rows_by_hits: Vec<Option<u64>>,
}

impl MatchCount {
    /// Rows that were asked for: eligible rows of the input, or of the sample drawn from it.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// True if the rows are a sample of the input.
    #[must_use]
    pub const fn is_sample(&self) -> bool {
        self.sampled
    }

    /// Matched rows, rounded; `None` when the rate is above the cap of the terms.
    #[must_use]
    pub const fn matched(&self) -> Option<u64> {
        self.matched
    }

    /// Matched rows in percent of the rows asked for.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Range of the whole input's rate with 95 % confidence, if the rows are a sample.
    #[must_use]
    pub const fn interval(&self) -> Option<Interval> {
        self.interval
    }

    /// Rows with one, two, … w identifiers that matched, rounded; `None` for a cell below the
    /// least size of the terms, or that would give such a cell away.
    #[must_use]
    pub fn rows_by_hits(&self) -> &[Option<u64>] {
        &self.rows_by_hits
    }
}

/// A rate at the precision of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Percent.
    Percent(u8),
    /// Above the cap of the terms, which is this many percent.
    Over(u8),
}

/// A range of percent, both ends included and rounded outwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Lower end.
    pub low: u8,
    /// Upper end, which may lie above the cap of the terms.
    pub high: Rate,
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
    suppressed: u64,
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

    /// Digital IDs the provider left out because their person objected after the snapshot.
    #[must_use]
    pub const fn suppressed(&self) -> u64 {
        self.suppressed
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
    /// Digital IDs left out for objections after the snapshot.
    pub suppressed: u64,
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

/// Counts of a finished shuffled session, not yet released.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShuffledCounts {
    /// Rows asked for.
    pub(crate) rows: u64,
    /// True if they are a sample.
    pub(crate) sampled: bool,
    pub(crate) width: RowWidth,
    pub(crate) histogram: Histogram,
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
    counts: &ShuffledCounts,
) -> Result<Result<MatchCount, Withheld>, Error> {
    is_proved::<Shuffled>(terms, reservation, &evidence)?;
    let (terms, handles) = (terms.terms(), terms.profile().sends_handles());
    let matched = counts.histogram.matched();
    // [G43]
    if matched < u64::from(terms.k_min) {
        return Ok(Err(Withheld::BelowMatchMinimum { k_min: terms.k_min }));
    }
    if handles && matched > terms.handles_max {
        return Ok(Err(Withheld::AboveHandlesMaximum));
    }
    Ok(Ok(shown(terms, counts)))
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
    count: MatchCount,
    ids: u64,
    suppressed: u64,
) -> Result<Outcome, Error> {
    if !reservation.is_for(terms) {
        return Err(Bug::invariant().into());
    }
    match terms.profile() {
        Profile::Activation => Ok(Outcome::Handles(Activated { count })),
        Profile::DigitalIds => Ok(Outcome::DigitalIds(DigitalIds { count, ids, suppressed })),
        Profile::MatchRate | Profile::MatchedRows => Err(Refusal::ProfileNotAllowed.into()),
    }
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
    /// Digital IDs left out because their person objected after the snapshot.
    pub ids_suppressed: u64,
    /// Records in which this release differs from the most similar earlier one of the audit
    /// window, if any differs at all.
    pub nearest_release: Option<u64>,
}

/// Judges a batch of handles before anything is released for it [D-13].
///
/// # Errors
///
/// [`Violation::UnknownHandles`], the advertiser's fault, for more unknown handles than chance
/// explains. A refusal is the inner error: it is told, and the session goes on to its receipt.
pub(crate) fn judge_handles(
    terms: &SignedTerms,
    reservation: &Reservation,
    resolution: &Resolution,
) -> Result<Result<(), Refusal>, Error> {
    if !terms.profile().sends_handles() || !reservation.is_for(terms) {
        return Err(Bug::invariant().into());
    }
    // [G47]
    if resolution.handles_unknown > UNKNOWN_HANDLES_MAX {
        return Err(Error::peer(Violation::UnknownHandles, StreamId::Handles.code(), 0));
    }
    let terms = terms.terms();
    // [G43] By records: several identifiers of one person do not help, nor do padding tags.
    if resolution.records < u64::from(terms.k_min) {
        return Ok(Err(Refusal::BelowMatchMinimum));
    }
    // [G44]
    let near = |distance| distance > 0 && distance < u64::from(terms.group_min);
    if resolution.nearest_release.is_some_and(near) {
        return Ok(Err(Refusal::DeltaTooSmall));
    }
    Ok(Ok(()))
}

/// Rounds and cuts counts as the terms say.
///
/// The rate is that of the rounded count, so that it does not undo the rounding.
fn shown(terms: &MatchTerms, counts: &ShuffledCounts) -> MatchCount {
    let rows = counts.rows.max(1);
    let matched = counts.histogram.matched();
    let rounded = |count: u64| round_to(count, u64::from(terms.count_rounding));
    let cap = terms.rate_cap;
    let percent = nearest_percent(rounded(matched), rows, terms.rate_precision);
    let over = percent_over(matched, rows, cap) || percent > cap;
    let rate = if over { Rate::Over(cap) } else { Rate::Percent(percent) };
    let interval = (counts.sampled && !over).then(|| {
        let (low, high) = wilson_percent(matched, rows, terms.rate_precision);
        let high = if high > cap { Rate::Over(cap) } else { Rate::Percent(high) };
        Interval { low: low.min(cap), high }
    });
    let rows_by_hits = match (over, counts.histogram.bins(counts.width)) {
        (false, [_, cells @ ..]) => {
            let kept = unsuppressed(cells, u64::from(terms.cell_min));
            cells.iter().zip(kept).map(|(cell, kept)| kept.then(|| rounded(*cell))).collect()
        }
        _ => alloc::vec![None; counts.width.slots()],
    };
    MatchCount {
        rows: counts.rows,
        sampled: counts.sampled,
        matched: (!over).then(|| rounded(matched)),
        rate,
        interval,
        rows_by_hits,
    }
}

/// Marks the cells that may be shown: none below the minimum, and of the others as many as leave
/// the hidden ones, whose sum the total gives away, at least that large together.
fn unsuppressed(cells: &[u64], cell_min: u64) -> Vec<bool> {
    let mut kept: Vec<bool> = cells.iter().map(|cell| *cell >= cell_min).collect();
    loop {
        let hidden = cells.iter().zip(&kept).filter(|(_, kept)| !**kept);
        let (count, sum) = hidden
            .fold((0_u32, 0_u128), |(count, sum), (cell, _)| (count + 1, sum + u128::from(*cell)));
        let safe = count == 0 || (count > 1 && sum >= u128::from(cell_min));
        let shown = cells.iter().zip(kept.iter_mut()).filter(|(_, kept)| **kept);
        match shown.min_by_key(|(cell, _)| **cell) {
            Some((_, kept)) if !safe => *kept = false,
            _ => return kept,
        }
    }
}

fn round_to(count: u64, step: u64) -> u64 {
    let step = step.max(1);
    let (below, rest) = (count - count % step, count % step);
    // Above the greatest u64 there is no multiple to round up to; no count comes near it.
    if rest >= step - rest { below.saturating_add(step) } else { below }
}

/// Tells if `part` of `whole` is more than `percent`.
fn percent_over(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(percent)
}

/// `part` of `whole` in percent, rounded to a multiple of `step`.
fn nearest_percent(part: u64, whole: u64, step: u8) -> u8 {
    let (part, whole, step) = (u128::from(part), u128::from(whole.max(1)), u128::from(step.max(1)));
    let steps = (part * 200 + whole * step) / (2 * whole * step);
    u8::try_from((steps * step).min(100)).unwrap_or(100)
}

/// Wilson's 95 % interval of a rate in percent, rounded outwards to multiples of `step`.
///
/// In whole numbers, scaled by 10^4: z = 1.96, z² = 3.8416. That the sample is drawn without
/// replacement makes the true interval narrower, never wider.
fn wilson_percent(part: u64, whole: u64, step: u8) -> (u8, u8) {
    const SCALE: u128 = 10_000;
    const Z: u128 = 19_600;
    const Z2: u128 = 38_416;
    let (whole, step) = (u128::from(whole.max(1)), u128::from(step.max(1)));
    let part = u128::from(part).min(whole);
    let centre = 2 * part * SCALE + Z2;
    let spread = 4 * part * (whole - part) * SCALE * SCALE / whole + Z2 * SCALE;
    let half = Z * (spread.isqrt() + 1) / SCALE;
    let scale = 2 * (whole * SCALE + Z2);
    let low = 100 * (centre - half.min(centre)) / scale / step * step;
    let high = (100 * (centre + half)).div_ceil(scale).div_ceil(step) * step;
    let percent = |value: u128| u8::try_from(value.min(100)).unwrap_or(100);
    (percent(low), percent(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::identifier::{IdentifierKind, RulesetId};

    fn counts(rows: u64, hits: &[u64]) -> ShuffledCounts {
        let mut histogram = Histogram::of_rows(rows);
        for (at, count) in hits.iter().enumerate() {
            (0..*count).for_each(|_| histogram.hit(at + 1).unwrap());
        }
        let width = RowWidth::new(hits.len() as u8).unwrap();
        ShuffledCounts { rows, sampled: false, width, histogram }
    }

    fn terms() -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT];
        MatchTerms::defaults(Profile::MatchRate, RulesetId::CRM_FR_1, &kinds)
    }

    #[test]
    fn counts_are_rounded_and_small_cells_hidden_with_a_companion() {
        let count = shown(&terms(), &counts(10_000, &[2_349, 160, 49]));
        assert_eq!(count.matched(), Some(2_600));
        assert_eq!(count.rate(), Rate::Percent(26));
        assert_eq!(count.rows_by_hits(), [Some(2_300), None, None]);
        let open = shown(&terms(), &counts(10_000, &[2_349, 160, 50]));
        assert_eq!(open.rows_by_hits(), [Some(2_300), Some(200), Some(100)]);
        // Two cells that together are below the minimum would be given away by the total.
        let known_zero = shown(&terms(), &counts(10_000, &[2_349, 0, 1]));
        assert_eq!(known_zero.rows_by_hits(), [None, None, None]);
        let two_hidden = shown(&terms(), &counts(10_000, &[2_349, 30, 20, 200]));
        assert_eq!(two_hidden.rows_by_hits(), [Some(2_300), None, None, Some(200)]);
    }

    #[test]
    fn rates_above_the_cap_show_nothing_but_that() {
        let sampled = |hits: &[u64]| ShuffledCounts { sampled: true, ..counts(1_000, hits) };
        let below = shown(&terms(), &sampled(&[840]));
        assert_eq!((below.rate(), below.matched()), (Rate::Percent(80), Some(800)));
        assert_eq!(below.interval(), Some(Interval { low: 81, high: Rate::Over(85) }));
        for hits in [850, 851, 1_000] {
            let over = shown(&terms(), &sampled(&[hits]));
            assert_eq!((over.rate(), over.matched()), (Rate::Over(85), None));
            assert_eq!((over.interval(), over.rows_by_hits()), (None, &[None][..]));
        }
    }

    #[test]
    fn a_rate_does_not_undo_the_rounding_of_its_count() {
        let rates =
            [650, 660, 700, 749].map(|hits| shown(&terms(), &counts(5_000, &[hits])).rate());
        assert_eq!(rates, [Rate::Percent(14); 4]);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_never_overflows() {
        assert_eq!([0, 49, 50, 149].map(|count| round_to(count, 100)), [0, 0, 100, 100]);
        assert_eq!(round_to(7, 1), 7);
        assert_eq!(round_to(u64::MAX, 100), u64::MAX - 15);
        assert_eq!(round_to(u64::MAX, 2), u64::MAX);
        assert_eq!(
            [(1, 200, 1), (3, 200, 1), (7, 100, 5), (8, 100, 5)]
                .map(|(part, whole, step)| { nearest_percent(part, whole, step) }),
            [1, 2, 5, 10]
        );
        assert_eq!(nearest_percent(u64::MAX, u64::MAX, 1), 100);
    }

    #[test]
    fn intervals_contain_the_rate_and_shrink_with_the_sample() {
        // Textbook values: 10 of 100 has 5.52 % to 17.44 %, 380,000 of 10^6 has 37.90 % to 38.10 %.
        assert_eq!(wilson_percent(10, 100, 1), (5, 18));
        assert_eq!(wilson_percent(380_000, 1_000_000, 1), (37, 39));
        assert_eq!(wilson_percent(0, 1_000, 1), (0, 1));
        assert_eq!(wilson_percent(1_000, 1_000, 1), (99, 100));
        assert_eq!(wilson_percent(40, 100, 5), (30, 50));
        assert_eq!(wilson_percent(1 << 24, 1 << 24, 1), (99, 100));
    }
}
