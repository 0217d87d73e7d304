//! The index of one table: which record a handle names.
//!
//! Handles are secret until the advertiser sends them, so the index is sealed. It is sorted and
//! read once, beside the sorted handles of a session, in constant memory. Padding tags have no
//! entry.

use std::fmt;
use std::path::{Path, PathBuf};

use protocol::oprf::Handle;

use crate::GraphError;
use store::seal::StorageKey;
use store::sealed::{
    RawSealedFile as SealedFile, create_sealed, fill, finish_sealed, open_sealed, read_or_end,
    verify_sealed,
};
use store::spill::FixedSorted;
use store::verified::VerifiedFiles;

/// A handle and the record behind it; opaque when printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandleEntry {
    /// The handle.
    pub handle: [u8; Handle::LEN],
    /// Number of the record in the snapshot.
    pub record: u64,
}

impl HandleEntry {
    /// Bytes of an entry: handle, then the record in big-endian order.
    pub const LEN: usize = Handle::LEN + 8;

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        fill(&mut bytes, &[&self.handle, &self.record.to_be_bytes()]);
        bytes
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (handle, record) = bytes.split_first_chunk()?;
        Some(Self { handle: *handle, record: u64::from_be_bytes(record.try_into().ok()?) })
    }
}

impl fmt::Debug for HandleEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleEntry(..)")
    }
}

/// Writes sorted entries as the index at `path`; one that repeats a handle is left out.
pub(crate) fn write_handles(
    mut sorted: FixedSorted,
    path: &Path,
    key: &StorageKey,
) -> Result<(), GraphError> {
    let mut out = create_sealed(path, key, HANDLES)?;
    let mut last = None;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for bytes in chunk.as_chunks::<{ HandleEntry::LEN }>().0 {
            let handle = bytes.first_chunk::<{ Handle::LEN }>().copied();
            if handle != last {
                out.append(bytes)?;
                last = handle;
            }
        }
    }
    Ok(finish_sealed(out, path)?)
}

/// An index on disk, read from its start.
#[derive(Debug)]
pub struct StoredHandles {
    reader: SealedFile,
    path: PathBuf,
}

impl StoredHandles {
    /// Opens the index at `path`; a file that is removed meanwhile can be read to its end.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if it does not open under this key.
    pub fn open(path: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        Ok(Self { reader: open_sealed(path, key, HANDLES)?, path: path.to_path_buf() })
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
        let mut bytes = [0; HandleEntry::LEN];
        if !read_or_end(&mut self.reader, &mut bytes, &self.path)? {
            return Ok(None);
        }
        let entry = HandleEntry::decode(&bytes);
        entry.map(Some).ok_or_else(|| GraphError::contradiction(&self.path))
    }
}

/// Indexes that are whole.
pub(crate) static VERIFIED: VerifiedFiles<()> = VerifiedFiles::new();

const HANDLES: &str = "table-handles";
const CHUNK_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use store::spill::FixedSorter;

    use super::*;

    #[test]
    fn index_is_sorted_and_holds_a_handle_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let mut sorter =
            FixedSorter::new(&dir.path().join("work"), HandleEntry::LEN, 1 << 16).unwrap();
        for (handle, record) in [(9, 1), (2, 7), (9, 0), (5, 7)] {
            sorter.push(&HandleEntry { handle: [handle; 16], record }.encode()).unwrap();
        }
        let path = dir.path().join("handles");
        write_handles(sorter.finish().unwrap(), &path, &key).unwrap();
        let mut stored = StoredHandles::open(&path, &key).unwrap();
        let entries: Vec<HandleEntry> =
            std::iter::from_fn(|| stored.next_entry().unwrap()).collect();
        let of = |handle, record| HandleEntry { handle: [handle; 16], record };
        assert!(entries == [of(2, 7), of(5, 7), of(9, 0)]);
        let mut foreign = StoredHandles::open(&path, &StorageKey::from_bytes([2; 32])).unwrap();
        assert!(foreign.next_entry().is_err());
    }
}
