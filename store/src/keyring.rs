//! Keys of a provider by name: made, kept sealed, retired on time.
//!
//! An aligned key serves one partner for at most one epoch of 30 days. A run key serves one partner
//! for one session of a shuffled profile: it is *prepared* until terms are signed for it and *used*
//! ever after, also after a crash [K-12]. A key file holds the seed, from
//! which the key and everything under it are derived. The manifest that names the key is signed
//! anew at every start from the same facts, so its bytes never change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::attestation::AttestationKey;
use protocol::error::Bug;
use protocol::limits::{
    ALIGNED_EPOCH_S_MAX, EVALUATIONS_PER_KEY_MAX, ROW_WIDTH_MAX, ROWS_SHUFFLED_MAX,
};
use protocol::manifest::{ManifestBody, SignedManifest};
use protocol::oprf::PrfKey;
use protocol::seed::{KeyDerivation, KeySeed};
use protocol::suite::{Aligned, Order, Shuffled, SuiteId};

use crate::os::{self, OsError};
use crate::record::{Erased, LittleEndian, Record as _, U64, record};
use crate::seal::{self, SealError, StorageKey};

/// A key of one partner, with everything a session needs of it.
#[derive(Debug)]
pub struct OfferedKey<O: Order> {
    /// The key.
    pub key: Arc<PrfKey<O>>,
    /// Source of the padding of its tables.
    pub derivation: KeyDerivation,
    /// Signed manifest that names it.
    pub manifest: SignedManifest,
}

/// The key of one epoch.
pub type AlignedKey = OfferedKey<Aligned>;

/// The key of one run.
pub type RunKey = OfferedKey<Shuffled>;

/// The keys of one partner, in a private directory.
#[derive(Debug)]
pub struct Keyring {
    directory: PathBuf,
    storage: StorageKey,
    epoch_s: u64,
}

impl Keyring {
    /// Opens the keys in `directory`, which is created.
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn open(directory: &Path, storage: &StorageKey) -> Result<Self, KeyringError> {
        os::create_private_dir(directory)?;
        let (directory, storage) = (directory.to_path_buf(), storage.clone());
        Ok(Self { directory, storage, epoch_s: ALIGNED_EPOCH_S_MAX })
    }

    /// The same keys, of which new ones for an epoch live no longer than this.
    #[must_use]
    pub fn with_epoch_days(self, days: u16) -> Self {
        // A number of 16 bits of days fits.
        let epoch_s = (u64::from(days) * 86_400).min(ALIGNED_EPOCH_S_MAX);
        Self { epoch_s, ..self }
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
            None => self.make(ALIGNED, now, self.epoch_s)?,
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

    /// Makes a key for one run, in a file of its own that is never written again.
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn make_run(
        &self,
        signer: &AttestationKey,
        partner: &[u8; 32],
        now: u64,
    ) -> Result<RunKey, KeyringError> {
        self.make(RUN, now, RUN_KEY_S)?.derive(signer, partner)
    }

    /// The run key of this id, if it may be offered: not used, and not about to end.
    ///
    /// Offering a key again for which no terms were signed is harmless.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn prepared_run(
        &self,
        signer: &AttestationKey,
        partner: &[u8; 32],
        id: &[u8; 16],
        now: u64,
    ) -> Result<Option<RunKey>, KeyringError> {
        match self.offered(id, now)? {
            Some(key) => key.derive(signer, partner).map(Some),
            None => Ok(None),
        }
    }

