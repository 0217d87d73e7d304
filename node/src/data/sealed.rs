//! Sealed files of fixed-width records: what prepared sets are kept in.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::data::DataError;
use crate::seal::{SealedReader, SealedWriter, StorageKey};
use crate::world::PRIVATE_MODE;

/// A sealed file being written.
pub(crate) type SealedOut = SealedWriter<BufWriter<File>>;
/// A sealed file being read.
pub(crate) type SealedFile = SealedReader<BufReader<File>>;

/// Creates a sealed file that only its owner can read.
pub(crate) fn create_sealed(
    path: &Path,
    key: &StorageKey,
    context: &str,
) -> Result<SealedOut, DataError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_MODE)
        .open(path)
        .map_err(DataError::io(path))?;
    Ok(SealedWriter::new(BufWriter::new(file), key, context)?)
}

/// Seals the last block and has the file on disk.
pub(crate) fn finish_sealed(out: SealedOut, path: &Path) -> Result<(), DataError> {
    let mut buffered = out.finish()?;
    buffered.flush().map_err(DataError::io(path))?;
    buffered.get_ref().sync_all().map_err(DataError::io(path))
}

/// Opens a sealed file for reading from its start.
pub(crate) fn open_sealed(
    path: &Path,
    key: &StorageKey,
    context: &str,
) -> Result<SealedFile, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    SealedReader::new(BufReader::new(file), key, context).map_err(DataError::sealed(path))
}

/// Reads a sealed file to its end: every block of it is as it was written.
pub(crate) fn verify_sealed(path: &Path, key: &StorageKey, context: &str) -> Result<(), DataError> {
    let mut reader = open_sealed(path, key, context)?;
    while reader.next_block().map_err(DataError::sealed(path))?.is_some() {}
    Ok(())
}

/// Fills `out` from the file: true when it did, false at the end; anything between is damage.
pub(crate) fn read_or_end(
    reader: &mut SealedFile,
    out: &mut [u8],
    path: &Path,
) -> Result<bool, DataError> {
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        let read = reader.read_some(room).map_err(DataError::sealed(path))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    match filled {
        full if full == out.len() => Ok(true),
        0 => Ok(false),
        _ => Err(DataError::contradiction(path)),
    }
}

/// Writes the parts one after the other into a record of their total length.
pub(crate) fn fill(record: &mut [u8], parts: &[&[u8]]) {
    debug_assert_eq!(record.len(), parts.iter().map(|part| part.len()).sum::<usize>());
    let mut room = record;
    for part in parts {
        let Some((now, later)) = room.split_at_mut_checked(part.len()) else { break };
        now.copy_from_slice(part);
        room = later;
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
