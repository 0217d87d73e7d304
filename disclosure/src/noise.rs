//! Noise for counts: which distribution, how many rows carry it, and what may be said of it.
//!
//! The provider adds rows of its own to those that it is asked for. Of the M rows the number with
//! at least j hits is drawn from a two-sided geometric distribution, clamped and shifted so that
//! it is never negative and never grows with j. Whoever counts knows the shift and not the draw.
//!
//! All of it is arithmetic of whole numbers, so that every party computes the same thresholds.

use alloc::vec::Vec;
use core::ops::Range;

use protocol::error::Bug;
use protocol::group::{BatchArithmetic, Encoded};
use protocol::rows::RowWidth;
use protocol::seed::KeyDerivation;
use protocol::terms::MatchTerms;
use zeroize::Zeroizing;

/// Noise that terms ask for: the privacy loss of a run, and for how many identifiers of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    epsilon_milli: u32,
    unit: u8,
    bound: u64,
}

impl Noise {
    /// The noise of terms; `None` if no such noise is made [E-01].
    #[must_use]
    pub fn of(epsilon_milli: u32, unit: u8) -> Option<Self> {
        let (_, bounds) = BOUNDS.iter().find(|(milli, _)| *milli == epsilon_milli)?;
        let bound = u64::from(*bounds.get(usize::from(unit.checked_sub(1)?))?);
        Some(Self { epsilon_milli, unit, bound })
    }

    /// The noise that terms ask for; `None` for terms without noise.
    #[must_use]
    pub fn of_terms(terms: &MatchTerms) -> Option<Self> {
        Self::of(terms.epsilon_milli, terms.noise_unit)
    }

    /// The widest noise for `unit`, which is that of the least privacy loss.
    #[must_use]
    pub fn widest(unit: u8) -> Option<Self> {
        let [(least, _), ..] = BOUNDS;
        Self::of(least, unit)
    }

    /// Privacy loss of a run, in thousandths.
    #[must_use]
    pub const fn epsilon_milli(self) -> u32 {
        self.epsilon_milli
    }

    /// Identifiers of one person that the noise hides.
    #[must_use]
    pub const fn unit(self) -> u8 {
        self.unit
    }

    /// The bound mu of a draw: the least with which one person's identifiers change the odds by
    /// more than epsilon in one of 10^6 cases at most [E-03].
    #[must_use]
    pub const fn bound(self) -> u64 {
        self.bound
    }

    /// Noise rows M of a session: 2·mu·w.
    #[must_use]
    pub fn rows(self, width: RowWidth) -> u64 {
        2 * self.bound * u64::from(width.get())
    }

    /// Noise elements U that may hit, over all slots of all noise rows: mu·w·(w + 1).
    #[must_use]
    pub fn hits_max(self, width: RowWidth) -> u64 {
        let width = u64::from(width.get());
        self.bound * width * (width + 1)
    }

    /// Number of noise elements that may hit in a session of these terms, none without noise: the
    /// table has to hold their tags [E-08].
    #[must_use]
    pub fn tags(terms: &MatchTerms, width: RowWidth) -> u64 {
        Self::of_terms(terms).map_or(0, |noise| noise.hits_max(width))
    }

    /// Expected number of noise rows with at least `hits` hits, which is taken off the count again:
    /// mu·(2(w − j) + 1); none above w.
    #[must_use]
    pub fn shift(self, width: RowWidth, hits: u8) -> u64 {
        width.get().checked_sub(hits).map_or(0, |above| self.bound * (2 * u64::from(above) + 1))
    }

    /// Number of the hit scalar of a slot of a noise row; `None` for a slot that never hits.
    ///
    /// Slot j of a row, from 0, can hit in the first 2·mu·(w − j) rows [E-06].
    #[must_use]
    pub fn hit_number(self, width: RowWidth, row: u64, slot: u8) -> Option<u64> {
        let (bound, width, slot) = (self.bound, u64::from(width.get()), u64::from(slot));
        let rows = 2 * bound * width.checked_sub(slot)?;
        // The rows of the slots before: the sum of 2·mu·(w − i) for i below the slot.
        let before = bound * slot * (2 * width + 1 - slot);
        (row < rows).then_some(before + row)
    }

