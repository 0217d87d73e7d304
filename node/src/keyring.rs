//! Keys of a provider by name: made, kept sealed, retired on time.
//!
//! An aligned key serves one partner for at most one epoch of 30 days. Its file holds the seed,
//! from which the key and everything under it are derived. The manifest that names the key is
//! signed anew at every start from the same facts, so its bytes never change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::attestation::AttestationKey;
use protocol::error::Bug;
use protocol::limits::{ALIGNED_EPOCH_S_MAX, EVALUATIONS_PER_KEY_MAX};
use protocol::manifest::{ManifestBody, SignedManifest};
use protocol::oprf::PrfKey;
use protocol::seed::{KeyDerivation, KeySeed};
use protocol::suite::{Aligned, SuiteId};

use crate::seal::{self, SealError, StorageKey};
use crate::world::{self, WorldError};

/// An aligned key of one partner, with everything a session needs of it.
#[derive(Debug)]
pub struct AlignedKey {
    /// The key.
    pub key: Arc<PrfKey<Aligned>>,
    /// What the padding of its tables derives from.
    pub derivation: KeyDerivation,
    /// Its signed manifest.
    pub manifest: SignedManifest,
}

/// The keys of one partner, in a private directory.
#[derive(Debug)]
pub struct Keyring {
    directory: PathBuf,
    storage: StorageKey,
}

impl Keyring {
    /// Opens the keys in `directory`, which is created.
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn open(directory: &Path, storage: &StorageKey) -> Result<Self, KeyringError> {
        world::create_private_dir(directory)?;
        Ok(Self { directory: directory.to_path_buf(), storage: storage.clone() })
    }

    /// The aligned key of the current epoch; a new one when there is none or it is about to end.
    ///
    /// # Errors
    ///
    /// [`KeyringError`], [`KeyringError::Damaged`] for a key file that does not open.
    pub fn aligned(
        &self,
        signer: &AttestationKey,
        partner: &[u8; 32],
        now: u64,
    ) -> Result<AlignedKey, KeyringError> {
        let key = match self.usable(now)? {
            Some(key) => key,
            None => self.renew(now)?,
        };
        key.derive(signer, partner)
    }

    /// Id of the aligned key of the current epoch, if there is one; makes none.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn aligned_id(&self, now: u64) -> Result<Option<[u8; 16]>, KeyringError> {
        Ok(self.usable(now)?.map(|key| key.id))
    }

    fn usable(&self, now: u64) -> Result<Option<StoredKey>, KeyringError> {
        let unreadable = |source| KeyringError::Io { path: self.directory.clone(), source };
        let mut newest: Option<StoredKey> = None;
        for entry in std::fs::read_dir(&self.directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if !(name.starts_with(ALIGNED) && name.ends_with(KEY)) {
                continue;
            }
            let sealed = std::fs::read(&path)
                .map_err(|source| KeyringError::Io { path: path.clone(), source })?;
            let key = StoredKey::open(&sealed, &self.storage, &path)?;
            // By id where two were made at once, so that every process takes the same.
            let order = |key: &StoredKey| (key.not_before, key.id);
            if newest.as_ref().is_none_or(|known| order(known) < order(&key)) {
                newest = Some(key);
            }
        }
        match newest {
            // A clock that jumped back must not cost a key.
            Some(key) if now < key.not_before => Err(KeyringError::ClockBehind),
            newest => Ok(newest.filter(|key| now.saturating_add(RENEW_BEFORE_S) < key.not_after)),
        }
    }

    /// Makes a key in a file of its own: earlier ones stay, because sessions are audited long after
    /// their key has ended.
    fn renew(&self, now: u64) -> Result<StoredKey, KeyringError> {
        let key = StoredKey {
            id: world::entropy()?,
            seed: KeySeed::from_bytes(world::entropy()?),
            not_before: now,
            not_after: now.saturating_add(ALIGNED_EPOCH_S_MAX),
        };
        let sealed = seal::seal_bytes(&self.storage, CONTEXT, &key.encode())?;
        let name = format!("{ALIGNED}{}{KEY}", crate::data::hex(&key.id));
        let path = self.directory.join(name);
        world::publish_new(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        Ok(key)
    }
}

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key file is damaged, or sealed under another storage key.
    #[error("{} is not a key of this node", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A key file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// This machine's clock stands before the key was made.
    #[error("the clock of this machine is behind the newest key; try: set the clock")]
    ClockBehind,
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The file system, or no randomness.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A defect of ours.
    #[error(transparent)]
    Bug(#[from] Bug),
}

