//! Sorted records on their way back: from memory, or from spills that are merged.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use protocol::error::Bug;
use zerocopy::{FromBytes as _, FromZeros as _, IntoBytes as _};
use zeroize::Zeroizing;

use super::SpillError;
use super::arena::{Arena, resize};
use super::scratch::{Section, Spill, fill};
use super::sorter::{KeyedHead, Layout};
use crate::seal::{SealedReader, StorageKey};

/// Merged records on their way back.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) layout: Layout,
    pub(super) key: StorageKey,
    pub(super) spills: Vec<Spill>,
    pub(super) source: Source,
    pub(super) records: u64,
    pub(super) left: u64,
}

#[derive(Debug)]
pub(super) enum Source {
    Memory { arena: Arena, next: usize },
    Merge(BinaryHeap<Head>),
    Failed,
}

impl Merged {
    /// The current record, encoded; `None` after the last.
    pub(super) fn peek(&self) -> Result<Option<&[u8]>, SpillError> {
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

    pub(super) fn advance(&mut self) -> Result<(), SpillError> {
        self.left = self.left.checked_sub(1).ok_or(SpillError::Failed)?;
        let advanced = match &mut self.source {
            Source::Memory { next, .. } => {
                *next = next.checked_add(1).ok_or(Bug::invariant())?;
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

    pub(super) fn rewind(&mut self) -> Result<(), SpillError> {
        self.left = self.records;
        match &mut self.source {
            Source::Memory { next, .. } if self.spills.is_empty() => *next = 0,
            source => *source = Source::Merge(merge(self.layout, &self.key, &self.spills)?),
        }
        Ok(())
    }
}

/// Opens spills for merging.
pub(super) fn merge(
    layout: Layout,
    key: &StorageKey,
    spills: &[Spill],
) -> Result<BinaryHeap<Head>, SpillError> {
    let mut heads = Vec::with_capacity(spills.len());
    for spill in spills {
        let mut cursor = Box::new(Cursor {
            layout,
            reader: spill.open(key)?,
            record: Zeroizing::new(Vec::new()),
        });
        if cursor.advance()? {
            heads.push(Head::new(cursor));
        }
    }
    Ok(heads.into())
}

/// Moves the spill with the smallest record on to its next one.
pub(super) fn advance(heap: &mut BinaryHeap<Head>) -> Result<(), SpillError> {
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

/// A spill in a merge, ordered so that the heap's greatest has the smallest record.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) prefix: u64,
    pub(super) cursor: Box<Cursor>,
}

impl Head {
    pub(super) fn new(cursor: Box<Cursor>) -> Self {
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

/// A place in a spill, and the record there.
pub(super) struct Cursor {
    pub(super) layout: Layout,
    pub(super) reader: SealedReader<Section>,
    pub(super) record: Zeroizing<Vec<u8>>,
}

impl Cursor {
    pub(super) fn prefix(&self) -> u64 {
        self.layout.prefix(&self.record, 0)
    }

    /// Reads the next record; false after the last.
    pub(super) fn advance(&mut self) -> Result<bool, SpillError> {
        if let Layout::Fixed(len) = self.layout {
            resize(&mut self.record, len);
            return fill(&mut self.reader, &mut self.record);
        }
        let mut head = KeyedHead::new_zeroed();
        if !fill(&mut self.reader, head.as_mut_bytes())? {
            return Ok(false);
        }
        // Authenticated, and at most a record that was taken.
        resize(&mut self.record, head.encoded_len());
        let (to, body) =
            KeyedHead::mut_from_prefix(&mut self.record).map_err(|_| SpillError::Failed)?;
        *to = head;
        let whole = body.is_empty() || fill(&mut self.reader, body)?;
        whole.then_some(true).ok_or(SpillError::Failed)
    }
}

opaque!(Cursor);
