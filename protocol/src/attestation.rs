//! Signers: parties, their Ed25519 attestation keys, strict verification.

use core::fmt;

use ed25519_dalek::{Signature as DalekSignature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::bytes::part;
use crate::error::Violation;
use crate::suite::{self, Label, h};

/// A party, named by the hash of its attestation key: `H("party"; key)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartyId(pub [u8; 32]);

impl PartyId {
    /// The party that owns an attestation key.
    #[must_use]
    pub fn of(key: &[u8; 32]) -> Self {
        Self(suite::hash(h::PARTY, &[key]))
    }
}

/// A party's signing key; secret, and the root of its identity towards partners and auditors.
pub struct AttestationKey(SigningKey);

impl AttestationKey {
    /// Builds the key from 32 secret bytes, kept sealed by the node.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The public key of the HELLOs.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The party this key names.
    #[must_use]
    pub fn party(&self) -> PartyId {
        PartyId::of(&self.public())
    }

    /// `Sig(label; parts)`: Ed25519 over `u8(len(l)) ‖ l ‖ parts` [K-01].
    #[must_use]
    pub(crate) fn sign(&self, label: Label, parts: &[&[u8]]) -> Signature {
        Signature::from_bytes(&self.0.sign(&message(label, parts)).to_bytes())
    }
}

impl fmt::Debug for AttestationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttestationKey(..)")
    }
}

/// An Ed25519 signature as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// First half.
    pub r: [u8; 32],
    /// Second half.
    pub s: [u8; 32],
}

impl Signature {
    /// Bytes of a signature.
    pub const LEN: usize = 64;

    /// The signature in these bytes: R, then S.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        Self { r: part::<0, 32, 64>(bytes), s: part::<32, 32, 64>(bytes) }
    }

    /// R, then S.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (slot, byte) in bytes.iter_mut().zip(self.r.iter().chain(&self.s)) {
            *slot = *byte;
        }
        bytes
    }

    /// The place of a signature that is not made yet.
    pub const NONE: Self = Self { r: [0; 32], s: [0; 32] };

    /// Verifies strictly: canonical S and R, no small-order key [K-06].
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the signer is to blame.
    pub(crate) fn verify(
        &self,
        key: &[u8; 32],
        label: Label,
        parts: &[&[u8]],
    ) -> Result<(), Violation> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| Violation::SignatureInvalid)?;
        // [G60]
        key.verify_strict(&message(label, parts), &DalekSignature::from_components(self.r, self.s))
            .map_err(|_| Violation::SignatureInvalid)
    }
}

fn message(label: Label, parts: &[&[u8]]) -> alloc::vec::Vec<u8> {
    let mut bytes = alloc::vec::Vec::with_capacity(128);
    label.write(|part| bytes.extend_from_slice(part));
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::sig;

    #[test]
    fn signature_holds_for_its_label_key_and_message_only() {
        let key = AttestationKey::from_bytes(&[1; 32]);
        let other = AttestationKey::from_bytes(&[2; 32]);
        let signature = key.sign(sig::TERMS, &[b"sid"]);
        assert_eq!(signature.verify(&key.public(), sig::TERMS, &[b"sid"]), Ok(()));
        let refused = Err(Violation::SignatureInvalid);
        assert_eq!(signature.verify(&key.public(), sig::RECEIPT, &[b"sid"]), refused);
        assert_eq!(signature.verify(&other.public(), sig::TERMS, &[b"sid"]), refused);
        assert_eq!(signature.verify(&key.public(), sig::TERMS, &[b"sie"]), refused);
        assert_eq!(signature.verify(&[0; 32], sig::TERMS, &[b"sid"]), refused);
    }
}
