//! Sums of public points with public weights, in variable time: Pippenger's buckets in lanes.
//!
//! Every weight is cut into signed digits. For one digit position at a time, points are sorted
//! by digit into buckets; as many buckets as there are lanes grow side by side, buckets of like
//! size together, so that few lanes idle. Then the buckets are summed with their multiplicities,
//! a lane for each stretch of them, and the lanes come together only at the very end.

use core::cmp::Reverse;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;

use super::edwards::{self, Extended, Niels, Uncarried};
use super::stages::decode_groups;
use super::{Constant, Kernel, LANES_MAX, Lanes, ristretto};
use crate::{BadElement, Encoded, check, dalek};

/// One sum for each of the runs, all under the same weights.
///
/// The index of a bad element counts through all runs.
pub(crate) fn vartime_sums<F: Kernel, const RUNS: usize>(
    f: F,
    weights: &[[u8; 32]],
    runs: [&[Encoded]; RUNS],
) -> Result<[Encoded; RUNS], BadElement> {
    if weights.len() < LEAST {
        return dalek::vartime_sums(weights, runs);
    }
    let mut totals = [Extended::identity(f); RUNS];
    let mut tables = [const { Vec::new() }; RUNS];
    let mut window = Window::default();
    for (start, weights) in (0..).step_by(PART).zip(weights.chunks(PART)) {
        for (table, elements) in tables.iter_mut().zip(runs) {
            if !fill(f, table, &elements[start..start + weights.len()]) {
                first_bad(f, &runs)?;
            }
        }
        let digits = Digits::new(weights);
        let mut buckets = vec![Bucket::default(); digits.buckets()];
        let mut sums =
            [Stretches { once: Extended::identity(f), each: Extended::identity(f) }; RUNS];
        for position in (0..digits.positions).rev() {
            window.sort(&digits, position);
            for (table, sums) in tables.iter().zip(&mut sums) {
                f.fill_buckets(table, &window, &mut buckets);
                f.collect_buckets(&buckets, digits.bits, sums);
            }
        }
        for (total, sums) in totals.iter_mut().zip(&sums) {
            f.merge(sums, digits.buckets(), total);
        }
    }
    Ok(totals.map(|total| {
        let mut doubled = [[0; 32]; LANES_MAX];
        f.encode_point(&total, &mut doubled[..F::LANES]);
        halved(doubled[0])
    }))
}

/// Adds the points of each bucket: as many buckets at once as there are lanes.
#[inline(always)]
pub(crate) fn fill_buckets<F: Kernel>(
    f: F,
    table: &[F::Row],
    window: &Window,
    buckets: &mut [Bucket<F::Row>],
) {
    // The last row of a table is the identity.
    let idle = table.len() - 1;
    let entry = |bucket: usize, at: usize| {
        let at = window.starts[bucket] as usize + at;
        if at < window.starts[bucket + 1] as usize { window.entries[at] as usize } else { idle }
    };
    for group in window.order.chunks(F::LANES) {
        let most = window.size(group[0] as usize);
        let mut sum = Uncarried::identity(f);
        let mut next = [idle; LANES_MAX];
        for step in 0..=most {
            let now = next;
            for (next, &bucket) in next.iter_mut().zip(group) {
                *next = entry(bucket as usize, step);
                f.prefetch(&table[*next & !NEGATIVE]);
            }
            if step > 0 {
                let mut negative = 0;
                let mut rows = [&table[idle]; LANES_MAX];
                for (lane, (row, &at)) in rows.iter_mut().zip(&now).enumerate() {
                    *row = &table[at & !NEGATIVE];
                    negative |= u8::from(at & NEGATIVE != 0) << lane;
                }
                let [plus, minus, twist] = f.gather(&rows[..F::LANES]);
                sum = edwards::add_niels(f, &sum, &Niels { plus, minus, twist }, negative);
            }
        }
        let Extended { x, y, z, t } = sum.carried(f);
        let mut xyz = [F::Row::default(); LANES_MAX];
        let mut ttt = [F::Row::default(); LANES_MAX];
        f.scatter([&x, &y, &z], &mut xyz[..F::LANES]);
        f.scatter([&t, &t, &t], &mut ttt[..F::LANES]);
        for (&bucket, (xyz, t)) in group.iter().zip(xyz.into_iter().zip(ttt)) {
            buckets[bucket as usize] = Bucket { xyz, t };
        }
    }
}

/// Sums of the buckets of one stretch in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Stretches<F: Lanes> {
    /// Every bucket once.
    once: Extended<F>,
    /// The first bucket of the stretch once, the second twice, and so on.
    each: Extended<F>,
}

