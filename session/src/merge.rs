//! Sorted spills coming back from the driver chunk by chunk, and merges over them.
//!
//! Neither sorter nor storage is trusted: order, number of records and the table's root are checked
//! as chunks come.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;

use zerocopy::FromBytes;
use zeroize::{Zeroize, Zeroizing};

use crate::count::Count;
use crate::spills::{Hit, OwnTag, Record, ResponseTag, RowHandle, Spilling};
use crate::state::Core;
use crate::task::opaque_debug;
use crate::wire::Wire;
use crate::{Outbox, Output, SpillChunk, SpillContent, SpillName};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};
use protocol::group::Encoded;
use protocol::message::TableDescriptor;
use protocol::oprf::MatchTag;
use protocol::rows::RowWidth;
use protocol::table::TableReader;
use protocol::transcript::merkle::{self, Tree};

/// Record that begins with a tag, and names its owner by the rest of it.
pub(crate) trait Tagged: Record {
    /// Rest of the record.
    type Hit: Record;

    fn tag(&self) -> &[u8; MatchTag::LEN];
    fn hit(&self) -> Self::Hit;
}

impl Tagged for OwnTag {
    type Hit = Hit;

    fn tag(&self) -> &[u8; MatchTag::LEN] {
        &self.tag
    }

    fn hit(&self) -> Hit {
        self.hit
    }
}

impl Tagged for ResponseTag {
    type Hit = RowHandle;

    fn tag(&self) -> &[u8; MatchTag::LEN] {
        &self.tag
    }

    fn hit(&self) -> RowHandle {
        RowHandle { row: self.row, handle: self.handle }
    }
}

