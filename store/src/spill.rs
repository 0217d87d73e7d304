//! Sets larger than memory: sorted, or kept in order, on disk, and never readable there.
//!
//! A sorter takes records until its memory is full, writes them as a sorted run, and merges the
//! runs on the way back; a log gives records back in the order they came, as often as asked.
//! Every byte on disk is sealed under a key that lives in this process only, in a file that has
//! no name any more, so that nothing readable outlives the process, however it ends [I-11].
//!
//! Memory stays near the stated bound whatever the number of records: a merge that would need
//! more buffers than that is done in several passes.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use session::{RunChunk, RunContent, RunName};
use zeroize::{Zeroize, Zeroizing};

use crate::os::{self, OsError, Storage};
use crate::seal::{BLOCK_LEN_MAX, SealError, SealedReader, SealedWriter, StorageKey};

/// Sorts records of one length by their bytes; equal ones are all kept.
#[derive(Debug)]
pub struct FixedSorter {
    core: Sorter,
    record_len: usize,
}

impl FixedSorter {
    /// A sorter that spills to `dir`, which is made private, and stays near `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::RecordLen`] for records of no byte or above 64 KiB; [`SpillError::Os`].
    pub fn new(dir: &Path, record_len: usize, memory_bytes: usize) -> Result<Self, SpillError> {
        if !(1..=RECORD_LEN_MAX).contains(&record_len) {
            return Err(SpillError::RecordLen);
        }
        Ok(Self { core: Sorter::new(dir, Layout::Fixed(record_len), memory_bytes)?, record_len })
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// [`SpillError::RecordLen`] if it has another length; [`SpillError::Seal`] if it cannot be
    /// spilled.
    pub fn push(&mut self, record: &[u8]) -> Result<(), SpillError> {
        if record.len() != self.record_len {
            return Err(SpillError::RecordLen);
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
            return Err(SpillError::RecordLen);
        }
        records.chunks(self.record_len).try_for_each(|record| self.core.push(record, &[]))
    }

    /// Ends the input; what comes back is sorted.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the last run cannot be spilled or an earlier one is damaged.
    pub fn finish(self) -> Result<FixedSorted, SpillError> {
        Ok(FixedSorted { core: self.core.finish()?, record_len: self.record_len })
    }
}

/// The sorted records of a [`FixedSorter`].
#[derive(Debug)]
pub struct FixedSorted {
    core: Sorted,
    record_len: usize,
}

impl FixedSorted {
    /// The next records in increasing order: as many as fit `max_bytes`, at least one; `None`
    /// after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a run is damaged; [`SpillError::Failed`] on every call after that.
    pub fn next_chunk(
        &mut self,
        max_bytes: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SpillError> {
        let most = (max_bytes / self.record_len).max(1);
        let left = usize::try_from(self.core.left).unwrap_or(usize::MAX);
        let bytes = most.min(left).saturating_mul(self.record_len);
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
    /// [`SpillError::Seal`] if a run is damaged.
    pub fn rewind(&mut self) -> Result<(), SpillError> {
        self.core.rewind()
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.core.records
    }

    /// Whether every record has been given.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.core.left == 0
    }
}

/// Sorts records of any length up to 64 KiB; equal ones are all kept.
#[derive(Debug)]
pub struct VarSorter {
    core: Sorter,
}

impl VarSorter {
    /// A sorter that spills to `dir`, which is made private, and stays near `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path, memory_bytes: usize) -> Result<Self, SpillError> {
        let core = Sorter::new(dir, Layout::Keyed, memory_bytes)?;
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
    /// [`SpillError::RecordLen`] above 64 KiB or if the key is longer than the record;
    /// [`SpillError::Seal`] if it cannot be spilled.
    pub fn push_keyed(&mut self, record: &[u8], key_len: usize) -> Result<(), SpillError> {
        if record.len() > RECORD_LEN_MAX || key_len > record.len() {
            return Err(SpillError::RecordLen);
        }
        let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        let [a, b, c, d] = len(record.len());
        let [e, f, g, h] = len(key_len);
        self.core.push(&[a, b, c, d, e, f, g, h], record)
    }

    /// Ends the input; what comes back is sorted.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the last run cannot be spilled or an earlier one is damaged.
    pub fn finish(self) -> Result<VarSorted, SpillError> {
        let core = self.core.finish()?;
        Ok(VarSorted { core, given: false })
    }
}

/// The sorted records of a [`VarSorter`].
#[derive(Debug)]
pub struct VarSorted {
    core: Sorted,
    /// Whether the current record has been given out.
    given: bool,
}

impl VarSorted {
    /// The next record in increasing order; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a run is damaged; [`SpillError::Failed`] on every call after that.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, SpillError> {
        if self.given {
            self.core.advance()?;
        }
        let encoded = self.core.peek()?;
        self.given = encoded.is_some();
        Ok(encoded.map(|encoded| encoded.get(KEYED_HEAD_LEN..).unwrap_or(&[])))
    }

