//! Statements that the provider signs about its keys and its data of the day.
//!
//! A manifest names one PRF key for one partner; a snapshot is one commitment a day for all
//! partners, chained to the day before, so that a provider that shows different data to different
//! advertisers signs two different snapshots of one day [T-08].

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::attestation::{AttestationKey, Signature};
use crate::codec::{self, Checked};
use crate::error::{Bug, Violation};
use crate::limits::{ALIGNED_EPOCH_S_MAX, CLOCK_SKEW_S_MAX, EVALUATIONS_PER_KEY_MAX};
use crate::suite::{self, h, sig};
use crate::terms::MatchTerms;

/// The signed listing of one PRF key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    /// The signed statement.
    pub body: ManifestBody,
    /// `Sig("sign-manifest"; H("manifest"; body))` of the provider.
    pub signature: Signature,
}

/// One PRF key: for whom, for which suite, how long, for how many evaluations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestBody {
    /// Party of the provider.
    pub provider: [u8; 32],
    /// Party of the advertiser.
    pub partner: [u8; 32],
    /// Suite the key serves.
    pub suite: u16,
    /// Epoch (aligned) or run (shuffled) the key belongs to.
    pub key_id: [u8; 16],
    /// The public key K.
    pub public_key: [u8; 32],
    /// Commitment to the seed of the key.
    pub key_seed_commitment: [u8; 32],
    /// First second of validity, Unix time.
    pub not_before: u64,
    /// First second after validity, Unix time.
    pub not_after: u64,
    /// Evaluations the key may serve.
    pub evaluations_max: u64,
}

impl SignedManifest {
    /// Signs a manifest.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the body does not encode.
    pub fn sign(body: ManifestBody, key: &AttestationKey) -> Result<Self, Bug> {
        let signature = key.sign(sig::MANIFEST, &[&body.digest()?]);
        Ok(Self { body, signature })
    }

    /// `H("manifest"; body)`: what an advertiser remembers of a key it has met.
    ///
    /// The signature is not in it, so the same listing signed twice is one manifest.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the body does not encode.
    pub fn digest(&self) -> Result<[u8; 32], Bug> {
        self.body.digest()
    }

    /// Names the key of this manifest for later sessions.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the body does not encode.
    pub fn known_key(&self) -> Result<KnownKey, Bug> {
        let ManifestBody { key_id, public_key, .. } = self.body;
        Ok(KnownKey { key_id, public_key, manifest: self.digest()? })
    }

    /// Verifies the signature.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the provider is to blame.
    pub fn verify(&self, key: &[u8; 32]) -> Result<(), Violation> {
        let digest = self.digest().map_err(|_| Violation::SignatureInvalid)?;
        self.signature.verify(key, sig::MANIFEST, &[&digest])
    }
}

impl ManifestBody {
    /// True if the key lives and serves no longer than a key may: at most 30 days and 2^30
    /// evaluations, since every evaluation answers a static Diffie-Hellman query [K-05].
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        let lifetime = self.not_after.checked_sub(self.not_before);
        lifetime.is_some_and(|seconds| seconds > 0 && seconds <= ALIGNED_EPOCH_S_MAX)
            && self.evaluations_max <= EVALUATIONS_PER_KEY_MAX
    }

    /// True if the key is valid at a time, give or take the clocks' skew at its start.
    #[must_use]
    pub fn is_valid_at(&self, time: u64) -> bool {
        let latest = time.checked_add(CLOCK_SKEW_S_MAX);
        latest.is_none_or(|latest| self.not_before <= latest) && time < self.not_after
    }

    /// True for terms that are opened and expire while the key is valid.
    #[must_use]
    pub fn covers(&self, terms: &MatchTerms) -> bool {
        self.is_valid_at(terms.opened_at) && terms.expires_at <= self.not_after
    }

    fn digest(&self) -> Result<[u8; 32], Bug> {
        Ok(suite::hash(h::MANIFEST, &[&codec::encode(self)?]))
    }
}

