//! Secret scalars: checked once, erased when dropped.

use core::fmt;

use curve25519_dalek::scalar::Scalar;
use subtle::Choice;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A secret multiplier modulo the group order ℓ, together with its half.
///
/// Never 0, ±1, ±2, ±1/2 or ±4: the kernels multiply by the half and double at the end, and a
/// Montgomery ladder cannot recover the result for ±1 or 0 in that place. The other refused
/// values keep inverses and halves of accepted scalars away from the same corner. A random
/// scalar hits one of the nine with probability 2^-248.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretScalar {
    whole: [u8; 32],
    half: Words,
}

/// Four little-endian words.
pub(crate) type Words = [u64; 4];

impl SecretScalar {
    /// Reads a scalar from 32 little-endian bytes.
    ///
    /// Nothing is returned for a value of ℓ or more and for 0, ±1, ±2, ±1/2 and ±4. Whether a
    /// scalar is refused is not hidden; which accepted value it has, is.
    ///
    /// A run may have a scalar for each element, so this is integer arithmetic on four words.
    pub fn from_canonical_bytes(mut bytes: [u8; 32]) -> Option<Self> {
        let whole = Zeroizing::new(words(&bytes));
        let refused = REFUSED.iter().map(|value| is_equal(&whole, value));
        let refused = refused.fold(1 ^ is_below_order(&whole), |any, this| any | this);
        let scalar = SecretScalar { whole: bytes, half: halved(&whole) };
        bytes.zeroize();
        if bool::from(Choice::from(refused as u8)) { None } else { Some(scalar) }
    }

    /// The 32 little-endian bytes; the caller keeps them secret and erases copies.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.whole
    }

    /// The half as an integer below ℓ.
    pub(crate) fn half(&self) -> &Words {
        &self.half
    }

    /// The scalar as curve25519-dalek has it.
    pub(crate) fn dalek(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(Scalar::from_bytes_mod_order(self.whole))
    }

    /// The half as curve25519-dalek has it.
    pub(crate) fn dalek_half(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(self.dalek().div_by_2())
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

fn words(bytes: &[u8; 32]) -> Words {
    let (words, _) = bytes.as_chunks();
    core::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// 1 for equal values, else 0.
fn is_equal(a: &Words, b: &Words) -> u64 {
    let apart = a.iter().zip(b).fold(0, |apart, (a, b)| apart | (a ^ b));
    1 ^ (apart | apart.wrapping_neg()) >> 63
}

/// The borrow of subtracting ℓ: 1 for a value below it, else 0.
fn is_below_order(a: &Words) -> u64 {
    let borrow = a
        .iter()
        .zip(&ORDER)
        .fold(0, |borrow, (a, b)| u128::from(*a).wrapping_sub(u128::from(*b) + borrow) >> 127);
    borrow as u64
}

/// Half of a value below ℓ, which is odd: an odd value becomes even by adding ℓ.
fn halved(a: &Words) -> Words {
    let odd = 0u64.wrapping_sub(a[0] & 1);
    let mut sum = Zeroizing::new([0u64; 4]);
    let mut carry = 0;
    for (sum, (a, b)) in sum.iter_mut().zip(a.iter().zip(&ORDER)) {
        let wide = u128::from(*a) + u128::from(b & odd) + carry;
        *sum = wide as u64;
        carry = wide >> 64;
    }
    core::array::from_fn(|i| sum[i] >> 1 | sum.get(i + 1).map_or(0, |next| next << 63))
}

/// ℓ, the order of the group.
const ORDER: Words =
    [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0x0000_0000_0000_0000, 0x1000_0000_0000_0000];

/// 0, ±1, ±2, ±4 and ±1/2 modulo ℓ.
const REFUSED: [Words; 9] = [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [0x5812_631a_5cf5_d3ec, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000],
    [2, 0, 0, 0],
    [0x5812_631a_5cf5_d3eb, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000],
    [4, 0, 0, 0],
    [0x5812_631a_5cf5_d3e9, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000],
    [0x2c09_318d_2e7a_e9f7, 0x0a6f_7cef_517b_ce6b, 0, 0x0800_0000_0000_0000],
    [0x2c09_318d_2e7a_e9f6, 0x0a6f_7cef_517b_ce6b, 0, 0x0800_0000_0000_0000],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_nine_scalars_and_keeps_their_neighbours() {
        let half = Scalar::ONE.div_by_2();
        let refused = [1u8, 2, 4].map(Scalar::from);
        for value in refused.into_iter().chain([half]).flat_map(|s| [s, -s]).chain([Scalar::ZERO]) {
            assert!(SecretScalar::from_canonical_bytes(value.to_bytes()).is_none());
        }
        let kept = [3u8, 5, 6, 7, 8].map(Scalar::from);
        for value in kept.into_iter().chain([half.div_by_2()]).flat_map(|s| [s, -s]) {
            let scalar = SecretScalar::from_canonical_bytes(value.to_bytes()).expect("kept");
            assert_eq!(scalar.expose_bytes(), value.as_bytes());
        }
    }

    #[test]
    fn the_table_holds_the_nine_scalars() {
        let one = Scalar::ONE;
        let values = [one, one + one, Scalar::from(4u8), one.div_by_2()];
        let values = values.into_iter().flat_map(|value| [value, -value]);
        let expected = core::iter::once(Scalar::ZERO).chain(values);
        assert!(expected.map(|value| words(value.as_bytes())).eq(REFUSED));
    }

    #[test]
    fn the_half_is_that_of_dalek() {
        let mut scalar = Scalar::from(3u8);
        for _ in 0..1_000 {
            for value in [scalar, -scalar] {
                let secret = SecretScalar::from_canonical_bytes(value.to_bytes()).expect("kept");
                assert_eq!(*secret.half(), words(secret.dalek_half().as_bytes()));
                assert_eq!(*secret.dalek(), value);
            }
            scalar = scalar * scalar + Scalar::from(5u8);
        }
    }

    #[test]
    fn refuses_values_of_the_order_or_more() {
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        assert!(SecretScalar::from_canonical_bytes(order).is_none());
        assert_eq!(words(&order), ORDER);
        order[0] += 8;
        assert!(SecretScalar::from_canonical_bytes(order).is_none());
        for limb in 0..4 {
            let mut above = ORDER;
            above[limb] += 1;
            let bytes = above.map(u64::to_le_bytes).as_flattened().try_into().expect("32 bytes");
            assert!(SecretScalar::from_canonical_bytes(bytes).is_none());
        }
        assert!(SecretScalar::from_canonical_bytes([0xff; 32]).is_none());
    }

    #[test]
    fn debug_shows_nothing() {
        let scalar = SecretScalar::from_canonical_bytes(Scalar::from(77u8).to_bytes());
        assert_eq!(format!("{scalar:?}"), "Some(SecretScalar(..))");
    }
}
