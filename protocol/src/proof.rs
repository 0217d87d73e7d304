//! Evaluation proof of one frame.
//!
//! `GenerateProof` and `VerifyProof` of RFC 9497 2.2 with one change [M-10]: the seed of the
//! composite weights is a hash over *every* element of the frame, its place and its session. The
//! RFC derives weight i from pair i alone; a prover who chooses its answers can then search for
//! errors whose weighted sum is zero, which at 32,768 elements is practical. With all elements
//! bound before any weight exists, each attempt succeeds with probability 2^-252.

use alloc::vec::Vec;

use crate::bytes::part;
use crate::codec::{RawFrame, StreamId};
use crate::error::{Bug, Violation};
use crate::group::{BatchArithmetic, Element, Encoded, PublicScalar, SecretScalar};
use crate::oprf::PrfKey;
use crate::seed;
use crate::suite::{
    CHALLENGE, COMPOSITE, LabelledHash64, Order, Prk, RfcFunction, SuiteId, h64, kdf,
};

/// Purpose of a frame proof; bound into its seed, so that no proof serves another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ProofPurpose {
    /// An EVAL frame of aligned order, shown to the advertiser.
    AlignedFrame = 1,
    /// Evaluations of a BLIND frame of shuffled order, shown to the auditor alone.
    ShuffledEvaluations = 2,
    /// Tags of the table, shown to the auditor.
    TableTags = 3,
    /// Openings of blinded slots, shown to the auditor.
    BlindOpenings = 4,
}

/// Everything a proof is bound to beside the elements.
#[derive(Debug, Clone, Copy)]
pub struct ProofContext<'a> {
    /// Purpose of the proof.
    pub purpose: ProofPurpose,
    /// The session.
    pub sid: &'a [u8; 32],
    /// Stream number of the frame.
    pub stream: u8,
    /// Index of the frame.
    pub frame: u32,
}

/// `c ‖ s`: the pairs (C_i, D_i) all have D_i = k·C_i for the k of B = k·A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameProof {
    challenge: PublicScalar,
    response: PublicScalar,
}

impl FrameProof {
    /// Bytes of a proof on the wire.
    pub const LEN: usize = 64;

    /// Reads `c ‖ s`, both canonical and not zero.
    ///
    /// # Errors
    ///
    /// [`Violation::ScalarNotCanonical`]; the prover is to blame.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, Violation> {
        Ok(Self {
            challenge: PublicScalar::decode(&part::<0, 32, 64>(bytes))?,
            response: PublicScalar::decode(&part::<32, 32, 64>(bytes))?,
        })
    }

    /// Writes `c ‖ s`.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (challenge, response) = bytes.split_at_mut(32);
        challenge.copy_from_slice(&self.challenge.to_bytes());
        response.copy_from_slice(&self.response.to_bytes());
        bytes
    }
}

/// Evidence that a frame was evaluated under the committed key; made by [`verify`] alone.
#[derive(Debug)]
#[must_use = "outputs of a frame may be used only with its evidence"]
pub struct EvaluationVerified {
    elements: u32,
}

impl EvaluationVerified {
    /// Pairs that the proof covers.
    #[must_use]
    pub const fn elements(&self) -> u32 {
        self.elements
    }
}

/// Splits an aligned EVAL payload into its elements and its proof.
///
/// # Errors
///
/// [`Violation::FrameMalformed`] for another number of elements, [`Violation::ScalarNotCanonical`]
/// for a proof that does not decode; the provider is to blame.
pub fn split_eval(
    frame: &RawFrame,
    elements: usize,
) -> Result<(&[Encoded], FrameProof), Violation> {
    let (run, proof) =
        frame.payload.split_last_chunk::<{ FrameProof::LEN }>().ok_or(Violation::FrameMalformed)?;
    let (evaluated, rest) = run.as_chunks::<32>();
    if !rest.is_empty() || evaluated.len() != elements {
        return Err(Violation::FrameMalformed);
    }
    Ok((evaluated, FrameProof::decode(proof)?))
}

