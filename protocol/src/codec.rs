//! The one encoding of control messages, and the frame header.
//!
//! This file is the only caller of bincode (`docs/decisions/0001-bincode.md`), in one
//! configuration that `spec/wire.md` restates byte by byte. Nothing has a second encoding: integers
//! are fixed-width little-endian, leftover bytes are refused, and what is accepted re-encodes to
//! itself [W-01]. Bulk payloads never pass through serde.

use alloc::sync::Arc;
use alloc::vec::Vec;

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::attestation::Signature;
use crate::error::{Bug, Violation};
use crate::limits::{
    CONTROL_BODY_MAX, FRAME_ELEMENTS_MAX, FRAME_PAYLOAD_MAX, IDS_PAYLOAD_MAX, TABLE_TAGS_MAX,
};

/// A structure whose decoded values still have to be within their stated maxima and codes.
pub(crate) trait Checked {
    /// True if lengths, orders and codes are allowed.
    fn is_within_limits(&self) -> bool;
}

/// Encodes a control message or signed structure.
///
/// # Errors
///
/// [`Bug::invariant`] above the limit of a control body, which no message of ours reaches.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Bug> {
    bincode::serde::encode_to_vec(value, CONFIG).map_err(|_| Bug::invariant())
}

/// Decodes the one encoding of a value; refuses leftovers and values outside their limits [W-01].
///
/// # Errors
///
/// [`Violation::FrameTooLarge`] above the control limit, before anything is read, and
/// [`Violation::EncodingNotCanonical`] otherwise; the sender is to blame.
pub(crate) fn decode<T: DeserializeOwned + Checked>(bytes: &[u8]) -> Result<T, Violation> {
    // [G08]
    if bytes.len() > CONTROL_BODY_MAX as usize {
        return Err(Violation::FrameTooLarge);
    }
    let (value, used): (T, usize) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|_| Violation::EncodingNotCanonical)?;
    // [G09]
    if used != bytes.len() || !value.is_within_limits() {
        return Err(Violation::EncodingNotCanonical);
    }
    Ok(value)
}

/// Decodes a list of at most `MAX` items; a longer one is refused before it is read.
///
/// # Errors
///
/// The deserializer's, which becomes [`Violation::EncodingNotCanonical`].
pub(crate) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor::<T, MAX>(PhantomData))
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let len = items.size_hint().unwrap_or(0);
        if len > MAX {
            return Err(de::Error::invalid_length(len, &self));
        }
        let mut list = Vec::with_capacity(len);
        while let Some(item) = items.next_element()? {
            if list.len() == MAX {
                return Err(de::Error::invalid_length(MAX, &self));
            }
            list.push(item);
        }
        Ok(list)
    }
}

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<65_536>,
> = bincode::config::standard()
    .with_little_endian()
    .with_fixed_int_encoding()
    .with_limit::<65_536>();

/// Streams of a session, by the number in the frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StreamId {
    /// Control messages of the advertiser.
    ControlAdvertiser = 1,
    /// Control messages of the provider.
    ControlProvider = 2,
    /// The provider's tag table.
    Table = 16,
    /// Blinded elements.
    Blind = 17,
    /// Evaluated elements.
    Eval = 18,
    /// Handles of matched rows.
    Handles = 19,
    /// Digital IDs.
    Ids = 20,
}

impl StreamId {
    /// The bulk streams, in the order of their numbers.
    pub const BULK: [Self; 5] = [Self::Table, Self::Blind, Self::Eval, Self::Handles, Self::Ids];

    /// The stream with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::ControlAdvertiser),
            2 => Some(Self::ControlProvider),
            16 => Some(Self::Table),
            17 => Some(Self::Blind),
            18 => Some(Self::Eval),
            19 => Some(Self::Handles),
            20 => Some(Self::Ids),
            _ => None,
        }
    }

    /// The number in the frame header.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// True for a stream of control messages.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::ControlAdvertiser | Self::ControlProvider)
    }

    /// True for a stream that the advertiser sends; the provider sends the others.
    #[must_use]
    pub const fn from_advertiser(self) -> bool {
        matches!(self, Self::ControlAdvertiser | Self::Blind | Self::Handles)
    }

    /// The name used in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControlAdvertiser => "control A->P",
            Self::ControlProvider => "control P->A",
            Self::Table => "TABLE",
            Self::Blind => "BLIND",
            Self::Eval => "EVAL",
            Self::Handles => "HANDLES",
            Self::Ids => "IDS",
        }
    }
}

/// Header of every control message and every bulk frame, 16 bytes [W-02].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The stream.
    pub stream: StreamId,
    /// Control: the message kind. Bulk: bit 0 set on the last frame.
    pub kind: u8,
    /// Elements in the payload; 0 for control.
    pub elements: u32,
    /// Position in the stream, from 0 without gap; per connection for control.
    pub index: u32,
    /// Bytes that follow.
    pub payload_len: u32,
}