    /// Starts again with the first record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a run is damaged.
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
    /// [`SpillError::RecordLen`]; [`SpillError::Seal`] if it cannot be written, and the log is then
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
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        if len > LOG_RECORD_LEN_MAX {
            return Err(SpillError::RecordLen);
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.writer.append(&len.to_le_bytes())?;
        for part in parts {
            self.writer.append(part)?;
        }
        self.records = self.records.saturating_add(1);
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
            run: Run { file: self.file, start: 0, end: written },
            key: self.key,
            records: self.records,
        })
    }
}

/// A finished [`SealedLog`], to be read from its start any number of times.
#[derive(Debug)]
pub struct SealedRecords {
    run: Run,
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
            reader: self.run.open(&self.key)?,
            record: Zeroizing::new(Vec::new()),
        })
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }
}

/// One pass over a [`SealedRecords`].
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
        let mut len = [0; 4];
        if !fill(&mut self.reader, &mut len)? {
            return Ok(None);
        }
        let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
        resize(&mut self.record, len);
        if !fill(&mut self.reader, &mut self.record)? && len > 0 {
            return Err(SpillError::Failed);
        }
        Ok(Some(&self.record))
    }
}

/// The runs that a session spills and wants back, by name.
///
/// A run is spilled whole before its first chunk is asked for. The received table is not one of
/// these: its chunks are frames, and the journal has them.
#[derive(Debug)]
pub struct SpillStore {
    dir: PathBuf,
    memory_bytes: usize,
    filling: BTreeMap<RunName, FixedSorter>,
    reading: BTreeMap<RunName, FixedSorted>,
    /// Digital IDs as they came; their session has checked their order.
    digital_ids: Option<SealedLog>,
}

impl SpillStore {
    /// A store that spills to `dir`, which is made private; all runs share `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path, memory_bytes: usize) -> Result<Self, SpillError> {
        os::create_private_dir(dir)?;
        Ok(Self {
            dir: dir.into(),
            memory_bytes: memory_bytes / RUNS_AT_ONCE,
            filling: BTreeMap::new(),
            reading: BTreeMap::new(),
            digital_ids: None,
        })
    }

    /// Bytes that one run has before it is spilled.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Keeps records under a run name, and erases them here.
    ///
    /// # Errors
    ///
    /// [`SpillError::Order`] for the table, or once the run has been read; else as
    /// [`FixedSorter::extend`].
    pub fn spill(&mut self, run: RunName, records: Zeroizing<Vec<u8>>) -> Result<(), SpillError> {
        if run == RunName::DigitalIds {
            let log = match &mut self.digital_ids {
                Some(log) => log,
                None => self.digital_ids.insert(SealedLog::new(&self.dir)?),
            };
            return log.push(&records);
        }
        if self.reading.contains_key(&run) {
            return Err(SpillError::Order);
        }
        let mut sorter = match self.filling.remove(&run) {
            Some(sorter) => sorter,
            None => self.sorter(run)?,
        };
        sorter.extend(&records)?;
        self.filling.insert(run, sorter);
        Ok(())
    }

    /// The next chunk of a run, as the session takes it; a run that nobody spilled is empty.
    ///
    /// # Errors
    ///
    /// [`SpillError::Order`] for the table; [`SpillError::Seal`] if the run is damaged.
    pub fn next_chunk(&mut self, run: RunName) -> Result<RunChunk, SpillError> {
        let sorted = self.sorted(run)?;
        let records = sorted.next_chunk(CHUNK_BYTES)?.unwrap_or_default();
        Ok(RunChunk { run, last: sorted.is_at_end(), content: RunContent::Records(records) })
    }

    /// Takes a run out of the store, from its first record on, such as the outcome of a session.
    ///
    /// # Errors
    ///
    /// As [`SpillStore::next_chunk`].
    pub fn take(&mut self, run: RunName) -> Result<FixedSorted, SpillError> {
        self.sorted(run)?.rewind()?;
        self.reading.remove(&run).ok_or(SpillError::Order)
    }

    /// Takes the digital IDs out of the store: runs of encoded entries, in the order they came.
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

    fn sorted(&mut self, run: RunName) -> Result<&mut FixedSorted, SpillError> {
        if !self.reading.contains_key(&run) {
            let sorter = match self.filling.remove(&run) {
                Some(sorter) => sorter,
                None => self.sorter(run)?,
            };
            self.reading.insert(run, sorter.finish()?);
        }
        self.reading.get_mut(&run).ok_or(SpillError::Order)
    }

    fn sorter(&self, run: RunName) -> Result<FixedSorter, SpillError> {
        let record_len = run.record_len().ok_or(SpillError::Order)?;
        FixedSorter::new(&self.dir, record_len, self.memory_bytes)
    }
}

