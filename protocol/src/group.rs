//! The group: strict decoding, hash to group, and the arithmetic that sessions plug in.
//!
//! ristretto255 (RFC 9496) with the hash-to-group of RFC 9380 as RFC 9497 uses it. This file is the
//! only importer of curve25519-dalek. Its decoder accepts the identity and its `hash_from_bytes` is
//! not the RFC's map, so both are wrapped here and nowhere else [M-03].

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use sha2::{Digest, Sha512};
use subtle::Choice;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::batch_hash::{self, BatchHash, Message};
use crate::bytes::part;
use crate::error::Violation;
use crate::identifier::PrfInput;

/// 32 bytes that claim to be an element; nothing is known of them until they are decoded.
pub type Encoded = [u8; 32];

/// A decoded element: canonical and not the identity [M-03].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element(RistrettoPoint);

impl Element {
    /// Decodes strictly, as RFC 9496 4.3.1, and refuses the identity.
    ///
    /// # Errors
    ///
    /// [`Violation::ElementNotCanonical`] or [`Violation::ElementIdentity`]; the sender is to
    /// blame.
    pub fn decode(encoded: &Encoded) -> Result<Self, Violation> {
        let point =
            CompressedRistretto(*encoded).decompress().ok_or(Violation::ElementNotCanonical)?;
        // [G01] dalek decodes the identity.
        if point == RistrettoPoint::identity() {
            return Err(Violation::ElementIdentity);
        }
        Ok(Self(point))
    }

    /// The base point G.
    #[must_use]
    pub const fn base() -> Self {
        Self(RISTRETTO_BASEPOINT_POINT)
    }

    /// `HashToGroup` of RFC 9497: expand_message_xmd with SHA-512, then the one-way map.
    ///
    /// Constant time in `input`. The identity comes out with probability 2^-252 and would be
    /// refused by whoever decodes it.
    #[must_use]
    pub fn hash(dst: &[u8], input: &[u8]) -> Self {
        Self::map(&expand_message_xmd(dst, &[input]))
    }

    /// The one-way map of RFC 9496 4.3.4.
    #[must_use]
    pub(crate) fn map(uniform: &[u8; 64]) -> Self {
        Self(RistrettoPoint::from_uniform_bytes(uniform))
    }

    /// Multiplies the element by a secret scalar, in constant time.
    #[must_use]
    pub fn multiply(&self, by: &SecretScalar) -> Self {
        Self(by.0 * self.0)
    }

    /// Multiplies the base point by a secret scalar, in constant time.
    #[must_use]
    pub fn multiply_base(by: &SecretScalar) -> Self {
        Self(RistrettoPoint::mul_base(&by.0))
    }

    /// The canonical encoding.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        self.0.compress().to_bytes()
    }

    /// `a·A + b·B`, in variable time: all four are public.
    #[must_use]
    pub(crate) fn vartime_combine(
        a: &PublicScalar,
        at: &Self,
        b: &PublicScalar,
        bt: &Self,
    ) -> Self {
        Self(RistrettoPoint::vartime_multiscalar_mul([a.0, b.0], [at.0, bt.0]))
    }
}