/// Moves `sums` up by one digit position of `bits` bits and adds the buckets of the next.
#[inline(always)]
pub(crate) fn collect_buckets<F: Kernel>(
    f: F,
    buckets: &[Bucket<F::Row>],
    bits: u32,
    sums: &mut Stretches<F>,
) {
    let stretch = buckets.len() / F::LANES;
    let mut once = Extended::identity(f);
    let mut each = Extended::identity(f);
    for at in (0..stretch).rev() {
        let mut xyz = [&buckets[at].xyz; LANES_MAX];
        let mut ttt = [&buckets[at].t; LANES_MAX];
        for lane in 0..F::LANES {
            let bucket = &buckets[lane * stretch + at];
            (xyz[lane], ttt[lane]) = (&bucket.xyz, &bucket.t);
        }
        let [x, y, z] = f.gather(&xyz[..F::LANES]);
        let [t, ..] = f.gather(&ttt[..F::LANES]);
        once = f.add_points(&once, &Extended { x, y, z, t });
        each = f.add_points(&each, &once);
    }
    for _ in 0..bits {
        sums.once = f.double_point(&sums.once);
        sums.each = f.double_point(&sums.each);
    }
    sums.once = f.add_points(&sums.once, &once);
    sums.each = f.add_points(&sums.each, &each);
}

/// Adds the stretches of all lanes to `total`, where every lane gets the same point.
#[inline(always)]
pub(crate) fn merge<F: Kernel>(f: F, sums: &Stretches<F>, buckets: usize, total: &mut Extended<F>) {
    // Lane i counts its buckets from i times the length of a stretch.
    let identity = Extended::identity(f);
    let mut offset = identity;
    for lanes in [0xf0, 0xcc, 0xaa] {
        offset = f.double_point(&offset);
        let with = f.add_points(&offset, &sums.once);
        offset = select(f, lanes, &with, &offset);
    }
    for _ in 0..(buckets / F::LANES).trailing_zeros() {
        offset = f.double_point(&offset);
    }
    let mut sum = f.add_points(&sums.each, &offset);
    let mut distance = F::LANES / 2;
    while distance > 0 {
        let moved = exchanged(f, &sum, distance);
        sum = f.add_points(&sum, &moved);
        distance /= 2;
    }
    *total = f.add_points(total, &sum);
}

/// Encodes twice the point of each lane.
#[inline(always)]
pub(crate) fn encode_point<F: Kernel>(f: F, point: &Extended<F>, out: &mut [Encoded]) {
    let double = ristretto::doubling_of(f, point);
    let mut inverse = [double.all];
    f.invert_batch(&mut inverse, &mut [double.all]);
    f.encode(&double, &inverse[0], out);
}

/// A bucket's sum in memory, one lane of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bucket<Row> {
    xyz: Row,
    t: Row,
}

/// Weights, shifted so that every digit can be read on its own.
pub(crate) struct Digits {
    shifted: Vec<[u8; 32]>,
    bits: u32,
    positions: usize,
}

impl Digits {
    fn new(weights: &[[u8; 32]]) -> Self {
        let bits = best_bits(weights.len());
        let positions = positions(bits);
        // Half of every digit but the highest: what is read minus a half is a signed digit, and
        // no carry runs from one to the next.
        let mut halves = [0u64; 4];
        for position in 0..positions - 1 {
            let bit = position * bits as usize + bits as usize - 1;
            halves[bit / 64] |= 1 << (bit % 64);
        }
        let shifted = weights.iter().map(|weight| shifted(weight, &halves)).collect();
        Digits { shifted, bits, positions }
    }

    /// Buckets of one position, for digits of 1 to this, of either sign.
    fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// The digits at one position.
    fn at(&self, position: usize) -> impl Iterator<Item = i32> + '_ {
        let bit = position * self.bits as usize;
        let byte = (bit / 8).min(24);
        let shift = bit - 8 * byte;
        let top = position + 1 == self.positions;
        let (mask, half) =
            if top { (u64::MAX, 0) } else { ((1 << self.bits) - 1, self.buckets() as i32) };
        self.shifted.iter().map(move |weight| {
            let word = u64::from_le_bytes(core::array::from_fn(|i| weight[byte + i]));
            (word >> shift & mask) as i32 - half
        })
    }
}

/// The points of one digit position, sorted into buckets.
#[derive(Default)]
pub(crate) struct Window {
    /// Rows of the table, with the sign of the digit, by bucket.
    entries: Vec<u32>,
    /// Index in `entries` at which each bucket starts, and the end.
    starts: Vec<u32>,
    /// The buckets, largest first.
    order: Vec<u32>,
}

impl Window {
    fn sort(&mut self, digits: &Digits, position: usize) {
        let buckets = digits.buckets();
        // Slot 0 is for digits of zero, which need no work; slot i + 1 counts bucket i.
        self.starts.clear();
        self.starts.resize(buckets + 2, 0);
        for digit in digits.at(position) {
            self.starts[digit.unsigned_abs() as usize + 1] += 1;
        }
        for slot in 1..buckets + 2 {
            self.starts[slot] += self.starts[slot - 1];
        }
        self.entries.resize(digits.shifted.len(), 0);
        for (row, digit) in (0u32..).zip(digits.at(position)) {
            let slot = &mut self.starts[digit.unsigned_abs() as usize];
            let sign = if digit < 0 { NEGATIVE as u32 } else { 0 };
            self.entries[*slot as usize] = row | sign;
            *slot += 1;
        }
        // Each slot has moved to where the next one began: digits of zero end where bucket 0
        // starts.
        self.order.clear();
        self.order.extend(0..buckets as u32);
        let starts = &self.starts;
        self.order.sort_unstable_by_key(|&bucket| {
            Reverse(starts[bucket as usize + 1] - starts[bucket as usize])
        });
    }