struct StoredKey {
    id: [u8; 16],
    seed: KeySeed,
    not_before: u64,
    not_after: u64,
}

impl StoredKey {
    fn encode(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let times = [self.not_before.to_le_bytes(), self.not_after.to_le_bytes()];
        let parts: [&[u8]; 3] = [&self.id, self.seed.expose_bytes(), times.as_flattened()];
        zeroize::Zeroizing::new(parts.concat())
    }

    fn open(sealed: &[u8], storage: &StorageKey, path: &Path) -> Result<Self, KeyringError> {
        let damaged = || KeyringError::Damaged { path: path.to_path_buf() };
        let bytes = seal::open_bytes(storage, CONTEXT, sealed).map_err(|_| damaged())?;
        let parse = || {
            let (id, rest) = bytes.split_first_chunk::<16>()?;
            let (seed, rest) = rest.split_first_chunk::<32>()?;
            let (not_before, rest) = rest.split_first_chunk::<8>()?;
            Some(Self {
                id: *id,
                seed: KeySeed::from_bytes(*seed),
                not_before: u64::from_le_bytes(*not_before),
                not_after: u64::from_le_bytes(rest.try_into().ok()?),
            })
        };
        parse().ok_or_else(damaged)
    }

    fn derive(
        &self,
        signer: &AttestationKey,
        partner: &[u8; 32],
    ) -> Result<AlignedKey, KeyringError> {
        let provider = signer.party().0;
        let derivation = self.seed.key_derivation(&self.id, &provider, partner);
        let key = PrfKey::<Aligned>::derive(&derivation, &provider, partner, &self.id)?;
        let manifest = SignedManifest::sign(
            ManifestBody {
                provider,
                partner: *partner,
                suite: SuiteId::Aligned.code(),
                key_id: self.id,
                public_key: *key.public(),
                key_seed_commitment: self.seed.commitment(),
                not_before: self.not_before,
                not_after: self.not_after,
                evaluations_max: EVALUATIONS_PER_KEY_MAX,
            },
            signer,
        )?;
        Ok(AlignedKey { key: Arc::new(key), derivation, manifest })
    }
}

const ALIGNED: &str = "aligned-";
const KEY: &str = ".key";
const CONTEXT: &str = "prf-key-seed";
/// A session may last terms of a day; a key that ends earlier is not offered.
const RENEW_BEFORE_S: u64 = 2 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_kept_through_its_epoch_and_then_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let storage = StorageKey::from_bytes([1; 32]);
        let signer = AttestationKey::from_bytes(&[2; 32]);
        let open = || Keyring::open(&dir.path().join("keys"), &storage).unwrap();
        let first = open().aligned(&signer, &[3; 32], 1_000).unwrap();
        let again = open().aligned(&signer, &[3; 32], 2_000).unwrap();
        assert_eq!(first.manifest, again.manifest);
        let later = open().aligned(&signer, &[3; 32], 1_000 + ALIGNED_EPOCH_S_MAX).unwrap();
        assert_ne!(first.manifest.body.key_id, later.manifest.body.key_id);
        assert_ne!(first.key.public(), later.key.public());
        // The seed of the first is still there: its sessions can be audited.
        let kept = std::fs::read_dir(dir.path().join("keys")).unwrap().count();
        assert_eq!(kept, 2);
        let behind = open().aligned(&signer, &[3; 32], 999);
        assert!(matches!(behind, Err(KeyringError::ClockBehind)));
    }

    #[test]
    fn damaged_key_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let storage = StorageKey::from_bytes([1; 32]);
        let signer = AttestationKey::from_bytes(&[2; 32]);
        let keyring = Keyring::open(&dir.path().join("keys"), &storage).unwrap();
        keyring.aligned(&signer, &[3; 32], 1_000).unwrap();
        let entry = std::fs::read_dir(dir.path().join("keys")).unwrap().next().unwrap().unwrap();
        let path = entry.path();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = keyring.aligned(&signer, &[3; 32], 1_000).unwrap_err();
        assert!(matches!(error, KeyringError::Damaged { .. }), "{error}");
    }
}
