//! Records in the order they come, sealed on disk.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use protocol::error::Bug;
use zeroize::Zeroizing;

use super::SpillError;
use super::arena::resize;
use super::scratch::{CONTEXT, ScratchWriter, Section, Spill, fill, scratch_file};
use crate::os;
use crate::record::zerocopy::IntoBytes as _;
use crate::record::{LittleEndian, Record as _, U32, record};
use crate::seal::{SealedReader, SealedWriter, StorageKey};

/// Records in the order they come, sealed on disk.
#[derive(Debug)]
pub struct SealedLog {
    writer: SealedWriter<ScratchWriter>,
    file: Arc<File>,
    key: StorageKey,
    records: u64,
}

impl SealedLog {
    /// An empty log in `dir`, which is made private.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path) -> Result<Self, SpillError> {
        os::create_private_dir(dir)?;
        let file = scratch_file(dir)?;
        let key = StorageKey::ephemeral()?;
        let writer = SealedWriter::new(ScratchWriter::new(&file), &key, CONTEXT)?;
        Ok(Self { writer, file, key, records: 0 })
    }

    /// Appends a record of at most 2 MiB.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`]; [`SpillError::Seal`] if it cannot be written, and the log is then
    /// of no use.
    pub fn push(&mut self, record: &[u8]) -> Result<(), SpillError> {
        self.push_parts(&[record])
    }

    /// Appends a record given in parts.
    ///
    /// # Errors
    ///
    /// As [`SealedLog::push`].
    pub fn push_parts(&mut self, parts: &[&[u8]]) -> Result<(), SpillError> {
        let len = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.len()));
        let len = len.filter(|len| *len <= LOG_RECORD_LEN_MAX).ok_or(Bug::misuse())?;
        let head = LogHead { len: u32::try_from(len).map_err(|_| Bug::misuse())?.into() };
        self.writer.append(head.bytes())?;
        for part in parts {
            self.writer.append(part)?;
        }
        self.records = self.records.checked_add(1).ok_or(Bug::invariant())?;
        Ok(())
    }

    /// Ends the log; it can be read from now on.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if its end cannot be written.
    pub fn finish(self) -> Result<SealedRecords, SpillError> {
        let written = self.writer.finish()?.written;
        Ok(SealedRecords {
            spill: Spill { file: self.file, start: 0, end: written },
            key: self.key,
            records: self.records,
        })
    }
}

record! {
    /// Length of a record, in front of it.
    struct LogHead {
        len: U32<LittleEndian>,
    }
}

/// A finished [`SealedLog`], to be read from its start any number of times.
#[derive(Debug)]
pub struct SealedRecords {
    pub(super) spill: Spill,
    key: StorageKey,
    records: u64,
}

impl SealedRecords {
    /// Starts a pass over the records.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the log cannot be read.
    pub fn read(&self) -> Result<SealedRecordsReader, SpillError> {
        Ok(SealedRecordsReader {
            reader: self.spill.open(&self.key)?,
            record: Zeroizing::new(Vec::new()),
        })
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }
}

/// Pass over a [`SealedRecords`].
#[derive(Debug)]
pub struct SealedRecordsReader {
    reader: SealedReader<Section>,
    record: Zeroizing<Vec<u8>>,
}

impl SealedRecordsReader {
    /// The next record in the order they were written; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the log is damaged.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, SpillError> {
        let mut head = LogHead { len: 0.into() };
        if !fill(&mut self.reader, head.as_mut_bytes())? {
            return Ok(None);
        }
        let len = head.len.get() as usize;
        resize(&mut self.record, len);
        if !fill(&mut self.reader, &mut self.record)? && len > 0 {
            return Err(SpillError::Failed);
        }
        Ok(Some(&self.record))
    }
}

/// Bytes of a record in a log, at most: a full frame and what goes with it.
pub const LOG_RECORD_LEN_MAX: usize = 1 << 21;