/// Records cannot be kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// The work directory.
    #[error(transparent)]
    Os(#[from] OsError),
    /// Spilled data cannot be written, read, or trusted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A record is longer than allowed, or not of the sorter's length.
    #[error("a record does not have the length of its run; try: report this as a defect")]
    RecordLen,
    /// Something was spilled to a run that is being read, or a run has no records.
    #[error("a run was used out of order; try: report this as a defect")]
    Order,
    /// An earlier error ended this run.
    #[error("spilled records can no longer be read; try: run again")]
    Failed,
}

/// Bytes of a record in a sorter, at most.
pub const RECORD_LEN_MAX: usize = 1 << 16;

/// Room of a block of an arena, unless one record is longer.
const ARENA_BLOCK_LEN_MIN: usize = 1 << 10;
const ARENA_BLOCK_LEN_MAX: usize = 1 << 20;

/// Bytes of a record in a log, at most: a full frame and what goes with it.
pub const LOG_RECORD_LEN_MAX: usize = 1 << 21;

/// How a record stands in memory and in a run.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// The record alone, always of this length.
    Fixed(usize),
    /// `u32 record length ‖ u32 key length ‖ record`.
    Keyed,
}

impl Layout {
    /// The encoded record at the start of `bytes`.
    fn first(self, bytes: &[u8]) -> &[u8] {
        let len = match self {
            Self::Fixed(len) => len,
            Self::Keyed => read_len(bytes, 0).saturating_add(KEYED_HEAD_LEN),
        };
        bytes.get(..len).unwrap_or(&[])
    }

    /// What an encoded record is ordered by: its key, then the rest of it.
    fn key_and_rest(self, encoded: &[u8]) -> (&[u8], &[u8]) {
        match self {
            Self::Fixed(_) => (encoded, &[]),
            Self::Keyed => encoded
                .get(KEYED_HEAD_LEN..)
                .and_then(|record| record.split_at_checked(read_len(encoded, 4)))
                .unwrap_or((&[], &[])),
        }
    }

    /// Eight bytes of the key as a number, after those that all keys share, which orders most
    /// records without a look at them.
    fn prefix(self, encoded: &[u8], shared: usize) -> u64 {
        let (key, _) = self.key_and_rest(encoded);
        let rest = key.get(shared..).unwrap_or(&[]);
        u64::from_be_bytes(rest.first_chunk().copied().unwrap_or_else(|| {
            let mut short = [0; 8];
            short.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            short
        }))
    }

    fn compare(self, one: &[u8], other: &[u8]) -> Ordering {
        self.key_and_rest(one).cmp(&self.key_and_rest(other))
    }
}

/// A little-endian u32 inside the head of a keyed record.
fn read_len(bytes: &[u8], at: usize) -> usize {
    let len = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    len.map_or(0, |len| usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX))
}

/// Both sorters: collects, spills, and prepares the merge.
#[derive(Debug)]
struct Sorter {
    dir: PathBuf,
    layout: Layout,
    key: StorageKey,
    arena_bytes_max: usize,
    block_len: usize,
    merge_width: usize,
    arena: Arena,
    scratch: Option<ScratchWriter>,
    runs: Vec<Run>,
    records: u64,
}

impl Sorter {
    fn new(dir: &Path, layout: Layout, memory_bytes: usize) -> Result<Self, SpillError> {
        os::create_private_dir(dir)?;
        // Small blocks when memory is small, so that a merge can still read several runs.
        let block_len = (memory_bytes / 64).clamp(BLOCK_LEN_MIN, BLOCK_LEN_MAX);
        Ok(Self {
            dir: dir.into(),
            layout,
            key: StorageKey::ephemeral()?,
            arena_bytes_max: memory_bytes,
            block_len,
            merge_width: (memory_bytes / block_len / 2).max(2),
            arena: Arena::new(memory_bytes),
            scratch: None,
            runs: Vec::new(),
            records: 0,
        })
    }

    /// Takes an encoded record, in two parts so that its head needs no copy of it.
    fn push(&mut self, head: &[u8], tail: &[u8]) -> Result<(), SpillError> {
        let len = head.len().saturating_add(tail.len());
        if self.arena.bytes_with(len) > self.arena_bytes_max && !self.arena.order.is_empty() {
            self.spill()?;
        }
        self.arena.push(head, tail, self.arena_bytes_max);
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    fn finish(mut self) -> Result<Sorted, SpillError> {
        if self.runs.is_empty() {
            self.arena.sort(self.layout);
        } else if !self.arena.order.is_empty() {
            self.spill()?;
            self.arena = Arena::new(0);
        }
        // Runs are of one size, so the order in which they are merged does not matter.
        while self.runs.len() > self.merge_width {
            self.merge_pass()?;
        }
        let mut sorted = Sorted {
            layout: self.layout,
            key: self.key,
            runs: self.runs,
            source: Source::Memory { arena: self.arena, next: 0 },
            records: self.records,
            left: self.records,
        };
        sorted.rewind()?;
        Ok(sorted)
    }

    /// Writes the collected records as one sorted run and forgets them.
    fn spill(&mut self) -> Result<(), SpillError> {
        self.arena.sort(self.layout);
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => ScratchWriter::new(&scratch_file(&self.dir)?),
        };
        let mut run = RunWriter::new(scratch, &self.key, self.block_len)?;
        for record in self.arena.records(self.layout) {
            run.writer.append(record)?;
        }
        self.scratch = Some(run.finish(&mut self.runs)?);
        self.arena.clear();
        Ok(())
    }

