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
use store::seal::{SealedWriter, StorageKey};
use store::sealed::{RawSealedFile as SealedFile, open_sealed, read_or_end, verify_sealed};
use store::spill::FixedSorted;
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
        records: &mut FixedSorted,
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
        records: &mut FixedSorted,
        now: u64,
        keep_until: u64,
    ) -> Result<(), GraphError> {
        world::create_private_dir(&self.directory)?;
        records.rewind()?;
        let mut failed = None;
        let path = self.directory.join(hex(sid));
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| {
            let write = || {
                let mut sealed = SealedWriter::new(out, &self.key, RELEASE)?;
                for number in [now, keep_until, records.records()] {
                    sealed.append(&number.to_be_bytes())?;
                }
                while let Some(chunk) = records.next_chunk(CHUNK_BYTES)? {
                    sealed.append(&chunk)?;
                }
                sealed.finish()?;
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

/// An earlier release: `u64 time ‖ u64 kept until ‖ u64 count ‖ sorted fingerprints`.
struct Stored {
    reader: SealedFile,
    path: PathBuf,
    keep_until: u64,
    left: u64,
}

impl Stored {
    fn open(path: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let mut reader = open_sealed(path, key, RELEASE)?;
        let mut numbers = [0; 24];
        if !read_or_end(&mut reader, &mut numbers, path)? {
            return Err(GraphError::contradiction(path));
        }
        let [_, keep_until, left] = *numbers.as_chunks::<8>().0 else {
            return Err(GraphError::contradiction(path));
        };
        Ok(Self {
            reader,
            path: path.to_path_buf(),
            keep_until: u64::from_be_bytes(keep_until),
            left: u64::from_be_bytes(left),
        })
    }

    fn next(&mut self) -> Result<Option<Fingerprint>, GraphError> {
        let mut bytes = [0; Fingerprint::LEN];
        let read = read_or_end(&mut self.reader, &mut bytes, &self.path)?;
        match (read, self.left.checked_sub(1)) {
            (true, Some(left)) => {
                self.left = left;
                Ok(Some(Fingerprint(bytes)))
            }
            (false, None) => Ok(None),
            // Fewer records than were released would be a larger difference.
            _ => Err(GraphError::contradiction(&self.path)),
        }
    }

    /// Records that are in one of the two and not in the other.
    fn difference(&mut self, records: &mut FixedSorted) -> Result<u64, GraphError> {
        records.rewind()?;
        let mut theirs = self.next()?;
        let mut difference = 0_u64;
        while let Some(chunk) = records.next_chunk(CHUNK_BYTES)? {
            for ours in chunk.as_chunks().0 {
                let ours = Fingerprint(*ours);
                loop {
                    let order = theirs.map_or(Ordering::Greater, |theirs| theirs.cmp(&ours));
                    match order {
                        Ordering::Less => {
                            difference = difference.saturating_add(1);
                            theirs = self.next()?;
                        }
                        Ordering::Equal => {
                            theirs = self.next()?;
                            break;
                        }
                        Ordering::Greater => {
                            difference = difference.saturating_add(1);
                            break;
                        }
                    }
                }
            }
        }
        while theirs.is_some() {
            difference = difference.saturating_add(1);
            theirs = self.next()?;
        }
        Ok(difference)
    }
}

const RELEASE: &str = "release";
const CHUNK_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use store::spill::FixedSorter;

    use super::*;

    fn records(dir: &Path, of: impl IntoIterator<Item = u8>) -> FixedSorted {
        let mut sorter = FixedSorter::new(&dir.join("work"), Fingerprint::LEN, 1 << 16).unwrap();
        for one in of {
            sorter.push(&[one; Fingerprint::LEN]).unwrap();
        }
        sorter.finish().unwrap()
    }

    #[test]
    fn nearest_release_that_differs_at_all_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let releases = Releases::at(dir.path().join("releases"), &StorageKey::from_bytes([1; 32]));
        let nearest = |set: &mut FixedSorted, now| releases.nearest(set, now).unwrap();
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
