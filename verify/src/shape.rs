//! The streams that a session may have, and their sizes, by its first messages.

use protocol::codec::{FrameHeader, StreamId};
use protocol::digital_id::DigitalId;
use protocol::limits::{DIGITAL_ID_MAX, IDS_PAYLOAD_MAX};
use protocol::message::TableDescriptor;
use protocol::proof::FrameProof;
use protocol::suite::{Profile, SuiteId};

/// Streams of a session and their sizes, by its first messages.
pub(crate) struct Shape {
    pub(crate) profile: Profile,
    pub(crate) table_sent: bool,
    pub(crate) table: TableDescriptor,
    /// Elements of BLIND.
    pub(crate) elements: u64,
    /// Elements of EVAL, noise rows among them.
    pub(crate) answers: u64,
    /// Elements of a full frame of whole rows.
    pub(crate) row_frame: u32,
    /// Elements of any other full frame.
    pub(crate) frame: u32,
    pub(crate) handles_max: u64,
    pub(crate) ids_max: u64,
}

/// Bytes of the longest entry of an IDS frame.
const ID_ENTRY_MAX: u32 = DigitalId::OVERHEAD as u32 + DIGITAL_ID_MAX as u32;

/// Number of elements a stream must or may have.
pub(crate) enum Announced {
    Exactly(u64),
    AtMost(u64),
}

impl Shape {
    pub(crate) const fn allows(&self, stream: StreamId) -> bool {
        match stream {
            StreamId::Table => self.table_sent,
            StreamId::Blind | StreamId::Eval => true,
            StreamId::Handles => self.profile.sends_handles(),
            StreamId::Ids => matches!(self.profile, Profile::DigitalIds),
            StreamId::ControlAdvertiser | StreamId::ControlProvider => false,
        }
    }

    /// Streams without which no session of this shape is complete.
    pub(crate) const fn required(&self) -> &[StreamId] {
        match self.table_sent {
            true => &[StreamId::Table, StreamId::Blind, StreamId::Eval],
            false => &[StreamId::Blind, StreamId::Eval],
        }
    }

    /// True if a frame that is not the last is full.
    pub(crate) const fn is_full(&self, header: &FrameHeader) -> bool {
        // An IDS frame may also close when the next entry might not fit.
        let closed = matches!(header.stream, StreamId::Ids)
            && header.payload_len > IDS_PAYLOAD_MAX - ID_ENTRY_MAX;
        closed || header.elements == self.full_frame(header.stream)
    }

    /// True if an EVAL frame has a proof in aligned order, and none in shuffled order.
    pub(crate) fn has_right_length(&self, header: &FrameHeader) -> bool {
        let proof = match self.profile.suite() {
            SuiteId::Aligned => FrameProof::LEN as u64,
            SuiteId::Shuffled => 0,
        };
        let encodings = u64::from(header.elements).checked_mul(32);
        let len = encodings.and_then(|bytes| bytes.checked_add(proof));
        header.stream != StreamId::Eval || len == Some(header.payload_len.into())
    }

    pub(crate) const fn full_frame(&self, stream: StreamId) -> u32 {
        match stream {
            StreamId::Blind | StreamId::Eval => self.row_frame,
            _ => self.frame,
        }
    }

    pub(crate) const fn announced(&self, stream: StreamId) -> Announced {
        match stream {
            StreamId::Table => Announced::Exactly(self.table.tag_count),
            StreamId::Handles => Announced::AtMost(self.handles_max),
            StreamId::Ids => Announced::AtMost(self.ids_max),
            StreamId::Eval => Announced::Exactly(self.answers),
            _ => Announced::Exactly(self.elements),
        }
    }
}
