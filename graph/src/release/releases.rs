//! Releases to one partner: which records, and when, for as long as the audit window.
//!
//! Two releases that differ by a few records tell which these are. So the records of every release
//! are kept, by fingerprints that are the same in every snapshot, and a new one is compared with
//! them before it leaves [D-13]. Each release is one sealed file, named by its session.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::GraphError;
use crate::bundles::Fingerprint;
use store::hex;
use store::os as world;
use store::record::{BigEndian, U64, record};
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut, verify_sealed};
use store::spill::Sorted;
use store::verified::VerifiedFiles;

/// The releases to one partner.
#[derive(Debug)]
pub struct Releases {
    directory: PathBuf,
    key: StorageKey,
}

impl Releases {
    /// The releases in `directory`, which is made with the first.
    #[must_use]
    pub fn at(directory: PathBuf, key: &StorageKey) -> Self {
        Self { directory, key: key.clone() }
    }

    /// Records in which these differ from the most similar earlier release that differs at all;
    /// none if no release that is still kept does.
    ///
    /// # Errors
    ///
    /// [`GraphError`], also for a damaged file: then nothing may be released.
    pub(crate) fn nearest(
        &self,
        records: &mut Fingerprints,
        now: u64,
    ) -> Result<Option<u64>, GraphError> {
        let mut nearest = None;
        for path in self.files()? {
            let mut earlier = Stored::open(&path, &self.key)?;
            if earlier.keep_until > now {
                let difference = earlier.difference(records)?;
                if difference > 0 && nearest.is_none_or(|known| difference < known) {
                    nearest = Some(difference);
                }
            }
        }
        Ok(nearest)
    }

