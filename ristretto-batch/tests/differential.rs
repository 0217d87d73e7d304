//! Every backend against curve25519-dalek, more than 100,000 random elements on every path.
//!
//! A path is one function of the engine. `RISTRETTO_BATCH_RUNS` sets how many runs of 4,003
//! elements each of them takes; 500 make two million.

mod common;

use common::{RUN, Random, engines, progression, runs, secret};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ristretto_batch::{Encoded, SecretScalar};
use sha2::{Digest, Sha512};

#[test]
fn multiply_by_one_scalar() {
    let mut random = Random::seeded("multiply_by_one_scalar");
    for _ in 0..runs() {
        let by = random.scalar();
        let start = RISTRETTO_BASEPOINT_TABLE * &random.scalar();
        let step = RISTRETTO_BASEPOINT_TABLE * &random.scalar();
        let elements = progression(start, step, RUN);
        // The products form a progression of their own, so the oracle costs an addition each.
        let expected = progression(by * start, by * step, RUN);
        for engine in engines() {
            let products = common::multiply(engine, &by, &elements);
            assert!(products == expected, "{}", engine.backend());
        }
    }
}

#[test]
fn multiply_each_by_its_scalar() {
    let mut random = Random::seeded("multiply_each_by_its_scalar");
    for _ in 0..runs() {
        let (mut by, mut elements, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUN {
            let (factor, discrete_log) = (random.scalar(), random.scalar());
            by.push(secret(&factor));
            elements.push((RISTRETTO_BASEPOINT_TABLE * &discrete_log).compress().to_bytes());
            let product = factor * discrete_log;
            expected.push((RISTRETTO_BASEPOINT_TABLE * &product).compress().to_bytes());
        }
        for engine in engines() {
            let mut products = vec![[0; 32]; RUN];
            engine.multiply_each(&by, &elements, &mut products).expect("valid elements");
            assert!(products == expected, "{}", engine.backend());
        }
    }
}

#[test]
fn hash_or_map_and_multiply_by_one_scalar_and_each_by_its_own() {
    let mut random = Random::seeded("hash_or_map_and_multiply_by_one_scalar_and_each_by_its_own");
    for _ in 0..runs() {
        let by = random.scalar();
        // Scalars ±k·2^i: their bits have nothing in common, and the oracle only doubles.
        let powers = core::iter::successors(Some(by), |k| Some(k + k));
        let factors: Vec<Scalar> = powers.take(13).flat_map(|k| [k, -k]).collect();
        let each: Vec<SecretScalar> = factors.iter().cycle().take(RUN).map(secret).collect();
        let inputs: Vec<[u8; 45]> = (0..RUN).map(|_| random.bytes()).collect();
        let uniform: Vec<[u8; 64]> = inputs.iter().map(|input| expanded(DST, input)).collect();
        let points: Vec<RistrettoPoint> =
            uniform.iter().map(|bytes| by * RistrettoPoint::from_uniform_bytes(bytes)).collect();
        let expected: Vec<Encoded> = points.iter().map(|p| p.compress().to_bytes()).collect();
        let expected_each: Vec<Encoded> = points
            .into_iter()
            .enumerate()
            .map(|(i, point)| {
                let point = (0..i % 26 / 2).fold(point, |point, _| point + point);
                if i % 2 == 0 { point } else { -point }.compress().to_bytes()
            })
            .collect();
        for engine in engines() {
            let mut products = vec![[0; 32]; RUN];
            engine.hash_multiply(&secret(&by), DST, &inputs, &mut products);
            assert!(products == expected, "{}", engine.backend());
            engine.map_multiply(&secret(&by), &uniform, &mut products);
            assert!(products == expected, "{}", engine.backend());
            engine.hash_multiply_each(&each, DST, &inputs, &mut products);
            assert!(products == expected_each, "{}", engine.backend());
        }
    }
}

#[test]
fn hash_multiply_inputs_and_tags_of_every_length() {
    let mut random = Random::seeded("hash_multiply_inputs_and_tags_of_every_length");
    let by = random.scalar();
    let pool: [u8; 600] = random.bytes();
    let inputs: Vec<&[u8]> = (0..400).map(|len| &pool[..len]).collect();
    for dst_len in [1, 17, 62, 63, 64, 111, 112, 127, 128, 254, 255] {
        let dst = &pool[100..100 + dst_len];
        let expected: Vec<Encoded> =
            inputs.iter().map(|input| by * hashed(dst, input)).map(encoded).collect();
        for engine in engines() {
            let mut products = vec![[0; 32]; inputs.len()];
            engine.hash_multiply(&secret(&by), dst, &inputs, &mut products);
            assert!(products == expected, "{} {dst_len}", engine.backend());
        }
    }
}

#[test]
fn a_scalar_and_its_inverse_cancel() {
    let mut random = Random::seeded("a_scalar_and_its_inverse_cancel");
    let elements = random.elements(2_000);
    for engine in engines() {
        let by = random.scalar();
        let products = common::multiply(engine, &by, &elements);
        assert!(common::multiply(engine, &by.invert(), &products) == elements);
    }
}

#[test]
fn vartime_sums() {
    let mut random = Random::seeded("vartime_sums");
    for len in [0, 1, 2, 7, 8, 9, 31, 100, 500, 1_000, 3_000, 32_768, 40_000] {
        let weights: Vec<Scalar> = (0..len).map(|_| random.scalar()).collect();
        let bytes: Vec<[u8; 32]> = weights.iter().map(Scalar::to_bytes).collect();
        let (first, second) = (random.elements(len), random.elements(len));
        let expected = [&first, &second].map(|elements| sum(&weights, elements));
        for engine in engines() {
            let sums = engine.vartime_sum_pair(&bytes, &first, &second).expect("valid elements");
            assert_eq!(sums, expected, "{} {len}", engine.backend());
            let alone = engine.vartime_sum(&bytes, &second).expect("valid elements");
            assert_eq!(alone, expected[1], "{} {len}", engine.backend());
        }
    }
}

/// The lengths of [`vartime_sums`] make fewer terms than the other paths have.
#[test]
fn vartime_sums_of_many_terms() {
    let mut random = Random::seeded("vartime_sums_of_many_terms");
    for _ in 0..runs() {
        let weights: Vec<Scalar> = (0..RUN).map(|_| random.scalar()).collect();
        let bytes: Vec<[u8; 32]> = weights.iter().map(Scalar::to_bytes).collect();
        let (first, second) = (random.elements(RUN), random.elements(RUN));
        let expected = [&first, &second].map(|elements| sum(&weights, elements));
        for engine in engines() {
            let sums = engine.vartime_sum_pair(&bytes, &first, &second).expect("valid elements");
            assert_eq!(sums, expected, "{}", engine.backend());
            let alone = engine.vartime_sum(&bytes, &first).expect("valid elements");
            assert_eq!(alone, expected[0], "{}", engine.backend());
        }
    }
}

fn sum(weights: &[Scalar], elements: &[Encoded]) -> Encoded {
    let points = elements.iter().map(|e| CompressedRistretto(*e).decompress().expect("valid"));
    let points: Vec<RistrettoPoint> = points.collect();
    RistrettoPoint::vartime_multiscalar_mul(weights, &points).compress().to_bytes()
}

fn hashed(dst: &[u8], input: &[u8]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&expanded(dst, input))
}

fn encoded(point: RistrettoPoint) -> Encoded {
    point.compress().to_bytes()
}

/// `expand_message_xmd` as RFC 9380 says, written apart from the crate.
fn expanded(dst: &[u8], input: &[u8]) -> [u8; 64] {
    let tail = [dst, &[u8::try_from(dst.len()).expect("short tag")]].concat();
    let first = Sha512::digest([&[0; 128], input, &[0, 64, 0], &tail].concat());
    Sha512::digest([&first[..], &[1], &tail].concat()).into()
}

const DST: &[u8] = b"ristretto-batch-test-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";