/// A secret scalar; never 0, ±1, ±2, ±1/2, ±4 or ±1/4 modulo the group order.
///
/// The refused values are those for which a batch engine that works on k/2 and recovers y after a
/// ladder may fail, and their inverses. A random scalar is none of them but for probability 2^-249.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// Reads a canonical encoding; `None` above the group order or for a refused value.
    #[must_use]
    pub fn from_canonical_bytes(bytes: &[u8; 32]) -> Option<Self> {
        Option::from(Scalar::from_canonical_bytes(*bytes)).and_then(Self::new)
    }

    /// Reduces 64 bytes modulo the group order; `None` for a refused value.
    #[must_use]
    pub fn from_wide_bytes(bytes: &[u8; 64]) -> Option<Self> {
        Self::new(Scalar::from_bytes_mod_order_wide(bytes))
    }

    /// Bytes of the canonical encoding; secret.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The inverse; the refused values, ±1/4 added, are closed under inversion.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self(self.0.invert())
    }

    /// Inverses of many scalars for the price of one inversion.
    #[must_use]
    pub fn invert_all(scalars: &[Self]) -> Vec<Self> {
        let mut inverses: Vec<Scalar> = scalars.iter().map(|scalar| scalar.0).collect();
        // Zeros cannot occur: `new` refuses them.
        Scalar::invert_batch_alloc(&mut inverses);
        let wrapped = inverses.iter().map(|inverse| Self(*inverse)).collect();
        inverses.zeroize();
        wrapped
    }

    fn new(scalar: Scalar) -> Option<Self> {
        let words = Zeroizing::new(words(scalar.as_bytes()));
        // 1 for equal words, else 0.
        let is = |value: &[u64; 4]| {
            let apart = words.iter().zip(value).fold(0, |apart, (a, b)| apart | (a ^ b));
            1 ^ (apart | apart.wrapping_neg()) >> 63
        };
        let refused = REFUSED.iter().map(is).fold(0, |any, this| any | this);
        (!bool::from(Choice::from(refused as u8))).then_some(Self(scalar))
    }
}

/// 0, ±1, ±2, ±4, ±1/2 and ±1/4 modulo the group order, in little-endian words.
///
/// A session makes a scalar for each element, so the comparison must cost next to nothing.
const REFUSED: [[u64; 4]; 11] = [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [0x5812_631A_5CF5_D3EC, 0x14DE_F9DE_A2F7_9CD6, 0, 0x1000_0000_0000_0000],
    [2, 0, 0, 0],
    [0x5812_631A_5CF5_D3EB, 0x14DE_F9DE_A2F7_9CD6, 0, 0x1000_0000_0000_0000],
    [4, 0, 0, 0],
    [0x5812_631A_5CF5_D3E9, 0x14DE_F9DE_A2F7_9CD6, 0, 0x1000_0000_0000_0000],
    [0x2C09_318D_2E7A_E9F7, 0x0A6F_7CEF_517B_CE6B, 0, 0x0800_0000_0000_0000],
    [0x2C09_318D_2E7A_E9F6, 0x0A6F_7CEF_517B_CE6B, 0, 0x0800_0000_0000_0000],
    [0xC20D_CA53_C5B8_5EF2, 0x0FA7_3B66_FA39_B5A0, 0, 0x0C00_0000_0000_0000],
    [0x9604_98C6_973D_74FB, 0x0537_BE77_A8BD_E735, 0, 0x0400_0000_0000_0000],
];

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

/// A scalar that everybody may know: proof scalars and weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicScalar(Scalar);

impl PublicScalar {
    /// Reads a proof scalar from the wire: canonical and not zero.
    ///
    /// # Errors
    ///
    /// [`Violation::ScalarNotCanonical`]; the sender is to blame.
    pub fn decode(bytes: &[u8; 32]) -> Result<Self, Violation> {
        // [G04]
        Option::from(Scalar::from_canonical_bytes(*bytes))
            .filter(|scalar| *scalar != Scalar::ZERO)
            .map(Self)
            .ok_or(Violation::ScalarNotCanonical)
    }

    /// `HashToScalar` of RFC 9497 over the concatenated parts.
    #[must_use]
    pub(crate) fn hash(dst: &[u8], parts: &[&[u8]]) -> Self {
        Self(Scalar::from_bytes_mod_order_wide(&expand_message_xmd(dst, parts)))
    }

