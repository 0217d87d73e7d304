//! Inputs that random tests never reach: special scalars, and the edges of limbs.

mod common;

use common::{Random, engines, expected, multiply, secret};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use ristretto_batch::{BadElement, BadReason, Encoded, SecretScalar};

#[test]
fn special_scalars() {
    let mut random = Random::seeded("special_scalars");
    let elements = random.elements(9);
    for engine in engines() {
        for by in accepted() {
            let products = multiply(engine, &by, &elements);
            for (product, element) in products.iter().zip(&elements) {
                assert_eq!(*product, expected(&by, element), "{} {by:?}", engine.backend());
            }
            if SecretScalar::from_canonical_bytes(by.invert().to_bytes()).is_some() {
                assert_eq!(multiply(engine, &by.invert(), &products), elements);
            }
        }
        let each: Vec<SecretScalar> = accepted().iter().map(secret).collect();
        let run = random.elements(each.len());
        let mut products = vec![[0; 32]; each.len()];
        engine.multiply_each(&each, &run, &mut products).expect("valid elements");
        for ((product, by), element) in products.iter().zip(accepted()).zip(&run) {
            assert_eq!(*product, expected(&by, element), "{} {by:?}", engine.backend());
        }
    }
}

#[test]
fn scalars_that_the_ladder_cannot_recover_are_refused() {
    let refused = [Scalar::ONE, Scalar::from(2u8), Scalar::from(4u8), Scalar::ONE.div_by_2()];
    assert!(SecretScalar::from_canonical_bytes([0; 32]).is_none());
    for scalar in refused {
        assert!(SecretScalar::from_canonical_bytes(scalar.to_bytes()).is_none());
        assert!(SecretScalar::from_canonical_bytes((-scalar).to_bytes()).is_none());
    }
}

#[test]
fn field_elements_at_the_edges_of_limbs_map_alike() {
    let edges = edges();
    let uniform: Vec<[u8; 64]> = edges
        .iter()
        .flat_map(|first| edges.iter().map(move |second| (first, second)))
        .map(|(first, second)| {
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(first);
            bytes[32..].copy_from_slice(second);
            bytes
        })
        .collect();
    let halves: Vec<RistrettoPoint> = uniform
        .iter()
        .map(RistrettoPoint::from_uniform_bytes)
        // Three times the point, as half of six times it.
        .map(|point| point + point + point)
        .collect();
    let expected: Vec<Encoded> = RistrettoPoint::double_and_compress_batch(&halves)
        .iter()
        .map(CompressedRistretto::to_bytes)
        .collect();
    for engine in engines() {
        let mut products = vec![[0; 32]; uniform.len()];
        engine.map_multiply(&secret(&Scalar::from(6u8)), &uniform, &mut products);
        assert!(products == expected, "{}", engine.backend());
    }
}

/// Half of the map takes these to the identity or to another point of its class, so that their
/// sums are the identity in every form that it has inside.
#[test]
fn uniform_bytes_of_the_identity_give_zeros_and_spoil_no_other_lane() {
    let mut random = Random::seeded("uniform_bytes_of_the_identity_give_zeros");
    let halves: [[u8; 32]; 7] = TO_IDENTITY.map(common::unhex);
    let pairs = halves.iter().flat_map(|first| halves.iter().map(move |second| (first, second)));
    let identities: Vec<[u8; 64]> =
        pairs.map(|(a, b)| [*a, *b].concat().try_into().expect("64 bytes")).collect();
    for uniform in &identities {
        assert_eq!(RistrettoPoint::from_uniform_bytes(uniform), RistrettoPoint::identity());
    }
    let by = random.scalar();
    let chunks: Vec<[u8; 64]> = identities.iter().copied().cycle().take(1_030).collect();
    let mixed: Vec<[u8; 64]> =
        (0..chunks.len()).map(|i| if i % 3 == 1 { chunks[i] } else { random.bytes() }).collect();
    let expected: Vec<Encoded> = mixed
        .iter()
        .map(|uniform| (by * RistrettoPoint::from_uniform_bytes(uniform)).compress().to_bytes())
        .collect();
    for engine in engines() {
        let mut products = vec![[0xaa; 32]; chunks.len()];
        engine.map_multiply(&secret(&by), &chunks, &mut products);
        assert!(products.iter().all(|product| *product == [0; 32]), "{}", engine.backend());
        engine.map_multiply(&secret(&by), &mixed, &mut products);
        assert!(products == expected, "{}", engine.backend());
    }
}

#[test]
fn encodings_at_the_edges_of_limbs_are_judged_alike() {
    let by = Scalar::from(5u8);
    for engine in engines() {
        for encoding in edges() {
            let mut out = [[0; 32]];
            let result = engine.multiply(&secret(&by), &[encoding], &mut out);
            if encoding == [0; 32] {
                assert_eq!(result, Err(BadElement { index: 0, reason: BadReason::Identity }));
            } else if CompressedRistretto(encoding).decompress().is_none() {
                assert_eq!(result, Err(BadElement { index: 0, reason: BadReason::NotCanonical }));
            } else {
                assert_eq!(result, Ok(()));
                assert_eq!(out[0], expected(&by, &encoding), "{}", engine.backend());
            }
        }
    }
}

