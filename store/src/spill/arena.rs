//! Records in memory, sorted in place.

use protocol::error::Bug;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::sorter::Layout;

/// Records in memory: their bytes in blocks that never move, and where each one starts, by prefix.
pub(super) struct Arena {
    pub(super) block_len: usize,
    pub(super) blocks: Vec<Zeroizing<Vec<u8>>>,
    /// Blocks that hold records; those behind them are kept for their room.
    pub(super) used: usize,
    /// Room of the blocks in use.
    pub(super) bytes: usize,
    pub(super) order: Zeroizing<Vec<(u64, Start)>>,
}

/// Start of a record: its block, and the place in it.
pub(super) type Start = (u32, u32);

impl Arena {
    /// An empty arena for about `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        let block_len = (bytes_max / 16).clamp(ARENA_BLOCK_LEN_MIN, ARENA_BLOCK_LEN_MAX);
        Self { block_len, blocks: Vec::new(), used: 0, bytes: 0, order: Zeroizing::default() }
    }

    /// Takes an encoded record, in two parts.
    pub(super) fn push(&mut self, head: &[u8], tail: &[u8], bytes_max: usize) -> Result<(), Bug> {
        let len = sum([head.len(), tail.len()])?;
        if !self.has_room(len) {
            self.open_block(len)?;
        }
        let at = self.used.checked_sub(1).ok_or(Bug::invariant())?;
        let block = self.blocks.get_mut(at).ok_or(Bug::invariant())?;
        // A block is at most 1 MiB, or one record, and memory holds fewer than 2^32 of them.
        let place = |at: usize| u32::try_from(at).map_err(|_| Bug::invariant());
        let start = (place(at)?, place(block.len())?);
        block.extend_from_slice(head);
        block.extend_from_slice(tail);
        grow(&mut self.order, &[(0, start)], bytes_max);
        Ok(())
    }

    /// True if the block at hand takes `len` more bytes without moving.
    fn has_room(&self, len: usize) -> bool {
        let block = self.used.checked_sub(1).and_then(|at| self.blocks.get(at));
        let room = block.and_then(|block| block.capacity().checked_sub(block.len()));
        room.is_some_and(|room| room >= len)
    }

    fn open_block(&mut self, len: usize) -> Result<(), Bug> {
        // What was kept may be too short for a long record; then it stays where it is.
        let kept = self.blocks.get(self.used).map(|block| block.capacity());
        let room = match kept.filter(|room| *room >= len) {
            Some(room) => room,
            None => {
                let block = Zeroizing::new(Vec::with_capacity(self.block_len.max(len)));
                let room = block.capacity();
                self.blocks.insert(self.used, block);
                room
            }
        };
        self.bytes = sum([self.bytes, room])?;
        self.used = sum([self.used, 1])?;
        Ok(())
    }

    pub(super) fn sort(&mut self, layout: Layout) {
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
    pub(super) fn clear(&mut self) {
        for block in self.blocks.iter_mut().take(self.used) {
            block.zeroize();
        }
        (self.used, self.bytes) = (0, 0);
        // The prefixes are parts of records.
        self.order.zeroize();
    }

    /// Bytes in use once a record of `len` has joined.
    pub(super) fn bytes_with(&self, len: usize) -> Result<usize, Bug> {
        // The order holds each record twice while it grows.
        let records = sum([self.order.len(), self.order.len(), 2])?.max(self.order.capacity());
        let order = records.checked_mul(size_of::<(u64, Start)>()).ok_or(Bug::invariant())?;
        let block = if self.has_room(len) { 0 } else { self.block_len.max(len) };
        sum([self.bytes, block, order])
    }

    pub(super) fn record(&self, layout: Layout, at: usize) -> Option<&[u8]> {
        let (_, start) = self.order.get(at)?;
        Some(layout.first(bytes_from(&self.blocks, *start)))
    }

    pub(super) fn records(&self, layout: Layout) -> impl Iterator<Item = &[u8]> {
        (0..self.order.len()).filter_map(move |at| self.record(layout, at))
    }
}

/// Block from the start of a record on; empty for a place where no record starts.
fn bytes_from(blocks: &[Zeroizing<Vec<u8>>], (block, start): Start) -> &[u8] {
    let block = blocks.get(block as usize);
    block.and_then(|block| block.get(start as usize..)).unwrap_or_default()
}

opaque!(Arena);

/// Appends to a buffer that leaves no copy behind when it moves.
pub fn grow<T: Zeroize + Copy>(buffer: &mut Zeroizing<Vec<T>>, items: &[T], bytes_max: usize) {
    // Two lengths in memory are at most `usize::MAX` together.
    let needed = buffer.len() + items.len();
    if needed > buffer.capacity() {
        let most = (bytes_max / size_of::<T>().max(1)).max(needed);
        let room = needed.checked_mul(2).map_or(most, |room| room.min(most));
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(items);
}

/// Gives a buffer a length without leaving a copy behind.
pub(super) fn resize(buffer: &mut Zeroizing<Vec<u8>>, len: usize) {
    if len > buffer.capacity() {
        *buffer = Zeroizing::new(Vec::with_capacity(len));
    }
    buffer.resize(len, 0);
}

/// Sum of lengths in memory, which fit.
#[track_caller]
pub(super) fn sum<const N: usize>(lengths: [usize; N]) -> Result<usize, Bug> {
    let bug = Bug::invariant();
    lengths.into_iter().try_fold(0_usize, |sum, len| sum.checked_add(len)).ok_or(bug)
}

/// Room of a block of an arena, unless one record is longer.
pub(super) const ARENA_BLOCK_LEN_MIN: usize = 1 << 10;
pub(super) const ARENA_BLOCK_LEN_MAX: usize = 1 << 20;
