//! Lanes, tails and chunks: what one element does must not touch another.

mod common;

use common::{Random, engines, expected, multiply, secret};
use curve25519_dalek::scalar::Scalar;
use ristretto_batch::{BadElement, BadReason, Encoded, SecretScalar};

#[test]
fn one_bad_element_among_good_ones_is_named() {
    let mut random = Random::seeded("one_bad_element_among_good_ones_is_named");
    let good = random.elements(70);
    let by = random.secret();
    for engine in engines() {
        for bad in bad_elements() {
            for at in 0..good.len() {
                let mut elements = good.clone();
                elements[at] = bad;
                let mut out = vec![[0xaa; 32]; elements.len()];
                let result = engine.multiply(&by, &elements, &mut out);
                let reason = reason(&bad);
                assert_eq!(result, Err(BadElement { index: at, reason }), "{}", engine.backend());
                assert!(out.iter().all(|product| *product == [0; 32]));
            }
        }
    }
}

#[test]
fn the_first_of_several_bad_elements_is_named() {
    let mut random = Random::seeded("the_first_of_several_bad_elements_is_named");
    let good = random.elements(1_500);
    let by: Vec<SecretScalar> = (0..good.len()).map(|_| random.secret()).collect();
    let weights = vec![[7; 32]; good.len()];
    let [non_canonical, .., identity] = bad_elements();
    for engine in engines() {
        for (first, second) in [(0, 1), (7, 8), (31, 32), (511, 512), (600, 1_499), (513, 514)] {
            for (bad, other) in [(non_canonical, identity), (identity, non_canonical)] {
                let mut elements = good.clone();
                (elements[first], elements[second]) = (bad, other);
                let named = Err(BadElement { index: first, reason: reason(&bad) });
                let mut out = vec![[0; 32]; elements.len()];
                assert_eq!(engine.multiply_each(&by, &elements, &mut out), named);
                let sum = engine.vartime_sum(&weights, &elements);
                assert_eq!(sum.map(|_| ()), named);
                let pair = engine.vartime_sum_pair(&weights, &good, &elements);
                let index = good.len() + first;
                assert_eq!(pair, Err(BadElement { index, reason: reason(&bad) }));
            }
        }
    }
}

#[test]
fn chunks_of_nothing_but_bad_elements_are_refused() {
    let by = secret(&Scalar::from(9u8));
    for engine in engines() {
        for bad in bad_elements() {
            for len in [1, 8, 32, 512, 1_024] {
                let mut out = vec![[0; 32]; len];
                let result = engine.multiply(&by, &vec![bad; len], &mut out);
                assert_eq!(result, Err(BadElement { index: 0, reason: reason(&bad) }));
            }
        }
    }
}

#[test]
fn every_tail_gives_the_same_products() {
    let mut random = Random::seeded("every_tail_gives_the_same_products");
    let elements = random.elements(512 + 33);
    let factors: Vec<Scalar> = (0..elements.len()).map(|_| random.scalar()).collect();
    let each: Vec<SecretScalar> = factors.iter().map(secret).collect();
    let inputs: Vec<[u8; 45]> = (0..elements.len()).map(|_| random.bytes()).collect();
    let by = random.scalar();
    let whole: Vec<Encoded> = elements.iter().map(|element| expected(&by, element)).collect();
    let whole_each: Vec<Encoded> =
        factors.iter().zip(&elements).map(|(by, element)| expected(by, element)).collect();
    let uniform: Vec<[u8; 64]> = (0..elements.len()).map(|_| random.bytes()).collect();
    let common = secret(&by);
    for engine in engines() {
        let mut hashed = vec![[0; 32]; inputs.len()];
        engine.hash_multiply_each(&each, b"tails", &inputs, &mut hashed);
        let mut hashed_alike = hashed.clone();
        engine.hash_multiply(&common, b"tails", &inputs, &mut hashed_alike);
        let mut mapped = hashed.clone();
        engine.map_multiply(&common, &uniform, &mut mapped);
        for len in (0..=33).chain([511, 512, 513, 520, 544, 545]) {
            assert_eq!(multiply(engine, &by, &elements[..len]), whole[..len]);
            let mut out = vec![[0xaa; 32]; len];
            engine.multiply_each(&each[..len], &elements[..len], &mut out).expect("valid");
            assert_eq!(out, whole_each[..len]);
            engine.hash_multiply_each(&each[..len], b"tails", &inputs[..len], &mut out);
            assert_eq!(out, hashed[..len]);
            engine.hash_multiply(&common, b"tails", &inputs[..len], &mut out);
            assert_eq!(out, hashed_alike[..len]);
            engine.map_multiply(&common, &uniform[..len], &mut out);
            assert_eq!(out, mapped[..len]);
        }
    }
}

#[test]
fn inputs_of_unlike_length_share_a_vector() {
    let mut random = Random::seeded("inputs_of_unlike_length_share_a_vector");
    let pool: [u8; 1_000] = random.bytes();
    let lengths = [0, 900, 3, 45, 127, 128, 129, 64, 1, 999, 0, 110, 111, 112, 45, 700];
    let inputs: Vec<&[u8]> = lengths.iter().map(|&len| &pool[..len]).collect();
    let by = random.secret();
    let mut expected = vec![[0; 32]; inputs.len()];
    ristretto_batch::Engine::portable().hash_multiply(&by, b"lengths", &inputs, &mut expected);
    for engine in engines() {
        let mut out = vec![[0; 32]; inputs.len()];
        engine.hash_multiply(&by, b"lengths", &inputs, &mut out);
        assert_eq!(out, expected, "{}", engine.backend());
    }
}

/// Not below p, negative, no square, negative product, zero y, and the identity.
fn bad_elements() -> [Encoded; 6] {
    [
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ]
    .map(common::unhex)
}

fn reason(bad: &Encoded) -> BadReason {
    if *bad == [0; 32] { BadReason::Identity } else { BadReason::NotCanonical }
}
