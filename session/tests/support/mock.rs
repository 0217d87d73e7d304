//! A mock group: the integers modulo the group order, where an element is encoded as a scalar and
//! the base point is 1.
//!
//! Every algebraic rule of a shuffled session holds, at about a hundredth of the cost. Elements
//! that a session makes without an engine, a public key and the commitment to a blind, are encoded
//! as in the real group; the mock group knows them by the scalars that they are multiples of.

use std::sync::Mutex;

use curve25519_dalek::scalar::Scalar;
use protocol::error::Violation;
use protocol::group::{BadElement, BatchArithmetic, Element, Encoded, PublicScalar, SecretScalar};
use protocol::identifier::PrfInput;
use protocol::oprf::PrfKey;
use protocol::suite::Order;
use sha2::{Digest, Sha512};

/// The mock group, and the real elements it was told of.
#[derive(Default)]
pub(crate) struct MockGroup {
    known: Mutex<Vec<(Encoded, Scalar)>>,
}

impl MockGroup {
    /// Tells the group that the real multiple of the base point by this scalar may occur.
    pub(crate) fn knows(&self, secret: &SecretScalar) {
        let real = Element::multiply_base(secret).encode();
        self.known.lock().unwrap().push((real, scalar(secret)));
    }

    /// Tells the group that the public key of this key may occur.
    pub(crate) fn knows_key<O: Order>(&self, key: &PrfKey<O>) {
        let mut secret = [[0; 32]];
        key.evaluate_each(self, &[Scalar::ONE.to_bytes()], &mut secret).expect("1 decodes");
        let [secret] = secret;
        let secret = Scalar::from_canonical_bytes(secret).expect("a scalar");
        self.known.lock().unwrap().push((*key.public(), secret));
    }

    fn decode(&self, encoded: &Encoded, known: &[(Encoded, Scalar)]) -> Result<Scalar, Violation> {
        if let Some((_, secret)) = known.iter().find(|(real, _)| real == encoded) {
            return Ok(*secret);
        }
        match Option::from(Scalar::from_canonical_bytes(*encoded)) {
            None => Err(Violation::ElementNotCanonical),
            Some(zero) if zero == Scalar::ZERO => Err(Violation::ElementIdentity),
            Some(element) => Ok(element),
        }
    }

    fn each(
        &self,
        by: impl Fn(usize) -> Scalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        let known = self.known.lock().unwrap().clone();
        for (index, (element, out)) in elements.iter().zip(out).enumerate() {
            let element = self
                .decode(element, &known)
                .map_err(|violation| BadElement { index, violation })?;
            *out = (element * by(index)).to_bytes();
        }
        Ok(())
    }
}

impl BatchArithmetic for MockGroup {
    fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        let by = scalar(by);
        self.each(|_| by, elements, out)
    }

    fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.each(|index| scalar(&by[index]), elements, out)
    }

    fn multiply_base_each(&self, by: &[SecretScalar], out: &mut [Encoded]) {
        for (by, out) in by.iter().zip(out) {
            *out = scalar(by).to_bytes();
        }
    }

    fn hash_multiply(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        let by = scalar(by);
        for (input, out) in inputs.iter().zip(out) {
            *out = (hash(dst, input) * by).to_bytes();
        }
    }

    fn hash_multiply_each(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        for ((by, input), out) in by.iter().zip(inputs).zip(out) {
            *out = (hash(dst, input) * scalar(by)).to_bytes();
        }
    }

    fn vartime_sum(
        &self,
        weights: &[PublicScalar],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement> {
        let known = self.known.lock().unwrap().clone();
        let mut sum = Scalar::ZERO;
        for (index, (weight, element)) in weights.iter().zip(elements).enumerate() {
            let element = self
                .decode(element, &known)
                .map_err(|violation| BadElement { index, violation })?;
            sum += element * Scalar::from_bytes_mod_order(weight.to_bytes());
        }
        Ok(sum.to_bytes())
    }
}

fn scalar(secret: &SecretScalar) -> Scalar {
    Scalar::from_bytes_mod_order(*secret.expose_bytes())
}

fn hash(dst: &[u8], input: &PrfInput) -> Scalar {
    let hashed = Sha512::new().chain_update(dst).chain_update(input.expose_bytes()).finalize();
    Scalar::from_bytes_mod_order_wide(&hashed.into())
}