impl FrameHeader {
    /// Bytes of a header.
    pub const LEN: usize = 16;

    /// Reads a header and checks its lengths, before anything is allocated [W-04].
    ///
    /// # Errors
    ///
    /// [`Violation::FrameTooLarge`] above a limit, [`Violation::FrameMalformed`] for an unknown
    /// stream, a reserved bit, or a length that does not fit the element count.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, Violation> {
        let [stream, kind, r0, r1, e0, e1, e2, e3, i0, i1, i2, i3, p0, p1, p2, p3] = *bytes;
        let stream = StreamId::from_code(stream).ok_or(Violation::FrameMalformed)?;
        if [r0, r1] != [0, 0] {
            return Err(Violation::FrameMalformed);
        }
        let header = Self {
            stream,
            kind,
            elements: u32::from_le_bytes([e0, e1, e2, e3]),
            index: u32::from_le_bytes([i0, i1, i2, i3]),
            payload_len: u32::from_le_bytes([p0, p1, p2, p3]),
        };
        header.check()?;
        Ok(header)
    }

    /// Writes the header.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let [e0, e1, e2, e3] = self.elements.to_le_bytes();
        let [i0, i1, i2, i3] = self.index.to_le_bytes();
        let [p0, p1, p2, p3] = self.payload_len.to_le_bytes();
        [self.stream.code(), self.kind, 0, 0, e0, e1, e2, e3, i0, i1, i2, i3, p0, p1, p2, p3]
    }

    /// Bytes that follow the header on the wire: the payload and, of a bulk frame, its signature.
    #[must_use]
    pub const fn wire_len(&self) -> u64 {
        let signature = if self.stream.is_control() { 0 } else { Signature::LEN as u64 };
        match (self.payload_len as u64).checked_add(signature) {
            Some(len) => len,
            None => u64::MAX,
        }
    }

    /// True for the last frame of a bulk stream.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        !self.stream.is_control() && self.kind == 1
    }

    fn check(&self) -> Result<(), Violation> {
        let Self { stream, kind, elements, payload_len, .. } = *self;
        if stream.is_control() {
            // [G08]
            return match (elements, payload_len) {
                (0, len) if len <= CONTROL_BODY_MAX => Ok(()),
                (0, _) => Err(Violation::FrameTooLarge),
                _ => Err(Violation::FrameMalformed),
            };
        }
        // [G07]
        if elements > FRAME_ELEMENTS_MAX || payload_len > FRAME_PAYLOAD_MAX {
            return Err(Violation::FrameTooLarge);
        }
        let (elements, len) = (u64::from(elements), u64::from(payload_len));
        let each = |bytes| elements.checked_mul(bytes);
        let at_most = |most: Option<u64>| most.is_some_and(|most| len <= most);
        // [G03]
        let fits = match stream {
            StreamId::Blind => each(32) == Some(len),
            StreamId::Eval => [Some(len), len.checked_sub(64)].contains(&each(32)),
            StreamId::Handles => each(16) == Some(len),
            StreamId::Table => {
                let least = table_payload_min(elements);
                least.is_some_and(|least| len >= least) && at_most(each(FULL_TAG_BYTES))
            }
            StreamId::Ids => {
                len <= u64::from(IDS_PAYLOAD_MAX)
                    && each(8).is_some_and(|least| len >= least)
                    && at_most(each(71))
            }
            StreamId::ControlAdvertiser | StreamId::ControlProvider => false,
        };
        let empty_allowed = stream == StreamId::Ids;
        if kind > 1 || !fits || (elements == 0 && !empty_allowed) {
            return Err(Violation::FrameMalformed);
        }
        Ok(())
    }
}

/// Bytes of the shortest TABLE frame with this many tags; `None` without tags.
const fn table_payload_min(tags: u64) -> Option<u64> {
    let Some(further) = tags.checked_sub(1) else { return None };
    let Some(bits) = further.checked_mul(TAG_BITS_MIN) else { return None };
    bits.div_ceil(8).checked_add(9)
}

/// Bits of the shortest code of a tag after the first: Rice parameter of the largest table, stop.
const TAG_BITS_MIN: u64 = 72 - TABLE_TAGS_MAX.ilog2() as u64;
/// No Golomb-Rice code of an honest table is longer than this per tag, on average over a frame.
const FULL_TAG_BYTES: u64 = 10;

