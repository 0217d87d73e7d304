//! The spills of a session, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::error::Bug;
use session::{SpillChunk, SpillContent, SpillName};
use zeroize::Zeroizing;

use super::log::{SealedLog, SealedRecords};
use super::{FixedSorted, FixedSorter, SpillError};
use crate::os;

/// Records that a session spills and wants back, by the name of the spill.
///
/// A spill is filled before its first chunk is asked for. The received table is not one of
/// these: its chunks are frames, and the journal has them.
#[derive(Debug)]
pub struct SpillStore {
    dir: PathBuf,
    memory_bytes: usize,
    filling: BTreeMap<SpillName, FixedSorter>,
    reading: BTreeMap<SpillName, FixedSorted>,
    /// Digital IDs as they came; their session has checked their order.
    digital_ids: Option<SealedLog>,
}

impl SpillStore {
    /// A store that spills to `dir`, which is made private; all spills share `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path, memory_bytes: usize) -> Result<Self, SpillError> {
        os::create_private_dir(dir)?;
        Ok(Self {
            dir: dir.into(),
            memory_bytes: memory_bytes / SPILLS_AT_ONCE,
            filling: BTreeMap::new(),
            reading: BTreeMap::new(),
            digital_ids: None,
        })
    }

    /// Bytes that one spill has before it is spilled.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Keeps records under a spill name, and erases them here.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`] for the table, or once the spill has been read; else as
    /// [`FixedSorter::extend`].
    pub fn spill(
        &mut self,
        spill: SpillName,
        records: Zeroizing<Vec<u8>>,
    ) -> Result<(), SpillError> {
        if spill == SpillName::DigitalIds {
            let log = match &mut self.digital_ids {
                Some(log) => log,
                None => self.digital_ids.insert(SealedLog::new(&self.dir)?),
            };
            return log.push(&records);
        }
        if self.reading.contains_key(&spill) {
            return Err(Bug::misuse().into());
        }
        let mut sorter = self.filling.remove(&spill).map_or_else(|| self.sorter(spill), Ok)?;
        sorter.extend(&records)?;
        self.filling.insert(spill, sorter);
        Ok(())
    }

    /// The next chunk of a spill, as the session takes it; a spill that was never filled is empty.
    ///
    /// # Errors
    ///
    /// [`SpillError::Bug`] for the table; [`SpillError::Seal`] if the spill is damaged.
    pub fn next_chunk(&mut self, spill: SpillName) -> Result<SpillChunk, SpillError> {
        let sorted = self.sorted(spill)?;
        let records = sorted.next_chunk(CHUNK_BYTES)?.unwrap_or_default();
        Ok(SpillChunk { spill, last: sorted.is_at_end(), content: SpillContent::Records(records) })
    }

    /// Takes a spill out of the store, from its first record on, such as the outcome of a session.
    ///
    /// # Errors
    ///
    /// As [`SpillStore::next_chunk`].
    pub fn take(&mut self, spill: SpillName) -> Result<FixedSorted, SpillError> {
        self.sorted(spill)?.rewind()?;
        self.reading.remove(&spill).ok_or_else(|| Bug::misuse().into())
    }

    /// Takes the digital IDs out of the store: spills of encoded entries, in the order they came.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if they cannot be read back.
    pub fn take_digital_ids(&mut self) -> Result<SealedRecords, SpillError> {
        match self.digital_ids.take() {
            Some(log) => log.finish(),
            None => SealedLog::new(&self.dir)?.finish(),
        }
    }

    fn sorted(&mut self, spill: SpillName) -> Result<&mut FixedSorted, SpillError> {
        if !self.reading.contains_key(&spill) {
            let filled = self.filling.remove(&spill);
            let sorter = filled.map_or_else(|| self.sorter(spill), Ok)?;
            self.reading.insert(spill, sorter.finish()?);
        }
        self.reading.get_mut(&spill).ok_or_else(|| Bug::misuse().into())
    }

    fn sorter(&self, spill: SpillName) -> Result<FixedSorter, SpillError> {
        let record_len = spill.record_len().ok_or(Bug::misuse())?;
        FixedSorter::new(&self.dir, record_len, self.memory_bytes)
    }
}

/// Bytes of a chunk that a session takes at once, before it is cut to whole records.
const CHUNK_BYTES: usize = 1 << 18;
/// Spills of a session that can have content at the same time.
const SPILLS_AT_ONCE: usize = 5;
