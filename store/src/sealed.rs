//! Sealed files of fixed-width records: what prepared sets are kept in.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::StoreError;
use crate::os::PRIVATE_MODE;
use crate::seal::{SealedReader, SealedWriter, StorageKey};

/// A sealed file being written.
pub type SealedOut = SealedWriter<BufWriter<File>>;
/// A sealed file being read.
pub type SealedFile = SealedReader<BufReader<File>>;

/// Creates a sealed file that only its owner can read.
///
/// # Errors
///
/// [`StoreError::Io`], [`StoreError::Seal`].
pub fn create_sealed(
    path: &Path,
    key: &StorageKey,
    context: &str,
) -> Result<SealedOut, StoreError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_MODE)
        .open(path)
        .map_err(StoreError::io(path))?;
    Ok(SealedWriter::new(BufWriter::new(file), key, context)?)
}

/// Seals the last block and has the file on disk.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn finish_sealed(out: SealedOut, path: &Path) -> Result<(), StoreError> {
    let mut buffered = out.finish()?;
    buffered.flush().map_err(StoreError::io(path))?;
    buffered.get_ref().sync_all().map_err(StoreError::io(path))
}

/// Opens a sealed file for reading from its start.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn open_sealed(path: &Path, key: &StorageKey, context: &str) -> Result<SealedFile, StoreError> {
    let file = File::open(path).map_err(StoreError::io(path))?;
    SealedReader::new(BufReader::new(file), key, context).map_err(StoreError::sealed(path))
}

/// Reads a sealed file to its end: every block of it is as it was written.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn verify_sealed(path: &Path, key: &StorageKey, context: &str) -> Result<(), StoreError> {
    let mut reader = open_sealed(path, key, context)?;
    while reader.next_block().map_err(StoreError::sealed(path))?.is_some() {}
    Ok(())
}

/// Fills `out` from the file: true when it did, false at the end; anything between is damage.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn read_or_end(
    reader: &mut SealedFile,
    out: &mut [u8],
    path: &Path,
) -> Result<bool, StoreError> {
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        let read = reader.read_some(room).map_err(StoreError::sealed(path))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    match filled {
        full if full == out.len() => Ok(true),
        0 => Ok(false),
        _ => Err(StoreError::contradiction(path)),
    }
}

/// Writes the parts one after the other into a record of their total length.
pub fn fill(record: &mut [u8], parts: &[&[u8]]) {
    debug_assert_eq!(record.len(), parts.iter().map(|part| part.len()).sum::<usize>());
    let mut room = record;
    for part in parts {
        let Some((now, later)) = room.split_at_mut_checked(part.len()) else { break };
        now.copy_from_slice(part);
        room = later;
    }
}
