//! Whole runs, cut into chunks that stay in the second-level cache.
//!
//! A chunk passes through the stages one after another: decode or map, ladder, one inversion for
//! all, encode. The tail of a run is padded, and what comes of the padding is dropped.

use super::{Bits, Constant, Decoded, Doubling, Kernel, LANES_MAX, Mapped, Recipe, hash_each};
use crate::dalek::Scalars;
use crate::scalar::SecretScalar;
use crate::wipe::Scratch;
use crate::{BadElement, BadReason, Encoded};

/// Multiplies a run of encodings.
pub(crate) fn multiply<F: Kernel>(
    f: F,
    by: Scalars<'_>,
    elements: &[Encoded],
    out: &mut [Encoded],
) -> Result<(), BadElement> {
    let mut batch = Batch::new(f, by, elements.len());
    for (start, (elements, out)) in starts().zip(elements.chunks(CHUNK).zip(out.chunks_mut(CHUNK)))
    {
        let (fours, _) = batch.points.as_chunks_mut();
        decode_groups::<F>(elements, |at, group| f.decode(group, &mut fours[at / F::LANES / 4]))
            .map_err(|bad| BadElement { index: start + bad.index, ..bad })?;
        batch.finish(start, out);
    }
    Ok(())
}

/// Hashes and multiplies a run of inputs.
pub(crate) fn hash_multiply<F: Kernel, I: AsRef<[u8]>>(
    f: F,
    by: Scalars<'_>,
    hash: &Recipe,
    inputs: &[I],
    out: &mut [Encoded],
) {
    let mut batch = Batch::new(f, by, inputs.len());
    let mut mapping = Mapping::new(f, inputs.len());
    for (start, (inputs, out)) in starts().zip(inputs.chunks(CHUNK).zip(out.chunks_mut(CHUNK))) {
        hash_each(f, hash, inputs, &mut mapping.uniform);
        mapping.map(inputs.len().div_ceil(F::LANES), &mut batch);
        batch.finish(start, out);
    }
}

/// Maps and multiplies a run of uniform strings.
pub(crate) fn map_multiply<F: Kernel>(
    f: F,
    by: &SecretScalar,
    uniform: &[[u8; 64]],
    out: &mut [Encoded],
) {
    let mut batch = Batch::new(f, Scalars::One(by), uniform.len());
    let mut mapping = Mapping::new(f, uniform.len());
    for (start, (uniform, out)) in starts().zip(uniform.chunks(CHUNK).zip(out.chunks_mut(CHUNK))) {
        mapping.uniform[..uniform.len()].copy_from_slice(uniform);
        mapping.map(uniform.len().div_ceil(F::LANES), &mut batch);
        batch.finish(start, out);
    }
}

/// Decodes a run group by group with `decode`, which takes the start and the padded encodings
/// of a group and returns the bits of the good ones.
pub(crate) fn decode_groups<F: Kernel>(
    elements: &[Encoded],
    mut decode: impl FnMut(usize, &[Encoded]) -> u32,
) -> Result<(), BadElement> {
    for (start, group) in (0..).step_by(4 * F::LANES).zip(elements.chunks(4 * F::LANES)) {
        let mut padded = [group[0]; 4 * LANES_MAX];
        padded[..group.len()].copy_from_slice(group);
        let mut good = decode(start, &padded[..4 * F::LANES]);
        for (i, element) in group.iter().enumerate() {
            good &= !(u32::from(*element == IDENTITY) << i);
        }
        let offset = good.trailing_ones() as usize;
        if let Some(element) = group.get(offset) {
            let identity = *element == IDENTITY;
            let reason = if identity { BadReason::Identity } else { BadReason::NotCanonical };
            return Err(BadElement { index: start + offset, reason });
        }
    }
    Ok(())
}

/// The scratch of a run and its scalars.
struct Batch<'a, F: Kernel> {
    f: F,
    by: Scalars<'a>,
    /// The bits of a scalar that all lanes share.
    shared: Option<Bits>,
    points: Scratch<Decoded<F>>,
    doubles: Scratch<Doubling<F>>,
    inverses: Scratch<F::Operand>,
    prefixes: Scratch<F::Operand>,
}

impl<'a, F: Kernel> Batch<'a, F> {
    fn new(f: F, by: Scalars<'a>, len: usize) -> Self {
        let shared = match by {
            Scalars::One(scalar) => Some(Bits::one(scalar.half())),
            Scalars::Each(_) => None,
        };
        let zero = f.constant(Constant::ZERO);
        let operands = operands::<F>(len);
        Batch {
            f,
            by,
            shared,
            points: Scratch::filled(Decoded::blank(zero), operands),
            doubles: Scratch::filled(Doubling::blank(zero), operands),
            inverses: Scratch::filled(zero, operands),
            prefixes: Scratch::filled(zero, operands),
        }
    }