    /// Has it on disk that these records are released in a session, before the release leaves.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; nothing may leave then.
    pub(crate) fn record(
        &self,
        sid: &[u8; 32],
        records: &mut Fingerprints,
        now: u64,
        keep_until: u64,
    ) -> Result<(), GraphError> {
        world::create_private_dir(&self.directory)?;
        records.rewind()?;
        let mut failed = None;
        let path = self.directory.join(hex(sid));
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| {
            let write = || {
                let mut sealed = SealedOut::over(out, &self.key, RELEASE)?;
                sealed.push(&Head {
                    released_at: now.into(),
                    keep_until: keep_until.into(),
                    records: records.records().into(),
                })?;
                let mut sealed = sealed.then();
                while let Some(record) = records.next_record()? {
                    sealed.push(&record)?;
                }
                sealed.into_inner()?;
                Ok::<(), GraphError>(())
            };
            write().map_err(|error| {
                failed = Some(error);
                std::io::ErrorKind::Other.into()
            })
        })
        .map_err(|error| failed.take().unwrap_or_else(|| error.into()))
    }

    /// Reads every release that is kept, unless it was verified and not touched since: one that is
    /// damaged is found before a session depends on it.
    ///
    /// # Errors
    ///
    /// [`GraphError`] names the file.
    pub fn verify(&self) -> Result<(), GraphError> {
        for path in self.files()? {
            VERIFIED.of(&path, || verify_sealed(&path, &self.key, RELEASE))?;
        }
        Ok(())
    }

    /// Removes releases whose time is over.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub(crate) fn prune(&self, now: u64) -> Result<(), GraphError> {
        for path in self.files()? {
            if Stored::open(&path, &self.key)?.keep_until <= now {
                std::fs::remove_file(&path).map_err(GraphError::io(&path))?;
            }
        }
        Ok(())
    }

    /// Files that are named by a session.
    fn files(&self) -> Result<Vec<PathBuf>, GraphError> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(GraphError::io(&self.directory))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(GraphError::io(&self.directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Releases that are whole.
pub(crate) static VERIFIED: VerifiedFiles<()> = VerifiedFiles::new();

/// Sorted fingerprints of released records.
pub(crate) type Fingerprints = Sorted<[u8; Fingerprint::LEN]>;

record! {
    /// Start of an earlier release; the sorted fingerprints of its records follow.
    struct Head {
        released_at: U64<BigEndian>,
        keep_until: U64<BigEndian>,
        records: U64<BigEndian>,
    }
}

/// An earlier release.
struct Stored {
    reader: SealedFile<[u8; Fingerprint::LEN]>,
    keep_until: u64,
    left: u64,
}

impl Stored {
    fn open(path: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let mut reader = SealedFile::<Head>::open(path, key, RELEASE)?;
        let Head { keep_until, records, .. } = reader.require()?;
        Ok(Self { reader: reader.then(), keep_until: keep_until.get(), left: records.get() })
    }

    fn next(&mut self) -> Result<Option<Fingerprint>, GraphError> {
        match (self.reader.next_record()?, self.left.checked_sub(1)) {
            (Some(found), Some(left)) => {
                self.left = left;
                Ok(Some(Fingerprint(found)))
            }
            (None, None) => Ok(None),
            // Fewer records than were released would be a larger difference.
            _ => Err(GraphError::contradiction(self.reader.path())),
        }
    }

    /// Records that are in one of the two and not in the other.
    fn difference(&mut self, records: &mut Fingerprints) -> Result<u64, GraphError> {
        records.rewind()?;
        let mut theirs = self.next()?;
        let mut difference = 0;
        while let Some(ours) = records.next_record()?.map(Fingerprint) {
            loop {
                match theirs.map_or(Ordering::Greater, |theirs| theirs.cmp(&ours)) {
                    Ordering::Less => {
                        difference += 1;
                        theirs = self.next()?;
                    }
                    Ordering::Equal => {
                        theirs = self.next()?;
                        break;
                    }
                    Ordering::Greater => {
                        difference += 1;
                        break;
                    }
                }
            }
        }
        while theirs.is_some() {
            difference += 1;
            theirs = self.next()?;
        }
        Ok(difference)
    }
}

const RELEASE: &str = "release";

#[cfg(test)]
mod tests {
    use store::spill::Sorter;

    use super::*;

    fn records(dir: &Path, of: impl IntoIterator<Item = u8>) -> Fingerprints {
        let mut sorter = Sorter::new(&dir.join("work"), 1 << 16).unwrap();
        for one in of {
            sorter.push(&[one; Fingerprint::LEN]).unwrap();
        }
        sorter.finish().unwrap()
    }

    #[test]
    fn release_is_a_head_and_sorted_fingerprints() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let releases = Releases::at(dir.path().join("releases"), &key);
        let mut set = records(dir.path(), [9, 7]);
        releases.record(&[3; 32], &mut set, 0x0102, 0x0304_0506_0708_090a).unwrap();
        let path = dir.path().join("releases").join("03".repeat(32));
        let expected: [&[u8]; 5] = [
            &[0, 0, 0, 0, 0, 0, 1, 2],
            &[3, 4, 5, 6, 7, 8, 9, 10],
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &[7; 16],
            &[9; 16],
        ];
        assert_eq!(crate::tests::unsealed(&path, &key, RELEASE), expected.concat());
    }

    #[test]
    fn nearest_release_that_differs_at_all_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::at(dir.path().join("releases"), &StorageKey::from_bytes([1; 32]));
        let nearest = |set: &mut Fingerprints, now| releases.nearest(set, now).unwrap();
        let mut first = records(dir.path(), 0..10);
        assert_eq!(nearest(&mut first, 5), None);
        releases.record(&[1; 32], &mut first, 5, 100).unwrap();
        // The same records again are no difference; one away and two new ones are three.
        assert_eq!(nearest(&mut first, 6), None);
        let mut second = records(dir.path(), (1..10).chain([20, 21]));
        assert_eq!(nearest(&mut second, 6), Some(3));
        assert_eq!(nearest(&mut records(dir.path(), 100..150), 6), Some(60));
        assert_eq!(nearest(&mut records(dir.path(), []), 6), Some(10));
        releases.record(&[2; 32], &mut second, 6, 50).unwrap();
        assert_eq!(nearest(&mut records(dir.path(), 1..10), 7), Some(1));
        // Then the second one's time is over.
        assert_eq!(nearest(&mut second, 50), Some(3));
        releases.prune(50).unwrap();
        assert_eq!(releases.files().unwrap().len(), 1);
    }

    #[test]
    fn damaged_history_stops_every_release() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::at(dir.path().join("releases"), &StorageKey::from_bytes([1; 32]));
        let mut set = records(dir.path(), 0..10);
        releases.record(&[1; 32], &mut set, 5, 100).unwrap();
        let [path] = &releases.files().unwrap()[..] else { panic!("one file") };
        let mut bytes = std::fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
        assert!(releases.nearest(&mut set, 6).is_err());
    }
}
