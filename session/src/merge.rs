//! Sorted runs coming back from the driver chunk by chunk, and merges over them.
//!
//! Neither sorter nor storage is trusted: order, number of records and the table's root are checked
//! as chunks come.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::task::opaque_debug;
use crate::{Outbox, Output, RunName};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};
use protocol::group::Encoded;
use protocol::message::TableDescriptor;
use protocol::oprf::MatchTag;
use protocol::rows::RowWidth;
use protocol::table::TableReader;
use protocol::transcript::merkle::{self, Tree};

/// Own tags that stand in the table become hits: what follows the tag in each record goes to `to`.
/// True when both sides are exhausted.
///
/// `twice` hears of two records on one tag of the table; the second one is not a hit.
pub(crate) fn merge_tags<const LEN: usize>(
    tags: &mut Sorted<LEN>,
    column: &mut Column,
    to: RunName,
    hit_count: &mut u64,
    mut twice: impl FnMut() -> Result<(), Error>,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut hits = tags.room_for(to);
    let done = loop {
        let Some(table_tag) = column.tags.front() else {
            if column.is_complete() {
                // The rest of our tags match nothing, but each chunk still has to be taken.
                match tags.drain() {
                    Drained::Ended => break true,
                    Drained::Wanting => {
                        out.push(Output::WantRun(tags.run));
                        break false;
                    }
                }
            }
            out.push(Output::WantRun(RunName::Table));
            break false;
        };
        match tags.peek() {
            Peek::Record(record) => {
                let own: &[u8] = record.get(..MatchTag::LEN).unwrap_or(&[]);
                match own.cmp(&table_tag.0) {
                    Ordering::Less => tags.advance(),
                    Ordering::Greater => column.advance(),
                    Ordering::Equal => {
                        // [G18]
                        if column.front_was_hit {
                            twice()?;
                        } else {
                            *hit_count = hit_count.saturating_add(1);
                            hits.extend_from_slice(record.get(MatchTag::LEN..).unwrap_or(&[]));
                        }
                        column.front_was_hit = true;
                        tags.advance();
                    }
                }
            }
            Peek::Ended => column.advance(),
            Peek::Wanting => {
                out.push(Output::WantRun(tags.run));
                break false;
            }
        }
    };
    spill(to, hits, out);
    Ok(done)
}

pub(crate) fn spill(run: RunName, records: Zeroizing<Vec<u8>>, out: &mut Outbox) {
    if !records.is_empty() {
        out.push(Output::Spill { run, records });
    }
}

pub(crate) fn be64(record: &[u8], at: usize) -> u64 {
    record
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The table coming back frame by frame: tags not yet passed, and whether the foremost was hit.
pub(crate) struct Column {
    reader: TableReader,
    /// Against the root of the table that the session is about.
    reread: Reread,
    pub(crate) tags: VecDeque<MatchTag>,
    pub(crate) front_was_hit: bool,
}

impl Column {
    pub(crate) fn new(descriptor: &TableDescriptor) -> Self {
        Self {
            reader: TableReader::new(descriptor),
            reread: Reread::new(descriptor.root),
            tags: VecDeque::new(),
            front_was_hit: false,
        }
    }

    /// Takes the next frame; the last one closes only over the root that both sides signed.
    pub(crate) fn take(&mut self, frame: &RawFrame) -> Result<(), Bug> {
        if self.is_complete() {
            return Err(Bug::misuse());
        }
        let tags = self.reader.read(frame).map_err(|_| Bug::stored_data_changed())?;
        self.reread.take(frame)?;
        self.tags.extend(tags);
        Ok(())
    }

    pub(crate) fn advance(&mut self) {
        self.front_was_hit = false;
        self.tags.pop_front();
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.reader.is_complete()
    }
}

/// A received bulk stream coming back frame by frame; its end counts only over the recorded root.
#[derive(Debug)]
pub(crate) struct Reread {
    tree: Tree,
    root: merkle::Hash,
}

impl Reread {
    /// Expects the stream whose root is `root`.
    pub(crate) const fn new(root: merkle::Hash) -> Self {
        Self { tree: Tree::new(), root }
    }

    /// Takes the next frame.
    pub(crate) fn take(&mut self, frame: &RawFrame) -> Result<(), Bug> {
        self.tree.push(merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]));
        let whole = !frame.header.is_last() || self.tree.root() == self.root;
        if whole { Ok(()) } else { Err(Bug::stored_data_changed()) }
    }
}