    /// Multiplies and encodes the points of one chunk, whose first element has index `start`.
    fn finish(&mut self, start: usize, out: &mut [Encoded]) {
        let count = out.len().div_ceil(F::LANES);
        for i in 0..count {
            let each;
            let bits = match &self.shared {
                Some(bits) => bits,
                None => {
                    let first = start + i * F::LANES;
                    let last = start + out.len() - 1;
                    each = Bits::each(core::array::from_fn(|lane| {
                        self.by.at((first + lane.min(F::LANES - 1)).min(last)).half()
                    }));
                    &each
                }
            };
            self.doubles[i] = self.f.half_product(&self.points[i], bits);
            self.inverses[i] = self.doubles[i].all;
        }
        self.f.invert_batch(&mut self.inverses[..count], &mut self.prefixes[..count]);
        for (i, out) in out.chunks_mut(F::LANES).enumerate() {
            let mut encoded = [[0u8; 32]; LANES_MAX];
            self.f.encode(&self.doubles[i], &self.inverses[i], &mut encoded[..F::LANES]);
            out.copy_from_slice(&encoded[..out.len()]);
        }
    }
}

/// The scratch of hashing to the group.
struct Mapping<F: Kernel> {
    uniform: Scratch<[u8; 64]>,
    mapped: Scratch<Mapped<F>>,
}

impl<F: Kernel> Mapping<F> {
    fn new(f: F, len: usize) -> Self {
        let operands = operands::<F>(len);
        let zero = f.constant(Constant::ZERO);
        Mapping {
            uniform: Scratch::filled([0; 64], operands * F::LANES),
            mapped: Scratch::filled(Mapped::blank(zero), operands),
        }
    }

    /// Maps the uniform strings of `count` operands to affine points.
    fn map(&mut self, count: usize, batch: &mut Batch<'_, F>) {
        let f = batch.f;
        let pairs = self.uniform.chunks(2 * F::LANES).zip(self.mapped.chunks_mut(2));
        for (uniform, mapped) in pairs.take(count.div_ceil(2)) {
            f.map(uniform, mapped);
        }
        for (inverse, mapped) in batch.inverses.iter_mut().zip(self.mapped.iter()) {
            *inverse = mapped.denominator;
        }
        f.invert_batch(&mut batch.inverses[..count], &mut batch.prefixes[..count]);
        let done = batch.points.iter_mut().zip(self.mapped.iter().zip(batch.inverses.iter()));
        for (point, (mapped, inverse)) in done.take(count) {
            *point = f.affine(mapped, inverse);
        }
    }
}

/// Operands that a chunk of a run of `len` elements needs, in whole groups of four.
fn operands<F: Kernel>(len: usize) -> usize {
    len.min(CHUNK).div_ceil(4 * F::LANES) * 4
}

fn starts() -> impl Iterator<Item = usize> {
    (0..).step_by(CHUNK)
}

const IDENTITY: Encoded = [0; 32];

/// Elements that go through the stages together; with eight lanes about 300 KB of scratch.
pub(crate) const CHUNK: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Radix29, Radix52};
    use crate::model::Model;

    #[test]
    fn the_identity_comes_out_as_zeros_and_spoils_no_other_lane() {
        identity_in_each_lane(Radix52(Model));
        identity_in_each_lane(Radix29(Model));
        #[cfg(target_arch = "x86_64")]
        if let Some(f) = crate::ifma::Ifma::detect() {
            identity_in_each_lane(f);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(f) = crate::avx2::Avx2::detect() {
            identity_in_each_lane(f);
        }
    }

    /// No encoding that is accepted stands for the identity, so the point is put in place.
    fn identity_in_each_lane<F: Kernel>(f: F) {
        let all = u8::MAX >> (8 - F::LANES);
        let by = SecretScalar::from_canonical_bytes([3; 32]).expect("not a refused scalar");
        let mut elements = [[0; 32]; 4 * LANES_MAX];
        let inputs: Vec<[u8; 1]> = (0..32u8).map(|i| [i]).collect();
        crate::Engine::portable().hash_multiply(&by, b"test", &inputs, &mut elements);
        let mut expected = [[0; 32]; 4 * LANES_MAX];
        crate::Engine::portable().multiply(&by, &elements, &mut expected).expect("valid");
        let zero = f.constant(Constant::ZERO);
        for mask in (0..F::LANES).map(|lane| 1 << lane).chain([all]) {
            let mut points = [Decoded::blank(zero); 4];
            f.decode(&elements[..4 * F::LANES], &mut points);
            let point = &mut points[1];
            point.u = f.select(mask, &zero, &point.u);
            point.v = f.select(mask, &zero, &point.v);
            let mut batch = Batch::new(f, Scalars::One(&by), 4 * F::LANES);
            batch.points.copy_from_slice(&points);
            let mut out = [[0xaa; 32]; 4 * LANES_MAX];
            batch.finish(0, &mut out[..4 * F::LANES]);
            for (i, (product, expected)) in out[..4 * F::LANES].iter().zip(&expected).enumerate() {
                let is_identity = i / F::LANES == 1 && mask >> (i % F::LANES) & 1 == 1;
                assert_eq!(product, if is_identity { &IDENTITY } else { expected });
            }
        }
    }
}