/// Context that the proof of an aligned EVAL frame is bound to.
#[must_use]
pub const fn eval_context(sid: &[u8; 32], frame: u32) -> ProofContext<'_> {
    ProofContext { purpose: ProofPurpose::AlignedFrame, sid, stream: StreamId::Eval.code(), frame }
}

/// Proves that `evaluated` is `blinded` times the key, element by element; `GenerateProof`.
///
/// Discloses nothing but that statement. The nonce is derived from the key, the session and the
/// statement, so a repeated call gives the same bytes and a re-sent frame is identical.
///
/// # Errors
///
/// [`Bug`] when the two differ in length, are empty, or hold bytes that are not elements: the
/// caller has decoded both.
pub fn prove<O: Order>(
    arithmetic: &dyn BatchArithmetic,
    key: &PrfKey<O>,
    context: &ProofContext<'_>,
    blinded: &[Encoded],
    evaluated: &[Encoded],
) -> Result<FrameProof, Bug> {
    let base = Element::base().encode();
    let seed = frame_seed(O::SUITE, context, &base, key.public(), blinded, evaluated)?;
    let weights = weights(arithmetic, O::SUITE, &seed, blinded, evaluated);
    let composite = arithmetic
        .vartime_sum(&weights, blinded)
        .ok()
        .and_then(|sum| Element::decode(&sum).ok())
        .ok_or(Bug::invariant())?;
    let image = composite.multiply(key.scalar());
    let prk = Prk::extract(context.sid, key.scalar().expose_bytes());
    let nonce = seed::scalar(
        &prk,
        kdf::DLEQ_NONCE,
        &[
            &[context.purpose as u8, context.stream],
            &context.frame.to_le_bytes(),
            &composite.encode(),
            &image.encode(),
        ],
    )?;
    Ok(respond(O::SUITE, key.scalar(), &nonce, key.public(), &composite, &image))
}

/// Checks a proof over a frame; `VerifyProof`. [M-10]
///
/// Variable time: everything here is public to both parties.
///
/// # Errors
///
/// [`Violation::ProofInvalid`] when the statement is false or the two differ in length,
/// [`Violation::ElementNotCanonical`] and [`Violation::ElementIdentity`] when an element of
/// `evaluated` does not decode. The provider is to blame.
pub fn verify(
    arithmetic: &dyn BatchArithmetic,
    suite: SuiteId,
    public_key: &Encoded,
    context: &ProofContext<'_>,
    blinded: &[Encoded],
    evaluated: &[Encoded],
    proof: &FrameProof,
) -> Result<EvaluationVerified, Violation> {
    let base = Element::base().encode();
    let seed = frame_seed(suite, context, &base, public_key, blinded, evaluated)
        .map_err(|_| Violation::ProofInvalid)?;
    let weights = weights(arithmetic, suite, &seed, blinded, evaluated);
    let [composite, image] = composites(arithmetic, &weights, blinded, evaluated)?;
    let key = Element::decode(public_key)?;
    // [G19]
    if !challenge_holds(suite, &key, &composite, &image, proof) {
        return Err(Violation::ProofInvalid);
    }
    let elements = u32::try_from(blinded.len()).map_err(|_| Violation::ProofInvalid)?;
    Ok(EvaluationVerified { elements })
}

/// M and Z of the RFC, from the same weights.
fn composites(
    arithmetic: &dyn BatchArithmetic,
    weights: &[PublicScalar],
    blinded: &[Encoded],
    evaluated: &[Encoded],
) -> Result<[Element; 2], Violation> {
    let [composite, image] = arithmetic
        .vartime_sum_pair(weights, blinded, evaluated)
        .map_err(|bad| bad.violation)?
        // A composite that is the identity proves nothing.
        .map(|sum| Element::decode(&sum).map_err(|_| Violation::ProofInvalid));
    Ok([composite?, image?])
}

