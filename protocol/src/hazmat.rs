//! Entry points for the vectors of the RFCs, in tests only.
//!
//! They take what no session may choose: an input of any length, a blind, a proof nonce, and the
//! proof seed of RFC 9497, which binds each pair alone and is forgeable at the size of our frames
//! (see [`crate::proof`]). Packaging refuses the feature that shows this module.

use crate::error::Violation;
use crate::group::{self, BatchArithmetic, Element, Encoded, Portable, SecretScalar};
use crate::oprf;
use crate::proof::{FrameProof, rfc};
use crate::suite::{Aligned, Order, RfcFunction, SuiteId};

/// `expand_message_xmd` of RFC 9380 with SHA-512, for at most 64 bytes.
#[must_use]
pub fn expand_message_xmd<const LEN: usize>(dst: &[u8], message: &[u8]) -> [u8; LEN] {
    *group::expand_message_xmd(dst, &[message])
}

/// The one-way map of RFC 9496 4.3.4.
#[must_use]
pub fn one_way_map(uniform: &[u8; 64]) -> Encoded {
    Element::map(uniform).encode()
}

/// `DeriveKeyPair` of RFC 9497: secret and public key.
#[must_use]
pub fn derive_key_pair(seed: &[u8; 32], info: &[u8]) -> Option<([u8; 32], Encoded)> {
    let secret = oprf::derive_key_pair::<Aligned>(seed, info).ok()?;
    Some((*secret.expose_bytes(), Element::multiply_base(&secret).encode()))
}

/// `Blind` of RFC 9497 with a given blind.
#[must_use]
pub fn blind(input: &[u8], blind: &[u8; 32]) -> Option<Encoded> {
    let dst = Aligned::SUITE.dst(RfcFunction::HashToGroup);
    let blind = SecretScalar::from_canonical_bytes(blind)?;
    Some(Element::hash(dst, input).multiply(&blind).encode())
}

/// `BlindEvaluate` of RFC 9497, without its proof, by the batch arithmetic of a session.
#[must_use]
pub fn blind_evaluate(secret: &[u8; 32], blinded: &[Encoded]) -> Option<alloc::vec::Vec<Encoded>> {
    let secret = SecretScalar::from_canonical_bytes(secret)?;
    let mut evaluated = alloc::vec![[0; 32]; blinded.len()];
    Portable.multiply(&secret, blinded, &mut evaluated).ok()?;
    Some(evaluated)
}

/// `GenerateProof` of RFC 9497 with its own seed and a given nonce.
#[must_use]
pub fn generate_proof(
    secret: &[u8; 32],
    nonce: &[u8; 32],
    blinded: &[Encoded],
    evaluated: &[Encoded],
) -> Option<[u8; FrameProof::LEN]> {
    let secret = SecretScalar::from_canonical_bytes(secret)?;
    let nonce = SecretScalar::from_canonical_bytes(nonce)?;
    let proof = rfc::prove(&Portable, SuiteId::Aligned, &secret, &nonce, blinded, evaluated);
    Some(proof.ok()?.encode())
}

/// `VerifyProof` of RFC 9497 with its own seed.
///
/// # Errors
///
/// The [`Violation`] of bytes that are not elements or proof scalars.
pub fn verify_proof(
    public_key: &Encoded,
    blinded: &[Encoded],
    evaluated: &[Encoded],
    proof: &[u8; FrameProof::LEN],
) -> Result<bool, Violation> {
    let proof = FrameProof::decode(proof)?;
    rfc::verify(&Portable, SuiteId::Aligned, public_key, blinded, evaluated, &proof)
}

/// `Finalize` of RFC 9497, after its proof was checked.
#[must_use]
pub fn finalize(input: &[u8], blind: &[u8; 32], evaluated: &Encoded) -> Option<[u8; 64]> {
    let blind = SecretScalar::from_canonical_bytes(blind)?;
    let unblinded = Element::decode(evaluated).ok()?.multiply(&blind.invert()).encode();
    let len = u16::try_from(input.len()).ok()?;
    Some(oprf::finalize_hash(len, input, &unblinded))
}