    /// [`PublicScalar::hash`] of one message for each item, in their order.
    pub(crate) fn hash_each<T>(
        arithmetic: &dyn BatchArithmetic,
        dst: &[u8],
        items: impl Iterator<Item = T>,
        message: impl FnMut(&T, &mut Message<'_>),
    ) -> Vec<Self> {
        let mut scalars = Vec::with_capacity(items.size_hint().0);
        let hash = BatchHash::ExpandXmd { dst };
        batch_hash::hash_each(arithmetic, hash, items, message, |_, wide| {
            scalars.push(Self(Scalar::from_bytes_mod_order_wide(wide)));
        });
        scalars
    }

    /// The canonical encoding.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// `r - c·k`, the response of a Schnorr-like proof, in constant time in `r` and `k`.
    pub(crate) fn response(nonce: &SecretScalar, challenge: Self, secret: &SecretScalar) -> Self {
        Self(nonce.0 - challenge.0 * secret.0)
    }
}

/// `HashToScalar` of RFC 9497 into a secret, for DeriveKeyPair.
pub(crate) fn hash_to_secret_scalar(dst: &[u8], parts: &[&[u8]]) -> Option<SecretScalar> {
    SecretScalar::from_wide_bytes(&expand_message_xmd(dst, parts))
}

/// The index of the first element that does not decode, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadElement {
    /// Position among the given elements.
    pub index: usize,
    /// [`Violation::ElementNotCanonical`] or [`Violation::ElementIdentity`].
    pub violation: Violation,
}

/// Multiplications and hashes of many elements at once; the one thing a session lets others
/// compute.
///
/// Every implementation writes the bytes of [`Portable`], in time independent of scalars and
/// inputs, except for [`BatchArithmetic::vartime_sum`], whose arguments are public. Outputs are
/// as many as inputs; an implementation may panic on a caller that breaks this.
pub trait BatchArithmetic: Send + Sync {
    /// Strictly decodes each element, multiplies it by one scalar, and encodes it.
    ///
    /// # Errors
    ///
    /// The first element that does not decode; whoever sent it is to blame. The content of `out`
    /// is then unspecified.
    fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement>;

    /// Multiplies like [`BatchArithmetic::multiply`], each element by a scalar of its own.
    ///
    /// # Errors
    ///
    /// As [`BatchArithmetic::multiply`].
    fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement>;

    /// Multiplies the base point by each scalar, and encodes it.
    fn multiply_base_each(&self, by: &[SecretScalar], out: &mut [Encoded]);

    /// Hashes each input to the group, multiplies it by one scalar, and encodes it.
    fn hash_multiply(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    );

    /// Multiplies like [`BatchArithmetic::hash_multiply`], each input by a scalar of its own.
    fn hash_multiply_each(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    );

    /// `Σ weight_i · element_i`, in variable time: weights and elements are public.
    ///
    /// # Errors
    ///
    /// The first element that does not decode.
    fn vartime_sum(
        &self,
        weights: &[PublicScalar],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement>;

    /// [`BatchArithmetic::vartime_sum`] of two lists under the same weights; an engine may share
    /// the work on the weights.
    ///
    /// # Errors
    ///
    /// The first element that does not decode; the index counts through `first` and on through
    /// `second`.
    fn vartime_sum_pair(
        &self,
        weights: &[PublicScalar],
        first: &[Encoded],
        second: &[Encoded],
    ) -> Result<[Encoded; 2], BadElement> {
        let sum = self.vartime_sum(weights, first)?;
        let other = self
            .vartime_sum(weights, second)
            .map_err(|bad| BadElement { index: first.len() + bad.index, ..bad })?;
        Ok([sum, other])
    }

    /// Hashes each message; here one by one, and an engine may do several side by side.
    fn hash_each(&self, hash: BatchHash<'_>, messages: &[&[u8]], out: &mut [[u8; 64]]) {
        for (message, out) in messages.iter().zip(out) {
            *out = *hash.hash(message);
        }
    }
}

/// [`BatchArithmetic`] over curve25519-dalek: the definition every engine is compared with, and
/// what the auditor uses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Portable;

impl Portable {
    /// Encodes `(k/2)·P` by doubling: the same bytes for a fifth of the inverse square roots.
    fn encode_doubled(points: &mut [RistrettoPoint], out: &mut [Encoded]) {
        for (slot, encoded) in
            out.iter_mut().zip(RistrettoPoint::double_and_compress_batch(&*points))
        {
            *slot = encoded.to_bytes();
        }
        points.iter_mut().zeroize();
    }

