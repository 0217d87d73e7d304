//! Proof that one party holds both keys of an identity, and the code by which two parties compare.
//!
//! An identity names an attestation key and a TLS key. Whoever may write down any two keys could
//! join its own attestation key to a competitor's TLS key, or the reverse, and so lock it out or
//! spend its openings. So each key signs both of them, and the role they are for [K-11].

use alloc::vec::Vec;

use crate::attestation::{AttestationKey, PartyId, Signature};
use crate::error::Violation;
use crate::suite::{self, h, sig};
use crate::transcript::Role;

/// Facts of the authenticated channel, all of them inside the session id.
#[derive(Debug, Clone, Copy)]
pub struct ChannelFacts {
    /// The TLS exporter.
    pub exporter: [u8; 32],
    /// SHA-256 of the advertiser's SubjectPublicKeyInfo.
    pub spki_advertiser: [u8; 32],
    /// SHA-256 of the provider's SubjectPublicKeyInfo.
    pub spki_provider: [u8; 32],
}

/// The fact that the peer on this channel holds the TLS key pinned for a partner.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct VerifiedPeer {
    key: [u8; 32],
    party: [u8; 32],
    channel: ChannelFacts,
}

impl VerifiedPeer {
    /// Asserts that the finished handshake proved the TLS key pinned for the party with this
    /// attestation key. Called in one place of `node`.
    pub fn assertion(key: [u8; 32], channel: ChannelFacts) -> Self {
        Self { key, party: PartyId::of(&key).0, channel }
    }

    /// The attestation key of the party, which signs what it says.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The party the pin belongs to.
    #[must_use]
    pub const fn party(&self) -> &[u8; 32] {
        &self.party
    }

    /// The channel.
    #[must_use]
    pub const fn channel(&self) -> &ChannelFacts {
        &self.channel
    }
}

/// Proof of possession of the two keys of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyProof {
    /// Role that the keys are for.
    pub role: Role,
    /// Ed25519 public key of the channel.
    pub tls_key: [u8; 32],
    by_attestation: Signature,
    by_tls: Signature,
}

impl KeyProof {
    /// Bytes of an encoded proof.
    pub const BYTES: usize = 1 + 32 + 64 + 64;

    /// Signs both keys by each of them; `tls` is the channel's key, also Ed25519.
    #[must_use]
    pub fn make(role: Role, attestation: &AttestationKey, tls: &AttestationKey) -> Self {
        let statement = statement(role, &attestation.public(), &tls.public());
        Self {
            role,
            tls_key: tls.public(),
            by_attestation: attestation.sign(sig::IDENTITY, &[&statement]),
            by_tls: tls.sign(sig::IDENTITY, &[&statement]),
        }
    }

    /// Verifies both signatures for an attestation key and the role it is expected in [K-11].
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]: whoever made the proof did not hold both keys in that role.
    pub fn verify(&self, attestation_key: &[u8; 32], role: Role) -> Result<(), Violation> {
        let statement = statement(role, attestation_key, &self.tls_key);
        self.by_attestation.verify(attestation_key, sig::IDENTITY, &[&statement])?;
        self.by_tls.verify(&self.tls_key, sig::IDENTITY, &[&statement])
    }

    /// Role ‖ TLS key ‖ signature of the attestation key ‖ signature of the TLS key.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.push(code(self.role));
        bytes.extend_from_slice(&self.tls_key);
        for signature in [&self.by_attestation, &self.by_tls] {
            bytes.extend_from_slice(&signature.r);
            bytes.extend_from_slice(&signature.s);
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for another length or role.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (role, rest) = bytes.split_first()?;
        let (&[tls_key, attestation_r, attestation_s, tls_r, tls_s], []) = rest.as_chunks::<32>()
        else {
            return None;
        };
        let role = [Role::Advertiser, Role::Provider].into_iter().find(|of| code(*of) == *role)?;
        Some(Self {
            role,
            tls_key,
            by_attestation: Signature { r: attestation_r, s: attestation_s },
            by_tls: Signature { r: tls_r, s: tls_s },
        })
    }
}