    /// Thresholds t_k = floor(2^64 · 2·alpha^k / (1 + alpha)) for k = 1 to mu, decreasing: a draw
    /// is k away from its middle, or further, with probability t_k / 2^64 [E-02].
    pub fn thresholds(self) -> impl Iterator<Item = u64> {
        let alpha = self.alpha();
        let first = fraction(2 * alpha, ONE + alpha);
        let powers = core::iter::successors(Some(first), move |last| Some(product(*last, alpha)));
        (0..self.bound).zip(powers).map(|(_, power)| (power >> (BITS - 64)) as u64)
    }

    /// Draws the noise of one session from 16 uniform bytes for each number of hits [E-04].
    ///
    /// Takes the same time for every draw: all thresholds are compared, and nothing branches.
    #[must_use]
    pub fn draw(self, width: RowWidth, mut words: impl FnMut(u8) -> Zeroizing<[u8; 16]>) -> Draw {
        let thresholds: Vec<u64> = self.thresholds().collect();
        let mut rows = Zeroizing::new([0; WIDTH_MAX]);
        for (hits, rows) in (1..=width.get()).zip(rows.iter_mut()) {
            let word = u128::from_le_bytes(*words(hits));
            let (distance, sign) = (word as u64, (word >> 64) as u64 & 1);
            let distance =
                thresholds.iter().fold(0, |sum, threshold| sum + below(distance, *threshold));
            // Two's complement: the middle, plus or minus the distance.
            let signed = (distance ^ sign.wrapping_neg()).wrapping_add(sign);
            *rows = self.shift(width, hits).wrapping_add(signed);
        }
        Draw { rows }
    }

    /// Elements of some noise rows, as if they had come in BLIND under K_a, the `blind`.
    ///
    /// Both elements of a slot that may hit are made, and one is taken by the draw without a
    /// branch: neither work nor time says anything of the draw [E-06].
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] for a blind that does not decode, and for a scalar that happens with
    /// probability 2^-249.
    pub fn asked(
        self,
        width: RowWidth,
        rows: Range<u64>,
        blind: &Encoded,
        derivation: &KeyDerivation,
        arithmetic: &dyn BatchArithmetic,
    ) -> Result<Zeroizing<Vec<Encoded>>, Bug> {
        let of_row = |row: u64| (0..width.get()).map(move |slot| (row, slot));
        let slots: Vec<(u64, u8)> = rows.flat_map(of_row).collect();
        let number = |(row, slot): &(u64, u8)| self.hit_number(width, *row, *slot);
        let under = |numbers: Vec<u64>, hits: bool| {
            let scalars = derivation.noise_scalars(arithmetic, hits, numbers.into_iter())?;
            let blinds = alloc::vec![*blind; scalars.len()];
            let mut elements = Zeroizing::new(alloc::vec![[0; 32]; scalars.len()]);
            let done = arithmetic.multiply_each(&scalars, &blinds, &mut elements);
            done.map_err(|_| Bug::invariant())?;
            Ok::<_, Bug>(elements)
        };
        let hits = under(slots.iter().filter_map(number).collect(), true)?;
        let position = |(row, slot): &(u64, u8)| row * u64::from(width.get()) + u64::from(*slot);
        let mut asked = under(slots.iter().map(position).collect(), false)?;
        let draw = self.draw(width, |hits| derivation.noise_draw(hits, blind));
        let able = slots.iter().zip(asked.iter_mut()).filter(|(slot, _)| number(slot).is_some());
        for (((row, slot), element), hit) in able.zip(hits.iter()) {
            let chosen = draw.hits(*row, *slot) as u8;
            for (byte, other) in element.iter_mut().zip(hit) {
                *byte ^= chosen & (*byte ^ other);
            }
        }
        Ok(asked)
    }

    /// Rows by which a released number of matched rows is off at most, in 95 of 100 cases.
    #[must_use]
    pub fn interval_rows(self) -> u64 {
        let often = |threshold: &u64| *threshold > u64::MAX / 20;
        self.thresholds().take_while(often).count() as u64
    }

    /// Variance of a draw in rows², rounded up.
    #[must_use]
    pub fn variance(self) -> u64 {
        // The sum of P(|X| >= k) · (2k − 1), which is at most 2^64 · mu².
        let odd = (1_u128..).step_by(2);
        let sum: u128 = odd.zip(self.thresholds()).map(|(odd, next)| odd * u128::from(next)).sum();
        (sum >> 64) as u64 + 1
    }

    /// alpha = exp(−epsilon / unit), in units of 2^−112.
    fn alpha(self) -> u128 {
        let (epsilon, unit) = (u128::from(self.epsilon_milli), u128::from(self.unit));
        let (mut alpha, mut term) = (0, ONE);
        let mut divisor = 0;
        // The series of exp(−x): terms fall below the unit after some thirty of them.
        for sign in [true, false].into_iter().cycle() {
            if term == 0 {
                break;
            }
            alpha = if sign { alpha + term } else { alpha - term };
            divisor += 1000 * unit;
            term = term * epsilon / divisor;
        }
        alpha
    }
}

