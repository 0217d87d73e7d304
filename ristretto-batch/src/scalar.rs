//! Secret scalars: checked once, erased when dropped.

use core::fmt;

use curve25519_dalek::scalar::Scalar;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret multiplier modulo the group order ℓ, together with its half.
///
/// Never 0, ±1, ±2, ±1/2 or ±4: the kernels multiply by the half and double at the end, and a
/// Montgomery ladder cannot recover the result for ±1 or 0 in that place. The other refused
/// values keep inverses and halves of accepted scalars away from the same corner. A random
/// scalar hits one of the nine with probability 2^-248.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretScalar {
    whole: Scalar,
    half: Scalar,
}

impl SecretScalar {
    /// Reads a scalar from 32 little-endian bytes.
    ///
    /// Nothing is returned for a value of ℓ or more and for 0, ±1, ±2, ±1/2 and ±4. Whether a
    /// scalar is refused is not hidden; which accepted value it has, is.
    pub fn from_canonical_bytes(mut bytes: [u8; 32]) -> Option<Self> {
        let canonical = Scalar::from_canonical_bytes(bytes);
        bytes.zeroize();
        let whole = Option::<Scalar>::from(canonical)?;
        let scalar = SecretScalar { half: whole.div_by_2(), whole };
        let refused = Scalar::ZERO.ct_eq(&scalar.whole)
            | is_plus_or_minus(&scalar.whole, &Scalar::ONE)
            | is_plus_or_minus(&scalar.whole, &Scalar::from(2u8))
            | is_plus_or_minus(&scalar.whole, &Scalar::ONE.div_by_2())
            | is_plus_or_minus(&scalar.whole, &Scalar::from(4u8));
        if bool::from(refused) { None } else { Some(scalar) }
    }

    /// The 32 little-endian bytes; the caller keeps them secret and erases copies.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        self.whole.as_bytes()
    }

    pub(crate) fn whole(&self) -> &Scalar {
        &self.whole
    }

    pub(crate) fn half(&self) -> &Scalar {
        &self.half
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

fn is_plus_or_minus(scalar: &Scalar, value: &Scalar) -> Choice {
    scalar.ct_eq(value) | scalar.ct_eq(&-value)
}

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
    fn refuses_values_of_the_order_or_more() {
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        assert!(SecretScalar::from_canonical_bytes(order).is_none());
        order[0] += 8;
        assert!(SecretScalar::from_canonical_bytes(order).is_none());
        assert!(SecretScalar::from_canonical_bytes([0xff; 32]).is_none());
    }

    #[test]
    fn debug_shows_nothing() {
        let scalar = SecretScalar::from_canonical_bytes(Scalar::from(77u8).to_bytes());
        assert_eq!(format!("{scalar:?}"), "Some(SecretScalar(..))");
    }
}
