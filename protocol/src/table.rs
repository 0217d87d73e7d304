//! The tag table: sorted 72-bit tags in Golomb-Rice frames, and the root that names them.
//!
//! Tags are big-endian integers, strictly increasing over the whole table. A frame holds its first
//! tag in full and then gaps, so frames decode on their own [W-20]. The Rice parameter follows from
//! the number of tags and is not sent.

use alloc::vec::Vec;

use crate::codec::{RawFrame, StreamId};
use crate::error::{Bug, Error, Violation};
use crate::limits::{Limits, TABLE_TAGS_MAX};
use crate::message::TableDescriptor;
use crate::oprf::MatchTag;
use crate::transcript::merkle::{self, Tree};

/// Number of tags T of a table that holds `tags` real ones: padded so that T hides their number.
///
/// `None` above the limit.
#[must_use]
pub fn padded_tags(tags: u64, limits: &Limits) -> Option<u64> {
    let total = limits.padded(tags.checked_add(limits.table_padding_min)?)?;
    (total <= TABLE_TAGS_MAX).then_some(total)
}

/// Writes the frames of a table from its sorted tags.
#[derive(Debug)]
pub struct TableWriter {
    limits: Limits,
    tag_count: u64,
    rice: u32,
    written: u64,
    frames: u32,
    last: Option<MatchTag>,
    buffer: Vec<MatchTag>,
    tree: Tree,
}

impl TableWriter {
    /// Starts a table of `tag_count` tags, padding included.
    ///
    /// # Errors
    ///
    /// [`Bug::misuse`] for an empty table or one above the limit.
    pub fn new(tag_count: u64, limits: &Limits) -> Result<Self, Bug> {
        if tag_count == 0 || tag_count > TABLE_TAGS_MAX {
            return Err(Bug::misuse());
        }
        Ok(Self {
            limits: *limits,
            tag_count,
            rice: rice_parameter(tag_count),
            written: 0,
            frames: 0,
            last: None,
            buffer: Vec::new(),
            tree: Tree::new(),
        })
    }

    /// Appends the next tag; a frame comes out when one is full or the table is complete.
    ///
    /// # Errors
    ///
    /// [`Bug::misuse`] if tags are not strictly increasing or too many.
    pub fn push(&mut self, tag: MatchTag) -> Result<Option<RawFrame>, Bug> {
        if self.last.is_some_and(|last| last >= tag) || self.written >= self.tag_count {
            return Err(Bug::misuse());
        }
        self.last = Some(tag);
        self.written = self.written.checked_add(1).ok_or(Bug::invariant())?;
        self.buffer.push(tag);
        let is_last = self.written == self.tag_count;
        let full = u32::try_from(self.buffer.len()) == Ok(self.limits.frame_elements);
        if !is_last && !full {
            return Ok(None);
        }
        let elements = u32::try_from(self.buffer.len()).map_err(|_| Bug::invariant())?;
        let payload = encode_tags(&self.buffer, self.rice).ok_or(Bug::invariant())?;
        self.buffer.clear();
        let frame = RawFrame::bulk(StreamId::Table, self.frames, is_last, elements, payload)?;
        self.frames = self.frames.checked_add(1).ok_or(Bug::invariant())?;
        self.tree.push(merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]));
        Ok(Some(frame))
    }

    /// The descriptor of the finished table.
    ///
    /// # Errors
    ///
    /// [`Bug::misuse`] if tags are missing.
    pub fn finish(self) -> Result<TableDescriptor, Bug> {
        if self.written != self.tag_count {
            return Err(Bug::misuse());
        }
        Ok(TableDescriptor { tag_count: self.tag_count, root: self.tree.root() })
    }
}

/// Reads the frames of a table in order, and refuses whatever is not the announced one.
#[derive(Debug)]
pub struct TableReader {
    rice: u32,
    tags_left: u64,
    last: Option<MatchTag>,
}

impl TableReader {
    /// Expects the table of a descriptor.
    #[must_use]
    pub fn new(descriptor: &TableDescriptor) -> Self {
        Self {
            rice: rice_parameter(descriptor.tag_count),
            tags_left: descriptor.tag_count,
            last: None,
        }
    }