/// Noise of one session; secret.
pub struct Draw {
    /// Rows with at least 1, 2, … 8 hits.
    rows: Zeroizing<[u64; WIDTH_MAX]>,
}

impl Draw {
    /// All ones if a slot of a noise row hits, else zero; the time says nothing of it.
    ///
    /// The first rows hit most: row i, from 0, hits in its slot j, from 0, if at least j + 1 hits
    /// are in more than i rows.
    #[must_use]
    pub fn hits(&self, row: u64, slot: u8) -> u64 {
        self.rows.get(usize::from(slot)).map_or(0, |rows| below(row, *rows).wrapping_neg())
    }

    /// Rows with at least `hits` hits, for the provider's own record.
    #[must_use]
    pub fn rows_with(&self, hits: u8) -> u64 {
        let at = usize::from(hits).checked_sub(1);
        at.and_then(|at| self.rows.get(at)).map_or(0, |rows| *rows)
    }
}

impl core::fmt::Debug for Draw {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Draw(..)")
    }
}

/// 1 if `a` is below `b`, else 0, without a branch.
const fn below(a: u64, b: u64) -> u64 {
    ((a as u128).wrapping_sub(b as u128) >> 127) as u64
}

/// a·b for fractions up to 1 in units of 2^−112, rounded down.
const fn product(a: u128, b: u128) -> u128 {
    const HALF: u32 = BITS / 2;
    const LOW: u128 = (1 << HALF) - 1;
    let (a_high, a_low, b_high, b_low) = (a >> HALF, a & LOW, b >> HALF, b & LOW);
    a_high * b_high + ((a_high * b_low + a_low * b_high + ((a_low * b_low) >> HALF)) >> HALF)
}

/// part / whole in units of 2^−112, rounded down, for a part below the whole.
fn fraction(part: u128, whole: u128) -> u128 {
    let (mut rest, mut quotient) = (part, 0);
    for _ in 0..BITS {
        rest <<= 1;
        quotient <<= 1;
        if let Some(less) = rest.checked_sub(whole) {
            (rest, quotient) = (less, quotient + 1);
        }
    }
    quotient
}

/// Odds of one in so many that a run reveals more than epsilon.
pub const DELTA_ONE_IN: u32 = 1_000_000;

/// Privacy losses that terms may name, in thousandths, and the bound mu for units of 1 to 8.
const BOUNDS: [(u32, [u16; 8]); 4] = [
    (125, [111, 233, 358, 487, 617, 750, 883, 1_018]),
    (250, [55, 116, 179, 244, 309, 375, 442, 509]),
    (500, [27, 58, 89, 122, 154, 187, 221, 254]),
    (1_000, [14, 29, 44, 60, 76, 93, 110, 127]),
];

