//! Collecting and merging, common to both sorters: records fill memory, are sorted and spilled, and
//! spills are merged until one pass can read them all.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use protocol::error::Bug;
use zerocopy::byteorder::{LittleEndian, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::SpillError;
use super::arena::{Arena, sum};
use super::merge::{Merged, Source, advance, merge};
use super::scratch::{ScratchWriter, Spill, SpillWriter, scratch_file};
use crate::os;
use crate::seal::{BLOCK_LEN_MAX, BLOCK_LEN_MIN, StorageKey};

/// Form of a record in memory and in a spill.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// The record alone, always of this length.
    Fixed(usize),
    /// A [`KeyedHead`], then the record.
    Keyed,
}

impl Layout {
    /// The encoded record at the start of `bytes`.
    pub(super) fn first(self, bytes: &[u8]) -> &[u8] {
        let len = match self {
            Self::Fixed(len) => len,
            Self::Keyed => KeyedHead::of(bytes).map_or(0, |(head, _)| head.encoded_len()),
        };
        bytes.get(..len).unwrap_or_default()
    }

    /// Parts that an encoded record is ordered by: its key, then the rest of it.
    pub(super) fn key_and_rest(self, encoded: &[u8]) -> (&[u8], &[u8]) {
        match self {
            Self::Fixed(_) => (encoded, &[]),
            Self::Keyed => KeyedHead::of(encoded)
                .and_then(|(head, record)| record.split_at_checked(head.key_len()))
                .unwrap_or_default(),
        }
    }

    /// Eight bytes of the key as a number, after those that all keys share, which orders most
    /// records without a look at them.
    pub(super) fn prefix(self, encoded: &[u8], shared: usize) -> u64 {
        let (key, _) = self.key_and_rest(encoded);
        let rest = key.get(shared..).unwrap_or_default();
        let mut prefix = [0; 8];
        prefix.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(prefix)
    }

    pub(super) fn compare(self, one: &[u8], other: &[u8]) -> Ordering {
        self.key_and_rest(one).cmp(&self.key_and_rest(other))
    }
}

/// Length of a record and of its key, in front of it.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct KeyedHead {
    len: U32<LittleEndian>,
    key_len: U32<LittleEndian>,
}

impl KeyedHead {
    pub(super) const LEN: usize = size_of::<Self>();

    /// The head of a record of at most [`RECORD_LEN_MAX`](super::RECORD_LEN_MAX) bytes.
    pub(super) fn new(len: usize, key_len: usize) -> Result<Self, Bug> {
        let number = |len| u32::try_from(len).map(U32::new).map_err(|_| Bug::misuse());
        Ok(Self { len: number(len)?, key_len: number(key_len)? })
    }

    fn of(encoded: &[u8]) -> Option<(&Self, &[u8])> {
        Self::ref_from_prefix(encoded).ok()
    }

    /// Bytes of the record with this head.
    pub(super) fn encoded_len(self) -> usize {
        // A record is at most 64 KiB.
        Self::LEN + self.len.get() as usize
    }

    fn key_len(self) -> usize {
        self.key_len.get() as usize
    }
}

/// Both sorters: collects, spills, and prepares the merge.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) dir: PathBuf,
    pub(super) layout: Layout,
    pub(super) key: StorageKey,
    pub(super) arena_bytes_max: usize,
    pub(super) block_len: usize,
    pub(super) merge_width: usize,
    pub(super) arena: Arena,
    pub(super) scratch: Option<ScratchWriter>,
    pub(super) spills: Vec<Spill>,
    pub(super) records: u64,
}

impl Collector {
    pub(super) fn new(dir: &Path, layout: Layout, memory_bytes: usize) -> Result<Self, SpillError> {
        os::create_private_dir(dir)?;
        // Small blocks when memory is small, so that a merge can still read several spills.
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
            spills: Vec::new(),
            records: 0,
        })
    }

    /// Takes an encoded record, in two parts so that its head needs no copy of it.
    pub(super) fn push(&mut self, head: &[u8], tail: &[u8]) -> Result<(), SpillError> {
        let len = sum([head.len(), tail.len()])?;
        if self.arena.bytes_with(len)? > self.arena_bytes_max && !self.arena.order.is_empty() {
            self.spill()?;
        }
        self.arena.push(head, tail, self.arena_bytes_max)?;
        self.records = self.records.checked_add(1).ok_or(Bug::invariant())?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Merged, SpillError> {
        if self.spills.is_empty() {
            self.arena.sort(self.layout);
        } else if !self.arena.order.is_empty() {
            self.spill()?;
            self.arena = Arena::new(0);
        }
        // Runs are of one size, so the order in which they are merged does not matter.
        while self.spills.len() > self.merge_width {
            self.merge_pass()?;
        }
        let mut sorted = Merged {
            layout: self.layout,
            key: self.key,
            spills: self.spills,
            source: Source::Memory { arena: self.arena, next: 0 },
            records: self.records,
            left: self.records,
        };
        sorted.rewind()?;
        Ok(sorted)
    }

    /// Writes the collected records as one sorted spill and forgets them.
    pub(super) fn spill(&mut self) -> Result<(), SpillError> {
        self.arena.sort(self.layout);
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => ScratchWriter::new(&scratch_file(&self.dir)?),
        };
        let mut spill = SpillWriter::new(scratch, &self.key, self.block_len)?;
        for record in self.arena.records(self.layout) {
            spill.writer.append(record)?;
        }
        self.scratch = Some(spill.finish(&mut self.spills)?);
        self.arena.clear();
        Ok(())
    }

    /// Merges groups of spills into longer ones; the file of the shorter ones is given back.
    pub(super) fn merge_pass(&mut self) -> Result<(), SpillError> {
        let spills = std::mem::take(&mut self.spills);
        let mut scratch = ScratchWriter::new(&scratch_file(&self.dir)?);
        for group in spills.chunks(self.merge_width) {
            let mut heap = merge(self.layout, &self.key, group)?;
            let mut spill = SpillWriter::new(scratch, &self.key, self.block_len)?;
            while let Some(head) = heap.peek() {
                spill.writer.append(&head.cursor.record)?;
                advance(&mut heap)?;
            }
            scratch = spill.finish(&mut self.spills)?;
        }
        self.scratch = Some(scratch);
        Ok(())
    }
}