    /// Decodes the next frame into tags.
    ///
    /// # Errors
    ///
    /// [`Violation::TableMalformed`] for wrong order, padding bits or length, and
    /// [`Violation::CountMismatch`] for more or fewer tags than announced; the provider is to
    /// blame.
    pub fn read(&mut self, frame: &RawFrame) -> Result<Vec<MatchTag>, Error> {
        let fail = |violation| Error::peer(violation, StreamId::Table.code(), frame.header.index);
        let elements = u64::from(frame.header.elements);
        let left = self.tags_left.checked_sub(elements);
        let left = left.ok_or_else(|| fail(Violation::CountMismatch))?;
        if frame.header.is_last() != (left == 0) {
            return Err(fail(Violation::CountMismatch));
        }
        // [G14]
        let tags = decode_tags(&frame.payload, frame.header.elements, self.rice)
            .filter(|tags| tags.first() > self.last.as_ref())
            .ok_or_else(|| fail(Violation::TableMalformed))?;
        self.last = tags.last().copied();
        self.tags_left = left;
        Ok(tags)
    }

    /// True once every announced tag has been read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.tags_left == 0
    }
}

/// `b = 71 - floor(log2 T)`: gaps average 2^72 / T. Without tags there is no gap to read.
const fn rice_parameter(tag_count: u64) -> u32 {
    71 - (tag_count | 1).ilog2()
}

fn to_integer(tag: &MatchTag) -> u128 {
    tag.0.iter().fold(0, |integer, byte| (integer << 8) | u128::from(*byte))
}

fn from_integer(integer: u128) -> Option<MatchTag> {
    let [zeros @ .., t0, t1, t2, t3, t4, t5, t6, t7, t8] = integer.to_be_bytes();
    (zeros == [0; 7]).then_some(MatchTag([t0, t1, t2, t3, t4, t5, t6, t7, t8]))
}

/// First tag ‖ gaps minus one: quotient in unary, then `rice` low bits, most significant first.
///
/// `None` without tags, and for tags that are not strictly increasing.
fn encode_tags(tags: &[MatchTag], rice: u32) -> Option<Vec<u8>> {
    let (first, rest) = tags.split_first()?;
    let mut out = BitWriter::new(first.0.to_vec());
    let mut previous = to_integer(first);
    for tag in rest {
        let integer = to_integer(tag);
        let value = integer.checked_sub(previous)?.checked_sub(1)?;
        out.write_ones(value >> rice);
        out.write(0, 1);
        out.write(value, rice);
        previous = integer;
    }
    Some(out.finish())
}

fn decode_tags(payload: &[u8], elements: u32, rice: u32) -> Option<Vec<MatchTag>> {
    let (first, rest) = payload.split_first_chunk::<{ MatchTag::LEN }>()?;
    let mut tags = Vec::with_capacity(usize::try_from(elements).ok()?);
    tags.push(MatchTag(*first));
    let mut integer = to_integer(&MatchTag(*first));
    let mut bits = BitReader::new(rest);
    for _ in 1..elements {
        let quotient = bits.read_ones()?;
        let value = (quotient << rice) | bits.read(rice)?;
        integer = integer.checked_add(value)?.checked_add(1)?;
        tags.push(from_integer(integer)?);
    }
    bits.is_at_zero_padding().then_some(tags)
}

/// Bits from the most significant down.
struct BitWriter {
    bytes: Vec<u8>,
    /// Pending bits, in the low end.
    pending: u128,
    pending_len: u32,
}

impl BitWriter {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, pending: 0, pending_len: 0 }
    }

    fn write_ones(&mut self, mut count: u128) {
        while let Some(rest) = count.checked_sub(32) {
            self.write(u128::MAX, 32);
            count = rest;
        }
        for _ in 0..count {
            self.write(1, 1);
        }
    }

    /// Appends the low `len` bits of `value`, `len` at most 72.
    fn write(&mut self, value: u128, len: u32) {
        let mask = (1_u128 << len) - 1;
        self.pending = (self.pending << len) | (value & mask);
        self.pending_len += len;
        while let Some(left) = self.pending_len.checked_sub(8) {
            self.bytes.push((self.pending >> left) as u8);
            self.pending_len = left;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if let Some(room) = 8_u32.checked_sub(self.pending_len).filter(|room| *room < 8) {
            self.write(0, room);
        }
        self.bytes
    }
}

struct BitReader<'a> {
    bytes: core::slice::Iter<'a, u8>,
    pending: u128,
    pending_len: u32,
}