const WIDTH_MAX: usize = protocol::limits::ROW_WIDTH_MAX as usize;
/// Binary places of the fractions here; 1000 times the greatest of them has to fit.
const BITS: u32 = 112;
const ONE: u128 = 1 << BITS;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::string::String;

    use protocol::limits::{
        EPSILON_EPOCH_MILLI_MAX, REMOVAL_EPSILON_EPOCH_MILLI, REMOVAL_EPSILON_MILLI,
    };
    use protocol::rows::Histogram;
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::count::Counts;

    const UNITS: core::ops::RangeInclusive<u8> = 1..=8;
    const EPSILONS: [u32; 4] = [125, 250, 500, 1_000];

    fn all() -> impl Iterator<Item = Noise> {
        EPSILONS.iter().flat_map(|milli| UNITS.map(|unit| Noise::of(*milli, unit).unwrap()))
    }

    fn width(slots: u8) -> RowWidth {
        RowWidth::new(slots).unwrap()
    }

    fn vector(name: &str) -> Value {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/noise");
        serde_json::from_slice(&std::fs::read(root.join(name)).unwrap()).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Uniform words from a seed and a number.
    fn words(seed: u64, number: u64) -> impl FnMut(u8) -> Zeroizing<[u8; 16]> {
        move |hits| {
            let mut hash = Sha256::new();
            hash.update(seed.to_le_bytes());
            hash.update(number.to_le_bytes());
            hash.update([hits]);
            Zeroizing::new(*hash.finalize().first_chunk().unwrap())
        }
    }

    /// A new seed each time; every failure prints it, and `VEILMATCH_SEED` gives it again.
    fn seed() -> u64 {
        let named = std::env::var("VEILMATCH_SEED").ok().map(|text| text.parse().unwrap());
        named.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.unwrap().as_nanos() as u64
        })
    }

    /// Probability that a draw is at each distance from its middle, by the thresholds.
    fn at_distance(noise: Noise) -> Vec<f64> {
        let whole = 2_f64.powi(64);
        let mut beyond: Vec<u64> = noise.thresholds().collect();
        beyond.push(0);
        let first = (whole - beyond[0] as f64) / whole;
        let rest = beyond.windows(2).map(|pair| (pair[0] - pair[1]) as f64 / whole);
        core::iter::once(first).chain(rest).collect()
    }

    /// Probabilities of −mu to mu of a clamped two-sided geometric distribution.
    fn ideal(alpha: f64, bound: u64) -> Vec<f64> {
        let bound = bound as i32;
        let inner = |x: i32| (1.0 - alpha) / (1.0 + alpha) * alpha.powi(x.abs());
        let outer = alpha.powi(bound) / (1.0 + alpha);
        (-bound..=bound).map(|x| if x.abs() == bound { outer } else { inner(x) }).collect()
    }

    fn shipped(noise: Noise) -> Vec<f64> {
        let distances = at_distance(noise);
        let bound = noise.bound() as i32;
        let of = |x: i32| distances[x.unsigned_abs() as usize] / if x == 0 { 1.0 } else { 2.0 };
        (-bound..=bound).map(of).collect()
    }

    /// Sum of max(0, P − e^epsilon · Q) over the joint outcomes, Q being P moved by the shifts.
    ///
    /// The ratio P / Q of an outcome is alpha^k·(1 − alpha)^l; outcomes of one k and l are taken
    /// together.
    fn delta(of: &[f64], alpha: f64, shifts: &[u64], epsilon: f64) -> f64 {
        let bound = (of.len() / 2) as i64;
        let parts = |x: i64| (x.abs(), i64::from(x.abs() < bound));
        let (mut joint, mut certain) = (BTreeMap::from([((0, 0), 1.0)]), 0.0);
        for shift in shifts {
            let (mut one, mut only) = (BTreeMap::new(), 0.0);
            for (x, mass) in (-bound..).zip(of) {
                let other = x - *shift as i64;
                if other < -bound {
                    only += mass;
                    continue;
                }
                // Q has the outcomes above, too, where P has none: they add nothing.
                let (own, other) = (parts(x), parts(other));
                *one.entry((own.0 - other.0, own.1 - other.1)).or_insert(0.0) += mass;
            }
            let mut next = BTreeMap::new();
            for ((k, l), known) in &joint {
                for ((more, inner), mass) in &one {
                    *next.entry((k + more, l + inner)).or_insert(0.0) += known * mass;
                }
            }
            certain += joint.values().sum::<f64>() * only;
            joint = next;
        }
        let excess = |(k, l): (i64, i64)| {
            let ratio = alpha.powi(k as i32) * (1.0 - alpha).powi(l as i32);
            (1.0 - epsilon.exp() / ratio).max(0.0)
        };
        certain + joint.iter().map(|(at, mass)| mass * excess(*at)).sum::<f64>()
    }

    /// Every way to spread `changes` over coordinates, largest first.
    fn splits(changes: u64, most: u64) -> Vec<Vec<u64>> {
        if changes == 0 {
            return vec![Vec::new()];
        }
        let of = |first: u64| {
            splits(changes - first, first).into_iter().map(move |mut rest| {
                rest.insert(0, first);
                rest
            })
        };
        (1..=most.min(changes)).flat_map(of).collect()
    }

    /// Largest delta of all ways to spread at most `unit` changes.
    fn worst(of: &[f64], unit: u8, epsilon: f64) -> f64 {
        let alpha = (-epsilon / f64::from(unit)).exp();
        let all = (1..=u64::from(unit)).flat_map(|changes| splits(changes, changes));
        all.map(|shifts| delta(of, alpha, &shifts, epsilon)).fold(0.0, f64::max)
    }

    #[test]
    fn thresholds_are_those_of_the_specification() {
        // The file comes from another program, which computes with ninety decimal places.
        let vector = vector("parameters.json");
        let lines = vector.as_array().unwrap();
        assert_eq!(lines.len(), all().count());
        for (noise, line) in all().zip(lines) {
            let number = |name: &str| line[name].as_u64().unwrap();
            let of = (u64::from(noise.epsilon_milli()), u64::from(noise.unit()));
            assert_eq!(of, (number("epsilon_milli"), number("noise_unit")));
            assert_eq!(noise.bound(), number("mu"));
            assert_eq!(noise.interval_rows(), number("interval_rows"));
            assert_eq!(noise.variance(), number("variance_rounded_up"));
            let thresholds: Vec<u64> = noise.thresholds().collect();
            let bytes: Vec<u8> = thresholds.iter().flat_map(|next| next.to_le_bytes()).collect();
            assert_eq!(hex(&Sha256::digest(&bytes)), line["sha256"], "{of:?}");
            let ends = [thresholds[0], *thresholds.last().unwrap()].map(|t| format!("{t:016x}"));
            assert_eq!(ends, [line["first"].as_str().unwrap(), line["last"].as_str().unwrap()]);
        }
        let listed = self::vector("thresholds-250-4.json");
        let thresholds = Noise::of(250, 4).unwrap().thresholds();
        let computed: Vec<Value> = thresholds.map(|next| format!("{next:016x}").into()).collect();
        assert_eq!(listed, Value::from(computed));
        for (milli, unit) in [(0, 1), (251, 4), (250, 0), (250, 9)] {
            assert_eq!(Noise::of(milli, unit), None);
        }
    }

    #[test]
    fn bounds_are_the_least_with_a_delta_of_a_millionth() {
        let vector = vector("parameters.json");
        for (noise, line) in all().zip(vector.as_array().unwrap()) {
            let epsilon = f64::from(noise.epsilon_milli()) / 1_000.0;
            let found = worst(&shipped(noise), noise.unit(), epsilon);
            let listed: f64 = line["delta"].as_str().unwrap().parse().unwrap();
            assert!((found - listed).abs() < 2e-12, "{noise:?}: {found} and {listed}");
            assert!(found <= 1.0 / f64::from(DELTA_ONE_IN), "{noise:?}: {found}");
            let alpha = (-epsilon / f64::from(noise.unit())).exp();
            let less = worst(&ideal(alpha, noise.bound() - 1), noise.unit(), epsilon);
            assert!(less > 1.0 / f64::from(DELTA_ONE_IN), "{noise:?}: {less}");
        }
    }

    /// Bins of what the advertiser sees, with the probability of each, over every draw.
    fn seen(rows: &[usize], of: &[f64], slots: usize) -> BTreeMap<Vec<i64>, f64> {
        let bound = (of.len() / 2) as i64;
        let mut seen = BTreeMap::new();
        let draws = of.len().pow(slots as u32);
        for draw in 0..draws {
            let (mut left, mut mass) = (draw, 1.0);
            let mut at_least = Vec::new();
            for hits in 1..=slots {
                let at = left % of.len();
                left /= of.len();
                mass *= of[at];
                let noise = at as i64 - bound + bound * (2 * (slots - hits) as i64 + 1);
                assert!(at_least.last().is_none_or(|last| *last >= noise) && noise >= 0);
                at_least.push(noise);
            }
            at_least.push(0);
            let bins = (1..=slots).map(|hits| {
                let real = rows.iter().filter(|row| **row == hits).count() as i64;
                real + at_least[hits - 1] - at_least[hits]
            });
            *seen.entry(bins.collect()).or_insert(0.0) += mass;
        }
        seen
    }

    #[test]
    fn bins_of_neighbours_differ_by_no_more_than_delta_over_all_draws() {
        // Every way in which up to `unit` identifiers of one person are in three rows or are not.
        for (bound, unit, slots) in [(2, 1, 2), (3, 1, 3), (3, 2, 2), (4, 2, 2), (3, 3, 3)] {
            let epsilon = 0.5;
            let of = ideal((-epsilon / f64::from(unit)).exp(), bound);
            let rows = vec![0_usize; 3];
            let without = seen(&rows, &of, slots);
            let mut most = 0.0_f64;
            let ways = (slots + 1).pow(3);
            for way in 0..ways {
                let added: Vec<usize> =
                    (0..3).map(|row| way / (slots + 1).pow(row) % (slots + 1)).collect();
                if added.iter().sum::<usize>() > usize::from(unit) {
                    continue;
                }
                let with = seen(&added, &of, slots);
                for (p, q) in [(&with, &without), (&without, &with)] {
                    let excess = |(bins, mass): (&Vec<i64>, &f64)| {
                        let other = q.get(bins).copied().unwrap_or(0.0);
                        (mass - epsilon.exp() * other).max(0.0)
                    };
                    most = most.max(p.iter().map(excess).sum());
                }
            }
            let expected = worst(&of, unit, epsilon);
            assert!((most - expected).abs() < 1e-9, "{bound} {unit} {slots}: {most} {expected}");
        }
    }

    #[test]
    fn a_million_draws_follow_the_distribution() {
        let seed = seed();
        for noise in [Noise::of(250, 4).unwrap(), Noise::of(1_000, 1).unwrap()] {
            let (mut met, width) = (BTreeMap::new(), width(8));
            for number in 0..125_000 {
                let draw = noise.draw(width, words(seed, number));
                for hits in 1..=8 {
                    let off = draw.rows_with(hits) as i64 - noise.shift(width, hits) as i64;
                    *met.entry(off).or_insert(0_u64) += 1;
                }
            }
            let bound = noise.bound() as i64;
            assert!(met.keys().all(|off| (-bound..=bound).contains(off)));
            // Pearson's statistic over the cells that hold 20 or more, the others together.
            let (mut sum, mut cells, mut rest) = (0.0, 0_u32, (0.0, 0.0));
            for (off, mass) in (-bound..).zip(shipped(noise)) {
                let (expected, found) = (mass * 1e6, met.get(&off).copied().unwrap_or(0) as f64);
                if expected >= 20.0 {
                    sum += (found - expected).powi(2) / expected;
                    cells += 1;
                } else {
                    rest = (rest.0 + expected, rest.1 + found);
                }
            }
            sum += (rest.1 - rest.0).powi(2) / rest.0.max(1.0);
            let free = f64::from(cells);
            // Six standard deviations of it.
            assert!(
                sum < free + 6.0 * (2.0 * free).sqrt(),
                "seed {seed}, {noise:?}: {sum} over {cells}"
            );
        }
    }

    #[test]
    fn rows_of_every_draw_are_nested_and_all_hits_have_a_number_of_their_own() {
        for noise in [Noise::of(1_000, 1).unwrap(), Noise::of(250, 4).unwrap()] {
            for slots in 1..=8 {
                let width = width(slots);
                let mut numbers: Vec<u64> = (0..slots)
                    .flat_map(|slot| {
                        (0..noise.rows(width))
                            .filter_map(move |row| noise.hit_number(width, row, slot))
                    })
                    .collect();
                numbers.sort_unstable();
                assert!(numbers.into_iter().eq(0..noise.hits_max(width)));
                // The ends of the distribution, in every combination of two.
                for low in 0..4_u8 {
                    let draw = noise.draw(width, |hits| {
                        let sign = u64::from(low >> (hits % 2) & 1);
                        Zeroizing::new(u128::from(sign).rotate_left(64).to_le_bytes())
                    });
                    let mut last = noise.rows(width);
                    for hits in 1..=slots {
                        let rows = draw.rows_with(hits);
                        assert!(rows <= last);
                        last = rows;
                        for row in 0..noise.rows(width) {
                            let hit = draw.hits(row, hits - 1);
                            assert_eq!(hit == u64::MAX, row < rows);
                            assert!(hit == 0 || hit == u64::MAX);
                            let number = noise.hit_number(width, row, hits - 1);
                            assert!(hit == 0 || number.is_some());
                        }
                    }
                    assert_eq!(draw.rows_with(slots + 1), 0);
                    assert_eq!(draw.hits(0, slots), 0);
                }
            }
        }
    }

    /// Counts of rows of which some match, under the noise of one draw.
    fn noised(noise: Noise, rows: u64, matched: u64, number: u64, seed: u64) -> Counts {
        let width = RowWidth::ONE;
        let draw = noise.draw(width, words(seed, number));
        let mut histogram = Histogram::of_rows(rows + noise.rows(width));
        (0..matched + draw.rows_with(1)).for_each(|_| histogram.hit(1).unwrap());
        Counts { rows, sampled: false, width, histogram, noise: Some(noise) }
    }

    #[test]
    fn known_rows_around_a_target_tell_no_more_than_the_bound() {
        // 149 or 99 known rows, the target's, and invented ones up to a thousand. A modified node
        // has the number of rows that hit before anything is taken off it or clamped.
        let (seed, seeds) = (seed(), 100_000_u64);
        for known in [149, 99] {
            for (unit, of_target) in [(1, 1), (4, 1), (4, 4)] {
                let noise = Noise::of(250, unit).unwrap();
                let hits = |matched: u64, number| {
                    let draw = noise.draw(RowWidth::ONE, words(seed, number));
                    (matched + draw.rows_with(1)) as usize
                };
                // Every rule of one threshold: by the lemma of Neyman and Pearson no other does
                // better, and what is shown is a function of this number.
                let (mut without, mut with) = (vec![0_u64; 1_001], vec![0_u64; 1_001]);
                for number in 0..seeds {
                    without[hits(known, 2 * number)] += 1;
                    with[hits(known + of_target, 2 * number + 1)] += 1;
                }
                let (mut below, mut best) = (0_i64, 0_i64);
                for (without, with) in without.iter().zip(&with) {
                    below += *without as i64 - *with as i64;
                    best = best.max(below);
                }
                let right = 0.5 + best as f64 / (2.0 * seeds as f64);
                let epsilon = 0.25 * f64::from(of_target as u32) / f64::from(unit);
                let bound = epsilon.exp() / (1.0 + epsilon.exp());
                let case = format!("seed {seed}, {known} {unit} {of_target}: {right} of {bound}");
                // Of 1,000 thresholds the best one is chosen afterwards.
                assert!(right < bound + 0.006, "{case}");
                // A count that tells nothing would pass as well.
                assert!(right > bound - 0.02, "{case}");
                if of_target == 1 {
                    let shown = |number| {
                        let counts = noised(noise, 1_000, known, number, seed);
                        (counts.matched(), hits(known, number) as u64)
                    };
                    let taken_off = noise.shift(RowWidth::ONE, 1);
                    for (shown, hits) in (0..1_000).map(shown) {
                        assert_eq!(shown, hits.saturating_sub(taken_off), "{case}");
                    }
                }
            }
        }
    }

    /// Cases in a hundred in which the best guess about one person is right after answers each of
    /// which is right with its own probability: no mechanism of that epsilon tells more.
    fn guessed(runs: &[(u32, f64)]) -> f64 {
        // Sum of max(0, P − Q), outcomes with equally many right answers of a kind together.
        let mut joint = vec![(1.0, 1.0)];
        for (runs, p) in runs {
            let mut ways = 1.0;
            let mut next = Vec::new();
            for right in 0..=*runs {
                let (hit, miss) = (f64::from(right), f64::from(runs - right));
                let odds = |p: f64| ways * p.powf(hit) * (1.0 - p).powf(miss);
                next.extend(joint.iter().map(|(a, b)| (a * odds(*p), b * odds(1.0 - p))));
                ways *= miss / (hit + 1.0);
            }
            joint = next;
        }
        let apart: f64 = joint.iter().map(|(p, q): &(f64, f64)| (p - q).max(0.0)).sum();
        100.0 * (0.5 + apart / 2.0)
    }

    /// Probability that a draw at this loss is not below its middle: the answer to whether one row
    /// was added is right so often, and the odds of every outcome but the ends are these.
    fn right(milli: u32) -> f64 {
        let first = Noise::of(milli, 1).unwrap().thresholds().next().unwrap();
        1.0 - first as f64 / 2_f64.powi(65)
    }

    #[test]
    fn runs_of_an_epoch_compose_as_published() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let pages = ["spec/noise.md", "docs/reference/profiles.md"]
            .map(|page| std::fs::read_to_string(root.join(page)).unwrap());
        let removals = (REMOVAL_EPSILON_EPOCH_MILLI / REMOVAL_EPSILON_MILLI, REMOVAL_EPSILON_MILLI);
        let removals = (removals.0, right(removals.1));
        for milli in EPSILONS {
            let runs = EPSILON_EPOCH_MILLI_MAX / milli;
            let p = right(milli);
            let epsilon = f64::from(milli) / 1_000.0;
            assert!((p - epsilon.exp() / (1.0 + epsilon.exp())).abs() < 1e-12);
            let row = format!(
                "| {epsilon} | {:.1} | {runs} | {:.1} | {:.1} |",
                guessed(&[(1, p)]),
                guessed(&[(runs, p)]),
                guessed(&[(runs, p), removals]),
            );
            for page in &pages {
                assert!(page.contains(&row), "not published: {row}");
            }
        }
        let epochs = [3, 12].map(|epochs| guessed(&[(32 * epochs, right(250))]));
        let text = format!("{:.1} after three epochs and {:.1} after twelve", epochs[0], epochs[1]);
        for page in &pages {
            assert!(page.contains(&text), "not published: {text}");
        }
    }
}