/// `c` and `s` of the Schnorr proof that (A, B) and (M, Z) share a logarithm.
fn respond(
    suite: SuiteId,
    secret: &SecretScalar,
    nonce: &SecretScalar,
    public_key: &Encoded,
    composite: &Element,
    image: &Element,
) -> FrameProof {
    let t2 = Element::multiply_base(nonce).encode();
    let t3 = composite.multiply(nonce).encode();
    let challenge = challenge(suite, public_key, &composite.encode(), &image.encode(), &t2, &t3);
    FrameProof { challenge, response: PublicScalar::response(nonce, challenge, secret) }
}

fn challenge_holds(
    suite: SuiteId,
    public_key: &Element,
    composite: &Element,
    image: &Element,
    proof: &FrameProof,
) -> bool {
    let FrameProof { challenge: c, response: s } = proof;
    let t2 = Element::vartime_combine(s, &Element::base(), c, public_key).encode();
    let t3 = Element::vartime_combine(s, composite, c, image).encode();
    let expected =
        challenge(suite, &public_key.encode(), &composite.encode(), &image.encode(), &t2, &t3);
    expected == *c
}

fn challenge(
    suite: SuiteId,
    public_key: &Encoded,
    composite: &Encoded,
    image: &Encoded,
    t2: &Encoded,
    t3: &Encoded,
) -> PublicScalar {
    let len = 32_u16.to_be_bytes();
    PublicScalar::hash(
        suite.dst(RfcFunction::HashToScalar),
        &[&len, public_key, &len, composite, &len, image, &len, t2, &len, t3, CHALLENGE],
    )
}

/// The seed of `protocol.md` 7.3: every element is hashed before any weight exists.
fn frame_seed(
    suite: SuiteId,
    context: &ProofContext<'_>,
    base: &Encoded,
    public_key: &Encoded,
    blinded: &[Encoded],
    evaluated: &[Encoded],
) -> Result<[u8; 64], Bug> {
    let count = u16::try_from(blinded.len()).map_err(|_| Bug::misuse())?;
    if count == 0 || blinded.len() != evaluated.len() {
        return Err(Bug::misuse());
    }
    // [G23]
    let mut hasher = LabelledHash64::new(h64::FRAME_PROOF);
    hasher.update(&suite.code().to_le_bytes());
    hasher.update(&[context.purpose as u8]);
    hasher.update(context.sid);
    hasher.update(&[context.stream]);
    hasher.update(&context.frame.to_le_bytes());
    hasher.update(base);
    hasher.update(public_key);
    hasher.update(&u32::from(count).to_le_bytes());
    hasher.update(blinded.as_flattened());
    hasher.update(evaluated.as_flattened());
    Ok(hasher.finalize())
}

/// Weights of `ComputeComposites`, RFC 9497 2.2.1: weight i is `HashToScalar` of the seed, i and
/// pair i.
fn weights(
    arithmetic: &dyn BatchArithmetic,
    suite: SuiteId,
    seed: &[u8; 64],
    blinded: &[Encoded],
    evaluated: &[Encoded],
) -> Vec<PublicScalar> {
    let dst = suite.dst(RfcFunction::HashToScalar);
    let seed_len = 64_u16.to_be_bytes();
    let element_len = 32_u16.to_be_bytes();
    // The pairs come first: they end the zip before the index is asked for one too many.
    let pairs = blinded.iter().zip(evaluated).zip(0_u16..);
    PublicScalar::hash_each(arithmetic, dst, pairs, |((c, d), index), message| {
        let index = index.to_be_bytes();
        message.write(&[&seed_len, seed, &index, &element_len, *c, &element_len, *d, COMPOSITE]);
    })
}

/// Entry points with the RFC's own seed, so that its vectors test every line above.
#[cfg(any(test, feature = "hazmat"))]
pub(crate) mod rfc {
    use sha2::{Digest, Sha512};