impl<'a> BitReader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), pending: 0, pending_len: 0 }
    }

    /// Reads `len` bits, `len` at most 72.
    fn read(&mut self, len: u32) -> Option<u128> {
        while self.pending_len < len {
            self.fill()?;
        }
        self.pending_len = self.pending_len.checked_sub(len)?;
        let value = self.pending >> self.pending_len;
        self.keep_pending();
        Some(value)
    }

    /// Counts one bits up to and including the zero that ends them.
    fn read_ones(&mut self) -> Option<u128> {
        let mut ones = 0_u128;
        while self.read(1)? == 1 {
            ones = ones.checked_add(1)?;
        }
        Some(ones)
    }

    /// True if less than a byte is left and all of it is zero [G10].
    fn is_at_zero_padding(&self) -> bool {
        self.bytes.as_slice().is_empty() && self.pending_len < 8 && self.pending == 0
    }

    fn fill(&mut self) -> Option<()> {
        self.pending = (self.pending << 8) | u128::from(*self.bytes.next()?);
        self.pending_len = self.pending_len.checked_add(8)?;
        Some(())
    }

    fn keep_pending(&mut self) {
        self.pending &= (1_u128 << self.pending_len) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite;

    fn tags(count: u64) -> Vec<MatchTag> {
        let mut tags: Vec<MatchTag> = (0..count)
            .map(|i| {
                let hash = suite::hash(suite::h::SEED, &[&i.to_le_bytes()]);
                MatchTag(*hash.first_chunk().unwrap())
            })
            .collect();
        tags.sort_unstable();
        tags
    }

    fn write(tags: &[MatchTag], limits: &Limits) -> (Vec<RawFrame>, TableDescriptor) {
        let mut writer = TableWriter::new(tags.len() as u64, limits).unwrap();
        let frames = tags.iter().filter_map(|tag| writer.push(*tag).unwrap()).collect();
        (frames, writer.finish().unwrap())
    }

    fn read(frames: &[RawFrame], descriptor: &TableDescriptor) -> Result<Vec<MatchTag>, Error> {
        let mut reader = TableReader::new(descriptor);
        let mut all = Vec::new();
        for frame in frames {
            all.extend(reader.read(frame)?);
        }
        assert!(reader.is_complete());
        Ok(all)
    }

    #[test]
    fn tables_of_every_small_size_round_trip() {
        for count in [1, 2, 3, 63, 64, 65, 128, 1_000] {
            let tags = tags(count);
            let (frames, descriptor) = write(&tags, &Limits::SMALL);
            assert_eq!(frames.len() as u64, count.div_ceil(64));
            assert_eq!(read(&frames, &descriptor).unwrap(), tags);
        }
        assert_eq!(TableWriter::new(0, &Limits::SMALL).err(), Some(Bug::misuse()));
    }

    #[test]
    fn extreme_tags_round_trip() {
        let tags = [MatchTag([0; 9]), MatchTag([0, 0, 0, 0, 0, 0, 0, 0, 1]), MatchTag([0xFF; 9])];
        let (frames, descriptor) = write(&tags, &Limits::SMALL);
        assert_eq!(read(&frames, &descriptor).unwrap(), tags);
    }

    #[test]
    fn a_million_tags_take_about_seven_bytes_each() {
        let tags = tags(32_768);
        let (frames, _) = write(&tags, &Limits::STANDARD);
        let bytes: usize = frames.iter().map(|frame| frame.payload.len()).sum();
        // 72 - 15 + about 1.5 bits.
        assert!((7.2..7.6).contains(&(bytes as f64 / 32_768.0)), "{bytes}");
    }

    #[test]
    fn altered_frames_never_decode_to_the_same_tags() {
        // A9, G14
        let tags = tags(20);
        let (frames, descriptor) = write(&tags, &Limits::SMALL);
        let frame = &frames[0];
        for bit in 0..frame.payload.len() * 8 {
            let mut payload = frame.payload.to_vec();
            payload[bit / 8] ^= 1 << (bit % 8);
            let altered = RawFrame { payload: payload.into(), ..frame.clone() };
            let result = TableReader::new(&descriptor).read(&altered);
            assert_ne!(result.ok(), Some(tags.clone()), "bit {bit}");
        }
        let mut long = frame.payload.to_vec();
        long.push(0);
        let altered = RawFrame { payload: long.into(), ..frame.clone() };
        assert!(TableReader::new(&descriptor).read(&altered).is_err());
    }

    #[test]
    fn frames_out_of_order_or_in_excess_are_refused() {
        let (frames, descriptor) = write(&tags(100), &Limits::SMALL);
        let mut reader = TableReader::new(&descriptor);
        reader.read(&frames[0]).unwrap();
        let again = reader.read(&frames[0]).unwrap_err();
        assert!(matches!(again, Error::PeerMisbehaved { violation: Violation::CountMismatch, .. }));
        let last_first = TableReader::new(&descriptor).read(&frames[1]).unwrap_err();
        assert!(matches!(
            last_first,
            Error::PeerMisbehaved { violation: Violation::CountMismatch, .. }
        ));
    }
}