    /// Tells if the run key of this id may be offered; signs nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn is_run_prepared(&self, id: &[u8; 16], now: u64) -> Result<bool, KeyringError> {
        Ok(self.offered(id, now)?.is_some())
    }

    /// Has it on disk that the run key of this id is used; to be called before terms for it are
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Used`] if it was used before: then no terms may be accepted for it now.
    /// Else as [`Self::aligned`].
    pub fn mark_run_used(&self, id: &[u8; 16], now: u64) -> Result<(), KeyringError> {
        let path = self.run_path(id, USED);
        let marked = os::publish_new(&path, os::PRIVATE_MODE, |out| {
            out.write_all(now.to_string().as_bytes())
        });
        match marked {
            Err(OsError::Exists { .. }) => Err(KeyringError::Used),
            other => Ok(other?),
        }
    }

    /// Has it on disk that the run key of this id is not offered any more, whoever spent it.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn retire_run(&self, id: &[u8; 16], now: u64) -> Result<(), KeyringError> {
        match self.mark_run_used(id, now) {
            Err(KeyringError::Used) => Ok(()),
            marked => marked,
        }
    }

    /// Retires every run key that may still be offered: after a copy was put back, nobody here
    /// knows which of them the partner has met since.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn retire_runs(&self, now: u64) -> Result<(), KeyringError> {
        for path in self.files(RUN, KEY)? {
            let name = path.file_stem().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.strip_prefix(RUN)).and_then(crate::from_hex);
            if let Some(id) = id {
                self.retire_run(&id, now)?;
            }
        }
        Ok(())
    }

    /// Removes run keys that ended without being used: nothing was evaluated under them.
    ///
    /// Seeds of used keys stay, because their sessions are audited long after.
    ///
    /// # Errors
    ///
    /// As [`Self::aligned`].
    pub fn sweep_runs(&self, now: u64) -> Result<(), KeyringError> {
        for path in self.files(RUN, KEY)? {
            let Some(key) = self.read_run(&path)? else { continue };
            if !path.with_extension("used").exists() && key.not_after.get() <= now {
                std::fs::remove_file(&path)
                    .map_err(|source| KeyringError::Io { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// The run key of this id unless it is used, about to end, or not here.
    fn offered(&self, id: &[u8; 16], now: u64) -> Result<Option<Erased<StoredKey>>, KeyringError> {
        let path = self.run_path(id, KEY);
        if !path.exists() || self.run_path(id, USED).exists() {
            return Ok(None);
        }
        let key = self.read_run(&path)?;
        Ok(key.filter(|key| key.not_before.get() <= now && key.outlives_terms_at(now)))
    }

    /// Reads the key of a run; none for one that is damaged, which is put aside: another can be
    /// made at any time, and the file stays as it is.
    fn read_run(&self, path: &Path) -> Result<Option<Erased<StoredKey>>, KeyringError> {
        match self.read(path) {
            Err(KeyringError::Damaged { path }) => {
                let aside = path.with_extension("damaged");
                tracing::warn!(
                    target: "veilmatch::table",
                    "{} is damaged and put aside as {}; another key takes its place",
                    path.display(),
                    aside.display()
                );
                std::fs::rename(&path, aside)
                    .map_err(|source| KeyringError::Io { path: path.clone(), source })?;
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    fn run_path(&self, id: &[u8; 16], suffix: &str) -> PathBuf {
        self.directory.join(format!("{RUN}{}{suffix}", crate::hex(id)))
    }

    fn usable(&self, now: u64) -> Result<Option<Erased<StoredKey>>, KeyringError> {
        let mut newest: Option<Erased<StoredKey>> = None;
        for path in self.files(ALIGNED, KEY)? {
            let key = self.read(&path)?;
            // By id where two were made at once, so that every process takes the same.
            let order = |key: &StoredKey| (key.not_before.get(), key.id);
            if newest.as_ref().is_none_or(|known| order(known) < order(&key)) {
                newest = Some(key);
            }
        }
        match newest {
            // A clock that jumped back must not cost a key.
            Some(key) if now < key.not_before.get() => Err(KeyringError::ClockBehind),
            newest => Ok(newest.filter(|key| key.outlives_terms_at(now))),
        }
    }

    /// Files of one sort of key, in no order.
    fn files(&self, prefix: &str, suffix: &str) -> Result<Vec<PathBuf>, KeyringError> {
        let unreadable = |source| KeyringError::Io { path: self.directory.clone(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix)) {
                files.push(path);
            }
        }
        Ok(files)
    }

    fn read(&self, path: &Path) -> Result<Erased<StoredKey>, KeyringError> {
        let sealed = std::fs::read(path)
            .map_err(|source| KeyringError::Io { path: path.to_path_buf(), source })?;
        StoredKey::open(&sealed, &self.storage, path)
    }

    /// Makes a key in a file of its own: earlier ones stay, because sessions are audited long after
    /// their key has ended.
    fn make(
        &self,
        prefix: &str,
        now: u64,
        lifetime_s: u64,
    ) -> Result<Erased<StoredKey>, KeyringError> {
        let not_after = now.checked_add(lifetime_s).ok_or(Bug::invariant())?;
        let key = Erased::from(StoredKey {
            id: os::entropy()?,
            seed: os::entropy()?,
            not_before: now.into(),
            not_after: not_after.into(),
        });
        let sealed = seal::seal_bytes(&self.storage, CONTEXT, key.bytes())?;
        let path = self.directory.join(format!("{prefix}{}{KEY}", crate::hex(&key.id)));
        os::publish_new(&path, os::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        Ok(key)
    }
}

/// Reason for which a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key file is damaged, or sealed under another storage key.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A key file cannot be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Reason the system gives.
        source: std::io::Error,
    },
    /// The clock of this machine stands before the key was made.
    ClockBehind,
    /// The key of this run was used in another session.
    Used,
    /// Sealing failed.
    Seal(#[from] SealError),
    /// The file system, or no randomness.
    Os(#[from] OsError),
    /// A defect of ours.
    Bug(#[from] Bug),
}

diagnose! { KeyringError: inner [Seal, Os, Bug];
    Self::Damaged { path } => Damaged, "key-damaged" { path: path };
    Self::Io { path, source } => Storage, "store-io" { path: path, why: source };
    Self::ClockBehind => ToDoFirst, "key-clock-behind";
    Self::Used => KeySpent, "key-used";
}

record! {
    /// A key file's content, sealed.
    struct StoredKey {
        id: [u8; 16],
        seed: [u8; 32],
        not_before: U64<LittleEndian>,
        not_after: U64<LittleEndian>,
    }
}

impl StoredKey {
    fn open(
        sealed: &[u8],
        storage: &StorageKey,
        path: &Path,
    ) -> Result<Erased<Self>, KeyringError> {
        let bytes = seal::open_bytes(storage, CONTEXT, sealed).ok();
        let key = bytes.and_then(|bytes| Self::read(&bytes).copied());
        key.map(Erased::from).ok_or_else(|| KeyringError::Damaged { path: path.to_path_buf() })
    }

    /// True if terms made now end before the key does.
    fn outlives_terms_at(&self, now: u64) -> bool {
        self.not_after.get().checked_sub(now).is_some_and(|left| left > RENEW_BEFORE_S)
    }

    fn derive<O: Order>(
        &self,
        signer: &AttestationKey,
        partner: &[u8; 32],
    ) -> Result<OfferedKey<O>, KeyringError> {
        let provider = signer.party().0;
        let seed = KeySeed::from_bytes(self.seed);
        let derivation = seed.key_derivation(&self.id, &provider, partner);
        let key = PrfKey::<O>::derive(&derivation, &provider, partner, &self.id)?;
        let manifest = SignedManifest::sign(
            ManifestBody {
                provider,
                partner: *partner,
                suite: O::SUITE.code(),
                key_id: self.id,
                public_key: *key.public(),
                key_seed_commitment: seed.commitment(),
                not_before: self.not_before.get(),
                not_after: self.not_after.get(),
                evaluations_max: match O::SUITE {
                    SuiteId::Aligned => EVALUATIONS_PER_KEY_MAX,
                    SuiteId::Shuffled => EVALUATIONS_PER_RUN_MAX,
                },
            },
            signer,
        )?;
        Ok(OfferedKey { key: Arc::new(key), derivation, manifest })
    }
}

const ALIGNED: &str = "aligned-";
const RUN: &str = "run-";
const KEY: &str = ".key";
const USED: &str = ".used";
const CONTEXT: &str = "prf-key-seed";
/// A session may last terms of a day; a key that ends earlier is not offered.
const RENEW_BEFORE_S: u64 = 2 * 86_400;
/// A table that nobody used in a week is of an old snapshot.
const RUN_KEY_S: u64 = 7 * 86_400;
/// Elements of the largest shuffled session.
const EVALUATIONS_PER_RUN_MAX: u64 = ROWS_SHUFFLED_MAX * ROW_WIDTH_MAX as u64;

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

    /// Keys of earlier versions are read as long as they may be audited.
    #[test]
    fn layout_of_a_key_file_is_fixed() {
        let dir = tempfile::tempdir().unwrap();
        let storage = StorageKey::from_bytes([1; 32]);
        let times = [1_000_u64.to_le_bytes(), 9_000_000_u64.to_le_bytes()];
        let bytes = [&[4; 16], [5; 32].as_slice(), times.as_flattened()].concat();
        let sealed = seal::seal_bytes(&storage, "prf-key-seed", &bytes).unwrap();
        let keyring = Keyring::open(&dir.path().join("keys"), &storage).unwrap();
        let path = dir.path().join("keys").join(format!("aligned-{}.key", "04".repeat(16)));
        std::fs::write(path, sealed).unwrap();
        let signer = AttestationKey::from_bytes(&[2; 32]);
        let body = keyring.aligned(&signer, &[3; 32], 2_000).unwrap().manifest.body;
        let seed = KeySeed::from_bytes([5; 32]);
        assert_eq!((body.key_id, body.key_seed_commitment), ([4; 16], seed.commitment()));
        assert_eq!((body.not_before, body.not_after), (1_000, 9_000_000));
    }

    fn keyring(dir: &Path) -> (Keyring, AttestationKey) {
        let storage = StorageKey::from_bytes([1; 32]);
        (Keyring::open(&dir.join("keys"), &storage).unwrap(), AttestationKey::from_bytes(&[2; 32]))
    }

    #[test]
    fn every_run_has_a_key_of_its_own_with_a_manifest_that_never_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (keyring, signer) = keyring(dir.path());
        let first = keyring.make_run(&signer, &[3; 32], 1_000).unwrap();
        let second = keyring.make_run(&signer, &[3; 32], 1_000).unwrap();
        assert_ne!(first.key.public(), second.key.public());
        let body = &first.manifest.body;
        assert_eq!(body.suite, 0x0002);
        assert_eq!((body.not_before, body.not_after), (1_000, 1_000 + RUN_KEY_S));
        assert!(body.is_within_bounds());
        first.manifest.verify(&signer.public()).unwrap();
        let again = keyring.prepared_run(&signer, &[3; 32], &body.key_id, 90_000).unwrap().unwrap();
        assert_eq!(again.manifest, first.manifest);
        assert_eq!(again.key.public(), first.key.public());
        // The epoch's key is another one, whatever else lies in the directory.
        let aligned = keyring.aligned(&signer, &[3; 32], 1_000).unwrap();
        assert_eq!(aligned.manifest.body.suite, 0x0001);
    }

    #[test]
    fn used_run_key_is_never_offered_again_and_its_seed_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (keyring, signer) = keyring(dir.path());
        let made = keyring.make_run(&signer, &[3; 32], 1_000).unwrap();
        let id = made.manifest.body.key_id;
        assert!(keyring.is_run_prepared(&id, 1_000).unwrap());
        keyring.mark_run_used(&id, 2_000).unwrap();
        // Another process, after a crash.
        let (reopened, _) = self::keyring(dir.path());
        assert!(!reopened.is_run_prepared(&id, 2_000).unwrap());
        assert!(reopened.prepared_run(&signer, &[3; 32], &id, 2_000).unwrap().is_none());
        let twice = reopened.mark_run_used(&id, 2_001);
        assert!(matches!(twice, Err(KeyringError::Used)));
        reopened.sweep_runs(u64::MAX).unwrap();
        assert_eq!(reopened.files(RUN, KEY).unwrap().len(), 1);
    }

    #[test]
    fn run_key_is_not_offered_near_its_end_and_goes_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let (keyring, signer) = keyring(dir.path());
        let id = keyring.make_run(&signer, &[3; 32], 1_000).unwrap().manifest.body.key_id;
        let end = 1_000 + RUN_KEY_S;
        assert!(keyring.is_run_prepared(&id, end - RENEW_BEFORE_S - 1).unwrap());
        assert!(!keyring.is_run_prepared(&id, end - RENEW_BEFORE_S).unwrap());
        assert!(!keyring.is_run_prepared(&id, 999).unwrap());
        assert!(!keyring.is_run_prepared(&[0; 16], 1_000).unwrap());
        keyring.sweep_runs(end - 1).unwrap();
        assert_eq!(keyring.files(RUN, KEY).unwrap().len(), 1);
        keyring.sweep_runs(end).unwrap();
        assert_eq!(keyring.files(RUN, KEY).unwrap().len(), 0);
    }

    #[test]
    fn key_that_was_said_to_be_used_is_used_whatever_the_disk_does() {
        for at in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let (keyring, signer) = keyring(dir.path());
            let id = keyring.make_run(&signer, &[3; 32], 1_000).unwrap().manifest.body.key_id;
            let (marked, failed) =
                os::testing::with_fault(at, || keyring.mark_run_used(&id, 1_000));
            let (reopened, _) = self::keyring(dir.path());
            assert!(marked.is_err() || !reopened.is_run_prepared(&id, 1_000).unwrap());
            assert_eq!(marked.is_err(), failed);
            if !failed {
                break;
            }
        }
    }
}
