//! Counts as they may be shown: shifted back, rounded, in cells of a least size, with an interval.

use alloc::vec::Vec;

use protocol::limits::{NOISE_UNIT_DEFAULT, REMOVAL_EPSILON_MILLI};
use protocol::rows::{Histogram, RowWidth};
use protocol::terms::MatchTerms;

use crate::noise::Noise;

/// Counts of a finished shuffled session, not yet released.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Rows asked for.
    pub rows: u64,
    /// True if they are a sample.
    pub sampled: bool,
    /// Slots of a row.
    pub width: RowWidth,
    /// Rows by their hits, noise rows among them.
    pub histogram: Histogram,
    /// Noise that the terms ask for.
    pub noise: Option<Noise>,
}

impl Counts {
    /// Matched rows, the expected number of noise rows taken off: 0 to all of the rows asked for.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.at_least(1).clamp(0, self.rows.into()) as u64
    }

    /// True if more rows matched than this many percent, whatever the noise was. Without noise its
    /// bound is that of the default: a rate of a few rows says nothing of a table.
    #[must_use]
    pub fn surely_over(&self, percent: u8) -> bool {
        let noise = self.noise.or_else(|| Noise::of(REMOVAL_EPSILON_MILLI, NOISE_UNIT_DEFAULT));
        let noise = noise.map_or(0, |noise| noise.bound().into());
        let least = (self.at_least(1) - noise).clamp(0, self.rows.into());
        percent_over(least as u64, self.rows.max(1), percent)
    }

    /// Rows with 1, 2, … w hits, none of them negative.
    fn cells(&self) -> Vec<u64> {
        let of = |hits: u8| self.at_least(hits) - self.at_least(hits + 1);
        (1..=self.width.get()).map(|hits| of(hits).clamp(0, self.rows.into()) as u64).collect()
    }

    /// Rows with `hits` hits or more, less the noise rows expected among them [E-10].
    fn at_least(&self, hits: u8) -> i128 {
        let bins = self.histogram.bins(self.width).iter().skip(usize::from(hits));
        let seen: i128 = bins.map(|bin| i128::from(*bin)).sum();
        seen - self.noise.map_or(0, |noise| noise.shift(self.width, hits).into())
    }

    /// Rounds and cuts the counts as the terms say.
    ///
    /// The rate is that of the rounded count, so that it does not undo the rounding.
    #[must_use]
    pub fn shown(&self, terms: &MatchTerms) -> MatchCount {
        let (rows, matched) = (self.rows.max(1), self.matched());
        let rounded = |count: u64| round_to(count, u64::from(terms.count_rounding));
        let cap = terms.rate_cap;
        let percent = nearest_percent(rounded(matched), rows, terms.rate_precision);
        let over = percent_over(matched, rows, cap) || percent > cap;
        let rate = if over { Rate::Over(cap) } else { Rate::Percent(percent) };
        let interval = self.interval(terms.rate_precision).filter(|_| !over);
        let interval = interval.map(|(low, high)| {
            let high = if high > cap { Rate::Over(cap) } else { Rate::Percent(high) };
            Interval { low: low.min(cap), high }
        });
        let cells = self.cells();
        let rows_by_hits = if over {
            alloc::vec![None; cells.len()]
        } else {
            let kept = unsuppressed(&cells, u64::from(terms.cell_min));
            cells.iter().zip(kept).map(|(cell, kept)| kept.then(|| rounded(*cell))).collect()
        };
        MatchCount {
            rows: self.rows,
            sampled: self.sampled,
            matched: (!over).then(|| rounded(matched)),
            rate,
            interval,
            rows_by_hits,
            noise: self.noise,
        }
    }

    /// Percent between which the rate of the whole input lies in 95 of 100 cases, rounded outwards
    /// to multiples of `step`; none if the count is exact.
    fn interval(&self, step: u8) -> Option<(u8, u8)> {
        let (rows, matched) = (self.rows, self.matched());
        match (self.sampled, self.noise) {
            (false, None) => None,
            (false, Some(noise)) => {
                let off = noise.interval_rows();
                let low = matched.checked_sub(off).map_or(0, |low| low);
                Some((percent_below(low, rows, step), percent_above(matched + off, rows, step)))
            }
            (true, noise) => {
                let variance = noise.map_or(0, Noise::variance);
                Some(wilson_percent(matched, rows, variance, step))
            }
        }
    }
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
    noise: Option<Noise>,
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

    /// Range of the whole input's rate with 95 % confidence, if the rows are a sample or the count
    /// carries noise.
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

    /// Noise that the count carries.
    #[must_use]
    pub const fn noise(&self) -> Option<Noise> {
        self.noise
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

/// The multiple of `step` next to a count, upwards from the middle.
fn round_to(count: u64, step: u64) -> u64 {
    let step = step.max(1);
    let (below, rest) = (count - count % step, count % step);
    // Above the greatest u64 there is no multiple to round up to; no count comes near it.
    below.checked_add(step).filter(|_| rest >= step - rest).map_or(below, |above| above)
}

/// Tells if `part` of `whole` is more than `percent`.
fn percent_over(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(percent)
}

/// `part` of `whole` in percent, rounded to a multiple of `step`.
fn nearest_percent(part: u64, whole: u64, step: u8) -> u8 {
    let (part, whole, step) = (u128::from(part), u128::from(whole.max(1)), u128::from(step.max(1)));
    let steps = (part * 200 + whole * step) / (2 * whole * step);
    percent(steps * step)
}

/// `part` of `whole` in percent, rounded down to a multiple of `step`.
fn percent_below(part: u64, whole: u64, step: u8) -> u8 {
    let (part, whole, step) = (u128::from(part), u128::from(whole.max(1)), u128::from(step.max(1)));
    percent(part * 100 / (whole * step) * step)
}

/// `part` of `whole` in percent, rounded up to a multiple of `step`.
fn percent_above(part: u64, whole: u64, step: u8) -> u8 {
    let (part, whole, step) = (u128::from(part), u128::from(whole.max(1)), u128::from(step.max(1)));
    percent((part * 100).div_ceil(whole * step) * step)
}

/// Wilson's 95 % interval of a rate in percent, rounded outwards to multiples of `step`; the
/// number of matched rows carries noise of this variance in rows².
///
/// Whole numbers stand for z = 1.96 and z² = 3.8416, scaled by 10^4. A sample drawn without
/// replacement has a narrower true interval, never a wider one.
fn wilson_percent(part: u64, whole: u64, variance: u64, step: u8) -> (u8, u8) {
    const SCALE: u128 = 10_000;
    const Z: u128 = 19_600;
    const Z2: u128 = 38_416;
    let (whole, step) = (u128::from(whole.max(1)), u128::from(step.max(1)));
    let part = u128::from(part).min(whole);
    let centre = 2 * part * SCALE + Z2;
    // z² and four times the variance of the count, for which n·p·(1 − p) stands in a sample.
    let sampling = 4 * part * (whole - part) * SCALE * SCALE / whole;
    let spread = sampling + 4 * u128::from(variance) * SCALE * SCALE + Z2 * SCALE;
    let half = Z * (spread.isqrt() + 1) / SCALE;
    let scale = 2 * (whole * SCALE + Z2);
    let low = 100 * (centre - half.min(centre)) / scale / step * step;
    let high = (100 * (centre + half)).div_ceil(scale).div_ceil(step) * step;
    (percent(low), percent(high))
}

/// Percent that a rate is shown as: 100 at most.
fn percent(value: u128) -> u8 {
    value.min(100) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::identifier::{IdentifierKind, RulesetId};
    use protocol::suite::Profile;

    fn counts(rows: u64, hits: &[u64]) -> Counts {
        let mut histogram = Histogram::of_rows(rows);
        for (at, count) in hits.iter().enumerate() {
            (0..*count).for_each(|_| histogram.hit(at + 1).unwrap());
        }
        let width = RowWidth::new(hits.len() as u8).unwrap();
        Counts { rows, sampled: false, width, histogram, noise: None }
    }

    fn terms() -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT];
        MatchTerms::defaults(Profile::MatchRate, RulesetId::CRM_FR_1, &kinds)
    }

    #[test]
    fn counts_are_rounded_and_small_cells_hidden_with_a_companion() {
        let count = counts(10_000, &[2_349, 160, 49]).shown(&terms());
        assert_eq!(count.matched(), Some(2_600));
        assert_eq!(count.rate(), Rate::Percent(26));
        assert_eq!(count.rows_by_hits(), [Some(2_300), None, None]);
        let open = counts(10_000, &[2_349, 160, 50]).shown(&terms());
        assert_eq!(open.rows_by_hits(), [Some(2_300), Some(200), Some(100)]);
        // Two cells that together are below the minimum would be given away by the total.
        let known_zero = counts(10_000, &[2_349, 0, 1]).shown(&terms());
        assert_eq!(known_zero.rows_by_hits(), [None, None, None]);
        let two_hidden = counts(10_000, &[2_349, 30, 20, 200]).shown(&terms());
        assert_eq!(two_hidden.rows_by_hits(), [Some(2_300), None, None, Some(200)]);
    }

    #[test]
    fn rates_above_the_cap_show_nothing_but_that() {
        let sampled = |hits: &[u64]| Counts { sampled: true, ..counts(1_000, hits) };
        let below = sampled(&[840]).shown(&terms());
        assert_eq!((below.rate(), below.matched()), (Rate::Percent(80), Some(800)));
        assert_eq!(below.interval(), Some(Interval { low: 81, high: Rate::Over(85) }));
        for hits in [850, 851, 1_000] {
            let over = sampled(&[hits]).shown(&terms());
            assert_eq!((over.rate(), over.matched()), (Rate::Over(85), None));
            assert_eq!((over.interval(), over.rows_by_hits()), (None, &[None][..]));
        }
    }

    fn noised(rows: u64, hits: &[u64], off: &[i64]) -> Counts {
        let noise = Noise::of(250, 1).unwrap();
        let width = RowWidth::new(hits.len() as u8).unwrap();
        let of = |at: usize| {
            let drawn = |at: usize| {
                let shift = noise.shift(width, at as u8 + 1) as i64;
                off.get(at).map_or(0, |off| shift + off)
            };
            hits[at] + u64::try_from(drawn(at) - drawn(at + 1)).unwrap()
        };
        let seen: Vec<u64> = (0..hits.len()).map(of).collect();
        let Counts { histogram, .. } = counts(rows + noise.rows(width), &seen);
        Counts { rows, sampled: false, width, histogram, noise: Some(noise) }
    }

    #[test]
    fn noise_is_shifted_back_and_shows_as_the_draw_alone() {
        let open = MatchTerms { count_rounding: 1, cell_min: 0, ..terms() };
        let count = noised(10_000, &[700, 200, 100], &[0, 0, 0]).shown(&open);
        assert_eq!(count.matched(), Some(1_000));
        assert_eq!(count.rows_by_hits(), [Some(700), Some(200), Some(100)]);
        let count = noised(10_000, &[700, 200, 100], &[-55, 7, 12]).shown(&open);
        assert_eq!(count.matched(), Some(945));
        assert_eq!(count.rows_by_hits(), [Some(638), Some(195), Some(112)]);
        assert_eq!(count.interval(), Some(Interval { low: 9, high: Rate::Percent(10) }));
        // Neither below nothing nor above everything.
        let none = noised(10_000, &[0, 0], &[-55, 55]).shown(&open);
        assert_eq!((none.matched(), none.rate()), (Some(0), Rate::Percent(0)));
        assert_eq!(none.rows_by_hits(), [Some(0), Some(55)]);
        let open = MatchTerms { rate_cap: 100, ..open };
        let all = noised(100, &[100], &[55]).shown(&open);
        assert_eq!((all.matched(), all.rate()), (Some(100), Rate::Percent(100)));
        assert_eq!(noised(100, &[40], &[-55]).matched(), 0);
    }

    #[test]
    fn noise_widens_the_interval_of_a_sample() {
        let sample = |noise| wilson_percent(500, 1_000, noise, 1);
        assert_eq!(sample(0), (46, 54));
        // Standard deviations of 15.8 rows and of 22.6 make one of 27.6.
        assert_eq!(sample(512), (44, 56));
        assert_eq!(wilson_percent(0, 1_000, 512, 1), (0, 5));
    }

    #[test]
    fn a_rate_does_not_undo_the_rounding_of_its_count() {
        let rates = [650, 660, 700, 749].map(|hits| counts(5_000, &[hits]).shown(&terms()).rate());
        assert_eq!(rates, [Rate::Percent(14); 4]);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_never_overflows() {
        assert_eq!([0, 49, 50, 149].map(|count| round_to(count, 100)), [0, 0, 100, 100]);
        assert_eq!(round_to(7, 1), 7);
        assert_eq!(round_to(u64::MAX, 100), u64::MAX - 15);
        assert_eq!(round_to(u64::MAX, 2), u64::MAX - 1);
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
        assert_eq!(wilson_percent(10, 100, 0, 1), (5, 18));
        assert_eq!(wilson_percent(380_000, 1_000_000, 0, 1), (37, 39));
        assert_eq!(wilson_percent(0, 1_000, 0, 1), (0, 1));
        assert_eq!(wilson_percent(1_000, 1_000, 0, 1), (99, 100));
        assert_eq!(wilson_percent(40, 100, 0, 5), (30, 50));
        assert_eq!(wilson_percent(1 << 24, 1 << 24, 0, 1), (99, 100));
    }
}
