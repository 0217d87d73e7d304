//! The index of one table: which record a handle names.
//!
//! Handles are secret until the advertiser sends them, so the index is sealed. It is sorted and
//! read once, beside the sorted handles of a session, in constant memory. Padding tags have no
//! entry.

use std::path::Path;

use protocol::oprf::Handle;

use crate::GraphError;
use store::record::{BigEndian, U64, record};
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut, verify_sealed};
use store::spill::Sorted;
use store::verified::VerifiedFiles;

record! {
    /// A handle and the record behind it.
    pub struct HandleEntry {
        /// The handle.
        pub handle: [u8; Handle::LEN],
        /// Number of the record in the snapshot.
        pub record: U64<BigEndian>,
    }
}

impl HandleEntry {
    /// Record number of a noise element, which has no record [E-08].
    pub const NO_RECORD: u64 = u64::MAX;
}

/// Writes sorted entries as the index at `path`; one that repeats a handle is left out.
pub(crate) fn write_handles(
    mut sorted: Sorted<HandleEntry>,
    path: &Path,
    key: &StorageKey,
) -> Result<(), GraphError> {
    let mut out = SealedOut::create(path, key, HANDLES)?;
    let mut last = None;
    while let Some(entry) = sorted.next_record()? {
        if last.replace(entry.handle) != Some(entry.handle) {
            out.push(&entry)?;
        }
    }
    Ok(out.finish()?)
}

/// An index on disk, read from its start.
#[derive(Debug)]
pub struct StoredHandles(SealedFile<HandleEntry>);

impl StoredHandles {
    /// Opens the index at `path`; a file that is removed meanwhile can be read to its end.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if it does not open under this key.
    pub fn open(path: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        Ok(Self(SealedFile::open(path, key, HANDLES)?))
    }

    /// Reads the index at `path` to its end, unless it was verified and not touched since.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if it is damaged.
    pub fn verify(path: &Path, key: &StorageKey) -> Result<(), GraphError> {
        Ok(VERIFIED.of(path, || verify_sealed(path, key, HANDLES))?)
    }

    /// The next entry in increasing order of handles, if any.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the file is damaged.
    pub fn next_entry(&mut self) -> Result<Option<HandleEntry>, GraphError> {
        Ok(self.0.next_record()?)
    }
}

/// Indexes that are whole.
pub(crate) static VERIFIED: VerifiedFiles<()> = VerifiedFiles::new();

const HANDLES: &str = "table-handles";

#[cfg(test)]
mod tests {
    use store::spill::Sorter;

    use super::*;

    #[test]
    fn index_is_sorted_and_holds_a_handle_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let of = |handle, record: u64| HandleEntry { handle: [handle; 16], record: record.into() };
        let mut sorter = Sorter::new(&dir.path().join("work"), 1 << 16).unwrap();
        for (handle, record) in [(9, 1), (2, 7), (9, 0), (5, 7)] {
            sorter.push(&of(handle, record)).unwrap();
        }
        let path = dir.path().join("handles");
        write_handles(sorter.finish().unwrap(), &path, &key).unwrap();
        let expected: [&[u8]; 6] = [
            &[2; 16],
            &[0, 0, 0, 0, 0, 0, 0, 7],
            &[5; 16],
            &[0, 0, 0, 0, 0, 0, 0, 7],
            &[9; 16],
            &[0, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(crate::tests::unsealed(&path, &key, HANDLES), expected.concat());
        let mut stored = StoredHandles::open(&path, &key).unwrap();
        let entries: Vec<HandleEntry> =
            std::iter::from_fn(|| stored.next_entry().unwrap()).collect();
        assert!(entries == [of(2, 7), of(5, 7), of(9, 0)]);
        let mut foreign = StoredHandles::open(&path, &StorageKey::from_bytes([2; 32])).unwrap();
        assert!(foreign.next_entry().is_err());
    }
}