/// A key met in a session, as later sessions know it again.
///
/// The three belong together for good: the manifest of a key never changes at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// Id of the key.
    pub key_id: [u8; 16],
    /// The public key K.
    pub public_key: [u8; 32],
    /// [`SignedManifest::digest`] of its manifest.
    pub manifest: [u8; 32],
}

impl KnownKey {
    /// True if two keys share some but not all of id, public key and manifest: one was renamed.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.shares_with(other) && self != other
    }

    /// True if two keys share id, public key or manifest.
    #[must_use]
    pub fn shares_with(&self, other: &Self) -> bool {
        self.key_id == other.key_id
            || self.public_key == other.public_key
            || self.manifest == other.manifest
    }
}

/// A key that terms were signed for, as its advertiser remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetKey {
    /// The key.
    pub key: KnownKey,
    /// True if an answer under the key is here. Without one nothing was learned under it, and a
    /// second offer is an accident of storage and no fault of the peer's.
    pub answered: bool,
}

/// The signed commitment to the provider's data of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedSnapshot {
    /// The signed statement.
    pub body: SnapshotBody,
    /// `Sig("sign-snapshot"; H("snapshot"; body))` of the provider.
    pub signature: Signature,
}

/// One day's data, the same for all partners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotBody {
    /// Party of the provider.
    pub provider: [u8; 32],
    /// Days since 1970-01-01.
    pub day: u32,
    /// Number of the snapshot among those of its day, from 0.
    pub edition: u16,
    /// Sealed root over the leaves.
    pub commitment: [u8; 32],
    /// Hash of the snapshot before, zeros for the first.
    pub previous: [u8; 32],
}

impl SnapshotBody {
    /// The hash that the next snapshot names as its predecessor.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the body does not encode.
    pub fn hash(&self) -> Result<[u8; 32], Bug> {
        Ok(suite::hash(h::SNAPSHOT, &[&codec::encode(self)?]))
    }
}

impl SignedSnapshot {
    /// Signs a snapshot.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the body does not encode.
    pub fn sign(body: SnapshotBody, key: &AttestationKey) -> Result<Self, Bug> {
        let signature = key.sign(sig::SNAPSHOT, &[&body.hash()?]);
        Ok(Self { body, signature })
    }

    /// Verifies the signature.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the provider is to blame.
    pub fn verify(&self, key: &[u8; 32]) -> Result<(), Violation> {
        let digest = self.body.hash().map_err(|_| Violation::SignatureInvalid)?;
        self.signature.verify(key, sig::SNAPSHOT, &[&digest])
    }
}

/// The stored form of a signed structure is its encoding on the wire.
macro_rules! stored {
    ($name:ident) => {
        impl $name {
            /// The bytes to keep.
            ///
            /// # Errors
            ///
            /// [`Bug`] if the structure does not encode.
            pub fn encode(&self) -> Result<Vec<u8>, Bug> {
                codec::encode(self)
            }

            /// Reads the kept bytes back; the signature is not verified here.
            ///
            /// # Errors
            ///
            /// [`Violation::EncodingNotCanonical`] for anything else.
            pub fn decode(bytes: &[u8]) -> Result<Self, Violation> {
                codec::decode(bytes)
            }
        }

        impl Checked for $name {
            fn is_within_limits(&self) -> bool {
                true
            }
        }
    };
}
stored!(SignedManifest);
stored!(SignedSnapshot);

#[cfg(test)]
mod tests {
    use super::*;

    fn body(day: u32, edition: u16, commitment: u8, previous: u8) -> SnapshotBody {
        let (commitment, previous) = ([commitment; 32], [previous; 32]);
        SnapshotBody { provider: [1; 32], day, edition, commitment, previous }
    }

    #[test]
    fn every_field_of_a_snapshot_enters_its_hash() {
        let base = body(9, 0, 2, 3);
        for other in [
            body(10, 0, 2, 3),
            body(9, 1, 2, 3),
            body(9, 0, 4, 3),
            body(9, 0, 2, 4),
            SnapshotBody { provider: [5; 32], ..base.clone() },
        ] {
            assert_ne!(other.hash(), base.hash());
        }
    }
}
