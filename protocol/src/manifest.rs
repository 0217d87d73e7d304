//! What the provider signs about its keys and its data of the day.
//!
//! A manifest names one PRF key for one partner; a snapshot is one commitment a day for all
//! partners, chained to the day before, so that a provider that shows different data to different
//! advertisers signs two different snapshots of one day [T-08].

use serde::{Deserialize, Serialize};

use crate::attestation::{AttestationKey, Signature};
use crate::codec;
use crate::error::{Bug, Violation};
use crate::suite::{self, h, sig};

/// The signed listing of one PRF key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    /// What is signed.
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
        let digest = suite::hash(h::MANIFEST, &[&codec::encode(&body)?]);
        let signature = key.sign(sig::MANIFEST, &[&digest]);
        Ok(Self { body, signature })
    }

    /// Verifies the signature.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the provider is to blame.
    pub fn verify(&self, key: &[u8; 32]) -> Result<(), Violation> {
        let body = codec::encode(&self.body).map_err(|_| Violation::SignatureInvalid)?;
        self.signature.verify(key, sig::MANIFEST, &[&suite::hash(h::MANIFEST, &[&body])])
    }
}

/// The signed commitment to the provider's data of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedSnapshot {
    /// What is signed.
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