/// Turns own tags that stand in the table into hits. True when both sides are exhausted.
///
/// `twice` hears of two records on one tag of the table; the second one is not a hit.
pub(crate) fn merge_tags<R: Tagged>(
    tags: &mut Sorted<R>,
    column: &mut Column,
    hit_count: &mut u64,
    mut twice: impl FnMut() -> Result<(), Error>,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut hits = tags.room_for::<R::Hit>();
    let done = loop {
        let Some(table_tag) = column.tags.front() else {
            if column.is_complete() {
                // The rest of our tags match nothing, but each chunk still has to be taken.
                break tags.drain_or_want(out);
            }
            out.push(Output::WantSpill(SpillName::Table));
            break false;
        };
        match tags.peek_or_want(out) {
            Peek::Record(record) => match record.tag().cmp(&table_tag.0) {
                Ordering::Less => tags.advance(),
                Ordering::Greater => column.advance(),
                Ordering::Equal => {
                    // [G18]
                    if column.front_was_hit {
                        twice()?;
                    } else {
                        hit_count.grow(1)?;
                        hits.push(&record.hit());
                    }
                    column.front_was_hit = true;
                    tags.advance();
                }
            },
            Peek::Ended => column.advance(),
            Peek::Wanting => break false,
        }
    };
    hits.spill(out);
    Ok(done)
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
    pub(crate) fn take(&mut self, chunk: &SpillChunk) -> Result<(), Bug> {
        let SpillContent::Frame(frame) = &chunk.content else {
            return Err(Bug::misuse());
        };
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

/// A sorted spill of records coming back chunk by chunk; each is erased once it has been passed.
///
/// Records are PRF outputs, or tell which rows matched.
pub(crate) struct Sorted<R> {
    /// The chunk at hand, and how many records of it have been passed.
    chunk: Zeroizing<Vec<u8>>,
    passed: usize,
    last: Zeroizing<Vec<u8>>,
    /// Records that were spilled and have not come back yet.
    missing: u64,
    ended: bool,
    kind: PhantomData<R>,
}

/// The foremost record of a spill.
pub(crate) enum Peek<'a, R> {
    Record(&'a R),
    Wanting,
    Ended,
}

impl<R: Record> Sorted<R> {
    /// Expects a spill of which `spilled` records were given to the driver.
    pub(crate) fn new(spilled: u64) -> Self {
        Self {
            chunk: Zeroizing::default(),
            passed: 0,
            last: Zeroizing::default(),
            missing: spilled,
            ended: false,
            kind: PhantomData,
        }
    }

    /// Takes the next chunk, once the one at hand is passed.
    pub(crate) fn take(&mut self, chunk: SpillChunk) -> Result<&[R], Bug> {
        if self.ended || !self.at_hand().is_empty() {
            return Err(Bug::misuse());
        }
        let records = chunk.records::<R>()?;
        let mut last = self.last.as_slice();
        for record in records {
            // An out-of-order spill is a defect of the sorter, which must not become a wrong
            // result; nor must a record that comes twice be laid at the peer's door.
            let in_order = match last.cmp(record.as_bytes()) {
                Ordering::Less => true,
                Ordering::Equal => R::REPEATS,
                Ordering::Greater => false,
            };
            if !in_order {
                return Err(Bug::invariant());
            }
            last = record.as_bytes();
        }
        let last = Zeroizing::new(last.to_vec());
        let missing = self.missing.checked_sub(records.len() as u64);
        self.missing = missing.ok_or(Bug::stored_data_changed())?;
        // Nor must a shortened spill: rows would silently not have matched.
        if chunk.last && self.missing != 0 {
            return Err(Bug::stored_data_changed());
        }
        let SpillContent::Records(bytes) = chunk.content else {
            return Err(Bug::invariant());
        };
        self.ended = chunk.last;
        (self.chunk, self.passed, self.last) = (bytes, 0, last);
        Ok(self.at_hand())
    }

    /// Last record of the chunks that were taken.
    pub(crate) fn last(&self) -> Option<&R> {
        R::ref_from_bytes(&self.last).ok()
    }

    /// Records of the chunk that have not been passed.
    fn at_hand(&self) -> &[R] {
        let records = <[R]>::ref_from_bytes(&self.chunk).unwrap_or_default();
        records.get(self.passed..).unwrap_or_default()
    }

    /// Room for one record of another spill per record that waits here and one more, so that what
    /// is written there never moves.
    pub(crate) fn room_for<T: Record>(&self) -> Spilling<T> {
        Spilling::with_room(self.at_hand().len() + 1)
    }

    pub(crate) fn peek(&self) -> Peek<'_, R> {
        match self.at_hand().first() {
            Some(record) => Peek::Record(record),
            None if self.ended => Peek::Ended,
            None => Peek::Wanting,
        }
    }

    /// The foremost record; asks for the next chunk if there is none at hand.
    pub(crate) fn peek_or_want(&self, out: &mut Outbox) -> Peek<'_, R> {
        let peek = self.peek();
        if matches!(peek, Peek::Wanting) {
            out.push(Output::WantSpill(R::SPILL));
        }
        peek
    }

    pub(crate) fn advance(&mut self) {
        let records = <[R]>::mut_from_bytes(&mut self.chunk).unwrap_or_default();
        if let Some(record) = records.get_mut(self.passed) {
            record.as_mut_bytes().zeroize();
            self.passed += 1;
        }
    }

    /// Passes every record at hand; true at the end of the spill, else asks for the next chunk.
    pub(crate) fn drain_or_want(&mut self, out: &mut Outbox) -> bool {
        self.drain();
        matches!(self.peek_or_want(out), Peek::Ended)
    }

    /// Passes every record at hand.
    pub(crate) fn drain(&mut self) {
        self.chunk.zeroize();
        self.passed = 0;
    }
}

/// Rows of encodings on their way out, in the strict order that follows from them alone.
#[derive(Debug)]
pub(crate) struct RowsOut {
    spill: SpillName,
    stream: StreamId,
    width: RowWidth,
    last: Vec<Encoded>,
    /// Rows that were spilled and have not come back yet.
    missing: u64,
    framer: Framer,
}

impl RowsOut {
    /// Asks for the first of `rows` rows.
    pub(crate) fn start<P>(
        spill: SpillName,
        stream: StreamId,
        core: &Core<P>,
        rows: u64,
        out: &mut Outbox,
    ) -> Self {
        out.push(Output::WantSpill(spill));
        let framer = Framer::new(stream, 32, core.row_frame());
        Self { spill, stream, width: core.width, last: Vec::new(), missing: rows, framer }
    }