/// A sorted run of records coming back chunk by chunk; each is erased once it has been passed.
///
/// Records are PRF outputs, or say what matched.
pub(crate) struct Sorted<const LEN: usize> {
    run: RunName,
    /// The chunk at hand, and how many bytes of it have been passed.
    chunk: Zeroizing<Vec<u8>>,
    passed: usize,
    last: Option<Zeroizing<[u8; LEN]>>,
    /// Records that were spilled and have not come back yet.
    missing: u64,
    ended: bool,
}

pub(crate) enum Peek<'a, const LEN: usize> {
    Record(&'a [u8; LEN]),
    Wanting,
    Ended,
}

pub(crate) enum Drained {
    Wanting,
    Ended,
}

impl<const LEN: usize> Sorted<LEN> {
    /// Expects a run of which `spilled` records were given to the driver.
    pub(crate) fn new(run: RunName, spilled: u64) -> Self {
        debug_assert_eq!(run.record_len(), Some(LEN));
        let chunk = Zeroizing::default();
        Self { run, chunk, passed: 0, last: None, missing: spilled, ended: false }
    }

    /// Takes the next chunk, once the one at hand is passed.
    pub(crate) fn take(&mut self, bytes: Zeroizing<Vec<u8>>, last: bool) -> Result<(), Bug> {
        let (records, rest) = bytes.as_chunks::<LEN>();
        if !rest.is_empty() || self.ended || !self.at_hand().is_empty() {
            return Err(Bug::misuse());
        }
        for record in records {
            // An out-of-order run is a defect of the sorter, which must not become a wrong result;
            // nor must a record that comes twice be laid at the peer's door.
            let in_order = self.last.as_ref().is_none_or(|last| match self.run.repeats() {
                true => **last <= *record,
                false => **last < *record,
            });
            if !in_order {
                return Err(Bug::invariant());
            }
            self.missing = self.missing.checked_sub(1).ok_or(Bug::stored_data_changed())?;
            self.last = Some(Zeroizing::new(*record));
        }
        // Nor must a shortened run: rows would silently not have matched.
        if last && self.missing != 0 {
            return Err(Bug::stored_data_changed());
        }
        self.ended = last;
        (self.chunk, self.passed) = (bytes, 0);
        Ok(())
    }

    /// Records of the chunk that have not been passed.
    fn at_hand(&self) -> &[[u8; LEN]] {
        self.chunk.get(self.passed..).unwrap_or(&[]).as_chunks().0
    }

    /// Room for one record of another run per record that waits here and one more, so that what is
    /// written there never moves.
    pub(crate) fn room_for(&self, run: RunName) -> Zeroizing<Vec<u8>> {
        let len = run.record_len().unwrap_or(0);
        let records = self.at_hand().len().saturating_add(1);
        Zeroizing::new(Vec::with_capacity(records.saturating_mul(len)))
    }

    pub(crate) fn peek(&self) -> Peek<'_, LEN> {
        match self.at_hand().first() {
            Some(record) => Peek::Record(record),
            None if self.ended => Peek::Ended,
            None => Peek::Wanting,
        }
    }

    pub(crate) fn advance(&mut self) {
        let end = self.passed.saturating_add(LEN).min(self.chunk.len());
        if let Some(record) = self.chunk.get_mut(self.passed..end) {
            record.zeroize();
        }
        self.passed = end;
    }

    pub(crate) fn drain(&mut self) -> Drained {
        self.chunk.zeroize();
        self.passed = 0;
        if self.ended { Drained::Ended } else { Drained::Wanting }
    }
}

/// A sorted run of rows of encodings coming back chunk by chunk, strictly increasing.
#[derive(Debug)]
pub(crate) struct SortedRows {
    width: RowWidth,
    last: Vec<Encoded>,
    /// Rows that were spilled and have not come back yet.
    missing: u64,
}

/// Why a run of rows is not what it should be.
pub(crate) enum RowsChanged {
    /// Two rows that differ begin with one encoding.
    Repeated,
    /// The sorter or the storage is at fault.
    Storage(Bug),
}