#[test]
fn sums_under_special_weights() {
    let mut random = Random::seeded("sums_under_special_weights");
    let elements = random.elements(600);
    let mut largest = (-Scalar::ONE).to_bytes();
    let mut all = vec![[0; 32], [0xff; 32], largest];
    largest[0] += 1;
    // ℓ itself, 1, 2^252, and digits of nothing but ones or the sign.
    all.extend([largest, Scalar::ONE.to_bytes(), power_of_two(252).to_bytes(), [0x55; 32]]);
    all.extend((0..252).step_by(11).map(|bit| power_of_two(bit).to_bytes()));
    all.extend((0..252).step_by(11).map(|bit| (power_of_two(bit) - Scalar::ONE).to_bytes()));
    for weights in [all.iter().cycle(), all[..1].iter().cycle(), all[2..3].iter().cycle()] {
        let weights: Vec<[u8; 32]> = weights.take(elements.len()).copied().collect();
        let expected = ristretto_batch::Engine::portable().vartime_sum(&weights, &elements);
        for engine in engines() {
            let sum = engine.vartime_sum(&weights, &elements);
            assert_eq!(sum, expected, "{}", engine.backend());
        }
    }
}

#[test]
fn sums_of_equal_and_opposite_points() {
    let mut random = Random::seeded("sums_of_equal_and_opposite_points");
    let element = random.elements(1)[0];
    let elements = vec![element; 512];
    let weight = random.scalar();
    let weights: Vec<[u8; 32]> =
        (0..512).map(|i| if i % 2 == 0 { weight } else { -weight }.to_bytes()).collect();
    for engine in engines() {
        assert_eq!(engine.vartime_sum(&weights, &elements), Ok([0; 32]));
        let same = vec![Scalar::ONE.to_bytes(); 512];
        let sum = engine.vartime_sum(&same, &elements);
        assert_eq!(sum, Ok(expected(&Scalar::from(512u16), &element)));
    }
}

fn accepted() -> Vec<Scalar> {
    let mut random = Random::seeded("accepted");
    let mut scalars: Vec<Scalar> = [3u8, 5, 6, 7, 8, 9, 16, 255].map(Scalar::from).to_vec();
    scalars.extend([3u8, 5, 8].map(|small| Scalar::from(small).invert()));
    scalars.push(Scalar::ONE.div_by_2().div_by_2());
    scalars.push(power_of_two(252));
    scalars.push(power_of_two(251));
    scalars.extend((0..3).map(|_| random.scalar()));
    // ℓ − 3, ℓ − 5 and the rest of the opposites.
    scalars.iter().flat_map(|&scalar| [scalar, -scalar]).collect()
}

fn power_of_two(exponent: usize) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |power, _| power + power)
}

/// 2^52 − 1 and 2^29 − 1 in every limb, all limbs full, and the neighbours of 0, p, 2p and 2^255.
fn edges() -> Vec<Encoded> {
    let mut edges = vec![[0; 32], [0xff; 32], [0xaa; 32], [0x55; 32]];
    for (width, limbs) in [(52, 5), (29, 9)] {
        for limb in 0..limbs {
            let mut bytes = [0; 32];
            for bit in limb * width..((limb + 1) * width).min(255) {
                bytes[bit / 8] |= 1 << (bit % 8);
            }
            edges.push(bytes);
        }
    }
    // From p − 2 to p + 18 = 2^255 − 1.
    let mut near = [0xff; 32];
    near[31] = 0x7f;
    for low in [0xeb, 0xec, 0xed, 0xee, 0xfe, 0xff] {
        near[0] = low;
        edges.push(near);
    }
    // From 2p − 1 = 2^256 − 39.
    for low in [0xd9, 0xda, 0xdb] {
        let mut near = [0xff; 32];
        near[0] = low;
        edges.push(near);
    }
    for low in [1, 2, 18, 19, 20] {
        let mut small = [0; 32];
        small[0] = low;
        edges.push(small);
    }
    edges
}

/// With r = i·t², by the names of RFC 9496: t = 0, r = −d, r = −1/d, and the four t for which s
/// is 1 or −1.
const TO_IDENTITY: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "a81b5c4acb2a3075aa6dea0e2da9bccd156eeb739954347597eb7bf45855b305",
    "40256ac5e4c73af6057c6d5120f90c4362ab4ad9015bc365598daca048bac400",
    "068c5b499d860a72cba9a67991e93e203e07f2cecac35ff78ba286490a9d647f",
    "a2ce3011a78ef573098dfffa7c6319a2973184a23f8c7e4fb28a95abee32615f",
    "2a6382d98d9b4fe0526bf32f2e36b1c6fb594edaadaa30f35a29566c59adfe4c",
    "bced0d08ab13994b901f939d3d6f164d7d1f1b7860d5ccdbca27c4b705f23d02",
];