    fn decode_all(elements: &[Encoded]) -> Result<Vec<RistrettoPoint>, BadElement> {
        elements
            .iter()
            .enumerate()
            .map(|(index, encoded)| {
                Element::decode(encoded)
                    .map(|element| element.0)
                    .map_err(|violation| BadElement { index, violation })
            })
            .collect()
    }
}

impl BatchArithmetic for Portable {
    fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        let mut half = by.0.div_by_2();
        let mut points = Self::decode_all(elements)?;
        for point in &mut points {
            *point *= half;
        }
        half.zeroize();
        Self::encode_doubled(&mut points, out);
        Ok(())
    }

    fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        let mut points = Self::decode_all(elements)?;
        for (point, scalar) in points.iter_mut().zip(by) {
            let mut half = scalar.0.div_by_2();
            *point *= half;
            half.zeroize();
        }
        Self::encode_doubled(&mut points, out);
        Ok(())
    }

    fn multiply_base_each(&self, by: &[SecretScalar], out: &mut [Encoded]) {
        let mut points: Vec<RistrettoPoint> = by
            .iter()
            .map(|scalar| {
                let mut half = scalar.0.div_by_2();
                let point = RistrettoPoint::mul_base(&half);
                half.zeroize();
                point
            })
            .collect();
        Self::encode_doubled(&mut points, out);
    }

    fn hash_multiply(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        let mut half = by.0.div_by_2();
        let mut points: Vec<RistrettoPoint> =
            inputs.iter().map(|input| Element::hash(dst, input.as_ref()).0 * half).collect();
        half.zeroize();
        Self::encode_doubled(&mut points, out);
    }

    fn hash_multiply_each(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        let mut points: Vec<RistrettoPoint> = inputs
            .iter()
            .zip(by)
            .map(|(input, scalar)| {
                let mut half = scalar.0.div_by_2();
                let point = Element::hash(dst, input.as_ref()).0 * half;
                half.zeroize();
                point
            })
            .collect();
        Self::encode_doubled(&mut points, out);
    }

    fn vartime_sum(
        &self,
        weights: &[PublicScalar],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement> {
        let points = Self::decode_all(elements)?;
        let scalars = weights.iter().map(|weight| weight.0);
        Ok(RistrettoPoint::vartime_multiscalar_mul(scalars, points).compress().to_bytes())
    }
}