impl SortedRows {
    /// Expects `rows` rows.
    pub(crate) const fn new(width: RowWidth, rows: u64) -> Self {
        Self { width, last: Vec::new(), missing: rows }
    }

    /// Checks the next chunk, whole rows.
    pub(crate) fn take(&mut self, bytes: &[u8], last: bool) -> Result<(), RowsChanged> {
        let (encodings, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || !encodings.len().is_multiple_of(self.width.slots()) {
            return Err(RowsChanged::Storage(Bug::misuse()));
        }
        for row in encodings.chunks(self.width.slots()) {
            let first = self.last.is_empty() || self.last.first() < row.first();
            // Whose fault equal beginnings are is the caller's to say; no sorter makes them of rows
            // that differ.
            if self.last.first() == row.first() && self.last != row {
                return Err(RowsChanged::Repeated);
            }
            if !first || !row.is_sorted_by(|a, b| a < b) {
                return Err(RowsChanged::Storage(Bug::stored_data_changed()));
            }
            self.last.clear();
            self.last.extend_from_slice(row);
            let missing = self.missing.checked_sub(1);
            self.missing = missing.ok_or(RowsChanged::Storage(Bug::stored_data_changed()))?;
        }
        // Nor must a run be shortened: rows would silently be left out.
        if last == (self.missing == 0) {
            return Ok(());
        }
        Err(RowsChanged::Storage(Bug::stored_data_changed()))
    }
}

/// Cuts a byte run into frames of a bulk stream of ours.
pub(crate) struct Framer {
    stream: StreamId,
    /// Bytes of an element, and of a full frame.
    element_len: usize,
    frame_len: usize,
    buffer: Vec<u8>,
    next: u32,
}

impl Framer {
    /// Frames of `frame_elements` elements of `element_len` bytes.
    pub(crate) const fn new(stream: StreamId, element_len: usize, frame_elements: u32) -> Self {
        let frame_len = element_len * frame_elements as usize;
        Self { stream, element_len, frame_len, buffer: Vec::new(), next: 0 }
    }

    /// Appends whole elements; each frame that is known to be full goes to `send`.
    ///
    /// A full buffer waits for what follows, because the last frame is marked; `last` says that
    /// nothing follows.
    pub(crate) fn push(
        &mut self,
        elements: &[u8],
        last: bool,
        mut send: impl FnMut(RawFrame) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rest = elements;
        loop {
            let room = self.frame_len.saturating_sub(self.buffer.len()).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.buffer.extend_from_slice(now);
            rest = later;
            if !rest.is_empty() {
                send(self.cut(false)?)?;
                continue;
            }
            return if last { send(self.cut(true)?) } else { Ok(()) };
        }
    }

    fn cut(&mut self, last: bool) -> Result<RawFrame, Bug> {
        let payload = core::mem::take(&mut self.buffer);
        let elements = payload.len().checked_div(self.element_len);
        let elements = elements.and_then(|count| u32::try_from(count).ok());
        let elements = elements.ok_or(Bug::invariant())?;
        let frame = RawFrame::bulk(self.stream, self.next, last, elements, payload)?;
        self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
        Ok(frame)
    }
}

opaque_debug!(Framer);

impl<const LEN: usize> fmt::Debug for Sorted<LEN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sorted(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits of the elements 1, 2 and so on.
    fn hits(elements: core::ops::RangeInclusive<u64>) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(elements.flat_map(u64::to_be_bytes).collect())
    }

    #[test]
    fn records_are_erased_as_they_are_passed() {
        // priv-8
        let mut run = Sorted::<8>::new(RunName::Hits, 3);
        assert!(matches!(run.peek(), Peek::Wanting));
        run.take(hits(1..=2), false).unwrap();
        assert!(run.take(hits(3..=3), true).is_err(), "two chunks at once");
        run.advance();
        assert_eq!(&run.chunk[..8], [0; 8]);
        assert!(matches!(run.peek(), Peek::Record(record) if be64(record, 0) == 2));
        run.advance();
        assert_eq!(**run.chunk, [0; 16]);
        assert!(matches!(run.peek(), Peek::Wanting));
        run.take(hits(3..=3), true).unwrap();
        assert!(matches!(run.drain(), Drained::Ended));
        assert!(run.chunk.is_empty() && matches!(run.peek(), Peek::Ended));
        run.advance();
    }
}
