//! The portable backend: curve25519-dalek with its batch encoding.
//!
//! Every element is multiplied by half the scalar, and the products are doubled and encoded in
//! batches, which replaces an inverse square root per element by a few multiplications. Always
//! available, never slower than dalek used plainly, and the oracle of every other backend.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use zeroize::Zeroize;

use crate::hash::Hasher;
use crate::scalar::SecretScalar;
use crate::{BadElement, BadReason, Encoded};

/// Scalars of a run of elements: one for all, or one for each.
#[derive(Clone, Copy)]
pub(crate) enum Scalars<'a> {
    /// One for the whole run.
    One(&'a SecretScalar),
    /// One for each element.
    Each(&'a [SecretScalar]),
}

impl<'a> Scalars<'a> {
    pub(crate) fn at(self, index: usize) -> &'a SecretScalar {
        match self {
            Scalars::One(scalar) => scalar,
            Scalars::Each(scalars) => &scalars[index],
        }
    }
}

pub(crate) fn multiply(
    by: Scalars<'_>,
    elements: &[Encoded],
    out: &mut [Encoded],
) -> Result<(), BadElement> {
    let mut batch = Batch::new();
    for (start, (elements, out)) in starts().zip(elements.chunks(CHUNK).zip(out.chunks_mut(CHUNK)))
    {
        for (offset, element) in elements.iter().enumerate() {
            let index = start + offset;
            let point = decode(element).map_err(|reason| BadElement { index, reason })?;
            let half: &Scalar = &by.at(index).dalek_half();
            batch.push(half * point);
        }
        batch.encode_doubled(out);
    }
    Ok(())
}

pub(crate) fn hash_multiply<I: AsRef<[u8]>>(
    by: Scalars<'_>,
    hasher: &Hasher,
    inputs: &[I],
    out: &mut [Encoded],
) {
    let mut batch = Batch::new();
    for (start, (inputs, out)) in starts().zip(inputs.chunks(CHUNK).zip(out.chunks_mut(CHUNK))) {
        for (offset, input) in inputs.iter().enumerate() {
            let point = RistrettoPoint::from_uniform_bytes(&hasher.hash(input.as_ref()));
            let half: &Scalar = &by.at(start + offset).dalek_half();
            batch.push(half * point);
        }
        batch.encode_doubled(out);
    }
}

pub(crate) fn map_multiply(by: &SecretScalar, uniform: &[[u8; 64]], out: &mut [Encoded]) {
    let half: &Scalar = &by.dalek_half();
    let mut batch = Batch::new();
    for (uniform, out) in uniform.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
        for bytes in uniform {
            batch.push(half * RistrettoPoint::from_uniform_bytes(bytes));
        }
        batch.encode_doubled(out);
    }
}

/// One sum for each of the runs; the index of a bad element counts through all runs.
pub(crate) fn vartime_sums<const RUNS: usize>(
    weights: &[[u8; 32]],
    runs: [&[Encoded]; RUNS],
) -> Result<[Encoded; RUNS], BadElement> {
    let scalars: Vec<Scalar> =
        weights.iter().map(|weight| Scalar::from_bytes_mod_order(*weight)).collect();
    let mut sums = [[0; 32]; RUNS];
    for (run, (sum, elements)) in sums.iter_mut().zip(runs).enumerate() {
        let mut points = Vec::with_capacity(elements.len());
        for (offset, element) in elements.iter().enumerate() {
            let index = run * weights.len() + offset;
            points.push(decode(element).map_err(|reason| BadElement { index, reason })?);
        }
        *sum = RistrettoPoint::vartime_multiscalar_mul(&scalars, &points).compress().to_bytes();
    }
    Ok(sums)
}

/// Decodes strictly and refuses the identity.
pub(crate) fn decode(element: &Encoded) -> Result<RistrettoPoint, BadReason> {
    let point = CompressedRistretto(*element).decompress().ok_or(BadReason::NotCanonical)?;
    // Only 32 zero bytes decode to the identity, so this comparison of public bytes suffices.
    if *element == CompressedRistretto::identity().0 {
        return Err(BadReason::Identity);
    }
    Ok(point)
}

/// Half products on their way to the encoder; erased when done.
struct Batch {
    halves: Vec<RistrettoPoint>,
}

impl Batch {
    fn new() -> Self {
        Batch { halves: Vec::with_capacity(CHUNK) }
    }

    fn push(&mut self, half: RistrettoPoint) {
        self.halves.push(half);
    }

    fn encode_doubled(&mut self, out: &mut [Encoded]) {
        let encodings = RistrettoPoint::double_and_compress_batch(&self.halves);
        for (slot, encoding) in out.iter_mut().zip(encodings) {
            *slot = encoding.to_bytes();
        }
        self.halves.zeroize();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.halves.zeroize();
    }
}

fn starts() -> impl Iterator<Item = usize> {
    (0..).step_by(CHUNK)
}

/// Elements per batch inversion.
const CHUNK: usize = 512;
