//! The vectors of RFC 9497 for hashing to ristretto255 and multiplying, on every backend.
//!
//! RFC 9380 has vectors for the expansion only, and none for this group.

mod common;

use common::{engines, unhex};
use ristretto_batch::{Encoded, SecretScalar};

#[test]
fn blinded_elements_of_the_base_mode() {
    let blind = SecretScalar::from_canonical_bytes(unhex(BLIND)).expect("not a refused scalar");
    let inputs: [&[u8]; 2] = [&[0x00], &[0x5a; 17]];
    let expected: [Encoded; 2] = BLINDED.map(unhex);
    for engine in engines() {
        let mut out = [[0; 32]; 2];
        engine.hash_multiply(&blind, DST, &inputs, &mut out);
        assert_eq!(out, expected, "{}", engine.backend());
        engine.hash_multiply_each(&[blind.clone(), blind.clone()], DST, &inputs, &mut out);
        assert_eq!(out, expected, "{}", engine.backend());
    }
}

const DST: &[u8] = b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512";

/// A.1.1: the blind of both test vectors.
const BLIND: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";

const BLINDED: [&str; 2] = [
    "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
    "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
];