/// The code that two parties read to each other: four groups of five digits of a hash of both
/// identities, each attestation key ‖ SPKI hash, the advertiser's first [K-14].
#[must_use]
pub fn comparison_code(advertiser: &[u8; 64], provider: &[u8; 64]) -> [u64; 4] {
    let digest = suite::hash(h::COMPARISON, &[advertiser, provider]);
    let mut groups = [0; 4];
    for (group, bytes) in groups.iter_mut().zip(digest.as_chunks::<8>().0) {
        *group = u64::from_be_bytes(*bytes) % 100_000;
    }
    groups
}

fn statement(role: Role, attestation_key: &[u8; 32], tls_key: &[u8; 32]) -> Vec<u8> {
    [&[code(role)][..], attestation_key, tls_key].concat()
}

const fn code(role: Role) -> u8 {
    match role {
        Role::Advertiser => 1,
        Role::Provider => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seed: u8) -> (AttestationKey, AttestationKey) {
        (AttestationKey::from_bytes(&[seed; 32]), AttestationKey::from_bytes(&[seed + 100; 32]))
    }

    #[test]
    fn holder_of_both_keys_is_believed() {
        let (attestation, tls) = keys(1);
        let proof = KeyProof::make(Role::Advertiser, &attestation, &tls);
        assert_eq!(proof.verify(&attestation.public(), Role::Advertiser), Ok(()));
        let bytes = proof.to_bytes();
        assert_eq!(bytes.len(), KeyProof::BYTES);
        assert_eq!(KeyProof::from_bytes(&bytes), Some(proof));
        assert_eq!(KeyProof::from_bytes(&bytes[1..]), None);
        assert_eq!(KeyProof::from_bytes(&[&[3], &bytes[1..]].concat()), None);
    }

    #[test]
    fn keys_of_two_parties_make_no_identity() {
        let refused = Err(Violation::SignatureInvalid);
        let ((own, own_tls), (other, other_tls)) = (keys(1), keys(2));
        let role = Role::Advertiser;
        let of_other = KeyProof::make(role, &other, &other_tls);
        // Another's proof beside one's own attestation key.
        assert_eq!(of_other.verify(&own.public(), role), refused);
        // One's own attestation key signs for another's TLS key, whose signature is copied.
        let joined = KeyProof {
            by_attestation: KeyProof::make(role, &own, &own_tls).by_attestation,
            ..of_other
        };
        assert_eq!(joined.verify(&own.public(), role), refused);
        // One's own TLS key beside another's attestation key.
        let of_own = KeyProof::make(role, &own, &own_tls);
        let joined = KeyProof { by_attestation: of_other.by_attestation, ..of_own };
        assert_eq!(joined.verify(&other.public(), role), refused);
        // The claimed TLS key signs nothing at all.
        let claimed = KeyProof {
            by_attestation: own
                .sign(sig::IDENTITY, &[&statement(role, &own.public(), &other_tls.public())]),
            ..of_other
        };
        assert_eq!(claimed.verify(&own.public(), role), refused);
    }

    #[test]
    fn proof_holds_in_its_role_only() {
        let (attestation, tls) = keys(1);
        let proof = KeyProof::make(Role::Provider, &attestation, &tls);
        let refused = Err(Violation::SignatureInvalid);
        assert_eq!(proof.verify(&attestation.public(), Role::Advertiser), refused);
        let renamed = KeyProof { role: Role::Advertiser, ..proof };
        assert_eq!(renamed.verify(&attestation.public(), Role::Advertiser), refused);
    }

    #[test]
    fn comparison_code_depends_on_both_sides() {
        let code = comparison_code(&[1; 64], &[2; 64]);
        assert!(code.iter().all(|group| *group < 100_000));
        assert_ne!(code, comparison_code(&[2; 64], &[1; 64]));
        assert_ne!(code, comparison_code(&[1; 64], &[3; 64]));
        assert_eq!(code, comparison_code(&[1; 64], &[2; 64]));
    }
}
