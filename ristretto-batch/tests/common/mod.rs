//! What the tests share: seeded inputs, the engines of this machine, and dalek as the oracle.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

use std::io::Write;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use ristretto_batch::{Encoded, Engine, SecretScalar};

/// A small, seeded generator; statistical quality is enough, secrecy is not needed.
pub(crate) struct Random(u64);

impl Random {
    /// Starts from `RISTRETTO_BATCH_SEED`, or from the default, and prints the seed.
    pub(crate) fn seeded(test: &str) -> Self {
        let seed = std::env::var("RISTRETTO_BATCH_SEED")
            .map_or(DEFAULT_SEED, |text| text.parse().expect("RISTRETTO_BATCH_SEED is a u64"));
        say(&format!("{test}: RISTRETTO_BATCH_SEED={seed}"));
        Random(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0u8; N];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.word().to_le_bytes()[..part.len()]);
        }
        bytes
    }

    pub(crate) fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.bytes())
    }

    pub(crate) fn secret(&mut self) -> SecretScalar {
        secret(&self.scalar())
    }

    pub(crate) fn elements(&mut self, count: usize) -> Vec<Encoded> {
        let start = RISTRETTO_BASEPOINT_TABLE * &self.scalar();
        let step = RISTRETTO_BASEPOINT_TABLE * &self.scalar();
        progression(start, step, count)
    }
}

/// Encodings of `start`, `start + step`, and so on.
pub(crate) fn progression(
    start: RistrettoPoint,
    step: RistrettoPoint,
    count: usize,
) -> Vec<Encoded> {
    let half = Scalar::ONE.div_by_2();
    let (mut point, step) = (half * start, half * step);
    let mut halves = Vec::with_capacity(count);
    for _ in 0..count {
        halves.push(point);
        point += step;
    }
    let encodings = RistrettoPoint::double_and_compress_batch(&halves);
    encodings.iter().map(CompressedRistretto::to_bytes).collect()
}

pub(crate) fn engines() -> Vec<Engine> {
    Engine::available()
        .into_iter()
        .map(|backend| Engine::with_backend(backend).expect("available"))
        .collect()
}

pub(crate) fn secret(scalar: &Scalar) -> SecretScalar {
    SecretScalar::from_canonical_bytes(scalar.to_bytes()).expect("not a refused scalar")
}

/// The product as dalek computes it, by its plain path.
pub(crate) fn expected(by: &Scalar, element: &Encoded) -> Encoded {
    let point = CompressedRistretto(*element).decompress().expect("a valid element");
    (by * point).compress().to_bytes()
}

/// `engine.multiply`, with a fresh output.
pub(crate) fn multiply(engine: Engine, by: &Scalar, elements: &[Encoded]) -> Vec<Encoded> {
    let mut out = vec![[0xaa; 32]; elements.len()];
    engine.multiply(&secret(by), elements, &mut out).expect("valid elements");
    out
}

pub(crate) fn unhex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N, "{text}");
    core::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
}

/// How often a random test draws [`RUN`] fresh elements: `RISTRETTO_BATCH_RUNS` times, or as often
/// as makes more than 100,000.
pub(crate) fn runs() -> usize {
    std::env::var("RISTRETTO_BATCH_RUNS")
        .map_or(RUNS, |text| text.parse().expect("RISTRETTO_BATCH_RUNS is a number"))
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is open");
}

/// Elements per run; no multiple of a chunk or of a lane count.
pub(crate) const RUN: usize = 4_003;

const RUNS: usize = 25;

const DEFAULT_SEED: u64 = 0x7665_696c_6d61_7463;