    /// Merges groups of runs into longer ones; the file of the shorter ones is given back.
    fn merge_pass(&mut self) -> Result<(), SpillError> {
        let runs = std::mem::take(&mut self.runs);
        let mut scratch = ScratchWriter::new(&scratch_file(&self.dir)?);
        for group in runs.chunks(self.merge_width) {
            let mut heap = merge(self.layout, &self.key, group)?;
            let mut run = RunWriter::new(scratch, &self.key, self.block_len)?;
            while let Some(head) = heap.peek() {
                run.writer.append(&head.cursor.record)?;
                advance(&mut heap)?;
            }
            scratch = run.finish(&mut self.runs)?;
        }
        self.scratch = Some(scratch);
        Ok(())
    }
}

/// Records in memory: their bytes in blocks that never move, and where each one starts, by prefix.
struct Arena {
    block_len: usize,
    blocks: Vec<Zeroizing<Vec<u8>>>,
    /// Blocks that hold records; those behind them are kept for their room.
    used: usize,
    /// Room of the blocks in use.
    bytes: usize,
    order: Zeroizing<Vec<(u64, Start)>>,
}

/// Where a record starts: its block, and the place in it.
type Start = (u32, u32);

impl Arena {
    /// An empty arena for about `bytes_max` bytes.
    fn new(bytes_max: usize) -> Self {
        let block_len = (bytes_max / 16).clamp(ARENA_BLOCK_LEN_MIN, ARENA_BLOCK_LEN_MAX);
        Self { block_len, blocks: Vec::new(), used: 0, bytes: 0, order: Zeroizing::default() }
    }

    fn push(&mut self, head: &[u8], tail: &[u8], bytes_max: usize) {
        let len = head.len().saturating_add(tail.len());
        if !self.has_room(len) {
            self.open_block(len);
        }
        let at = self.used.saturating_sub(1);
        if let Some(block) = self.blocks.get_mut(at) {
            // A block is at most 1 MiB, or one record, and memory holds fewer than 2^32 of them.
            let start = u32::try_from(block.len()).unwrap_or(u32::MAX);
            block.extend_from_slice(head);
            block.extend_from_slice(tail);
            let block = u32::try_from(at).unwrap_or(u32::MAX);
            grow(&mut self.order, &[(0, (block, start))], bytes_max);
        }
    }

    /// Whether the block at hand takes `len` more bytes without moving.
    fn has_room(&self, len: usize) -> bool {
        let block = self.used.checked_sub(1).and_then(|at| self.blocks.get(at));
        block.is_some_and(|block| block.capacity().saturating_sub(block.len()) >= len)
    }

    fn open_block(&mut self, len: usize) {
        // What was kept may be too short for a long record; then it stays where it is.
        let kept = self.blocks.get(self.used).is_some_and(|block| block.capacity() >= len);
        if !kept {
            let room = self.block_len.max(len);
            self.blocks.insert(self.used, Zeroizing::new(Vec::with_capacity(room)));
        }
        let room = self.blocks.get(self.used).map_or(0, |block| block.capacity());
        self.bytes = self.bytes.saturating_add(room);
        self.used = self.used.saturating_add(1);
    }

    fn sort(&mut self, layout: Layout) {
        let blocks = &self.blocks;
        let record = |start: Start| layout.first(bytes_from(blocks, start));
        // Row ids often begin alike.
        let mut keys = self.order.iter().map(|(_, start)| layout.key_and_rest(record(*start)).0);
        let first = keys.next().unwrap_or(&[]);
        let shared = keys.fold(first.len(), |shared, key| {
            let pairs = first.iter().take(shared).zip(key);
            pairs.take_while(|(one, other)| one == other).count()
        });
        self.order.par_iter_mut().for_each(|(prefix, start)| {
            *prefix = layout.prefix(record(*start), shared);
        });
        self.order.par_sort_unstable_by(|one, other| {
            one.0.cmp(&other.0).then_with(|| layout.compare(record(one.1), record(other.1)))
        });
    }

    /// Erases the records and keeps the room.
    fn clear(&mut self) {
        for block in self.blocks.iter_mut().take(self.used) {
            block.zeroize();
        }
        (self.used, self.bytes) = (0, 0);
        // The prefixes are parts of records.
        self.order.zeroize();
    }