/// One control message or bulk frame as it stands on the wire: header checked, payload of the
/// stated length, content not yet parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// The checked header.
    pub header: FrameHeader,
    /// The bytes after the header; shared, since they are recorded, and sent or computed on.
    pub payload: Arc<[u8]>,
    /// Signature that follows the payload of a bulk frame, outside its leaf [T-20];
    /// [`Signature::NONE`] in control messages and in frames that are kept.
    pub signature: Signature,
}

impl RawFrame {
    /// Joins a header and the payload it announced.
    ///
    /// # Errors
    ///
    /// [`Violation::FrameMalformed`] if the length differs from the header's.
    pub fn new(header: FrameHeader, payload: Arc<[u8]>) -> Result<Self, Violation> {
        if u32::try_from(payload.len()) != Ok(header.payload_len) {
            return Err(Violation::FrameMalformed);
        }
        Ok(Self { header, payload, signature: Signature::NONE })
    }

    /// Builds a bulk frame of ours.
    ///
    /// # Errors
    ///
    /// [`Bug`] for a payload or number of elements that no frame of the stream may have.
    pub fn bulk(
        stream: StreamId,
        index: u32,
        last: bool,
        elements: u32,
        payload: Vec<u8>,
    ) -> Result<Self, Bug> {
        let payload_len = u32::try_from(payload.len()).map_err(|_| Bug::invariant())?;
        let header = FrameHeader { stream, kind: u8::from(last), elements, index, payload_len };
        header.check().map_err(|_| Bug::invariant())?;
        Ok(Self { header, payload: payload.into(), signature: Signature::NONE })
    }

    /// The frame with its sender's signature.
    #[must_use]
    pub fn with_signature(self, signature: Signature) -> Self {
        Self { signature, ..self }
    }

    /// The payload as encodings of 32 bytes, without what follows the last whole one.
    #[must_use]
    pub fn encodings(&self) -> &[[u8; 32]] {
        self.payload.as_chunks::<32>().0
    }
}

/// Stream, index and size only: the payload may be handles or digital IDs.
impl fmt::Debug for RawFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHeader { stream, index, elements, payload_len, .. } = self.header;
        let name = stream.name();
        write!(f, "RawFrame({name} {index}, {elements} elements, {payload_len} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(stream: StreamId, elements: u32, payload_len: u32) -> FrameHeader {
        FrameHeader { stream, kind: 0, elements, index: 0, payload_len }
    }

    #[test]
    fn header_round_trips() {
        let sample = FrameHeader { kind: 1, index: 7, ..header(StreamId::Eval, 3, 160) };
        assert_eq!(FrameHeader::parse(&sample.encode()), Ok(sample));
        assert!(sample.is_last());
    }

    #[test]
    fn refuses_frames_above_the_limit_before_reading_them() {
        // A11, M5
        for (elements, expected) in [
            (32_767, Ok(())),
            (32_768, Ok(())),
            (32_769, Err(Violation::FrameTooLarge)),
            (65_537, Err(Violation::FrameTooLarge)),
        ] {
            let bytes = header(StreamId::Blind, elements, elements * 32).encode();
            assert_eq!(FrameHeader::parse(&bytes).map(|_| ()), expected);
        }
        let control = header(StreamId::ControlAdvertiser, 0, CONTROL_BODY_MAX + 1).encode();
        assert_eq!(FrameHeader::parse(&control), Err(Violation::FrameTooLarge));
        let huge = header(StreamId::Blind, 1, u32::MAX).encode();
        assert_eq!(FrameHeader::parse(&huge), Err(Violation::FrameTooLarge));
    }

    #[test]
    fn refuses_lengths_that_do_not_fit_the_element_count() {
        // A3, G03
        for (stream, elements, len) in [
            (StreamId::Blind, 1, 31),
            (StreamId::Blind, 1, 33),
            (StreamId::Blind, 0, 0),
            (StreamId::Eval, 2, 64 + 32),
            (StreamId::Handles, 2, 31),
            (StreamId::Table, 0, 0),
            (StreamId::Table, 1, 8),
            (StreamId::Table, 9, 9 + 8 * 41 / 8 - 1),
            (StreamId::Ids, 1, 7),
            (StreamId::Ids, 1, 72),
        ] {
            let bytes = header(stream, elements, len).encode();
            assert_eq!(FrameHeader::parse(&bytes), Err(Violation::FrameMalformed), "{stream:?}");
        }
        assert!(FrameHeader::parse(&header(StreamId::Ids, 0, 0).encode()).is_ok());
    }

    #[test]
    fn refuses_reserved_bits_and_unknown_streams() {
        let good = header(StreamId::Blind, 1, 32).encode();
        for (at, value) in [(0, 3), (0, 0), (1, 2), (2, 1), (3, 1)] {
            let mut bytes = good;
            bytes[at] = value;
            assert_eq!(FrameHeader::parse(&bytes), Err(Violation::FrameMalformed));
        }
    }
}