/// `expand_message_xmd` of RFC 9380 5.3.1 with SHA-512 and a DST below 256 bytes.
///
/// Our own calls take 64 bytes; vectors of the RFC take 32. One block of the hash yields both.
/// What comes out of a secret input is as secret, and so is all that leads there: it is wiped.
pub(crate) fn expand_message_xmd<const LEN: usize>(
    dst: &[u8],
    parts: &[&[u8]],
) -> Zeroizing<[u8; LEN]> {
    const { assert!(LEN <= 64, "one block of SHA-512") };
    // A tag of the suites is below 256 bytes, which `suite.rs` holds when it is built.
    let dst_len = [u8::try_from(dst.len()).unwrap_or(u8::MAX)];
    let mut first = Sha512::new().chain_update([0; 128]);
    for part in parts {
        first.update(part);
    }
    // l_i_b_str = I2OSP(LEN, 2), then I2OSP(0, 1).
    let len = LEN as u8;
    let first = first.chain_update([0, len, 0]).chain_update(dst).chain_update(dst_len);
    let first: Zeroizing<[u8; 64]> = Zeroizing::new(first.finalize().into());
    let block = Sha512::new()
        .chain_update(*first)
        .chain_update([1])
        .chain_update(dst)
        .chain_update(dst_len);
    let block: Zeroizing<[u8; 64]> = Zeroizing::new(block.finalize().into());
    Zeroizing::new(part::<0, LEN, 64>(&block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(byte: u8) -> SecretScalar {
        SecretScalar::from_wide_bytes(&[byte; 64]).unwrap()
    }

    #[test]
    fn rejects_identity_element() {
        // G01, A1, M2
        assert_eq!(Element::decode(&[0; 32]), Err(Violation::ElementIdentity));
    }

    #[test]
    fn secret_scalar_refuses_the_values_a_ladder_fails_on() {
        // G05
        let half = Scalar::ONE.div_by_2();
        let quarter = half.div_by_2();
        let small = [0_u8, 1, 2, 4].map(Scalar::from);
        for value in small.into_iter().chain([half, quarter]) {
            assert!(SecretScalar::from_canonical_bytes(value.as_bytes()).is_none());
            assert!(SecretScalar::from_canonical_bytes((-value).as_bytes()).is_none());
        }
        for value in [3_u8, 5, 6, 7, 8, 16].map(Scalar::from) {
            for value in [value, -value, value.invert()] {
                assert!(SecretScalar::from_canonical_bytes(value.as_bytes()).is_some());
            }
        }
        assert!(SecretScalar::from_canonical_bytes(&[0xFF; 32]).is_none());
    }

    #[test]
    fn the_table_of_refused_scalars_is_complete() {
        let half = Scalar::ONE.div_by_2();
        let values = [Scalar::ONE, Scalar::from(2_u8), Scalar::from(4_u8), half, half.div_by_2()];
        let signed = values.into_iter().flat_map(|value| [value, -value]);
        let expected = core::iter::once(Scalar::ZERO).chain(signed);
        assert!(expected.map(|value| words(value.as_bytes())).eq(REFUSED));
    }

    #[test]
    fn batch_forms_equal_element_forms() {
        let inputs: Vec<PrfInput> = (0..17).map(|i| PrfInput::row_dummy(&[i; 32])).collect();
        let scalars: Vec<SecretScalar> = (1..=17).map(scalar).collect();
        let dst = b"test";
        let mut hashed = vec![[0; 32]; 17];
        Portable.hash_multiply_each(&scalars, dst, &inputs, &mut hashed);
        for ((input, by), out) in inputs.iter().zip(&scalars).zip(&hashed) {
            assert_eq!(Element::hash(dst, input.as_ref()).multiply(by).encode(), *out);
        }
        let mut back = vec![[0; 32]; 17];
        Portable.multiply_each(&SecretScalar::invert_all(&scalars), &hashed, &mut back).unwrap();
        for (input, out) in inputs.iter().zip(&back) {
            assert_eq!(Element::hash(dst, input.as_ref()).encode(), *out);
        }
        let mut one = vec![[0; 32]; 17];
        Portable.hash_multiply(&scalars[3], dst, &inputs, &mut one);
        assert_eq!(one[3], hashed[3]);
        Portable.multiply(&scalars[5], &one, &mut back).unwrap();
        let expected = Element::decode(&one[9]).unwrap().multiply(&scalars[5]).encode();
        assert_eq!(back[9], expected);
        let mut multiples = vec![[0; 32]; 17];
        Portable.multiply_base_each(&scalars, &mut multiples);
        for (by, out) in scalars.iter().zip(&multiples) {
            assert_eq!(Element::multiply_base(by).encode(), *out);
        }
    }

    #[test]
    fn names_the_first_bad_element() {
        let good = Element::base().encode();
        let mut elements = vec![good; 9];
        elements[4] = [0xFF; 32];
        elements[6] = [0; 32];
        let mut out = vec![[0; 32]; 9];
        let bad = Portable.multiply(&scalar(3), &elements, &mut out).unwrap_err();
        assert_eq!(bad, BadElement { index: 4, violation: Violation::ElementNotCanonical });
    }
}