    /// Bytes in use once a record of `len` has joined.
    fn bytes_with(&self, len: usize) -> usize {
        // The order holds each record twice while it grows.
        let records = self.order.len().saturating_add(1);
        let block = if self.has_room(len) { 0 } else { self.block_len.max(len) };
        let order = records.saturating_mul(2).max(self.order.capacity());
        let order = order.saturating_mul(size_of::<(u64, Start)>());
        self.bytes.saturating_add(block).saturating_add(order)
    }

    fn record(&self, layout: Layout, at: usize) -> Option<&[u8]> {
        let (_, start) = self.order.get(at)?;
        Some(layout.first(bytes_from(&self.blocks, *start)))
    }

    fn records(&self, layout: Layout) -> impl Iterator<Item = &[u8]> {
        (0..self.order.len()).filter_map(move |at| self.record(layout, at))
    }
}

/// A block from the start of a record on.
fn bytes_from(blocks: &[Zeroizing<Vec<u8>>], (block, start): Start) -> &[u8] {
    let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    blocks.get(place(block)).and_then(|block| block.get(place(start)..)).unwrap_or(&[])
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arena(..)")
    }
}

/// Appends to a buffer that leaves no copy behind when it moves.
pub fn grow<T: Zeroize + Copy>(buffer: &mut Zeroizing<Vec<T>>, items: &[T], bytes_max: usize) {
    let needed = buffer.len().saturating_add(items.len());
    if needed > buffer.capacity() {
        let most = (bytes_max / size_of::<T>().max(1)).max(needed);
        let room = needed.saturating_mul(2).clamp(needed, most);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(items);
}

/// Gives a buffer a length without leaving a copy behind.
fn resize(buffer: &mut Zeroizing<Vec<u8>>, len: usize) {
    if len > buffer.capacity() {
        *buffer = Zeroizing::new(Vec::with_capacity(len));
    }
    buffer.resize(len, 0);
}

/// Sorted records on their way back.
#[derive(Debug)]
struct Sorted {
    layout: Layout,
    key: StorageKey,
    runs: Vec<Run>,
    source: Source,
    records: u64,
    left: u64,
}

#[derive(Debug)]
enum Source {
    Memory { arena: Arena, next: usize },
    Merge(BinaryHeap<Head>),
    Failed,
}

impl Sorted {
    /// The current record, encoded; `None` after the last.
    fn peek(&self) -> Result<Option<&[u8]>, SpillError> {
        let record = match &self.source {
            Source::Memory { arena, next } => arena.record(self.layout, *next),
            Source::Merge(heap) => heap.peek().map(|head| head.cursor.record.as_slice()),
            Source::Failed => return Err(SpillError::Failed),
        };
        // Fewer records than were taken would be a smaller match, not a visible failure.
        match (record, self.left) {
            (Some(_), 0) | (None, 1..) => Err(SpillError::Failed),
            (record, _) => Ok(record),
        }
    }

    fn advance(&mut self) -> Result<(), SpillError> {
        self.left = self.left.saturating_sub(1);
        let advanced = match &mut self.source {
            Source::Memory { next, .. } => {
                *next = next.saturating_add(1);
                Ok(())
            }
            Source::Merge(heap) => advance(heap),
            Source::Failed => Err(SpillError::Failed),
        };
        if advanced.is_err() {
            self.source = Source::Failed;
        }
        advanced
    }

    fn rewind(&mut self) -> Result<(), SpillError> {
        self.left = self.records;
        match &mut self.source {
            Source::Memory { next, .. } if self.runs.is_empty() => *next = 0,
            source => *source = Source::Merge(merge(self.layout, &self.key, &self.runs)?),
        }
        Ok(())
    }
}

/// Opens runs for merging.
fn merge(layout: Layout, key: &StorageKey, runs: &[Run]) -> Result<BinaryHeap<Head>, SpillError> {
    let mut heads = Vec::with_capacity(runs.len());
    for run in runs {
        let mut cursor =
            Box::new(Cursor { layout, reader: run.open(key)?, record: Zeroizing::new(Vec::new()) });
        if cursor.advance()? {
            heads.push(Head::new(cursor));
        }
    }
    Ok(heads.into())
}

/// Moves the run with the smallest record on to its next one.
fn advance(heap: &mut BinaryHeap<Head>) -> Result<(), SpillError> {
    let Some(mut head) = heap.peek_mut() else {
        return Ok(());
    };
    if head.cursor.advance()? {
        head.prefix = head.cursor.prefix();
    } else {
        PeekMut::pop(head);
    }
    Ok(())
}

/// A run in a merge, ordered so that the heap's greatest has the smallest record.
#[derive(Debug)]
struct Head {
    prefix: u64,
    cursor: Box<Cursor>,
}

impl Head {
    fn new(cursor: Box<Cursor>) -> Self {
        Self { prefix: cursor.prefix(), cursor }
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let layout = self.cursor.layout;
        other
            .prefix
            .cmp(&self.prefix)
            .then_with(|| layout.compare(&other.cursor.record, &self.cursor.record))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// A place in a run, and the record there.
struct Cursor {
    layout: Layout,
    reader: SealedReader<Section>,
    record: Zeroizing<Vec<u8>>,
}

impl Cursor {
    fn prefix(&self) -> u64 {
        self.layout.prefix(&self.record, 0)
    }

    /// Reads the next record; false after the last.
    fn advance(&mut self) -> Result<bool, SpillError> {
        if let Layout::Fixed(len) = self.layout {
            resize(&mut self.record, len);
            return fill(&mut self.reader, &mut self.record);
        }
        let mut head = [0; KEYED_HEAD_LEN];
        if !fill(&mut self.reader, &mut head)? {
            return Ok(false);
        }
        let len = read_len(&head, 0).saturating_add(KEYED_HEAD_LEN);
        resize(&mut self.record, len);
        let (to, body) =
            self.record.split_first_chunk_mut::<KEYED_HEAD_LEN>().ok_or(SpillError::Failed)?;
        *to = head;
        let whole = body.is_empty() || fill(&mut self.reader, body)?;
        whole.then_some(true).ok_or(SpillError::Failed)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

/// Fills `out`, or says that nothing was left; part of it is an error.
fn fill(reader: &mut SealedReader<Section>, mut out: &mut [u8]) -> Result<bool, SpillError> {
    let mut started = false;
    while !out.is_empty() {
        match reader.read_some(out)? {
            0 if started => return Err(SpillError::Failed),
            0 => return Ok(false),
            read => out = out.get_mut(read..).unwrap_or(&mut []),
        }
        started = true;
    }
    Ok(true)
}

/// A sorted run inside a scratch file.
#[derive(Debug)]
struct Run {
    file: Arc<File>,
    start: u64,
    end: u64,
}

impl Run {
    fn open(&self, key: &StorageKey) -> Result<SealedReader<Section>, SpillError> {
        let section = Section { file: Arc::clone(&self.file), at: self.start, end: self.end };
        Ok(SealedReader::new(section, key, CONTEXT)?)
    }
}

/// Writes one run to the end of a scratch file.
struct RunWriter {
    writer: SealedWriter<ScratchWriter>,
    start: u64,
}

impl RunWriter {
    fn new(scratch: ScratchWriter, key: &StorageKey, block_len: usize) -> Result<Self, SpillError> {
        let start = scratch.written;
        let writer = SealedWriter::with_block_len(scratch, key, CONTEXT, block_len)?;
        Ok(Self { writer, start })
    }

    fn finish(self, runs: &mut Vec<Run>) -> Result<ScratchWriter, SpillError> {
        let scratch = self.writer.finish()?;
        runs.push(Run { file: Arc::clone(&scratch.file), start: self.start, end: scratch.written });
        Ok(scratch)
    }
}

/// Opens a file without a name: it ends with its last user, however that ends.
fn scratch_file(dir: &Path) -> Result<Arc<File>, SpillError> {
    let path = dir.join(format!("{}.spill", os::unique_name()?));
    let file = os::create_private(&path)?;
    fs::remove_file(&path).map_err(os::at("unlink", &path))?;
    Ok(Arc::new(file))
}

/// Appends to a scratch file.
#[derive(Debug)]
struct ScratchWriter {
    file: Arc<File>,
    written: u64,
}

impl ScratchWriter {
    fn new(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), written: 0 }
    }
}

impl Write for ScratchWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = Storage(&self.file).write(bytes)?;
        self.written = self.written.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Part of a scratch file, read from its own place: many runs share one descriptor.
#[derive(Debug)]
struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(out.len());
        let read = self.file.read_at(out.get_mut(..most).unwrap_or(&mut []), self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

const KEYED_HEAD_LEN: usize = 8;
const BLOCK_LEN_MIN: usize = 256;
/// Bytes of a chunk that a session takes at once, before it is cut to whole records.
const CHUNK_BYTES: usize = 1 << 18;
/// Runs of a session that can have content at the same time.
const RUNS_AT_ONCE: usize = 5;
const CONTEXT: &str = "spilled records";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::os::testing::{private_tempdir, with_fault};

    /// A stream of numbers that differ, from a seed that a failure prints.
    fn numbers(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }

    fn fixed_records(seed: u64, count: usize, record_len: usize) -> Vec<u8> {
        let bytes = numbers(seed).flat_map(u64::to_le_bytes);
        bytes.take(count * record_len).collect()
    }

    fn sorted(records: &[u8], record_len: usize) -> Vec<u8> {
        let mut records: Vec<&[u8]> = records.chunks(record_len).collect();
        records.sort_unstable();
        records.concat()
    }

    fn read_all(sorted: &mut FixedSorted, max_bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(chunk) = sorted.next_chunk(max_bytes).unwrap() {
            assert!(!chunk.is_empty());
            all.extend_from_slice(&chunk);
        }
        all
    }

    fn content(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn sorts_as_the_standard_library_with_no_one_and_many_spills() {
        let dir = private_tempdir();
        let work = dir.path().join("work");
        for (seed, record_len) in [(1, 17), (2, 8), (3, 1), (4, 45)] {
            for (count, memory) in [(0, 4_096), (1, 4_096), (50, 1 << 16), (900, 2_048)] {
                let records = fixed_records(seed, count, record_len);
                let mut sorter = FixedSorter::new(&work, record_len, memory).unwrap();
                sorter.extend(&records).unwrap();
                let mut back = sorter.finish().unwrap();
                assert_eq!(back.records(), count as u64);
                let expected = sorted(&records, record_len);
                assert_eq!(read_all(&mut back, 100), expected, "{count} x {record_len}");
                assert!(back.is_at_end());
                assert!(back.next_chunk(100).unwrap().is_none());
                back.rewind().unwrap();
                assert_eq!(read_all(&mut back, 1), expected, "a second time");
            }
        }
    }

    #[test]
    fn merges_in_several_passes_when_memory_holds_few_runs() {
        let dir = private_tempdir();
        let records = fixed_records(5, 5_000, 17);
        let mut sorter = FixedSorter::new(dir.path(), 17, 1_024).unwrap();
        for record in records.chunks(17) {
            sorter.push(record).unwrap();
        }
        let (runs, width) = (sorter.core.runs.len(), sorter.core.merge_width);
        assert!(runs > width * width * width, "{runs} runs, {width} at once");
        let mut back = sorter.finish().unwrap();
        assert!(back.core.runs.len() <= width);
        assert_eq!(read_all(&mut back, 4_000), sorted(&records, 17));
    }

    #[test]
    fn keyed_records_are_ordered_by_key_then_by_the_rest() {
        let dir = private_tempdir();
        for memory in [1_024, 1 << 20] {
            let mut expected = Vec::new();
            let mut sorter = VarSorter::new(dir.path(), memory).unwrap();
            for number in numbers(6).take(700) {
                let len = usize::try_from(number % 40).unwrap();
                let record: Vec<u8> =
                    numbers(number).map(|value| (value % 3) as u8).take(len).collect();
                let key_len = usize::try_from(number >> 8).unwrap() % (len + 1);
                sorter.push_keyed(&record, key_len).unwrap();
                let (key, rest) = record.split_at(key_len);
                expected.push((key.to_vec(), rest.to_vec()));
            }
            expected.sort();
            let mut back = sorter.finish().unwrap();
            for _ in 0..2 {
                for (key, rest) in &expected {
                    let record = back.next_record().unwrap().unwrap();
                    assert_eq!(record, [key.as_slice(), rest].concat());
                }
                assert!(back.next_record().unwrap().is_none());
                assert!(back.next_record().unwrap().is_none());
                back.rewind().unwrap();
            }
        }
    }

    #[test]
    fn record_larger_than_memory_is_kept() {
        let dir = private_tempdir();
        let mut sorter = VarSorter::new(dir.path(), 512).unwrap();
        let large = vec![5; RECORD_LEN_MAX];
        for record in [&large[..], &[7], &[], &large, &[1, 2]] {
            sorter.push(record).unwrap();
        }
        assert!(sorter.push(&[0; RECORD_LEN_MAX + 1]).is_err());
        assert!(sorter.push_keyed(&[0; 4], 5).is_err());
        let mut back = sorter.finish().unwrap();
        for expected in [&[][..], &[1, 2], &large, &large, &[7]] {
            assert_eq!(back.next_record().unwrap().unwrap(), expected);
        }
        assert!(back.next_record().unwrap().is_none());
    }

    #[test]
    fn plaintext_never_stands_in_a_spill_file_and_no_name_is_left() {
        let dir = private_tempdir();
        let work = dir.path().join("work");
        let records = fixed_records(7, 600, 16);
        let mut sorter = FixedSorter::new(&work, 16, 4_096).unwrap();
        let mut log = SealedLog::new(&work).unwrap();
        sorter.extend(&records).unwrap();
        records.chunks(16).for_each(|record| log.push(record).unwrap());
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "while in use");
        let scratch = content(&sorter.core.scratch.as_ref().unwrap().file);
        let back = sorter.finish().unwrap();
        let log = log.finish().unwrap();
        for spilled in [scratch, content(&back.core.runs[0].file), content(&log.run.file)] {
            assert!(spilled.len() > 4_096);
            for record in records.chunks(8) {
                assert!(!spilled.windows(8).any(|window| window == record));
            }
        }
        drop((back, log));
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "after use");
    }

    #[test]
    fn damaged_spill_is_an_error_and_never_a_shorter_set() {
        let dir = private_tempdir();
        let records = fixed_records(8, 400, 16);
        let mut sorter = FixedSorter::new(dir.path(), 16, 4_096).unwrap();
        sorter.extend(&records).unwrap();
        let mut back = sorter.finish().unwrap();
        let file = Arc::clone(&back.core.runs[0].file);
        let bytes = content(&file);
        for at in (0..bytes.len()).step_by(97) {
            file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            let outcome = back.rewind().and_then(|()| {
                while back.next_chunk(64)?.is_some() {}
                Ok(())
            });
            assert!(outcome.is_err(), "byte {at}");
            if matches!(back.core.source, Source::Failed) {
                assert!(matches!(back.next_chunk(64), Err(SpillError::Failed)));
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        back.rewind().unwrap();
        assert_eq!(read_all(&mut back, 64), sorted(&records, 16));
    }

    #[test]
    fn every_failing_storage_operation_is_reported() {
        // D10
        let dir = private_tempdir();
        let records = fixed_records(9, 300, 16);
        for at in 0.. {
            let (outcome, reached) = with_fault(at, || {
                let mut sorter = FixedSorter::new(dir.path(), 16, 4_096)?;
                sorter.extend(&records)?;
                sorter.finish()
            });
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
            if !reached {
                let mut back = outcome.unwrap();
                assert_eq!(read_all(&mut back, 64), sorted(&records, 16));
                assert!(at > 10, "several runs were written");
                break;
            }
            assert!(outcome.is_err(), "operation {at}");
        }
    }

    #[test]
    fn log_gives_records_back_in_order_any_number_of_times() {
        let dir = private_tempdir();
        let mut log = SealedLog::new(dir.path()).unwrap();
        let records: Vec<Vec<u8>> = numbers(10)
            .take(200)
            .map(|number| number.to_le_bytes().repeat((number % 2_000) as usize))
            .chain([Vec::new(), vec![3; LOG_RECORD_LEN_MAX]])
            .collect();
        records.iter().for_each(|record| log.push(record).unwrap());
        assert!(log.push(&vec![0; LOG_RECORD_LEN_MAX + 1]).is_err());
        let log = log.finish().unwrap();
        assert_eq!(log.records(), 202);
        let mut passes = [log.read().unwrap(), log.read().unwrap()];
        for record in &records {
            for pass in &mut passes {
                assert_eq!(pass.next_record().unwrap().unwrap(), record);
            }
        }
        assert!(passes[0].next_record().unwrap().is_none());
    }

    #[test]
    fn store_marks_the_last_chunk_and_gives_an_empty_one_for_no_records() {
        let dir = private_tempdir();
        let mut store = SpillStore::new(&dir.path().join("work"), 1 << 20).unwrap();
        let chunk = store.next_chunk(RunName::Hits).unwrap();
        assert!(chunk.last);
        assert!(matches!(chunk.content, RunContent::Records(records) if records.is_empty()));

        let records = fixed_records(11, 40_000, 17);
        for part in records.chunks(17 * 999) {
            store.spill(RunName::OwnTags, Zeroizing::new(part.to_vec())).unwrap();
        }
        let mut all = Vec::new();
        loop {
            let chunk = store.next_chunk(RunName::OwnTags).unwrap();
            let RunContent::Records(records) = chunk.content else {
                panic!("records");
            };
            assert!(!records.is_empty());
            all.extend_from_slice(&records);
            if chunk.last {
                break;
            }
        }
        assert_eq!(all, sorted(&records, 17));
        let late = store.spill(RunName::OwnTags, Zeroizing::new(vec![0; 17]));
        assert!(matches!(late, Err(SpillError::Order)));
        let mut taken = store.take(RunName::OwnTags).unwrap();
        assert_eq!(read_all(&mut taken, 1 << 16), all);
        assert!(store.next_chunk(RunName::Table).is_err());
        let ragged = store.spill(RunName::RowHits, Zeroizing::new(vec![0; 10]));
        assert!(matches!(ragged, Err(SpillError::RecordLen)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_records_come_back_sorted(
            memory in 0_usize..20_000,
            records in prop::collection::vec(any::<[u8; 3]>(), 0..1_500),
        ) {
            let dir = private_tempdir();
            let mut sorter = FixedSorter::new(dir.path(), 3, memory).unwrap();
            let mut var = VarSorter::new(dir.path(), memory).unwrap();
            for record in &records {
                sorter.push(record).unwrap();
                var.push(record).unwrap();
            }
            let bytes = records.concat();
            let mut back = sorter.finish().unwrap();
            prop_assert_eq!(read_all(&mut back, 500), sorted(&bytes, 3));
            let mut back = var.finish().unwrap();
            for record in sorted(&bytes, 3).chunks(3) {
                prop_assert_eq!(back.next_record().unwrap().unwrap(), record);
            }
            prop_assert!(back.next_record().unwrap().is_none());
        }
    }
}
