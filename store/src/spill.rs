//! Sets larger than memory: sorted, or kept in order, on disk, and never readable there.
//!
//! A sorter takes records until its memory is full, writes them as a sorted spill, and merges the
//! spills on the way back; a log gives records back in the order they came, as often as asked.
//! Every byte on disk is sealed under a key that lives in this process only, in a file that has
//! no name any more, so that nothing readable outlives the process, however it ends [I-11].
//!
//! Memory stays near the stated bound whatever the number of records: a merge that would need
//! more buffers than that is done in several passes.

use std::path::{Path, PathBuf};

use protocol::error::Bug;
use zerocopy::IntoBytes as _;
use zeroize::Zeroizing;

use crate::os::OsError;
use crate::seal::SealError;

mod arena;
mod log;
mod merge;
mod scratch;
mod sorter;
mod store;
mod typed;

pub use self::arena::grow;
pub use self::log::{LOG_RECORD_LEN_MAX, SealedLog, SealedRecords, SealedRecordsReader};
use self::merge::Merged;
use self::sorter::{Collector, KeyedHead, Layout};
pub use self::store::SpillStore;
pub use self::typed::{Sorted, Sorter};

/// Sorts records of one length by their bytes; equal ones are all kept.
#[derive(Debug)]
pub struct FixedSorter {
    core: Collector,
    record_len: usize,
}

impl FixedSorter {
    /// A sorter that spills to `dir`, which is made private, and stays near `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`] for records of no byte or above 64 KiB; [`SpillError::Os`].
    pub fn new(dir: &Path, record_len: usize, memory_bytes: usize) -> Result<Self, SpillError> {
        if !(1..=RECORD_LEN_MAX).contains(&record_len) {
            return Err(Bug::misuse().into());
        }
        Ok(Self { core: Collector::new(dir, Layout::Fixed(record_len), memory_bytes)?, record_len })
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`] if it has another length; [`SpillError::Seal`] if it cannot be
    /// spilled.
    pub fn push(&mut self, record: &[u8]) -> Result<(), SpillError> {
        if record.len() != self.record_len {
            return Err(Bug::misuse().into());
        }
        self.core.push(record, &[])
    }

    /// Takes whole records, one after the other.
    ///
    /// # Errors
    ///
    /// As [`FixedSorter::push`].
    pub fn extend(&mut self, records: &[u8]) -> Result<(), SpillError> {
        if !records.len().is_multiple_of(self.record_len) {
            return Err(Bug::misuse().into());
        }
        records.chunks(self.record_len).try_for_each(|record| self.core.push(record, &[]))
    }

    /// Ends the input; what comes back is sorted.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the last spill cannot be spilled or an earlier one is damaged.
    pub fn finish(self) -> Result<FixedSorted, SpillError> {
        Ok(FixedSorted { core: self.core.finish()?, record_len: self.record_len })
    }
}

/// The sorted records of a [`FixedSorter`].
#[derive(Debug)]
pub struct FixedSorted {
    core: Merged,
    record_len: usize,
}

impl FixedSorted {
    /// The next records in increasing order: as many as fit `max_bytes`, at least one; `None`
    /// after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged; [`SpillError::Failed`] on every call after that.
    pub fn next_chunk(
        &mut self,
        max_bytes: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SpillError> {
        let most = (max_bytes / self.record_len).max(1);
        let records = usize::try_from(self.core.left).map_or(most, |left| left.min(most));
        let bytes = records.checked_mul(self.record_len).ok_or(Bug::invariant())?;
        let mut chunk = Zeroizing::new(Vec::with_capacity(bytes));
        while let Some(record) = self.core.peek()? {
            if chunk.len() >= bytes {
                break;
            }
            chunk.extend_from_slice(record);
            self.core.advance()?;
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Starts again with the first record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged.
    pub fn rewind(&mut self) -> Result<(), SpillError> {
        self.core.rewind()
    }

    /// The next record, which stays where it is; `None` after the last.
    pub(crate) fn peek(&self) -> Result<Option<&[u8]>, SpillError> {
        self.core.peek()
    }

    /// Goes on to the record after the next.
    pub(crate) fn advance(&mut self) -> Result<(), SpillError> {
        self.core.advance()
    }

    /// Bytes of a record.
    #[must_use]
    pub const fn record_len(&self) -> usize {
        self.record_len
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.core.records
    }

    /// True once every record has been given.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.core.left == 0
    }
}

/// Sorts records of any length up to 64 KiB; equal ones are all kept.
#[derive(Debug)]
pub struct VarSorter {
    core: Collector,
}

impl VarSorter {
    /// A sorter that spills to `dir`, which is made private, and stays near `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path, memory_bytes: usize) -> Result<Self, SpillError> {
        let core = Collector::new(dir, Layout::Keyed, memory_bytes)?;
        Ok(Self { core })
    }

    /// Takes a record that is ordered by all of its bytes.
    ///
    /// # Errors
    ///
    /// As [`VarSorter::push_keyed`].
    pub fn push(&mut self, record: &[u8]) -> Result<(), SpillError> {
        self.push_keyed(record, record.len())
    }

    /// Takes a record that is ordered by its first `key_len` bytes, then by the others.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`] above 64 KiB or if the key is longer than the record;
    /// [`SpillError::Seal`] if it cannot be spilled.
    pub fn push_keyed(&mut self, record: &[u8], key_len: usize) -> Result<(), SpillError> {
        if record.len() > RECORD_LEN_MAX || key_len > record.len() {
            return Err(Bug::misuse().into());
        }
        self.core.push(KeyedHead::new(record.len(), key_len)?.as_bytes(), record)
    }

    /// Ends the input; what comes back is sorted.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the last spill cannot be spilled or an earlier one is damaged.
    pub fn finish(self) -> Result<VarSorted, SpillError> {
        let core = self.core.finish()?;
        Ok(VarSorted { core, given: false })
    }
}

/// The sorted records of a [`VarSorter`].
#[derive(Debug)]
pub struct VarSorted {
    core: Merged,
    /// True if the current record has been given out.
    given: bool,
}

impl VarSorted {
    /// The next record in increasing order; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged; [`SpillError::Failed`] on every call after that.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, SpillError> {
        if self.given {
            self.core.advance()?;
        }
        let encoded = self.core.peek()?;
        self.given = encoded.is_some();
        Ok(encoded.map(|encoded| encoded.get(KeyedHead::LEN..).unwrap_or_default()))
    }

    /// Starts again with the first record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged.
    pub fn rewind(&mut self) -> Result<(), SpillError> {
        self.given = false;
        self.core.rewind()
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.core.records
    }
}

/// Records cannot be kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// The work directory.
    Os(#[from] OsError),
    /// Spilled data cannot be written, read, or trusted.
    Seal(#[from] SealError),
    /// An earlier error ended this spill.
    Failed,
    /// A defect of ours: a record of another length than its spill's or longer than allowed, or a
    /// spill that is filled while it is read.
    Bug(#[from] Bug),
}

diagnose! { SpillError: inner [Os, Seal, Bug];
    Self::Failed => Storage, "spill-failed";
}

/// Bytes of a record in a sorter, at most.
pub const RECORD_LEN_MAX: usize = 1 << 16;

/// Bounds of one preparation.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Private directory for sealed spills.
    pub directory: PathBuf,
    /// Bytes a sorter may hold in memory.
    pub memory_bytes: usize,
}

#[cfg(test)]
mod tests;