    fn size(&self, bucket: usize) -> usize {
        (self.starts[bucket + 1] - self.starts[bucket]) as usize
    }
}

/// Decodes a table of rows, the identity last; false if an element is bad.
fn fill<F: Kernel>(f: F, table: &mut Vec<F::Row>, elements: &[Encoded]) -> bool {
    let padded = elements.len().next_multiple_of(4 * F::LANES);
    table.clear();
    table.resize(padded + F::LANES, F::Row::default());
    let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
    f.scatter([&one, &one, &zero], &mut table[padded..]);
    let decoded = decode_groups::<F>(elements, |start, group| {
        f.decode_rows(group, &mut table[start..start + 4 * F::LANES])
    });
    decoded.is_ok()
}

/// The first bad element of all runs.
fn first_bad<F: Kernel>(f: F, runs: &[&[Encoded]]) -> Result<(), BadElement> {
    let mut rows = [F::Row::default(); 4 * LANES_MAX];
    let mut before = 0;
    for elements in runs {
        decode_groups::<F>(elements, |_, group| f.decode_rows(group, &mut rows[..4 * F::LANES]))
            .map_err(|bad| BadElement { index: before + bad.index, ..bad })?;
        before += elements.len();
    }
    Ok(())
}

#[inline(always)]
fn select<F: Lanes>(f: F, mask: u8, yes: &Extended<F>, no: &Extended<F>) -> Extended<F> {
    Extended {
        x: f.select(mask, &yes.x, &no.x),
        y: f.select(mask, &yes.y, &no.y),
        z: f.select(mask, &yes.z, &no.z),
        t: f.select(mask, &yes.t, &no.t),
    }
}

/// The point of lane i XOR `distance` in lane i.
#[inline(always)]
fn exchanged<F: Lanes>(f: F, point: &Extended<F>, distance: usize) -> Extended<F> {
    let mut xyz = [F::Row::default(); LANES_MAX];
    let mut ttt = [F::Row::default(); LANES_MAX];
    f.scatter([&point.x, &point.y, &point.z], &mut xyz[..F::LANES]);
    f.scatter([&point.t, &point.t, &point.t], &mut ttt[..F::LANES]);
    let mut xyz_moved = [&xyz[0]; LANES_MAX];
    let mut ttt_moved = [&ttt[0]; LANES_MAX];
    for lane in 0..F::LANES {
        (xyz_moved[lane], ttt_moved[lane]) = (&xyz[lane ^ distance], &ttt[lane ^ distance]);
    }
    let [x, y, z] = f.gather(&xyz_moved[..F::LANES]);
    let [t, ..] = f.gather(&ttt_moved[..F::LANES]);
    Extended { x, y, z, t }
}

/// The weight modulo ℓ plus half of every digit.
fn shifted(weight: &[u8; 32], halves: &[u64; 4]) -> [u8; 32] {
    let reduced;
    // Only the rare weight of 2^252 or more may need a reduction.
    let weight = if weight[31] < 0x10 {
        weight
    } else {
        reduced = Scalar::from_bytes_mod_order(*weight).to_bytes();
        &reduced
    };
    let mut bytes = [0u8; 32];
    let mut carry = false;
    for ((out, word), half) in bytes.chunks_mut(8).zip(weight.chunks(8)).zip(halves) {
        let word = u64::from_le_bytes(core::array::from_fn(|i| word[i]));
        let (sum, first) = word.overflowing_add(*half);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        carry = first | second;
        out.copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

/// Half of an encoded point; the kernel encodes doubles only.
fn halved(doubled: Encoded) -> Encoded {
    let point = CompressedRistretto(doubled).decompress();
    // Whatever the weights, a sum of valid points encodes to something that decodes.
    let point = point.unwrap_or_else(|| check::distrust(&"vector"));
    (Scalar::ONE.div_by_2() * point).compress().to_bytes()
}

/// The digit width that costs the fewest additions for `len` points.
fn best_bits(len: usize) -> u32 {
    let cost = |bits: u32| positions(bits) * (len + (3 << (bits - 1)));
    (5..=13).min_by_key(|&bits| cost(bits)).unwrap_or(5)
}

/// Digits of a scalar below ℓ; the highest is at most half a digit's range.
fn positions(bits: u32) -> usize {
    253usize.div_ceil(bits as usize)
}

/// The sign of a digit in a bucket's entry.
const NEGATIVE: usize = 1 << 31;

/// Points whose table is worked on at a time: 4 MiB of rows.
const PART: usize = 32_768;

/// Below this many points the portable sum is faster.
const LEAST: usize = 256;
