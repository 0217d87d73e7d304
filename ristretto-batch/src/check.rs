//! The sampled self-check: one element in 4,096 is computed again with curve25519-dalek, and one
//! hash in 4,096 with sha2.
//!
//! Cheap insurance, about a fifth of a per cent, against a miscompiled kernel, an exceptional
//! input that no test has met, or bad silicon. A mismatch ends the process, because nothing that
//! this kernel has written can be trusted any more.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;

use crate::dalek::{self, Scalars};
use crate::hash::Hasher;
use crate::{Backend, Encoded};

/// Recomputes the sampled elements of a finished [`multiply`](crate::Engine::multiply).
pub(crate) fn multiplied(backend: Backend, by: Scalars<'_>, elements: &[Encoded], out: &[Encoded]) {
    for index in sampled(&ELEMENTS, elements.len()) {
        let by: &Scalar = &by.at(index).dalek();
        let expected =
            dalek::decode(&elements[index]).map(|point| (by * point).compress().to_bytes());
        require(backend, expected == Ok(out[index]));
    }
}

/// Recomputes the sampled elements of a finished [`hash_multiply`](crate::Engine::hash_multiply).
pub(crate) fn hashed<I: AsRef<[u8]>>(
    backend: Backend,
    by: Scalars<'_>,
    hasher: &Hasher,
    inputs: &[I],
    out: &[Encoded],
) {
    for index in sampled(&ELEMENTS, inputs.len()) {
        let point = RistrettoPoint::from_uniform_bytes(&hasher.hash(inputs[index].as_ref()));
        let by: &Scalar = &by.at(index).dalek();
        let expected = (by * point).compress().to_bytes();
        require(backend, expected == out[index]);
    }
}

/// Recomputes a finished sum, if its turn has come: a sum cannot be checked in parts.
pub(crate) fn summed<const RUNS: usize>(
    backend: Backend,
    weights: &[[u8; 32]],
    runs: [&[Encoded]; RUNS],
    sums: &[Encoded; RUNS],
) {
    for _ in sampled(&SUMS, 1) {
        require(backend, dalek::vartime_sums(weights, runs).as_ref() == Ok(sums));
    }
}

/// Recomputes the sampled digests of a finished [`hash_each`](crate::Engine::hash_each).
pub(crate) fn digested<I: AsRef<[u8]>>(
    backend: Backend,
    hasher: &Hasher,
    messages: &[I],
    out: &[[u8; 64]],
) {
    for index in sampled(&DIGESTS, messages.len()) {
        require(backend, *hasher.hash(messages[index].as_ref()) == out[index]);
    }
}

/// Ends the process because of a wrong result of `kernel`.
pub(crate) fn distrust(kernel: &dyn core::fmt::Display) -> ! {
    // Whether the line can be written does not matter: the process ends either way.
    let _ = writeln!(
        std::io::stderr(),
        "ristretto-batch: the {kernel} kernel disagrees with the portable one; \
         this machine or this build cannot be trusted"
    );
    std::process::abort()
}

/// The indices to recompute among the next `len` of what `counter` counts.
fn sampled(counter: &AtomicU64, len: usize) -> impl Iterator<Item = usize> + use<> {
    let len = len as u64;
    let from = counter.fetch_add(len, Ordering::Relaxed);
    sampled_from(from, len)
}

/// One position in every block of [`PERIOD`] elements, spread so that each lane gets its turn.
fn sampled_from(from: u64, len: u64) -> impl Iterator<Item = usize> {
    let blocks = from / PERIOD..=from.saturating_add(len) / PERIOD;
    blocks
        .map(|block| block * PERIOD + scatter(block) % PERIOD)
        .filter(move |position| (from..from.saturating_add(len)).contains(position))
        .map(move |position| (position - from) as usize)
}

/// Mixes a block number; not a secret, only far from any stride.
fn scatter(block: u64) -> u64 {
    let mixed = (block ^ (block >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
}

fn require(backend: Backend, equal: bool) {
    if !equal {
        distrust(&backend);
    }
}

/// Elements computed so far by all engines of the process.
static ELEMENTS: AtomicU64 = AtomicU64::new(0);

/// Calls for sums so far.
static SUMS: AtomicU64 = AtomicU64::new(0);

/// Messages hashed so far.
static DIGESTS: AtomicU64 = AtomicU64::new(0);

const PERIOD: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_one_element_of_every_block_in_every_lane() {
        let all: Vec<usize> = sampled_from(0, 1 << 20).collect();
        assert_eq!(all.len(), 256);
        assert!(all.iter().zip(0..).all(|(position, block)| position / 4_096 == block));
        let lanes: std::collections::BTreeSet<usize> = all.iter().map(|p| p % 8).collect();
        assert_eq!(lanes.len(), 8);
    }

    #[test]
    fn small_calls_together_are_sampled_like_one_large_call() {
        let whole: Vec<usize> = sampled_from(0, 40_000).collect();
        let mut parts = Vec::new();
        for from in (0..40_000usize).step_by(100) {
            parts.extend(sampled_from(from as u64, 100).map(|index| from + index));
        }
        assert_eq!(whole, parts);
    }
}