    use super::*;
    #[cfg(test)]
    use crate::group::Portable;

    /// `GenerateProof` of RFC 9497 with its seed and a given nonce.
    pub(crate) fn prove(
        arithmetic: &dyn BatchArithmetic,
        suite: SuiteId,
        secret: &SecretScalar,
        nonce: &SecretScalar,
        blinded: &[Encoded],
        evaluated: &[Encoded],
    ) -> Result<FrameProof, Violation> {
        let public_key = Element::multiply_base(secret).encode();
        let seed = seed(suite, &public_key);
        let weights = weights(arithmetic, suite, &seed, blinded, evaluated);
        let [composite, image] = composites(arithmetic, &weights, blinded, evaluated)?;
        Ok(respond(suite, secret, nonce, &public_key, &composite, &image))
    }

    /// `VerifyProof` of RFC 9497 with its seed.
    pub(crate) fn verify(
        arithmetic: &dyn BatchArithmetic,
        suite: SuiteId,
        public_key: &Encoded,
        blinded: &[Encoded],
        evaluated: &[Encoded],
        proof: &FrameProof,
    ) -> Result<bool, Violation> {
        let seed = seed(suite, public_key);
        let weights = weights(arithmetic, suite, &seed, blinded, evaluated);
        let [composite, image] = composites(arithmetic, &weights, blinded, evaluated)?;
        let key = Element::decode(public_key)?;
        Ok(challenge_holds(suite, &key, &composite, &image, proof))
    }

    /// Weights under the RFC's seed and under ours, to show what each binds.
    #[cfg(test)]
    pub(crate) fn weights_under_rfc_seed(
        suite: SuiteId,
        public_key: &Encoded,
        blinded: &[Encoded],
        evaluated: &[Encoded],
    ) -> Vec<PublicScalar> {
        weights(&Portable, suite, &seed(suite, public_key), blinded, evaluated)
    }

    fn seed(suite: SuiteId, public_key: &Encoded) -> [u8; 64] {
        let dst = suite.dst(RfcFunction::Seed);
        // A tag of the suites is far below 2^16 bytes.
        let dst_len = (dst.len() as u16).to_be_bytes();
        Sha512::new()
            .chain_update(32_u16.to_be_bytes())
            .chain_update(public_key)
            .chain_update(dst_len)
            .chain_update(dst)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Portable;
    use crate::suite::Aligned;

    const SID: [u8; 32] = [0x51; 32];

    fn key() -> PrfKey<Aligned> {
        PrfKey::from_scalar(SecretScalar::from_wide_bytes(&[3; 64]).unwrap())
    }

    fn frame(elements: usize) -> (Vec<Encoded>, Vec<Encoded>) {
        let blinded: Vec<Encoded> = (0..elements)
            .map(|i| Element::hash(b"frame", &u64::try_from(i).unwrap().to_le_bytes()).encode())
            .collect();
        let mut evaluated = vec![[0; 32]; elements];
        Portable.multiply(key().scalar(), &blinded, &mut evaluated).unwrap();
        (blinded, evaluated)
    }

    fn context(frame: u32) -> ProofContext<'static> {
        ProofContext { purpose: ProofPurpose::AlignedFrame, sid: &SID, stream: 18, frame }
    }

    fn check(
        context: &ProofContext<'_>,
        blinded: &[Encoded],
        evaluated: &[Encoded],
        proof: &FrameProof,
    ) -> Result<(), Violation> {
        verify(&Portable, SuiteId::Aligned, key().public(), context, blinded, evaluated, proof)
            .map(|evidence| assert_eq!(evidence.elements as usize, blinded.len()))
    }