    /// Sends the next chunk; true after the last one, whose stream is then signed.
    ///
    /// `twice` is the error for two rows that differ and begin with one encoding.
    pub(crate) fn send(
        &mut self,
        chunk: &SpillChunk,
        wire: &mut Wire,
        twice: Error,
        out: &mut Outbox,
    ) -> Result<bool, Error> {
        let SpillContent::Records(rows) = &chunk.content else {
            return Err(Bug::misuse().into());
        };
        if chunk.spill != self.spill {
            return Err(Bug::misuse().into());
        }
        self.check(rows, chunk.last, twice)?;
        self.framer.push(rows, chunk.last, |frame| wire.send_bulk(frame, out))?;
        match chunk.last {
            true => wire.send_checkpoint(self.stream, out)?,
            false => out.push(Output::WantSpill(self.spill)),
        }
        Ok(chunk.last)
    }

    /// Checks whole rows: neither a sorter nor storage makes equal beginnings of rows that differ.
    fn check(&mut self, rows: &[u8], last: bool, twice: Error) -> Result<(), Error> {
        let (encodings, rest) = rows.as_chunks::<32>();
        if !rest.is_empty() || !encodings.len().is_multiple_of(self.width.slots()) {
            return Err(Bug::misuse().into());
        }
        for row in encodings.chunks(self.width.slots()) {
            let first = self.last.is_empty() || self.last.first() < row.first();
            if self.last.first() == row.first() && self.last != row {
                return Err(twice);
            }
            if !first || !row.is_sorted_by(|a, b| a < b) {
                return Err(Bug::stored_data_changed().into());
            }
            self.last.clear();
            self.last.extend_from_slice(row);
            self.missing = self.missing.checked_sub(1).ok_or(Bug::stored_data_changed())?;
        }
        // Nor must a spill be shortened: rows would silently be left out.
        if last == (self.missing == 0) { Ok(()) } else { Err(Bug::stored_data_changed().into()) }
    }
}

/// Cuts bytes into frames of a bulk stream of ours.
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
            let room = self.frame_len.checked_sub(self.buffer.len()).ok_or(Bug::invariant())?;
            let room = room.min(rest.len());
            let (now, later) = rest.split_at_checked(room).ok_or(Bug::invariant())?;
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
        self.next.grow(1)?;
        Ok(frame)
    }
}

opaque_debug!(Framer);

impl<R> fmt::Debug for Sorted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sorted(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits of the elements 1, 2 and so on.
    fn hits(elements: core::ops::RangeInclusive<u64>, last: bool) -> SpillChunk {
        let records = Zeroizing::new(elements.flat_map(u64::to_be_bytes).collect());
        SpillChunk { spill: SpillName::Hits, content: SpillContent::Records(records), last }
    }

    #[test]
    fn records_are_erased_as_they_are_passed() {
        // priv-8
        let mut spill = Sorted::<Hit>::new(3);
        assert!(matches!(spill.peek(), Peek::Wanting));
        spill.take(hits(1..=2, false)).unwrap();
        assert!(spill.take(hits(3..=3, true)).is_err(), "two chunks at once");
        spill.advance();
        assert_eq!(&spill.chunk[..8], [0; 8]);
        assert!(matches!(spill.peek(), Peek::Record(record) if record.element.get() == 2));
        spill.advance();
        assert_eq!(**spill.chunk, [0; 16]);
        assert!(matches!(spill.peek(), Peek::Wanting));
        spill.take(hits(3..=3, true)).unwrap();
        spill.drain();
        assert!(spill.chunk.is_empty() && matches!(spill.peek(), Peek::Ended));
        spill.advance();
    }

    #[test]
    fn a_spill_of_another_order_number_or_name_is_refused() {
        let fresh = || Sorted::<Hit>::new(2);
        assert!(fresh().take(hits(1..=1, true)).is_err(), "one is missing");
        assert!(fresh().take(hits(1..=3, true)).is_err(), "one too many");
        assert!(
            fresh().take(SpillChunk { spill: SpillName::RowHits, ..hits(1..=2, true) }).is_err()
        );
        let mut spill = fresh();
        spill.take(hits(7..=7, false)).unwrap();
        spill.drain();
        assert!(spill.take(hits(7..=7, true)).is_err(), "twice");
    }
}