    #[test]
    fn every_pair_has_a_weight_up_to_the_largest_index() {
        for pairs in [1, 255, 256, 257, 65_534, 65_535] {
            let elements = alloc::vec![[7; 32]; pairs];
            let weights = weights(&Portable, SuiteId::Aligned, &[1; 64], &elements, &elements);
            assert_eq!(weights.len(), pairs);
            let mut seen: Vec<[u8; 32]> = weights.iter().map(|weight| weight.to_bytes()).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), pairs, "each is bound to its index");
        }
    }

    #[test]
    fn honest_frame_verifies_and_its_proof_is_deterministic() {
        let (blinded, evaluated) = frame(33);
        let proof = prove(&Portable, &key(), &context(0), &blinded, &evaluated).unwrap();
        let again = prove(&Portable, &key(), &context(0), &blinded, &evaluated).unwrap();
        assert_eq!(proof, again);
        check(&context(0), &blinded, &evaluated, &proof).unwrap();
        assert_eq!(FrameProof::decode(&proof.encode()), Ok(proof));
    }

    #[test]
    fn proof_does_not_serve_another_frame_session_or_purpose() {
        // A13
        let (blinded, evaluated) = frame(4);
        let proof = prove(&Portable, &key(), &context(0), &blinded, &evaluated).unwrap();
        let other_sid = [0x52; 32];
        for wrong in [
            context(1),
            ProofContext { sid: &other_sid, ..context(0) },
            ProofContext { stream: 17, ..context(0) },
            ProofContext { purpose: ProofPurpose::ShuffledEvaluations, ..context(0) },
        ] {
            let result = check(&wrong, &blinded, &evaluated, &proof);
            assert_eq!(result, Err(Violation::ProofInvalid));
        }
    }

    #[test]
    fn one_wrong_or_swapped_evaluation_is_refused() {
        // A12, A14, M8, M9
        let (blinded, evaluated) = frame(8);
        let proof = prove(&Portable, &key(), &context(0), &blinded, &evaluated).unwrap();
        for index in 0..8 {
            let mut wrong = evaluated.clone();
            wrong[index] = blinded[index];
            assert_eq!(check(&context(0), &blinded, &wrong, &proof), Err(Violation::ProofInvalid));
        }
        let mut swapped = evaluated.clone();
        swapped.swap(2, 5);
        assert_eq!(check(&context(0), &blinded, &swapped, &proof), Err(Violation::ProofInvalid));
    }

    #[test]
    fn changing_one_element_changes_every_weight() {
        // G23. Under the RFC's seed it changes one weight, which is why we do not use it.
        let (blinded, evaluated) = frame(16);
        let ours = |c: &[Encoded], d: &[Encoded]| {
            let base = Element::base().encode();
            let seed =
                frame_seed(SuiteId::Aligned, &context(0), &base, key().public(), c, d).unwrap();
            weights(&Portable, SuiteId::Aligned, &seed, c, d)
        };
        let theirs = |c: &[Encoded], d: &[Encoded]| {
            rfc::weights_under_rfc_seed(SuiteId::Aligned, key().public(), c, d)
        };
        let changed = |a: &[PublicScalar], b: &[PublicScalar]| {
            a.iter().zip(b).filter(|(x, y)| x != y).count()
        };
        for index in [0, 7, 15] {
            let mut other = evaluated.clone();
            other[index] = Element::base().encode();
            assert_eq!(changed(&ours(&blinded, &evaluated), &ours(&blinded, &other)), 16);
            assert_eq!(changed(&ours(&blinded, &evaluated), &ours(&other, &evaluated)), 16);
            assert_eq!(changed(&theirs(&blinded, &evaluated), &theirs(&blinded, &other)), 1);
        }
    }

    #[test]
    fn proof_scalars_are_canonical_and_not_zero() {
        // A4
        let mut bytes = [0_u8; 64];
        assert_eq!(FrameProof::decode(&bytes), Err(Violation::ScalarNotCanonical));
        bytes.fill(0xFF);
        assert_eq!(FrameProof::decode(&bytes), Err(Violation::ScalarNotCanonical));
    }
}
